# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp where there are no message-signalled interrupts, and one CPU."""

from __future__ import annotations

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

pytestmark = pytest.mark.slow

CONTROLLERS = [Controller("first"), Controller("second", (Namespace(4096, 32),))]
vm = guest_fixture(CONTROLLERS, smp=1, append="pci=nomsi")


def test_nv10_lines_are_shared_by_queues(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("first")
    assert "nvmecpp0: 1/0/0 default/read/poll queues" in nvme.log()
    nvme.verify("nvmecpp0n1", "--bsrange=512-256k", "--blockalign=512", "--iodepth=32", "--ioengine=io_uring", "--size=16M")
    lines = [line for line in nvme.sh("cat /proc/interrupts").splitlines() if "nvmecpp0q0" in line]
    assert len(lines) == 1
    assert "nvmecpp0q1" in lines[0]
    assert "IO-APIC" in lines[0] or "XT-PIC" in lines[0]


def test_nv10_two_controllers_at_once(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("first")
    nvme.bind("second")
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randwrite", "--verify=crc32c", "--bs=4k", "--iodepth=16", "--ioengine=libaio", "--size=4M")
    nvme.verify("nvmecpp1n1", "--bs=8k", "--iodepth=16", "--ioengine=libaio", "--size=4M")
    assert job.wait(90).rc == 0


def test_nv09_one_cpu_with_polled_queues(nvme: Driver) -> None:
    assert nvme.load("poll_queues=1") == ""
    nvme.bind("first")
    assert "nvmecpp0: 1/0/1 default/read/poll queues" in nvme.log()
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=io_uring", "--hipri", "--size=2M")
