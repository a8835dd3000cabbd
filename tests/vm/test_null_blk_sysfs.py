# SPDX-License-Identifier: GPL-2.0
"""NB-23: what sysfs shows of a disk, against the C driver's in the same boot and against known values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nullblk import NAME, Driver
from vmlib import Vm

pytestmark = pytest.mark.slow_on_older

# Of the disk as a whole: what has its number, or counts.
OWN = {"dev", "diskseq", "uevent", "stat", "inflight"}
DEFAULTS = {
    "nr_requests": "64",
    "max_hw_sectors_kb": "127",
    "max_sectors_kb": "127",
    "max_segments": "128",
    "max_segment_size": "65536",
    "rotational": "0",
    "add_random": "0",
    "io_poll": "1",
    "write_cache": "write through",
    "fua": "0",
    "discard_granularity": "0",
    "discard_max_bytes": "0",
    "discard_max_hw_bytes": "0",
    "write_zeroes_max_bytes": "0",
    "io_timeout": "5000",
    "dma_alignment": "511",
    "logical_block_size": "512",
    "physical_block_size": "512",
}


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def attributes_of(drv: Driver, disk: str) -> dict[str, str]:
    """Path -> text of what sysfs has of a disk: its own files, and all of queue/ and mq/."""
    top, queue, mq = drv.do(("tree", f"/sys/block/{disk}"), ("tree", f"/sys/block/{disk}/queue"), ("tree", f"/sys/block/{disk}/mq"))
    found = {name: text for name, text in top.items() if name not in OWN and "/" not in name}
    found |= {f"queue/{name}": text for name, text in queue.items()}
    found |= {f"mq/{name}": text for name, text in mq.items()}
    return found


@pytest.mark.parametrize(
    "params",
    [
        "",
        "poll_queues=0",
        "bs=4096 max_sectors=64 virt_boundary=1",
        "no_sched=1 submit_queues=2 hw_queue_depth=20 irqmode=2",
        "shared_tag_bitmap=1 submit_queues=2",
        "use_per_node_hctx=1 submit_queues=2 memory_backed=1 gb=1",
        "max_sectors=1000 blocking=1 irqmode=0",
        "queue_mode=0 hw_queue_depth=5",
        "memory_backed=1 gb=1 cache_size=16 discard=1 mbps=100",
        "zoned=1 gb=1 zone_size=64 zone_nr_conv=2 zone_max_open=3 zone_max_active=4 memory_backed=1",
    ],
)
def test_nb23_sysfs_is_the_c_drivers(drv: Driver, params: str):
    """Every file of the disk, its queue and its hardware queues reads as the C module's with the same parameters."""
    assert drv.do(drv.load_op(params), ("run", "modprobe", "null_blk", *params.split())) == ["ok", [0, ""]]
    ours, theirs = attributes_of(drv, "nullbcpp0"), attributes_of(drv, "nullb0")
    assert len(theirs) > 40
    if "memory_backed=1" in params and "zoned" not in params:
        # NB-90: zeroes are not written, but pages freed, which the C driver cannot do.
        zeroes = [name for name in ours if name.startswith("queue/write_zeroes")]
        assert [(ours.pop(name), theirs.pop(name)) for name in zeroes if ours[name] != theirs[name]] == [(str(0xFFFFFFFF // 512 * 512), "0")]
    different = {name: (ours.get(name), theirs.get(name)) for name in ours | theirs if ours.get(name) != theirs.get(name)}
    assert different == {}, "ours, the C driver's"


def test_nb23_defaults_are_the_known_ones(drv: Driver):
    """A default disk shows the values that the C driver is known to show, on each kernel."""
    assert drv.load() == "ok"
    (queue,) = drv.do(("tree", "/sys/block/nullbcpp0/queue"))
    assert {name: queue[name] for name in DEFAULTS} == DEFAULTS
    assert queue["scheduler"].split()[0] == "[none]"
