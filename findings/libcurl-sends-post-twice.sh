#!/usr/bin/env bash
# libcurl (in pycurl's wheel): a POST on a kept connection that breaks before an answer is sent again on a new one, without having been
# told to. RFC 9110, 9.2.2: a client should not repeat what is not idempotent by itself. A relay that toggles has toggled twice.
# CURLOPT_FRESH_CONNECT for each POST prevents it.
set -euo pipefail
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
pip install --quiet --root-user-action=ignore --disable-pip-version-check --target "$DIR" pycurl==7.45.6
cat >"$DIR/relay.py" <<'PY'
import io
import socket
import threading

import pycurl

seen = []


def serve(connection):
    """Answers the first request; the second one it takes, does, and is cut off."""
    for n in (1, 2):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(4096)
            if not more:
                return
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ") for line in head.split(b"\r\n")[1:])
        while len(body) < int(headers.get(b"content-length", b"0")):
            body += connection.recv(4096)
        seen.append(head.split(b" ")[0].decode())
        if n == 1:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    connection.close()


def listen(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=listen, args=(listener,), daemon=True).start()


def exchange(fresh):
    seen.clear()
    c = pycurl.Curl()
    c.setopt(c.URL, "http://127.0.0.1:%d/relay" % listener.getsockname()[1])
    c.setopt(c.WRITEDATA, io.BytesIO())
    c.perform()
    c.setopt(c.POSTFIELDS, "toggle")
    c.setopt(c.FRESH_CONNECT, fresh)
    c.perform()
    c.close()
    return list(seen)


print(pycurl.version)
usual, fresh = exchange(False), exchange(True)
print("the server has done:", usual, "with FRESH_CONNECT:", fresh)
assert usual == ["GET", "POST", "POST"], "it is not sent twice any more"
assert fresh == ["GET", "POST"], fresh
PY
PYTHONPATH=$DIR python3 "$DIR/relay.py"
