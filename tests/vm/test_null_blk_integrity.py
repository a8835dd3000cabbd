# SPDX-License-Identifier: GPL-2.0
"""Data in memory, over everything that touches it at once: several writers, discards, a cache that is written back, and power that goes and comes.

CXXRT_INTEGRITY_ROUNDS (default 1) is how many times power goes and comes for each kind of disk.
"""

from __future__ import annotations

import os

import pytest
from nullblk import Driver

ROUNDS = int(os.environ.get("CXXRT_INTEGRITY_ROUNDS", "1"))
KINDS = {
    "plain": {},
    "cache": {"cache_size": 1, "discard": 1},
    "timer": {"cache_size": 4, "irqmode": 2, "completion_nsec": 100000, "blocksize": 4096, "discard": 1},
}
# Where fio's two writers keep what they verify, where a third discards and writes, and what is left as it was; in MiB.
AREAS = {0: 6, 8: 6}
DISCARDED, UNTOUCHED = 16, 24


def jobs(seed: int, block: int, verify_only: bool) -> tuple[tuple[str, ...], ...]:
    """fio's jobs that write each block of their area once, in random order and many sizes, and verify it; or verify again."""
    only = ("--verify_only=1",) if verify_only else ()
    return tuple(
        (f"--offset={at}m", f"--size={size}m", "--rw=randwrite", f"--bsrange={block}-128k", f"--randseed={seed + at}", "--verify=crc32c", "--verify_fatal=1", *only)
        for at, size in AREAS.items()
    )


@pytest.mark.parametrize("kind", list(KINDS))
def test_nb47_nb48_nb50_memory_keeps_its_data(drv: Driver, kind: str):
    """fio's verified writes of all sizes, next to discards, are there after fsync and a loss of power; neighbours stay as they were."""
    assert set(drv.do(drv.load_op("nr_devices=0"), *drv.make("a", size=32, memory_backed=1, submit_queues=2, **KINDS[kind], power=1))) == {"ok"}
    untouched, block = UNTOUCHED << 11, int(str(KINDS[kind].get("blocksize", 512)))
    assert drv.do(("dio_write", "/dev/a", untouched, 2048, 5)) == ["ok"]
    common = ("--ioengine=libaio", "--filename=/dev/a", "--iodepth=8", "--randrepeat=0", "--end_fsync=1")
    for round_ in range(ROUNDS):
        trims = (("--rw=randtrimwrite", "--bs=4k", f"--offset={DISCARDED}m", "--size=4m"),) if "discard" in KINDS[kind] else ()
        reports = drv.fio(*common, jobs=(*jobs(round_, block, False), *trims), timeout=120)
        assert [report["error"] for report in reports] == [0] * len(reports)
        for report, size in zip(reports, AREAS.values()):
            assert report["write"]["io_bytes"] == size << 20 and report["read"]["io_bytes"] == size << 20
        # Sectors that are discarded at last are zero, and the next one is not.
        edge = DISCARDED << 11
        steps = [("dio_write", "/dev/a", edge, 64, 1), ("sectors", "/dev/a", "discard" if trims else "zero", edge + 8, 48), ("fsync", "/dev/a")]
        assert drv.do(*steps, drv.power("a", 0), drv.power("a", 1)) == ["ok"] * 5
        reports = drv.fio(*common[:-1], jobs=jobs(round_, block, True), timeout=120)
        assert [(report["error"], report["read"]["io_bytes"]) for report in reports] == [(0, size << 20) for size in AREAS.values()]
        assert drv.do(("dio_check", "/dev/a", edge, 8, 1), ("dio_check", "/dev/a", edge + 8, 48, None), ("dio_check", "/dev/a", untouched, 2048, 5)) == ["same"] * 3
