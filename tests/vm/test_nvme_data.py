# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp tells the controller where data is, and that there are commands, as it should: seen in what QEMU traces."""

from __future__ import annotations

import re

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

pytestmark = pytest.mark.slow_on_older

EVENTS = ("pci_nvme_map_prp", "pci_nvme_map_sgl", "pci_nvme_io_cmd", "pci_nvme_mmio_doorbell_sq", "pci_nvme_dbbuf_config", "pci_nvme_admin_cmd")
CONTROLLERS = [Controller("plain", (Namespace(512, 128),), "mdts=0")]
vm = guest_fixture(CONTROLLERS, trace=EVENTS)
DISK = "/dev/nvmecpp0n1"


def seen(nvme: Driver, since: int) -> list[str]:
    """What was traced after the first `since` lines."""
    return nvme.trace()[since:]


def count(lines: list[str], event: str) -> int:
    return sum(line.startswith(event) for line in lines)


@pytest.mark.parametrize("threshold", ["", pytest.param("sgl_threshold=0", marks=pytest.mark.slow), pytest.param("sgl_threshold=4096", marks=pytest.mark.slow)])
def test_nv13_lists_of_pages_and_of_pieces(nvme: Driver, threshold: str) -> None:
    """One piece of more than two pages has one descriptor, short pieces pages; data is right, and 0 turns SGLs off."""
    assert nvme.load(threshold) == ""
    nvme.bind("plain")
    since = len(nvme.trace())
    # Huge pages: one piece each. Pages that lie anywhere: many.
    nvme.sh("echo 8 > /proc/sys/vm/nr_hugepages")
    nvme.verify("nvmecpp0n1", "--bs=64k", "--iodepth=4", "--ioengine=libaio", "--size=2M", "--mem=mmaphuge", "--hugepage-size=2m")
    large = seen(nvme, since)
    since = len(nvme.trace())
    nvme.verify("nvmecpp0n1", "--bsrange=4k-1M", "--iodepth=8", "--ioengine=libaio", "--size=24M", "--mem=mmap")
    many = seen(nvme, since)
    since = len(nvme.trace())
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")
    small = seen(nvme, since)
    assert count(small, "pci_nvme_map_sgl") == 0
    assert count(small, "pci_nvme_map_prp") >= 512
    if threshold == "sgl_threshold=0":
        assert count(large + many, "pci_nvme_map_sgl") == 0
        assert count(large, "pci_nvme_map_prp") >= 64
    else:
        assert count(large, "pci_nvme_map_sgl") >= 64
        assert count(large, "pci_nvme_map_prp") == 0
        assert count(many, "pci_nvme_map_prp") > 0
    if threshold == "sgl_threshold=4096":
        # Lists of them, in the tag's own room and in a page.
        assert count(many, "pci_nvme_map_sgl") > 0


def test_nv13_the_threshold_can_be_changed(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    nvme.sh("echo 8 > /proc/sys/vm/nr_hugepages; echo 0 > /sys/module/nvme_cpp/parameters/sgl_threshold")
    since = len(nvme.trace())
    nvme.verify("nvmecpp0n1", "--bs=64k", "--iodepth=4", "--ioengine=libaio", "--size=1M", "--mem=mmaphuge", "--hugepage-size=2m")
    assert count(seen(nvme, since), "pci_nvme_map_sgl") == 0


def sq_doorbells(lines: list[str]) -> int:
    """How often an I/O queue's doorbell was rung."""
    return sum(bool(re.match(r"pci_nvme_mmio_doorbell_sq sqid (?!0 )\d+", line)) for line in lines)


@pytest.mark.slow
def test_nv15_shadow_doorbells_wake_the_controller_only_when_it_sleeps(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    assert count(nvme.trace(), "pci_nvme_dbbuf_config") > 0
    # How often it sleeps is its own affair: where it has a CPU to itself, after nearly every command.
    rung = []
    for _ in range(5):
        since = len(nvme.trace())
        done = nvme.fio(f"--filename={DISK}", "--rw=randread", "--bs=4k", "--iodepth=128", "--iodepth_batch=1", "--ioengine=io_uring", "--size=16M")
        assert done["read"]["total_ios"] == 4096
        rung.append(sq_doorbells(seen(nvme, since)))
        if rung[-1] < 4096 / 2:
            break
    else:
        pytest.fail(f"doorbells for 4096 commands: {rung}")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=64", "--ioengine=io_uring", "--size=8M")
    # And after a reset, which makes the controller forget them.
    nvme.unbind("plain")
    nvme.bind("plain")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=64", "--ioengine=io_uring", "--size=4M")


def test_nv93_shadow_doorbells_can_be_left_out(nvme: Driver) -> None:
    assert nvme.load("shadow_doorbells=0") == ""
    since = len(nvme.trace())
    nvme.bind("plain")
    assert count(seen(nvme, since), "pci_nvme_dbbuf_config") == 0
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=64", "--ioengine=io_uring", "--size=4M")


def test_nv14_one_doorbell_for_a_batch(nvme: Driver) -> None:
    """Sixteen requests submitted together are told together."""
    assert nvme.load("shadow_doorbells=0") == ""
    nvme.bind("plain")
    since = len(nvme.trace())
    options = ("--rw=randread", "--bs=4k", "--iodepth=16", "--iodepth_batch_submit=16", "--iodepth_batch_complete_min=16", "--ioengine=io_uring", "--size=8M")
    done = nvme.fio(f"--filename={DISK}", *options)
    assert done["read"]["total_ios"] == 2048
    lines = seen(nvme, since)
    # The trace may lag behind by a buffer.
    assert 2048 / 20 < sq_doorbells(lines) < 2048 / 8


@pytest.mark.parametrize("params", ["use_threaded_interrupts=1", "use_threaded_interrupts=1 shadow_doorbells=0"])
def test_nv78_threads_of_interrupts(nvme: Driver, params: str) -> None:
    assert nvme.load(params) == ""
    nvme.bind("plain")
    assert nvme.sh("ps -e -o comm= | grep -c '^irq/.*nvmec'").strip() == "3"
    nvme.verify("nvmecpp0n1", "--bsrange=4k-128k", "--iodepth=32", "--ioengine=io_uring", "--size=8M")


@pytest.mark.slow
def test_nv78_a_cpu_that_goes_takes_no_request_with_it(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    job = nvme.start_fio(f"--filename={DISK}", "--rw=randrw", "--verify=crc32c", "--verify_fatal=1", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--size=32M", "--time_based", "--runtime=8")
    for _ in range(3):
        nvme.sh("sleep 0.7; echo 0 > /sys/devices/system/cpu/cpu1/online; sleep 0.7; echo 1 > /sys/devices/system/cpu/cpu1/online")
    assert job.wait(90).rc == 0
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--numjobs=2", "--size=2M", "--offset_increment=8M", "--cpus_allowed=0-1", "--cpus_allowed_policy=split")


@pytest.mark.slow
def test_nv90_requests_allocate_nothing(nvme: Driver) -> None:
    """The module calls no allocator for up to 128 KiB, nor for one range to discard."""
    assert nvme.load() == ""
    nvme.bind("plain")
    nvme.sh("mountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing")
    nvme.sh("cd /sys/kernel/tracing && echo 0 > tracing_on && echo 20000 > buffer_size_kb && for e in kmalloc kmem_cache_alloc; do echo 1 > events/kmem/$e/enable; done && echo > trace")
    on, off = "echo 1 > /sys/kernel/tracing/tracing_on", "echo 0 > /sys/kernel/tracing/tracing_on"
    found = "grep -c nvme_cpp /sys/kernel/tracing/trace || :"
    try:
        for rw in "randread", "randwrite":
            for size in "4k", "128k":
                nvme.sh(on)
                nvme.fio(f"--filename={DISK}", f"--rw={rw}", f"--bs={size}", "--iodepth=8", "--ioengine=io_uring", "--size=2M", "--mem=mmap")
                nvme.sh(off)
                assert nvme.sh(found).strip() == "0", nvme.sh("grep nvme_cpp /sys/kernel/tracing/trace | head -5")
        nvme.sh(f"{on}; blkdiscard -o 1M -l 1M {DISK}; {off}")
        assert nvme.sh(found).strip() == "0"
        # What shows that it would have been seen: probing allocates.
        nvme.unbind("plain")
        nvme.sh(on)
        nvme.bind("plain")
        nvme.sh(off)
        assert int(nvme.sh(found)) > 0
    finally:
        nvme.sh(f"{off}; for e in kmalloc kmem_cache_alloc; do echo 0 > /sys/kernel/tracing/events/kmem/$e/enable; done; echo > /sys/kernel/tracing/trace")


@pytest.mark.long
@pytest.mark.parametrize("depth", [2, 1024])
def test_nv16_rings_wrap_for_long(nvme: Driver, depth: int) -> None:
    """Half a million requests: rings of two entries turn over a quarter of a million times, with and without shadows."""
    for shadow in 0, 1:
        assert nvme.load(f"io_queue_depth={depth} shadow_doorbells={shadow}") == ""
        nvme.bind("plain")
        done = nvme.fio(f"--filename={DISK}", "--rw=randread", "--bs=512", "--iodepth=32", "--ioengine=io_uring", "--number_ios=250000", "--io_size=1G", "--size=100M", timeout=1200)
        assert done["read"]["total_ios"] == 250000
        nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--size=4M")
        nvme.unload()
