# SPDX-License-Identifier: GPL-2.0
"""Loading, configuring, doing I/O and removing with each memory allocation failing in turn: errors, and nothing else.

The allocations are those of the whole system call: the module loader's, configfs's and the block layer's as well; and so
are copies to and from user space, which fail in their turn. CXXRT_FAIL_STRIDE=1 fails every one; the default is
every 37th, which takes minutes instead of half an hour; `make test` fails a fifth of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nullblk import NAME, ROOT, Driver, make, power
from testkernel import fail_stride, let_allocations_fail
from vmlib import Vm
from vmlib.kernels import is_test

STRIDE = fail_stride(37)
TIMEOUT = 1500 if STRIDE > 1 else 5000
# What a failed copy from or to user space gives, besides what a failed allocation does.
NO_MEMORY = {"ENOMEM", "EFAULT"}
DEVICES = {
    "bare": {"memory_backed": 0, "irqmode": 0},
    "timer": {"memory_backed": 0, "irqmode": 2, "submit_queues": 2},
    "polled": {"memory_backed": 0, "poll_queues": 1},
    "stored": {"memory_backed": 1, "size": 64},
}


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path], release: str) -> Iterator[Driver]:
    if not is_test(release):
        pytest.skip("allocations fail on demand on a test kernel only")
    let_allocations_fail(vm)
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def check(drv: Driver, what: str, told: list[Any], errors: set[str], least: int) -> None:
    """At least so many failed; each run succeeded or failed with one of `errors`; the last one, with nothing failed, succeeded."""
    failed, results, undone, last = told
    print(f"{drv.release} {what}: {failed} allocations failed one by one; {results}; undone {undone}")
    assert failed >= max(1, least) and set(results) <= errors | {"ok"} and last == "ok", told
    assert set(undone) <= {"ok"}, told


@pytest.mark.kernels_own("kernel/trace/trace_events.c", "it warns when there is no memory for a module's events, and puts what it does not have")
@pytest.mark.parametrize("params", ["nr_devices=0", "nr_devices=2 memory_backed=1 irqmode=2 submit_queues=2"])
def test_load(drv: Driver, params: str) -> None:
    told, left = drv.do(("fail_each", ("load_again", str(drv.path), params), ("unload", NAME), STRIDE), ("residue",), timeout=TIMEOUT)
    check(drv, f"load {params}", told, NO_MEMORY, 100 // STRIDE)
    assert left == []


def test_create_and_remove(drv: Driver) -> None:
    steps = (drv.load_op("nr_devices=0"), ("fail_each", ("mkdir", f"{ROOT}/a"), ("rmdir", f"{ROOT}/a"), STRIDE), ("ls", ROOT))
    loaded, told, left = drv.do(*steps, timeout=TIMEOUT)
    check(drv, "mkdir", told, NO_MEMORY, 30 // STRIDE)
    assert (loaded, left) == ("ok", ["features"])


@pytest.mark.parametrize("device", DEVICES)
def test_power_on(drv: Driver, device: str) -> None:
    on, off = power("a", 1), power("a", 0)
    steps = (drv.load_op("nr_devices=0"), *make("a", **DEVICES[device]), ("fail_each", on, off, STRIDE), ("exists", "/sys/block/a"))
    *made, told, left = drv.do(*steps, timeout=TIMEOUT)
    check(drv, f"power {device}", told, NO_MEMORY, 100 // STRIDE)
    assert set(made) == {"ok"} and left is False


@pytest.mark.parametrize("device", [pytest.param(name, marks=pytest.mark.slow) if name == "stored" else name for name in DEVICES])
def test_io(drv: Driver, device: str) -> None:
    """A failed allocation is an I/O error at most, and the next I/O succeeds."""
    steps = [drv.load_op("nr_devices=0"), *make("a", **DEVICES[device]), power("a", 1)]
    if device == "stored":
        io: tuple[Any, ...] = ("write_afresh", "/dev/a", 64)
    else:
        io = ("dio_write", "/dev/a", 0, 64, 1)
    *made, told, again = drv.do(*steps, ("fail_each", io, None, 1, True), io, timeout=TIMEOUT)
    check(drv, f"I/O {device}", told, NO_MEMORY | {"EIO", "ENOSPC", "EAGAIN"}, 10)
    assert set(made) == {"ok"} and again == "ok"
