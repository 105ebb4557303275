"""hands.py CPU: does on one CPU what other programs than the watch do in a world.

Reads one command a line as JSON and answers each by one line. What it opens closes when it ends.
"""

import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000

libc = ctypes.CDLL(None, use_errno=True)
opened = {}


def enter(namespace):
    descriptor = os.open(namespace, os.O_RDONLY)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)


def repeat(write, command):
    """Writes frames that differ by their number. Gives how many the kernel took, and what it said."""
    head = bytes.fromhex(command["head"])
    frame = bytearray(head.ljust(command["length"], b"\0"))
    sent, errors = 0, {}
    for number in range(command["first"], command["first"] + command["count"]):
        struct.pack_into("!I", frame, command["numberAt"], number)
        try:
            write(frame)
            sent += 1
        except OSError as error:
            name = errno.errorcode.get(error.errno, str(error.errno))
            errors[name] = errors.get(name, 0) + 1
    return {"sent": sent, "errors": errors}


def send(command):
    enter(command["namespace"])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        try:
            sender.bind((command["on"], 0))
        except OSError as error:
            # It has gone meanwhile.
            return {"sent": 0, "errors": {errno.errorcode[error.errno]: 1}}
        return repeat(sender.send, command)


def tun(command):
    enter(command["namespace"])
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    kind = IFF_TUN if command["mode"] == "tun" else IFF_TAP
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", command["name"].encode(), kind | IFF_NO_PI))
    opened[command["name"]] = descriptor
    return {}


def write(command):
    return repeat(lambda frame: os.write(opened[command["tun"]], frame), command)


def tap(command):
    enter(command["namespace"])
    protocol = command.get("etherType", ETH_P_ALL)
    socket_of_tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    socket_of_tap.bind((command["on"], protocol))
    opened[command["name"]] = socket_of_tap
    return {}


def untap(command):
    opened.pop(command["name"]).close()
    return {}


os.sched_setaffinity(0, {int(sys.argv[1])})
COMMANDS = {"send": send, "tun": tun, "write": write, "tap": tap, "untap": untap}
for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = COMMANDS[command["do"]](command)
    except OSError as error:
        answer = {"failed": str(error)}
    print(json.dumps(answer), flush=True)
