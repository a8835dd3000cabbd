# SPDX-License-Identifier: GPL-2.0
"""A session with nvme_cpp as a user has it: what refuses to be taken, nvme-cli by both kinds of names, a device that is slow, then dead.

Writes build/sessions/nvme-RELEASE.md, copies of which are docs/nvme_session-SERIES.md. Times are those of the guest's clock.
"""

from __future__ import annotations

import re
import time

import pytest
from nvme import NAME, Controller, Driver, Namespace, guest_fixture
from vmlib import PROJECT

pytestmark = pytest.mark.slow
SLOT = "/sys/bus/pci/devices/{}"
vm = guest_fixture([Controller("one", (Namespace(512, 64),)), Controller("slow", (Namespace(512, 64),))])

CLI = [
    "nvme list", "nvme id-ctrl /dev/nvmecpp0 | head -16", "nvme id-ns /dev/nvmecpp0n1 | head -12", "nvme smart-log /dev/nvmecpp0 | head -8",
    "nvme get-feature /dev/nvmecpp0 -f 7", "nvme list-ns /dev/nvmecpp0", "head -c 4096 /dev/zero | tr '\\0' k > /run/data",
    "nvme write /dev/nvmecpp0n1 -s 8 -c 7 -z 4096 -d /run/data", "nvme compare /dev/nvmecpp0n1 -s 8 -c 7 -z 4096 -d /run/data",
    "nvme compare /dev/nvmecpp0n1 -s 9 -c 7 -z 4096 -d /run/data", "nvme io-passthru /dev/ngcpp0n1 -o 2 -n 1 -r -l 512 --cdw10=8 | head -3",
    "nvme admin-passthru /dev/nvmecpp0 -o 0xc1", "nvme set-feature /dev/nvmecpp0 -f 7 -v 0x10001", "nvme format /dev/nvmecpp0 -n 1 --lbaf=4 --force",
    "cat /sys/block/nvmecpp0n1/queue/logical_block_size", "nvme format /dev/nvmecpp0 -n 1 --lbaf=0 --force", "nvme reset /dev/nvmecpp0",
]  # fmt: skip


class Session:
    """What was typed, and what came of it, as Markdown."""

    def __init__(self, nvme: Driver) -> None:
        self.nvme = nvme
        self.text = f"# nvme_cpp on {nvme.vm.release}: a session\n\nWritten by tests/vm/test_nvme_session.py, in QEMU's emulator.\n"
        self._seen = self._lines()

    def _lines(self) -> int:
        return len(self.nvme.vm.dmesg_lines(whole=True))

    def head(self, title: str) -> None:
        self.text += f"\n## {title}\n"

    def say(self, command: str, timeout: float = 90) -> str:
        """Types a command: what it printed; the lines of the log that it caused come below it."""
        done = self.nvme.vm.run(["bash", "-c", command], timeout)  # dash does not say which error a write had.
        said = (done.out + done.err).strip()
        shown = command.replace(str(PROJECT), ".")
        self.text += "\n".join(f"    {line}".rstrip() for line in [f"$ {shown}", *said.replace(str(PROJECT), ".").splitlines()]) + "\n"
        if done.rc:
            self.text += f"    (exit code {done.rc})\n"
        return said + "\n" + self.log()

    def log(self) -> str:
        """Adds the driver's new lines in the kernel's log, with their times."""
        lines = self.nvme.vm.dmesg_lines(whole=True)
        fresh = [line for line in lines[self._seen :] if f"{NAME}: " in line]
        self._seen = len(lines)
        self.text += "".join(f"    {line}\n" for line in fresh)
        return "\n".join(fresh)

    def write(self) -> None:
        folder = PROJECT / "build" / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"nvme-{self.nvme.vm.release}.md").write_text(self.text)


def seconds(log: str, what: str) -> float:
    """When the first line with `what` was written."""
    found = re.search(rf"(?m)^\[ *([\d.]+)\] .*{re.escape(what)}", log)
    assert found, f"no line with {what!r}: {log}"
    return float(found[1])


def guards(session: Session, insmod: str, one: str) -> None:
    """Nothing is taken that was not given."""
    session.head("What it refuses")
    session.say(insmod)
    assert session.nvme.disks() == []
    assert "No such device" in session.say(f"echo {one} > /sys/bus/pci/drivers/{NAME}/bind")
    assert "Invalid" in session.say(f"rmmod {NAME}; {insmod} io_queue_depth=1")
    session.say("modprobe nvme; sleep 2; mkfs.ext4 -q /dev/nvme0n1 && mount /dev/nvme0n1 /mnt")
    assert "busy" in session.say(f"{insmod} compat_names=1")
    session.say(f"{insmod} bind_all=1")
    assert session.nvme.sh("grep -o '^/dev/nvme0n1 /mnt' /proc/mounts").strip() == "/dev/nvme0n1 /mnt"
    assert "nvmecpp0n1" not in session.nvme.disks()
    said = session.say(f"echo {NAME} > {SLOT.format(one)}/driver_override; echo {one} > /sys/bus/pci/drivers/{NAME}/bind")
    assert "busy" in said or "No such device" in said
    session.say(f"umount /mnt; rmmod {NAME} nvme nvme_core")
    session.nvme.sh(session.nvme._forget())


def ladder(session: Session, insmod: str) -> None:
    """A device that does one request in a second, then one that is not there any more."""
    nvme = session.nvme
    session.head("A device that is slow: its requests are aborted, then the controller is reset")
    session.say(f"{insmod} io_timeout=2")
    nvme.bind("slow")
    nvme.hmp("block_set_io_throttle slow-d1 0 0 0 1 0 0")
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=write", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--size=1M", "--verify=crc32c", "--do_verify=1")
    begun = float(nvme.sh("cut -d' ' -f1 /proc/uptime"))
    try:
        nvme.wait_for("dmesg | grep -q 'timeout, reset controller'")
    finally:
        nvme.hmp("block_set_io_throttle slow-d1 0 0 0 0 0 0")
    assert job.wait(90).rc == 0
    log = session.log()
    aborted, reset = seconds(log, "timeout, aborting"), seconds(log, "timeout, reset controller")
    session.text += f"\nfio began at about {begun:.0f} s. First abort to reset: {reset - aborted:.1f} s. fio found what it had written.\n"
    # A timer of the block layer's may be a second late, and another as late again.
    assert 1.5 <= reset - aborted < 15

    session.head("A device that is not there any more")
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=16", "--ioengine=libaio", "--time_based", "--runtime=120")
    time.sleep(2)
    gone = float(nvme.sh("cut -d' ' -f1 /proc/uptime"))
    nvme.sh(f"printf '\\000\\000' | dd of={SLOT.format(nvme.slots['slow'])}/config bs=1 seek=4 conv=notrunc 2>/dev/null")
    assert job.wait(90).rc not in (0, 124)
    log = session.log()
    dead = seconds(log, "Disabling device after reset failure: -19")
    session.text += f"\nThe device answered no more from {gone:.1f} s on; it was given up {dead - gone:.1f} s later, and fio had ended with errors.\n"
    assert dead - gone < 30
    session.say("cat /sys/block/nvmecpp0n1/size")
    session.say(f"echo {nvme.slots['slow']} > /sys/bus/pci/drivers/{NAME}/unbind; ls /dev | grep nvmecpp0")


def test_nv01_nv21_nv25_nv61_a_session(nvme: Driver) -> None:
    nvme.vm.run(f"rmmod {NAME}; {nvme._forget()}", 90)
    one, insmod = nvme.slots["one"], f"insmod {nvme.path}"
    session = Session(nvme)
    guards(session, insmod, one)
    for params, names in ("", {}), (" compat_names=1", {"nvmecpp0": "nvme0", "ngcpp0": "ng0"}):
        session.head(f"nvme-cli{', with compat_names=1' if params else ''}")
        session.say(f"{insmod}{params}; echo {NAME} > {SLOT.format(one)}/driver_override; echo {one} > /sys/bus/pci/drivers/{NAME}/bind")
        for command in CLI:
            for name, other in names.items():
                command = command.replace(name, other)
            said = session.say(command)
            assert "set-feature" not in command or "Permission denied" in said
        nvme.unload()
    ladder(session, insmod)
    session.write()
