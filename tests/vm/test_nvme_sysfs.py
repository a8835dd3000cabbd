# SPDX-License-Identifier: GPL-2.0
"""What nvme_cpp shows in sysfs, tells user space and traces is what the C driver does, of the same controller in the same guest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

pytestmark = pytest.mark.slow_on_older

CONTROLLERS = [
    Controller("plain", (Namespace(512, 16),), "smart_critical_warning=2"),
    Controller("empty", ()),
]
vm = guest_fixture(CONTROLLERS, append="iomem=relaxed", trace=("pci_nvme_admin_cmd", "pci_nvme_aer", "pci_nvme_setfeat"))
TRACING = "/sys/kernel/tracing"


def load_stock(nvme: Driver) -> None:
    """The C driver, with all controllers."""
    nvme.sh("modprobe nvme", 90)
    for slot in nvme.slots.values():
        nvme.wait_for(f"grep -q live /sys/bus/pci/devices/{slot}/nvme/*/state")
    nvme.wait_for("[ -e /dev/nvme0n1 ] || [ -e /dev/nvme1n1 ]")


def watch(nvme: Driver, what: str, *arguments: str) -> Any:
    """What nvme_watch.py says."""
    return json.loads(nvme.vm.run(["python3", "tests/vm/nvme_watch.py", what, *arguments], 90, check=True).out)


def on_both(nvme: Driver, act: Callable[[], Any]) -> tuple[Any, Any]:
    """What `act` gives with the C driver, and with ours under its names; both have the controller `plain`."""
    load_stock(nvme)
    try:
        stock = act()
    finally:
        nvme.sh("rmmod nvme nvme_core", 90)
    assert nvme.load("compat_names=1") == ""
    nvme.bind("plain")
    return stock, act()


def test_nv08_nv33_nv34_nv68_attributes_are_the_c_drivers(nvme: Driver) -> None:
    """The controller's, its sensors', its subsystem's and its namespace's: files, modes and texts."""
    stock, ours = on_both(nvme, lambda: watch(nvme, "show", nvme.slots["plain"]))
    assert ours == stock
    assert ours["controller/model"] == ["0o444", "QEMU NVMe Ctrl                          \n"]
    assert ours["subsystem/subsystype"] == ["0o444", "nvm\n"]
    assert ours["disk/nsid"] == ["0o444", "1\n"]
    assert "disk/uuid" not in ours
    assert ours["hwmon/temp1_input"] == ["0o444", "49850\n"]


# Of the C driver, those of what ours does not have: multipath, queues in a memory buffer of the device, host memory buffers.
WITHOUT = {"multipath", "iopolicy", "use_cmb_sqes", "max_host_mem_size_mb"}
OWN = {"bind_all", "compat_names", "inject", "shadow_doorbells"}


@pytest.mark.slow
def test_nv05_parameters_are_the_c_drivers(nvme: Driver) -> None:
    """Names, modes and defaults, and what comes of writing to those that can be."""
    nvme.sh("modprobe nvme", 90)
    try:
        stock = watch(nvme, "parameters", "nvme", "nvme_core")
    finally:
        nvme.sh("rmmod nvme nvme_core", 90)
    assert nvme.load() == ""
    ours = watch(nvme, "parameters", "nvme_cpp")
    assert ours.keys() - stock.keys() == OWN
    # Only a kernel that can inject failures has it.
    assert stock.keys() - ours.keys() - {"fail_request"} == WITHOUT
    shared = ours.keys() & stock.keys()
    assert {name: ours[name] for name in shared} == {name: stock[name] for name in shared}
    assert ours["io_queue_depth"][:2] == ["0o644", "1024\n"]
    assert ours["io_queue_depth"][2]["4096"] == "EINVAL"
    assert ours["noacpi"][0] == "0o444"


@pytest.mark.slow
def test_nv05_nv87_what_is_written_counts_from_then_on(nvme: Driver) -> None:
    """Depth and timeout of a controller that comes later, queues at the next reset."""
    assert nvme.load() == ""
    nvme.bind("plain")
    assert nvme.queue("nr_requests") == "1023"
    nvme.sh("cd /sys/module/nvme_cpp/parameters; echo 64 > io_queue_depth; echo 7 > io_timeout; echo 1 > poll_queues")
    nvme.log()
    nvme.sh("echo 1 > /sys/class/nvmecpp/nvmecpp0/reset_controller")
    assert [line for line in nvme.log() if "default/read/poll" in line] == ["nvmecpp0: 2/0/1 default/read/poll queues"]
    assert nvme.queue("io_poll") == "1"
    nvme.verify("nvmecpp0n1", "--bs=4k", "--size=1M", "--ioengine=io_uring", "--iodepth=8", "--hipri")
    nvme.unbind("plain")
    nvme.bind("plain")
    assert [nvme.queue("nr_requests"), nvme.queue("io_timeout")] == ["63", "7000"]
    assert [line for line in nvme.log() if "default/read/poll" in line] == ["nvmecpp0: 2/0/1 default/read/poll queues"]
    nvme.sh("cd /sys/module/nvme_cpp/parameters; echo 0 > poll_queues; echo 1 > write_queues; echo 1 > /sys/class/nvmecpp/nvmecpp0/reset_controller")
    assert [line for line in nvme.log() if "default/read/poll" in line] == ["nvmecpp0: 1/2/0 default/read/poll queues"]
    assert nvme.queue("io_poll") == "0"
    nvme.verify("nvmecpp0n1", "--bs=4k", "--size=1M", "--ioengine=io_uring", "--iodepth=8")


@pytest.mark.slow
def test_nv36_uevents_are_the_c_drivers(nvme: Driver) -> None:
    """Of a controller that appears, is reset, and goes."""
    slot = nvme.slots["plain"]

    def act() -> Any:
        name = nvme.sh(f"cat /sys/bus/pci/devices/{slot}/nvme/*/uevent | sed -n 's/DEVNAME=//p'").strip()
        driver = nvme.sh(f"basename $(readlink /sys/bus/pci/devices/{slot}/driver)").strip()
        reset = watch(nvme, "uevents", f"echo 1 > /sys/class/nvme/{name}/reset_controller")
        again = f"echo {slot} > /sys/bus/pci/drivers/{driver}/unbind; sleep 0.5; echo {slot} > /sys/bus/pci/drivers/{driver}/bind"
        return reset, watch(nvme, "uevents", again)

    stock, ours = on_both(nvme, act)
    assert ours == stock
    assert ours[0] == [["ACTION=change", "NVME_EVENT=connected", "NVME_TRTYPE=pcie"]]
    assert ["ACTION=add", "NVME_TRTYPE=pcie"] in ours[1]


def test_nv33_attributes_do_what_they_say(nvme: Driver) -> None:
    """A reset through sysfs leaves it live; a rescan is one; temperatures to warn at are the device's."""
    assert nvme.load() == ""
    nvme.bind("plain")
    sys = "/sys/class/nvmecpp/nvmecpp0"
    before = len(nvme.trace())
    nvme.sh(f"echo 1 > {sys}/reset_controller")
    assert nvme.sh(f"cat {sys}/state").strip() == "live"
    nvme.sh(f"echo 1 > {sys}/rescan_controller")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--size=1M")
    hwmon = nvme.sh(f"ls -d {sys}/hwmon*").strip()
    nvme.sh(f"echo 60123 > {hwmon}/temp1_max")
    assert nvme.sh(f"cat {hwmon}/temp1_max").strip() == "59850"
    assert nvme.vm.run(f"echo x > {hwmon}/temp1_max").rc != 0
    assert any("pci_nvme_setfeat" in line and "fid 0x4" in line for line in nvme.trace()[before:])


@pytest.mark.slow
def test_nv33_a_value_that_is_none_is_refused(nvme: Driver) -> None:
    """6.12 has a switch; 6.1 does not have the file."""
    assert nvme.load() == ""
    nvme.bind("plain")
    path = "/sys/class/nvmecpp/nvmecpp0/passthru_err_log_enabled"
    if nvme.sh("uname -r").startswith("6.1."):
        assert nvme.vm.run(f"cat {path}").rc != 0
        return
    nvme.sh(f"echo on > {path}")
    assert nvme.sh(f"cat {path}") == "on\n"
    assert "Invalid argument" in nvme.vm.run(f"echo maybe | tee {path}").err
    assert nvme.sh(f"cat {path}") == "on\n"


FAILING = """
import os, sys
sys.path.insert(0, 'tests/vm')
from nvme_user import *
fd, io = (os.open(name, os.O_RDWR) for name in sys.argv[1:3])
page = Memory(4096)
for _ in range(2):
    print(passthru(fd, ADMIN, 0xc1, 0, words={10: 7}), passthru(io, IO, 2, 1, page.address, 512, rw(1 << 40, 1)))
"""


@pytest.mark.slow
def test_nv42_errors_of_passthrough_have_lines_if_that_is_wanted(nvme: Driver) -> None:
    """6.12: none, until either file says so; then the C driver's; and none again. 6.1 has no such lines."""
    is_new = nvme.sh("uname -r").startswith("6.12.")

    def act() -> list[Any]:
        slot = nvme.slots["plain"]
        controller = nvme.sh(f"basename /sys/bus/pci/devices/{slot}/nvme/*").strip()
        disk = nvme.sh(f"basename /sys/bus/pci/devices/{slot}/nvme/{controller}/nvme*n1").strip()
        found: list[Any] = []
        for value, path in ("", ""), ("on", f"class/nvme/{controller}"), ("on", f"block/{disk}"), ("off", f"class/nvme/{controller}"), ("off", f"block/{disk}"):
            if path and is_new:
                nvme.sh(f"echo {value} > /sys/{path}/passthru_err_log_enabled")
            before = len(nvme.vm.dmesg_lines(whole=True))
            said = nvme.vm.run(["python3", "-c", FAILING, f"/dev/{controller}", f"/dev/{disk}"], 60, check=True).out
            lines = [line for line in nvme.vm.dmesg_lines(whole=True)[before:] if " Cmd(" in line]
            found += [said, [re.sub(r".*nvme\d+(n\d+)?: ", r"\1 ", line) for line in lines]]
        return found

    stock, ours = on_both(nvme, act)
    assert ours == stock
    admin = " Admin Cmd(0xc1), I/O Error (sct 0x0 / sc 0x1) DNR cdw10=0x7 cdw11=0x0 cdw12=0x0 cdw13=0x0 cdw14=0x0 cdw15=0x0"
    counts = [len(lines) for lines in ours[1::2]]
    assert counts == ([0, 2, 4, 2, 0] if is_new else [0] * 5)
    assert not is_new or ours[3] == [admin] * 2


def test_nv30_request_for_events_is_outstanding(nvme: Driver) -> None:
    """One after each start; the device is asked for changes of namespaces."""
    assert nvme.load() == ""
    for _ in range(2):
        before = len(nvme.trace())
        nvme.bind("plain")
        nvme.sh("echo 1 > /sys/class/nvmecpp/nvmecpp0/reset_controller; sleep 0.3")
        events = nvme.trace()[before:]
        assert sum(line.startswith("pci_nvme_aer ") for line in events) == 2
        assert sum("pci_nvme_setfeat" in line and "fid 0xb" in line for line in events) == 2
        nvme.unbind("plain")


# The doorbell of a queue that there is not.
NO_DOORBELL = 0x1000 + 60 * 8


@pytest.mark.slow
def test_nv30_nv36_nv66_event_is_told_and_asked_for_again(nvme: Driver) -> None:
    """QEMU reports a write to the doorbell of no queue: user space is told, the tracepoint too, and the next request is sent."""
    slot = nvme.slots["plain"]

    def act() -> Any:
        tracing(nvme, "echo 1 > events/nvme/nvme_async_event/enable")
        before = len(nvme.trace())
        told = watch(nvme, "uevents", f"python3 tests/vm/nvme_watch.py poke {slot} {NO_DOORBELL:#x}")
        tracing(nvme, "echo 0 > events/nvme/nvme_async_event/enable")
        lines = re.findall(r"nvme_async_event: nvme\d+: (.*)", tracing(nvme, "cat trace"))
        return told, lines, sum(line.startswith("pci_nvme_aer ") for line in nvme.trace()[before:])

    stock, ours = on_both(nvme, act)
    assert ours == stock
    assert ours == ([["ACTION=change", "NVME_AEN=0x010000", "NVME_TRTYPE=pcie"]], ["NVME_AEN=0x010000 [NVME_AER_ERROR]"], 1)


def test_nv38_quirks_of_the_table_are_used(nvme: Driver) -> None:
    """new_id with another model's number: one command at a time, and one vector."""
    assert nvme.load() == ""
    nvme.sh("echo 1b36 0010 ffffffff ffffffff 010802 ffffff 840 > /sys/bus/pci/drivers/nvme_cpp/new_id", check=False)
    if not nvme.disks():
        nvme.bind("plain")
    assert nvme.disks() == ["nvmecpp0n1"]


def tracing(nvme: Driver, command: str) -> str:
    """What a command in the folder of tracefs prints; what was traced before is forgotten, unless it is read."""
    forget = "" if "cat" in command or "echo 0" in command else "echo > trace;"
    return nvme.sh(f"mountpoint -q {TRACING} || mount -t tracefs tracefs {TRACING}; cd {TRACING}; {forget} {command}")


def traced(nvme: Driver, disk: str) -> list[str]:
    """What the tracepoints say of some commands, each line once; without numbers that differ between runs, and others' reads."""
    tracing(nvme, "echo 1 > events/nvme/enable")
    nvme.sh(
        f"taskset 1 dd if=/dev/{disk} of=/dev/null bs=4k count=1 skip=8 iflag=direct 2>&1;"
        f"taskset 1 dd if=/dev/zero of=/dev/{disk} bs=4k count=1 seek=16 oflag=direct,dsync 2>&1;"
        f"taskset 1 blkdiscard -o 1M -l 1M /dev/{disk}; taskset 1 blkdiscard -z -o 1M -l 64k /dev/{disk}"
    )
    tracing(nvme, "echo 0 > events/nvme/enable")
    found = []
    for line in tracing(nvme, "cat trace").splitlines():
        event = re.search(r" (nvme_\w+): (.*)", line)
        if event:
            found.append(event[1] + " " + re.sub(r"(cmdid|head|tail)=\d+", r"\1=N", re.sub(r"(nvme|disk=nvme)\d+", r"\1N", event[2])))
    meant = ("slba=64,", "slba=128,", "slba=2048,")
    return sorted({line for line in found if "slba=" not in line or any(word in line for word in meant)})


@pytest.mark.slow
def test_nv70_tracepoints_are_the_c_drivers(nvme: Driver) -> None:
    def act() -> list[str]:
        disk = nvme.sh("cd /sys/block; ls -d nvme*n1 | head -1").strip()
        return traced(nvme, disk)

    stock, ours = on_both(nvme, act)
    assert ours == stock
    text = "\n".join(ours)
    assert "slba=64, len=7, ctrl=0x0, dsmgmt=0, reftag=0" in text
    assert {line.split()[0] for line in ours} == {"nvme_setup_cmd", "nvme_sq", "nvme_complete_rq"}
