# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp while links fail and functions are reset, go and come: requests wait, and data is what was written."""

from __future__ import annotations

import re
import time

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

pytestmark = pytest.mark.slow

# A chip set that has links with error reports, and a slot whose link QEMU can reset.
MACHINE = (
    *("-machine", "q35", "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"),
    *("-device", "pcie-root-port,id=port1,chassis=1,slot=1,addr=0x1c"),
)
CONTROLLERS = [
    Controller("plain"),
    Controller("buffer", (Namespace(512, 32),), "cmb_size_mb=64"),
    Controller("linked", options="bus=port1,addr=0"),
]
EVENTS = ("pci_nvme_mmio_cfg", "pci_nvme_mmio_aqattr", "pci_nvme_mmio_asqaddr*", "pci_nvme_mmio_acqaddr*", "pci_nvme_mmio_shutdown_*", "pci_nvme_mmio_start*", "pci_nvme_mmio_stopped")
vm = guest_fixture(CONTROLLERS, trace=EVENTS, machine=MACHINE)
VERIFY = ("--bs=4k", "--iodepth=16", "--ioengine=libaio", "--rw=randwrite", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1")


def linked(nvme: Driver) -> Driver:
    """With the controller behind the port where the guest has found it."""
    nvme.slots["linked"] = nvme.sh("basename $(ls -d /sys/bus/pci/devices/0000:00:1c.0/????:??:??.?)").strip()
    return nvme


def written(nvme: Driver, before: int) -> list[str]:
    """What registers were told since there were `before` events, without addresses of memory."""
    return [re.sub(r"(addr.*)0x[0-9a-f]+", r"\1A", line) for line in nvme.trace()[before:]]


def test_nv06_registers_are_written_as_the_c_driver_does(nvme: Driver) -> None:
    """From the first to the last, when it is bound and when it is taken away."""
    slot = nvme.slots["plain"]
    seen = []
    # The first finds the device as it was at power-on, and the others as one that was shut down.
    for name in "nvme", "nvme", "nvme_cpp":
        before = len(nvme.trace())
        if name == "nvme":
            others = " ".join(s for n, s in nvme.slots.items() if n == "buffer")
            nvme.sh(f"echo none > /sys/bus/pci/devices/{others}/driver_override; echo none > /sys/bus/pci/devices/{linked(nvme).slots['linked']}/driver_override; modprobe nvme", 90)
        else:
            assert nvme.load() == ""
            nvme.bind("plain")
        nvme.wait_for(f"[ -e /sys/bus/pci/devices/{slot}/driver ] && ls /sys/block | grep -q nvme")
        nvme.sh(f"echo {slot} > /sys/bus/pci/devices/{slot}/driver/unbind", 90)
        seen.append(written(nvme, before))
        nvme.sh("modprobe -r nvme; true")
    assert seen[1] == seen[2]
    assert any("config" in line for line in seen[2])
    assert any("shutdown_set" in line for line in seen[2])


def test_nv75_memory_buffer_is_found_and_left_alone(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("buffer")
    assert "nvmecpp0: failed to register the CMB" in nvme.log()
    nvme.verify("nvmecpp0n1", "--bs=16k", "--iodepth=8", "--ioengine=libaio", "--size=4M")


@pytest.mark.parametrize("times", [8, pytest.param(500, marks=pytest.mark.long)])
def test_nv60_function_is_reset_under_io(nvme: Driver, times: int) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    slot = nvme.slots["plain"]
    nvme.sh(f"echo flr > /sys/bus/pci/devices/{slot}/reset_method")
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", *VERIFY, "--size=16M", "--rate_iops=1000", *(["--time_based", "--runtime=2000"] if times > 100 else []))
    time.sleep(1)
    nvme.sh(f"for i in $(seq {times}); do echo 1 > /sys/bus/pci/devices/{slot}/reset || exit 1; sleep 0.2; done", 120 + 5 * times)
    if times > 100:
        nvme.sh("killall -INT fio")
    done = job.wait(240)
    assert done.rc == 0 or times > 100, done.out[-1000:] + done.err
    assert "verify" not in done.err
    assert not any("probe failed" in line or "Disabling" in line for line in nvme.log())


@pytest.mark.parametrize("times", [8, pytest.param(500, marks=pytest.mark.long)])
def test_nv23_controller_is_reset_under_io(nvme: Driver, times: int) -> None:
    """By sysfs, each of which succeeds and leaves it live; what was written is there."""
    assert nvme.load() == ""
    nvme.bind("plain")
    sys = "/sys/class/nvmecpp/nvmecpp0"
    loops = ["--time_based", "--runtime=2000"] if times > 100 else []
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", *VERIFY, "--size=16M", "--rate_iops=1000", *loops)
    time.sleep(1)
    nvme.log()
    nvme.sh(f"for i in $(seq {times}); do echo 1 > {sys}/reset_controller && [ $(cat {sys}/state) = live ] || exit 1; sleep 0.1; done", 120 + 5 * times)
    if times > 100:
        nvme.sh("killall -INT fio")
    done = job.wait(240)
    assert done.rc == 0 or times > 100, done.out[-1000:] + done.err
    assert "verify" not in done.err
    assert sum("default/read/poll queues" in line for line in nvme.log()) == times


def test_nv60_link_fails_under_io(nvme: Driver) -> None:
    """An error that is not fatal changes nothing; a fatal one resets link and controller, and I/O goes on."""
    assert linked(nvme).load() == ""
    nvme.bind("linked")
    nvme.log()
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", *VERIFY, "--size=16M", "--rate_iops=600")
    time.sleep(1)
    nvme.hmp("pcie_aer_inject_error port1 0x1000")
    time.sleep(1)
    assert not any("frozen" in line for line in nvme.log())
    nvme.hmp("pcie_aer_inject_error port1 0x10")
    nvme.wait_for("dmesg | grep -q 'nvmecpp0: restart after slot reset'", 90)
    done = job.wait(240)
    assert done.rc == 0, done.out[-1000:] + done.err
    said = "\n".join(nvme.log())
    assert said.index("frozen state error detected, reset controller") < said.index("restart after slot reset") < said.index("default/read/poll queues")


def used_kib(nvme: Driver) -> int:
    """Memory of the kernel's that is not for files."""
    nvme.sh("sync; echo 3 > /proc/sys/vm/drop_caches")
    found = dict(re.findall(r"(\w+):\s+(\d+) kB", nvme.sh("cat /proc/meminfo")))
    return sum(int(found[name]) for name in ("SUnreclaim", "VmallocUsed", "Percpu", "KernelStack"))


@pytest.mark.parametrize("cycles", [10, pytest.param(200, marks=pytest.mark.long)])
def test_nv02_loading_and_unloading_leaves_nothing(nvme: Driver, cycles: int) -> None:
    """Nodes, interrupts and memory are as before."""
    slot = nvme.slots["plain"]
    one = f"insmod {nvme.path} && echo nvme_cpp > /sys/bus/pci/devices/{slot}/driver_override && echo {slot} > /sys/bus/pci/drivers/nvme_cpp/bind && "
    one += "dd if=/dev/nvmecpp0n1 of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null && rmmod nvme_cpp && echo > /sys/bus/pci/devices/" + slot + "/driver_override"
    nvme.sh(f"for i in 1 2 3; do {one} || exit 1; done", 90)
    before = used_kib(nvme)
    nvme.sh(f"for i in $(seq {cycles}); do {one} || exit 1; done", 60 + 5 * cycles)
    assert used_kib(nvme) - before < 1024 + 4 * cycles
    assert nvme.sh("grep -c nvmecpp /proc/interrupts; ls /dev | grep -c nvmecpp", check=False).split() == ["0", "0"]


@pytest.mark.parametrize("cycles", [5, pytest.param(1000, marks=pytest.mark.long)])
def test_nv31_function_goes_and_comes_under_io(nvme: Driver, cycles: int) -> None:
    """Taken off its bus and found again, with requests under way."""
    slot = nvme.slots["plain"]
    assert nvme.load("bind_all=1") == ""
    script = f"""
    for i in $(seq {cycles}); do
        n=0; until [ -b /dev/nvmecpp0n1 ]; do sleep 0.1; n=$((n+1)); [ $n -lt 300 ] || exit 1; done
        dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=20000 iflag=direct 2>/dev/null &
        sleep 0.2
        echo 1 > /sys/bus/pci/devices/{slot}/remove || exit 2
        wait
        echo 1 > /sys/bus/pci/rescan
    done"""
    for other in (s for n, s in linked(nvme).slots.items() if n != "plain"):
        nvme.sh(f"echo none > /sys/bus/pci/devices/{other}/driver_override; [ ! -e /sys/bus/pci/devices/{other}/driver ] || echo {other} > /sys/bus/pci/devices/{other}/driver/unbind")
    nvme.sh(f"echo {slot} > /sys/bus/pci/devices/{slot}/driver/unbind && echo {slot} > /sys/bus/pci/drivers/nvme_cpp/bind")
    nvme.sh(script, 120 + 10 * cycles)
    nvme.wait_for("[ -b /dev/nvmecpp0n1 ]")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")
