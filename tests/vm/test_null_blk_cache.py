# SPDX-License-Identifier: GPL-2.0
"""The write cache of memory-backed disks: what a loss of power, which is power=0, leaves of the data."""

from __future__ import annotations

import pytest
from nullblk import Driver


def cycle(drv: Driver, name: str = "a") -> list[tuple[str, ...]]:
    """A loss of power."""
    return [drv.power(name, 0), drv.power(name, 1)]


def cached(drv: Driver, name: str = "a", **attributes: object) -> list[tuple[str, ...]]:
    """The operations that make a device with a cache of 4 MiB, unless `attributes` has others, and power it on."""
    return drv.make(name, **({"size": 64, "memory_backed": 1, "cache_size": 4} | attributes | {"power": 1}))


@pytest.mark.slow_on_older
def test_nb45_cache_shows_write_back(drv: Driver):
    """cache_size with memory_backed: "write back" and FUA; without backing it reads back 0 and the disk is write through."""
    shown = [("get", f"/sys/block/{name}/queue/{file}") for name in "ab" for file in ("write_cache", "fua")]
    assert drv.do(
        drv.load_op("nr_devices=0"), *cached(drv), *cached(drv, "b", memory_backed=0), *shown, drv.get("a", "cache_size"), drv.get("b", "cache_size")
    ) == ["ok"] * 11 + ["write back", "1", "write through", "0", "4", "0"]


@pytest.mark.kernel("6.12")
def test_nb46_cache_without_fua(drv: Driver):
    """6.12, fua=0: the queue has no FUA, and what is written with FUA is kept all the same, through a flush."""
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *cached(drv, fua=0),
        ("get", "/sys/block/a/queue/write_cache"),
        ("get", "/sys/block/a/queue/fua"),
        ("dio_write", "/dev/a", 64, 8, 1),
        ("fua_write", "/dev/a", 0, 8, 2),
        *cycle(drv),
        ("dio_check", "/dev/a", 0, 8, 2),
        ("dio_check", "/dev/a", 64, 8, 1),  # The flush took it along.
    ) == ["ok"] * 7 + ["write back", "0", "ok", "ok", "ok", "ok", "same", "same"]


@pytest.mark.parametrize("blocksize", [512, 4096])
def test_nb47_what_was_not_flushed_is_lost(drv: Driver, blocksize: int):
    """Cached data is lost with the power; flushed data and data written with FUA is kept. Of an overwrite that was not flushed,
    the old data or the new is there. (C writes to a page that is not cached but has data past the cache.)
    """
    dev = "/dev/a"
    *results, old, new, _, _, _, kept = drv.do(
        drv.load_op("nr_devices=0"),
        *cached(drv, blocksize=blocksize),
        ("dio_write", dev, 0, 64, 1),
        ("fua_write", dev, 128, 16, 2),
        ("dio_check", dev, 0, 64, 1),
        *cycle(drv),
        ("dio_check", dev, 0, 64, None),
        ("dio_check", dev, 128, 16, 2),
        ("dio_write", dev, 0, 64, 3),
        ("dio_write", dev, 256, 512, 4),
        ("fsync", dev),
        *cycle(drv),
        ("dio_check", dev, 0, 64, 3),
        ("dio_check", dev, 256, 512, 4),
        ("dio_write", dev, 256, 8, 5),
        ("dio_check", dev, 256, 8, 5),
        *cycle(drv),
        ("dio_check", dev, 0, 64, 3),
        ("dio_check", dev, 256, 512, 4),
        ("dio_check", dev, 256, 8, 5),
        drv.power("a", 0),
        drv.put("a", "cache_size", 0),
        drv.power("a", 1),
        ("dio_check", dev, 0, 64, 3),
    )
    assert results[7:] == ["ok", "ok", "same", "ok", "ok", "same", "same"] + ["ok"] * 5 + ["same", "same", "ok", "same", "ok", "ok", "same"]
    assert (old == "same") != (new == "same") and kept == "same"


def test_nb48_more_than_the_cache_holds(drv: Driver):
    """8 MiB written through a cache of 1 MiB read back whole; a loss of power takes at most 1 MiB of them."""
    chunks = [(1024 * i, 1024, i + 1) for i in range(16)]
    results = drv.do(
        drv.load_op("nr_devices=0"),
        *cached(drv, cache_size=1),
        *(("dio_write", "/dev/a", *chunk) for chunk in chunks),
        *(("dio_check", "/dev/a", *chunk) for chunk in chunks),
        *cycle(drv),
        *(("lost", "/dev/a", *chunk) for chunk in chunks),
        *(("dio_write", "/dev/a", *chunk) for chunk in chunks),
        ("fsync", "/dev/a"),
        *cycle(drv),
        *(("dio_check", "/dev/a", *chunk) for chunk in chunks),
    )
    assert results[:22] == ["ok"] * 22
    assert results[22:40] == ["same"] * 16 + ["ok", "ok"]
    assert 0 < sum(results[40:56]) <= 2048, "sectors lost"
    assert results[56:] == ["ok"] * 19 + ["same"] * 16


def test_nb48_cache_under_load(drv: Driver):
    """fio's mixed I/O with verification, flushes and FUA through a cache of 1 MiB keeps its data."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *cached(drv, cache_size=1, submit_queues=2))) == {"ok"}
    common = ("--filename=/dev/a", "--rw=randrw", "--bsrange=512-16k", "--size=3m", "--iodepth=8")
    reports = drv.fio(
        "--ioengine=libaio", "--verify=crc32c", "--verify_fatal=1", "--randrepeat=0", "--thread",
        jobs=((*common, "--fsync=32"), (*common, "--offset=32m", "--sync=dsync")),
    )  # fmt: skip
    assert [report["error"] for report in reports] == [0, 0]


def test_nb49_cached_and_fua_writes_that_overlap(drv: Driver):
    """Reads give what was written last, cached or not; after a loss of power, what was written last with FUA."""
    dev = "/dev/a"
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *cached(drv),
        ("dio_write", dev, 0, 16, 1),
        ("fua_write", dev, 4, 4, 2),
        ("dio_check", dev, 0, 4, 1),
        ("dio_check", dev, 4, 4, 2),
        ("dio_write", dev, 6, 4, 3),
        ("dio_check", dev, 4, 2, 2),
        ("dio_check", dev, 6, 4, 3),
        *cycle(drv),
        ("dio_check", dev, 0, 4, None),
        ("dio_check", dev, 4, 4, 2),
        ("dio_check", dev, 8, 8, None),
        ("dio_write", dev, 4, 4, 4),
        ("fua_write", dev, 4, 2, 5),
        ("fsync", dev),
        ("fua_write", dev, 6, 1, 6),
        *cycle(drv),
        ("dio_check", dev, 4, 2, 5),
        ("dio_check", dev, 6, 1, 6),
    )[6:] == ["ok", "ok", "same", "same", "ok", "same", "same", "ok", "ok", "same", "same", "same", "ok", "ok", "ok", "ok", "ok", "ok", "same", "same"]


@pytest.mark.kernel("6.1")
@pytest.mark.c_fails("D3: fsync does not drain the cache in bio mode")
def test_nb78_fsync_in_bio_mode(drv: Driver):
    """6.1, queue_mode=0: fsync makes cached data outlive a loss of power; what came later is lost."""
    dev = "/dev/a"
    assert drv.do(
        drv.load_op("nr_devices=0"), *cached(drv, queue_mode=0), ("dio_write", dev, 0, 64, 1), ("fsync", dev), ("dio_write", dev, 64, 8, 2), *cycle(drv),
        ("dio_check", dev, 0, 64, 1), ("dio_check", dev, 64, 8, None),
    )[7:] == ["ok", "ok", "ok", "ok", "ok", "same", "same"]  # fmt: skip


@pytest.mark.c_fails("D6: a polled flush does nothing", on="6.12")
def test_nb81_polled_writes_that_are_to_last(drv: Driver):
    """A polled write with RWF_DSYNC outlives a loss of power: by FUA, and on 6.12 with fua=0 by a flush that is polled too."""
    steps = [drv.load_op("nr_devices=0")]
    names = "a" if drv.has_bio_mode else "ab"
    for name in names:
        steps += cached(drv, name, **({"fua": 0} if name == "b" else {}))
        steps += [("polled_dsync", f"/dev/{name}", 0, 8, 1), *cycle(drv, name), ("dio_check", f"/dev/{name}", 0, 8, 1)]
    wanted = ["ok"] * 5 + [4096, "ok", "ok", "same"]
    assert drv.do(*steps) == ["ok"] + (wanted if len(names) == 1 else [*wanted, "ok", *wanted])


@pytest.mark.slow
def test_nb83_large_caches(drv: Driver):
    """cache_size=8192, which is more than 32 bits count: nothing is written out early, a flush writes all out.

    That usage beyond 4 GiB is counted is a matter for the suite of the cache: this guest has not that much memory.
    """
    for size in (4096, 8192):
        name = f"c{size}"
        results = drv.do(
            *([drv.load_op("nr_devices=0")] if size == 4096 else []),
            *cached(drv, name, size=16384, cache_size=size),
            drv.get(name, "cache_size"),
            *(("dio_write", f"/dev/{name}", 2048 * i, 2048, i) for i in range(8)),
            *cycle(drv, name),
            *(("dio_byte", f"/dev/{name}", 2048 * i, 2048) for i in range(8)),
            ("dio_write", f"/dev/{name}", 0, 2048, 1),
            ("fsync", f"/dev/{name}"),
            *cycle(drv, name),
            ("dio_check", f"/dev/{name}", 0, 2048, 1),
        )
        assert results[-24:] == [str(size)] + ["ok"] * 10 + ["00"] * 8 + ["ok"] * 4 + ["same"]


@pytest.mark.c_fails("D1: what the cache was stays")
def test_nb76_cache_that_is_turned_off(drv: Driver):
    """cache_size set to 0 between power-off and power-on: data written then outlives the next loss of power."""
    assert drv.do(
        drv.load_op("nr_devices=0"), *cached(drv), drv.power("a", 0), drv.put("a", "cache_size", 0), drv.power("a", 1), ("get", "/sys/block/a/queue/write_cache"),
        ("dio_write", "/dev/a", 0, 1, 1), *cycle(drv), ("dio_check", "/dev/a", 0, 1, 1),
    )[6:] == ["ok", "ok", "ok", "write through", "ok", "ok", "ok", "same"]  # fmt: skip
