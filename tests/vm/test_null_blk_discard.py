# SPDX-License-Identifier: GPL-2.0
"""Discarding and writing zeroes: what they free, what is then read, and where they are not offered."""

from __future__ import annotations

import pytest
from nullblk import Driver

pytestmark = pytest.mark.slow_on_older

MIB = 2048  # Sectors.


def backed(drv: Driver, name: str = "a", **attributes: object) -> list[tuple[str, ...]]:
    """The operations that make a memory-backed device that can discard, and power it on."""
    return drv.make(name, **({"size": 64, "memory_backed": 1, "discard": 1} | attributes | {"power": 1}))


def limits(drv: Driver, name: str) -> dict[str, str]:
    """What the queue says about discarding and zeroes."""
    files = ["discard_granularity", "discard_max_bytes", "discard_max_hw_bytes", "write_zeroes_max_bytes"]
    return dict(zip(files, drv.do(*(("get", f"/sys/block/{name}/queue/{file}") for file in files))))


def freed_by(drv: Driver, what: str, name: str = "a") -> tuple[int, int, str]:
    """KiB that 24 MiB of data take, KiB that `what` on them gives back, and the byte that they then consist of."""
    dev = f"/dev/{name}"
    fill = [("dio_write", dev, MIB * i, MIB, i) for i in range(24)]
    clear = [("sectors", dev, what, 0, 24 * MIB), ("sleep", 0.3)]
    # Once before, so that what Python itself needs is there.
    results = drv.do(*fill, *clear, ("used_kib",), *fill, ("used_kib",), *clear, ("used_kib",), ("dio_byte", dev, 0, MIB), ("dio_byte", dev, 23 * MIB, MIB))
    before, full, after = (result for result in results if isinstance(result, int))
    assert {*results[:26], results[-5], results[-4]} == {"ok"}, results
    return full - before, full - after, results[-1] if results[-1] == results[-2] else "mixed"


def test_nb50_discard_frees_memory(drv: Driver):
    """A discard frees the pages, and what was there reads zero; the limits are the C driver's."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *backed(drv, blocksize=4096))) == {"ok"}
    assert {key: value for key, value in limits(drv, "a").items() if key[0] == "d"} == {
        "discard_granularity": "4096", "discard_max_bytes": "4294966784", "discard_max_hw_bytes": "4294966784",
    }  # fmt: skip
    taken, freed, byte = freed_by(drv, "discard")
    assert taken > 20 << 10 and freed > 20 << 10 and byte == "00", (taken, freed, byte)


def test_nb50_discard_of_parts(drv: Driver):
    """A discard of some sectors of a page, or across pages, takes just those; also from the cache and for good."""
    dev = "/dev/a"
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *backed(drv),
        ("get", "/sys/block/a/queue/discard_granularity"),
        ("dio_write", dev, 0, 64, 1),
        ("sectors", dev, "discard", 3, 2),
        ("dio_check", dev, 0, 3, 1),
        ("dio_byte", dev, 3, 2),
        ("dio_write", dev, 8, 32, 2),
        ("sectors", dev, "discard", 10, 29),
        ("dio_check", dev, 8, 2, 2),
        ("dio_byte", dev, 10, 29),
        ("dio_byte", dev, 39, 1),
        ("dio_write", dev, 11, 4, 3),
        ("dio_check", dev, 11, 4, 3),
        ("dio_byte", dev, 15, 24),
        ("sectors", dev, "discard", 131072, 8),
        ("sectors", dev, "discard", 0, 131072),
        ("dio_byte", dev, 0, 64),
        *backed(drv, "c", cache_size=4),
        ("dio_write", "/dev/c", 0, 16, 1),
        ("fsync", "/dev/c"),
        ("dio_write", "/dev/c", 8, 16, 2),
        ("sectors", "/dev/c", "discard", 0, 20),
        ("dio_byte", "/dev/c", 0, 20),
        ("fsync", "/dev/c"),
        drv.power("c", 0),
        drv.power("c", 1),
        ("dio_byte", "/dev/c", 0, 20),
        ("dio_byte", "/dev/c", 20, 4),
    )[6:] == [
        "512", "ok", "ok", "same", "00", "ok", "ok", "same", "00", "mixed", "ok", "same", "00", "EINVAL", "ok", "00",
        *["ok"] * 6, "ok", "ok", "ok", "ok", "00", "ok", "ok", "ok", "00", "mixed",
    ]  # fmt: skip


def test_nb50_discard_under_load(drv: Driver):
    """fio's writes, reads with verification and trims in a part of their own, at once, keep the data."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *backed(drv, submit_queues=2, cache_size=1))) == {"ok"}
    reports = drv.fio(
        "--ioengine=libaio", "--filename=/dev/a", "--iodepth=8", "--randrepeat=0", "--thread",
        jobs=(("--rw=randrw", "--bsrange=512-16k", "--size=3m", "--verify=crc32c", "--verify_fatal=1"), ("--rw=randtrimwrite", "--bs=4k", "--offset=32m", "--size=3m")),
    )  # fmt: skip
    assert [report["error"] for report in reports] == [0, 0]
    assert reports[1]["trim"]["total_ios"] > 0


def test_nb51_discard_where_it_cannot_be(drv: Driver):
    """discard without memory_backed, or zoned: the C driver's line, the attribute reads 0, BLKDISCARD gives EOPNOTSUPP."""
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *backed(drv, memory_backed=0),
        *backed(drv, "z", zoned=1, zone_size=4),
        drv.get("a", "discard"),
        drv.get("z", "discard"),
        ("sectors", "/dev/a", "discard", 0, 8),
        ("sectors", "/dev/z", "discard", 0, 8),
        *drv.make("plain", size=16, memory_backed=1, power=1),
        ("sectors", "/dev/plain", "discard", 0, 8),
    )[13:] == ["0", "0", "ENOTSUP", "ENOTSUP", "ok", "ok", "ok", "ok", "ENOTSUP"]
    said = drv.said()
    for line in ("discard option is ignored without memory backing", "discard option is ignored in zoned mode"):
        assert said.count(line) == 1, (line, said)
    for name in ("a", "z", "plain"):
        assert {key: value for key, value in limits(drv, name).items() if key in ("discard_max_bytes", "discard_max_hw_bytes")} == {
            "discard_max_bytes": "0", "discard_max_hw_bytes": "0",
        }  # fmt: skip


@pytest.mark.c_fails("NB-90: the C driver cannot write zeroes")
def test_nb90_write_zeroes_frees_memory(drv: Driver):
    """BLKZEROOUT is one operation on memory-backed disks, also without discard=1, and frees the pages."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *backed(drv, discard=0))) == {"ok"}
    assert int(limits(drv, "a")["write_zeroes_max_bytes"]) > 0
    taken, freed, byte = freed_by(drv, "zero")
    assert taken > 20 << 10 and freed > 20 << 10 and byte == "00", (taken, freed, byte)


def test_nb90_zeroes_are_read_as_zeroes(drv: Driver):
    """BLKZEROOUT of parts of pages, cached or not, reads zero and leaves the rest; a flush makes it last.

    Where there is no backing, or zones are, write zeroes is not offered.
    """
    dev = "/dev/c"
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *backed(drv, "c", cache_size=4),
        ("dio_write", dev, 0, 32, 1),
        ("fsync", dev),
        ("dio_write", dev, 24, 16, 2),
        ("sectors", dev, "zero", 5, 22),
        ("dio_check", dev, 0, 5, 1),
        ("dio_byte", dev, 5, 22),
        ("dio_byte", dev, 27, 1),
        ("fsync", dev),
        drv.power("c", 0),
        drv.power("c", 1),
        ("dio_check", dev, 0, 5, 1),
        ("dio_byte", dev, 5, 22),
        ("dio_byte", dev, 27, 1),
        *drv.make("plain", size=16, power=1),
        *drv.make("z", size=16, memory_backed=1, zoned=1, zone_size=4, power=1),
        ("sectors", "/dev/plain", "zero", 0, 64),
    )[7:] == ["ok", "ok", "ok", "ok", "same", "00", "mixed", "ok", "ok", "ok", "same", "00", "mixed"] + ["ok"] * 10
    assert [limits(drv, name)["write_zeroes_max_bytes"] for name in ("plain", "z")] == ["0", "0"]
