"""The platform as programs: a broker and the daemons on free ports, data in a temporary directory."""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import yaml

PATIENCE = 20  # s
with open(os.path.join(os.environ["EDGE_BIN_DIR"], "services.list"), encoding="utf-8") as rows:
    FOLDERS = {name: os.path.join(os.environ["EDGE_SOURCE_DIR"], folder) for name, folder, *_ in map(str.split, rows)}
# By the names of the OpenAPI files; the file of device services is tested on one of them.
PROGRAMS = {"device-sdk" if name == "device-virtual" else name: name for name in FOLDERS}
ALWAYS = {"device-sdk": {"Reading": {"ReadingUnits": True}}}  # below Writable
MAX_BODY_KB, MAX_EVENT_KB, MAX_RESULTS = 64, 32, 1024


def within(holds):
    """Waits for a condition, asking again in short steps."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.005)
    return False


free_ports = [int(port) for port in os.environ["EDGE_TEST_PORTS"].split()]


def free_port():
    """One of those run.sh has locked."""
    while True:
        port = free_ports.pop()
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: also when the tests are killed


class Daemons:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="contract")
        self.bin = os.environ["EDGE_BIN_DIR"]
        self.ports = {service: free_port() for service in PROGRAMS}
        self.broker, self.dead = free_port(), free_port()  # nobody listens at dead
        self.programs = []

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def configure(self, service, **writable):
        """Writes a service's configuration file at once, as its reload wants it."""
        name = PROGRAMS[service]
        mqtt = {"Type": "mqtt", "Protocol": "tcp", "Host": "127.0.0.1", "Port": self.broker}
        configuration = {
            "Writable": {"LogLevel": "INFO", **writable},
            "Service": {"Host": "localhost", "Port": self.ports[service], "RequestTimeout": "1s",
                        "MaxRequestSize": MAX_BODY_KB, "MaxResultCount": MAX_RESULTS},
            "MessageBus": mqtt,
            "Clients": {PROGRAMS[peer]: {"Protocol": "http", "Host": "localhost", "Port": port}
                        for peer, port in self.ports.items() if peer != service},
        }
        if service == "core-metadata":
            configuration["UoM"] = {"UoMFile": FOLDERS[name] + "/res/uom.yaml"}
        if service == "core-data":
            configuration["MaxEventSize"] = MAX_EVENT_KB
        if service == "core-keeper":
            configuration["CommonConfig"] = {"File": FOLDERS[name] + "/res/common.yaml"}
            mqtt["BaseTopicPrefix"] = "edgex/configs"
        if service == "device-sdk":
            os.makedirs(self.path("devices"), exist_ok=True)
            configuration["Device"] = {"ProfilesDir": FOLDERS[name] + "/res/profiles",
                                       "DevicesDir": self.path("devices")}
        os.makedirs(self.path("res", name), exist_ok=True)
        file = self.path("res", name, "configuration.yaml")
        with open(file + ".new", "w", encoding="utf-8") as out:
            yaml.safe_dump(configuration, out)
        os.rename(file + ".new", file)

    def launch(self, name, *argv):
        with open(self.path(name + ".log"), "wb") as log:
            program = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.dir, preexec_fn=die_with_parent)
        self.programs.append((name, program))

    def start(self, wire):
        with open(self.path("mosquitto.conf"), "w", encoding="utf-8") as out:
            out.write(f"listener {self.broker} 127.0.0.1\nallow_anonymous true\n")
        self.launch("mosquitto", "mosquitto", "-c", self.path("mosquitto.conf"))
        for service, name in PROGRAMS.items():
            self.configure(service, **ALWAYS.get(service, {}))
            self.launch(name, os.path.join(self.bin, name), "-cd", self.path("res", name),
                        "--data", self.path("data"))
        for service in PROGRAMS:
            if not within(lambda s=service: self.answers(wire, s)):
                raise RuntimeError(f"{service} does not answer")

    @staticmethod
    def answers(wire, service):
        try:
            return wire.send(service, "GET", "/api/v3/ping").status == 200
        except OSError:
            return False

    def stop(self, show):
        """Ends the programs, the broker last, and tells whether each service ended well."""
        clean = True
        for name, program in reversed(self.programs):
            program.send_signal(signal.SIGTERM)
            try:
                code = program.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                program.kill()
                code = program.wait()
            if code != 0 and name != "mosquitto":
                print(f"{name} ended with {code}", file=sys.stderr)
                clean = False
        for name, _ in self.programs if show or not clean else []:
            with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as log:
                print(f"---- {name}\n{log.read()[-4000:]}", file=sys.stderr)
        shutil.rmtree(self.dir)
        return clean
