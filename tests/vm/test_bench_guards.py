# SPDX-License-Identifier: GPL-2.0
"""The guard of real disks, on QEMU's NVMe disks and the stock nvme module: each way to be in use or to hold something is
refused with its reason, and the guard itself changes no byte of any disk."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from vmlib import PROJECT, Result, Vm

sys.path.insert(0, str(PROJECT / "bench"))

from benchlib.guards import GuardError, check  # noqa: E402

SIZE = 16 << 20  # Bytes of each disk.
# Two namespaces of one controller, and one that can have several controllers.
DISKS = ("nvme0n1", "nvme0n2", "nvme1n1")
DISK, NEIGHBOUR, SHARED = DISKS
# The controllers one after the other: probed at once, either could become the first.
LOAD = """set -e
modprobe -a loop dm-mod
echo 0 >/sys/bus/pci/drivers_autoprobe
modprobe nvme
appear() {
	for i in $(seq 200); do [ ! -b "/dev/$1" ] || return 0; sleep 0.1; done
	echo "$1 does not appear" >&2
	return 1
}
echo 0000:00:10.0 >/sys/bus/pci/drivers/nvme/bind
appear nvme0n1
appear nvme0n2
echo 0000:00:11.0 >/sys/bus/pci/drivers/nvme/bind
appear nvme1n1
"""
CLEAN_UP = """exec 2>/dev/null
[ ! -e /tmp/holder ] || kill "$(cat /tmp/holder)"
rm -f /tmp/holder
umount /tmp/point
swapoff -a
[ ! -e /dev/dm-0 ] || dmsetup remove -f held
[ ! -e /sys/block/loop3/loop ] || losetup -d /dev/loop3
target=/sys/kernel/config/nvmet/subsystems/t
[ ! -d $target ] || { echo 0 >$target/namespaces/1/enable; rmdir $target/namespaces/1 $target; }
blockdev --setrw /dev/nvme0n1
for disk in nvme0n1 nvme0n2 nvme1n1; do blkdiscard -fz /dev/$disk; done
blockdev --rereadpt /dev/nvme0n1
exit 0
"""


class Guest:
    """A guest as a target of the benchmark, with the images of its disks."""

    def __init__(self, vm: Vm, images: dict[str, Path]) -> None:
        self.vm = vm
        self.images = images

    def run(self, script: str, timeout: float = 60) -> Result:
        return self.vm.run(["/bin/sh", "-c", script], timeout=timeout, cwd="/tmp")

    def do(self, script: str) -> None:
        """Runs a script that must succeed."""
        result = self.run("set -e\nmkdir -p /tmp/point\n" + script, timeout=120)
        assert result.rc == 0, f"{script}: exit code {result.rc}\n{result.out}{result.err}"

    def hashes(self) -> list[str]:
        """What is on the disks, with all written that the guest has in memory."""
        self.do("sync")
        return [hashlib.sha256(image.read_bytes()).hexdigest() for image in self.images.values()]

    def refusal(self, device: str = DISK, erase: str = DISK, unbinds: bool = False) -> str:
        """Why a disk is refused; "" if it is not. The disks' bytes must stay the same."""
        before = self.hashes()
        try:
            check(self, device, erase, unbinds=unbinds)
            said = ""
        except GuardError as error:
            said = str(error)
        assert self.hashes() == before, "the guard has changed a disk"
        assert "\n" not in said
        return said


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Empty images, by disk."""
    folder = tmp_path_factory.mktemp("disks")
    files = {disk: folder / f"{disk}.img" for disk in DISKS}
    for file in files.values():
        with file.open("wb") as image:
            image.truncate(SIZE)
    return files


@pytest.fixture(scope="module")
def vm(release: str, images: dict[str, Path]) -> Iterator[Vm]:
    """A guest of its own, with the disks."""
    arguments = []
    for disk, image in images.items():
        arguments += ["-drive", f"if=none,id={disk},format=raw,file={str(image).replace(',', ',,')}"]
    arguments += ["-device", "nvme,id=plain,serial=one,addr=0x10", "-device", "nvme-subsys,id=group"]
    arguments += ["-device", "nvme,id=member,serial=two,subsys=group,addr=0x11"]
    for disk, bus in zip(DISKS, ("plain", "plain", "member")):
        arguments += ["-device", f"nvme-ns,drive={disk},bus={bus}"]
    with Vm(release, smp=2, mem=768, qemu_args=arguments, cwd=PROJECT) as guest:
        guest.run(["/bin/sh", "-c", LOAD], check=True)
        yield guest


@pytest.fixture
def guest(vm: Vm, images: dict[str, Path]) -> Iterator[Guest]:
    """The guest; what the test did to its disks is undone after it."""
    target = Guest(vm, images)
    yield target
    if vm.alive:
        vm.run(CLEAN_UP, timeout=120)


def boot_record(*partitions: tuple[int, int]) -> str:
    """A shell command that prints an MBR partition table: first sector and sectors of each."""
    table = bytearray(512)
    for index, (first, sectors) in enumerate(partitions):
        entry = 446 + 16 * index
        table[entry + 4] = 0x83
        table[entry + 8 : entry + 16] = first.to_bytes(4, "little") + sectors.to_bytes(4, "little")
    table[510:] = b"\x55\xaa"
    return f"echo {base64.b64encode(table).decode()} | base64 -d"


PARTITIONED = (
    f"{boot_record((2048, 10000), (20000, 10000))} | dd of=/dev/{DISK} conv=notrunc,fsync; blockdev --rereadpt /dev/{DISK}"
)
# How the disk comes into use, and what the refusal then says.
USES = {
    "file system": (f"mkfs.ext4 -q /dev/{DISK}", f"{DISK} holds an ext4 file system"),
    "mounted": (f"mkfs.ext4 -q /dev/{DISK}; mount -o ro /dev/{DISK} /tmp/point", f"{DISK} is mounted on /tmp/point"),
    "mounted where it cannot be seen": (
        f"mkfs.ext4 -q /dev/{DISK}; unshare -m sh -c 'mount -o ro /dev/{DISK} /tmp/point && exec sleep 300' >/dev/null 2>&1 & "
        "echo $! >/tmp/holder; sleep 2",
        f"{DISK} cannot be opened exclusively: Device or resource busy",
    ),
    "partitions": (PARTITIONED, f"{DISK} has 2 partitions: {DISK}p1, {DISK}p2"),
    "table that the kernel has not read": (f"{boot_record()} | dd of=/dev/{DISK}", f"{DISK} holds a partition table (dos)"),
    "partition mounted": (
        f"{PARTITIONED}; mkfs.ext4 -q /dev/{DISK}p2; mount -o ro /dev/{DISK}p2 /tmp/point",
        f"{DISK}p2 is mounted on /tmp/point",
    ),
    "swap": (f"mkswap /dev/{DISK}; swapon /dev/{DISK}", f"{DISK} is swap"),
    "swap, unused": (f"mkswap /dev/{DISK}", f"{DISK} holds something (swap)"),
    "device mapper": (f"echo 0 8192 linear /dev/{DISK} 0 | dmsetup create held", f"{DISK} is held by dm-0"),
    "device mapper on a partition": (
        f"{PARTITIONED}; echo 0 8192 linear /dev/{DISK}p1 0 | dmsetup create held",
        f"{DISK}p1 is held by dm-0",
    ),
    "loop device": (f"losetup /dev/loop3 /dev/{DISK}", f"{DISK} is used by loop3"),
    "NVMe target": (
        "modprobe nvmet; cd /sys/kernel/config/nvmet/subsystems; mkdir -p t/namespaces/1; cd t/namespaces/1; "
        f"echo /dev/{DISK} >device_path; echo 1 >enable",
        f"{DISK} is used by the NVMe target",
    ),
    "open": (f"sleep 300 </dev/{DISK} >/dev/null 2>&1 & echo $! >/tmp/holder", f"{DISK} is open in process "),
    "open past the block layer": ("sleep 300 </dev/ng0n1 >/dev/null 2>&1 & echo $! >/tmp/holder", "ng0n1 is open in process "),
    "read-only": (f"blockdev --setro /dev/{DISK}", f"{DISK} is read-only"),
}


@pytest.mark.parametrize("use", USES)
def test_a_disk_with_something_on_it_or_somebody_using_it_is_refused(guest: Guest, use: str) -> None:
    script, reason = USES[use]
    guest.do(script)
    said = guest.refusal()
    assert said.startswith(reason) if "process" in reason else said == reason


def test_an_empty_disk_passes_with_the_flag_only(guest: Guest) -> None:
    assert guest.refusal(erase="") == f"{DISK} would be erased: to allow that, give --erase {DISK}"
    before = guest.hashes()
    for disk in DISKS:
        found = check(guest, disk, disk)
        assert (found.name, found.size) == (disk, SIZE)
        assert found.plan(writes=True).startswith(f"everything on {disk} (QEMU NVMe Ctrl")
    assert guest.hashes() == before


def test_a_disk_with_something_on_it_can_be_read(guest: Guest) -> None:
    guest.do(f"mkfs.ext4 -q /dev/{DISK}; mount -o ro /dev/{DISK} /tmp/point")
    found = check(guest, DISK, "", writes=False)
    assert found.plan(writes=False).endswith(f"will be read, and not written; it is in use: {DISK} is mounted on /tmp/point")
    with pytest.raises(GuardError, match="is mounted on /tmp/point"):
        check(guest, DISK, "", writes=False, unbinds=True)


def test_a_controller_is_not_taken_from_its_driver_while_a_namespace_is_in_use(guest: Guest) -> None:
    assert guest.refusal(unbinds=True) == ""
    guest.do(f"mkfs.ext4 -q /dev/{NEIGHBOUR}; mount -o ro /dev/{NEIGHBOUR} /tmp/point")
    assert guest.refusal() == ""
    assert guest.refusal(unbinds=True) == (
        f"{DISK} cannot be taken from its driver: {NEIGHBOUR} is mounted on /tmp/point, on the same controller"
    )
    assert guest.refusal(SHARED, SHARED, unbinds=True) == ""


def test_what_is_no_whole_disk_is_refused(guest: Guest) -> None:
    guest.do(PARTITIONED)
    assert guest.refusal(f"{DISK}p1", f"{DISK}p1") == f"{DISK}p1 is a partition: give the whole disk, {DISK}"
    assert guest.refusal("nvme0", "nvme0") == "nvme0 is no block device"
    guest.do(f"ln -sf /dev/{NEIGHBOUR} /dev/my-disk")
    assert guest.refusal("my-disk", "") == f"{NEIGHBOUR} (my-disk) would be erased: to allow that, give --erase {NEIGHBOUR}"
    assert guest.refusal("my-disk", "my-disk") == ""
