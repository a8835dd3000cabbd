# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp bound, reset, used and taken away with each memory allocation failing in turn: an error at most, and nothing is lost.

As test_failed_allocations.py, which says what fails. A reset by sysfs is done by a thread of the kernel's, whose allocations do not fail
here: those fail in the simulator. CXXRT_FAIL_STRIDE=1 fails every allocation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from nullblk import _GUEST
from nvme import NAME, Driver
from testkernel import fail_stride, let_allocations_fail
from vmlib import Vm
from vmlib.kernels import is_test

STRIDE = fail_stride(37)
TIMEOUT = 900 if STRIDE > 1 else 5000
SYSFS = f"/sys/bus/pci/drivers/{NAME}"


@pytest.fixture(scope="module")
def vm(cards: Vm) -> Vm:
    return cards


@pytest.fixture
def bound(nvme: Driver, release: str) -> Iterator[Driver]:
    """The driver with the controller."""
    if not is_test(release):
        pytest.skip("allocations fail on demand on a test kernel only")
    let_allocations_fail(nvme.vm)
    assert nvme.load() == ""
    nvme.bind("plain")
    yield nvme


def fail_each(nvme: Driver, what: str, operation: tuple[Any, ...], undo: tuple[Any, ...] | None, stride: int) -> tuple[int, set[str]]:
    """How many allocations failed one by one, and what came of that; the last run, with nothing failed, succeeded, as each undo did."""
    done = nvme.vm.call(_GUEST, repr([["fail_each", operation, undo, stride]]), timeout=TIMEOUT, cwd="/tmp")
    assert done.rc == 0, done.out[-2000:] + done.err[-4000:]
    failed, results, undone, last = ast.literal_eval(done.out)[0]
    print(f"{nvme.vm.release} {what}: {failed} allocations failed one by one; {results}; undone {undone}")
    assert last == "ok" and set(undone) <= {"ok"}, (failed, results, undone, last)
    return failed, set(results)


@pytest.mark.kernels_own("fs/proc/generic.c", "it warns when it removes what of /proc/irq it had no memory for")
def test_nv02_allocations_fail_while_binding(bound: Driver) -> None:
    slot = bound.slots["plain"]
    bound.unbind("plain")
    failed, results = fail_each(bound, "bind", ("put", f"{SYSFS}/bind", slot), ("put", f"{SYSFS}/unbind", slot), STRIDE)
    assert failed >= 200 // STRIDE
    # What the block layer or the driver core cannot tell is as if there was no device.
    assert results <= {"ok", "ENOMEM", "EIO", "ENODEV", "EAGAIN", "EFAULT"}, results
    bound.bind("plain")
    bound.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


@pytest.mark.slow
@pytest.mark.kernels_own("fs/proc/generic.c", "it warns when it removes what of /proc/irq it had no memory for")
def test_nv02_allocations_fail_while_unbinding(bound: Driver) -> None:
    """It succeeds, but for the write to sysfs itself, and the device is told."""
    slot = bound.slots["plain"]
    before = len(bound.trace())
    _, results = fail_each(bound, "unbind", ("put", f"{SYSFS}/unbind", slot), ("put", f"{SYSFS}/bind", slot), max(1, STRIDE // 8))
    assert results <= {"ok", "ENOMEM", "EFAULT"}, results
    assert any(line.startswith("pci_nvme_mmio_shutdown_set") for line in bound.trace()[before:])


@pytest.mark.slow
def test_nv12_allocations_fail_under_io(bound: Driver) -> None:
    """Of 1 MiB, whose lists of pages are longer than a tag's own."""
    failed, results = fail_each(bound, "I/O", ("dio_write", "/dev/nvmecpp0n1", 0, 2048, 1), None, 1)
    assert failed > 0
    assert results <= {"ok", "ENOMEM", "EFAULT", "EIO", "ENOSPC", "EAGAIN"}, results
    assert bound.vm.run("dd if=/dev/nvmecpp0n1 of=/dev/null bs=1M count=1 iflag=direct").rc == 0


@pytest.mark.slow
def test_nv60_allocations_fail_in_a_reset_of_the_function(bound: Driver) -> None:
    """It is usable after each."""
    slot = bound.slots["plain"]
    bound.sh(f"echo flr > /sys/bus/pci/devices/{slot}/reset_method")
    _, results = fail_each(bound, "reset", ("put", f"/sys/bus/pci/devices/{slot}/reset", "1"), None, 1)
    assert results <= {"ok", "ENOMEM", "EFAULT", "ENOTTY"}, results
    bound.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


@pytest.mark.slow
def test_nv26_allocations_fail_under_passthrough(bound: Driver) -> None:
    """Identify by the C library's ioctl(): ENOMEM, or the data."""
    code = (
        "import sys; sys.path.insert(0, 'tests/vm')\n"
        "from nvme_user import *\n"
        "page = Memory(4096)\n"
        "fd = os.open('/dev/nvmecpp0', os.O_RDWR)\n"
        "knob = os.open('/proc/thread-self/fail-nth', os.O_RDWR)\n"
        "passthru(fd, ADMIN, 6, 0, page.address, 4096, {10: 1})\n"
        "said, n = set(), 0\n"
        "while True:\n"
        "    n += 1\n"
        "    os.write(knob, str(n).encode())\n"
        "    done = passthru(fd, ADMIN, 6, 0, page.address, 4096, {10: 1})[0]\n"
        "    while True:\n"
        "        try:\n"  # Reading it copies to user space, which may be what fails.
        "            left = int(os.pread(knob, 16, 0))\n"
        "            os.pwrite(knob, b'0', 0)\n"
        "            break\n"
        "        except OSError as error:\n"
        "            assert error.errno == errno.EFAULT\n"
        "    said.add(done)\n"
        "    if left: break\n"
        "    assert n < 500\n"
        "print(n, sorted(said), done, page[4:9])\n"
    )
    done = bound.vm.run(["python3", "-c", code], 120)
    assert done.rc == 0, done.out + done.err
    count, _, rest = done.out.strip().partition(" ")
    print(f"{bound.vm.release} passthrough: {count} runs; {rest}")
    assert int(count) > 3
    assert set(ast.literal_eval(rest.partition("]")[0] + "]")) <= {0, -12, -14}, rest
    assert rest.endswith("0 b'plain'")
