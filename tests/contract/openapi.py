"""OpenAPI documents: their operations, and their schemas as JSON Schema to validate with."""
import base64
import binascii
import copy
import os
import re

import jsonschema
import yaml

SERVICES = ("core-metadata", "core-data", "core-command", "core-keeper", "device-sdk")
METHODS = ("get", "put", "post", "patch", "delete")
# What an envelope may leave out: an id nobody sent, and the text of a success.
MAY_LACK = {"requestId", "message"}

LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")

formats = jsonschema.FormatChecker(["uuid"])


@formats.checks("byte")
def _is_base64(text):
    try:
        return not isinstance(text, str) or base64.b64decode(text, validate=True) is not None
    except binascii.Error:
        return False


def shape(text):
    """A path or an operation whatever its parameters are called."""
    return re.sub(r"\{[^}]*\}", "{}", text)


class Operation:
    """One method of one path of one service."""

    def __init__(self, api, method, path, shared, node):
        self.service, self.method, self.path = api.service, method.upper(), path
        self.key = f"{self.service} {self.method} {path}"
        self.parameters = {}
        for raw in shared + node.get("parameters", []):
            parameter = api.target(raw)
            schema = api.flat(parameter.get("schema", {}))
            self.parameters[parameter["in"], parameter["name"]] = schema
        self.body_type, self.body = None, None
        for self.body_type, media in node.get("requestBody", {}).get("content", {}).items():
            self.body = strict(api.flat(self.of_file(media.get("schema", {}))))
        self.responses = {}
        for code, response in node["responses"].items():
            content = api.target(response).get("content", {})
            self.responses[int(code)] = {
                kind: strict(api.answer(media.get("schema", {}))) for kind, media in content.items()}
        self.headers = {int(code): list(response.get("headers", {})) for code, response in node["responses"].items()}
        self.error = strict(api.answer({"$ref": "#/components/schemas/" + api.error}))

    @staticmethod
    def of_file(schema):
        """What the text of a form's file has to be, where the document says so."""
        return schema.get("properties", {}).get("file", {}).get("contentSchema", schema)

    def parameters_in(self, where):
        return {name: schema for (place, name), schema in self.parameters.items() if place == where}

    def takes(self, path):
        """Whether a path of the same service is one of this operation's as well."""
        mine, other = self.path.split("/"), path.split("/")
        return len(mine) == len(other) and all(a == b or a.startswith("{") for a, b in zip(mine, other))

    def success(self):
        return min(code for code in self.responses if 200 <= code < 300)


class Api:
    """The document of one service, with the corrections applied to it."""

    def __init__(self, service, document, corrections=()):
        self.service = service
        self.document = copy.deepcopy(document)
        # The platform's files say of no member of an answer that it is required, ours do.
        self.is_vague = "ErrorResponse" in document["components"]["schemas"]
        self.error = "ErrorResponse" if self.is_vague else "BaseResponse"
        for correction in corrections:
            correction.apply(self.document)
        self.operations = {}
        for path, node in self.document["paths"].items():
            for method in METHODS:
                if method in node:
                    operation = Operation(self, method, path, node.get("parameters", []), node[method])
                    self.operations[operation.key] = operation

    def target(self, node):
        while "$ref" in node:
            reference = node["$ref"]
            node = self.document
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]
        return node

    def answer(self, schema):
        return envelope(self.flat(schema)) if self.is_vague else self.flat(schema)

    def flat(self, schema):
        """The schema without references and allOf; objects of a named schema carry its name."""
        name = schema["$ref"].rsplit("/", 1)[1] if "$ref" in schema else None
        schema = self.target(schema)
        out = {k: schema[k] for k in ("type", "format", "enum", "pattern", "readOnly") + LIMITS if k in schema}
        if "enum" in out and out.get("type") == "string":  # a bare true in YAML is no text
            out["enum"] = [str(v).lower() if isinstance(v, bool) else v for v in out["enum"]]
        properties, required = {}, []
        for part in map(self.flat, schema.get("allOf", [])):
            properties.update(part.get("properties", {}))
            required += part.get("required", [])
        properties.update({k: self.flat(v) for k, v in schema.get("properties", {}).items()})
        required += schema.get("required", [])
        if properties:
            out.update(type="object", properties=properties)
        if required:
            out["required"] = required
        if name:
            out["title"] = name
        if "items" in schema:
            out["items"] = self.flat(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            out["additionalProperties"] = self.flat(schema["additionalProperties"])
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                out[choice] = [self.flat(v) for v in schema[choice]]
        return out


def children(schema):
    """The schemas directly inside one."""
    yield from schema.get("properties", {}).values()
    yield from schema.get("anyOf", []) + schema.get("oneOf", [])
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield schema[key]


def strict(schema):
    """The same, refusing members it does not name: what is told must be described."""
    if schema.get("properties") and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
    for child in children(schema):
        strict(child)
    return schema


def envelope(schema):
    """The same, demanding the members of answers: the files say of none that it is required."""
    for part in ([schema["items"]] if "items" in schema else []) + schema.get("anyOf", []) + schema.get("oneOf", []):
        envelope(part)
    properties = schema.get("properties", {})
    if "apiVersion" in properties and ("statusCode" in properties or "serviceName" in properties):
        lacks = MAY_LACK - {"message"} if schema.get("title") == "ErrorResponse" else MAY_LACK
        schema["required"] = sorted(set(properties) - lacks)
    return schema


def faults(schema, value):
    """What is wrong with the value, a line each."""
    validator = jsonschema.Draft202012Validator(schema, format_checker=formats)
    for error in validator.iter_errors(value):
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        deeper = [e.message for e in error.context] if error.context else []
        yield f"{place or '.'} {'; '.join([error.message[:200]] + deeper[:6])}"


def members(schema, prefix="", asked=False):
    """Names of all members a schema describes (that may be asked for): those of named schemas once, by that name."""
    prefix = schema.get("title", prefix)
    for name, child in schema.get("properties", {}).items():
        if asked and child.get("readOnly"):
            continue
        yield f"{prefix}.{name}"
        yield from members(child, f"{prefix}.{name}", asked)
    for child in children(schema):
        if child not in schema.get("properties", {}).values():
            yield from members(child, prefix, asked)


def members_in(schema, value, prefix=""):
    """The members among them that a value has."""
    prefix = schema.get("title", prefix)
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield f"{prefix}.{name}"
                yield from members_in(child, value[name], f"{prefix}.{name}")
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for name in set(value) - set(schema.get("properties", {})):
                yield from members_in(extra, value[name], prefix)
    if isinstance(value, list):
        for item in value:
            yield from members_in(schema.get("items", {}), item, prefix)
    for choice in schema.get("anyOf", []) + schema.get("oneOf", []):
        if not any(faults(choice, value)):
            yield from members_in(choice, value, prefix)


def load(folder):
    """The files of all services as they are."""
    documents = {}
    for service in SERVICES:
        with open(os.path.join(folder, service + ".yaml"), encoding="utf-8") as file:
            documents[service] = yaml.load(file, yaml.CSafeLoader)
    return documents
