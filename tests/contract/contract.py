"""Runs the daemons and compares what they answer with the OpenAPI files; see README.md."""
import argparse
import json
import os
import signal
import sys
import time
import traceback

import cases
import exceptions
import openapi
import pages
import valid
from daemons import Daemons
from derive import FRAMEWORK, derived
from wire import Raw, Request, Wire
from world import World

# What a server may always say: that it is out of order.
ALWAYS = {500, 502, 503}
# What all services have is answered without a newline at the end.
BARE = {"/ping", "/version", "/config", "/secret"}


class Run:
    """All that was asked, what came of it, and which exceptions were needed."""

    def __init__(self, folder, only):
        self.documents, self.only = openapi.load(folder), only
        self.apis = {s: openapi.Api(s, d, exceptions.corrections_of(s)) for s, d in self.documents.items()}
        self.operations = {k: o for api in self.apis.values() for k, o in api.operations.items()}
        self.less = {s: [(c, self.without(s, c)) for c in exceptions.corrections_of(s)] for s in self.apis}
        self.problems, self.told, self.sent, self.status = [], {}, {}, {}
        self.wire, self.world = None, None

    def without(self, service, correction):
        """The file with all corrections but this one; None where it cannot be read without."""
        rest = [c for c in exceptions.corrections_of(service) if c is not correction]
        return openapi.Api(service, self.documents[service], rest)

    def problem(self, text):
        self.problems.append(text)

    # ---- one request ------------------------------------------------------------------------

    def check(self, operation, title, request, status, item=None):
        """Sends the request and looks at everything about the answer."""
        answer = self.wire.ask(operation.service, operation.method, operation.path, request)
        where = f"{operation.key} [{title}]"
        if answer.status != (status or 404) and exceptions.is_excused(operation.key, title, answer.status):
            status = answer.status
        if answer.status != (status or 404):
            self.problem(f"{where}: expected {status or 404}, got {answer}")
            return answer
        if answer.headers.get("x-correlation-id") != answer.correlation and status != FRAMEWORK:
            self.problem(f"{where}: X-Correlation-ID is not the request's")
        if status == FRAMEWORK:
            if answer.json() != {"message": "Not Found"}:
                self.problem(f"{where}: an unknown path is answered {answer}")
            return answer
        faults = list(self.faults(operation, answer))
        if faults:
            self.problem(f"{where}: {'; '.join(faults[:3])} in {answer}")
        self.items(where, answer, item)
        self.echo(where, operation, request, answer)
        return answer

    def items(self, where, answer, item):
        """What the envelopes say agrees with the status of the answer, of an item with what is expected."""
        body = answer.json() if answer.type == "application/json" else None
        if answer.status == 207 and body is not None:
            for part in body:
                if part["statusCode"] not in ((item,) if item else (200, 201)):
                    self.problem(f"{where}: expected an item of {item or 'success'}, got {answer}")
        elif isinstance(body, dict) and body.get("statusCode", answer.status) != answer.status:
            self.problem(f"{where}: status {answer.status} and statusCode differ in {answer}")

    def echo(self, where, operation, request, answer):
        """Request ids come back, and core services end their lines (2.2, 2.3 of the contract)."""
        if answer.type != "application/json" or not answer.body:
            return
        lines = operation.service != "device-sdk" and operation.path not in BARE
        routed = not any(isinstance(value, Raw) for value in request.path.values())
        if routed and answer.body.endswith(b"\n") != lines:
            self.problem(f"{where}: {'no' if lines else 'a'} newline at the end of {answer}")
        if answer.status == 207 and request.body:
            sent = request.body if isinstance(request.body, list) else json.loads(request.body)
            sent = [{k.lower(): v for k, v in part.items()}.get("requestid") for part in sent]
            if sent != [part.get("requestId") for part in answer.json()]:
                self.problem(f"{where}: other request ids than {sent} in {answer}")

    def faults(self, operation, answer):
        """What is wrong with an answer, looked at through the file."""
        self.status.setdefault(operation.key, set()).add(answer.status)
        if answer.status not in operation.responses and not exceptions.is_unlisted(operation.key, answer.status):
            return ["a status the file does not list"]
        found = list(self.shape(operation, answer, self.told))
        if not found:
            for correction, api in self.less[operation.service]:
                if not correction.needed:
                    seen = api.operations[operation.key]
                    if seen.responses.get(answer.status) != operation.responses.get(answer.status):
                        correction.needed = any(self.shape(seen, answer))
        return found

    @staticmethod
    def shape(operation, answer, told=None):
        kinds = operation.responses.get(answer.status) or {}
        if answer.status not in operation.responses:
            kinds = {"application/json": operation.error}
        if not kinds:
            if answer.body:
                yield "a body the file does not describe"
            return
        if answer.type not in kinds and (answer.type or answer.body):  # nothing has no type
            yield f"content type {answer.type!r} where the file has {sorted(kinds)}"
            return
        if answer.type not in ("", "application/json"):
            return
        schema, body = kinds["application/json"], answer.json()
        yield from openapi.faults(schema, body)
        if told is not None:
            told.setdefault(operation.service, set()).update(openapi.members_in(schema, body))

    def case(self, key, title, request, status, item=None):
        """A request by hand; its operation may have left the files."""
        if key in self.operations:
            self.check(self.operations[key], title, request, status, item)
        else:
            self.problem(f"{key} [{title}]: no such operation in the files")

    # ---- an operation -----------------------------------------------------------------------

    def operation(self, operation):
        make = valid.table().get(operation.key)
        if make is None:
            self.problem(f"{operation.key}: no valid request in valid.py")
            return
        for number, request in enumerate(make(self.world)):
            self.check(operation, f"valid {number}" if number else "valid", request, operation.success())
            self.described(operation, request)
        for title, request, status in derived(operation, lambda: make(self.world)[0]):
            self.check(operation, title, request, status)

    def described(self, operation, request):
        """A valid request must be valid for the file too, and is remembered by its members."""
        if operation.body is None:
            return
        found = list(openapi.faults(operation.body, request.body))
        for fault in found:
            self.problem(f"{operation.key}: our request is not valid for the file: {fault}")
        self.sent.setdefault(operation.key, set()).update(openapi.members_in(operation.body, request.body))
        for correction, api in [] if found else self.less[operation.service]:
            if not correction.needed:
                body = api.operations[operation.key].body
                correction.needed = body != operation.body and any(openapi.faults(body, request.body))

    def methods(self, service, path):
        """Methods a path does not have, and whether the answer names those it has."""
        mine = sorted(o.method for o in self.apis[service].operations.values() if o.takes(path))
        first = next(o for o in self.apis[service].operations.values() if o.path == path)
        make = valid.table().get(first.key)
        if make is None:
            return  # said before
        request = make(self.world)[0]
        for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            if method in mine:
                continue
            answer = self.wire.ask(service, method, path, Request(request.path))
            title = f"{service} {method} {path}"
            allowed = sorted(m for m in answer.headers.get("allow", "").replace(" ", "").split(",") if m != "OPTIONS")
            if answer.status != (204 if method == "OPTIONS" else 405) or allowed != mine:
                self.problem(f"{title}: a method it has not, got {answer}, Allow: {allowed}")

    # ---- the whole --------------------------------------------------------------------------

    def all(self):
        wanted = [o for k, o in self.operations.items() if self.only in k]
        for operation in wanted:
            self.operation(operation)
        for service, path in sorted({(o.service, o.path) for o in wanted}):
            self.methods(service, path)
        for key, title, request, status, item in cases.table(self.world):
            if self.only in key:
                self.case(key, title, request, status, item)
        if not self.only:
            for phase in cases.PHASES:
                phase(self)
            self.complete()

    def complete(self):
        """Nothing of the files was left out, no exception is idle."""
        for key, operation in self.operations.items():
            never = set(operation.responses) - self.status.get(key, set()) - ALWAYS
            for status in sorted(never):
                if not exceptions.is_unseen(key, status):
                    self.problem(f"{key}: {status} was never answered")
            if operation.body is not None:
                for name in sorted(set(openapi.members(operation.body)) - self.sent.get(key, set())):
                    if not exceptions.is_unsent(key, name):
                        self.problem(f"{key}: member {name} was never sent")
        for service, api in self.apis.items():
            described = {m for o in api.operations.values() for kinds in o.responses.values()
                         for schema in kinds.values() for m in openapi.members(schema)}
            for name in sorted(described - self.told.get(service, set())):
                if not exceptions.is_untold(service, name):
                    self.problem(f"{service}: member {name} was in no answer")
        for key in sorted(set(valid.table()) - set(self.operations)):
            self.problem(f"{key}: a valid request, but no such operation in the files")
        for text in exceptions.idle():
            self.problem(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="?", default="", help="operations whose name has this, e.g. 'core-data GET'")
    only = parser.parse_args().only
    began = time.monotonic()
    run = Run(os.environ["EDGE_API_DIR"], only)
    if not only:
        run.problems += pages.differences(run.operations, os.environ["EDGE_SOURCE_DIR"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    daemons = Daemons()
    clean, done = False, False
    try:
        run.wire = Wire(daemons.ports)
        daemons.start(run.wire)
        run.world = World(run.wire, daemons)
        run.world.populate()
        run.all()
        done = True
    except Exception:  # what was found before is worth telling
        run.problem(traceback.format_exc())
    finally:
        clean = daemons.stop(show=not done)
    for text in run.problems:
        print(text)
    print(f"{len(run.operations)} operations, {run.wire.count} requests, {time.monotonic() - began:.1f} s, "
          f"{len(run.problems)} problems")
    return 0 if clean and not run.problems else 1


if __name__ == "__main__":
    sys.exit(main())
