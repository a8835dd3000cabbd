# SPDX-License-Identifier: GPL-2.0
"""Commands of user space: ioctls and io_uring on the nodes of controllers and namespaces, as the C driver takes them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

pytestmark = pytest.mark.slow_on_older

CONTROLLERS = [
    Controller("one", (Namespace(512, 16),)),
    Controller("two", (Namespace(512, 16), Namespace(4096, 16))),
    Controller("separate", (Namespace(512, 16, "ms=8"),)),
    Controller("extended", (Namespace(512, 16, "ms=8,mset=1"),)),
    Controller("empty", ()),
]
vm = guest_fixture(CONTROLLERS)
PRELUDE = """
import os, sys, errno, time, threading, signal
sys.path.insert(0, 'tests/vm')
from nvme_user import *
NODES = ['/dev/nvmecpp0', '/dev/ngcpp0n1', '/dev/nvmecpp0n1']
IDENTIFY, READ, WRITE, COMPARE = 6, 2, 1, 5
"""


def user(nvme: Driver, code: str, timeout: float = 60) -> list[str]:
    """The lines that a program in the guest prints."""
    done = nvme.vm.run(["python3", "-c", PRELUDE + textwrap.dedent(code)], timeout)
    assert done.rc == 0, done.out + done.err
    return done.out.strip().splitlines()


@pytest.fixture(scope="module")
def loaded(vm: object, ko: object) -> Iterator[Driver]:
    """The driver with all controllers, in the order of the file: nvmecpp0, ..."""
    with Driver(vm, ko("nvme_cpp")) as driver:  # type: ignore[arg-type, operator]
        assert driver.load("poll_queues=1") == ""
        for controller in CONTROLLERS:
            driver.bind(controller.name)
        yield driver


def test_nv01_namespaces_have_character_devices(loaded: Driver) -> None:
    """ngcppXnY: X the controller's number, Y the disk's."""
    assert loaded.sh("ls /sys/class/nvmecpp-generic").split() == ["ngcpp0n1", "ngcpp1n1", "ngcpp1n2", "ngcpp2n1", "ngcpp3n1"]
    assert loaded.sh("stat -c %F /dev/ngcpp1n2").strip() == "character special file"
    assert loaded.sh("ls -d /sys/class/nvmecpp/nvmecpp1/ngcpp1n1", check=False).strip() or loaded.sh("ls /sys/class/nvmecpp/nvmecpp1/*/")


def test_nv25_admin_commands_by_every_node(loaded: Driver) -> None:
    """Identify with 32 and 64 bits of result; the status of one that fails is positive, as the result of the call."""
    said = user(
        loaded,
        """
        for node in NODES:
            with opened(node) as fd:
                page = Memory(4096)
                for command in ADMIN, ADMIN64:
                    print(passthru(fd, command, IDENTIFY, 0, page.address, 4096, {10: 1}), page[4:7], end=' ')
                print(hex(passthru(fd, ADMIN, 0xc0)[0]), passthru(fd, ADMIN, 0x0a, 0, 0, 0, {10: 7}), passthru(fd, ADMIN, IDENTIFY, 0, page.address, 4096, {10: 1}, flags=1)[0])
        """,
    )
    assert len(said) == 3 and len(set(said)) == 1
    assert said[0].startswith("(0, 0) b'one' (0, 0) b'one' 0x4001 (0, ") and said[0].endswith(" -22")


def test_nv26_io_commands_move_the_right_data(loaded: Driver) -> None:
    """Written by one kind of ioctl, and read by the next; compared by SUBMIT_IO. Fewer pages than a request has segments: none may adjoin another."""
    said = user(
        loaded,
        """
        import random
        for node in NODES[1:]:
            with opened(node) as fd:
                for size in 512, 4096, 8192, 131072, 458752:
                    data = random.randbytes(size)
                    out, back = Memory(size + 4096, bytes(100) + data), Memory(size, b'')
                    assert passthru(fd, IO, WRITE, 1, out.address + 100, size, rw(8, size // 512)) == (0, 0), size
                    assert passthru(fd, IO64, READ, 1, back.address, size, rw(8, size // 512)) == (0, 0) and back[:size] == data, size
                    assert submit(fd, COMPARE, 8, size // 512 - 1, back.address) == 0
                half = Memory(8192)
                vector = Memory(64, struct.pack('<4Q', half.address, 512, half.address + 4096, 3584))
                assert passthru(fd, IO64_VEC, READ, 1, vector.address, 2, rw(8, 8)) == (0, 0)
                assert half[:512] == data[:512] and half[4096:4096 + 3584] == data[512:4096]
                xs, zeros = Memory(512, b'x' * 512), Memory(512)
                assert submit(fd, WRITE, 8, 0, xs.address) == 0
                assert submit(fd, READ, 8, 7, back.address, command=SUBMIT32) == 0 and back[:1024] == b'x' * 512 + data[512:1024]
                print(hex(submit(fd, COMPARE, 8, 0, zeros.address)), submit(fd, 0, 8, 0, back.address), submit(fd, READ, 8, 0, back.address, flags=1), ioctl(fd, ID)[0])
        """,
    )
    assert said == ["0x4285 -22 -22 1"] * 2 or said == ["0x285 -22 -22 1"] * 2


def test_nv28_what_makes_no_sense(loaded: Driver) -> None:
    """Errors of ioctls, each with the errno of the C driver; nothing is left of them."""
    said = user(
        loaded,
        """
        with opened('/dev/ngcpp0n1') as fd, opened('/dev/nvmecpp0') as ctrl:
            page = Memory(4096)
            readonly = Memory(4096, prot=1)
            def io(*args, command=IO, **more):
                return passthru(fd, command, *args, **more)[0]
            print(io(READ, 2, page.address, 512, rw(0, 1)), io(READ, 0, page.address, 512, rw(0, 1)))
            print([ioctl(fd, c, a)[0] for c in (IO, IO64, ADMIN, SUBMIT) for a in (0, 8, 2**47)])
            print(io(READ, 1, 4096, 512, rw(0, 1)), io(READ, 1, readonly.address, 512, rw(0, 1)), io(READ, 1, 2**63, 512, rw(0, 1)))
            large = Memory(2**21)
            print([io(READ, 1, page.address, n, rw(0, 1)) for n in (2**32 - 1, 2**32 - 4096, 2**31)], [io(READ, 1, large.address, n, rw(0, 1)) for n in (2**19 + 512, 2**21)])
            # Without data, as far as the driver is concerned: the device reads what is at address 0.
            print(io(WRITE, 1, page.address, 0, rw(40, 1)), io(WRITE, 1, 0, 512, rw(40, 1)))
            print([io(READ, 1, page.address, n, rw(0, 1), command=IO64_VEC) for n in (1025, 2**32 - 1)], io(WRITE, 1, 0, 5, rw(40, 1), command=IO64_VEC))
            print(io(READ, 1, page.address, 512, rw(0, 1), metadata=page.address, metadata_length=8), io(READ, 1, page.address, 512, rw(0, 1), metadata_length=8))
            print([ioctl(fd, number(0, 0, n))[0] for n in (0x44, 0x45, 0x46, 0x7f)], [ioctl(ctrl, c, page.address)[0] for c in (ID, SUBMIT, IO64, IO64_VEC)])
        """,
    )
    assert said[0] == "-22 -22"
    assert said[1] == str([-14] * 12)
    assert said[2] == "-14 -14 -14"
    assert said[3] == "[-14, -14, -14] [-22, -22]"
    assert said[4] == "0 0"
    assert said[5] == "[-22, -22] 0"
    assert said[6] == "-22 0"
    assert said[7] == "[-25, -25, -25, -25] [-25, -25, -25, -25]"
    assert any("nsid (2) in cmd does not match nsid (1) of namespace" in line for line in loaded.log())


def test_nv39_nv40_nv84_who_may_send_what(loaded: Driver) -> None:
    """Rights as on 6.12; on 6.1 passthrough is root's alone, but SUBMIT_IO goes by the rules of 6.12. Nobody sets what is the driver's."""
    since_6_12 = not loaded.vm.release.startswith("6.1.")
    said = user(
        loaded,
        """
        for node in NODES:
            os.chmod(node, 0o666)
        page = Memory(4096)
        print([[passthru(os.open(node, os.O_RDONLY), ADMIN, 9, 0, 0, 0, {10: f})[0] for f in (7, 0xc, 0xd, 0xf, 0x16)] for node in NODES])
        def admin(opcode, cns):
            return as_nobody(lambda: passthru(os.open('/dev/nvmecpp0', os.O_RDONLY), ADMIN, opcode, 1, page.address, 4096, {10: cns})[0])
        print([admin(IDENTIFY, cns) for cns in (0, 1, 5, 6, 2, 3)], admin(2, 1), admin(0xc0, 0), admin(9, 7))
        def io(mode, command, opcode, node='/dev/ngcpp0n1'):
            return as_nobody(lambda: passthru(os.open(node, mode), command, opcode, 1, page.address, 512, rw(0, 1))[0])
        def sub(mode, opcode, node='/dev/ngcpp0n1'):
            return as_nobody(lambda: submit(os.open(node, mode), opcode, 0, 0, page.address))
        print([io(os.O_RDONLY, IO, READ), io(os.O_RDONLY, IO64, WRITE), io(os.O_RDWR, IO64, WRITE), io(os.O_RDWR, IO, 0x81)])
        print([sub(os.O_RDONLY, READ), sub(os.O_RDONLY, WRITE), sub(os.O_RDWR, WRITE)])
        """,
    )
    assert said[0] == str([[-13] * 5] * 3)
    if since_6_12:
        assert said[1].startswith("['0', '0', ") and said[1].endswith("'-13', '-13'] -13 -13 -13")
        assert said[2] == "['0', '-13', '0', '-13']"
    else:
        assert said[1] == str(["-13"] * 6) + " -13 -13 -13"
        assert said[2] == str(["-13"] * 4)
    assert said[3] == "['0', '-13', '0']"


def test_nv39_partitions_are_no_way_around(loaded: Driver) -> None:
    said = user(
        loaded,
        """
        with opened('/dev/nvmecpp1n1') as fd:
            partition = ctypes.create_string_buffer(struct.pack('<QQi64s64s', 1 << 20, 1 << 20, 1, b'', b''), 152)
            assert ioctl(fd, 0x1269, struct.pack('<iiiiQ', 1, 0, 152, 0, ctypes.addressof(partition)))[0] == 0
        node, page = '/dev/nvmecpp1n1p1', Memory(4096)
        os.chmod(node, 0o666)
        print(as_nobody(lambda: submit(os.open(node, os.O_RDWR), READ, 0, 0, page.address)), as_nobody(lambda: passthru(os.open(node, os.O_RDWR), IO, READ, 1, page.address, 512, rw(0, 1))[0]))
        print(submit(os.open(node, os.O_RDWR), READ, 0, 0, page.address))
        """,
    )
    assert said == ["-13 -13", "0"]


def test_nv43_metadata_in_a_buffer_of_its_own(loaded: Driver) -> None:
    """Comes back as it was written, by ioctls and rings; without a buffer, or with a bad one, SUBMIT_IO is EINVAL."""
    said = user(
        loaded,
        """
        with opened('/dev/ngcpp2n1') as fd:
            data, meta = Memory(4096, bytes(range(256)) * 8), Memory(4096, bytes(range(100, 132)))
            back, also = Memory(4096), Memory(4096)
            print(passthru(fd, IO, WRITE, 1, data.address, 2048, rw(16, 4), metadata=meta.address, metadata_length=32))
            print(passthru(fd, IO64, READ, 1, back.address, 2048, rw(16, 4), metadata=also.address, metadata_length=32), back[:2048] == data[:2048], also[:32] == meta[:32])
            other = Memory(4096)
            print(submit(fd, READ, 16, 3, back.address, metadata=other.address), other[:33] == meta[:32] + bytes(1))
            ring, third = Ring(), Memory(4096)
            print(ring.run(fd, URING_IO, READ, 1, back.address, 2048, rw(16, 4), metadata=third.address, metadata_length=32), third[:32] == meta[:32])
            print([submit(fd, READ, 16, 3, back.address, metadata=m) for m in (0, meta.address + 1)], submit(fd, READ, 16, 3, back.address, metadata=4096))
            print(passthru(fd, IO, WRITE, 1, data.address, 2048, rw(16, 4), metadata=4096, metadata_length=32)[0])
            print(passthru(fd, IO, READ, 1, data.address, 2048, rw(16, 4), metadata=meta.address, metadata_length=2**32 - 1)[0] in (-7, -12))
        """,
    )
    assert said == ["(0, 0)", "(0, 0) True True", "0 True", "(0, 0) True", "[-22, -22] -14", "-14", "True"]


def test_nv43_metadata_after_each_block(loaded: Driver) -> None:
    """520 bytes a block, in one buffer."""
    said = user(
        loaded,
        """
        with opened('/dev/ngcpp3n1') as fd:
            data, back = Memory(4096, bytes(range(260)[i % 256] for i in range(1040))), Memory(4096)
            print(submit(fd, WRITE, 4, 1, data.address), submit(fd, READ, 4, 1, back.address), back[:1040] == data[:1040])
            print(passthru(fd, IO, READ, 1, back.address, 1040, rw(4, 2), metadata=data.address, metadata_length=16)[0])
        """,
    )
    assert said == ["0 0 True", "-22"]


def test_nv27_rings(loaded: Driver) -> None:
    """I/O with plain, fixed and vectored buffers, administrative commands, and what rings are not taken."""
    said = user(
        loaded,
        """
        with opened('/dev/ngcpp0n1') as fd, opened('/dev/nvmecpp0') as ctrl:
            ring, small, data = Ring(), Ring(0), bytes(range(256)) * 32
            out, back = Memory(8192, data), Memory(8192)
            print(ring.run(fd, URING_IO, WRITE, 1, out.address, 8192, rw(64, 16)), ring.run(fd, URING_IO, READ, 1, back.address, 8192, rw(64, 16)), back[:8192] == data)
            ring.register(back, 8192)
            back.map[:] = bytes(8192)
            print(ring.run(fd, URING_IO, READ, 1, back.address + 4096, 4096, rw(64, 8), fixed=True), back[4096:8192] == data[:4096])
            vector = Memory(64, struct.pack('<4Q', back.address, 512, back.address + 4096, 512))
            print(ring.run(fd, URING_IO_VEC, READ, 1, vector.address, 2, rw(65, 2)), back[:512] == data[512:1024])
            print(ring.run(fd, URING_IO_VEC, READ, 1, vector.address, 2, rw(65, 2), fixed=True), ring.run(fd, URING_IO, READ, 1, out.address, 4096, rw(64, 8), fixed=True))
            print(ring.run(ctrl, URING_ADMIN, IDENTIFY, 0, back.address, 4096, {10: 1}), back[4:7], hex(ring.run(ctrl, URING_ADMIN, 0xc0)[0]))
            print(ring.run(ctrl, URING_IO, READ, 1), ring.run(fd, URING_ADMIN, IDENTIFY), small.run(fd, URING_IO, READ, 1)[0], small.run(ctrl, URING_ADMIN, 6)[0])
            print(ring.run(fd, URING_IO, READ, 2)[0], ring.run(fd, URING_IO, READ, 1, flags=1)[0], ring.run(fd, URING_IO, READ, 1, 4096, 512, rw(0, 1))[0])
            for i in range(8):
                ring.send(fd, URING_IO, READ, 1, back.address, 512, rw(i, 1), data=i)
            print(sorted(ring.wait()[0] for _ in range(8)))
        """,
    )
    assert said == [
        "(0, 0) (0, 0) True", "(0, 0) True", "(0, 0) True", "(-22, 0) (-14, 0)", "(0, 0) b'one' 0x4001",
        "(-25, 0) (-25, 0) -95 -95", "-22 -22 -14", "[0, 1, 2, 3, 4, 5, 6, 7]",
    ]  # fmt: skip


def test_nv27_polled_rings(loaded: Driver) -> None:
    """They find completions on a queue without an interrupt; not for administrative commands."""
    said = user(
        loaded,
        """
        with opened('/dev/ngcpp0n1') as fd, opened('/dev/nvmecpp0') as ctrl:
            ring, data = Ring(BIG | IOPOLL), bytes(range(256)) * 16
            out, back = Memory(4096, data), Memory(4096)
            print(ring.run(fd, URING_IO, WRITE, 1, out.address, 4096, rw(128, 8)), ring.run(fd, URING_IO, READ, 1, back.address, 4096, rw(128, 8)), back[:4096] == data)
            print(ring.run(fd, URING_IO, 0, 1), hex(ring.run(fd, URING_IO, READ, 1, back.address, 512, rw(2**40, 1))[0]))
            print(ring.run(ctrl, URING_ADMIN, IDENTIFY, 0, back.address, 4096, {10: 1})[0])
        """,
    )
    assert said == ["(0, 0) (0, 0) True", "(0, 0) 0x4080", "-95"]


def test_nv73_geometry(loaded: Driver) -> None:
    """HDIO_GETGEO: 64 heads, 32 sectors."""
    said = user(loaded, "with opened('/dev/nvmecpp0n1') as fd: print(struct.unpack_from('<BBH', ioctl(fd, 0x301, bytes(16))[1]))")
    assert said == ["(64, 32, 16)"]


def test_nv74_io_cmd_by_the_controllers_node(loaded: Driver) -> None:
    """Goes to the only namespace; EINVAL with two, ENOTTY with none."""
    said = user(
        loaded,
        """
        page = Memory(4096)
        print([passthru(os.open(f'/dev/nvmecpp{n}', os.O_RDWR), IO, READ, 1, page.address, 512, rw(0, 1))[0] for n in (0, 1, 4)])
        """,
    )
    assert said == ["[0, -22, -25]"]
    log = loaded.log()
    assert "nvmecpp0: using deprecated NVME_IOCTL_IO_CMD ioctl on the char device!" in log
    assert "nvmecpp1: NVME_IOCTL_IO_CMD not supported when multiple namespaces present!" in log


def test_nv41_format_changes_the_block_size(loaded: Driver) -> None:
    """Under load, which survives or ends with an error; the disk has the new size when the command returns."""
    job = loaded.start_fio("--filename=/dev/nvmecpp1n1", "--rw=randread", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--time_based", "--runtime=6")
    said = user(
        loaded,
        """
        time.sleep(1)
        with opened('/dev/nvmecpp1') as fd:
            for lbaf in 4, 0:
                done = passthru(fd, ADMIN, 0x80, 1, 0, 0, {10: lbaf}, timeout=60000)
                print(done[0], open('/sys/block/nvmecpp1n1/queue/logical_block_size').read().strip())
        with opened('/dev/ngcpp1n1') as fd:
            print(passthru(fd, ADMIN, 0x80, 1, 0, 0, {10: 4}, timeout=60000)[0], open('/sys/block/nvmecpp1n1/queue/logical_block_size').read().strip())
        """,
        120,
    )
    job.wait(60)
    assert said == ["0 4096", "0 512", "0 4096"]


@pytest.mark.slow
def test_nv31_commands_under_way_while_the_controller_goes(loaded: Driver) -> None:
    """By ioctls and rings, on all nodes: each ends, those that come later fail; nothing is left."""
    said = user(
        loaded,
        f"""
        stop, seen = threading.Event(), set()
        def ioctls(node, command, *args):
            fd = os.open(node, os.O_RDWR)
            page = Memory(4096)
            while True:
                done = passthru(fd, command, args[0], args[1], page.address, 4096, args[2])[0]
                seen.add(done)
                if done == -19 or stop.is_set():
                    return
        def rings():
            fd, ring, page = os.open('/dev/ngcpp0n1', os.O_RDWR), Ring(), Memory(4096)
            while not stop.is_set():
                done = ring.run(fd, URING_IO, READ, 1, page.address, 4096, rw(0, 8))[0]
                seen.add(done)
                if done == -19:
                    return
        jobs = [threading.Thread(target=ioctls, args=(n, ADMIN, IDENTIFY, 0, {{10: 1}})) for n in NODES] + [threading.Thread(target=rings)]
        jobs += [threading.Thread(target=ioctls, args=(n, IO, READ, 1, rw(0, 8))) for n in NODES[1:]]
        for job in jobs: job.start()
        time.sleep(1)
        open('/sys/bus/pci/drivers/nvme_cpp/unbind', 'w').write('{loaded.slots["one"]}')
        for job in jobs: job.join(20)
        print([job.is_alive() for job in jobs].count(True), 0 in seen, -19 in seen, [s for s in seen if s not in (0, -19, -4, 0x370, -67, -5, 7)])
        stop.set()
        """,
        90,
    )
    assert said == ["0 True True []"]
    loaded.bind("one")


# What they count or measure differs from run to run, and from driver to driver.
_VARIES = re.compile(r"(?m)^((?:data_units|Data Units|host_|Host |power_on|controller_busy|temperature|num_err|error_count)[^:]*):.*$", re.I)
COMMANDS = [
    "id-ctrl /dev/nvme0", "id-ns /dev/nvme0n1", "smart-log /dev/nvme0", "get-feature /dev/nvme0 -f 7", "get-feature /dev/nvme0 -f 0x0b -H",
    "fw-log /dev/nvme0", "list-ns /dev/nvme0", "ns-descs /dev/nvme0 -n 1", "get-ns-id /dev/nvme0n1",
    "write /dev/nvme0n1 -s 8 -c 7 -z 4096 -d /run/data", "read /dev/nvme0n1 -s 8 -c 7 -z 4096 -d /run/back", "compare /dev/nvme0n1 -s 8 -c 7 -z 4096 -d /run/data",
    "compare /dev/nvme0n1 -s 9 -c 7 -z 4096 -d /run/data", "flush /dev/nvme0n1", "write-zeroes /dev/nvme0n1 -s 8 -c 3", "dsm /dev/nvme0n1 -d -s 8 -b 8",
    "admin-passthru /dev/nvme0 -o 6 -r -l 64 --cdw10=1", "admin-passthru /dev/nvme0 -o 0xc1", "io-passthru /dev/nvme0n1 -o 2 -n 1 -r -l 512 --cdw10=8",
    "io-passthru /dev/ng0n1 -o 2 -n 1 -r -l 512 --cdw10=8", "id-ctrl /dev/ng0n1", "set-feature /dev/nvme0 -f 4 -v 0x155", "set-feature /dev/nvme0 -f 7 -v 0x10001",
    "ns-rescan /dev/nvme0", "format /dev/nvme0 -n 1 --lbaf=4 --force", "id-ns /dev/nvme0n1", "format /dev/nvme0 -n 1 --lbaf=0 --force", "reset /dev/nvme0", "subsystem-reset /dev/nvme0",
]  # fmt: skip


_END = "-- end of a command --"


def _transcript(nvme: Driver, names: dict[str, str]) -> list[str]:
    """What nvme-cli says to each of the commands, with the C driver's names."""
    meant = COMMANDS
    for name, other in names.items():
        meant = [command.replace(f"/dev/{name}", f"/dev/{other}") for command in meant]
    script = "head -c 4096 /dev/zero | tr '\\0' 'k' > /run/data\n" + "".join(
        # What is scanned after these takes a moment.
        f"nvme {command} 2>&1; echo rc=$?; echo '{_END}'; {'sleep 0.3' if command.startswith(('format', 'reset', 'ns-rescan')) else ':'}\n"
        for command in meant
    )
    text = nvme.vm.run(script, 180).out
    for name, other in names.items():
        text = text.replace(other, name)
    said = text.split(f"{_END}\n")[:-1]
    assert len(said) == len(meant)
    return [f"$ {command}\n" + _VARIES.sub(r"\1: ...", each) for command, each in zip(meant, said)]


@pytest.mark.slow
def test_nv25_nvme_cli_sees_what_it_sees_of_the_c_driver(nvme: Driver) -> None:
    """Each command with each driver on the same device, by both kinds of names."""
    nvme.vm.run(f"rmmod nvme_cpp; {nvme._forget()}", 90)
    slots = nvme.slots
    block = "; ".join(f"echo none > /sys/bus/pci/devices/{slot}/driver_override" for name, slot in slots.items() if name != "one")
    nvme.sh(f"{block}; modprobe nvme", 90)
    try:
        nvme.wait_for("test -e /dev/ng0n1 && grep -q live /sys/class/nvme/nvme0/state")
        reference = _transcript(nvme, {})
    finally:
        nvme.sh(f"rmmod nvme nvme_core; {nvme._forget()}", 90)
    for params, names in ("compat_names=1", {}), ("", {"nvme0": "nvmecpp0", "ng0": "ngcpp0"}):
        assert nvme.load(params) == ""
        nvme.bind("one")
        ours = _transcript(nvme, names)
        nvme.unload()
        # As on 6.12: how many queues there are is the driver's affair.
        wrong = [mine + theirs for mine, theirs in zip(ours, reference) if mine.partition("\n")[2] != theirs.partition("\n")[2] and "-f 7 -v" not in mine]
        assert not wrong, "\n".join(wrong)
        assert any("-f 7 -v" in mine and "Permission denied" in mine for mine in ours)
