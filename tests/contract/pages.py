"""The generated pages docs/api/*.md name the operations of the files, and no others."""
import os
import re

import daemons
import exceptions
import openapi

PAGES = {service: daemons.PROGRAMS[service] for service in openapi.SERVICES}
ROW = re.compile(r"^\| ([A-Z]+) \| `/api/v3(/[^`]*)` \|", re.M)


def shape(path):
    """Parameters may have other names."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def routes(text):
    """Those of the table, and those its introduction lists: 'every service answers `GET /api/v3/ping`, `/version`'."""
    yield from ROW.findall(text)
    method = None
    introduction = re.search(r"every service answers (.*?)\.\n", text, re.S)
    for name in re.findall(r"`([^`]*)`", introduction.group(1) if introduction else ""):
        *methods, path = name.split(" ")
        method = methods[0] if methods else method
        yield method, path.removeprefix("/api/v3")


def differences(operations, source):
    for service, page in PAGES.items():
        with open(os.path.join(source, "docs/api", page + ".md"), encoding="utf-8") as file:
            told = {f"{service} {method} {shape(path)}" for method, path in routes(file.read())}
        described = {f"{service} {o.method} {shape(o.path)}" for o in operations.values() if o.service == service}
        for key in sorted(told ^ described):
            if not exceptions.is_page_difference(key, told=key in told):
                yield f"{key}: only in {'docs/api/' + page + '.md' if key in told else 'the OpenAPI file'}"
