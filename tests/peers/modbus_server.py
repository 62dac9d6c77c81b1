"""pymodbus as a unit: modbus_server.py tcp PORT | rtu TTY | ascii TTY. Units 1 and 7; 400 coils, inputs and registers."""
import asyncio
import sys

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def device(unit):
    registers = [SimData(0, values=list(range(400)), datatype=DataType.REGISTERS)]
    bits = [SimData(0, count=400, values=False, datatype=DataType.BITS)]
    inputs = [SimData(0, values=list(range(400)), datatype=DataType.REGISTERS)]
    return SimDevice(unit, simdata=(bits, [SimData(0, count=400, values=True, datatype=DataType.BITS)], registers, inputs))


async def main():
    kind, place = sys.argv[1:3]
    devices = [device(1), device(7)]
    if kind == "tcp":
        server = ModbusTcpServer(devices, address=("127.0.0.1", int(place)))
    else:
        framer = FramerType.RTU if kind == "rtu" else FramerType.ASCII
        server = ModbusSerialServer(devices, framer=framer, port=place, baudrate=115200)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
