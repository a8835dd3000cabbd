# SPDX-License-Identifier: GPL-2.0
"""Runs in the guest: has all devices sleep and wake up, and sends frames between two cards before and after that.

The guest's files are gone afterwards, since the device that they come through does not wake up: everything is open, and has been used,
before. Prints what came of it.
"""

import ctypes
import fcntl
import os
import socket
import struct
import time

_GET_FLAGS, _RUNNING = 0x8913, 0x40
_CLONE_NEWNET = 0x40000000
_TYPE = 0x88B5


def space_socket(libc, space, name):
    """A socket for raw frames of a network device in a namespace. Errors: OSError."""
    fd = os.open(f"/run/netns/{space}", os.O_RDONLY)
    if libc.setns(fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_TYPE))
    made.bind((name, _TYPE))
    made.settimeout(0.5)
    return made


def is_running(sock, name):
    """The device has a link."""
    flags = struct.unpack_from("H", fcntl.ioctl(sock, _GET_FLAGS, struct.pack("16sH22x", name.encode(), 0)), 16)[0]
    return bool(flags & _RUNNING)


def passes(sender, receiver, text):
    """Sends a frame until it arrives, for 15 s at most."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            sender.send(b"\xff" * 6 + bytes(6) + b"\x88\xb5" + text)
            while True:
                if receiver.recv(2000)[14 : 14 + len(text)] == text:
                    return True
        except OSError:
            pass
    return False


def both_ways(cards, what):
    """Waits for links, and sends a frame each way."""
    deadline = time.monotonic() + 15
    while not all(is_running(sock, name) for sock, name in cards):
        if time.monotonic() > deadline:
            return f"{what}: no link"
        time.sleep(0.1)
    (one, _), (other, _) = cards
    text = what.encode() * 20
    return f"{what}: {passes(one, other, text)} {passes(other, one, text)}"


def main(argv):
    """argv[1]: how often."""
    libc = ctypes.CDLL(None, use_errno=True)
    cards = [(space_socket(libc, f"n{number}", f"e{number}"), f"e{number}") for number in range(2)]
    test = os.open("/sys/power/pm_test", os.O_WRONLY)
    state = os.open("/sys/power/state", os.O_RDWR)
    word = b"mem" if b"mem" in os.read(state, 100) else b"freeze"
    os.write(test, b"devices")
    said = [both_ways(cards, "before")]
    for number in range(int(argv[1])):
        os.pwrite(state, word, 0)
        said.append(both_ways(cards, f"after {number}"))
    # The interpreter's end would read files.
    os.write(1, "\n".join(said).encode())
    os._exit(0)
