# SPDX-License-Identifier: GPL-2.0
"""e1000_cpp bound, opened, used, closed and taken away with each memory allocation failing in turn: an error at most, and nothing is lost.

As test_failed_allocations.py, which says what fails. CXXRT_FAIL_STRIDE=1 fails every allocation of what takes many.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e1000 import NAME, Driver
from testkernel import fail_stride, let_allocations_fail

from vmlib import Vm
from vmlib.kernels import is_test

STRIDE = fail_stride(7)
_GUEST = Path(__file__).with_name("e1000_fail_guest.py")
_SYSFS = f"/sys/bus/pci/drivers/{NAME}"


@pytest.fixture(scope="module")
def vm(cards: Vm) -> Vm:
    return cards


@pytest.fixture(scope="module")
def drv(vm: Vm, ko: Callable[[str], Path], release: str) -> Iterator[Driver]:
    """The driver with two cards, fa and fb, the second of which is open."""
    if not is_test(release):
        pytest.skip("allocations fail on demand on a test kernel only")
    let_allocations_fail(vm)
    with Driver(vm, ko(NAME)) as driver:
        driver.load()
        driver.sh(f"ip link set dev {driver.interface(0)} name fa; ip link set dev {driver.interface(1)} name fb; ip link set dev fb up")
        yield driver


def fail_each(drv: Driver, what: str, operation: tuple[Any, ...], undo: tuple[Any, ...] | None, stride: int = 1) -> tuple[int, set[str]]:
    """How many allocations failed one by one, and what came of that; the last run, with nothing failed, succeeded, as each undo did."""
    done = drv.vm.call(_GUEST, repr([["fail_each", operation, undo, stride]]), timeout=900, cwd="/tmp")
    assert done.rc == 0, done.out[-2000:] + done.err[-4000:]
    failed, results, undone, last = ast.literal_eval(done.out)[0]
    print(f"{drv.vm.release} {what}: {failed} allocations failed one by one; {results}; undone {undone}")
    assert last == "ok" and set(undone) <= {"ok"}, (failed, results, undone, last)
    return failed, set(results)


def answers(drv: Driver) -> None:
    """Frames go both ways."""
    drv.sh("ip netns add n0; ip netns add n1; ip link set dev fa netns n0 name e0; ip link set dev fb netns n1 name e1")
    for number in range(2):
        drv.sh(f"ip -n n{number} addr add 10.0.0.{number + 1}/24 dev e{number}; ip -n n{number} link set dev e{number} up")
    drv.await_link()
    lost = drv.lost(0, "10.0.0.2", (56, 1472))
    drv.sh("ip -n n0 link set dev e0 netns 1 name fa; ip -n n1 link set dev e1 netns 1 name fb; ip -all netns del; ip link set dev fb up")
    assert lost == ""


@pytest.mark.slow
def test_ek38_allocations_fail_while_opening(drv: Driver) -> None:
    failed, results = fail_each(drv, "open", ("link", "fa", 1), ("link", "fa", 0))
    assert failed > 5
    assert results <= {"ok", "ENOMEM", "EFAULT"}, results
    answers(drv)


@pytest.mark.slow
def test_ek38_allocations_fail_while_closing(drv: Driver) -> None:
    """It succeeds, but for what the socket's own call may fail of."""
    _, results = fail_each(drv, "close", ("link", "fb", 0), ("link", "fb", 1))
    assert results <= {"ok", "ENOMEM", "EFAULT"}, results
    answers(drv)


@pytest.mark.slow
def test_ek38_allocations_fail_while_rings_and_mtu_change(drv: Driver) -> None:
    """Without memory the old rings stay."""
    failed, results = fail_each(drv, "rings", ("rings", "fb", 512, 512), ("rings", "fb", 256, 256))
    assert failed > 3
    assert results <= {"ok", "ENOMEM", "EFAULT"}, results
    _, results = fail_each(drv, "mtu", ("mtu", "fb", 9000), ("mtu", "fb", 1500))
    assert results <= {"ok", "ENOMEM", "EFAULT"}, results
    answers(drv)


@pytest.mark.slow
def test_ek32_allocations_fail_while_sending(drv: Driver) -> None:
    failed, results = fail_each(drv, "frames", ("frames", "fb", 20), None)
    assert failed > 0
    assert results <= {"ok", "ENOMEM", "ENOBUFS", "ENFILE", "EFAULT"}, results
    answers(drv)


def test_ek14_allocations_fail_while_binding(drv: Driver) -> None:
    slot = drv.slots[0]
    drv.sh(f"echo {slot} > {_SYSFS}/unbind")
    failed, results = fail_each(drv, "bind", ("put", f"{_SYSFS}/bind", slot), ("put", f"{_SYSFS}/unbind", slot), STRIDE)
    assert failed >= 100 // STRIDE
    assert results <= {"ok", "ENOMEM", "ENOBUFS", "EIO", "ENODEV", "EAGAIN", "EFAULT"}, results
    drv.sh(f"echo {slot} > {_SYSFS}/bind")
    drv.sh(f"ip link set dev {drv.interface(0)} name fa")
    answers(drv)


@pytest.mark.slow
def test_ek72_allocations_fail_while_unbinding(drv: Driver) -> None:
    """An open port is taken away; that succeeds, but for the write to sysfs itself."""
    slot = drv.slots[1]
    _, results = fail_each(drv, "unbind", ("put", f"{_SYSFS}/unbind", slot), ("put", f"{_SYSFS}/bind", slot), max(1, STRIDE // 4))
    assert results <= {"ok", "ENOMEM", "EFAULT"}, results
