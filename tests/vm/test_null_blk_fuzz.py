# SPDX-License-Identifier: GPL-2.0
"""Random texts in every configfs attribute, and random zone operations: only errnos that are allowed, and a device that still works.

CXXRT_FUZZ_SECONDS (default 10) is the time in all, CXXRT_FUZZ_SEED the seed of a run to do again; each run prints its own. The kernel
is watched as ever.
"""

from __future__ import annotations

import os
import random

import pytest
from nullblk import Driver

pytestmark = pytest.mark.slow_on_older

SECONDS = float(os.environ.get("CXXRT_FUZZ_SECONDS", "10"))
# What a store may say: no value, does not fit, device is on, no memory, other disk's name, a table that is full, a limit that is passed.
ALLOWED = {"ok", "EINVAL", "ERANGE", "EBUSY", "ENOMEM", "EEXIST", "ENOSPC", "E2BIG", "EFAULT"}
# What I/O and zone operations may: the above, and what zones say.
ALLOWED_IO = ALLOWED | {"EIO", "EOVERFLOW", "ETOOMANYREFS", "ENOTSUP", "ENOENT", "ENXIO", "ENODEV", "ENOTTY"}
# With these a C driver oopses, hangs or warns, as the tests of its defects show; or a guest of 2 GiB has not the memory.
# (hw_queue_depth=0 in bio mode: the disk takes no I/O, and power-on waits for it. badblocks: a table longer than a page cannot be read.)
C_AVOIDS = ["mbps", "blocksize", "max_sectors", "poll_queues", "shared_tags", "home_node", "cache_size", "hw_queue_depth", "badblocks"]
# Completion in years is refused by ours, and kept by C's: the disk could not go. Faults without end would not let power-on end.
AVOIDED = {"completion_nsec", "timeout_inject/probability", "requeue_inject/probability"}


def seed() -> int:
    """The seed of this run, printed."""
    number = int(os.environ.get("CXXRT_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"CXXRT_FUZZ_SEED={number}")
    return number


def attributes(drv: Driver) -> list[str]:
    """Attributes of the device to be fuzzed, those in groups too."""
    names = [name for name in drv.do(("tree", f"{drv.root}/a"))[0] if name not in AVOIDED]
    return [name for name in names if not (drv.is_c and name in C_AVOIDS)]


@pytest.mark.parametrize("state", ["off", "on", "busy", "zoned"])
def test_fuzz_attributes(drv: Driver, state: str):
    """Each attribute is given random texts and boundary numbers while the device is off, on, busy or zoned; then it is still of use."""
    number = seed()
    first = {"size": 16, "memory_backed": 1, "submit_queues": 2} | ({"zoned": 1, "zone_size": 1} if state == "zoned" else {})
    assert set(drv.do(drv.load_op("nr_devices=0 poll_queues=2"), *drv.make("a", **first))) == {"ok"}
    fio = None
    if state != "off":
        assert drv.do(drv.power("a", 1)) == ["ok"]
    if state == "busy":
        fio = drv.start_fio(
            "--ioengine=libaio", "--filename=/dev/a", "--rw=randrw", "--bs=4k", "--iodepth=8", "--time_based", "--runtime=3000", "--continue_on_error=all",
        )  # fmt: skip
    names = [name for name in attributes(drv) if name != "power"]
    (found,) = drv.do(("fuzz_attributes", f"{drv.root}/a", names, number, SECONDS / 8, state == "off"), timeout=SECONDS + 60)
    if fio is not None:
        fio.kill()
        fio.wait(20)
    odd = {key: value for key, value in found.items() if key.split()[-1] not in ALLOWED}
    assert odd == {} and sum(found.values()) > 10, found
    # A new device is as good as ever; the old one goes.
    assert drv.do(drv.rmdir("a"), *drv.make("b", size=16, memory_backed=1, power=1), ("dio_write", "/dev/b", 0, 64, 1), ("dio_check", "/dev/b", 0, 64, 1)) == [
        *["ok"] * 6, "same",
    ]  # fmt: skip


@pytest.mark.parametrize("limits", [{}, {"zone_max_open": 2, "zone_max_active": 3}], ids=["without_limits", "with_limits"])
def test_fuzz_zones(drv: Driver, limits: dict[str, object]):
    """Random operations on random zones and sectors give errnos that are allowed; no more zones are open or active than may be."""
    number = seed()
    first = {"size": 16, "memory_backed": 1, "zoned": 1, "zone_size": 2, "zone_capacity": 1, "zone_nr_conv": 1, "submit_queues": 2} | limits
    assert set(drv.do(drv.load_op("nr_devices=0"), *drv.make("z", **first, power=1))) == {"ok"}
    (found,) = drv.do(("fuzz_zones", f"{drv.root}/z", "/dev/z", number, SECONDS / 4, limits.get("zone_max_open", 0), limits.get("zone_max_active", 0)), timeout=SECONDS + 60)
    odd = {key: value for key, value in found.items() if key.split()[-1] not in ALLOWED_IO}
    assert odd == {}, found
    # All can be brought back to empty, and the limits are still just what they were: none is lost or won.
    assert drv.do(("zones_back", f"{drv.root}/z", "/dev/z")) == ["ok"]
    zones = [4096 * number for number in range(1, 8)]
    opened = drv.do(*(("zone", "/dev/z", "open", start, 4096) for start in zones))
    allowed = limits.get("zone_max_open", 7)
    assert opened == ["ok"] * allowed + ["ETOOMANYREFS"] * (7 - allowed)
