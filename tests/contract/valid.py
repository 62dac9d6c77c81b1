"""Valid requests by hand, at least one per operation; together they name every member of its body."""
from wire import Request, as_form
from world import item

R = Request
START, END = 0, 2**63 - 1
SECRET = {"secretName": "credentials", "secretData": [{"key": "user", "value": "x"}]}


def bulk(make):
    """A request whose body is a list of one."""
    return lambda w: [R(body=[make(w)])]


def known(**path):
    """A request that names what is there; values may be functions of the world."""
    return lambda w: [R({k: v(w) if callable(v) else v for k, v in path.items()})]


def plain(w):
    return [R()]


def common(service):
    table = {f"{service} GET /{path}": plain for path in ("ping", "version", "config", "metrics", "openapi.json")}
    return {**table, f"{service} POST /secret": lambda w: [R(body=item(**SECRET))]}


def commands(service):
    """core-command and device services have them alike."""
    def read(w):
        both = {"ds-pushevent": "true", "jsonObject": '{"a":1}'}
        return [R({"name": w.devices["full"], "command": kind}, both) for kind in ("Int16", "Binary", "Object")]

    def write(w):
        path = {"name": w.devices["int"], "command": "WriteInt16Value"}
        return [R(path, body={"Int16": "42"}), R(path, body={"Int16": 42})]

    path = "/device/name/{name}/{command}"
    return {f"{service} GET {path}": read, f"{service} PUT {path}": write}



def data():
    table = {"POST /event/{serviceName}/{profileName}/{deviceName}/{sourceName}": lambda w: [
        R({"serviceName": "s", "profileName": "p", "deviceName": "sensor", "sourceName": "s"},
          body=item(event=w.event_body()))]}
    name, resource = {"name": "sensor"}, {"resourceName": "Int16"}
    span = {"start": START, "end": END}
    for path, values in {
            "/event/all": {}, "/event/count": {}, "/event/count/device/name/{name}": name,
            "/event/device/name/{name}": name, "/event/start/{start}/end/{end}": span,
            "/reading/all": {}, "/reading/count": {}, "/reading/count/device/name/{name}": name,
            "/reading/device/name/{name}": name, "/reading/resourceName/{resourceName}": resource,
            "/reading/device/name/{name}/resourceName/{resourceName}": {**name, **resource},
            "/reading/start/{start}/end/{end}": span,
            "/reading/resourceName/{resourceName}/start/{start}/end/{end}": {**resource, **span},
            "/reading/device/name/{name}/resourceName/{resourceName}/start/{start}/end/{end}":
                {**name, **resource, **span}}.items():
        table["GET " + path] = known(**values)
    named = "GET /reading/device/name/{name}/start/{start}/end/{end}"
    table[named] = lambda w: [R({**name, **span}), R({**name, **span}, body={"resourceNames": ["Int16"]})]
    table["GET /event/id/{id}"] = table["DELETE /event/id/{id}"] = known(id=lambda w: w.event())
    table["DELETE /event/device/name/{name}"] = known(name="nobody")
    table["DELETE /event/age/{age}"] = known(age=10**18)
    return table


def metadata():
    kept = lambda w: w.own_profile
    table = {
        "POST /device": bulk(lambda w: item(device=w.device_body())),
        "PATCH /device": lambda w: [R(body=[item(device=w.device_body(w.device()))]),
                                    R(body=[item(device={"id": w.device_id(), "description": "e"})])],
        "GET /device/check/name/{name}": known(name=lambda w: w.devices["int"]),
        "GET /device/name/{name}": known(name=lambda w: w.devices["int"]),
        "DELETE /device/name/{name}": known(name=lambda w: w.device()),
        "GET /device/id/{id}": known(id=lambda w: w.device_id()),
        "GET /device/profile/name/{name}": known(name="Random-Integer-Device"),
        "GET /device/service/name/{name}": known(name="device-virtual"),
        "POST /deviceprofile": bulk(lambda w: item(profile=w.profile_body())),
        "PUT /deviceprofile": bulk(lambda w: item(profile={"id": w.uuid(), **w.profile_body(w.profile())})),
        "POST /deviceprofile/uploadfile": lambda w: [R(body=w.profile_body(), encode=as_form)],
        "PUT /deviceprofile/uploadfile": lambda w: [R(body=w.profile_body(w.profile()), encode=as_form)],
        "GET /deviceprofile/name/{name}": known(name=kept),
        "DELETE /deviceprofile/name/{name}": known(name=lambda w: w.profile()),
        "PATCH /deviceprofile/name/{name}/tags": lambda w: [R({"name": w.own_profile}, body=item(
            deviceResources=[{"name": "Temperature", "tags": {"a": 1}}],
            deviceCommands=[{"name": "Both", "tags": {"b": {"c": 1}}}]))],
        "PATCH /deviceprofile/basicinfo": bulk(lambda w: item(basicinfo={
            "name": w.own_profile, "description": "e", "manufacturer": "maker", "model": "one",
            "labels": ["contract"]})),
        "POST /deviceprofile/deviceCommand": bulk(lambda w: item(
            profileName=w.own_profile, deviceCommand=w.command_body(w.name("command")))),
        "PATCH /deviceprofile/deviceCommand": bulk(lambda w: item(
            profileName=w.own_profile, deviceCommand={"name": "Both", "isHidden": False})),
        "DELETE /deviceprofile/name/{name}/deviceCommand/{commandName}":
            known(name=lambda w: w.profile(), commandName="Both"),
        "POST /deviceprofile/resource": bulk(lambda w: item(
            profileName=w.own_profile, resource=w.resource_body(w.name("resource")))),
        "PATCH /deviceprofile/resource": bulk(lambda w: item(
            profileName=w.own_profile, resource={"name": "Temperature", "description": "e", "isHidden": False})),
        "DELETE /deviceprofile/name/{name}/resource/{resourceName}":
            known(name=lambda w: w.lonely(), resourceName="Lonely"),
        "GET /deviceprofile/manufacturer/{manufacturer}": known(manufacturer="maker"),
        "GET /deviceprofile/manufacturer/{manufacturer}/model/{model}": known(manufacturer="maker", model="one"),
        "GET /deviceprofile/model/{model}": known(model="one"),
        "GET /deviceresource/profile/{profileName}/resource/{resourceName}":
            known(profileName=kept, resourceName="Temperature"),
        "POST /deviceservice": bulk(lambda w: item(service=w.service_body())),
        "PATCH /deviceservice": lambda w: [
            R(body=[item(service={"properties": {"p": 1}, **w.service_body(w.dead_service)})]),
            R(body=[item(service={"id": w.service_and_id()[1], "description": "e"})])],
        "GET /deviceservice/name/{name}": known(name=lambda w: w.dead_service),
        "DELETE /deviceservice/name/{name}": known(name=lambda w: w.service()),
        "POST /provisionwatcher": bulk(lambda w: item(provisionWatcher=w.watcher_body())),
        "PATCH /provisionwatcher": lambda w: [
            R(body=[item(provisionWatcher=w.watcher_body(w.own_watcher))]),
            R(body=[item(provisionWatcher={"id": w.watcher_and_id()[1], "adminState": "LOCKED"})])],
        "GET /provisionwatcher/name/{name}": known(name=lambda w: w.own_watcher),
        "DELETE /provisionwatcher/name/{name}": known(name=lambda w: w.watcher()),
        "GET /provisionwatcher/service/name/{name}": known(name="device-virtual"),
        "GET /provisionwatcher/profile/name/{name}": known(name="Random-Integer-Device"),
        "GET /uom": lambda w: [R(), R(headers={"Accept": "application/x-yaml"})],
    }
    for path in ("device", "deviceprofile", "deviceprofile/basicinfo", "deviceservice", "provisionwatcher"):
        table[f"GET /{path}/all"] = lambda w: [R(query={"labels": "contract"})]
    return table


def keeper():
    key = known(key=lambda w: w.kv())
    new = lambda w: [R(body=item(registration=w.registration_body()))]
    again = lambda w: [R(body=item(registration=w.registration_body(serviceId=w.registration())))]
    return {
        "GET /kvs/key/{key}": key, "DELETE /kvs/key/{key}": key,
        "PUT /kvs/key/{key}": lambda w: [R({"key": "contract/tree"}, {"flatten": "true"},
                                           body={"value": {"a": 1, "b": {"c": "x"}}})] +
                                        [R({"key": "contract/one"}, body={"value": value})
                                         for value in ("x", "", 1, True, [1])],
        "POST /registry": new, "PUT /registry": again, "GET /registry/all": plain,
        "GET /registry/serviceId/{serviceId}": known(serviceId=lambda w: w.registration()),
        "DELETE /registry/serviceId/{serviceId}": known(serviceId=lambda w: w.registration()),
    }


def sdk():
    return {
        "POST /discovery": plain, "DELETE /discovery": plain,
        "DELETE /discovery/requestId/{id}": known(id=lambda w: w.uuid()),
        "POST /profilescan": lambda w: [R(body=item(
            deviceName=w.devices["int"], profileName=w.name("scanned"), options={"deep": True}))],
        "DELETE /profilescan/device/name/{name}": known(name=lambda w: w.devices["int"]),
    }


def table():
    found = {}
    for service, own in (("core-metadata", metadata()), ("core-data", data()), ("core-keeper", keeper()),
                         ("core-command", {"GET /device/all": plain, "GET /device/name/{name}":
                                           known(name=lambda w: w.devices["int"])}), ("device-sdk", sdk())):
        found.update({f"{service} {key}": make for key, make in own.items()})
        found.update(common(service))
    return {**found, **commands("core-command"), **commands("device-sdk")}
