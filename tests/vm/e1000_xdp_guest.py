# SPDX-License-Identifier: GPL-2.0
"""Runs in the guest: sends frames from one card's namespace, and says what arrives in another's, by packet or AF_XDP socket.

Namespaces are n0, n1, ..., and cards e0, e1, ... in them. The result is a Python literal.
"""

import ast
import ctypes
import mmap
import os
import socket
import struct
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_BPF = 321
_OBJ_GET, _MAP_UPDATE = 7, 2
_AF_XDP, _SOL_XDP = 44, 283
_MMAP_OFFSETS, _RX_RING, _UMEM_REG, _FILL_RING, _COMPLETION_RING = 1, 2, 4, 5, 6
_PG_FILL = 0x100000000
_COPY = 2
_COUNT, _CHUNK = 64, 4096
_SECONDS = 20


def enter(number: int) -> None:
    """Goes on in the namespace of a card."""
    with open(f"/run/netns/n{number}") as space:
        if _LIBC.setns(space.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def packets(number: int, protocol: int) -> socket.socket:
    """A packet socket of a card."""
    enter(number)
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind((f"e{number}", protocol))
    return made


def address(number: int) -> bytes:
    """A card's own."""
    enter(number)
    with packets(number, 0) as asked:
        return asked.getsockname()[4]


def content(kind: int, number: int, length: int) -> bytes:
    """What a frame has after its header: others for each."""
    return (struct.pack(">HI", kind, number) + bytes((number * 7 + i) & 0xFF for i in range(length)))[: length - 14]


def send(sender: socket.socket, to: bytes, origin: bytes, kind: int, numbers: range, lengths: list[int]) -> None:
    """Sends frames, not faster than they are received."""
    for number in numbers:
        length = lengths[number % len(lengths)]
        sender.send(to + origin + struct.pack(">H", kind) + content(kind, number, length))
        if number % 8 == 7:
            time.sleep(0.002)


def exchange(source: int, peer: int, target: int, kind: int, count: int, lengths: list[int], skip: int = 0, cut: int = 0) -> dict[str, object]:
    """Sends frames from a card to `peer` (one on its wire), and receives them at `target`: numbers, lengths and contents.

    `wrong`: of the first that is not as it was sent, what came; of its length, only the shorter of the two is compared. `skip`: bytes
    that are new after the header. `cut`: bytes that were taken off the end, before zeroes made the frame as long as Ethernet wants.
    """
    own, to = address(source), address(peer)
    with packets(source, 0) as sender, packets(target, kind) as receiver:
        receiver.settimeout(0.5)
        got: dict[int, int] = {}
        wrong = ""
        ends = time.monotonic() + _SECONDS
        for begin in range(0, count, 32):
            send(sender, to, own, kind, range(begin, min(count, begin + 32)), lengths)
            while len(got) < min(count, begin + 32) and time.monotonic() < ends:
                try:
                    frame, where = receiver.recvfrom(4096)
                except TimeoutError:
                    break
                if where[2] == socket.PACKET_OUTGOING:
                    continue
                body = frame[14 + skip :]
                number = struct.unpack(">I", body[2:6])[0]
                wanted = content(kind, number, lengths[number % len(lengths)])
                if cut:
                    wanted = wanted[:-cut].ljust(46, b"\0")
                size = min(len(wanted), len(body))
                if body[:size] != wanted[:size] and not wrong:
                    wrong = frame.hex()
                got[number] = len(frame)
        return {"count": len(got), "lengths": sorted(set(got.values())), "wrong": wrong, "headers": "" if not got else frame[:14].hex()}


def pinned(path: str) -> int:
    """A file descriptor of a map."""
    name = ctypes.create_string_buffer(path.encode())
    attributes = ctypes.create_string_buffer(struct.pack("QII", ctypes.addressof(name), 0, 0), 16)
    found = _LIBC.syscall(_BPF, _OBJ_GET, attributes, 16)
    if found < 0:
        raise OSError(ctypes.get_errno(), path)
    return found


def put(path: str, value: int) -> None:
    """Element 0 of a map of numbers."""
    key, entry = ctypes.c_uint32(0), ctypes.c_uint32(value)
    where = pinned(path)
    attributes = ctypes.create_string_buffer(struct.pack("IxxxxQQQ", where, ctypes.addressof(key), ctypes.addressof(entry), 0), 32)
    done = _LIBC.syscall(_BPF, _MAP_UPDATE, attributes, 32)
    os.close(where)
    if done != 0:
        raise OSError(ctypes.get_errno(), "map update")


def direct(number: int, target: int, path: str) -> str:
    """Element 0 of the map of ports is a card."""
    enter(target)
    put(path, socket.if_nametoindex(f"e{target}"))
    return f"e{number} to e{target}"


def by_socket(source: int, target: int, kind: int, path: str, count: int, lengths: list[int]) -> dict[str, object]:
    """As exchange(), by an AF_XDP socket that has frames copied to it."""
    own, to = address(source), address(target)
    with packets(source, 0) as sender:
        enter(target)
        with socket.socket(_AF_XDP, socket.SOCK_RAW, 0) as receiver:
            memory = mmap.mmap(-1, _COUNT * _CHUNK)
            at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            receiver.setsockopt(_SOL_XDP, _UMEM_REG, struct.pack("QQIIII", at, _COUNT * _CHUNK, _CHUNK, 0, 0, 0))
            for ring in (_FILL_RING, _COMPLETION_RING, _RX_RING):
                receiver.setsockopt(_SOL_XDP, ring, _COUNT)
            offsets = struct.unpack("16Q", receiver.getsockopt(_SOL_XDP, _MMAP_OFFSETS, 128))
            rx = mmap.mmap(receiver.fileno(), offsets[2] + _COUNT * 16, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, offset=0)
            fill = mmap.mmap(receiver.fileno(), offsets[10] + _COUNT * 8, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, offset=_PG_FILL)
            bound = struct.pack("HHIII", _AF_XDP, _COPY, socket.if_nametoindex(f"e{target}"), 0, 0)
            if _LIBC.bind(receiver.fileno(), bound, len(bound)) != 0:
                raise OSError(ctypes.get_errno(), "bind")
            put(path, receiver.fileno())
            for i in range(_COUNT):
                struct.pack_into("Q", fill, offsets[10] + 8 * i, i * _CHUNK)
            filled = _COUNT
            struct.pack_into("I", fill, offsets[8], filled)
            good = taken = 0
            ends = time.monotonic() + _SECONDS
            for begin in range(0, count, 16):
                send(sender, to, own, kind, range(begin, min(count, begin + 16)), lengths)
                while taken < min(count, begin + 16) and time.monotonic() < ends:
                    if struct.unpack_from("I", rx, offsets[0])[0] == taken:
                        time.sleep(0.01)
                        continue
                    where, size, _ = struct.unpack_from("QII", rx, offsets[2] + 16 * (taken % _COUNT))
                    frame = memory[where : where + size]
                    number = struct.unpack(">I", frame[16:20])[0]
                    good += frame[14:] == content(kind, number, lengths[number % len(lengths)])
                    taken += 1
                    struct.pack_into("I", rx, offsets[1], taken)
                    struct.pack_into("Q", fill, offsets[10] + 8 * (filled % _COUNT), where // _CHUNK * _CHUNK)
                    filled += 1
                    struct.pack_into("I", fill, offsets[8], filled)
            return {"taken": taken, "good": good}


def main(argv: list[str]) -> None:
    """Calls the function that argv[1] names with what argv[2] lists."""
    called = {function.__name__: function for function in (exchange, direct, by_socket)}[argv[1]]
    print(repr(called(*ast.literal_eval(argv[2]))))
