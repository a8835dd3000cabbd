# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp moves data: the right data, at every size, depth and kind of queue."""

from __future__ import annotations

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

# Blocks of both sizes, requests as long as the driver takes them, and short ones.
CONTROLLERS = [
    Controller("plain"),
    Controller("large", (Namespace(4096),)),
    Controller("two", (Namespace(512, 64), Namespace(4096, 32)), "mdts=5"),
    Controller("long", (Namespace(512, 128),), "mdts=0"),
]
vm = guest_fixture(CONTROLLERS)


def test_nv12_data_of_every_size_comes_back(nvme: Driver) -> None:
    """512 bytes to 256 KiB, aligned to blocks only: simple, short and long lists."""
    assert nvme.load() == ""
    nvme.bind("plain")
    nvme.verify("nvmecpp0n1", "--bsrange=512-256k", "--blockalign=512", "--iodepth=32", "--ioengine=io_uring", "--size=32M")


@pytest.mark.slow_on_older
@pytest.mark.parametrize("size", ["512", "4k", "8k", "64k", "128k", "512k"])
def test_nv12_one_size(nvme: Driver, size: str) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    amount = {"512": "1M", "4k": "8M"}.get(size, "24M")
    nvme.verify("nvmecpp0n1", f"--bs={size}", "--iodepth=16", "--ioengine=libaio", f"--size={amount}", "--mem=malloc", "--iomem_align=512")


@pytest.mark.slow
@pytest.mark.parametrize("size", ["1M", "4M", "8M"])
def test_nv12_requests_longer_than_a_page_of_list_describes(nvme: Driver, size: str) -> None:
    assert nvme.load() == ""
    nvme.bind("long")
    nvme.verify("nvmecpp0n1", f"--bs={size}", "--iodepth=4", "--ioengine=libaio", "--size=64M", "--mem=mmap")


@pytest.mark.slow_on_older
@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.slow), 128, pytest.param(1023, marks=pytest.mark.slow)])
def test_nv12_depth(nvme: Driver, depth: int) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    nvme.verify("nvmecpp0n1", "--bs=4k", f"--iodepth={depth}", "--ioengine=io_uring", "--size=8M")


@pytest.mark.slow_on_older
def test_nv12_blocks_of_4096_bytes(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("large")
    assert [nvme.queue("logical_block_size"), nvme.queue("physical_block_size"), nvme.queue("discard_granularity")] == ["4096"] * 3
    assert nvme.sh("blockdev --getsize64 /dev/nvmecpp0n1").strip() == str(64 << 20)
    nvme.verify("nvmecpp0n1", "--bsrange=4k-256k", "--iodepth=16", "--ioengine=io_uring", "--size=24M")


@pytest.mark.slow_on_older
def test_nv12_two_workers_on_two_cpus(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--numjobs=2", "--size=4M", "--offset_increment=8M", "--cpus_allowed=0-1", "--cpus_allowed_policy=split")


@pytest.mark.slow_on_older
def test_nv16_rings_wrap(nvme: Driver) -> None:
    """Rings of two entries turn over with every other request, and those of 64 with each plug."""
    for depth in 2, 64:
        assert nvme.load(f"io_queue_depth={depth}") == ""
        nvme.bind("plain")
        assert nvme.queue("nr_requests") == str(depth - 1)
        nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--size=6M")
        nvme.unload()


def test_nv17_polled_io_completes_without_interrupts(nvme: Driver) -> None:
    assert nvme.load("poll_queues=1") == ""
    nvme.bind("plain")
    assert nvme.queue("io_poll") == "1"

    def interrupts() -> int:
        lines = [line.split() for line in nvme.sh("cat /proc/interrupts").splitlines() if "nvmecpp0q" in line]
        return sum(int(count) for line in lines for count in line[1:3])

    # Three queues of which two have interrupts, and the one for administration.
    assert len([line for line in nvme.sh("cat /proc/interrupts").splitlines() if "nvmecpp0q" in line]) == 3
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=io_uring", "--size=4M")
    before = interrupts()
    done = nvme.fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=8", "--ioengine=io_uring", "--hipri", "--size=4M")
    assert done["read"]["total_ios"] == 1024
    assert interrupts() - before < 64
    nvme.verify("nvmecpp0n1", "--bs=16k", "--iodepth=8", "--ioengine=io_uring", "--hipri", "--size=8M")


@pytest.mark.slow_on_older
def test_nv29_two_namespaces_are_two_disks(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("two")
    assert nvme.disks() == ["nvmecpp0n1", "nvmecpp0n2"]
    assert [nvme.sh(f"blockdev --getsize64 /dev/nvmecpp0n{n}").strip() for n in (1, 2)] == [str(64 << 20), str(32 << 20)]
    assert [nvme.queue("logical_block_size", f"nvmecpp0n{n}") for n in (1, 2)] == ["512", "4096"]
    # What one has is not on the other.
    for number, size in (1, "4k"), (2, "8k"):
        nvme.verify(f"nvmecpp0n{number}", f"--bs={size}", "--iodepth=16", "--ioengine=libaio", "--size=4M", f"--verify_pattern=0x{number}{number}", "--verify=pattern")
    nvme.fio("--filename=/dev/nvmecpp0n1", "--rw=read", "--bs=4k", "--size=4M", "--verify=pattern", "--verify_pattern=0x11")


@pytest.mark.slow_on_older
def test_nv12_mdts_limits_requests(nvme: Driver) -> None:
    """With mdts 5 a request has 128 KiB at most, and longer I/O is split."""
    assert nvme.load() == ""
    nvme.bind("two")
    assert nvme.queue("max_hw_sectors_kb") == "128"
    assert nvme.queue("max_segments") == "33"
    nvme.verify("nvmecpp0n1", "--bs=1M", "--iodepth=4", "--ioengine=libaio", "--size=16M")


def test_nv12_limits_are_the_c_drivers(nvme: Driver, release: str) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    new = release.startswith("6.12.")
    want = {
        "nr_requests": "1023", "max_hw_sectors_kb": "512", "virt_boundary_mask": "4095", "dma_alignment": "3", "max_segment_size": "4294967295",
        "max_segments": "128" if new else "127", "discard_granularity": "512", "discard_max_bytes": "2147483136", "max_discard_segments": "256",
        "write_zeroes_max_bytes": "524288", "write_cache": "write back", "fua": "1", "io_timeout": "30000", "rotational": "0",
        "optimal_io_size": "0" if new else "512",
    }  # fmt: skip
    assert {name: nvme.queue(name) for name in want} == want
    assert nvme.queue("scheduler").startswith("[none]")


@pytest.mark.slow
def test_nv19_discarded_and_zeroed_blocks_read_as_zeroes(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    for command in "blkdiscard", "blkdiscard -z":
        nvme.sh("tr '\\0' x </dev/zero | dd of=/dev/nvmecpp0n1 bs=1M count=4 oflag=direct iflag=fullblock 2>&1")
        nvme.sh(f"{command} -o 1M -l 2M /dev/nvmecpp0n1")
        found = nvme.sh("for i in 0 1 2 3; do dd if=/dev/nvmecpp0n1 bs=1M count=1 skip=$i iflag=direct 2>/dev/null | tr -d '\\0' | wc -c; done").split()
        assert found == [str(1 << 20), "0", "0", str(1 << 20)], command
