# SPDX-License-Identifier: GPL-2.0
"""Zoned disks: geometry, limits, every operation on every condition, tracing, appending.

Zones here have 2048 or 4096 sectors. "oi8" is an implicitly open zone whose write pointer is at its sector 8; the conditions are
blkzone's: nw conventional, em empty, oi/oe open implicitly/explicitly, cl closed, fu full, ro read-only, of offline.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from nullblk import Driver

TRACING = "/sys/kernel/debug/tracing"


def zoned(drv: Driver, name: str = "z", **attributes: object) -> list[tuple[str, ...]]:
    """The operations that make a zoned device of 8 zones of 1 MiB and power it on, unless `attributes` has other numbers."""
    return drv.make(name, **({"size": 8, "zoned": 1, "zone_size": 1} | attributes | {"power": 1}))


def check(drv: Driver, steps: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Does operations in order and compares what each gives with what is written beside it."""
    results = drv.do(*(operation for operation, _ in steps))
    wrong = [f"step {n}: {step} gave {got!r}, not {wanted!r}" for n, ((step, wanted), got) in enumerate(zip(steps, results)) if got != wanted]
    assert wrong == []


def write(sector: int, count: int = 8, dev: str = "/dev/z") -> tuple[Any, ...]:
    return ("dio_write", dev, sector, count, 7)


BAD_GEOMETRY = [
    ({"zone_size": 0}, "zone_size must be power-of-two"),
    ({"zone_size": 3}, "zone_size must be power-of-two"),
    ({"zone_size": 64}, "Zone size larger than device capacity"),
    ({"zone_size": 2, "zone_capacity": 3}, "zone capacity (3 MB) larger than zone size (2 MB)"),
    ({"size": 15, "zone_size": 2, "zone_capacity": 1}, "A smaller last zone is not allowed with zone capacity smaller than zone size."),
]


def test_nb55_bad_geometry_does_not_power_on(drv: Driver):
    """Each impossible geometry gives EINVAL and the C driver's line once; with a good one the device then powers on."""
    steps = [(drv.load_op("nr_devices=0"), "ok")]
    for number, (attributes, _) in enumerate(BAD_GEOMETRY):
        name = f"z{number}"
        made = zoned(drv, name, **attributes)
        steps += [(step, "ok") for step in made[:-1]] + [(made[-1], "EINVAL"), (drv.get(name, "power"), "0")]
        good = {"size": 16, "zone_size": 2, "zone_capacity": 0}
        steps += [(drv.put(name, key, value), "ok") for key, value in good.items()] + [(drv.power(name, 1), "ok"), (drv.rmdir(name), "ok")]
    check(drv, steps)
    said = drv.said()
    lines = [line for _, line in BAD_GEOMETRY]
    assert {line: said.count(line) for line in lines} == {line: lines.count(line) for line in lines}, said


def test_nb56_geometry_is_reported(drv: Driver):
    """BLKREPORTZONE, BLKGETZONESZ, BLKGETNRZONES and sysfs show the zones, their types, capacities and the limits."""
    queue = ["zoned", "chunk_sectors", "nr_zones", "max_open_zones", "max_active_zones", "zone_append_max_bytes", "zone_write_granularity"]
    shown = ["host-managed", "4096", "8", "2", "3", "130560", "512"]
    geometry = [[0, 4096, 4096, 4096, 1, "nw"], [4096, 4096, 4096, 4096, 1, "nw"]] + [[4096 * i, 4096, 2048, 0, 2, "em"] for i in range(2, 8)]
    smaller = [[4096 * i, 4096, 4096, 0, 2, "em"] for i in range(7)] + [[28672, 2048, 2048, 0, 2, "em"]]
    steps = [(drv.load_op("nr_devices=0"), "ok")]
    attributes: dict[str, object] = {"size": 16, "zone_size": 2, "zone_capacity": 1, "zone_nr_conv": 2, "zone_max_open": 2, "zone_max_active": 3}
    steps += [(step, "ok") for step in zoned(drv, **attributes) + zoned(drv, "small", size=15, zone_size=2)]
    steps += [(("zones", "/dev/z"), geometry), (("zones", "/dev/z", 9000, 2), geometry[2:4]), (("zone_numbers", "/dev/z"), [4096, 8])]
    steps += [(("get", f"/sys/block/z/queue/{name}"), text) for name, text in zip(queue, shown)]
    steps += [(("zones", "/dev/small"), smaller), (("get", "/sys/block/small/queue/nr_zones"), "8"), (drv.get("small", "zone_capacity"), "2")]
    steps += [(("get", "/sys/block/small/queue/max_open_zones"), "0"), (("get", "/sys/block/z/size"), "32768")]
    check(drv, steps)


def test_nb56_a_disk_of_parameters_is_zoned_too(drv: Driver):
    """zoned=1 at load makes zones of zone_size; a disk without backing keeps its write pointers all the same."""
    check(
        drv,
        [
            (drv.load_op("zoned=1 zone_size=256 zone_nr_conv=1 gb=1"), "ok"),
            (("zone_numbers", drv.dev), [524288, 4]),
            (write(524288, 64, drv.dev), "ok"),
            (("states", drv.dev), "nw524288 oi64 em0 em0"),
            (("zone", drv.dev, "reset", 524288, 524288), "ok"),
            (("states", drv.dev), "nw524288 em0 em0 em0"),
        ],
    )


def test_nb57_limits_are_adjusted(drv: Driver):
    """Limits that cannot be kept are lowered or dropped, with the C driver's lines, and so are conventional zones."""
    cases = [
        ({"zone_max_open": 5, "zone_max_active": 3}, {"zone_max_open": "3", "zone_max_active": "3"}, "changed the maximum number of open zones to 3"),
        ({"zone_max_active": 8}, {"zone_max_active": "0"}, "zone_max_active limit disabled, limit >= zone count"),
        ({"zone_max_open": 9}, {"zone_max_open": "0"}, "zone_max_open limit disabled, limit >= zone count"),
        ({"zone_nr_conv": 3, "zone_max_open": 5}, {"zone_max_open": "0"}, "zone_max_open limit disabled, limit >= zone count"),
        ({"zone_nr_conv": 99}, {"zone_nr_conv": "7"}, "changed the number of conventional zones to 7"),
        ({"zone_max_open": 7, "zone_max_active": 7}, {"zone_max_open": "7", "zone_max_active": "7"}, ""),
    ]
    steps = [(drv.load_op("nr_devices=0"), "ok")]
    for number, (attributes, after, _) in enumerate(cases):
        name = f"z{number}"
        steps += [(step, "ok") for step in zoned(drv, name, **attributes)]
        for key, value in after.items():
            steps += [(drv.get(name, key), value)]
            if key != "zone_nr_conv":
                steps += [(("get", f"/sys/block/{name}/queue/{key.replace('zone_max_', 'max_')}_zones"), value)]
    check(drv, steps)
    said = [line for line in drv.said() if "zone" in line and "append" not in line]
    assert said == [line for _, _, line in cases if line]


@pytest.mark.parametrize("backed", [0, 1])
def test_nb58_writes_follow_the_write_pointer(drv: Driver, backed: int):
    """Writes at the write pointer advance it; writes elsewhere, past the capacity, or to a full zone give EIO and change nothing."""
    steps = [(drv.load_op("nr_devices=0"), "ok")]
    attributes: dict[str, object] = {"size": 8, "zone_size": 2, "zone_capacity": 1, "zone_nr_conv": 1, "memory_backed": backed}
    steps += [(step, "ok") for step in zoned(drv, **attributes)]
    states = ("states", "/dev/z")
    steps += [
        (write(4096), "ok"),
        (states, "nw4096 oi8 em0 em0"),
        (write(4104, 1), "ok"),
        (states, "nw4096 oi9 em0 em0"),
        (write(4106), "EIO"),  # A gap.
        (states, "nw4096 oi9 em0 em0"),
        (write(4104), "EIO"),  # Behind the pointer.
        (states, "nw4096 oi9 em0 em0"),
        (write(8192 + 64), "EIO"),  # Not at the start of an empty zone.
        (states, "nw4096 oi9 em0 em0"),
        (write(4105, 231), "ok"),
        *[(write(4336 + 128 * i, 128), "ok") for i in range(14)],
        (states, "nw4096 oi2032 em0 em0"),
        (write(4096 + 2032, 24), "EIO"),  # Past the capacity.
        (states, "nw4096 oi2032 em0 em0"),
        (write(4096 + 2032, 16), "ok"),
        (states, "nw4096 fu2048 em0 em0"),
        (write(4096 + 2048), "EIO"),
        (write(4096), "EIO"),
        (states, "nw4096 fu2048 em0 em0"),
        (write(2000), "ok"),  # A conventional zone takes them anywhere.
        (write(8), "ok"),
        (states, "nw4096 fu2048 em0 em0"),
    ]
    if backed:
        steps += [(("dio_check", "/dev/z", 4096, 8, 7), "same"), (("dio_check", "/dev/z", 2000, 8, 7), "same"), (("dio_check", "/dev/z", 4096 + 2032, 16, 7), "same")]
    check(drv, steps)


def test_nb58_zones_keep_their_data_under_load(drv: Driver):
    """fio writes zones at queue depth 8 through four jobs, resets them, and finds its data again."""
    attributes: dict[str, object] = {"size": 64, "zone_size": 4, "memory_backed": 1, "zone_max_open": 6, "submit_queues": 2}
    assert set(drv.do(drv.load_op("nr_devices=0"), *zoned(drv, **attributes))) == {"ok"}
    reports = drv.fio(
        "--zonemode=zbd", "--ioengine=libaio", "--iodepth=8", "--rw=randwrite", "--bs=64k", "--verify=crc32c", "--verify_fatal=1", "--filename=/dev/z",
        "--io_size=6m", "--size=16m", "--max_open_zones=2", "--thread", jobs=(("--offset=0",), ("--offset=16m",)),
    )  # fmt: skip
    assert [report["error"] for report in reports] == [0, 0]
    # A job ends when it finds no zone that it may open.
    assert sum(report["write"]["total_ios"] for report in reports) > 30


TRANSITIONS = {
    # Condition: (how a zone gets there, {operation: (result, condition after)}).
    "em0": ([], {"reset": ("ok", "em0"), "open": ("ok", "oe0"), "close": ("EIO", "em0"), "finish": ("ok", "fu2048")}),
    "oi8": (["write"], {"reset": ("ok", "em0"), "open": ("ok", "oe8"), "close": ("ok", "cl8"), "finish": ("ok", "fu2048")}),
    "oe0": (["open"], {"reset": ("ok", "em0"), "open": ("ok", "oe0"), "close": ("ok", "em0"), "finish": ("ok", "fu2048")}),
    "oe8": (["open", "write"], {"reset": ("ok", "em0"), "open": ("ok", "oe8"), "close": ("ok", "cl8"), "finish": ("ok", "fu2048")}),
    "cl8": (["write", "close"], {"reset": ("ok", "em0"), "open": ("ok", "oe8"), "close": ("ok", "cl8"), "finish": ("ok", "fu2048"), "write": ("ok", "oi16")}),
    "fu2048": (["finish"], {"reset": ("ok", "em0"), "open": ("EIO", "fu2048"), "close": ("EIO", "fu2048"), "finish": ("ok", "fu2048")}),
    "ro-": (["readonly"], dict.fromkeys(["reset", "open", "close", "finish", "write"], ("EIO", "ro-"))),
    "of-": (["offline"], dict.fromkeys(["reset", "open", "close", "finish", "write"], ("EIO", "of-"))),
}


@pytest.mark.parametrize("limits", [{}, {"zone_max_open": 6, "zone_max_active": 6}], ids=["without_limits", "with_limits"])
def test_nb60_every_operation_on_every_condition(drv: Driver, limits: dict[str, object]):
    """Reset, open, close and finish in each condition give the C driver's answer and lead where it says."""
    steps = [(drv.load_op("nr_devices=0"), "ok")] + [(step, "ok") for step in zoned(drv, zone_nr_conv=1, **limits)]

    def operation(what: str, pointer: int) -> tuple[Any, ...]:
        if what == "write":
            return write(2048 + pointer)
        if what in ("readonly", "offline"):
            return drv.put("z", f"zone_{what}", 2048)
        return ("zone", "/dev/z", what, 2048, 2048)

    for condition, (way, answers) in TRANSITIONS.items():
        for what, (answer, after) in answers.items():
            steps += [(operation(step, 0), "ok") for step in way]
            steps += [(("states", "/dev/z"), f"nw2048 {condition}" + " em0" * 6)]
            steps += [(operation(what, int(condition[2:]) if condition[2:].isdigit() else 0), answer)]
            steps += [(("states", "/dev/z"), f"nw2048 {after}" + " em0" * 6)]
            back = {"ro": [("readonly", "ok")], "of": [("offline", "ok")]}.get(after[:2], [("reset", "ok")])
            steps += [(operation(step, 0), result) for step, result in back]
    steps += [(("zone", "/dev/z", what, 0, 2048), "EIO") for what in ("reset", "open", "close", "finish")]
    steps += [(("states", "/dev/z"), "nw2048" + " em0" * 7)]
    check(drv, steps)


def test_nb60_reset_all(drv: Driver):
    """A reset of the whole disk empties every zone but the conventional, read-only and offline ones; other ranges work too."""
    steps = [(drv.load_op("nr_devices=0"), "ok")] + [(step, "ok") for step in zoned(drv, zone_nr_conv=1, memory_backed=1)]
    steps += [
        (write(0), "ok"),
        (write(2048), "ok"),
        (("zone", "/dev/z", "open", 4096, 2048), "ok"),
        (("zone", "/dev/z", "finish", 6144, 2048), "ok"),
        (drv.put("z", "zone_readonly", 8192), "ok"),
        (drv.put("z", "zone_offline", 10240), "ok"),
        (write(14336), "ok"),
        (("zone", "/dev/z", "close", 14336, 2048), "ok"),
        (("states", "/dev/z"), "nw2048 oi8 oe0 fu2048 ro- of- em0 cl8"),
        (("zone", "/dev/z", "reset", 0, 16384), "ok"),
        (("states", "/dev/z"), "nw2048 em0 em0 em0 ro- of- em0 em0"),
        (("dio_check", "/dev/z", 0, 8, 7), "same"),
        (("zone", "/dev/z", "finish", 2048, 6144), "ok"),  # Three zones at once.
        (("states", "/dev/z"), "nw2048 fu2048 fu2048 fu2048 ro- of- em0 em0"),
        (("zone", "/dev/z", "reset", 4096, 4096), "ok"),
        (("states", "/dev/z"), "nw2048 fu2048 em0 em0 ro- of- em0 em0"),
        (("zone", "/dev/z", "reset", 4097, 2048), "EINVAL"),
        (("zone", "/dev/z", "reset", 16384, 2048), "EINVAL"),
    ]
    check(drv, steps)


def test_nb61_open_and_active_limits(drv: Driver):
    """At the open limit an implicitly open zone is closed, round robin; explicit ones stay: ETOOMANYREFS. Active: EOVERFLOW."""
    states = ("states", "/dev/z")
    steps = [(drv.load_op("nr_devices=0"), "ok")] + [(step, "ok") for step in zoned(drv, zone_max_open=2)]
    steps += [(write(2048 * i), "ok") for i in range(5)]
    steps += [
        (states, "cl8 cl8 cl8 oi8 oi8 em0 em0 em0"),
        (write(2048 * 7), "ok"),
        (write(8), "ok"),
        (states, "oi16 cl8 cl8 cl8 cl8 em0 em0 oi8"),
        (write(2048 * 6), "ok"),  # The turn is that of the zones after 4.
        (states, "oi16 cl8 cl8 cl8 cl8 em0 oi8 cl8"),
        (("zone", "/dev/z", "open", 0, 2048), "ok"),
        (("zone", "/dev/z", "open", 2048, 2048), "ok"),
        (states, "oe16 oe8 cl8 cl8 cl8 em0 cl8 cl8"),
        (("zone", "/dev/z", "open", 4096, 2048), "ETOOMANYREFS"),
        (write(2048 * 5), "ETOOMANYREFS"),
        (states, "oe16 oe8 cl8 cl8 cl8 em0 cl8 cl8"),
        (("zone", "/dev/z", "finish", 2048 * 5, 2048), "ETOOMANYREFS"),
        (("zone", "/dev/z", "finish", 0, 2048), "ok"),
        (("zone", "/dev/z", "open", 4096, 2048), "ok"),
        (states, "fu2048 oe8 oe8 cl8 cl8 em0 cl8 cl8"),
        (("zone", "/dev/z", "reset", 0, 16384), "ok"),
    ]
    steps += [(step, "ok") for step in zoned(drv, "y", zone_max_open=2, zone_max_active=3)]
    states = ("states", "/dev/y")
    steps += [
        *[(write(2048 * i, dev="/dev/y"), "ok") for i in range(3)],
        (states, "cl8 oi8 oi8 em0 em0 em0 em0 em0"),
        (write(2048 * 3, dev="/dev/y"), "EOVERFLOW"),
        (states, "cl8 oi8 oi8 em0 em0 em0 em0 em0"),
        (("zone", "/dev/y", "open", 2048 * 3, 2048), "EOVERFLOW"),
        (("zone", "/dev/y", "finish", 2048 * 3, 2048), "EOVERFLOW"),
        (("zone", "/dev/y", "open", 0, 2048), "ETOOMANYREFS"),  # Nothing may be closed for it: all three are active.
        (("zone", "/dev/y", "reset", 2048, 2048), "ok"),
        (("zone", "/dev/y", "open", 0, 2048), "ok"),
        (write(2048 * 3, dev="/dev/y"), "ok"),
        (states, "oe8 em0 cl8 oi8 em0 em0 em0 em0"),
        (drv.put("y", "zone_readonly", 0), "ok"),  # That gives its resources back.
        (write(2048 * 4, dev="/dev/y"), "ok"),
        (drv.put("y", "zone_offline", 2048 * 4), "ok"),
        (("zone", "/dev/y", "reset", 0, 16384), "ok"),
        (states, "ro- em0 em0 em0 of- em0 em0 em0"),
        *[(("zone", "/dev/y", "open", 2048 * i, 2048), "ok") for i in (1, 2)],
        (("zone", "/dev/y", "open", 2048 * 3, 2048), "ETOOMANYREFS"),
    ]
    check(drv, steps)


def test_nb62_reads_past_the_write_pointer(drv: Driver):
    """Memory-backed: what was not written of a sequential zone reads 0xff, of a conventional or finished one 0."""
    steps = [(drv.load_op("nr_devices=0"), "ok")]
    steps += [(step, "ok") for step in zoned(drv, size=8, zone_size=2, zone_capacity=1, zone_nr_conv=1, memory_backed=1)]
    steps += [
        (("dio_byte", "/dev/z", 0, 64), "00"),
        (("dio_byte", "/dev/z", 4096, 64), "ff"),
        (("dio_byte", "/dev/z", 4096 + 2048, 64), "ff"),
        (write(4096, 11), "ok"),
        (("dio_check", "/dev/z", 4096, 11, 7), "same"),
        (("dio_byte", "/dev/z", 4096 + 11, 64), "ff"),
        (("dio_byte", "/dev/z", 4096 + 10, 2), "mixed"),
        (("dio_byte", "/dev/z", 4096 + 2040, 16), "ff"),
        (("zone", "/dev/z", "close", 4096, 4096), "ok"),
        (("dio_byte", "/dev/z", 4096 + 11, 64), "ff"),
        (("zone", "/dev/z", "finish", 4096, 4096), "ok"),
        (("dio_check", "/dev/z", 4096, 11, 7), "same"),
        (("dio_byte", "/dev/z", 4096 + 11, 64), "00"),
        (("zone", "/dev/z", "reset", 4096, 4096), "ok"),
        (("dio_byte", "/dev/z", 4096, 11), "ff"),
        (("zone", "/dev/z", "finish", 4096, 4096), "ok"),
        (("dio_byte", "/dev/z", 4096, 11), "00"),  # The data went with the reset.
        (write(64, 8), "ok"),
        (("dio_check", "/dev/z", 64, 8, 7), "same"),
    ]
    check(drv, steps)


def test_nb62_reset_gives_memory_back(drv: Driver):
    """Resetting full zones of a memory-backed disk frees their pages."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *zoned(drv, size=64, zone_size=32, memory_backed=1))) == {"ok"}
    # Once before, so that what Python itself needs is there.
    fill = [("dio_write", "/dev/z", 2048 * i, 2048, 1) for i in range(32)]
    reset = [("zone", "/dev/z", "reset", 0, 131072), ("sleep", 2)]  # For RCU, on a busy host.
    results = drv.do(*fill, *reset, ("used_kib",), *fill, ("used_kib",), *reset, ("used_kib",))
    before, full, after = (result for result in results if isinstance(result, int))
    assert full - before > 30 << 10
    assert full - after > 30 << 10


def test_nb63_nb64_read_only_and_offline_zones(drv: Driver):
    """A sector written to zone_readonly or zone_offline toggles its zone; the first can be read, the second cannot."""
    states = ("states", "/dev/z")
    rest = " em0 em0 em0 em0"
    steps = [(drv.load_op("nr_devices=0"), "ok"), *((step, "ok") for step in zoned(drv, zone_nr_conv=1, memory_backed=1))]
    steps += [
        *[(write(2048 * i), "ok") for i in range(1, 4)],
        (states, f"nw2048 oi8 oi8 oi8{rest}"),
        (drv.put("z", "zone_readonly", 2048 + 77), "ok"),  # Any sector of the zone.
        (drv.put("z", "zone_offline", "0x1000"), "ok"),
        (states, f"nw2048 ro- of- oi8{rest}"),
        (("dio_check", "/dev/z", 2048, 8, 7), "same"),
        (write(2048 + 8), "EIO"),
        (("zone", "/dev/z", "reset", 2048, 2048), "EIO"),
        (("dio_byte", "/dev/z", 4096, 8), "EIO"),
        (write(4096 + 8), "EIO"),
        (("zone", "/dev/z", "reset", 4096, 2048), "EIO"),
        (states, f"nw2048 ro- of- oi8{rest}"),
        (drv.put("z", "zone_offline", 2048), "ok"),  # From one to the other.
        (drv.put("z", "zone_readonly", 4096), "ok"),
        (states, f"nw2048 of- ro- oi8{rest}"),
        (("dio_byte", "/dev/z", 2048, 8), "EIO"),
        (("dio_check", "/dev/z", 4096, 8, 7), "same"),
        (drv.put("z", "zone_offline", 2048), "ok"),  # And back to empty, without the data.
        (drv.put("z", "zone_readonly", 4096), "ok"),
        (states, f"nw2048 em0 em0 oi8{rest}"),
        (("dio_byte", "/dev/z", 2048, 8), "ff"),
        (("zone", "/dev/z", "finish", 4096, 2048), "ok"),
        (("dio_byte", "/dev/z", 4096, 8), "00"),
        (write(2048), "ok"),
        (("dio_check", "/dev/z", 2048, 8, 7), "same"),
    ]
    check(drv, steps)


def test_nb63_refusals(drv: Driver):
    """Conventional, out of range, not powered, not zoned, no number: EINVAL, the first four with a line, and nothing changes."""
    files = ("zone_readonly", "zone_offline")
    steps = [(drv.load_op("nr_devices=0"), "ok")]
    steps += [(step, "ok") for step in [*zoned(drv, zone_nr_conv=1), *drv.make("off", size=8, zoned=1, zone_size=1), *drv.make("plain", size=8, power=1)]]
    for name, text in [("z", "0"), ("z", "2047"), ("z", "16384"), ("z", "18446744073709551615"), ("off", "2048"), ("plain", "2048"), ("z", "x"), ("z", " "), ("z", "-1")]:
        steps += [(drv.put(name, file, text), "EINVAL") for file in files]
    steps += [(drv.put("z", file, "18446744073709551616"), "ERANGE") for file in files]
    steps += [(("states", "/dev/z"), "nw2048" + " em0" * 7)]
    drv.log()
    check(drv, steps)
    said = drv.said()
    lines = {
        "Can not change condition of conventional zones": 4,
        "Sector out of range": 4,
        "null_blk device is not yet powered": 2,
        "null_blk device is not zoned": 2,
    }
    assert {line: said.count(line) for line in lines} == lines, said


@pytest.mark.kernel("6.12")
def test_nb65_zones_that_start_full(drv: Driver):
    """zone_full=1: sequential zones are full from the start, at their capacity; a reset empties them."""
    steps = [(drv.load_op("nr_devices=0"), "ok")]
    steps += [(step, "ok") for step in zoned(drv, size=8, zone_size=2, zone_capacity=1, zone_nr_conv=1, zone_full=1, zone_max_open=1)]
    steps += [
        (("states", "/dev/z"), "nw4096 fu2048 fu2048 fu2048"),
        (write(4096), "EIO"),
        (("zone", "/dev/z", "reset", 8192, 4096), "ok"),
        (write(8192), "ok"),
        (("states", "/dev/z"), "nw4096 fu2048 oi8 fu2048"),
    ]
    check(drv, steps)


def test_nb67_scheduler_of_zoned_disks(drv: Driver):
    """6.1: a zoned disk gets mq-deadline and cannot do without; 6.12: none."""
    loaded, scheduler, requests, none = drv.do(drv.load_op("nr_devices=0"), *zoned(drv))[:1] + drv.do(
        ("get", "/sys/block/z/queue/scheduler"), ("get", "/sys/block/z/queue/nr_requests"), ("get", "/sys/block/z/queue/zoned")
    )
    chosen = scheduler[scheduler.index("[") + 1 : scheduler.index("]")]
    assert (loaded, chosen, requests, none) == ("ok", *(("mq-deadline", "128") if drv.has_bio_mode else ("none", "64")), "host-managed")


@pytest.mark.kernel("6.1")
def test_nb68_zoned_bio_mode(drv: Driver):
    """6.1, queue_mode=0: chunk_sectors and nr_zones are there, the write pointer rules, zones can be reset."""
    steps = [(drv.load_op("nr_devices=0"), "ok"), *((step, "ok") for step in zoned(drv, queue_mode=0, zone_nr_conv=1, memory_backed=1))]
    steps += [
        (("exists", "/sys/block/z/mq"), False),
        (("get", "/sys/block/z/queue/chunk_sectors"), "2048"),
        (("get", "/sys/block/z/queue/nr_zones"), "8"),
        (("get", "/sys/block/z/queue/zoned"), "host-managed"),
        (write(2048), "ok"),
        (write(2048 + 64), "EIO"),
        (write(2048 + 8), "ok"),
        (("dio_check", "/dev/z", 2048, 8, 7), "same"),
        (("dio_byte", "/dev/z", 2048 + 16, 8), "ff"),
        (("states", "/dev/z"), "nw2048 oi16" + " em0" * 6),
        (("zone", "/dev/z", "finish", 4096, 2048), "ok"),
        (("zone", "/dev/z", "reset", 2048, 2048), "ok"),
        (("states", "/dev/z"), "nw2048 em0 fu2048" + " em0" * 5),
        (("zone", "/dev/z", "reset", 0, 16384), "ok"),
        (("states", "/dev/z"), "nw2048" + " em0" * 7),
    ]
    check(drv, steps)


_BIO = [pytest.mark.kernel("6.1"), pytest.mark.c_fails("takes a bio that reaches into the next zone for one of its zone, and refuses it")]


@pytest.mark.parametrize("queue_mode", [2, pytest.param(0, marks=_BIO)])
def test_nb58_a_write_across_zones_is_two_writes(drv: Driver, queue_mode: int):
    """A write of the last 8 sectors of a zone and the first 8 of the next goes to both."""
    steps = [(drv.load_op("nr_devices=0"), "ok"), *((step, "ok") for step in zoned(drv, memory_backed=1, queue_mode=queue_mode))]
    steps += [
        (write(0, 2040), "ok"),
        (write(2040, 16), "ok"),
        (("states", "/dev/z"), "fu2048 oi8" + " em0" * 6),
        (("dio_check", "/dev/z", 2040, 16, 7), "same"),
    ]
    check(drv, steps)


@pytest.mark.slow
@pytest.mark.c_fails("uses the zones of a disk that is gone", fatal=True)
def test_zones_may_be_asked_for_while_the_disk_goes(drv: Driver):
    """Reports of zones, again and again, while power goes off and on: an answer, or an errno."""
    assert drv.do(drv.load_op("nr_devices=0"), *zoned(drv)) == ["ok"] * 6
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(drv.do, ("repeat", 1500, 0, ("zone_numbers", "/dev/z"), ("discarded", "zones", "/dev/z")))
        powered = drv.do(("repeat", 40, 0, drv.power("z", 0), drv.power("z", 1)))
        (found,) = asking.result()
    assert powered == [["ok"]]
    assert "ok" in found and {each for each in found if isinstance(each, str)} <= {"ok", "ENOENT", "ENXIO", "ENODEV", "EIO"}, found


def traced(drv: Driver, events: list[str], *steps: tuple[Any, ...]) -> list[str]:
    """Does the operations with events of the system nullb on; what was traced, from the event's name on, blanks pressed."""
    files = [f"{TRACING}/events/nullb/{event}/enable" for event in events]
    # Without the names of processes: the scheduler, which would record them, is not patched while the other CPU runs it.
    # QEMU's emulation sometimes goes on with what it had translated then, a breakpoint, for ever.
    on = [("put", f"{TRACING}/options/record-cmd", "0"), *(("put", file, "1") for file in files)]
    off = [("put", file, "0") for file in files]
    results = drv.do(("put", f"{TRACING}/trace", ""), *on, *steps, *off, ("get", f"{TRACING}/trace"), ("put", f"{TRACING}/trace", ""))
    assert set(results[:-2]) - {"EIO"} == {"ok"}, results[:-2]
    lines = [line for line in results[-2].split("\n") if line and not line.startswith("#")]
    return [" ".join(line.partition(": ")[2].partition(": ")[0:3:2]).replace("  ", " ").strip() for line in lines]


def test_nb70_tracepoints(drv: Driver):
    """nullb_zone_op tells disk, operation, zone and condition of each write and each zone command that succeeds;
    nullb_report_zones the disk and the number of zones.
    """
    assert set(drv.do(drv.load_op("nr_devices=0"), *zoned(drv, zone_nr_conv=1))) == {"ok"}
    # 6.12's block layer tells a write elsewhere from the start, so that it does not come to the driver.
    wrong = [("dio_write", "/dev/z", 2048 + 64, 8, 1)] if drv.has_bio_mode else []
    zone_ops = traced(
        drv, ["nullb_zone_op"], write(2048), write(0), *wrong, write(2056), *(("zone", "/dev/z", what, 4096, 2048) for what in ("open", "close", "finish", "reset", "close")),
        ("zone", "/dev/z", "reset", 0, 16384),
    )  # fmt: skip
    found = [" ".join(line.split()) for line in zone_ops]
    def op(what: str, zone: int, condition: str) -> str:  # noqa: E306
        return f"nullb_zone_op disk=z, req={what} zone_no={zone} zone_cond={condition}"

    wanted = [op("WRITE", 1, "EMPTY"), op("WRITE", 0, "NOT_WP"), *([op("WRITE", 1, "IMP_OPEN")] if wrong else []), op("WRITE", 1, "IMP_OPEN")]
    wanted += [op("ZONE_OPEN", 2, "EXP_OPEN"), op("ZONE_CLOSE", 2, "EMPTY"), op("ZONE_FINISH", 2, "FULL"), op("ZONE_RESET", 2, "EMPTY")]
    wanted += [op("ZONE_RESET_ALL", 1, "EMPTY")]
    assert found == wanted
    reports = traced(drv, ["nullb_report_zones"], ("discarded", "zones", "/dev/z", 2048, 3), ("discarded", "zones", "/dev/z"))
    assert [" ".join(line.split()) for line in reports[-2:]] == ["nullb_report_zones disk=z, nr_zones=3", "nullb_report_zones disk=z, nr_zones=8"]


@pytest.mark.kernel("6.1")
@pytest.mark.c_fails("D9: takes a bio for a request", fatal=True)
def test_nb70_tracing_bio_mode(drv: Driver):
    """6.1, queue_mode=0: the tracepoints tell the same."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *zoned(drv, queue_mode=0))) == {"ok"}
    lines = traced(drv, ["nullb_zone_op"], write(2048), ("zone", "/dev/z", "reset", 2048, 2048))
    assert [" ".join(line.split()) for line in lines] == ["nullb_zone_op disk=z, req=WRITE zone_no=1 zone_cond=EMPTY", "nullb_zone_op disk=z, req=ZONE_RESET zone_no=1 zone_cond=EMPTY"]


def test_nb59_nb66_zone_append(drv: Driver):
    """Appending writes at the write pointer and tells where; past the capacity, or with more than the limit, it fails.

    What appends is the kernel's NVMe target, on top of the disk. On 6.12 also a disk with zone_append_max_sectors=0, where the block layer
    makes writes of appends, with the C driver's line.
    """
    cases: list[tuple[str, dict[str, object]]] = [("z", {})]
    if not drv.has_bio_mode:
        cases += [("few", {"zone_append_max_sectors": 17}), ("none", {"zone_append_max_sectors": 0})]
    assert drv.load("nr_devices=0") == "ok"
    for name, attributes in cases:
        limit = {"few": 8192, "none": 130560}.get(name, 130560)
        assert set(drv.do(*zoned(drv, name, size=8, zone_size=2, zone_capacity=1, blocksize=1024 if name == "few" else 512, memory_backed=1, **attributes))) == {"ok"}
        block = 2 if name == "few" else 1
        served, shown, *results = drv.do(
            ("nvme_serve", f"/dev/{name}"),
            ("get", f"/sys/block/{name}/queue/zone_append_max_bytes"),
            ("zone_append", 4096, 8, 3),
            ("zone_append", 4096, 8, 4),
            ("dio_write", f"/dev/{name}", 4096 + 16, 8, 5),
            ("zone_append", 4096, 8, 6),
            ("zone_append", 8192, 4, 7),
            ("zone_append", 8192, limit // 512 + block, 7),
            ("states", f"/dev/{name}"),
            *(("dio_check", f"/dev/{name}", 4096 + 8 * i, 8, 3 + i) for i in range(4)),
            ("dio_write", f"/dev/{name}", 12288, 1024, 1),
            ("dio_write", f"/dev/{name}", 12288 + 1024, 1008, 1),
            ("zone_append", 12288, 16, 1),
            ("zone_append", 12288, 2, 1),
            ("states", f"/dev/{name}"),
            ("nvme_stop",),
        )  # fmt: skip
        assert served == "ok" and int(shown) == (limit if name != "few" else 8192), (served, shown)
        assert results.pop(5) == "EIO"
        assert results == [
            4096 // block, 4104 // block, "ok", 4120 // block, 8192 // block, "em0 oi32 oi4 em0", "same", "same", "same", "same", "ok", "ok",
            (12288 + 2032) // block, "EIO", "em0 oi32 oi4 fu2048", "ok",
        ], name  # fmt: skip
    said = [line for line in drv.said() if "zone append" in line]
    assert said == ([] if drv.has_bio_mode else ["z: using native zone append", "few: using native zone append", "none: using emulated zone append"])


@pytest.mark.c_fails("D6: polling knows no zones")
def test_nb81_polled_io_follows_the_rules_of_zones(drv: Driver):
    """Polled writes advance the write pointer and fail elsewhere; polled reads of an offline zone fail."""
    steps = [(drv.load_op("nr_devices=0"), "ok"), *((step, "ok") for step in zoned(drv, memory_backed=1))]
    steps += [
        (("polled", "/dev/z", "write", 0, 8, 1), 4096),
        (("states", "/dev/z"), "oi8" + " em0" * 7),
        (("polled", "/dev/z", "write", 64, 8, 1), "EIO"),
        (("states", "/dev/z"), "oi8" + " em0" * 7),
        (("polled", "/dev/z", "read", 0, 8, 1), 4096),
        (drv.put("z", "zone_offline", 2048), "ok"),
        (("polled", "/dev/z", "read", 2048, 8, None), "EIO"),
        (("polled", "/dev/z", "write", 2048, 8, 1), "EIO"),
        (("states", "/dev/z"), "oi8 of-" + " em0" * 6),
    ]
    check(drv, steps)


def test_power_cycle_of_a_zoned_disk(drv: Driver):
    """Power off and on makes new zones, all empty, whatever the size; removal of the directory frees them."""
    steps = [(drv.load_op("nr_devices=0"), "ok"), *((step, "ok") for step in zoned(drv, zone_max_open=2))]
    steps += [
        (write(0), "ok"),
        (drv.put("z", "zone_offline", 4096), "ok"),
        (drv.power("z", 0), "ok"),
        (drv.put("z", "zone_readonly", 2048), "EINVAL"),
        (drv.put("z", "zone_size", 4), "ok"),
        (drv.power("z", 1), "ok"),
        (("zones", "/dev/z"), [[0, 8192, 2048, 0, 2, "em"], [8192, 8192, 2048, 0, 2, "em"]]),
        (drv.power("z", 0), "ok"),
        (drv.put("z", "zoned", 0), "ok"),
        (drv.power("z", 1), "ok"),
        (("get", "/sys/block/z/queue/zoned"), "none"),
        (write(64), "ok"),
    ]
    check(drv, steps)
