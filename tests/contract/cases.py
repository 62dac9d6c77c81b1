"""
What cannot be derived from the files: requests about things in a certain state, by hand.
A row: operation, title, request, status, and of batches the status of the item.
"""
from daemons import MAX_EVENT_KB, within
from valid import table as valid_table
from wire import Request, as_form
from world import VIRTUAL, item

R = Request
COMMAND = "/device/name/{name}/{command}"


def batch(**members):
    return R(body=[item(**members)])


def metadata(w):
    used, device = w.used_profile, w.devices["int"]
    nobody = "nobody"
    resource, command = w.resource_body("New"), w.command_body("New")
    return [
        ("POST /device", "a name that is taken", batch(device=w.device_body(device)), 207, 409),
        ("POST /device", "force over a name that is taken", R({}, {"force": "true"}, [item(
            device=w.device_body(device))]), 207, 201),
        ("POST /device", "an unknown service", batch(device=w.device_body(serviceName=nobody)), 207, 400),
        ("POST /device", "an unknown profile", batch(device=w.device_body(profileName=nobody)), 207, 400),
        ("POST /device", "its own parent", batch(device=w.device_body(nobody, parent=nobody)), 207, 400),
        ("POST /device", "an auto event of nothing", batch(device=w.device_body(
            autoEvents=[{"interval": "1s", "sourceName": "Nothing"}])), 207, 400),
        ("POST /device", "an auto event by days", batch(device=w.device_body(
            autoEvents=[{"interval": "1d", "sourceName": "Int16"}])), 207, 400),
        ("POST /device", "a service that does not answer", batch(device=w.device_body(
            serviceName=w.dead_service)), 207, 503),
        ("PATCH /deviceprofile/basicinfo", "a count", batch(basicinfo={
            "name": w.own_profile, "linkedDeviceCount": 7}), 207, 200),
        ("PATCH /device", "an unknown name", batch(device={"name": nobody}), 207, 404),
        ("PATCH /device", "an unknown id", batch(device={"id": w.uuid()}), 207, 404),
        ("PATCH /device", "another's id", batch(device={"id": w.device_id(), "name": device}), 207, 400),
        ("PATCH /device", "neither id nor name", batch(device={"description": "x"}), 400, None),
        ("PATCH /device", "an unknown service", batch(device={"name": device, "serviceName": nobody}), 207, 400),
        ("PATCH /device", "not in the enumeration", batch(device={"name": device, "adminState": "BOGUS"}), 400, None),
        ("PATCH /device", "a state of none", batch(device={"name": device, "operatingState": "BOGUS"}), 400, None),
        ("DELETE /device/name/{name}", "with children", R({"name": w.parent()}), 409, None),
        ("GET /device/all", "below one", R(query={"descendantsOf": w.parent(), "maxLevels": 1}), 200, None),
        ("GET /device/all", "fewer levels than none", R(query={"maxLevels": -2}), 400, None),
        ("POST /deviceprofile", "a name that is taken", batch(profile=w.profile_body(used)), 207, 409),
        ("POST /deviceprofile", "two resources of a name", batch(profile={
            **w.profile_body(), "deviceResources": [w.resource_body()] * 2}), 400, None),
        ("POST /deviceprofile", "a command without operations", batch(profile={
            **w.profile_body(), "deviceCommands": [w.command_body(resourceOperations=[])]}), 400, None),
        ("POST /deviceprofile", "a command of an unknown resource", batch(profile={
            **w.profile_body(), "deviceCommands": [w.command_body(resource=nobody)]}), 400, None),
        ("PUT /deviceprofile", "an unknown name", batch(profile=w.profile_body(nobody)), 207, 404),
        ("POST /deviceprofile/uploadfile", "a name that is taken", R(body=w.profile_body(used), encode=as_form), 409,
         None),
        ("PUT /deviceprofile/uploadfile", "an unknown name", R(body=w.profile_body(nobody), encode=as_form), 404,
         None),
        *((f"{method} /deviceprofile/uploadfile", "no part named file", R(
            body=w.profile_body(), encode=lambda body: as_form(body, "other")), 400, None)
          for method in ("POST", "PUT")),
        *((f"{method} /deviceprofile/uploadfile", "no YAML", R(body="a: [", encode=as_form), 400, None)
          for method in ("POST", "PUT")),
        *((f"{method} /deviceprofile/uploadfile", "no form", R(body=w.profile_body()), 400, None)
          for method in ("POST", "PUT")),
        ("DELETE /deviceprofile/name/{name}", "in use", R({"name": used}), 409, None),
        ("PATCH /deviceprofile/basicinfo", "an unknown name", batch(basicinfo={"name": nobody}), 207, 404),
        ("POST /deviceprofile/resource", "an unknown profile", batch(profileName=nobody, resource=resource), 207, 404),
        ("POST /deviceprofile/resource", "a name that is taken", batch(
            profileName=used, resource=w.resource_body()), 207, 400),
        ("PATCH /deviceprofile/resource", "an unknown profile", batch(
            profileName=nobody, resource={"name": "Temperature"}), 207, 404),
        ("PATCH /deviceprofile/resource", "an unknown resource", batch(
            profileName=used, resource={"name": nobody}), 207, 404),
        ("POST /deviceprofile/deviceCommand", "an unknown profile", batch(
            profileName=nobody, deviceCommand=command), 207, 404),
        ("POST /deviceprofile/deviceCommand", "an unknown resource", batch(
            profileName=used, deviceCommand=w.command_body("New", nobody)), 207, 400),
        ("PATCH /deviceprofile/deviceCommand", "an unknown command", batch(
            profileName=used, deviceCommand={"name": nobody}), 207, 404),
        ("DELETE /deviceprofile/name/{name}/resource/{resourceName}", "in use",
         R({"name": used, "resourceName": "Temperature"}), 409, None),
        ("DELETE /deviceprofile/name/{name}/resource/{resourceName}", "a command has it",
         R({"name": w.profile(), "resourceName": "Temperature"}), 400, None),
        ("DELETE /deviceprofile/name/{name}/deviceCommand/{commandName}", "in use",
         R({"name": used, "commandName": "Both"}), 409, None),
        ("POST /deviceservice", "a name that is taken", batch(service=w.service_body(VIRTUAL)), 207, 409),
        ("PATCH /deviceservice", "an unknown name", batch(service={"name": nobody}), 207, 404),
        ("PATCH /deviceservice", "not in the enumeration", batch(
            service={"name": w.dead_service, "adminState": "BOGUS"}), 400, None),
        ("POST /deviceservice", "no address", batch(service=w.service_body(baseAddress="nowhere")), 400, None),
        ("DELETE /deviceservice/name/{name}", "in use", R({"name": w.dead_service}), 409, None),
        ("POST /provisionwatcher", "a name that is taken", batch(
            provisionWatcher=w.watcher_body(w.own_watcher)), 207, 409),
        ("POST /provisionwatcher", "not in the enumeration", batch(
            provisionWatcher=w.watcher_body(adminState="BOGUS")), 400, None),
        ("POST /provisionwatcher", "no service", batch(
            provisionWatcher=w.watcher_body(serviceName="")), 400, None),
        ("POST /provisionwatcher", "no identifiers", batch(
            provisionWatcher=w.watcher_body(identifiers={})), 400, None),
        ("POST /provisionwatcher", "an unknown profile", batch(provisionWatcher=w.watcher_body(
            discoveredDevice={"profileName": nobody, "adminState": "UNLOCKED"})), 207, 404),
        ("PATCH /provisionwatcher", "an unknown name", batch(provisionWatcher={"name": nobody}), 207, 404),
    ]


def data(w):
    post = "POST /event/{serviceName}/{profileName}/{deviceName}/{sourceName}"
    path = {"serviceName": "s", "profileName": "p", "deviceName": "sensor", "sourceName": "s"}

    def event(title, status, **changes):
        return post, title, R(path, body=item(event=w.event_body(**changes))), status, None

    def reading(title, status, kind="Int16", **changes):
        return event(title, status, readings=[{**w.reading_body(kind), **changes}])

    backwards = [(key, "the end before the start", make(w)[0], 400, None)
                 for key, make in valid_table().items() if key.startswith("core-data") and "/end/" in key]
    backwards = [(key.removeprefix("core-data "), title, r.but(path={**r.path, "start": 2, "end": 1}), status, none)
                 for key, title, r, status, none in backwards]
    span = {"name": "sensor", "start": 0, "end": 2**63 - 1}
    named = "GET /reading/device/name/{name}/start/{start}/end/{end}"
    return backwards + [
        event("no readings", 400, readings=[]),
        event("no origin", 400, origin=0),
        event("larger than MaxEventSize", 413, tags={"t": "x" * (MAX_EVENT_KB * 1024)}),
        reading("no origin", 400, origin=0),
        reading("no device", 400, deviceName=""),
        reading("a value that is none", 400, value="twelve"),
        reading("a value that is too large", 400, value="40000"),
        reading("no media type", 400, "Binary", binaryValue="AAEC"),
        reading("no base64", 400, "Binary", binaryValue="?", mediaType="a/b"),
        (post, "a blank service", R({**path, "serviceName": " "}, body=item(event=w.event_body())), 400, None),
        ("DELETE /event/device/name/{name}", "a blank device", R({"name": " "}), 400, None),
        (named, "names of resources", R(span, body={"resourceNames": ["Int16"]}), 200, None),
        (named, "names that are no list", R(span, body={"resourceNames": "Int16"}), 400, None),
        ("GET /event/all", "without a count", R(query={"offset": -1}), 200, None),
        ("GET /event/all", "none of them", R(query={"limit": 0}), 200, None),
    ]


def keeper(w):
    key, parent = "/kvs/key/{key}", w.kv()
    w.must("core-keeper", "PUT", key, R({"key": parent + "/child"}, body={"value": "x"}))

    def registration(title, code, method="POST", **changes):
        return f"{method} /registry", title, R(body=item(registration=w.registration_body(**changes))), code, None

    def check(**changes):
        return {"interval": "10s", "path": "/", "type": "http", **changes}

    return [
        *((f"{method} {key}", "a character no key has", R({"key": "a b"}, body={"value": "x"}), 400, None)
          for method in ("GET", "PUT", "DELETE")),
        ("GET " + key, "as text", R({"key": parent}, {"plaintext": "true"}), 200, None),
        ("GET " + key, "of an unescaped path", R({"key": parent + "/child"}), 200, None),
        ("PUT " + key, "no value", R({"key": "contract/x"}, body={}), 400, None),
        ("PUT " + key, "a value of null", R({"key": "contract/x"}, body={"value": None}), 400, None),
        ("PUT " + key, "an empty object", R({"key": "contract/x"}, body={"value": {}}), 400, None),
        ("DELETE " + key, "with keys below", R({"key": parent}), 409, None),
        ("DELETE " + key, "and keys below", R({"key": parent}, {"prefixMatch": "true"}), 200, None),
        registration("one that is there", 409, serviceId=w.registration()),
        registration("an unknown one", 404, "PUT"),
        registration("a status that is none", 201, status="BOGUS"),
        registration("a health check as the platform's file calls it", 201, HealthCheck=None, healthCheck=check()),
        registration("no interval", 400, HealthCheck=check(interval="often")),
        registration("no host", 400, host=""),
        registration("port 0", 400, port=0),
    ]


def commands(service, w):
    """Devices in states in which they take no commands, what they do not take, what they are not."""
    def read(kind, command, title, status, **query):
        return "GET " + COMMAND, title, R({"name": w.devices[kind], "command": command}, query), status, None

    def write(kind, command, title, status, **body):
        return "PUT " + COMMAND, title, R({"name": w.devices[kind], "command": command}, body=body), status, None

    table = [
        read("locked", "Int16", "a locked device", 423), write("locked", "Int16", "a locked device", 423, Int16="1"),
        read("down", "Int16", "a device that is down", 423),
        write("down", "Int16", "a device that is down", 423, Int16="1"),
        read("bare", "Int16", "a device without profile", 423),
        write("bare", "Int16", "a device without profile", 423, Int16="1"),
        read("full", "Sealed", "what is only written", 405),
        write("full", "Binary", "what is only read", 405, Binary="x"),
        read("full", "Nothing", "an unknown command", 404),
        write("full", "Nothing", "an unknown command", 404, Nothing="x"),
        write("full", "Int16", "a value that is none", 400, Int16="much"),
        write("full", "Int16", "a value that is too large", 400, Int16="40000"),
        write("full", "Object", "an object", 200, Object={"a": [1]}),
    ]
    if service == "core-command":
        table += [read("dead", "Int16", "a service that does not answer", 503),
                  write("dead", "Int16", "a service that does not answer", 503, Int16="1")]
    return table


def table(w):
    for service, rows in (("core-metadata", metadata(w)), ("core-data", data(w)), ("core-keeper", keeper(w)),
                          ("core-command", commands("core-command", w)), ("device-sdk", commands("device-sdk", w))):
        for operation, *rest in rows:
            yield f"{service} {operation}", *rest


# ---- whole services in another state ---------------------------------------------------------


def strict_profiles(run):
    """Writable.ProfileChange: profiles cannot be replaced, cut or removed."""
    w = run.world
    rows = {key: valid_table()[f"core-metadata {key}"](w)[0] for key in (
        "PUT /deviceprofile", "PUT /deviceprofile/uploadfile", "DELETE /deviceprofile/name/{name}",
        "DELETE /deviceprofile/name/{name}/resource/{resourceName}",
        "DELETE /deviceprofile/name/{name}/deviceCommand/{commandName}")}
    w.daemons.configure("core-metadata", ProfileChange={
        "StrictDeviceProfileChanges": True, "StrictDeviceProfileDeletes": True})
    probe = rows["PUT /deviceprofile"]
    within(lambda: run.wire.ask("core-metadata", "PUT", "/deviceprofile", probe).status == 423)
    for key, request in rows.items():
        run.case(f"core-metadata {key}", "profiles are strict", request, 423)


def locked_service(run):
    """A locked device service takes nothing."""
    w = run.world

    def lock(state):
        w.must("core-metadata", "PATCH", "/deviceservice", batch(service={"name": VIRTUAL, "adminState": state}))

    read = R({"name": w.devices["full"], "command": "Int16"})
    lock("LOCKED")
    within(lambda: run.wire.ask("device-sdk", "GET", COMMAND, read).status == 423)
    for key in ("GET " + COMMAND, "PUT " + COMMAND, "POST /discovery", "POST /profilescan",
                "DELETE /profilescan/device/name/{name}"):
        request = valid_table()[f"device-sdk {key}"](w)[0]
        run.case(f"device-sdk {key}", "the service is locked", request, 423)
    run.case("core-command GET " + COMMAND, "the service is locked", read, 423)


PHASES = (strict_profiles, locked_service)
