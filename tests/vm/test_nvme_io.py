# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp moves data: the right data, at every size, depth and kind of queue."""

from __future__ import annotations

import pytest
from nvme import Controller, Driver, Namespace, drv, guest_fixture  # noqa: F401

# Blocks of both sizes, requests as long as the driver takes them, and short ones.
CONTROLLERS = [
    Controller("plain"),
    Controller("large", (Namespace(4096),)),
    Controller("two", (Namespace(512, 64), Namespace(4096, 32)), "mdts=5"),
    Controller("long", (Namespace(512, 128),), "mdts=0"),
]
vm = guest_fixture(CONTROLLERS)


def test_nv12_data_of_every_size_comes_back(drv: Driver) -> None:
    """512 bytes to 256 KiB, aligned to blocks only: simple, short and long lists."""
    assert drv.load() == ""
    drv.bind("plain")
    drv.verify("nvmecpp0n1", "--bsrange=512-256k", "--blockalign=512", "--iodepth=32", "--ioengine=io_uring", "--size=32M")


@pytest.mark.parametrize("size", ["512", "4k", "8k", "64k", "128k", "512k"])
def test_nv12_one_size(drv: Driver, size: str) -> None:
    assert drv.load() == ""
    drv.bind("plain")
    amount = {"512": "1M", "4k": "8M"}.get(size, "24M")
    drv.verify("nvmecpp0n1", f"--bs={size}", "--iodepth=16", "--ioengine=libaio", f"--size={amount}", "--mem=malloc", "--iomem_align=512")


@pytest.mark.parametrize("size", ["1M", "4M", "8M"])
def test_nv12_requests_longer_than_a_page_of_list_describes(drv: Driver, size: str) -> None:
    assert drv.load() == ""
    drv.bind("long")
    drv.verify("nvmecpp0n1", f"--bs={size}", "--iodepth=4", "--ioengine=libaio", "--size=64M", "--mem=mmap")


@pytest.mark.parametrize("depth", [1, 128, 1023])
def test_nv12_depth(drv: Driver, depth: int) -> None:
    assert drv.load() == ""
    drv.bind("plain")
    drv.verify("nvmecpp0n1", "--bs=4k", f"--iodepth={depth}", "--ioengine=io_uring", "--size=8M")


def test_nv12_blocks_of_4096_bytes(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("large")
    assert [drv.queue("logical_block_size"), drv.queue("physical_block_size"), drv.queue("discard_granularity")] == ["4096"] * 3
    assert drv.sh("blockdev --getsize64 /dev/nvmecpp0n1").strip() == str(64 << 20)
    drv.verify("nvmecpp0n1", "--bsrange=4k-256k", "--iodepth=16", "--ioengine=io_uring", "--size=24M")


def test_nv12_two_workers_on_two_cpus(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("plain")
    drv.verify("nvmecpp0n1", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--numjobs=2", "--size=4M", "--offset_increment=8M", "--cpus_allowed=0-1", "--cpus_allowed_policy=split")


def test_nv16_rings_wrap(drv: Driver) -> None:
    """Rings of two entries turn over with every other request, and those of 64 with each plug."""
    for depth in 2, 64:
        assert drv.load(f"io_queue_depth={depth}") == ""
        drv.bind("plain")
        assert drv.queue("nr_requests") == str(depth - 1)
        drv.verify("nvmecpp0n1", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--size=6M")
        drv.unload()


def test_nv17_polled_io_completes_without_interrupts(drv: Driver) -> None:
    assert drv.load("poll_queues=1") == ""
    drv.bind("plain")
    assert drv.queue("io_poll") == "1"

    def interrupts() -> int:
        lines = [line.split() for line in drv.sh("cat /proc/interrupts").splitlines() if "nvmecpp0q" in line]
        return sum(int(count) for line in lines for count in line[1:3])

    # Three queues of which two have interrupts, and the one for administration.
    assert len([line for line in drv.sh("cat /proc/interrupts").splitlines() if "nvmecpp0q" in line]) == 3
    drv.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=io_uring", "--size=4M")
    before = interrupts()
    done = drv.fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=8", "--ioengine=io_uring", "--hipri", "--size=4M")
    assert done["read"]["total_ios"] == 1024
    assert interrupts() - before < 64
    drv.verify("nvmecpp0n1", "--bs=16k", "--iodepth=8", "--ioengine=io_uring", "--hipri", "--size=8M")


def test_nv29_two_namespaces_are_two_disks(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("two")
    assert drv.disks() == ["nvmecpp0n1", "nvmecpp0n2"]
    assert [drv.sh(f"blockdev --getsize64 /dev/nvmecpp0n{n}").strip() for n in (1, 2)] == [str(64 << 20), str(32 << 20)]
    assert [drv.queue("logical_block_size", f"nvmecpp0n{n}") for n in (1, 2)] == ["512", "4096"]
    # What one has is not on the other.
    for number, size in (1, "4k"), (2, "8k"):
        drv.verify(f"nvmecpp0n{number}", f"--bs={size}", "--iodepth=16", "--ioengine=libaio", "--size=4M", f"--verify_pattern=0x{number}{number}", "--verify=pattern")
    drv.fio("--filename=/dev/nvmecpp0n1", "--rw=read", "--bs=4k", "--size=4M", "--verify=pattern", "--verify_pattern=0x11")


def test_nv12_mdts_limits_requests(drv: Driver) -> None:
    """With mdts 5 a request has 128 KiB at most, and longer I/O is split."""
    assert drv.load() == ""
    drv.bind("two")
    assert drv.queue("max_hw_sectors_kb") == "128"
    assert drv.queue("max_segments") == "33"
    drv.verify("nvmecpp0n1", "--bs=1M", "--iodepth=4", "--ioengine=libaio", "--size=16M")


def test_nv12_limits_are_the_c_drivers(drv: Driver, release: str) -> None:
    assert drv.load() == ""
    drv.bind("plain")
    new = release.startswith("6.12.")
    want = {
        "nr_requests": "1023", "max_hw_sectors_kb": "512", "virt_boundary_mask": "4095", "dma_alignment": "3", "max_segment_size": "4294967295",
        "max_segments": "128" if new else "127", "discard_granularity": "512", "discard_max_bytes": "2147483136", "max_discard_segments": "256",
        "write_zeroes_max_bytes": "524288", "write_cache": "write back", "fua": "1", "io_timeout": "30000", "rotational": "0",
        "optimal_io_size": "0" if new else "512",
    }  # fmt: skip
    assert {name: drv.queue(name) for name in want} == want
    assert drv.queue("scheduler").startswith("[none]")


def test_nv19_discarded_and_zeroed_blocks_read_as_zeroes(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("plain")
    for command in "blkdiscard", "blkdiscard -z":
        drv.sh("tr '\\0' x </dev/zero | dd of=/dev/nvmecpp0n1 bs=1M count=4 oflag=direct iflag=fullblock 2>&1")
        drv.sh(f"{command} -o 1M -l 2M /dev/nvmecpp0n1")
        found = drv.sh("for i in 0 1 2 3; do dd if=/dev/nvmecpp0n1 bs=1M count=1 skip=$i iflag=direct 2>/dev/null | tr -d '\\0' | wc -c; done").split()
        assert found == [str(1 << 20), "0", "0", str(1 << 20)], command
