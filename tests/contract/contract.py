"""Runs the daemons and holds what they answer against OpenAPI documents; see README.md."""
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
import sound
import valid
from daemons import Daemons
from derive import FRAMEWORK, derived
from excuse import idle
from wire import ABSENT, Raw, Request, Wire
from world import World

# What a server may always say: that it is out of order, or that somebody has to show who he is.
ALWAYS = {401, 500, 502, 503}
# What all services have is answered without a newline at the end.
BARE = {"/ping", "/version", "/config", "/secret", "/metrics", "/openapi.json"}


class Book:
    """What one set of documents says of the services, and what of it was used."""

    def __init__(self, documents, tables):
        self.documents, self.tables = documents, tables
        self.apis = {s: openapi.Api(s, d, tables.corrections_of(s)) for s, d in documents.items()}
        self.operations = {openapi.shape(k): o for api in self.apis.values() for k, o in api.operations.items()}
        self.less = {s: [(c, self.without(s, c)) for c in tables.corrections_of(s)] for s in self.apis}
        self.told, self.sent, self.status = {}, {}, {}

    def without(self, service, correction):
        """The document with all corrections but this one."""
        rest = [c for c in self.tables.corrections_of(service) if c is not correction]
        return openapi.Api(service, self.documents[service], rest)

    def of(self, operation):
        return self.operations.get(openapi.shape(operation.key))

    def faults(self, operation, answer):
        """What is wrong with an answer, looked at through the document."""
        self.status.setdefault(operation.key, set()).add(answer.status)
        if answer.status not in operation.responses and not self.tables.is_unlisted(operation.key, answer.status):
            return ["a status the document does not list"]
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
                yield "a body the document does not describe"
            return
        kind = answer.type.split(";")[0]
        if kind not in kinds and (kind or answer.body):  # nothing has no type
            yield f"content type {answer.type!r} where the document has {sorted(kinds)}"
            return
        if kind not in ("", "application/json"):
            return
        schema, body = kinds["application/json"], answer.json()
        yield from openapi.faults(schema, body)
        if told is not None:
            told.setdefault(operation.service, set()).update(openapi.members_in(schema, body))

    def described(self, operation, request):
        """A valid request must be valid for the document too, and is remembered by its members."""
        if operation.body is None or request.body is ABSENT:
            return []
        found = list(openapi.faults(operation.body, request.body))
        self.sent.setdefault(operation.key, set()).update(openapi.members_in(operation.body, request.body))
        for correction, api in [] if found else self.less[operation.service]:
            if not correction.needed:
                body = api.operations[operation.key].body
                correction.needed = body != operation.body and any(openapi.faults(body, request.body))
        return found

    def incomplete(self):
        """What of the documents was left out, and exceptions that are idle."""
        for operation in self.operations.values():
            key = operation.key
            for status in sorted(set(operation.responses) - self.status.get(key, set()) - ALWAYS):
                if not self.tables.is_unseen(key, status):
                    yield f"{key}: {status} was never answered"
            for name in sorted(set(openapi.members(operation.body or {}, asked=True)) - self.sent.get(key, set())):
                if not self.tables.is_unsent(key, name):
                    yield f"{key}: member {name} was never sent"
        for service, api in self.apis.items():
            described = {m for o in api.operations.values() for kinds in o.responses.values()
                         for schema in kinds.values() for m in openapi.members(schema)}
            for name in sorted(described - self.told.get(service, set())):
                if not self.tables.is_untold(service, name):
                    yield f"{service}: member {name} was in no answer"
        yield from self.tables.idle()

    def not_in(self, ours):
        """What another book lacks of this one."""
        for operation in self.operations.values():
            mine = ours.of(operation)
            lacks = ["operation"] if mine is None else [
                *(f"parameter {name}" for name in operation.parameters_in("query")
                  if name not in mine.parameters_in("query")),
                *(f"status {code}" for code in operation.responses if code not in mine.responses)]
            for what in lacks:
                if not self.tables.is_missing(operation.key, what):
                    yield f"{operation.key}: {what} is not in our document"


class Run:
    """All that was asked, and what came of it: by our documents, and by the platform's where they are."""

    def __init__(self, folder, only):
        self.theirs = Book(openapi.load(folder), exceptions.OFFICIAL) if folder else None
        self.ours, self.only = None, only
        self.problems = []
        self.wire, self.world = None, None

    def problem(self, text):
        self.problems.append(text)

    def read(self):
        """The documents as the services tell them."""
        documents = {s: self.wire.send(s, "GET", "/api/v3/openapi.json").json() for s in openapi.SERVICES}
        for service, document in documents.items():
            self.problems += [f"{service}: {fault}" for fault in sound.faults(document)]
        self.ours = Book(documents, exceptions.OURS)
        if self.theirs and not self.only:
            self.problems += self.theirs.not_in(self.ours)

    def books(self, operation):
        """Each book with what it says of one of our operations."""
        yield "", self.ours, operation
        theirs = self.theirs and self.theirs.of(operation)
        if theirs:
            yield "the platform's file: ", self.theirs, theirs

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
        for whose, book, described in self.books(operation):
            faults = list(book.faults(described, answer))
            if faults:
                self.problem(f"{where}: {whose}{'; '.join(faults[:3])} in {answer}")
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

    def case(self, key, title, request, status, item=None):
        """A request by hand; its operation may have left the documents."""
        operation = self.ours.operations.get(openapi.shape(key))
        if operation:
            self.check(operation, title, request, status, item)
        else:
            self.problem(f"{key} [{title}]: no such operation")

    # ---- an operation -----------------------------------------------------------------------

    def operation(self, operation):
        make = valid.table().get(operation.key)
        if make is None:
            self.problem(f"{operation.key}: no valid request in valid.py")
            return
        for number, request in enumerate(make(self.world)):
            self.check(operation, f"valid {number}" if number else "valid", request, operation.success())
            for whose, book, described in self.books(operation):
                for fault in book.described(described, request):
                    self.problem(f"{operation.key}: {whose}our request is not valid: {fault}")
        for title, request, status in derived(operation, lambda: make(self.world)[0]):
            self.check(operation, title, request, status)

    def methods(self, service, path):
        """Methods a path does not have, and whether the answer names those it has."""
        mine = sorted(o.method for o in self.ours.apis[service].operations.values() if o.takes(path))
        first = next(o for o in self.ours.apis[service].operations.values() if o.path == path)
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
        wanted = [o for o in self.ours.operations.values() if self.only in o.key]
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
        """Nothing of the documents was left out, no exception is idle."""
        for book in filter(None, (self.ours, self.theirs)):
            self.problems += book.incomplete()
        for key in sorted(map(openapi.shape, valid.table())):
            if key not in self.ours.operations:
                self.problem(f"{key}: a valid request, but no such operation")
        if self.theirs:
            self.problems += idle(exceptions.STATUSES)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="?", default="", help="operations whose name has this, e.g. 'core-data GET'")
    only = parser.parse_args().only
    began = time.monotonic()
    run = Run(os.environ.get("EDGE_API_DIR"), only)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    daemons = Daemons()
    clean, done = False, False
    try:
        run.wire = Wire(daemons.ports)
        daemons.start(run.wire)
        run.read()
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
    against = "ours and the platform's" if run.theirs else "our"
    operations = len(run.ours.operations) if run.ours else 0
    print(f"{operations} operations of {against} documents, {run.wire.count} requests, {time.monotonic() - began:.1f} s, "
          f"{len(run.problems)} problems")
    return 0 if clean and not run.problems else 1


if __name__ == "__main__":
    sys.exit(main())
