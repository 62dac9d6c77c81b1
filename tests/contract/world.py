"""What valid requests need to be there: profiles, devices, services, events, made through the services."""
import itertools
import time
import uuid

from daemons import within
from wire import Request

BASE = {"apiVersion": "v3", "requestId": "e6e8a2f4-eb14-4649-9e2b-175247911369"}
VIRTUAL = "device-virtual"
AUTO_EVENT = {"interval": "24h", "onChange": True, "onChangeThreshold": 0.5, "sourceName": "Int16",
              "retention": {"maxCap": 10, "minCap": 1, "duration": "24h"}}
HEALTH_CHECK = {"interval": "10s", "path": "/api/v3/ping", "type": "http"}


def item(**members):
    return {**BASE, **members}


class World:
    def __init__(self, wire, daemons):
        self.wire, self.daemons, self.numbers = wire, daemons, itertools.count(1)

    def name(self, kind):
        return f"{kind} {next(self.numbers)}/ä"  # names may hold anything

    @staticmethod
    def uuid():
        return str(uuid.uuid4())

    def must(self, service, method, template, request, *statuses):
        answer = self.wire.ask(service, method, template, request)
        body = answer.json()
        item_status = body[0]["statusCode"] if answer.status == 207 else answer.status
        if item_status not in (statuses or (200, 201, 204)):
            raise RuntimeError(f"{service} {method} {template}: {answer}")
        return body

    def post(self, path, body, **query):
        return self.must("core-metadata", "POST", path, Request(body=[body], query=query))

    # ---- bodies with every member ---------------------------------------------------------

    def resource_body(self, name="Temperature", **changes):
        properties = {"valueType": "Int16", "readWrite": "RW", "units": "C", "minimum": -100.5, "maximum": 100,
                      "defaultValue": "0", "mask": 255, "shift": 1, "scale": 1.5, "offset": 1, "base": 2,
                      "assertion": "1", "mediaType": "text/plain", "optional": {"free": "form"}}
        return {"name": name, "description": "d", "isHidden": False, "tags": {"t": [1]},
                "attributes": {"register": 7, "deep": {"a": [1]}}, "properties": properties, **changes}

    def command_body(self, name="Both", resource="Temperature", **changes):
        operation = {"deviceResource": resource, "defaultValue": "1", "mappings": {"1": "on"}}
        return {"name": name, "isHidden": False, "readWrite": "RW", "tags": {"t": "x"},
                "resourceOperations": [operation], **changes}

    def profile_body(self, name=None):
        return {"name": name or self.name("profile"), "description": "d", "manufacturer": "maker", "model": "one",
                "labels": ["contract"], "linkedDeviceCount": 0, "deviceResources": [self.resource_body()],
                "deviceCommands": [self.command_body()]}

    def device_body(self, name=None, **changes):
        return {"name": name or self.name("device"), "description": "d", "adminState": "UNLOCKED",
                "operatingState": "UP", "labels": ["contract"], "location": [45.5, 7.25], "serviceName": VIRTUAL,
                "profileName": "Random-Integer-Device", "autoEvents": [AUTO_EVENT],
                "protocols": {"other": {"Address": "a", "Port": 300}}, "parent": "above", "tags": {"t": {"u": 1}},
                "properties": {"p": 1}, **changes}

    def service_body(self, name=None, **changes):
        return {"name": name or self.name("service"), "description": "d", "labels": ["contract"],
                "baseAddress": f"http://localhost:{self.daemons.dead}", "adminState": "UNLOCKED", **changes}

    def watcher_body(self, name=None, **changes):
        found = {"profileName": "Random-Integer-Device", "adminState": "UNLOCKED", "autoEvents": [AUTO_EVENT],
                 "properties": {"p": 1}}
        return {"name": name or self.name("watcher"), "serviceName": VIRTUAL, "labels": ["contract"],
                "identifiers": {"Address": "10.0.*"}, "blockingIdentifiers": {"Port": ["1", "2"]},
                "adminState": "UNLOCKED", "discoveredDevice": found, **changes}

    def reading_body(self, kind="Int16", **value):
        return {"origin": time.time_ns(), "deviceName": "sensor", "resourceName": kind, "profileName": "p",
                "valueType": kind, "units": "C", "tags": {"t": 1}, **(value or {"value": "12"})}

    def event_body(self, **changes):
        readings = [self.reading_body(), self.reading_body("Binary", binaryValue="AAEC", mediaType="image/png"),
                    self.reading_body("Object", objectValue={"a": [1, 2]}),
                    self.reading_body("ObjectArray", objectValue=[{"a": 1}]),
                    self.reading_body("Int32", value=None, binaryValue=None, objectValue=None)]
        return {"apiVersion": "v3", "id": self.uuid(), "deviceName": "sensor", "profileName": "p",
                "sourceName": "s", "origin": time.time_ns(), "readings": readings, "tags": {"t": {"u": 1}}, **changes}

    def registration_body(self, **changes):
        return {"serviceId": self.name("daemon"), "status": "UP", "host": "localhost",
                "port": self.daemons.dead, "HealthCheck": HEALTH_CHECK, **changes}

    # ---- things that are there -------------------------------------------------------------

    def profile(self):
        body = self.profile_body()
        self.post("/deviceprofile", item(profile=body))
        return body["name"]

    def lonely(self):
        """A profile with a resource that no command names."""
        body = self.profile_body()
        body["deviceResources"].append(self.resource_body("Lonely"))
        self.post("/deviceprofile", item(profile=body))
        return body["name"]

    def device(self, **changes):
        """Not shown to its driver: that is quicker."""
        body = self.device_body(**changes)
        self.post("/device", item(device=body), bypassValidation="true")
        return body["name"]

    def device_and_id(self):
        body = self.device_body()
        return body["name"], self.post("/device", item(device=body), bypassValidation="true")[0]["id"]

    def device_id(self):
        return self.device_and_id()[1]

    def parent(self):
        """A device with one below it."""
        name = self.device()
        self.device(parent=name)
        return name

    def described_profile(self):
        """Its readings of each kind have all members a reading may have."""
        kinds = {"Int16": "RW", "Binary": "R", "Object": "RW"}
        body = {"name": self.name("profile"), "deviceResources": [
            {"name": kind, "tags": {"t": 1}, "properties": {
                "valueType": kind, "readWrite": mode, "units": "C", "mediaType": "random",
                "defaultValue": "0" if kind == "Int16" else "{}"}} for kind, mode in kinds.items()]}
        body["deviceResources"].append({"name": "Sealed", "properties": {"valueType": "Int16", "readWrite": "W"}})
        self.post("/deviceprofile", item(profile=body))
        return body["name"]

    def service_and_id(self):
        body = self.service_body()
        return body["name"], self.post("/deviceservice", item(service=body))[0]["id"]

    def service(self):
        return self.service_and_id()[0]

    def watcher_and_id(self):
        body = self.watcher_body()
        return body["name"], self.post("/provisionwatcher", item(provisionWatcher=body))[0]["id"]

    def watcher(self):
        return self.watcher_and_id()[0]

    def event(self):
        body = self.event_body()
        self.must("core-data", "POST", "/event/s/p/sensor/s", Request(body=item(event=body)))
        return body["id"]

    def kv(self):
        key = f"contract/{next(self.numbers)}"
        self.must("core-keeper", "PUT", "/kvs/key/{key}", Request({"key": key}, body=item(value="x")))
        return key

    def registration(self):
        body = self.registration_body()
        self.must("core-keeper", "POST", "/registry", Request(body=item(registration=body)))
        return body["serviceId"]

    # ---- what stays --------------------------------------------------------------------------

    def populate(self):
        """Devices of each kind and state, known to their device service; a service nobody runs."""
        if not within(self.profiles_there):
            raise RuntimeError("device-virtual brings no profiles")
        self.dead_service = self.service()
        self.devices = {
            "int": self.device(), "full": self.device(profileName=self.described_profile(), autoEvents=[]),
            "object": self.device(profileName="Fixed-Object-Device", autoEvents=[]),
            "locked": self.device(adminState="LOCKED"), "down": self.device(operatingState="DOWN"),
            "bare": self.device(profileName="", autoEvents=[]),
            "dead": self.device(serviceName=self.dead_service),
        }
        for kind, name in self.devices.items():
            if kind != "dead" and not within(lambda n=name: self.driver_knows(n)):
                raise RuntimeError(f"device-virtual does not know the {kind} device")
        self.own_profile, self.own_watcher = self.profile(), self.watcher()
        self.used_profile = self.profile()
        self.device(profileName=self.used_profile, autoEvents=[], serviceName=self.dead_service)
        for _ in range(3):
            self.event()
        self.registration()

    def profiles_there(self):
        request = Request({"n": "Random-Integer-Device"})
        return self.wire.ask("core-metadata", "GET", "/deviceprofile/name/{n}", request).status == 200

    def driver_knows(self, device):
        answer = self.wire.ask("device-sdk", "GET", "/device/name/{d}/Int16", Request({"d": device}))
        return f"device {device} not found" not in (answer.json() or {}).get("message", "")
