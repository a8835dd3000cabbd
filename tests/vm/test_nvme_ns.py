# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp's namespaces of every kind: what lies beside their blocks, zones, and limits as the C driver has them."""

from __future__ import annotations

import re

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

pytestmark = pytest.mark.slow_on_older

PLAIN, TYPE1, TYPE2, TYPE3, WIDE, FIRST, LAST, STRIPPED, EXTENDED, UNKNOWN = range(1, 11)
KINDS = {
    PLAIN: Namespace(512, 16),
    TYPE1: Namespace(512, 16, "ms=8,pi=1"),
    TYPE2: Namespace(4096, 16, "ms=8,pi=2"),
    TYPE3: Namespace(512, 16, "ms=8,pi=3"),
    WIDE: Namespace(4096, 16, "ms=16,pi=1,pif=2"),
    FIRST: Namespace(512, 16, "ms=16,pi=1,pil=1"),
    LAST: Namespace(512, 16, "ms=16,pi=1"),
    STRIPPED: Namespace(512, 16, "ms=8,pi=1,mset=1"),
    EXTENDED: Namespace(512, 16, "ms=16,mset=1"),
    UNKNOWN: Namespace(512, 16, "ms=8"),
}
ZONES = "zoned=on,zoned.zone_size=1M,zoned.zone_capacity=768K,zoned.max_open=8,zoned.max_active=12"
CONTROLLERS = [
    Controller("kinds", tuple(KINDS.values())),
    Controller("zoned", (Namespace(4096, 32, ZONES),), "zoned.zasl=3"),
    Controller("any", (Namespace(512, 16), Namespace(4096, 16)), "mdts=0"),
    Controller("short", (Namespace(512, 16),), "mdts=1"),
]
vm = guest_fixture(CONTROLLERS)
# What changes by itself, what the C driver sets for others than itself, and what the two may differ in.
_IGNORED = {"queue/wbt_lat_usec", "queue/scheduler", "queue/nr_requests"}


def load(nvme: Driver, name: str, params: str = "") -> None:
    nvme.sh("modprobe -a t10-pi crc64-rocksoft 2>/dev/null; true")
    assert nvme.load(params) == ""
    nvme.bind(name)


def attributes(nvme: Driver, disk: str) -> dict[str, str]:
    """All that the block layer says of a disk."""
    said = nvme.sh(f"cd /sys/block/{disk} && grep -s . size ro hidden queue/* integrity/*; true")
    found = dict(line.partition(":")[::2] for line in said.splitlines())
    return {name: value for name, value in found.items() if name not in _IGNORED}


def of_both(nvme: Driver, name: str) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """For each namespace of a controller: its number, what is said of ours, and of the C driver's."""
    load(nvme, name)
    count = len(nvme.disks())
    ours = [attributes(nvme, f"nvmecpp0n{number}") for number in range(1, count + 1)]
    zones = nvme.sh("blkzone report /dev/nvmecpp0n1") if name == "zoned" else ""
    nvme.unload()
    slot = nvme.slots[name]
    nvme.sh(f"modprobe nvme-core multipath=N; echo nvme > /sys/bus/pci/devices/{slot}/driver_override; modprobe nvme")
    try:
        found = f"/sys/bus/pci/devices/{slot}/nvme/nvme*"
        nvme.wait_for(f"[ -e {found}/nvme*n{count} ]")
        stock = nvme.sh(f"basename {found}").strip()
        # It looks at several at a time: their numbers say nothing.
        disks = sorted(nvme.sh(f"for n in {found}/nvme*n*; do echo $(cat $n/nsid) $(basename $n); done").split("\n")[:-1], key=lambda line: int(line.split()[0]))
        theirs = [attributes(nvme, line.split()[1]) for line in disks]
        if zones:
            assert zones == nvme.sh(f"blkzone report /dev/{stock}n1")
    finally:
        nvme.sh("modprobe -r nvme nvme-core", 90)
    return [(f"n{number}", a, b) for number, (a, b) in enumerate(zip(ours, theirs, strict=True), 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [c.name for c in CONTROLLERS])
def test_nv76_limits_are_the_c_drivers(nvme: Driver, name: str) -> None:
    """Every attribute of every kind of namespace; mdts none, 1 and 7."""
    for number, ours, theirs in of_both(nvme, name):
        different = {key: (ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        assert different == {}, f"{number}: ours, the C driver's"


def flip(nvme: Driver, number: int) -> None:
    """Changes a bit of a namespace's data, 4096 bytes into it, behind the device's back; or changes it back."""
    with (nvme.folder / f"kinds-{number}.img").open("r+b") as file:
        file.seek(4096)
        byte = file.read(1)
        file.seek(4096)
        file.write(bytes([byte[0] ^ 1]))


@pytest.mark.slow
def test_nv44_protected_blocks_are_checked(nvme: Driver, release: str) -> None:
    """Each type and both guards: data comes back; a block that was changed behind the device's back is EILSEQ."""
    load(nvme, "kinds")
    formats = {TYPE1: "T10-DIF-TYPE1-CRC", TYPE2: "T10-DIF-TYPE1-CRC", TYPE3: "T10-DIF-TYPE3-CRC", WIDE: "EXT-DIF-TYPE1-CRC64", FIRST: "T10-DIF-TYPE1-CRC", UNKNOWN: "nop"}
    for number, name in formats.items():
        disk = f"nvmecpp0n{number}"
        assert nvme.sh(f"cat /sys/block/{disk}/integrity/format").strip() == name
        nvme.verify(disk, "--bsrange=4k-128k", "--iodepth=16", "--ioengine=libaio", "--size=4M")
        if number == UNKNOWN:
            continue
        read = f"dd if=/dev/{disk} of=/dev/null bs=4k count=1 iflag=direct"
        flip(nvme, number)
        assert "Invalid or incomplete multibyte" in nvme.vm.run(f"{read} skip=1").err, name
        nvme.sh(f"{read} skip=2 2>&1")
        flip(nvme, number)
        nvme.sh(f"{read} skip=1 2>&1")
    said = "\n".join(nvme.log())
    assert re.search(r"nvmecpp0n2: I/O Cmd\(0x2\) @ LBA 8, 8 blocks, I/O Error \(sct 0x2 / sc 0x82\)", said), said


@pytest.mark.slow
def test_nv44_the_device_makes_what_the_kernel_does_not(nvme: Driver) -> None:
    """With generation and verification turned off, and where it follows the data; zeroes have it, too."""
    load(nvme, "kinds")
    for off in "write_generate", "read_verify":
        nvme.sh(f"echo 0 > /sys/block/nvmecpp0n{TYPE1}/integrity/{off}")
    for number in TYPE1, STRIPPED:
        nvme.verify(f"nvmecpp0n{number}", "--bs=16k", "--iodepth=8", "--ioengine=io_uring", "--size=2M")
    # Not looked at first: what was never written, and is beside what was, has no tags here.
    nvme.sh(f"blkdiscard -f -z -l 1M /dev/nvmecpp0n{TYPE1}")
    nvme.sh(f"for f in write_generate read_verify; do echo 1 > /sys/block/nvmecpp0n{TYPE1}/integrity/$f; done")
    nvme.sh(f"dd if=/dev/nvmecpp0n{TYPE1} of=/dev/null bs=64k count=32 iflag=direct 2>&1")
    nvme.fio(f"--filename=/dev/nvmecpp0n{TYPE1}", "--rw=read", "--bs=64k", "--size=512k", "--verify=pattern", "--verify_pattern=0")


@pytest.mark.slow
def test_nv45_protection_behind_other_metadata(nvme: Driver, release: str) -> None:
    """6.12 finds it there, unless it is told not to; 6.1 does not look."""
    for params in "", "disable_pi_offsets=1":
        load(nvme, "kinds", params)
        is_used = release.startswith("6.12.") and not params
        assert nvme.sh(f"cat /sys/block/nvmecpp0n{LAST}/integrity/format").strip() == ("T10-DIF-TYPE1-CRC" if is_used else "nop")
        nvme.verify(f"nvmecpp0n{LAST}", "--bsrange=4k-64k", "--iodepth=8", "--ioengine=libaio", "--size=2M")
        nvme.unload()


def test_nv46_metadata_that_cannot_be_carried_leaves_no_room(nvme: Driver) -> None:
    load(nvme, "kinds")
    assert nvme.sh(f"cat /sys/block/nvmecpp0n{EXTENDED}/size").strip() == "0"
    assert nvme.sh(f"cat /sys/block/nvmecpp0n{STRIPPED}/size").strip() == str((16 << 20) // 520)


@pytest.mark.slow
def test_limits_stay_when_the_controller_is_reset(nvme: Driver) -> None:
    """Everything is looked at again, and nothing is lost meanwhile."""
    load(nvme, "kinds", "io_timeout=2")
    before = attributes(nvme, f"nvmecpp0n{TYPE1}")
    nvme.log()
    nvme.hmp(f"block_set_io_throttle kinds-d{PLAIN} 0 0 0 1 0 0")
    job = nvme.start_fio(f"--filename=/dev/nvmecpp0n{PLAIN}", "--rw=write", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--size=512k", "--verify=crc32c", "--do_verify=1")
    try:
        nvme.wait_for("dmesg | grep -q 'timeout, reset controller'")
    finally:
        nvme.hmp(f"block_set_io_throttle kinds-d{PLAIN} 0 0 0 0 0 0")
    done = job.wait(90)
    assert done.rc == 0, done.out[-1000:] + done.err
    assert attributes(nvme, f"nvmecpp0n{TYPE1}") == before
    nvme.verify(f"nvmecpp0n{TYPE1}", "--bs=16k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def test_nv47_zones(nvme: Driver, release: str) -> None:
    """Zones are reported, opened, closed, finished and reset; fio's writes in order, and random ones within the limits, come back."""
    load(nvme, "zoned")
    disk = "/dev/nvmecpp0n1"
    assert [nvme.queue(name) for name in ("zoned", "nr_zones", "max_open_zones", "max_active_zones", "chunk_sectors", "zone_append_max_bytes")] == ["host-managed", "32", "8", "12", "2048", "32768"]
    common = (f"--filename={disk}", "--zonemode=zbd", "--max_open_zones=8", "--ioengine=libaio", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1")
    nvme.sh("grep -q mq-deadline /sys/block/nvmecpp0n1/queue/scheduler && echo mq-deadline > /sys/block/nvmecpp0n1/queue/scheduler; true")
    nvme.fio(*common, "--rw=write", "--bs=64k", "--iodepth=8", "--size=8M")
    nvme.fio(*common, "--rw=randwrite", "--bs=16k", "--iodepth=8", "--io_size=6M")
    nvme.sh(f"blkzone reset {disk}")

    def zone(number: int) -> tuple[str, str]:
        line = nvme.sh(f"blkzone report -o {number * 2048} -c 1 {disk}")
        found = re.search(r"wptr (\S+) .*zcond:\s*\d+\((\w\w)\)", line)
        assert found and "cap 0x000600" in line, line
        return found[2], found[1]

    assert zone(0) == ("em", "0x000000")
    for action, state in ("open", "oe"), ("close", "cl"), ("open", "oe"):
        nvme.sh(f"blkzone {action} -o 2048 -c 1 {disk}")
        assert zone(1)[0] == state
    nvme.sh(f"dd if=/dev/zero of={disk} bs=64k count=2 seek=16 oflag=direct 2>&1")
    assert zone(1) == ("oe", "0x000100")
    nvme.sh(f"blkzone finish -o 2048 -c 1 {disk}")
    assert zone(1)[0] == "fu"
    # Out of order, and one more open than there may be.
    assert nvme.vm.run(f"dd if=/dev/zero of={disk} bs=64k count=1 seek=40 oflag=direct").rc != 0
    assert nvme.vm.run(f"blkzone open -o 16384 -c 9 {disk}").rc != 0
    nvme.sh(f"blkzone reset {disk}")
    assert [zone(n) for n in (1, 8)] == [("em", "0x000000")] * 2
