# SPDX-License-Identifier: GPL-2.0
"""Loading and unloading null_blk_cpp: parameters, good and bad, names, and what is refused while it is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nullblk import C_ROOT, NAME, ROOT, Driver, make, power
from vmlib import Vm

PARAMETERS = f"/sys/module/{NAME}/parameters"


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def fail_to_load(drv: Driver, cases: list[tuple[str, str, str]]) -> None:
    """Checks each case, (parameters, errno, part of a line of the log): the load fails with the errno and with just one
    such line, leaves nothing, and the next load works.
    """
    drv.log()
    steps = [(drv.load_op(params), ("residue",), drv.load_op(), ("unload", NAME), ("residue",)) for params, _, _ in cases]
    results = drv.do(*(step for group in steps for step in group))
    log = drv.log()
    for number, (params, errno, line) in enumerate(cases):
        assert results[5 * number : 5 * number + 5] == [errno, [], "ok", "ok", []], params[:60]
        found = [text for text in log if text.startswith("null_blk_cpp: ") and line in text]
        assert len(found) == len([case for case in cases if case[2] == line]), f"{params[:60]}: no line with {line!r} in {log}"


def test_nb01_load_without_arguments_makes_one_disk_and_logs_it(drv: Driver):
    """One disk nullbcpp0 of 524288000 sectors with a node in /dev; "disk created", then "module loaded"."""
    loaded, disks, size, node = drv.do(
        drv.load_op(), ("ls", "/sys/block"), ("get", "/sys/block/nullbcpp0/size"), ("exists", "/dev/nullbcpp0")
    )
    assert (loaded, disks, size, node) == ("ok", ["nullbcpp0"], "524288000", True)
    log = [line for line in drv.log() if line.startswith("null_blk_cpp: ") and "verification" not in line]
    assert [line for line in log if "taints" not in line] == [
        "null_blk_cpp: disk nullbcpp0 created",
        "null_blk_cpp: module loaded",
    ]


def test_nb02_no_devices_loads_with_configfs_alone(drv: Driver):
    """nr_devices=0 makes no disk; the configfs directory and the major are there."""
    loaded, disks, root, devices = drv.do(
        drv.load_op("nr_devices=0"), ("ls", "/sys/block"), ("ls", ROOT), ("get", "/proc/devices")
    )
    assert (loaded, disks, root) == ("ok", [], ["features"])
    assert "nullbcpp" in devices.split()


def test_nb03_four_devices_have_minors_0_to_3(drv: Driver):
    """nr_devices=4 makes nullbcpp0..3 under one major, the one in /proc/devices, with first minors 0..3."""
    loaded, disks, devices, *numbers = drv.do(
        drv.load_op("nr_devices=4"),
        ("ls", "/sys/block"),
        ("get", "/proc/devices"),
        *(("get", f"/sys/block/nullbcpp{i}/dev") for i in range(4)),
    )
    assert (loaded, disks) == ("ok", [f"nullbcpp{i}" for i in range(4)])
    (major,) = [line.split()[0] for line in devices.split("\n") if line.endswith(" nullbcpp")]
    assert numbers == [f"{major}:{i}" for i in range(4)]


def test_nb04_mode_out_of_range_fails_load(drv: Driver):
    """queue_mode and irqmode out of 0..2 fail with EINVAL and the kernel's line that names value and parameter."""
    cases = [("queue_mode", "3"), ("queue_mode", "-1"), ("irqmode", "5"), ("irqmode", "2x"), ("irqmode", "")]
    lines = [f"null_blk_cpp: `{text}' invalid for parameter `{name}'" for name, text in cases]
    fail_to_load(drv, [(f"{name}={text}", "EINVAL", line) for (name, text), line in zip(cases, lines)])


def test_nb05_legacy_queue_mode_fails_load(drv: Driver):
    """queue_mode=1 fails with EINVAL and the C driver's line."""
    fail_to_load(drv, [("queue_mode=1", "EINVAL", "legacy IO path is no longer available")])


def test_nb06_zero_depth_fails_load_and_leaves_nothing(drv: Driver):
    """hw_queue_depth=0 fails with EINVAL, for the first of one disk or of three; no module, major, disk or directory stays."""
    assert drv.do(
        drv.load_op("hw_queue_depth=0"), ("residue",), drv.load_op("nr_devices=3 hw_queue_depth=0"), ("residue",), drv.load_op()
    ) == ["EINVAL", [], "EINVAL", [], "ok"]


def test_nb06_zero_depth_is_named_in_the_log(drv: Driver):
    """hw_queue_depth=0 is refused with a line that names the parameter."""
    fail_to_load(drv, [("hw_queue_depth=0", "EINVAL", "hw_queue_depth")])


def test_nb07_large_depth_is_reduced_to_10240(drv: Driver):
    """hw_queue_depth=20000 loads with 10240 tags and the block layer's line."""
    assert drv.do(drv.load_op("hw_queue_depth=20000"), ("get", "/sys/block/nullbcpp0/mq/0/nr_tags")) == ["ok", "10240"]
    assert "blk-mq: reduced tag depth to 10240" in drv.log()


def test_nb08_large_block_size_becomes_4096(drv: Driver):
    """bs above a page, or negative, loads with 4096 and two warnings."""
    for bs in ("8192", "4097", "-512"):
        assert drv.do(
            drv.load_op(f"bs={bs}"),
            ("get", "/sys/block/nullbcpp0/queue/logical_block_size"),
            ("get", "/sys/block/nullbcpp0/queue/physical_block_size"),
            ("get", f"{PARAMETERS}/bs"),
            ("unload", NAME),
        ) == ["ok", "4096", "4096", "4096", "ok"]
        log = drv.log()
        assert log.count("null_blk_cpp: invalid block size") == 1
        assert log.count("null_blk_cpp: defaults block size to 4096") == 1


def test_nb09_submit_queues_are_clamped(drv: Driver):
    """0 gives one queue; more than the guest's 2 CPUs, or a negative number, gives 2; the parameter shows it."""
    for asked, made in [("0", 1), ("1", 1), ("2", 2), ("64", 2), ("2147483647", 2), ("-5", 2)]:
        loaded, shown, queues, gone = drv.do(
            drv.load_op(f"submit_queues={asked} poll_queues=0"),
            ("get", f"{PARAMETERS}/submit_queues"),
            ("ls", "/sys/block/nullbcpp0/mq"),
            ("unload", NAME),
        )
        assert (loaded, shown, gone) == ("ok", str(made), "ok")
        assert queues == [str(number) for number in range(made)]


def test_nb10_unknown_parameter_is_ignored(drv: Driver):
    """A parameter that does not exist gives the kernel's line and no error."""
    assert drv.load("no_such_thing=1") == "ok"
    assert "null_blk_cpp: unknown parameter 'no_such_thing' ignored" in drv.log()


def test_bad_parameter_fails_load_with_a_line_and_leaves_nothing(drv: Driver):
    """A value that makes no device fails with EINVAL and a line of ours that names it."""
    bad = ["hw_queue_depth=-1", "gb=-1", "poll_queues=-1", "max_sectors=-1"]
    cases = [(params, "EINVAL", params) for params in bad]
    # Of the block size the device is told, under the name of the attribute.
    cases += [(f"bs={size}", "EINVAL", f"blocksize={size}:") for size in (513, 0, 256, 511)]
    fail_to_load(drv, cases)


def test_absurd_poll_queues_fail_load_with_a_line(drv: Driver):
    """poll_queues=2000000000 fails with EINVAL or ENOMEM and a line that names it, without a kernel warning."""
    loaded, left, again = drv.do(drv.load_op("poll_queues=2000000000"), ("residue",), drv.load_op())
    assert (loaded in ("EINVAL", "ENOMEM"), left, again) == (True, [], "ok")
    assert [line for line in drv.log() if line.startswith("null_blk_cpp: ") and "poll_queues=2000000000" in line] != []


@pytest.mark.slow_on_older
def test_text_that_is_no_value_fails_load(drv: Driver):
    """Text that is no value of the parameter's type fails, as with the C driver, with the kernel's line; nothing is left."""
    cases = [
        ("gb=x", "EINVAL", "`x' invalid for parameter `gb'"),
        ("gb=99999999999999999999", "ERANGE", "`99999999999999999999' invalid for parameter `gb'"),
        ("gb=3000000000", "ERANGE", "`3000000000' invalid for parameter `gb'"),
        ("nr_devices=-1", "EINVAL", "`-1' invalid for parameter `nr_devices'"),
        ("nr_devices=4294967296", "ERANGE", "`4294967296' invalid for parameter `nr_devices'"),
        ("completion_nsec=-1", "EINVAL", "`-1' invalid for parameter `completion_nsec'"),
        ("memory_backed=maybe", "EINVAL", "`maybe' invalid for parameter `memory_backed'"),
        ("bs=", "EINVAL", "`' invalid for parameter `bs'"),
        ("bs", "EINVAL", "`' invalid for parameter `bs'"),
        ("queue_mode", "EINVAL", "`' invalid for parameter `queue_mode'"),
        ("submit_queues=" + "9" * 5000, "ERANGE", ""),
    ]
    fail_to_load(drv, cases[:-1])
    long, left = drv.do(drv.load_op(cases[-1][0]), ("residue",))
    assert (long, left) == ("ERANGE", [])
    theirs = drv.do(*(("run", "modprobe", "null_blk", params) for params, _, _ in cases))
    assert [done[0] for done in theirs] == [1] * len(cases), "the C driver takes what ours refuses"


def test_largest_size_loads(drv: Driver):
    """gb=2147483647 loads, with all sectors there; the last one can be read, the one after it not."""
    sectors = 2147483647 * (1 << 21)
    assert drv.do(drv.load_op("gb=2147483647 memory_backed=1"), ("get", "/sys/block/nullbcpp0/size")) == [
        "ok",
        str(sectors),
    ]
    last = sectors - 8
    assert drv.do(
        ("dio_write", "/dev/nullbcpp0", last, 8, 1),
        ("dio_check", "/dev/nullbcpp0", last, 8, 1),
        ("dio_write", "/dev/nullbcpp0", sectors, 8, 1),
    ) == ["ok", "same", "ENOSPC"]


def test_no_size_makes_an_empty_disk(drv: Driver):
    """gb=0 loads with a disk of no sectors."""
    assert drv.do(drv.load_op("gb=0"), ("get", "/sys/block/nullbcpp0/size")) == ["ok", "0"]


def test_home_node_out_of_range_becomes_any(drv: Driver):
    """home_node=7 on a machine without that node loads with an error line; the parameter shows -1."""
    assert drv.do(drv.load_op("home_node=7"), ("get", f"{PARAMETERS}/home_node")) == ["ok", "-1"]
    assert drv.log().count("null_blk_cpp: invalid home_node value") == 1


def test_max_sectors_below_a_page(drv: Driver):
    """max_sectors=1: 6.1 makes it 8 with the block layer's line; 6.12 refuses it with EINVAL and no kernel warning."""
    if drv.has_bio_mode:
        assert drv.do(drv.load_op("max_sectors=1"), ("get", "/sys/block/nullbcpp0/queue/max_hw_sectors_kb")) == ["ok", "4"]
        assert "blk_queue_max_hw_sectors: set to minimum 8" in drv.log()
    else:
        fail_to_load(drv, [("max_sectors=1", "EINVAL", "max_sectors=1")])


def test_second_load_while_loaded_changes_nothing(drv: Driver):
    """insmod of a loaded module gives EEXIST; disks, data and configfs directories stay."""
    assert drv.do(
        drv.load_op("memory_backed=1 gb=1"),
        *make("kept", size=16, memory_backed=1, power=1),
        ("dio_write", "/dev/nullbcpp0", 3, 8, 1),
        ("dio_write", "/dev/kept", 5, 8, 2),
        drv.load_op("nr_devices=2"),
        ("ls", "/sys/block"),
        ("dio_check", "/dev/nullbcpp0", 3, 8, 1),
        ("dio_check", "/dev/kept", 5, 8, 2),
        ("rmdir", f"{ROOT}/kept"),
        ("unload", NAME),
        ("residue",),
    ) == ["ok"] * 7 + ["EEXIST", ["kept", "nullbcpp0"], "same", "same", "ok", "ok", []]


def test_compat_names_takes_the_c_drivers_names(drv: Driver):
    """compat_names=1: disk nullb0, configfs nullb, major nullb."""
    loaded, disks, root, devices, *rest = drv.do(
        drv.load_op("compat_names=1 nr_devices=2"),
        ("ls", "/sys/block"),
        ("ls", C_ROOT),
        ("get", "/proc/devices"),
        ("exists", ROOT),
        *make("mine", root=C_ROOT, size=16, power=1),
        ("get", "/sys/block/mine/size"),
    )
    assert (loaded, disks, root) == ("ok", ["nullb0", "nullb1"], ["features"])
    assert "nullb" in devices.split() and "nullbcpp" not in devices.split()
    assert rest == [False, "ok", "ok", "ok", "32768"]


def test_compat_names_beside_the_c_driver_is_refused(drv: Driver):
    """compat_names=1 with the C module in fails with EBUSY and one line; the C module's disks are untouched."""
    done, *ops = drv.do(
        ("run", "modprobe", "null_blk", "nr_devices=2", "memory_backed=1", "gb=1"),
        ("dio_write", "/dev/nullb0", 3, 8, 1),
        *make("theirs", root=C_ROOT, size=16, power=1),
    )
    assert (done, ops) == ([0, ""], ["ok"] * 4)
    drv.log()
    assert drv.do(
        drv.load_op("compat_names=1"),
        ("exists", f"/sys/module/{NAME}"),
        ("ls", "/sys/block"),
        ("dio_check", "/dev/nullb0", 3, 8, 1),
        ("dio_write", "/dev/nullb1", 7, 8, 2),
        ("dio_check", "/dev/nullb1", 7, 8, 2),
    ) == ["EBUSY", False, ["nullb0", "nullb1", "theirs"], "same", "ok", "same"]
    # Both have tracepoints of the same names, and 6.1 says that only one can be shown.
    log = [line for line in drv.log() if not line.startswith("Could not create tracefs 'nullb_")]
    assert len(log) == 1 and log[0].startswith("null_blk_cpp: ") and "nullb" in log[0], log
    devices, *rest = drv.do(
        ("get", "/proc/devices"), ("rmdir", f"{C_ROOT}/theirs"), ("unload", "null_blk"), drv.load_op("compat_names=1")
    )
    assert len([line for line in devices.split("\n") if "nullb" in line]) == 1
    assert rest == ["ok", "ok", "ok"]


def test_c_driver_beside_compat_names_is_refused(drv: Driver):
    """modprobe of the C module with ours in under its names fails; ours keeps its disk and data."""
    loaded, written, done, there, data = drv.do(
        drv.load_op("compat_names=1 memory_backed=1 gb=1"),
        ("dio_write", "/dev/nullb0", 3, 8, 1),
        ("run", "modprobe", "--first-time", "null_blk", "nr_devices=0"),
        ("exists", "/sys/module/null_blk"),
        ("dio_check", "/dev/nullb0", 3, 8, 1),
    )
    assert (loaded, written, done[0], there, data) == ("ok", "ok", 1, False, "same"), done


def test_nb20_unload_is_refused_while_a_directory_exists(drv: Driver):
    """delete_module gives EAGAIN with a configfs directory, powered or not; nothing is lost; then it works."""
    assert drv.do(
        drv.load_op("nr_devices=1 memory_backed=1 gb=1"),
        *make("dir", size=16, memory_backed=1),
        ("unload", NAME),
        power("dir", 1),
        ("dio_write", "/dev/dir", 1, 8, 4),
        ("dio_write", "/dev/nullbcpp0", 1, 8, 5),
        ("unload", NAME),
        ("dio_check", "/dev/dir", 1, 8, 4),
        ("dio_check", "/dev/nullbcpp0", 1, 8, 5),
        ("rmdir", f"{ROOT}/dir"),
        ("unload", NAME),
        ("residue",),
    ) == ["ok"] * 4 + ["EAGAIN", "ok", "ok", "ok", "EAGAIN", "same", "same", "ok", "ok", []]


def test_nb20_unload_is_refused_while_a_disk_is_open(drv: Driver):
    """delete_module gives EAGAIN while a disk is open; I/O goes on; it works once the disk is closed."""
    assert drv.do(
        drv.load_op("memory_backed=1 gb=1"),
        ("hold", "/dev/nullbcpp0"),
        ("unload", NAME),
        ("dio_write", "/dev/nullbcpp0", 1, 8, 5),
        ("dio_check", "/dev/nullbcpp0", 1, 8, 5),
        ("release",),
        ("unload", NAME),
        ("residue",),
    ) == ["ok", "ok", "EAGAIN", "ok", "same", "ok", "ok", []]
