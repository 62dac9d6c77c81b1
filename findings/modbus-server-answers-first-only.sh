#!/usr/bin/env bash
# pymodbus 3.16.1, server: of several requests that come in one TCP segment it answers the first and forgets the rest, without
# an exception and without closing. The protocol gives each request a transaction number so that several may be under way;
# libmodbus 3.1.6 and most PLCs answer them all. A client that asks ahead waits for its time-out.
set -euo pipefail
dir=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m pip install -q --disable-pip-version-check --target "$dir/lib" pymodbus==3.16.1 2>/dev/null
export PYTHONPATH=$dir/lib
cat >"$dir/server.py" <<'PY'
import asyncio
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

async def main():
    registers = SimDevice(1, simdata=[SimData(0, values=[10, 11, 12, 13], datatype=DataType.REGISTERS)])
    server = ModbusTcpServer(registers, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
PY
cat >"$dir/client.py" <<'PY'
import socket, struct, sys

def question(number, register):
    return struct.pack(">HHHBBHH", number, 0, 6, 1, 3, register, 1)

def answers(peer):
    got = b""
    try:
        while True:
            piece = peer.recv(1024)
            if not piece:
                break
            got += piece
    except TimeoutError:
        pass
    return [struct.unpack(">H", got[at:at + 2])[0] for at in range(0, len(got), 11)]

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2) as peer:
    peer.settimeout(2)
    peer.sendall(question(1, 0) + question(2, 1) + question(3, 2))
    together = answers(peer)
    peer.sendall(question(4, 3))
    alone = answers(peer)
print("asked 1, 2 and 3 in one piece, answered:", together)
print("asked 4 alone, answered:", alone)
if together != [1] or alone != [4]:
    print("CHANGED")
    sys.exit(1)
PY
python3 "$dir/server.py" >"$dir/port" 2>"$dir/log" &
server=$!
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
python3 "$dir/client.py" "$(cat "$dir/port")"
