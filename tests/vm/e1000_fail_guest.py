# SPDX-License-Identifier: GPL-2.0
"""Runs in the guest: nullblk_guest.py's operations, and those of network devices, by system calls of its own thread alone."""

import array
import fcntl
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # Which python3 -I leaves out.

from nullblk_guest import OPERATIONS, main  # noqa: E402, F401

_GET_FLAGS, _SET_FLAGS, _SET_MTU, _ETHTOOL = 0x8913, 0x8914, 0x8922, 0x8946
_SET_RINGS = 0x11
_IFF_UP = 1
_kept: list[socket.socket] = []  # Closing one would not fail, but takes time.


def ioctl(name: str, request: int, fmt: str, *values: int) -> bytes:
    """An ioctl() about a network device. Errors: OSError."""
    if not _kept:
        _kept.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    asked = struct.pack(f"16s{fmt}", name.encode(), *values)
    return fcntl.ioctl(_kept[0], request, asked.ljust(40, b"\0"))


def link(name: str, up: int) -> None:
    """Opens or closes it."""
    flags = struct.unpack_from("H", ioctl(name, _GET_FLAGS, "H", 0), 16)[0]
    ioctl(name, _SET_FLAGS, "H", flags | _IFF_UP if up else flags & ~_IFF_UP)


def mtu(name: str, size: int) -> None:
    ioctl(name, _SET_MTU, "i", size)


def rings(name: str, rx: int, tx: int) -> None:
    wanted = array.array("I", [_SET_RINGS, 0, 0, 0, 0, rx, 0, 0, tx])
    ioctl(name, _ETHTOOL, "Q", wanted.buffer_info()[0])


def frames(name: str, count: int) -> None:
    """Sends frames of several lengths to everybody."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((name, 0x88B5))
        for number in range(count):
            sender.send(b"\xff" * 6 + bytes(6) + b"\x88\xb5" + bytes(20 + number * 97 % 1400))


OPERATIONS |= {function.__name__: function for function in (link, mtu, rings, frames)}
