# SPDX-License-Identifier: GPL-2.0
"""Bad blocks: the text of the attribute, and what I/O that meets one does."""

from __future__ import annotations

import pytest
from nullblk import Driver

pytestmark = pytest.mark.slow_on_older


def test_nb52_texts(drv: Driver):
    """`+A-B` adds, `-A-B` removes; all else gives EINVAL and changes nothing; the table reads as lines of start and length."""
    good = [
        ("+1-5", "1 5"),
        ("-2-3", "1 1\n4 2"),
        ("+0x10-0x1f\n", "1 1\n4 2\n16 16"),
        ("+7-8", "1 1\n4 2\n7 2\n16 16"),
        ("  +100-100  ", "1 1\n4 2\n7 2\n16 16\n100 1"),
        ("-0-9", "16 16\n100 1"),
        ("-200-300", "16 16\n100 1"),
        ("+34-47", "16 16\n34 14\n100 1"),
        ("-20-99", "16 4\n100 1"),
        ("-0-100", ""),
        ("+0-1023", "0 512\n512 512"),
        ("-0-2000", ""),
        ("++7-+7", "7 1"),
        ("-7-7", ""),
    ]
    bad = ["1-5", "+1", "+5-1", "+x-5", "+1-", "+-5", "+1-5x", "+1--5", "x", " ", "*1-5", "+ 1-5", "+1.0-5"]
    steps = [drv.load_op("nr_devices=0"), *drv.make("a", size=16), drv.get("a", "badblocks")]
    for text, _ in good:
        steps += [drv.put("a", "badblocks", text), drv.get("a", "badblocks")]
    steps += [drv.put("a", "badblocks", "+7-7")]
    for text in bad:
        steps += [drv.put("a", "badblocks", text)]
    steps += [drv.put("a", "badblocks", "+1-18446744073709551616"), drv.get("a", "badblocks")]
    results = drv.do(*steps)
    assert results[:4] == ["ok", "ok", "ok", ""]
    # On 6.1 a range that takes two lines is in the table, which is the block layer's, in the wrong order.
    found = {text: (results[4 + 2 * n], "\n".join(sorted(results[5 + 2 * n].split("\n"), key=lambda line: int(line.split()[0]) if line else 0))) for n, (text, _) in enumerate(good)}
    assert found == {text: ("ok", shown) for text, shown in good}
    at = 4 + 2 * len(good)
    assert results[at] == "ok"
    assert dict(zip(bad, results[at + 1 :])) == dict.fromkeys(bad, "EINVAL")
    assert results[-2:] == ["ERANGE", "7 1"]


@pytest.mark.c_fails("a table longer than a page makes the kernel warn, and cannot be read (EIO)", fatal=True)
def test_nb52_table_longer_than_a_page(drv: Driver):
    """A table whose text is longer than a page reads as whole lines of its beginning, or as a clean errno."""
    first = 10**13  # Lines of 17 characters, so that one is cut off.
    loaded, *made = drv.do(drv.load_op("nr_devices=0"), *drv.make("a", size=16), *(drv.put("a", "badblocks", f"+{first + 10 * i}-{first + 10 * i}") for i in range(400)))
    assert (loaded, set(made)) == ("ok", {"ok"})
    (text,) = drv.do(drv.get("a", "badblocks"))
    lines = text.split("\n")
    # A line that the page cuts off is cut at its end.
    assert text in ("EFBIG", "EINVAL") or (len(text) <= 4096 and lines[:200] == [f"{first + 10 * i} 1" for i in range(200)])


@pytest.mark.parametrize("mode", ["irqmode=0", "irqmode=1", "irqmode=2", "bio"])
def test_nb53_a_bad_sector_fails_the_whole_request(drv: Driver, mode: str):
    """Reads, writes and discards that touch a bad sector give EIO and move nothing; others, and all once it is gone, work."""
    if mode == "bio" and not drv.has_bio_mode:
        pytest.skip("kernels from 6.12 on have no bio mode")
    dev = "/dev/a"
    attributes = {"size": 16, "memory_backed": 1, "discard": 1, "queue_mode": 0 if mode == "bio" else 2, "irqmode": mode[-1] if mode != "bio" else 1}
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *drv.make("a", **attributes, power=1),
        ("dio_write", dev, 0, 64, 1),
        drv.put("a", "badblocks", "+10-11"),
        ("dio_check", dev, 8, 8, 1),
        ("dio_check", dev, 0, 64, 1),
        ("dio_check", dev, 0, 10, 1),
        ("dio_byte", dev, 12, 1),
        ("dio_write", dev, 4, 7, 2),
        ("dio_write", dev, 11, 1, 2),
        ("sectors", dev, "discard", 0, 16),
        ("dio_write", dev, 12, 4, 3),
        ("dio_check", dev, 12, 4, 3),
        ("fsync", dev),
        drv.power("a", 0),
        drv.power("a", 1),
        ("dio_byte", dev, 10, 1),
        drv.put("a", "badblocks", "-10-10"),
        ("dio_check", dev, 0, 11, 1),
        ("dio_byte", dev, 11, 1),
        drv.put("a", "badblocks", "-11-11"),
        ("dio_check", dev, 0, 12, 1),
        ("dio_write", dev, 8, 8, 4),
        ("dio_check", dev, 8, 8, 4),
        ("sectors", dev, "discard", 0, 16),
        ("dio_byte", dev, 0, 16),
    )[8:] == [
        "ok", "ok", "EIO", "EIO", "same", "mixed", "EIO", "EIO", "EIO", "ok", "same", "ok", "ok", "ok", "EIO", "ok", "same", "EIO", "ok", "same", "ok", "same",
        "ok", "00",
    ]  # fmt: skip


def test_nb53_without_backing_and_by_polling(drv: Driver):
    """Bad sectors work on disks that keep nothing, for polled I/O, and in zones, where a failed write leaves the pointer."""
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *drv.make("a", size=16, badblocks="+8-8", power=1),
        *drv.make("z", size=8, zoned=1, zone_size=1, badblocks="+8-8", power=1),
        ("dio_write", "/dev/a", 0, 8, 1),
        ("dio_write", "/dev/a", 0, 16, 1),
        ("polled", "/dev/a", "read", 0, 8, None),
        ("polled", "/dev/a", "read", 0, 16, None),
        ("polled", "/dev/a", "write", 8, 1, 1),
        ("dio_write", "/dev/z", 0, 8, 1),
        ("dio_write", "/dev/z", 8, 8, 1),
        ("states", "/dev/z"),
        drv.put("z", "badblocks", "-8-8"),
        ("dio_write", "/dev/z", 8, 8, 1),
        ("states", "/dev/z"),
    )[11:] == ["ok", "EIO", 4096, "EIO", "EIO", "ok", "EIO", "oi8" + " em0" * 7, "ok", "ok", "oi16" + " em0" * 7]


@pytest.mark.slow
def test_nb53_changes_under_load(drv: Driver):
    """The table changes while fio runs: errors while a sector is bad, none afterwards."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *drv.make("a", size=16, submit_queues=2, power=1))) == {"ok"}
    fio = drv.start_fio("--ioengine=libaio", "--filename=/dev/a", "--rw=randread", "--bs=4k", "--iodepth=8", "--time_based", "--runtime=3", "--continue_on_error=all", "--ignore_error=EIO")
    (answers,) = drv.do(("repeat", 40, 0.01, drv.put("a", "badblocks", "+0-4095"), drv.put("a", "badblocks", "+10000-10001"), drv.put("a", "badblocks", "-0-20000")))
    assert answers == ["ok"]
    assert fio.wait(20).rc == 0
    assert drv.do(("dio_write", "/dev/a", 0, 64, 1), drv.get("a", "badblocks")) == ["ok", ""]


@pytest.mark.c_fails("D11: a write of one character is reported")
def test_nb84_table_that_is_full(drv: Driver):
    """When the table is full, adding gives a clean errno; removing still works, and the table is as before."""
    texts = [f"+{10 * i}-{10 * i}" for i in range(520)]
    file = f"{drv.root}/a/badblocks"
    loaded, *made = drv.do(drv.load_op("nr_devices=0"), *drv.make("a", size=16, power=1))
    assert (loaded, *made) == ("ok",) * 4
    results = drv.do(*(("put_count", file, text) for text in texts))
    odd = {text: result for text, result in zip(texts, results) if result != len(text)}
    assert len(odd) == 8 and set(odd.values()) <= {"ENOSPC", "E2BIG", "ENOMEM", "EINVAL"}, odd
    assert drv.do(("put", file, "-0-0"), ("put", file, "+7-7"), ("dio_write", "/dev/a", 7, 1, 1), ("dio_write", "/dev/a", 0, 1, 1)) == ["ok", "ok", "EIO", "ok"]


@pytest.mark.c_fails("NB-91: not in the C driver of these kernels")
def test_nb91_bad_blocks_that_heal(drv: Driver):
    """badblocks_once=1: the range that a request meets is gone after it."""
    dev = "/dev/a"
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *drv.make("a", size=16, memory_backed=1, badblocks_once=1, badblocks="+8-15", power=1),
        drv.put("a", "badblocks", "+32-33"),
        ("dio_write", dev, 0, 32, 1),
        drv.get("a", "badblocks"),
        ("dio_write", dev, 0, 32, 1),
        ("dio_check", dev, 0, 32, 1),
        ("dio_byte", dev, 33, 1),
        drv.get("a", "badblocks"),
        drv.get("a", "badblocks_once"),
        drv.put("a", "badblocks_once", 0),
    )[7:] == ["ok", "EIO", "32 2", "ok", "same", "EIO", "", "1", "EBUSY"]


@pytest.mark.c_fails("NB-91: not in the C driver of these kernels")
def test_nb91_requests_that_are_done_in_part(drv: Driver):
    """badblocks_partial_io=1: the request fails, and the sectors before the first bad one were transferred, whole blocks of them."""
    dev = "/dev/a"
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *drv.make("a", size=16, memory_backed=1, badblocks_partial_io=1, badblocks="+10-11", power=1),
        ("dio_write", dev, 0, 16, 1),
        drv.put("a", "badblocks", "-10-11"),
        ("dio_check", dev, 0, 10, 1),
        ("dio_byte", dev, 10, 6),
        *drv.make("b", size=16, memory_backed=1, blocksize=4096, badblocks_partial_io=1, badblocks="+10-11", power=1),
        ("dio_write", "/dev/b", 0, 24, 1),
        drv.put("b", "badblocks", "-10-11"),
        ("dio_check", "/dev/b", 0, 8, 1),
        ("dio_byte", "/dev/b", 8, 16),
    )[7:] == ["EIO", "ok", "same", "00", *["ok"] * 7, "EIO", "ok", "same", "00"]


@pytest.mark.c_fails("NB-91: not in the C driver of these kernels")
def test_nb91_rotational(drv: Driver):
    """rotational=1 shows in the queue; default is 0."""
    assert drv.do(
        drv.load_op("nr_devices=0"), *drv.make("a", size=16, rotational=1, power=1), *drv.make("b", size=16, power=1),
        *(("get", f"/sys/block/{name}/queue/rotational") for name in "ab"), drv.get("a", "rotational"), drv.put("a", "rotational", 0),
    )[8:] == ["1", "0", "1", "EBUSY"]  # fmt: skip
