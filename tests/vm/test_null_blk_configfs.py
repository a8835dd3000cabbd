# SPDX-License-Identifier: GPL-2.0
"""configfs devices of null_blk_cpp: life cycle, attributes, and text that is no value."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nullblk import C_ROOT, NAME, ROOT, Driver, make, power
from vmlib import Vm

NUMBERS = ["size", "completion_nsec", "blocksize", "max_sectors", "irqmode", "hw_queue_depth", "queue_mode", "index"]
NUMBERS_LIVE = ["submit_queues", "poll_queues"]
BOOLS = ["blocking", "use_per_node_hctx", "memory_backed", "virt_boundary", "no_sched", "shared_tag_bitmap"]
TEXTS = ["", " ", "\n", "-1", "0x10", "010", "1 2", "y", "nope", "4294967296", "99999999999999999999", "1" * 5000, "%s%n"]


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    """The module, loaded without devices."""
    with Driver(vm, ko(NAME)) as driver:
        assert driver.load("nr_devices=0") == "ok"
        driver.log()
        yield driver


def path(name: str, attribute: str, root: str = ROOT) -> str:
    return f"{root}/{name}/{attribute}"


def test_nb14_directories_come_and_go(drv: Driver):
    """mkdir makes a device that is off; rmdir removes it; its name is free again."""
    assert drv.do(
        ("mkdir", f"{ROOT}/a"),
        ("get", path("a", "power")),
        ("ls", "/sys/block"),
        ("mkdir", f"{ROOT}/a"),
        ("rmdir", f"{ROOT}/a"),
        ("exists", f"{ROOT}/a"),
        ("mkdir", f"{ROOT}/a"),
    ) == ["ok", "0", [], "EEXIST", "ok", False, "ok"]


def test_nb14_name_of_a_live_disk_is_refused(drv: Driver):
    """mkdir of the name of a disk made from parameters gives EEXIST, and the disk stays; another name works."""
    assert drv.do(
        ("unload", NAME),
        drv.load_op("nr_devices=2 gb=1"),
        ("mkdir", f"{ROOT}/nullbcpp1"),
        ("ls", ROOT),
        ("mkdir", f"{ROOT}/nullbcpp2"),
        ("ls", "/sys/block"),
    ) == ["ok", "ok", "EEXIST", ["features"], "ok", ["nullbcpp0", "nullbcpp1"]]


def test_nb14_long_names_make_disks_of_31_characters(drv: Driver):
    """A 40-character directory makes a disk with the first 31; a second that agrees in those gets EEXIST and a line."""
    first, second = "n" * 31 + "first_123", "n" * 31 + "second_12"
    assert drv.do(
        *make(first, size=16, power=1),
        *make(second, size=16, power=1),
        ("get", path(second, "power")),
        ("ls", "/sys/block"),
        power(first, 0),
        power(second, 1),
        ("ls", "/sys/block"),
        ("rmdir", f"{ROOT}/{first}"),
        ("rmdir", f"{ROOT}/{second}"),
    ) == ["ok", "ok", "ok", "ok", "ok", "EEXIST", "0", ["n" * 31], "ok", "ok", ["n" * 31], "ok", "ok"]
    assert len([line for line in drv.log() if "n" * 31 in line and "exists already" in line]) == 1


def test_nb15_power_makes_and_removes_the_disk(drv: Driver):
    """1 makes the disk, 0 removes it, and writing what is so already succeeds and does nothing."""
    disk, node = ("ls", "/sys/block"), ("exists", "/dev/a")
    assert drv.do(
        *make("a", size=16),
        power("a", 0),
        disk,
        power("a", 1),
        disk,
        node,
        ("get", path("a", "power")),
        power("a", 1),
        disk,
        power("a", 0),
        disk,
        node,
        ("get", path("a", "power")),
        power("a", 0),
        power("a", 1),
        ("get", "/sys/block/a/size"),
    ) == ["ok"] * 3 + [[], "ok", ["a"], True, "1", "ok", ["a"], "ok", [], False, "0", "ok", "ok", "32768"]
    assert len([line for line in drv.log() if line == "null_blk_cpp: disk a created"]) == 2


def test_nb16_attributes_are_busy_while_powered(drv: Driver):
    """Writing another value to any plain attribute of a powered device gives EBUSY and changes nothing."""
    attributes = [*NUMBERS, *BOOLS, "home_node"]
    before = drv.do(*make("a", size=16, power=1), *(("get", path("a", name)) for name in attributes))[3:]
    other = ["0" if name in BOOLS and value == "1" or name == "home_node" else "1" for name, value in zip(attributes, before)]
    other[attributes.index("index")] = "5"
    results = drv.do(*(("put", path("a", name), value) for name, value in zip(attributes, other)))
    assert dict(zip(attributes, results)) == dict.fromkeys(attributes, "EBUSY")
    assert drv.do(*(("get", path("a", name)) for name in attributes)) == before
    assert drv.do(power("a", 0), *(("put", path("a", name), value) for name, value in zip(attributes, other))) == [
        "ok"
    ] * (len(attributes) + 1)


def test_nb17_garbage_is_refused(drv: Driver):
    """Garbage gives EINVAL in every numeric and bool attribute, and leaves the value."""
    assert drv.do(("mkdir", f"{ROOT}/a")) == ["ok"]
    for text in ("x", " ", "-1", "1.5", "0x", "1 2", "--1", "null"):
        numbers = [*NUMBERS, *NUMBERS_LIVE, "home_node"]
        # A bool is told by its first letter, so that "null" is no.
        attributes = numbers if text[0] in "nN01" else [*numbers, *BOOLS, "power"]
        reads = [("get", path("a", name)) for name in attributes]
        results = drv.do(*reads, *(("put", path("a", name), text) for name in attributes), *reads)
        count = len(attributes)
        assert dict(zip(attributes, results[count : 2 * count])) == dict.fromkeys(attributes, "EINVAL"), text
        assert results[:count] == results[2 * count :], text


def test_nb17_numbers_out_of_range_are_refused(drv: Driver):
    """A number that does not fit the attribute gives ERANGE and leaves the value."""
    for name, text in [("blocksize", "4294967296"), ("size", "18446744073709551616"), ("irqmode", "9" * 5000)]:
        before, result, after = drv.do(*make(f"d_{name}"), ("get", path(f"d_{name}", name)), ("put", path(f"d_{name}", name), text), ("get", path(f"d_{name}", name)))[1:]
        assert (result, after) == ("ERANGE", before), name


def test_nb17_every_text_gives_the_c_drivers_answer(drv: Driver):
    """Each of many texts, good and bad, written to each attribute: same errno, same value after, as with the C driver."""
    names = [*NUMBERS, *NUMBERS_LIVE, *BOOLS]
    cases = [(name, text) for name in names for text in TEXTS]
    answers = {}
    assert drv.do(("run", "modprobe", "null_blk", "nr_devices=0")) == [[0, ""]]
    for root in (ROOT, C_ROOT):
        steps: list[tuple[str, ...]] = [("mkdir", f"{root}/a")]
        for name, text in cases:
            steps += [("put", path("a", name, root), text), ("get", path("a", name, root))]
        results = drv.do(*steps, ("rmdir", f"{root}/a"))[1:-1]
        answers[root] = dict(zip(cases, zip(results[::2], results[1::2])))
    different = {
        (name, text[:30]): (answers[ROOT][name, text], answers[C_ROOT][name, text])
        for name, text in cases
        if answers[ROOT][name, text] != answers[C_ROOT][name, text]
    }
    assert different == {}, "ours, the C driver's"


FAILED_POWER_ON = [
    ("blocksize", "0", "512", "blocksize=0:"),
    ("blocksize", "513", "4096", "blocksize=513:"),
    ("blocksize", "256", "512", "blocksize=256:"),
    ("blocksize", "8192", "1024", "blocksize=8192:"),
    ("blocksize", "4294967295", "512", "blocksize=4294967295:"),
    ("queue_mode", "1", "2", "legacy IO path is no longer available"),
    ("size", "18446744073709551615", "16", "size=18446744073709551615:"),
    ("size", "8796093022208", "16", "size=8796093022208:"),
    ("hw_queue_depth", "0", "64", "hw_queue_depth"),
]


@pytest.mark.parametrize("attribute", ["blocksize", "queue_mode", "size", "hw_queue_depth"])
def test_nb18_failed_power_on_leaves_the_device_editable(drv: Driver, attribute: str):
    """Power-on of a bad value gives EINVAL and a line; power stays 0, there is no disk, and a good value then works."""
    for name, bad, good, line in FAILED_POWER_ON:
        if name != attribute:
            continue
        assert drv.do(
            *make("a"),
            ("put", path("a", name), bad),
            power("a", 1),
            ("get", path("a", "power")),
            ("ls", "/sys/block"),
            ("put", path("a", name), good),
            power("a", 1),
            ("get", path("a", "power")),
            ("ls", "/sys/block"),
            ("rmdir", f"{ROOT}/a"),
        ) == ["ok", "ok", "EINVAL", "0", [], "ok", "ok", "1", ["a"], "ok"], f"{name}={bad}"
        log = drv.log()
        assert len([text for text in log if text.startswith("null_blk_cpp: ") and line in text]) == 1, log


@pytest.mark.expect_splat  # The block layer warns of the second disk with a name, whichever driver makes it.
def test_nb18_name_of_another_drivers_disk_does_not_power_on(drv: Driver):
    """Power-on under the name of another driver's disk gives EEXIST, leaves the device off, and works once that is gone."""
    other = f"{C_ROOT}/a"
    assert drv.do(
        ("run", "modprobe", "null_blk", "nr_devices=0"),
        *make("a", root=C_ROOT, size=32, power=1),
        *make("a", size=16, power=1),
        ("get", path("a", "power")),
        ("get", "/sys/block/a/size"),
        ("rmdir", other),
        power("a", 1),
        ("get", "/sys/block/a/size"),
    ) == [[0, ""], "ok", "ok", "ok", "ok", "ok", "EEXIST", "0", "65536", "ok", "ok", "32768"]


def test_nb18_max_sectors_below_a_page(drv: Driver):
    """max_sectors=1: 6.1 makes it 4 KiB with the block layer's line; 6.12 gives EINVAL without a kernel warning."""
    results = drv.do(*make("a", size=16, max_sectors=1, power=1), ("get", "/sys/block/a/queue/max_hw_sectors_kb"), ("get", path("a", "power")))[3:]
    assert results == (["ok", "4", "1"] if drv.has_bio_mode else ["EINVAL", "ENOENT", "0"])


def test_nb18_too_large_queues_do_not_power_on(drv: Driver):
    """submit_queues and poll_queues of 4294967295 are cut to the CPUs and to the module's poll_queues."""
    assert drv.do(
        *make("a", size=16, submit_queues=4294967295, poll_queues=4294967295, power=1),
        ("get", path("a", "submit_queues")),
        ("get", path("a", "poll_queues")),
    )[4:] == ["ok", "2", "1"]


def test_nb18_large_values_that_are_cut(drv: Driver):
    """irqmode=9 reads back 2; hw_queue_depth=4294967295 powers on with 10240 tags or is refused, without a warning."""
    assert drv.do(*make("a", size=16, irqmode=9, power=1), ("get", path("a", "irqmode")))[3:] == ["ok", "2"]
    (made, tags) = drv.do(*make("b", size=16, hw_queue_depth=4294967295, power=1), ("get", "/sys/block/b/mq/0/nr_tags"))[3:]
    assert (made, tags) in [("ok", "10240"), ("EINVAL", "ENOENT")]


def test_home_node_that_does_not_exist_is_refused(drv: Driver):
    """home_node=7 gives EINVAL where there is no such node and leaves the value; 0 and "any" are taken."""
    node = path("a", "home_node")
    assert drv.do(
        *make("a", size=16), ("get", node), ("put", node, "7"), ("put", node, "4294967294"), ("get", node), ("put", node, "0"), power("a", 1)
    )[2:] == ["4294967295", "EINVAL", "EINVAL", "4294967295", "ok", "ok"]
    assert drv.do(power("a", 0), ("put", node, "4294967295"), ("get", node)) == ["ok", "ok", "4294967295"]


@pytest.mark.slow
def test_nb19_rmdir_of_a_powered_device_removes_disk_and_memory(drv: Driver):
    """rmdir of a device that is on removes its disk; the 64 MiB written to it come back to the system.

    What RCU frees late counts as used.
    """
    fill = ("--filename=/dev/a", "--rw=write", "--bs=1m", "--size=64m")
    device = make("a", size=256, memory_backed=1, blocksize=4096, power=1)
    # Once before, so that what fio itself leaves in the page cache is there already.
    assert drv.do(*device) == ["ok"] * 5
    drv.fio(*fill)
    assert drv.do(("rmdir", f"{ROOT}/a")) == ["ok"]
    before = drv.do(("memory",))[0]
    assert drv.do(*device) == ["ok"] * 5
    drv.fio(*fill)
    full, removed, disks = drv.do(("memory",), ("rmdir", f"{ROOT}/a"), ("ls", "/sys/block"))
    assert (removed, disks) == ("ok", [])
    # The nodes of the tree are given back after an RCU grace period.
    deadline = time.monotonic() + 20
    while True:
        after = drv.do(("memory",))[0]
        facts = (
            full["/Used"] - after["/Used"] > 63 << 10,
            after["/Used"] - before["/Used"] < 1 << 10,
            after.get("radix_tree_node", 0) - before.get("radix_tree_node", 0) < 100,
        )
        if all(facts):
            break
        assert time.monotonic() < deadline, (facts, before, full, after)
        time.sleep(1)


def test_nb22_data_outlives_power_but_not_the_directory(drv: Driver):
    """Data is there after power 0 and 1; after rmdir and mkdir all reads as zeroes."""
    assert drv.do(
        *make("a", size=64, memory_backed=1, power=1),
        ("dio_write", "/dev/a", 0, 64, 1),
        ("dio_write", "/dev/a", 64 * 2048 - 3, 3, 2),
        power("a", 0),
        power("a", 1),
        ("dio_check", "/dev/a", 0, 64, 1),
        ("dio_check", "/dev/a", 64 * 2048 - 3, 3, 2),
        ("rmdir", f"{ROOT}/a"),
        *make("a", size=64, memory_backed=1, power=1),
        ("dio_check", "/dev/a", 0, 64, None),
        ("dio_check", "/dev/a", 64 * 2048 - 3, 3, None),
    ) == ["ok"] * 8 + ["same", "same"] + ["ok"] * 5 + ["same", "same"]


def test_nb22_data_outlives_a_new_block_size_and_mode(drv: Driver):
    """Data written with 512-byte blocks is read back after power-on with 4096-byte blocks and another irqmode."""
    assert drv.do(
        *make("a", size=64, memory_backed=1, power=1),
        ("dio_write", "/dev/a", 3, 13, 1),
        power("a", 0),
        ("put", path("a", "blocksize"), "4096"),
        ("put", path("a", "irqmode"), "2"),
        power("a", 1),
        power("a", 0),
        ("put", path("a", "blocksize"), "512"),
        power("a", 1),
        ("dio_check", "/dev/a", 3, 13, 1),
        ("dio_check", "/dev/a", 16, 8, None),
    )[5:] == ["ok"] * 7 + ["same", "same"]
