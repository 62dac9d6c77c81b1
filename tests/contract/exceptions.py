"""
Where the services and the platform's OpenAPI files disagree, and why: docs/wire.md wins over the files. What
our own documents cannot show stands at the end.
An entry that is not needed fails the run. "2.5" means that section of it.
"""
from excuse import Correction, Excuse, Tables, needed, pick

REF = "#/components/schemas/"
TEXT, NUMBER, OBJECT = {"type": "string"}, {"type": "integer"}, {"type": "object"}
FREE = "3.3: free form"


def ref(name):
    return {"$ref": REF + name}


def one_error_is_no_list(document):
    """Error answers declared as lists of errors become one error."""
    for node in document["paths"].values():
        for method, operation in node.items():
            for code, response in operation["responses"].items() if method != "parameters" else ():
                schema = response.get("content", {}).get("application/json", {}).get("schema", {})
                if int(code) >= 400 and schema.get("type") == "array":
                    response["content"]["application/json"]["schema"] = schema["items"]


def nothing_for_nothing(document):
    """The answer to a batch may be null."""
    for node in document["paths"].values():
        for method, operation in node.items():
            if method != "parameters" and "207" in operation["responses"]:
                media = operation["responses"]["207"]["content"]["application/json"]
                media["schema"] = {**media["schema"], "type": ["array", "null"]}


def changes_have_no_id(document):
    """Items of PATCH and PUT are answered without an id."""
    for path, node in document["paths"].items():
        for method in ("patch", "put"):
            schema = (node.get(method, {}).get("responses", {}).get("207", {}).get("content", {})
                      .get("application/json", {}).get("schema"))
            if schema:
                schema["items"] = {"anyOf": [ref("ErrorResponse"), ref("BaseResponse")]}


def at(path, method, *rest):
    return " ".join(("paths", path, method) + rest)


ANSWER = ("content", "application/json", "schema")
PATCHES_ARE_LISTS = "2.5: every batch is a list"
COMMAND = "/device/name/{name}/{command}"
READING = {"tags": OBJECT, "units": TEXT}
VALUE_TYPES = ("Bool String Uint8 Uint16 Uint32 Uint64 Int8 Int16 Int32 Int64 Float32 Float64 Binary Object BoolArray "
               "StringArray Uint8Array Uint16Array Uint32Array Uint64Array Int8Array Int16Array Int32Array "
               "Int64Array Float32Array Float64Array ObjectArray").split()

CORRECTIONS = [
    Correction("device-sdk", "components schemas BaseResponse properties requestId", {"format": None},
               "10.1: the id of the path comes back"),
    # ---- core-metadata
    Correction("core-metadata", "paths", nothing_for_nothing, "2.5: an empty list is answered null"),
    Correction("core-metadata", "paths", changes_have_no_id, "2.5: only additions have an id"),
    Correction("core-metadata", "components schemas AutoEvent required", ["interval", "sourceName"],
               "3.3: there is no member resource"),
    Correction("core-metadata", "components schemas DiscoveredDevice required", ["adminState"],
               "3.3: serviceName is the watcher's own member"),
    Correction("core-metadata", "components schemas DeviceProfileBasicInfoRequest required", ["basicinfo"],
               "4.1: there is no profileName beside it"),
    Correction("core-metadata", "components schemas DeviceProfile properties", {"apiVersion": TEXT}, "3.3"),
    Correction("core-metadata", "components schemas MultiDeviceProfileBasicInfosResponse properties profiles items",
               {"$ref": None, "allOf": [ref("DeviceProfileBasicInfo"), {"properties": {
                   "created": NUMBER, "modified": NUMBER, "id": {"type": "string", "format": "uuid"}}}]},
               "3.3: basic information has id and times too"),
    Correction("core-metadata", "components schemas DeviceService properties", {"properties": OBJECT}, "3.3"),
    Correction("core-metadata", "components schemas UpdateDeviceService properties", {"description": TEXT}, "4.2"),
    Correction("core-metadata", "components schemas DeviceResource properties attributes",
               {"additionalProperties": None}, FREE),
    Correction("core-metadata", "components schemas ResourceProperties properties optional",
               {"additionalProperties": None}, FREE),
    *(Correction("core-metadata", f"components schemas {name} properties location", {"type": None}, FREE)
      for name in ("Device", "CreateDevice", "UpdateDevice")),
    *(Correction("core-metadata", f"components schemas {name} properties",
                 {"provisionwatcher": None, "provisionWatcher": ref(name.replace("Add", "Create")[:-7])},
                 "2.3: the wrapper is provisionWatcher") for name in
      ("AddProvisionWatcherRequest", "UpdateProvisionWatcherRequest")),
    *(Correction("core-metadata", f"components schemas {name} required", ["provisionWatcher"],
                 "2.3: the wrapper is provisionWatcher") for name in
      ("AddProvisionWatcherRequest", "UpdateProvisionWatcherRequest")),
    *(Correction("core-metadata", at(path, "patch", "requestBody", *ANSWER),
                 {"$ref": None, "type": "array", "items": ref(name)}, PATCHES_ARE_LISTS) for path, name in
      (("/deviceservice", "UpdateDeviceServiceRequest"), ("/provisionwatcher", "UpdateProvisionWatcherRequest"))),
    *(Correction("core-metadata", at("/deviceprofile/uploadfile", method, "requestBody", "content",
                                     "multipart/form-data", "schema"),
                 {"type": None, "properties": None, "$ref": REF + "CreateDeviceProfile"},
                 "4.1: the file's text is a profile") for method in ("post", "put")),
    Correction("core-metadata", at("/deviceprofile/uploadfile", "put", "responses", "200", *ANSWER),
               ref("BaseResponse"), "4.1: only additions have an id"),
    *(Correction("core-metadata", at("/device/check/name/{name}", "get", "responses", code, *ANSWER),
                 ref("BaseResponse"), "4.3: without a message") for code in ("200", "404")),
    Correction("core-metadata", at("/uom", "get", "responses", "200", "content"),
               {"application/yaml": None, "application/x-yaml": ref("UnitsOfMeasure")}, "4.5: the other type"),
    # ---- core-data
    Correction("core-data", "paths", one_error_is_no_list, "2.4: an error is one object"),
    Correction("core-data", "components schemas Reading properties", READING, "3.3: a reading has these too"),
    Correction("core-data", "components schemas Reading properties objectValue", {"type": None, "format": None},
               "3.4: any JSON"),
    Correction("core-data", "components schemas Reading properties value",
               {"type": ["string", "number", "boolean", "array", "null"]}, "3.4, 5.3: numbers where asked for, null"),
    Correction("core-data", "components schemas Reading properties binaryValue", {"type": ["string", "null"]},
               "3.4: null readings"),
    Correction("core-data", "components schemas Reading properties valueType", {"enum": VALUE_TYPES},
               "3.2: ObjectArray"),
    Correction("core-data", "components schemas", {
        "MultiReadingsResponse": {"allOf": None, "type": None, "properties": None,
                                  "oneOf": [ref("Readings"), ref("Aggregates")]},
        "Readings": {"allOf": [ref("BaseWithTotalCountResponse")],
                     "properties": {"readings": {"type": "array", "items": ref("Reading")}}},
        "Aggregates": {"allOf": [ref("BaseResponse")], "properties": {
            "aggregateFunc": TEXT, "readings": {"type": "array", "items": ref("Reading")}}}},
               "5.3: aggregates have no totalCount"),
    # ---- core-command
    Correction("core-command", "components schemas Event properties", {"sourceName": TEXT}, "3.3"),
    Correction("core-command", "components schemas BaseReading properties", READING, "3.3"),
    Correction("core-command", "components schemas BaseReading required",
               ["deviceName", "resourceName", "profileName", "origin", "valueType"], "3.3: no apiVersion"),
    Correction("core-command", "components schemas CoreCommandParameter properties valueType",
               {"enum": VALUE_TYPES}, "3.2: ObjectArray"),
    Correction("core-command", at(COMMAND, "get", "responses", "200", *ANSWER),
               {"$ref": None, "anyOf": [ref("EventResponse"), {"type": "null"}]},
               "6.1: nothing with ds-returnevent=false"),
    Correction("core-command", "components schemas SettingRequest", {"additionalProperties": None},
               "6.1: any JSON is forwarded"),
    # ---- core-keeper
    Correction("core-keeper", "components schemas KVRequest properties value", {"type": None},
               "7.1: texts, numbers, truth values too"),
    Correction("core-keeper", "components schemas KeyValue properties",
               {"created": None, "modified": None, "Created": NUMBER, "Modified": NUMBER}, "7.1"),
    Correction("core-keeper", "components schemas MultiKeysResponse properties",
               {"keys": None, "response": {"type": "array", "items": ref("Key")}}, "7.1"),
    Correction("core-keeper", "components schemas MultiKVsResponse properties",
               {"keyValues": None, "response": {"type": "array", "items": ref("KeyValue")}}, "7.1"),
    Correction("core-keeper", "components schemas Registration properties",
               {"healthCheck": None, "HealthCheck": ref("HealthCheck")}, "3.3"),
    *(Correction("core-keeper", f"components schemas {name} properties",
                 {"healthCheck": None, "HealthCheck": ref("HealthCheck")}, "3.3: in any case, shown so")
      for name in ("AddRegistration", "UpdateRegistration")),
    *(Correction("core-keeper", f"components schemas {name} required",
                 ["serviceId", "port", "HealthCheck"], "3.3: in any case, shown so")
      for name in ("AddRegistration", "UpdateRegistration")),
    Correction("core-keeper", at("/registry", "post", "responses", "201"),
               {"content": {"application/json": {"schema": {"allOf": [ref("BaseResponse")],
                                                            "properties": {"serviceName": TEXT}}}}},
               "7.2: the answer names the service"),
    # ---- device services
    Correction("device-sdk", "components schemas BaseReading properties", READING, "3.3"),
    Correction("device-sdk", "components schemas Event properties", {"sourceName": TEXT}, "3.3"),
    Correction("device-sdk", at(COMMAND, "get", "responses", "200", *ANSWER),
               {"$ref": None, "anyOf": [ref("EventResponse"), {"type": "null"}]},
               "10.1: nothing with ds-returnevent=false"),
    Correction("device-sdk", at(COMMAND, "get", "responses", "200", "content"), {"application/cbor": {}},
               "3.4: events with binary values are CBOR"),
    Correction("device-sdk", "components schemas SettingRequest", {"additionalProperties": None},
               "10.1: numbers, objects and null too"),
]

# Requests answered with another status than derive.py expects: (operation, title, status).
COUNTS, LISTS = "core-data GET */count/device/name/{name}", "core-data GET /event/device/name/{name}"
SCAN, FINDING = "device-sdk * /profilescan*", "device-sdk * /discovery*"
STATUSES = [
    Excuse("*", "something after the body", 400, "stricter than 2.5: what follows the value is a mistake"),
    Excuse("* POST /secret", "*", 405, "1.1: without a configuration provider there is nowhere to put a secret"),
    Excuse("core-metadata * /device", "bypassValidation=maybe", 207, "4.3: only the word true switches on"),
    Excuse("core-metadata POST /device", "force=maybe", 207, "4.3: only the word true switches on"),
    Excuse("core-data GET *", "numeric=maybe", 200, "5.3: garbage is false"),
    Excuse("core-data POST /event/*", "{*}=unknown", 400, "5.1: path and event must agree"),
    Excuse("core-data POST /event/*", "members in capitals", 400, "3.3: events are matched case by case"),
    Excuse("device-sdk GET " + COMMAND, "ds-*=maybe", 200, "10.1: only core-command insists on true or false"),
    Excuse("device-sdk PUT " + COMMAND, "empty body", 200, "10.1: an empty body is {}"),
    Excuse("device-sdk POST /discovery", "valid", 503, "10.1: Device.Discovery.Enabled is false"),
    Excuse(FINDING, "*", 501, "10.1: device-virtual looks for no devices"),
    Excuse(SCAN, "*", 501, "10.1: device-virtual makes no profiles"),
]

# Statuses the files do not list: (operation, status).
UNLISTED = [
    Excuse("*", status=413, why="2.7: Service.MaxRequestSize"),
    Excuse("*{*}*", status=400, why="2.1, 2.4: malformed escapes, numbers and identifiers in the path"),
    Excuse("core-keeper GET /registry/all", status=400, why="7.1: a truth value that is none"),
    Excuse("* POST /secret", status=405, why="1.1: no configuration provider"),
    Excuse("core-metadata PATCH /deviceprofile/name/{name}/tags", status=404, why="4.1: 404 profile"),
    Excuse("core-metadata PUT /deviceprofile/uploadfile", status=404, why="4.1: as PUT /deviceprofile"),
    Excuse("core-command * " + COMMAND, status=405, why="2.4: relayed from the device service, 10.1"),
]

# Statuses the files list that are never answered: (operation, status).
UNSEEN = [
    Excuse("* POST /secret", status=201, why="1.1: no configuration provider"),
    Excuse("core-data POST /event/*", status=409, why="5.1: nothing checks that ids of events are unique"),
    Excuse(COUNTS, status=404, why="5.1: of an unknown device there are 0"),
    Excuse(LISTS, status=404, why="5.1: an empty list"),
    Excuse("core-metadata PUT /deviceprofile/uploadfile", status=409, why="4.1: what is replaced is there already"),
    *(Excuse(FINDING, status=status, why="device-virtual looks for no devices") for status in (200, 202, 404)),
    *(Excuse(SCAN, status=status, why="device-virtual makes no profiles") for status in (200, 202, 400, 404, 409, 423)),
]

# Members of requests that are not sent: (operation, member).
UNSENT = [
    Excuse("core-metadata PATCH /deviceprofile/basicinfo", "*.linkedDeviceCount", why="4.1: ignored"),
]

# Members of answers that are not told: (service, member).
UNTOLD = [
    Excuse("*", "*.requestId", why="2.3: answers about one thing have none, only items of batches"),
    Excuse("core-keeper", "*.message", why="2.3: successes have none; the file has it in all answers"),
    Excuse("device-sdk", "*Response.message", why="2.3: successes have none; the file has it in all answers"),
    Excuse("core-command", "*Reading.apiVersion", why="3.3: a reading has none"),
    Excuse("device-sdk", "*Reading.apiVersion", why="3.3: a reading has none"),
    Excuse("core-command", "*.created", why="3.3: neither events nor readings have it"),
    Excuse("device-sdk", "*.created", why="3.3: neither events nor readings have it"),
    Excuse("device-sdk", "BinaryReading.*", why="3.4: sent as CBOR; core-command answers the same as JSON"),
    Excuse("core-keeper", "Registration.lastConnected", why="3.3: there is no such member"),
]

# What the files have and our documents do not: (operation, "parameter x", "status 409").
MISSING = [
    Excuse("core-data POST /event/*", "status 409", why="5.1: nothing checks that ids of events are unique"),
    Excuse(COUNTS, "status 404", why="5.1: of an unknown device there are 0"),
    Excuse(LISTS, "status 404", why="5.1: an empty list"),
    Excuse("core-metadata PUT /deviceprofile/uploadfile", "status 409", why="4.1: what is replaced is there already"),
]

OFFICIAL = Tables(CORRECTIONS, UNLISTED, UNSEEN, UNSENT, UNTOLD, MISSING)

# ---- our own documents: they are served by what is asked, so only what cannot be had is excused.

OURS = Tables(
    unseen=[
        Excuse("* POST /secret", status=201, why="1.1: no configuration provider"),
        Excuse("core-data GET /reading/device/name/{name}/start/*", status=413, why="only a body may be too large"),
        Excuse("core-keeper GET /kvs/*", status=413, why="7.1: of trees larger than there are here"),
        Excuse("device-sdk POST /discovery", status=501, why="10.1: Device.Discovery.Enabled is false"),
        *(Excuse(FINDING, status=status, why="device-virtual looks for no devices") for status in (200, 202, 404)),
        *(Excuse(SCAN, status=status, why="device-virtual makes no profiles")
          for status in (200, 202, 400, 404, 409, 423)),
    ],
    unsent=[
        Excuse("core-metadata P*", "*.id", why="3.3: may be given, which the platform's files do not know"),
        Excuse("core-metadata P*", "DeviceProfile.apiVersion", why="3.3: as profiles are shown"),
        Excuse("core-metadata PATCH /deviceprofile/deviceCommand", "*.description", why="4.1: of resources only"),
        Excuse("core-metadata POST /deviceservice", "*.properties", why="3.3: which the platform's file does not know"),
        Excuse("core-data POST /event/*", "Reading.id", why="3.3: not kept"),
        Excuse("core-keeper PUT /kvs/*", "KVRequest.*", why="7.1: not looked at"),
    ],
    untold=[
        Excuse("*", "*.requestId", why="2.3: only items of batches have one"),
        Excuse("core-*", "BaseWithIdResponse.message", why="2.3: successes have none"),
        Excuse("core-*", "Version.sdk_version", why="1.1: only what is made with an SDK has one"),
        Excuse("core-data", "*Reading.id", why="3.3: not kept"),
        Excuse("core-keeper", "*ListResponse.message", why="7.1: a remark on services that do not hear of it"),
        Excuse("device-sdk", "Reading.binaryValue", why="3.4: sent as CBOR"),
        Excuse("device-sdk", "Reading.mediaType", why="3.4: sent as CBOR"),
    ],
)


def is_excused(key, title, status):
    return needed(pick(STATUSES, key, title, status))
