# SPDX-License-Identifier: GPL-2.0
"""What user space asks NVMe nodes for, from a program in the guest: ioctls with any numbers, right or wrong."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]


def number(direction: int, size: int, nr: int) -> int:
    """As linux/ioctl.h: 1 in, 2 out, 3 both."""
    return direction << 30 | size << 16 | ord("N") << 8 | nr


ID, RESET, SUBSYS_RESET, RESCAN = (number(0, 0, nr) for nr in (0x40, 0x44, 0x45, 0x46))
ADMIN, IO = number(3, 72, 0x41), number(3, 72, 0x43)
ADMIN64, IO64, IO64_VEC = (number(3, 80, nr) for nr in (0x47, 0x48, 0x49))
SUBMIT, SUBMIT32 = number(1, 48, 0x42), number(1, 44, 0x42)


class Memory:
    """Pages of user memory, anonymous."""

    def __init__(self, size: int, data: bytes = b"", prot: int = mmap.PROT_READ | mmap.PROT_WRITE) -> None:
        self.map = mmap.mmap(-1, max(size, 1), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
        self.map[: len(data)] = data
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        if prot != mmap.PROT_READ | mmap.PROT_WRITE:
            assert _libc.mprotect(ctypes.c_void_p(self.address), ctypes.c_size_t(max(size, 1)), prot) == 0

    def __getitem__(self, part: slice) -> bytes:
        return self.map[part]


def ioctl(fd: int, command: int, argument: bytes | int = 0) -> tuple[int, bytes]:
    """The result, or minus the errno, and what the kernel left in the argument."""
    if isinstance(argument, int):
        done = _libc.ioctl(fd, command, ctypes.c_void_p(argument))
        return (done if done >= 0 else -ctypes.get_errno()), b""
    buffer = ctypes.create_string_buffer(argument, len(argument))
    done = _libc.ioctl(fd, command, ctypes.cast(buffer, ctypes.c_void_p))
    return (done if done >= 0 else -ctypes.get_errno()), buffer.raw


def passthru(
    fd: int, command: int, opcode: int, nsid: int = 0, addr: int = 0, length: int = 0, words: dict[int, int] | None = None, *,
    flags: int = 0, metadata: int = 0, metadata_length: int = 0, timeout: int = 0,
) -> tuple[int, int]:  # fmt: skip
    """A command: the result of the ioctl, and that of the command."""
    cdw = [(words or {}).get(i, 0) for i in range(10, 16)]
    head = struct.pack("<BBHIIIQQII", opcode, flags, 0, nsid, (words or {}).get(2, 0), (words or {}).get(3, 0), metadata, addr, metadata_length, length)
    is64 = command in (ADMIN64, IO64, IO64_VEC)
    done, after = ioctl(fd, command, head + struct.pack("<6I", *cdw) + (struct.pack("<IIQ", timeout, 0, 0) if is64 else struct.pack("<II", timeout, 0)))
    return done, struct.unpack_from("<Q" if is64 else "<I", after, 72 if is64 else 68)[0]


def submit(fd: int, opcode: int, lba: int, blocks: int, addr: int, *, command: int = SUBMIT, metadata: int = 0, control: int = 0, flags: int = 0) -> int:
    """SUBMIT_IO; `blocks` is 0-based, as in the struct."""
    argument = struct.pack("<BBHHHQQQIIHHI", opcode, flags, control, blocks, 0, metadata, addr, lba, 0, 0, 0, 0, 0)
    return ioctl(fd, command, argument[: 44 if command == SUBMIT32 else 48])[0]


def rw(lba: int, blocks: int) -> dict[int, int]:
    """The words of a read, write or compare of `blocks` blocks."""
    return {10: lba & 0xFFFFFFFF, 11: lba >> 32, 12: blocks - 1}


@contextmanager
def opened(path: str, flags: int = os.O_RDWR) -> Iterator[int]:
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def as_nobody(function: object) -> str:
    """What `function` returns, called by a user without rights in a process of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            said = repr(function())  # type: ignore[operator]
        except OSError as error:
            said = errno.errorcode[error.errno or 0]
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as stream:
        return stream.read()


_syscall = _libc.syscall
_SETUP, _ENTER, _REGISTER = 425, 426, 427
IOPOLL, BIG = 1, 1 << 10 | 1 << 11
URING_IO, URING_IO_VEC, URING_ADMIN, URING_ADMIN_VEC = (number(3, 72, nr) for nr in (0x80, 0x81, 0x82, 0x83))


class Ring:
    """An io_uring for commands; `flags` as in io_uring_setup()."""

    ENTRIES = 8

    def __init__(self, flags: int = BIG) -> None:
        params = bytearray(120)
        struct.pack_into("<I", params, 8, flags)
        raw = (ctypes.c_char * 120).from_buffer(params)
        self.fd = _syscall(_SETUP, self.ENTRIES, raw)
        assert self.fd >= 0, f"io_uring_setup: {ctypes.get_errno()}"
        sq_entries, cq_entries = struct.unpack_from("<II", params)
        self.sq = struct.unpack_from("<7I", params, 40)
        self.cq = struct.unpack_from("<6I", params, 80)
        self.sqe_size, self.cqe_size = (128, 32) if flags & BIG else (64, 16)
        size = max(self.sq[6] + 4 * sq_entries, self.cq[5] + self.cqe_size * cq_entries)
        self.ring = mmap.mmap(self.fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0)
        self.sqes = mmap.mmap(self.fd, self.sqe_size * sq_entries, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0x10000000)

    def _get(self, offset: int) -> int:
        return int(struct.unpack_from("<I", self.ring, offset)[0])

    def _put(self, offset: int, value: int) -> None:
        struct.pack_into("<I", self.ring, offset, value)

    def register(self, memory: Memory, size: int) -> None:
        """Makes `memory` the ring's fixed buffer 0."""
        vector = ctypes.create_string_buffer(struct.pack("<QQ", memory.address, size))
        assert _syscall(_REGISTER, self.fd, 0, vector, 1) == 0

    def send(
        self, fd: int, op: int, opcode: int, nsid: int = 0, addr: int = 0, length: int = 0, words: dict[int, int] | None = None, *,
        fixed: bool = False, metadata: int = 0, metadata_length: int = 0, timeout: int = 0, flags: int = 0, data: int = 0,
    ) -> None:  # fmt: skip
        """Queues a command and tells the kernel of it."""
        cdw = [(words or {}).get(i, 0) for i in range(10, 16)]
        command = struct.pack("<BBHIIIQQII", opcode, flags, 0, nsid, 0, 0, metadata, addr, metadata_length, length) + struct.pack("<6III", *cdw, timeout, 0)
        sqe = struct.pack("<BBHiIIQIIQHHI", 46, 0, 0, fd, op, 0, 0, 0, int(fixed), data, 0, 0, 0)
        entry = (sqe.ljust(48, b"\0") + command).ljust(128, b"\0")[: self.sqe_size]
        tail = self._get(self.sq[1])
        slot = tail & self._get(self.sq[2])
        self.sqes[slot * self.sqe_size : (slot + 1) * self.sqe_size] = entry
        self._put(self.sq[6] + 4 * slot, slot)
        self._put(self.sq[1], tail + 1)
        assert _syscall(_ENTER, self.fd, 1, 0, 0, None, 0) == 1, ctypes.get_errno()

    def wait(self) -> tuple[int, int, int]:
        """The next completion: what it belongs to, its status, its result."""
        head = self._get(self.cq[0])
        while self._get(self.cq[1]) == head:
            assert _syscall(_ENTER, self.fd, 0, 1, 1, None, 0) >= 0, ctypes.get_errno()
        at = self.cq[5] + (head & self._get(self.cq[2])) * self.cqe_size
        data, status = struct.unpack_from("<Qi", self.ring, at)
        result = struct.unpack_from("<Q", self.ring, at + 16)[0] if self.cqe_size == 32 else 0
        self._put(self.cq[0], head + 1)
        return data, status, result

    def run(self, *args: int, **more: object) -> tuple[int, int]:
        """send() and wait(): status and result."""
        self.send(*args, **more)  # type: ignore[arg-type]
        return self.wait()[1:]
