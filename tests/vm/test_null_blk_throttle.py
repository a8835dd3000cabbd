# SPDX-License-Identifier: GPL-2.0
"""mbps: how fast a throttled disk is, and that it always gets on."""

from __future__ import annotations

import os
import time

import pytest
from nullblk import Driver
from vmlib import TIMED_OUT

pytestmark = pytest.mark.slow_on_older

MIB = 1 << 20


def throttled(drv: Driver, name: str = "a", **attributes: object) -> list[tuple[str, ...]]:
    return drv.make(name, **({"size": 64, "mbps": 4} | attributes | {"power": 1}))


def rate(drv: Driver, *options: str, name: str = "a", seconds: int = 2) -> float:
    """MiB/s of random reads."""
    (report,) = drv.fio("--ioengine=libaio", f"--filename=/dev/{name}", "--rw=randread", "--iodepth=16", "--time_based", f"--runtime={seconds}", *options)
    assert report["error"] == 0
    return report["read"]["io_bytes"] / report["read"]["runtime"] * 1000 / MIB


def test_nb54_rate_is_kept(drv: Driver):
    """mbps=4: 4 KiB reads come at 4 MiB/s, within a tenth; mbps=100000 reads back 40960."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *throttled(drv))) == {"ok"}
    for _ in range(5):
        measured = rate(drv, "--bs=4k")
        assert measured <= 4.2
        # A guest whose host has more to do than it has CPUs misses ticks, which are 20 ms apart.
        if measured >= (3.6 if os.getloadavg()[0] <= (os.cpu_count() or 1) else 1.2):
            break
    else:
        pytest.fail(f"{measured} MiB/s")
    assert drv.do(*throttled(drv, "b", mbps=100000), drv.get("b", "mbps"), drv.power("a", 0), drv.put("a", "mbps", 40961), drv.power("a", 1), drv.get("a", "mbps")) == [
        "ok", "ok", "ok", "ok", "40960", "ok", "ok", "ok", "40960",
    ]  # fmt: skip


def test_nb54_removal_of_a_throttled_disk(drv: Driver):
    """Power-off while a throttled disk is busy comes soon, fio can end, and after it the disk works again."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *throttled(drv, mbps=1))) == {"ok"}
    fio = drv.start_fio("--ioengine=libaio", "--filename=/dev/a", "--rw=randread", "--bs=4k", "--iodepth=16", "--time_based", "--runtime=30")
    deadline = time.monotonic() + 20
    while drv.do(("get", "/sys/block/a/stat"))[0].split()[0] == "0":
        assert time.monotonic() < deadline, "fio does not start"
    assert drv.do(("timed", *drv.power("a", 0)))[0][1] < 8
    # Reads of a disk that is gone may give nothing instead of an error.
    fio.kill()
    assert fio.wait(20).rc != TIMED_OUT
    assert drv.do(drv.power("a", 1), ("dio_write", "/dev/a", 0, 8, 1)) == ["ok", "ok"]


@pytest.mark.c_fails("D1: an oops when mbps was there and is no more", fatal=True)
@pytest.mark.slow
def test_nb76_throttling_that_is_turned_off(drv: Driver):
    """mbps from 100 to 0 across power-off, and back: I/O works, as fast as the mbps of the time."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *throttled(drv, mbps=100), ("dio_write", "/dev/a", 0, 8, 1))) == {"ok"}
    assert drv.do(drv.power("a", 0), drv.put("a", "mbps", 0), drv.power("a", 1), ("dio_write", "/dev/a", 0, 8, 1)) == ["ok"] * 4
    assert rate(drv, "--bs=64k", seconds=1) > 40
    assert drv.do(drv.power("a", 0), drv.put("a", "mbps", 4), drv.power("a", 1), ("dio_write", "/dev/a", 0, 8, 1)) == ["ok"] * 4
    assert rate(drv, "--bs=4k") < 5


@pytest.mark.c_fails("D5: a request larger than a tick's worth is never done, and the disk cannot go", fatal=True)
def test_nb80_requests_larger_than_a_tick_allows(drv: Driver):
    """mbps=1 with requests of 127 KiB, the largest there are: about 1 MiB/s; smaller ones come in between."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *throttled(drv, mbps=1), ("dio_write", "/dev/a", 0, 8, 1))) == {"ok"}
    measured = rate(drv, "--bs=127k", "--blockalign=512", "--iodepth=2", seconds=4)
    assert 0.7 <= measured <= 1.3, measured
    assert drv.do(("dio_write", "/dev/a", 0, 254, 1), ("dio_write", "/dev/a", 0, 1, 1)) == ["ok", "ok"]


@pytest.mark.c_fails("polled requests are not throttled on 6.1", on="6.1")
def test_nb81_polling_is_throttled(drv: Driver):
    """mbps=4: polled 4 KiB reads come at no more than 4 MiB/s, and do come."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *throttled(drv))) == {"ok"}
    measured = rate(drv, "--ioengine=io_uring", "--hipri", "--bs=4k", "--iodepth=4")
    assert 1 <= measured <= 4.4, measured
