# SPDX-License-Identifier: GPL-2.0
"""I/O on null_blk_cpp's disks: every completion mode, polling, memory backing, bio disks, removal under load.

On a test kernel all of it takes seven minutes. `make test` runs there what has most to do with locks, lifetimes and memory:
data kept with timers and with polling, time-outs, removal under load. The rest is marked; on stock kernels all of it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nullblk import NAME, ROOT, Driver, make, power
from vmlib import TIMED_OUT, Vm
from vmlib.kernels import is_test

LONG = pytest.mark.long_on_test_kernel
VERIFY = ["--ioengine=libaio", "--verify=crc32c", "--verify_fatal=1", "--randrepeat=0"]


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def verify_jobs(disk: str) -> tuple[tuple[str, ...], ...]:
    """fio jobs that write, read and check 512 B, 4 KiB, 64 KiB and 1 MiB blocks, and blocks of any number of sectors, each
    in a part of `disk` of its own. Of the few large blocks a random mix might write none.
    """
    return tuple(
        (f"--filename=/dev/{disk}", f"--rw={rw}", f"--bs={bs}", f"--offset={64 * number}m", f"--size={size}", "--iodepth=8")
        for number, (rw, bs, size) in enumerate([("randrw", "512", "192k"), ("randrw", "4k", "1m"), ("randrw", "64k", "4m"), ("randwrite", "1m", "8m")])
    ) + ((f"--filename=/dev/{disk}", "--rw=randrw", "--bsrange=512-24k", "--blockalign=512", "--offset=300m", "--size=512k", "--iodepth=8"),)


def check_verified(reports: list[dict], disk_jobs: int = 5) -> None:
    """Checks that every fio job wrote and read and met no error."""
    assert len(reports) == disk_jobs
    for report in reports:
        assert report["error"] == 0
        assert report["write"]["total_ios"] > 0 and report["read"]["total_ios"] >= report["write"]["total_ios"]


@pytest.mark.parametrize("irqmode", [0, pytest.param(1, marks=LONG), 2])
def test_nb11_random_io_keeps_its_data(drv: Driver, irqmode: int):
    """fio's mixed random I/O with crc32c verification, 512 B to 1 MiB, meets no error on a memory-backed disk."""
    assert drv.load(f"irqmode={irqmode} memory_backed=1 gb=1 submit_queues=2") == "ok"
    check_verified(drv.fio(*VERIFY, jobs=verify_jobs("nullbcpp0")))


@LONG
@pytest.mark.parametrize("irqmode", [0, 1, 2])
def test_nb11_random_io_without_backing(drv: Driver, irqmode: int):
    """fio's mixed random I/O meets no error on a disk that keeps nothing."""
    assert drv.load(f"irqmode={irqmode}") == "ok"
    (report,) = drv.fio("--ioengine=libaio", "--filename=/dev/nullbcpp0", "--rw=randrw", "--bs=4k", "--iodepth=32", "--io_size=8m")
    assert report["error"] == 0
    assert report["read"]["total_ios"] + report["write"]["total_ios"] == 2048


@LONG
def test_nb11_buffered_io_and_a_scheduler(drv: Driver):
    """Buffered fio I/O with verification through mq-deadline meets no error."""
    assert drv.do(
        drv.load_op("memory_backed=1 gb=1"), ("put", "/sys/block/nullbcpp0/queue/scheduler", "mq-deadline")
    ) == ["ok", "ok"]
    (report,) = drv.fio("--direct=0", "--ioengine=psync", "--verify=crc32c", "--filename=/dev/nullbcpp0", "--rw=randrw", "--bs=4k", "--size=4m", "--end_fsync=1")
    assert report["error"] == 0


@LONG
def test_nb12_timer_completes_after_its_time_and_requests_overlap(drv: Driver):
    """irqmode=2 with completion_nsec=50000000: no I/O takes less than 50 ms, and 64 at depth 16 take far less than 64 * 50 ms."""
    assert drv.load("irqmode=2 completion_nsec=50000000") == "ok"
    (report,) = drv.fio("--ioengine=libaio", "--filename=/dev/nullbcpp0", "--rw=randread", "--bs=4k", "--iodepth=16", "--number_ios=64")
    assert report["read"]["total_ios"] == 64
    # fio's clock starts after the submission, some microseconds late.
    assert report["read"]["lat_ns"]["min"] >= 49_900_000
    assert 200 <= report["read"]["runtime"] < 1600


@LONG
def test_nb12_zero_completion_time(drv: Driver):
    """completion_nsec=0 completes as well."""
    assert drv.load("irqmode=2 completion_nsec=0") == "ok"
    (report,) = drv.fio("--ioengine=libaio", "--filename=/dev/nullbcpp0", "--rw=randread", "--bs=4k", "--iodepth=16", "--number_ios=256")
    assert report["error"] == 0


@LONG
@pytest.mark.parametrize("rw", ["randread", "randwrite"])
def test_nb13_polled_io_does_not_wait_for_the_timer(drv: Driver, rw: str):
    """io_poll reads 1; polled I/O ends when it is polled for, although irqmode=2 would end it after 10 s."""
    assert drv.do(drv.load_op("irqmode=2 completion_nsec=10000000000"), ("get", "/sys/block/nullbcpp0/queue/io_poll")) == ["ok", "1"]
    (report,) = drv.fio("--ioengine=io_uring", "--hipri", "--filename=/dev/nullbcpp0", f"--rw={rw}", "--bs=4k", "--iodepth=4", "--number_ios=256")
    side = report["read" if rw == "randread" else "write"]
    assert (report["error"], side["total_ios"]) == (0, 256)
    assert side["lat_ns"]["max"] < 5_000_000_000


@pytest.mark.parametrize("queues", [pytest.param(1, marks=LONG), 2])
@pytest.mark.slow_on_test_kernel
def test_nb13_polled_io_keeps_its_data(drv: Driver, queues: int):
    """Polled reads and writes on a memory-backed disk, from both CPUs, with one polled queue or two, keep the data."""
    assert drv.load(f"memory_backed=1 gb=1 poll_queues={queues} submit_queues={queues}") == "ok"
    assert len([name for name in drv.do(("ls", "/sys/block/nullbcpp0/mq"))[0] if name.isdigit()]) == 2 * queues
    # A job for each CPU: two jobs that poll one CPU's queue wait for each other.
    jobs = tuple((f"--cpus_allowed={cpu}", f"--offset={64 * cpu}m") for cpu in (0, 1))
    reports = drv.fio("--ioengine=io_uring", "--hipri", "--verify=crc32c", "--verify_fatal=1", "--filename=/dev/nullbcpp0", "--rw=randrw", "--bsrange=512-128k", "--size=2m", "--iodepth=8", jobs=jobs)
    check_verified(reports, 2)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 4])
def test_nb13_request_that_nobody_polls_times_out(drv: Driver, times: int):
    """Polled reads that are submitted, one or several at once, and left alone end with ETIMEDOUT after 5 s, and a line each; I/O then goes on."""
    assert drv.do(drv.load_op("no_sched=1"), ("unpolled_read", "/dev/nullbcpp0", 12, times)) == ["ok", "ETIMEDOUT"]
    assert len([line for line in drv.log() if line.startswith("null_blk_cpp: rq ") and line.endswith(" timed out")]) == times
    (report,) = drv.fio("--ioengine=io_uring", "--hipri", "--filename=/dev/nullbcpp0", "--rw=randread", "--bs=4k", "--number_ios=64")
    assert (report["error"], report["read"]["total_ios"]) == (0, 64)


def test_nb13_polled_request_that_is_polled_late_is_no_error(drv: Driver):
    """A polled read that is polled for after 1 s ends well."""
    assert drv.do(drv.load_op(), ("unpolled_read", "/dev/nullbcpp0", 1)) == ["ok", 4096]


def test_nb13_no_polled_queues_means_no_polling(drv: Driver):
    """With poll_queues=0, io_poll reads 0 and there is one hardware queue."""
    assert drv.do(drv.load_op("poll_queues=0"), ("get", "/sys/block/nullbcpp0/queue/io_poll"), ("exists", "/sys/block/nullbcpp0/mq/1")) == ["ok", "0", False]


def test_nb21_written_data_is_read_back_and_the_rest_is_zero(drv: Driver):
    """Writes of odd places and lengths change just their sectors; what was never written reads as zeroes."""
    disk, end = "/dev/nullbcpp0", 1 << 21
    # The start of a page, its end, across two and three pages, the last sectors of the disk.
    writes = [(0, 1, 1), (15, 1, 2), (23, 2, 3), (37, 19, 4), (end - 1, 1, 5), (end - 21, 11, 6)]
    holes = [(1, 14), (16, 7), (25, 12), (56, 200), (end - 10, 9), (end - 100, 79), (end // 2, 256)]
    results = drv.do(
        drv.load_op("memory_backed=1 gb=1"),
        ("dio_check", disk, 0, 255, None),
        *(("dio_write", disk, *write) for write in writes),
        *(("dio_check", disk, *write) for write in writes),
        *(("dio_check", disk, *hole, None) for hole in holes),
    )
    assert results == ["ok", "same"] + ["ok"] * 6 + ["same"] * 13


def test_nb21_overwriting_part_of_a_page_keeps_the_rest(drv: Driver):
    """A sector written in the middle of older data replaces that sector alone."""
    disk = "/dev/nullbcpp0"
    assert drv.do(
        drv.load_op("memory_backed=1 gb=1"),
        ("dio_write", disk, 8, 8, 1),
        ("dio_write", disk, 11, 1, 9),
        ("dio_check", disk, 8, 3, 1),
        ("dio_check", disk, 11, 1, 9),
        ("dio_check", disk, 16, 8, None),
    ) == ["ok", "ok", "ok", "same", "same", "same"]


def test_nb21_write_past_the_end_is_refused(drv: Driver):
    """Writing beyond the last sector gives ENOSPC, and the last sector keeps its data."""
    disk, end = "/dev/nullbcpp0", 1 << 21
    assert drv.do(
        drv.load_op("memory_backed=1 gb=1"),
        ("dio_write", disk, end - 1, 1, 1),
        ("dio_write", disk, end, 1, 2),
        ("dio_check", disk, end - 1, 1, 1),
    ) == ["ok", "ok", "ENOSPC", "same"]


def test_nb21_blocks_of_4096_bytes(drv: Driver):
    """With bs=4096 data is kept, and I/O of single sectors is refused with EINVAL."""
    disk = "/dev/nullbcpp0"
    assert drv.do(
        drv.load_op("memory_backed=1 gb=1 bs=4096"),
        ("dio_write", disk, 8, 40, 1),
        ("dio_check", disk, 8, 40, 1),
        ("dio_check", disk, 0, 8, None),
        ("dio_write", disk, 9, 1, 1),
    ) == ["ok", "ok", "same", "same", "EINVAL"]


@LONG
def test_both_drivers_do_io_side_by_side(drv: Driver):
    """The C module and ours, loaded together, verify data on their disks at once, and can go in either order."""
    assert drv.do(drv.load_op("memory_backed=1 gb=1"), ("run", "modprobe", "null_blk", "memory_backed=1", "gb=1")) == ["ok", [0, ""]]
    common = ("--rw=randrw", "--bs=4k", "--size=2m", "--iodepth=8")
    reports = drv.fio(*VERIFY, jobs=(("--filename=/dev/nullb0", *common), ("--filename=/dev/nullbcpp0", *common)))
    check_verified(reports, 2)
    assert drv.do(
        ("unload", "null_blk"),
        ("run", "modprobe", "null_blk"),
        ("unload", NAME),
        ("ls", "/sys/block"),
        ("unload", "null_blk"),
        ("residue",),
    ) == ["ok", [0, ""], "ok", ["nullb0"], "ok", []]


def test_nb29_bio_mode_makes_a_disk_without_queues(drv: Driver):
    """6.1, queue_mode=0: no mq directory, scheduler "none"; data is kept in each irqmode."""
    if not drv.has_bio_mode:
        pytest.skip("kernels from 6.12 on have no bio mode")
    for irqmode in (0, 1, 2):
        loaded, queues, scheduler, shown = drv.do(
            drv.load_op(f"queue_mode=0 irqmode={irqmode} memory_backed=1 gb=1 submit_queues=2"),
            ("exists", "/sys/block/nullbcpp0/mq"),
            ("get", "/sys/block/nullbcpp0/queue/scheduler"),
            ("get", f"/sys/module/{NAME}/parameters/queue_mode"),
        )
        assert (loaded, queues, scheduler, shown) == ("ok", False, "none", "0")
        check_verified(drv.fio(*VERIFY, jobs=verify_jobs("nullbcpp0")))
        assert drv.do(("unload", NAME), ("residue",)) == ["ok", []]


def test_nb30_bio_mode_completes_more_bios_than_its_depth(drv: Driver):
    """6.1, queue_mode=0 irqmode=2: 32 bios at once on 4 commands of 20 ms all complete, 4 at a time."""
    if not drv.has_bio_mode:
        pytest.skip("kernels from 6.12 on have no bio mode")
    assert drv.load("queue_mode=0 irqmode=2 completion_nsec=20000000 hw_queue_depth=4 submit_queues=1") == "ok"
    # Submission blocks while no command is free, so that only several submitters have more bios than commands.
    reports = drv.fio("--ioengine=psync", "--filename=/dev/nullbcpp0", "--rw=randread", "--bs=4k", "--number_ios=4", "--thread", "--numjobs=32", "--group_reporting")
    assert (reports[0]["error"], reports[0]["read"]["total_ios"]) == (0, 128)
    assert reports[0]["read"]["lat_ns"]["min"] >= 19_900_000
    # The longest of the threads' times, which do not start together: less than the whole 640 ms. Without a limit it were 80 ms.
    assert reports[0]["read"]["runtime"] >= 128 / 4 * 20 * 0.5


def test_nb31_bio_mode_becomes_multiqueue(drv: Driver):
    """6.12, queue_mode=0: the C driver's line, and a blk-mq disk; a configfs device then shows queue_mode 2."""
    if drv.has_bio_mode:
        pytest.skip("kernels before 6.12 have bio mode")
    loaded, queues, *rest = drv.do(
        drv.load_op("queue_mode=0"),
        ("exists", "/sys/block/nullbcpp0/mq/0"),
        *make("a", size=16, queue_mode=0, power=1),
        ("get", f"{ROOT}/a/queue_mode"),
        ("exists", "/sys/block/a/mq/0"),
    )
    assert (loaded, queues, rest) == ("ok", True, ["ok"] * 4 + ["2", True])
    assert drv.log().count("null_blk_cpp: BIO-based IO path is no longer available, using blk-mq instead.") == 2


@pytest.mark.parametrize(
    ("mode", "how"),
    [
        *(pytest.param(mode, how, marks=LONG) for mode in ("irqmode=0", "irqmode=1") for how in ("power", "rmdir")),
        pytest.param("irqmode=2", "power", marks=pytest.mark.slow_on_older),
        pytest.param("irqmode=2", "rmdir", marks=LONG),
        pytest.param("polled", "power", marks=LONG),
        pytest.param("polled", "rmdir", marks=pytest.mark.slow_on_older),
        ("bio", "power"),
        ("bio", "rmdir"),
    ],
)
def test_removal_under_load(drv: Driver, mode: str, how: str):
    """Power-off, or rmdir, while fio is busy returns within 10 s (20 s on a test kernel), long before fio is done; fio ends
    with errors; the module then unloads.
    """
    if mode == "bio" and not drv.has_bio_mode:
        pytest.skip("kernels from 6.12 on have no bio mode")
    irqmode = mode[-1] if mode.startswith("irqmode") else "2"
    attributes = {"size": 256, "irqmode": irqmode, "memory_backed": 1, "completion_nsec": 200000, "queue_mode": 0 if mode == "bio" else 2}
    assert set(drv.do(drv.load_op("nr_devices=0"), *make("a", **attributes, power=1))) == {"ok"}
    engine = ["--ioengine=io_uring", "--hipri"] if mode == "polled" else ["--ioengine=libaio"]
    fio = drv.start_fio(*engine, "--filename=/dev/a", "--rw=randrw", "--bs=4k", "--iodepth=16", "--time_based", "--runtime=30")
    deadline = time.monotonic() + 20
    # Bios that a driver takes itself are not counted: there, fio gets the time that it needs.
    if mode == "bio":
        time.sleep(4)
    while mode != "bio" and drv.do(("get", "/sys/block/a/stat"))[0].split()[0] == "0":
        assert time.monotonic() < deadline, "fio does not start"
    removal = power("a", 0) if how == "power" else ("rmdir", f"{ROOT}/a")
    begun = time.monotonic()
    assert drv.do(removal, ("ls", "/sys/block"), timeout=30) == ["ok", []]
    assert time.monotonic() - begun < (20 if is_test(drv.release) else 10)
    done = fio.wait(25)
    assert done.rc not in (0, TIMED_OUT), f"{done.rc} {done.out[-1000:]}"
    assert drv.do(("clean_up",), ("residue",)) == [[], []]


@pytest.mark.slow_on_test_kernel
def test_bios_that_wait_for_their_timers_end_with_the_disk(drv: Driver):
    """6.1, bio mode: power-off while hundreds of bios wait for slow timers ends them; nothing is left or corrupted."""
    if not drv.has_bio_mode:
        pytest.skip("kernels from 6.12 on have no bio mode")
    attributes = {"size": 256, "irqmode": 2, "completion_nsec": 300000000, "queue_mode": 0, "hw_queue_depth": 2048}
    assert set(drv.do(drv.load_op("nr_devices=0"), *make("a", **attributes))) == {"ok"}
    for _ in range(2):
        assert drv.do(power("a", 1)) == ["ok"]
        fio = drv.start_fio("--ioengine=libaio", "--filename=/dev/a", "--rw=randread", "--bs=4k", "--iodepth=512", "--time_based", "--runtime=5")
        time.sleep(3)
        begun = time.monotonic()
        assert drv.do(power("a", 0), ("ls", "/sys/block"), timeout=30) == ["ok", []]
        assert time.monotonic() - begun < 10
        # Bios end well, and reads of a disk that is gone give nothing: fio may see no error. It must get all back.
        assert fio.wait(25).rc != TIMED_OUT
    assert drv.do(("rmdir", f"{ROOT}/a"), ("clean_up",), ("residue",))[1:] == [[], []]
