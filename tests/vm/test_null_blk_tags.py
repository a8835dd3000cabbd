# SPDX-License-Identifier: GPL-2.0
"""Tags and hardware queues: schedulers, sharing, changing their number under load, CPUs that come and go."""

from __future__ import annotations

import pytest
from nullblk import Driver

pytestmark = pytest.mark.slow_on_older

CPU1 = "/sys/devices/system/cpu/cpu1/online"


def queues(name: str) -> tuple[str, ...]:
    return ("ls", f"/sys/block/{name}/mq")


def test_nb37_schedulers(drv: Driver):
    """no_sched=1 offers "none" alone; one queue in all gets mq-deadline, more get none, a shared tag bitmap mq-deadline."""
    cases = {
        "a": ({"no_sched": 1}, "none"),
        "b": ({"poll_queues": 0}, "[mq-deadline] none"),
        "c": ({}, "[none] mq-deadline"),
        "d": ({"no_sched": 1, "poll_queues": 0}, "none"),
        "e": ({"shared_tag_bitmap": 1, "submit_queues": 2}, "[mq-deadline] none"),
    }
    steps = [step for name, (attributes, _) in cases.items() for step in drv.make(name, size=16, **attributes, power=1)]
    results = drv.do(drv.load_op("nr_devices=0"), *steps, *(("get", f"/sys/block/{name}/queue/scheduler") for name in cases))
    shown = results[-len(cases) :]
    assert {*results[: -len(cases)]} == {"ok"}
    # 6.1 puts "none" in brackets even where it is alone; other schedulers may be there.
    for (name, (_, wanted)), text in zip(cases.items(), shown):
        found = text.split()
        if wanted == "none":
            assert [word.strip("[]") for word in found] == ["none"], (name, text)
        else:
            assert wanted.split()[0] in found and {"none", "mq-deadline"} <= {word.strip("[]") for word in found}, (name, text)


def busy(drv: Driver, *disks: str) -> int:
    """The most requests in flight on the disks in sum, while fio keeps 16 from each CPU waiting for each."""
    jobs = tuple((f"--filename=/dev/{disk}", f"--cpus_allowed={cpu}") for disk in disks for cpu in (0, 1))
    fio = drv.start_fio("--ioengine=libaio", "--rw=randread", "--bs=4k", "--iodepth=16", "--time_based", "--runtime=30", "--thread", jobs=jobs)
    (most,) = drv.do(("max_inflight", disks, 1))
    fio.kill()
    fio.wait(20)
    return most


def test_nb38_one_bitmap_for_all_queues(drv: Driver):
    """shared_tag_bitmap=1: two queues of depth 8 have 8 requests in flight together; without it 16."""
    slow = {"size": 64, "irqmode": 2, "completion_nsec": 200000000, "hw_queue_depth": 8, "submit_queues": 2, "poll_queues": 0}
    assert set(drv.do(drv.load_op("nr_devices=0"), *drv.make("a", **slow, shared_tag_bitmap=1, power=1), *drv.make("b", **slow, power=1))) == {"ok"}
    assert drv.do(queues("a"), ("get", "/sys/block/a/mq/0/nr_tags"), ("get", "/sys/block/a/mq/1/nr_tags")) == [["0", "1"], "8", "8"]
    assert busy(drv, "a") == 8
    assert 8 < busy(drv, "b") <= 16


@pytest.mark.slow
def test_nb39_two_disks_share_tags(drv: Driver):
    """shared_tags=1: two disks with one queue of depth 8 have at most 8 requests in flight together, one alone too."""
    params = "shared_tags=1 nr_devices=2 gb=1 irqmode=2 completion_nsec=200000000 hw_queue_depth=8 poll_queues=0"
    assert drv.load(params) == "ok"
    assert 6 <= busy(drv, f"{drv.stem}0", f"{drv.stem}1") <= 8
    # A configfs device joins with the parameters' queues, whatever its own attributes say.
    assert drv.do(*drv.make("a", size=16, hw_queue_depth=32, power=1), ("get", "/sys/block/a/mq/0/nr_tags"), drv.rmdir("a")) == ["ok"] * 4 + ["8", "ok"]


def test_nb40_queues_change_under_load(drv: Driver):
    """submit_queues between 1 and 2, again and again, while fio verifies its data: no error, and mq/ shows the number."""
    attributes = {"size": 64, "memory_backed": 1, "irqmode": 1}
    assert set(drv.do(drv.load_op("nr_devices=0"), *drv.make("a", **attributes, power=1))) == {"ok"}
    fio = drv.start_fio(
        "--ioengine=libaio", "--filename=/dev/a", "--rw=randrw", "--bs=4k", "--iodepth=8", "--verify=crc32c", "--size=2m", "--time_based", "--runtime=3", "--verify_fatal=1",
    )  # fmt: skip
    for number in (2, 1, 2, 1):
        assert drv.do(("sleep", 0.2), drv.put("a", "submit_queues", number), drv.get("a", "submit_queues"), queues("a")) == [
            "ok", "ok", str(number), [str(n) for n in range(number + 1)],
        ]  # fmt: skip
    assert drv.do(("repeat", 10, 0.02, drv.put("a", "submit_queues", 2), drv.put("a", "submit_queues", 1))) == [["ok"]]
    done = fio.wait(30)
    assert done.rc == 0, done.out[-1000:] + done.err[-1000:]


def test_nb41_changes_that_are_refused(drv: Driver):
    """0, more than CPUs, more polled queues than the module's, any change with shared_tags: EINVAL, nothing changes."""
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *drv.make("a", size=16, power=1),
        drv.put("a", "submit_queues", 0),
        drv.put("a", "submit_queues", 3),
        drv.put("a", "submit_queues", 4294967295),
        drv.put("a", "poll_queues", 2),
        *drv.gets("a", "submit_queues", "poll_queues"),
        queues("a"),
        *drv.make("s", size=16, shared_tags=1, power=1),
        drv.put("s", "submit_queues", 2),
        drv.put("s", "submit_queues", 1),
        drv.put("s", "poll_queues", 1),
        *drv.gets("s", "submit_queues", "poll_queues"),
        *drv.make("off", size=16),
        drv.put("off", "submit_queues", 0),
        drv.put("off", "poll_queues", 77),
        *drv.gets("off", "submit_queues", "poll_queues"),
        drv.power("off", 1),
        *drv.gets("off", "submit_queues", "poll_queues"),
        ("dio_write", "/dev/a", 0, 8, 1),
        ("dio_write", "/dev/s", 0, 8, 1),
    )[4:] == [
        "EINVAL", "EINVAL", "EINVAL", "EINVAL", "1", "1", ["0", "1"], *["ok"] * 4, "EINVAL", "EINVAL", "EINVAL", "1", "1",
        *["ok"] * 4, "0", "77", "ok", "1", "1", "ok", "ok",
    ]  # fmt: skip


def test_nb42_polled_queues_change(drv: Driver):
    """poll_queues from 1 to 2 and back on a disk that is on: the queues are there, polled I/O works in between."""
    read = ("polled", "/dev/a", "read", 0, 8, None)
    assert drv.do(
        drv.load_op("nr_devices=0 poll_queues=2"),
        *drv.make("a", size=16, poll_queues=1, power=1),
        queues("a"),
        read,
        drv.put("a", "poll_queues", 2),
        queues("a"),
        read,
        drv.put("a", "poll_queues", 1),
        queues("a"),
        read,
    )[5:] == [["0", "1"], 4096, "ok", ["0", "1", "2"], 4096, "ok", ["0", "1"], 4096]


@pytest.mark.c_fails("D2: a division by zero on 6.1", on="6.1", fatal=True)
def test_nb42_nb77_no_more_polled_queues(drv: Driver):
    """poll_queues from 1 to 0 and back on a disk that is on: io_poll follows on 6.12; 6.1 does so or says EINVAL."""
    io_poll = ("get", "/sys/block/a/queue/io_poll")
    results = drv.do(
        drv.load_op("nr_devices=0"), *drv.make("a", size=16, power=1), drv.put("a", "poll_queues", 0), io_poll, ("dio_write", "/dev/a", 0, 8, 1),
        drv.put("a", "poll_queues", 1), io_poll, ("polled", "/dev/a", "read", 0, 8, None),
    )[4:]  # fmt: skip
    if drv.has_bio_mode and results[0] == "EINVAL":
        assert results == ["EINVAL", "1", "ok", "ok", "1", 4096]
    else:
        assert results == ["ok", "0", "ok", "ok", "1", 4096]


@pytest.mark.c_fails("D7: it sleeps where it must not", on="6.12.117-cxxtest", fatal=True)
def test_nb82_backing_and_shared_tags(drv: Driver):
    """shared_tags with memory_backed but without blocking is refused with EINVAL, or keeps its data without sleeping in the wrong place."""
    loaded = drv.load("shared_tags=1 memory_backed=1 nr_devices=2 gb=1 submit_queues=2")
    if loaded == "EINVAL":
        return
    assert loaded == "ok"
    common = ("--rw=randrw", "--bsrange=512-16k", "--size=2m", "--iodepth=8", "--verify=crc32c", "--verify_fatal=1")
    reports = drv.fio("--ioengine=libaio", jobs=tuple((f"--filename=/dev/{drv.stem}{number}", *common) for number in (0, 1)))
    assert [report["error"] for report in reports] == [0, 0]


@pytest.mark.parametrize("irqmode", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_nb74_cpus_come_and_go(drv: Driver, irqmode: int):
    """A CPU goes offline and comes back while fio verifies its data from both: no error, nothing is lost."""
    attributes = {"size": 64, "memory_backed": 1, "irqmode": irqmode, "submit_queues": 2, "completion_nsec": 100000}
    assert set(drv.do(drv.load_op("nr_devices=0"), *drv.make("a", **attributes, power=1))) == {"ok"}
    fio = drv.start_fio(
        "--ioengine=libaio", "--filename=/dev/a", "--rw=randrw", "--bs=4k", "--iodepth=8", "--verify=crc32c", "--verify_fatal=1", "--size=2m", "--time_based",
        "--runtime=2", "--numjobs=2", "--offset_increment=32m", "--thread",
    )  # fmt: skip
    try:
        assert drv.do(("sleep", 1), ("repeat", 3, 0.1, ("put", CPU1, "0"), ("put", CPU1, "1"))) == ["ok", ["ok"]]
    finally:
        drv.do(("put", CPU1, "1"))
    done = fio.wait(30)
    assert done.rc == 0, done.out[-1000:] + done.err[-1000:]
