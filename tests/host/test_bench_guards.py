# SPDX-License-Identifier: GPL-2.0
"""Which disks the benchmark may write, judged on a made-up machine: folders for /sys, /proc and /dev, and tools that say
what they are told to. (Real disks in a guest: tests/vm/test_bench_guards.py.)"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import guards  # noqa: E402
from benchlib.guards import GuardError, check  # noqa: E402

CONTROLLER = "sys/devices/pci0000:00/0000:00:10.0/nvme/nvme0"
SUBSYSTEM = "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
# The last argument of stat is the file; what it is, is in a file of that name with .kind added.
FAKES = {
    "stat": 'for file; do :; done\ncat "$file.kind"',
    "find": "cat {root}/open",
    "wipefs": "cat {root}/signatures",
    "perl": "cat {root}/claim",
    "id": "cat {root}/user",
    "udevadm": "exit 0",
}


class Machine:
    """A machine with one empty disk, nvme0n1, as a target."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.bin.mkdir()
        for tool in ("awk", "cat", "dd", "readlink", "sed", "sort", "tr"):
            path = shutil.which(tool)
            assert path
            (self.bin / tool).symlink_to(path)
        for tool, script in FAKES.items():
            (self.bin / tool).write_text(f"#!/bin/sh\n{script.format(root=root)}\n")
            (self.bin / tool).chmod(0o755)
        self.write("open", "character special file 1 3 /proc/1/fd/0\n")
        self.write("signatures", "")
        self.write("claim", "")
        self.write("user", "0\n")
        self.write("proc/1/mountinfo", "22 1 0:21 / /proc rw,relatime - proc proc rw\n")
        self.write("proc/self/mountinfo", "22 1 0:21 / /proc rw,relatime - proc proc rw\n")
        self.write("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
        self.add_disk("nvme0n1", 0)
        self.write(f"{CONTROLLER}/nvme0n1/device/model", "Fast SSD      \n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def add_disk(self, name: str, minor: int, folder: str = CONTROLLER, sectors: int = 4096) -> None:
        place = f"{folder}/{name}"
        for file, text in (("dev", f"259:{minor}"), ("ro", "0"), ("size", str(sectors))):
            self.write(f"{place}/{file}", f"{text}\n")
        (self.root / place / "holders").mkdir()
        self.show(name, place)
        self.add_node(name, "block", 259, minor)
        (self.root / "dev" / name).write_bytes(bytes(4096))

    def add_part(self, name: str, minor: int) -> None:
        place = f"{CONTROLLER}/nvme0n1/{name}"
        self.write(f"{place}/dev", f"259:{minor}\n")
        self.write(f"{place}/partition", "1\n")
        (self.root / place / "holders").mkdir()
        self.show(name, place)
        self.add_node(name, "block", 259, minor)

    def show(self, name: str, place: str) -> None:
        """Makes the link by which a block device is found."""
        links = self.root / "sys/class/block"
        links.mkdir(parents=True, exist_ok=True)
        (links / name).symlink_to(self.root / place)

    def add_node(self, name: str, kind: str, major: int, minor: int) -> None:
        self.write(f"dev/{name}", "")
        self.write(f"dev/{name}.kind", f"{kind} special file {major:x} {minor:x}\n")

    def add_mount(self, number: str, point: str, source: str) -> None:
        with (self.root / "proc/1/mountinfo").open("a") as file:
            file.write(f"40 22 {number} / {point} rw,relatime shared:1 master:2 - xfs {source} rw\n")

    def run(self, script: str, timeout: float = 60) -> SimpleNamespace:
        """Runs a script of the guard on this machine."""
        for line, replacement in (("root=\n", f"root={self.root}\n"), ("PATH=$PATH:/usr/sbin:/sbin\n", "")):
            assert script.count(line) == 1
            script = script.replace(line, replacement)
        done = subprocess.run(
            ["/bin/sh"], input=script, capture_output=True, text=True, timeout=timeout, env={"PATH": str(self.bin)}
        )
        return SimpleNamespace(rc=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def refusal(machine: Machine, device: str = "nvme0n1", erase: str = "nvme0n1", **how: bool) -> str:
    """Why a disk is refused: one line."""
    with pytest.raises(GuardError) as caught:
        check(machine, device, erase, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_disk_passes_when_its_erasure_is_allowed(machine: Machine) -> None:
    for device in ("nvme0n1", "/dev/nvme0n1"):
        for erase in ("nvme0n1", "/dev/nvme0n1"):
            assert check(machine, device, erase).path == "/dev/nvme0n1"
    disk = check(machine, "nvme0n1", "nvme0n1", unbinds=True)
    assert disk.plan(writes=True) == "everything on nvme0n1 (Fast SSD, 2.1 MB) will be erased"
    assert disk.plan(writes=False) == "nvme0n1 (Fast SSD, 2.1 MB) will be read, and not written"


def test_erasure_must_be_allowed_by_name(machine: Machine) -> None:
    assert refusal(machine, erase="") == "nvme0n1 would be erased: to allow that, give --erase nvme0n1"
    machine.add_disk("nvme0n2", 1)
    assert refusal(machine, erase="nvme0n2") == "--erase names nvme0n2, but the disk is nvme0n1"
    assert check(machine, "nvme0n1", "", writes=False).name == "nvme0n1"


def test_a_link_shows_the_real_name(machine: Machine) -> None:
    (machine.root / "dev/disk/by-id").mkdir(parents=True)
    (machine.root / "dev/disk/by-id/nvme-x").symlink_to("../../nvme0n1")
    link = "/dev/disk/by-id/nvme-x"
    assert refusal(machine, link, "") == f"nvme0n1 ({link}) would be erased: to allow that, give --erase nvme0n1"
    assert check(machine, link, "nvme0n1").name == check(machine, link, link).name == "nvme0n1"
    (machine.root / f"{CONTROLLER}/nvme0n1/ro").write_text("1\n")
    assert refusal(machine, link) == f"nvme0n1 is read-only ({link} is nvme0n1)"


@pytest.mark.parametrize(
    "name",
    ["", ".", "/", "/dev", "/dev/", "nvme0n1; reboot", "$(reboot)", "a b", "'", "../dev/nvme0n1", "/dev/../etc/passwd", "/etc/passwd",
     "nvme0n1\n", "//dev/nvme0n1", "\u0661", "*"],
)  # fmt: skip
def test_an_odd_name_never_reaches_a_shell(name: str) -> None:
    class Untouched:
        def run(self, script: str, timeout: float = 60) -> SimpleNamespace:
            raise AssertionError("the name reached the machine")

    with pytest.raises(GuardError, match="is not the name of a disk"):
        check(Untouched(), name, name)


def test_what_is_no_whole_disk_is_refused(machine: Machine) -> None:
    machine.add_part("nvme0n1p1", 1)
    machine.add_node("null", "character", 1, 3)
    machine.add_node("sdx", "block", 8, 0)
    machine.write("dev/shm/file", "")
    machine.write("dev/shm/file.kind", "regular file 0 0\n")
    (machine.root / "dev/outside").symlink_to("/etc/hostname")
    assert refusal(machine, "nvme0n1p1", "nvme0n1p1") == "nvme0n1p1 is a partition: give the whole disk, nvme0n1"
    assert refusal(machine, "null") == "null is no block device"
    assert refusal(machine, "shm/file") == "shm/file is no block device"
    assert refusal(machine, "outside") == "outside is /etc/hostname, which is no block device"
    assert refusal(machine, "nvme5n1") == "nvme5n1: there is no such disk"
    assert refusal(machine, "sdx") == "sdx cannot be checked: the kernel lists no disk sdx"


def test_mounts_and_swap_are_found_by_device_number(machine: Machine) -> None:
    machine.add_part("nvme0n1p1", 1)
    machine.add_part("nvme0n1p12", 12)
    assert refusal(machine) == "nvme0n1 has 2 partitions: nvme0n1p1, nvme0n1p12"
    with (machine.root / "proc/swaps").open("a") as file:
        file.write("/swapfile file 1 0 -2\n/dev/nvme0n1p1 partition 524284 0 -2\n")
    assert refusal(machine) == "nvme0n1p1 is swap"
    machine.add_mount("259:12", r"/my\040files", "/dev/root")
    assert refusal(machine) == "nvme0n1p12 is mounted on /my files"
    machine.add_mount("259:0", "/home", "/dev/mapper/anything")
    assert refusal(machine) == "nvme0n1 is mounted on /home"


def test_a_mount_with_a_number_of_its_own_is_found_by_its_source(machine: Machine) -> None:
    machine.add_mount("0:44", "/data", "/dev/nvme0n1")
    assert refusal(machine) == "nvme0n1 is mounted on /data"


def test_holders_are_found(machine: Machine) -> None:
    machine.add_part("nvme0n1p3", 3)
    machine.write(f"{CONTROLLER}/nvme0n1/nvme0n1p3/holders/md127", "")
    assert refusal(machine) == "nvme0n1p3 is held by md127"


def test_users_that_do_not_claim_the_disk_are_found(machine: Machine) -> None:
    machine.write("open", "block special file 103 0 /proc/812/fd/9\n")
    machine.write("proc/812/comm", "postgres\n")
    (machine.root / "open").write_text(f"block special file 103 0 {machine.root}/proc/812/fd/9\n")
    assert refusal(machine) == "nvme0n1 is open in process 812 postgres"
    machine.write("sys/block/loop7/loop/backing_file", "/dev/nvme0n1\n")
    assert refusal(machine) == "nvme0n1 is used by loop7"


def test_a_disk_that_is_claimed_is_refused(machine: Machine) -> None:
    machine.write("claim", "Device or resource busy")
    assert refusal(machine) == "nvme0n1 cannot be opened exclusively: Device or resource busy"


@pytest.mark.parametrize(
    ("signatures", "said"),
    [
        ("filesystem,ext4\n", "nvme0n1 holds an ext4 file system"),
        ("partition-table,gpt\npartition-table,PMBR\n", "nvme0n1 holds a partition table (gpt)"),
        ("raid,LVM2_member\n", "nvme0n1 holds a part of a RAID or volume group (LVM2_member)"),
        ("crypto,crypto_LUKS\n", "nvme0n1 holds an encrypted volume (crypto_LUKS)"),
        ("filesystem,zfs_member\n", "nvme0n1 holds a zfs_member file system"),
        ("nonsense\n", "nvme0n1 holds something (nonsense)"),
    ],
)
def test_any_signature_is_refused(machine: Machine, signatures: str, said: str) -> None:
    machine.write("signatures", signatures)
    assert refusal(machine) == said
    assert check(machine, "nvme0n1", "", writes=False).note == ""


def test_a_disk_that_cannot_be_written_is_refused(machine: Machine) -> None:
    machine.write(f"{CONTROLLER}/nvme0n1/size", "2047\n")
    assert refusal(machine) == "nvme0n1 is smaller than 1 MiB"
    machine.write(f"{CONTROLLER}/nvme0n1/ro", "1\n")
    assert refusal(machine) == "nvme0n1 is read-only"
    machine.write(f"{CONTROLLER}/nvme0n1/dev", "259:9\n")
    assert refusal(machine) == "nvme0n1 has another device number in /dev than in /sys"


def test_other_namespaces_count_when_the_controller_is_unbound(machine: Machine) -> None:
    machine.add_disk("nvme0n2", 7)
    machine.add_disk("nvme1n1", 8, "sys/devices/pci0000:00/0000:00:11.0/nvme/nvme1")
    machine.add_mount("259:7", "/srv", "/dev/nvme0n2")
    machine.add_mount("259:8", "/", "/dev/nvme1n1")
    said = "nvme0n1 cannot be taken from its driver: nvme0n2 is mounted on /srv, on the same controller"
    assert refusal(machine, unbinds=True) == said
    assert refusal(machine, erase="", writes=False, unbinds=True) == said
    assert check(machine, "nvme0n1", "nvme0n1").name == "nvme0n1"


def test_namespaces_with_several_ways_to_them_count(machine: Machine) -> None:
    (machine.root / SUBSYSTEM).mkdir(parents=True)
    (machine.root / SUBSYSTEM / "nvme0").symlink_to(machine.root / CONTROLLER)
    (machine.root / "sys/class/nvme-subsystem").mkdir()
    (machine.root / "sys/class/nvme-subsystem/nvme-subsys0").symlink_to(machine.root / SUBSYSTEM)
    (machine.root / CONTROLLER / "nvme0c0n3").mkdir()  # One way to nvme0n3; it has no number.
    machine.add_disk("nvme0n3", 7, SUBSYSTEM)
    assert check(machine, "nvme0n1", "nvme0n1", unbinds=True).name == "nvme0n1"
    machine.add_mount("259:7", "/srv", "/dev/nvme0n3")
    assert "nvme0n3 is mounted on /srv" in refusal(machine, unbinds=True)
    assert refusal(machine, "nvme0n3", "nvme0n3", unbinds=True) == "nvme0n3 is mounted on /srv"


def test_only_nvme_controllers_are_unbound(machine: Machine) -> None:
    machine.add_disk("vda", 5, "sys/devices/virtio0/block")
    assert refusal(machine, "vda", "vda", unbinds=True) == "vda is no NVMe namespace: it cannot be taken from its driver"
    assert check(machine, "vda", "vda").name == "vda"


@pytest.mark.parametrize("tool", sorted(guards._TOOLS))
def test_a_missing_tool_is_named(machine: Machine, tool: str) -> None:
    (machine.bin / tool).unlink()
    assert refusal(machine) == f"nvme0n1 cannot be checked: {tool} is missing, install the package {guards._TOOLS[tool]}"


@pytest.mark.parametrize("file", ["proc/1/mountinfo", "proc/swaps", f"{CONTROLLER}/nvme0n1/size", f"{CONTROLLER}/nvme0n1/ro"])
def test_a_file_that_cannot_be_read_is_named(machine: Machine, file: str) -> None:
    (machine.root / file).unlink()
    assert f"{file.replace(CONTROLLER, 'sys/class/block')} cannot be read" in refusal(machine)


def test_what_cannot_be_found_out_is_refused(machine: Machine) -> None:
    machine.write("user", "1000\n")
    assert refusal(machine) == "nvme0n1 cannot be checked: that takes root"
    machine.write("user", "0\n")
    machine.write("open", "")
    assert refusal(machine) == "nvme0n1 cannot be checked: what is mounted and open could not be found out"


@pytest.mark.parametrize(
    ("tool", "script", "said"),
    [
        ("wipefs", "echo wipefs: error: input/output error >&2; exit 1", "nvme0n1 cannot be checked: wipefs: error: input/output error"),
        ("dd", "exit 1", "nvme0n1 cannot be read"),
        ("perl", "echo no Fcntl >&2; exit 2", "nvme0n1 cannot be opened exclusively: perl fails: no Fcntl"),
        ("stat", "exit 1", "nvme0n1 is no block device"),
        ("awk", "exit 1", "nvme0n1 cannot be checked: what is mounted and open could not be found out"),
    ],
)
def test_a_tool_that_fails_is_a_refusal(machine: Machine, tool: str, script: str, said: str) -> None:
    (machine.bin / tool).unlink()
    (machine.bin / tool).write_text(f"#!/bin/sh\n{script}\n")
    (machine.bin / tool).chmod(0o755)
    assert refusal(machine) == said


@pytest.mark.parametrize("rc", [0, 124])
def test_a_script_that_did_not_end_is_a_refusal(machine: Machine, rc: int) -> None:
    class Cut:
        def run(self, script: str, timeout: float = 60) -> SimpleNamespace:
            result = machine.run(script, timeout)
            return SimpleNamespace(rc=rc, out=result.out.removesuffix("end\n"), err="connection lost\n")

    with pytest.raises(GuardError, match="nvme0n1 cannot be checked: connection lost"):
        check(Cut(), "nvme0n1", "nvme0n1")


def test_the_script_cannot_write() -> None:
    """Tools that could change a disk are only called in the form that does not."""
    text = guards._script("/dev/nvme0n1", True)
    assert "wipefs --no-act --noheadings" in text and text.count("wipefs") == 2  # The other is in the list of tools.
    assert text.count("of=/dev/null") == text.count("of=") == 1
    assert "O_RDONLY | O_EXCL" in text
    assert set(re.findall(r">\s*([^\s;)]+)", text)) == {"/dev/null", "&1", "&3"}
