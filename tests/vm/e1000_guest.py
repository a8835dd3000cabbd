# SPDX-License-Identifier: GPL-2.0
"""Runs in the guest: asks ethtool many things in one process, and prints what was said by section.

The list comes as a Python literal in the first argument: (section, commands), in which a command is one of ethtool's, or a
word of this file's own with its arguments. The result leaves as a dictionary, with a time in seconds for each section.
"""

import array
import ast
import fcntl
import os
import socket
import struct
import subprocess
import time

_MII = {"phy": 0x8947, "read": 0x8948, "write": 0x8949, "other": 0x89F0}
_SIOCETHTOOL, _GREGS = 0x8946, 4
# Where rings are is chance.
_CHANCE = (4, 5, 9, 10)


def ioctl(request: int, argument: bytearray | bytes) -> None:
    """An ioctl() of the network's. Errors: OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, request, argument)


def mii(name: str, what: str, reg: int = 0, value: int = 0) -> str:
    """An ioctl() about a register of the PHY: its four words, or the error."""
    request = bytearray(struct.pack("16sHHHH16x", name.encode(), 0, reg, value, 0))
    try:
        ioctl(_MII[what], request)
    except OSError as error:
        return f"error {error.errno}"
    return str(struct.unpack_from("HHHH", request, 16))


def all_mii(name: str) -> str:
    """All registers of the PHY, some of them by numbers that there are not."""
    return "\n".join([mii(name, "phy"), *(f"{reg} {mii(name, 'read', reg)}" for reg in [*range(32), 33, 66]), mii(name, "other")])


def registers(name: str) -> str:
    """The card's registers as words, and what the driver says of them."""
    buffer = array.array("B", struct.pack("III", _GREGS, 0, 128) + bytes(128))
    ioctl(_SIOCETHTOOL, struct.pack("16sQ16x", name.encode(), buffer.buffer_info()[0]))
    words = struct.unpack("35I", buffer)
    lines = [f"version {words[1]:#x}, {words[2]} bytes"]
    # A self-test leaves a bit of the first that QEMU does not reset.
    return "\n".join(lines + [f"{at} {word & ~0x80 if at == 0 else word:#x}" for at, word in enumerate(words[3:]) if at not in _CHANCE])


def linked(name: str) -> str:
    """Waits until a card that is up has a link."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with open(f"/sys/class/net/{name}/carrier") as file:
                if file.read().strip() == "1":
                    return ""
        except OSError:  # It is down.
            return ""
        time.sleep(0.05)
    return "no link"


_OWN = {
    "mii": all_mii,
    "registers": registers,
    "linked": linked,
    "set-mii": lambda name, reg, value: mii(name, "write", int(reg, 0), int(value, 0)),
    "flags": lambda name: open(f"/sys/class/net/{name}/flags").read().strip(),
}


def run(command: str) -> str:
    """What one command prints, and how it ends."""
    words = command.split()
    if words[0] in _OWN:
        return f"$ {command}\n{_OWN[words[0]](*words[1:])}\n"
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60, env=os.environ, text=True, check=False)
    return f"$ {command}\n{done.stdout}= {done.returncode}\n"


def main(argv: list[str]) -> None:
    """Runs all that argv[1] lists."""
    sections = ast.literal_eval(argv[1])
    said, took = {}, {}
    for section, commands in sections:
        begin = time.monotonic()
        said[section] = "".join(map(run, commands))
        took[section] = round(time.monotonic() - begin, 2)
    print(repr((said, took)))
