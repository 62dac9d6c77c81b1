"""Requests made mechanically out of a valid one and the schema of its operation: (title, request, status)."""
import uuid

from daemons import MAX_BODY_KB, MAX_RESULTS
from wire import ABSENT, Raw, as_form

FOREVER = "99999999999999999999999"  # beyond 64 bits
BEYOND = 1000000  # more than there will ever be
FRAMEWORK = 0  # an answer of the router: 404 without an envelope


def queries(operation, request):
    """Each parameter with each kind of good and bad value."""
    good, bad = operation.success(), 400
    for name, schema in operation.parameters_in("query").items():
        def put(value, status, name=name):
            return f"{name}={value}", request.but(query={**request.query, name: value}), status
        kind = schema.get("type")
        if kind == "integer":
            yield put(schema["minimum"], good)
            yield put(schema.get("default", 1) + 1, good)
            yield put("", good)
            yield put(schema["minimum"] - 1, bad)
            for value in ("abc", "1.5", FOREVER):
                yield put(value, bad)
        if kind == "boolean":
            yield put("true", good)
            yield put("false", good)
            yield put("maybe", bad)
        for value in schema.get("enum", []):
            yield put(value, good)
        if "enum" in schema:
            yield put("BOGUS", bad)
        if kind == "string" and "enum" not in schema:
            yield put("word", good)
        if name == "limit":
            yield put(MAX_RESULTS, good)
            yield put(MAX_RESULTS + 1, bad)
        if name == "offset":
            yield put(BEYOND, 416 if 416 in operation.responses else good)


def paths(operation, request):
    """Each part of the path of a wrong kind, unknown, empty."""
    unknown = 404 if 404 in operation.responses else operation.success()
    for name, schema in operation.parameters_in("path").items():
        last = operation.path.endswith("{" + name + "}")
        def put(value, status, title=None, name=name):
            return f"{{{name}}}={title or value}", request.but(path={**request.path, name: value}), status
        if schema["type"] == "integer":
            for value in ("abc", "-1", "1.5", FOREVER):
                yield put(value, 400)
        elif schema.get("format") == "uuid":
            yield put("no-uuid", 400)
            yield put(str(uuid.uuid4()), unknown, "unknown")
        else:
            yield put(f"no-such~{name}-{operation.method}", unknown, "unknown")
        yield put("", FRAMEWORK if last else 400, "empty")
        yield put(Raw("%zz"), 400)


def wrong(schema, form):
    """A value of another type than the schema's, or ABSENT where every type is right."""
    kind = schema.get("type") or ("object" if "properties" in schema else None)
    if kind == "string" and not form:
        return 12345
    if kind is None:
        return ABSENT
    return {"x": 1} if "string" in kind else "x"


def spots(schema, value, place=()):
    """(path, schema, required) of each member of the value that the schema knows, lists by their first item."""
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield place + (name,), child, name in schema.get("required", [])
                yield from spots(child, value[name], place + (name,))
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for name in sorted(set(value) - set(schema.get("properties", {})))[:1]:
                yield place + (name,), extra, False
                yield from spots(extra, value[name], place + (name,))
    if isinstance(value, list) and value and "items" in schema:
        yield place + (0,), schema["items"], False
        yield from spots(schema["items"], value[0], place + (0,))


def changed(body, place, value):
    """The body with one member replaced or gone; what is beside the way there is shared."""
    if not place:
        return value
    body, (step, *rest) = body.copy(), place
    if value is ABSENT and not rest:
        del body[step]
    else:
        body[step] = changed(body[step], rest, value)
    return body


def each_object(schema, value, change):
    """The value with a change made to all objects whose members are known; free maps stay as they are."""
    if isinstance(value, dict):
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
        inner = {k: each_object(properties.get(k, extra if isinstance(extra, dict) else {}), v, change)
                 for k, v in value.items()}
        return change(inner) if properties else inner
    if isinstance(value, list):
        return [each_object(schema.get("items", {}), v, change) for v in value]
    return value


def with_more(value):
    return {**value, "unheardOf": {"of": [1]}}


def in_capitals(value):
    return {name.upper(): member for name, member in value.items()}


def text_of(place):
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")


def members(operation, request):
    """Each member of the body missing, null, of a wrong type, outside its enumeration or format."""
    form = request.encode is as_form
    for place, schema, required in spots(operation.body, request.body):
        def put(what, value, place=place):
            return f"{text_of(place)} {what}", request.but(body=changed(request.body, place, value)), 400
        value = wrong(schema, form)
        if value is not ABSENT:
            yield put("of a wrong type", value)
        if required:
            yield put("missing", ABSENT)
            yield put("null", None)
        if schema.get("type") == "integer":
            yield put("a fraction", 1.5)
        if "enum" in schema:
            yield put("not in the enumeration", "BOGUS")
        if schema.get("format") == "uuid":
            yield put("no uuid", "no-uuid")


def bodies(operation, request):
    """The body as a whole: broken, empty, of another shape, with more than is known, too large."""
    good = operation.success()
    if request.body is ABSENT or operation.body is None:
        return
    kind, whole = request.encode(request.body)
    yield "body cut short", request.but(body=whole[:len(whole) // 2]), 400
    yield "body of other bytes", request.but(body=b"\x00\xff\xfe{"), 400
    yield "empty body", request.but(body=b""), 400
    larger = b" " * (MAX_BODY_KB * 1024 + 1 - len(whole)) + whole
    yield "body too large", request.but(body=larger), 413
    yield "members nobody knows", request.but(body=each_object(operation.body, request.body, with_more)), good
    if kind != "application/json":
        return
    other = request.body[0] if isinstance(request.body, list) else [request.body]
    yield "body of another shape", request.but(body=other), 400
    yield "body of a text", request.but(body="text"), 400
    yield "body too deep", request.but(body=b"[" * 5000 + b"]" * 5000), 400
    if operation.body.get("properties") or "items" in operation.body:
        yield "members in capitals", request.but(body=each_object(operation.body, request.body, in_capitals)), good
    yield "something after the body", request.but(body=whole + b" }"), good
    if isinstance(request.body, list):
        yield "empty list", request.but(body=[]), good
        yield "null list", request.but(body=None), good
        yield "text for an item", request.but(body=request.body + ["text"]), 400
        # all or nothing: the item before the bad one must not have been taken
        yield "the same, alone", request, good


def derived(operation, fresh):
    """All of them; fresh() makes one more valid request."""
    for make in (queries, paths) + ((bodies, members) if operation.body else ()):
        count = len(list(make(operation, fresh())))
        for index in range(count):
            yield list(make(operation, fresh()))[index]
