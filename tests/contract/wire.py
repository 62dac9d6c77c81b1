"""One HTTP request and its answer."""
import http.client
import json
import uuid
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode

import yaml

ABSENT = object()


def as_json(body):
    return "application/json", json.dumps(body).encode()


def as_form(body, part="file"):
    """A YAML file in a form, as profiles are uploaded."""
    text = body if isinstance(body, str) else yaml.safe_dump(body)
    form = (f'--edge\r\nContent-Disposition: form-data; name="{part}"; filename="p.yaml"\r\n'
            f"Content-Type: application/x-yaml\r\n\r\n{text}\r\n--edge--\r\n")
    return "multipart/form-data; boundary=edge", form.encode()


@dataclass
class Request:
    """What is sent: path and query by name, a body to be encoded or (bytes) sent as it is."""
    path: dict = field(default_factory=dict)
    query: dict = field(default_factory=dict)
    body: object = ABSENT
    headers: dict = field(default_factory=dict)
    encode: object = as_json

    def but(self, **changes):
        return replace(self, **changes)

    def target(self, template):
        for name, value in self.path.items():
            raw = value.text if isinstance(value, Raw) else quote(str(value), safe="")
            template = template.replace("{" + name + "}", raw)
        query = urlencode(self.query)
        return "/api/v3" + template + ("?" + query if query else "")

    def content(self):
        if self.body is ABSENT:
            return None, None
        if isinstance(self.body, bytes):
            return self.encode({})[0], self.body
        return self.encode(self.body)


@dataclass(frozen=True)
class Raw:
    """A part of a path that is not to be escaped."""
    text: str


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes
    correlation: str

    @property
    def type(self):
        return self.headers.get("content-type", "")

    def json(self):
        return json.loads(self.body) if self.body.strip() else None

    def __str__(self):
        return f"{self.status} {self.body[:300].decode(errors='replace').strip()}"


class Wire:
    """Connections to the services, kept open."""

    def __init__(self, ports):
        self.ports, self.open, self.count = ports, {}, 0

    def send(self, service, method, target, content_type=None, body=None, headers=None):
        correlation = str(uuid.uuid4())
        sent = {"X-Correlation-ID": correlation, **(headers or {})}
        if content_type:
            sent["Content-Type"] = content_type
        self.count += 1
        for last in (False, True):  # a connection kept open may have ended meanwhile
            if service not in self.open:
                self.open[service] = http.client.HTTPConnection("127.0.0.1", self.ports[service], timeout=20)
            connection = self.open[service]
            try:
                connection.request(method, target, body=body, headers=sent)
                response = connection.getresponse()
                names = {k.lower(): v for k, v in response.getheaders()}
                return Answer(response.status, names, response.read(), correlation)
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                del self.open[service]
                if last:
                    raise

    def ask(self, service, method, template, request):
        content_type, body = request.content()
        return self.send(service, method, request.target(template), content_type, body, request.headers)
