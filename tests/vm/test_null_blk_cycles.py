# SPDX-License-Identifier: GPL-2.0
"""NB-24: many cycles of null_blk_cpp leak nothing.

CXXRT_CYCLES (default 100) is the number of load and of power cycles, CXXRT_FIO_CYCLES (default 3) that of
insmod, fio, rmmod. `make test` has one kind of disk, on stock kernels; other kinds, and loads that fail, are marked long.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fio import environment as fio_environment
from nullblk import C_ROOT, NAME, ROOT, Driver, fio_command, make
from vmlib import Vm

pytestmark = pytest.mark.slow

CYCLES = int(os.environ.get("CXXRT_CYCLES", "100"))
FIO_CYCLES = int(os.environ.get("CXXRT_FIO_CYCLES", "3"))
LONG = pytest.mark.long
WARM_UP = 20
SECONDS_EACH = 5  # At most, in a test kernel that checks everything; a deadline, and no measure of anything.
# Buffers of the guest itself come and go. Less than a page for each of 100 cycles.
SLACK_KIB = {"/Used": 384, "/Slab": 512, "/VmallocUsed": 256, "/Percpu": 64}
# Freed in bulk, much later; what they stand for is in VmallocUsed.
LAZY = {"vmap_area"}
# Objects that processes of the guest itself leave on half-empty pages.
NOISE = {"kmalloc-8": 512, "lsm_inode_cache": 256, "lsm_file_cache": 256, "shared_policy_node": 170}


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def growth_beyond_slack(what: str, before: dict[str, int], after: dict[str, int], cycles: int) -> dict[str, int]:
    """The slab caches that grew by as much as an object a cycle, and the memory that grew by more than its slack."""
    growth = {name: after[name] - before.get(name, 0) for name in after}
    slabs = {
        name: grown
        for name, grown in growth.items()
        if not name.startswith("/") and grown >= 0.8 * cycles + NOISE.get(name, 0) and grown > 60 and name not in LAZY
    }
    most = sorted((name for name in growth if name[0] != "/"), key=lambda name: -abs(growth[name]))[:6]
    kmalloc = sum(grown for name, grown in growth.items() if name.startswith("kmalloc-"))
    total = sum(grown for name, grown in growth.items() if name[0] != "/")
    print(
        f"{what}: {cycles} cycles; in KiB {({name[1:]: growth[name] for name in SLACK_KIB})}; objects: all {total:+}, "
        f"kmalloc-* {kmalloc:+}, most {({name: growth[name] for name in most})}"
    )
    memory = {name: growth[name] for name, slack in SLACK_KIB.items() if growth[name] > slack}
    return slabs | memory


def check_flat(what: str, batch: Callable[[], tuple[dict[str, int], dict[str, int]]], cycles: int) -> None:
    """Runs `batch` of `cycles`, which returns the memory before and after, and checks that nothing grew.

    A leak grows in every batch; what the guest itself does grows in one. Something must grow in three batches
    to be called a leak.
    """
    suspects: dict[str, int] | None = None
    for _ in range(3):
        before, after = batch()
        grown = growth_beyond_slack(what, before, after, cycles)
        suspects = grown if suspects is None else {name: grown[name] for name in suspects if name in grown}
        if not suspects:
            return
    pytest.fail(f"grew in each of three batches, in objects or KiB: {suspects}")


# On both kernels the block layer itself loses some objects whenever a disk with polled queues goes, the C driver's
# too: those are compared with the C driver's, the others must be flat.
@pytest.mark.parametrize(
    "params",
    [
        "poll_queues=0",
        pytest.param("poll_queues=0 nr_devices=4 memory_backed=1 irqmode=2 submit_queues=2 no_sched=1", marks=LONG),
        pytest.param("hw_queue_depth=0", marks=LONG),
    ],
)
def test_nb24_load_cycles_leak_nothing(drv: Driver, params: str):
    """Loading and unloading, with loads that fail too, gives all memory back. Only the first row runs CXXRT_CYCLES times."""
    count = CYCLES if params == "poll_queues=0" else min(CYCLES, 100)
    cycles = ("load_cycles", str(drv.path), NAME, params)
    if params == "hw_queue_depth=0":
        cycles = ("failing_loads", str(drv.path), params)

    def batch() -> tuple[dict[str, int], dict[str, int]]:
        before, done, after, left = drv.do(("memory",), (*cycles, count), ("memory",), ("residue",), timeout=60 + SECONDS_EACH * count)
        assert (done, left) == (count, [])
        return before, after

    assert drv.do((*cycles, WARM_UP), timeout=60 + SECONDS_EACH * WARM_UP) == [WARM_UP]
    check_flat(f"{drv.release} load {params}", batch, count)


@pytest.mark.parametrize(
    "attributes",
    [
        {"poll_queues": 0},
        pytest.param({"poll_queues": 0, "memory_backed": 1, "irqmode": 2, "submit_queues": 2, "no_sched": 1}, marks=LONG),
        pytest.param({"queue_mode": 0, "irqmode": 2, "poll_queues": 0}, marks=LONG),
    ],
    ids=str,
)
def test_nb24_power_cycles_leak_nothing(drv: Driver, attributes: dict[str, int]):
    """Powering a device on and off gives all memory back. Only the first row runs CXXRT_CYCLES times."""
    count = CYCLES if len(attributes) == 1 else min(CYCLES, 100)
    assert set(drv.do(drv.load_op("nr_devices=0"), *make("a", size=16, **attributes))) == {"ok"}
    cycles = ("power_cycles", f"{ROOT}/a", "a")

    def batch() -> tuple[dict[str, int], dict[str, int]]:
        before, done, after = drv.do(("memory",), (*cycles, count), ("memory",), timeout=60 + SECONDS_EACH * count)
        assert done == count
        return before, after

    assert drv.do((*cycles, WARM_UP), timeout=60 + SECONDS_EACH * WARM_UP) == [WARM_UP]
    check_flat(f"{drv.release} power {attributes}", batch, count)


@LONG
def test_nb24_polled_queues_lose_no_more_than_with_the_c_driver(drv: Driver):
    """100 power cycles of a disk with polled queues leave no more objects behind than the C driver's, which leaves some."""
    count = 100
    assert drv.do(drv.load_op("nr_devices=0"), ("run", "modprobe", "null_blk", "nr_devices=0")) == ["ok", [0, ""]]

    def left_by(root: str) -> int:
        cycles = ("power_cycles", f"{root}/a", "a")
        steps = (*make("a", root=root, size=16), (*cycles, WARM_UP), ("memory",), (*cycles, count), ("memory",), ("rmdir", f"{root}/a"))
        warm, before, done, after = drv.do(*steps)[2:-1]
        assert (warm, done) == (WARM_UP, count)
        names = [name for name in after if name[0] != "/" and name not in LAZY]
        return sum(after[name] - before.get(name, 0) for name in names if name.startswith(("kmalloc-", "kernfs")))

    # A cache of 8-byte objects is exact to some hundreds only: 512 are on a page. A leak shows every time.
    for _ in range(3):
        of_c, ours = left_by(C_ROOT), left_by(ROOT)
        print(f"{drv.release} power, polled queues: kmalloc-* and kernfs objects left in {count} cycles: C {of_c:+}, ours {ours:+}")
        if ours - of_c < 400:
            return
    pytest.fail(f"ours leaves more than the C driver, each of three times; in the last C {of_c:+}, ours {ours:+}")


def test_nb24_directories_and_data_leak_nothing(drv: Driver):
    """Making a device, writing 1 MiB, powering on in vain, and removing it gives all memory back."""
    count = min(CYCLES, 100)
    assert drv.load("nr_devices=0") == "ok"
    name = "a_name_longer_than_configfs_keeps_inline"
    once = [*make(name, size=16, memory_backed=1, poll_queues=0, blocksize=513, power=1), ("put", f"{ROOT}/{name}/blocksize", "512"), ("put", f"{ROOT}/{name}/power", "1")]
    once += [("dio_write", f"/dev/{name[:31]}", 0, 2048, 1), ("rmdir", f"{ROOT}/{name}")]
    steps = len(once)

    def batch() -> tuple[dict[str, int], dict[str, int]]:
        before, *results, after = drv.do(("memory",), *once * count, ("memory",), timeout=60 + 2 * count)
        assert results.count("EINVAL") == count and results.count("ok") == count * (steps - 1)
        return before, after

    assert set(drv.do(*once * 3, timeout=120)) == {"ok", "EINVAL"}
    check_flat(f"{drv.release} directories", batch, count)


def test_load_fio_unload_leaks_nothing(drv: Driver):
    """insmod, fio with crc32c verification on a memory-backed disk, rmmod, CXXRT_FIO_CYCLES times: memory is flat."""
    fio = shlex.join(fio_command("--filename=/dev/nullbcpp0", "--ioengine=libaio", "--iodepth=8", "--rw=randrw", "--bs=4k", "--size=1m", "--verify=crc32c", "--verify_fatal=1"))
    once = f"insmod {shlex.quote(str(drv.path))} memory_backed=1 gb=1 poll_queues=0 && {fio} >/tmp/fio.json && rmmod {NAME}"
    loop = f"for i in $(seq %d); do {once} || {{ echo failed at $i; exit 1; }}; done"
    drv.vm.run(loop % 2, 120, check=True, env=fio_environment())

    def batch() -> tuple[dict[str, int], dict[str, int]]:
        (before,) = drv.do(("memory",))
        drv.log()
        drv.vm.run(loop % FIO_CYCLES, 60 + 20 * FIO_CYCLES, check=True, env=fio_environment())
        # Of the driver; the fixture looks for what the kernel says of bugs, and a slow emulator makes it talk of clocks.
        log = {line for line in drv.log() if line.startswith(f"{NAME}: ")}
        assert log == {"null_blk_cpp: disk nullbcpp0 created", "null_blk_cpp: module loaded"}
        after, left = drv.do(("memory",), ("residue",))
        assert left == []
        return before, after

    check_flat(f"{drv.release} insmod, fio, rmmod", batch, FIO_CYCLES)
