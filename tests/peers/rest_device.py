#!/usr/bin/env python3
"""A device with a web server, of another kind than ours: python3's http.server, with gzip, chunks, redirects, TLS, and faults
on demand. rest_device.py PORT [CERT KEY [CLIENT_CA]]; what is served stands at class Device."""
import gzip
import json
import os
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

store = {"value": b"21.5", "mode": b"eco"}
lock = threading.Lock()


class Device(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, code=200, kind="text/plain", **headers):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.split("?")[0].strip("/")
        document = json.dumps({"celsius": 21.5, "mode": store["mode"].decode(), "host": self.headers["Host"]}).encode()
        if name == "status":
            self.answer(document, kind="application/json")
        elif name == "gzip":
            self.answer(gzip.compress(document), kind="application/json", Content_Encoding="gzip")
        elif name == "bomb":
            self.answer(gzip.compress(b"0" * (64 << 20)), Content_Encoding="gzip")
        elif name == "chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for c in document:
                self.wfile.write(b"1\r\n%c\r\n" % c)
            self.wfile.write(b"0\r\n\r\n")
        elif name == "moved":
            self.answer(b"", 301, Location="/status")
        elif name == "away":
            self.answer(b"", 302, Location="http://localhost:%d/status" % self.server.server_port)
        elif name == "die":  # amid its answer
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"2")
            self.wfile.flush()
            os._exit(1)
        elif name == "silent":
            threading.Event().wait()
        elif name in store:
            self.answer(store[name])
        else:
            self.answer(b"no such thing", 404)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            store[self.path.strip("/")] = body
        self.answer(b"", 204)

    do_POST = do_PUT


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):  # clients that break off are what is tested
        pass


def main():
    server = Server(("0.0.0.0", int(sys.argv[1])), Device)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        if len(sys.argv) > 4:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(sys.argv[4])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
