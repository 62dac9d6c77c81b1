"""Whether a document is sound OpenAPI 3.1, as far as programs that read it need it."""
import re

import jsonschema

METHODS = {"get", "put", "post", "patch", "delete"}
META = jsonschema.Draft202012Validator.META_SCHEMA


def references(node, place="#"):
    """(place, reference) of every $ref."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield place, value
            else:
                yield from references(value, f"{place}/{key}")
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from references(value, f"{place}/{index}")


def schemas(node, place="#"):
    """(place, schema) of every schema that stands in the document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "schema":
                yield f"{place}/schema", value
            elif key == "schemas":
                yield from ((f"{place}/schemas/{name}", schema) for name, schema in value.items())
            else:
                yield from schemas(value, f"{place}/{key}")
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from schemas(value, f"{place}/{index}")


def is_there(document, reference):
    for step in reference.removeprefix("#/").split("/"):
        if not isinstance(document, dict) or step not in document:
            return False
        document = document[step]
    return reference.startswith("#/")


def operation_faults(path, method, operation, ids):
    where = f"{method} {path}"
    if not operation.get("operationId") or operation["operationId"] in ids:
        yield f"{where}: no operationId, or one that is there twice"
    ids.add(operation.get("operationId"))
    if not operation.get("summary") or not operation.get("x-roles"):
        yield f"{where}: no summary or no roles"
    named = [(p["in"], p["name"]) for p in operation.get("parameters", [])]
    if len(named) != len(set(named)):
        yield f"{where}: a parameter is there twice"
    if {name for place, name in named if place == "path"} != set(re.findall(r"{([^}]*)}", path)):
        yield f"{where}: the parameters of the path are not those of its text"
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter.get("required") is not True:
            yield f"{where}: {parameter['name']} of the path is not required"
        if parameter["in"] == "query" and not parameter.get("description"):
            yield f"{where}: {parameter['name']} has no description"
    if not any(code.startswith("2") for code in operation["responses"]):
        yield f"{where}: no answer of success"
    for code, response in operation["responses"].items():
        if not re.fullmatch("[2-5][0-9][0-9]", code) or not ("$ref" in response or response.get("description")):
            yield f"{where}: answer {code} has no status or no description"


def faults(document):
    """What is wrong with it, a line each."""
    if document.get("openapi") != "3.1.0" or not {"title", "version"} <= set(document.get("info", {})):
        yield "no version, or no title"
    ids = set()
    for path, node in document["paths"].items():
        if not path.startswith("/") or set(node) - METHODS - {"servers"}:
            yield f"{path}: no path, or an unknown method"
        for method, operation in node.items():
            if method == "servers":  # where the path is, if not below those of the document
                continue
            yield from operation_faults(path, method, operation, ids)
    for place, reference in references(document):
        if not is_there(document, reference):
            yield f"{place}: {reference} leads nowhere"
    for place, schema in schemas(document):
        for error in jsonschema.Draft202012Validator(META).iter_errors(schema):
            yield f"{place}: {error.message[:200]}"
    try:  # where it is installed
        from openapi_spec_validator import OpenAPIV31SpecValidator
    except ImportError:
        return
    yield from (f"validator: {error.message[:200]}" for error in OpenAPIV31SpecValidator(document).iter_errors())


def main():
    import sys
    import yaml
    found = 0
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            for fault in faults(yaml.load(file, yaml.CSafeLoader)):
                print(f"{name}: {fault}")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
