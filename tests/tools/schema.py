"""schema.py RES: the document at stdin is sound, and devices, profiles and configuration in RES agree with it."""
import glob
import json
import sys

import jsonschema
import yaml

schema = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
assert schema["$schema"].endswith("2020-12/schema")
faults = []


def check(what, instance, taken=True):
    errors = [error.message for error in validator.iter_errors(instance)]
    if bool(errors) == taken:
        faults.append(f"{what}: {errors or 'was taken'}")


def lower(mapping):
    return {key.lower(): value for key, value in (mapping or {}).items()}


def files(pattern):
    for path in glob.glob(f"{sys.argv[1]}/{pattern}"):
        with open(path, encoding="utf-8") as file:
            yield path, yaml.safe_load(file) or {}


for path, text in files("devices/*.y*ml*"):
    devices = lower(text).get("devicelist")
    for device in devices if devices is not None else [text]:
        check(path, {"protocols": lower(device).get("protocols", {})})
for path, text in files("profiles/*.y*ml*"):
    for resource in lower(text).get("deviceresources") or []:
        check(path, {"attributes": lower(resource).get("attributes") or {}})
for path, text in files("configuration.yaml"):
    check(path, {"Driver": text.get("Driver") or {}})

# Each row: its default is one of its values, and a wrong value is none. Numbers may come as texts.
parts = [schema["$defs"]["attributes"], schema["$defs"]["Driver"]]
parts += [part for part in schema["$defs"]["protocols"].get("properties", {}).values()]
for part in parts:
    for key, row in part.get("properties", {}).items():
        judge = jsonschema.Draft202012Validator(row)
        if "x-type" not in row:
            faults.append(f"{key}: no x-type")
        if "default" in row and not judge.is_valid(row["default"]):
            faults.append(f"{key}: its default {row['default']!r} is none")
        if "maximum" in row and judge.is_valid(row["maximum"] + 1):
            faults.append(f"{key}: there is no most")
        if row["x-type"] not in ("string", "object", "enum"):
            if judge.is_valid("no such thing") or judge.is_valid([]):
                faults.append(f"{key}: takes any text")
            if isinstance(row.get("default"), (int, float)) and not isinstance(row["default"], bool):
                if not judge.is_valid(str(row["default"])):
                    faults.append(f"{key}: takes no number as a text")
        if row["x-type"] == "enum" and judge.is_valid("no such thing"):
            faults.append(f"{key}: takes any name")
if schema["$defs"]["Driver"].get("additionalProperties") is False:
    check("an unknown key of Driver", {"Driver": {"no such key": 1}}, taken=False)
if "anyOf" in schema["$defs"]["protocols"]:
    check("a device of another protocol", {"protocols": {"no such protocol": {}}}, taken=False)
print("\n".join(faults), end="", file=sys.stderr)
sys.exit(bool(faults))
