# SPDX-License-Identifier: GPL-2.0
"""Synthetic runs of the benchmark with known truth, for the tests of what is drawn from them."""

import itertools
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from benchlib.model import CellResult, Profile, RunData, Sample  # noqa: E402

FAILED = 3  # Index of the failed cell.
FAILURE = "fio reports error 5 <b>&\"'| in sample 17"
QUICK = {"rw": ["randread", "randwrite"], "bs": ["4k", "256k"], "iodepth": [1, 32], "irqmode": [0, 1]}
FULL = {
    "rw": ["randread", "randwrite"],
    "bs": ["4k", "32k", "256k", "1m", "16m"],
    "iodepth": [1, 8, 32, 128],
    "numjobs": [1, 2, 6],
}
_WORDS = {"iodepth": "qd", "irqmode": "irq", "numjobs": "jobs"}
_TRUTH = (-0.02, 0.0, 0.015, 0.004)  # Relative cost of B less one, in turn over the cells.
_STACKS = {
    "[user]": 150,
    "[unseen callers];schedule": 6,
    "io_submit_sqes;blk_mq_submit_bio": 2100,
    "io_submit_sqes;blk_mq_submit_bio;blk_mq_get_tag": 640,
    "io_submit_sqes;blk_mq_submit_bio;{queue}": 180,
    "io_submit_sqes;blk_mq_submit_bio;{queue};{handle}": 210,
    "io_submit_sqes;blk_mq_submit_bio;{queue};blk_mq_start_request": 150,
    "io_do_iopoll;blk_mq_end_request": 320,
    "io_do_iopoll;blk_mq_end_request;{complete}": 45,
    "asm_sysvec_apic_timer_interrupt;tick_sched_timer": 12,
}
_FRAMES = {
    "a": {"queue": "null_queue_rq [null_blk]", "handle": "null_handle_cmd [null_blk]", "complete": "null_complete_rq [null_blk]"},
    "b": {
        "queue": "null::Disk<null::Queue>::queue_rq [null_blk_cpp]",
        "handle": "null::handle<null::Op&> [null_blk_cpp]",
        "complete": "null::complete [null_blk_cpp]",
    },
}


def run(axes=QUICK, accel="icount", per_boot=4, boots=2, control=True, latency=True, profile=True, seed=7):
    """A run with two boots, the control, latencies, profiles of the first cells, and one failed cell."""
    source = random.Random(seed)
    cells = []
    for index, values in enumerate(itertools.product(*axes.values())):
        point = dict(zip(axes, values))
        name = " ".join(_WORDS.get(axis, "") + str(value) for axis, value in point.items())
        if index == FAILED:
            cells.append(CellResult(name, point, failure=FAILURE))
            continue
        samples = tuple(_samples(source, index, accel, per_boot, boots, "abc" if control else "ab", latency))
        profiles = tuple(_profile(side) for side in "ab") if profile and index < 4 else ()
        cells.append(CellResult(name, point, samples, "", profiles))
    return RunData(record(accel, boots, per_boot, {cells[FAILED].name: FAILURE}), tuple(cells))


def record(accel, boots, per_boot, failures):
    """What run.json would have."""
    return {
        "format": 2,
        "complete": True,
        "driver": "null_blk",
        "profile": "quick",
        "tool": "fio",
        "release": "6.1.0-56-amd64",
        "accel": accel,
        "target": "vm",
        "hosts": ["local"],
        "time": "2026-01-02T03:04:05+00:00",
        "seed": 12345,
        "boots": boots,
        "samples": boots * per_boot,
        "command": ["bench/run", "--release", "6.1.0-56-amd64"],
        "commit": "0123456789abcdef0123456789abcdef01234567+dirty",
        "versions": {"fio": "fio-3.33", "qemu": "QEMU emulator version 7.2.22", "gcc": "gcc 12.2.0", "python": "3.11.2"},
        "host": {"cpu": "Example CPU", "cpus": 8, "kernel": "6.1.0-56-amd64"},
        "system": {
            "kernel": "6.1.0-56-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2",
            "command line": "console=ttyS0 quiet",
            "cpus": 1,
            "mitigations: spectre_v2": "Mitigation: Retpolines <script>alert(1)</script>",
        },
        "doubts": ["the load average was 3.1 before a sample", "turbo boost is <on>"],
        "modules": {
            "a": {"name": "null_blk", "file": "null_blk.ko", "text": 21034, "data": 1864, "bss": 160, "build_id": "aa11"},
            "b": {"name": "null_blk_cpp", "file": "null_blk_cpp.ko", "text": 19012, "data": 1500, "bss": 96, "build_id": "bb22"},
        },
        "settings": {"params": {"nr_devices": 0}, "device": {"size": 4096, "memory_backed": 0}, "queue": {"iostats": 0}},
        "failures": failures,
    }


def _samples(source, index, accel, per_boot, boots, sides, latency):
    """The samples of a cell: a warm-up and `per_boot` per side and boot, and two for latency."""
    serial = index * 1000
    for boot, number in itertools.product(range(boots), range(per_boot + 1)):
        for side in source.sample(sides, len(sides)):
            serial += 1
            kind = "measure" if number else "warmup"
            values = _values(source, index, side, accel)
            yield Sample(str(serial), boot, number, side, kind, 4000, values, round(source.uniform(0, 2), 2))
        if latency and number == per_boot:
            for side in sides:
                serial += 1
                values = {name: ns * source.gauss(1, 0.03) for name, ns in (("p50", 9000), ("p99", 21000), ("p999", 180000))}
                yield Sample(str(serial), boot, number + 1, side, "latency", 4000, values)


def _values(source, index, side, accel):
    """Values of one sample; B costs what _TRUTH says."""
    cost = 1 + (_TRUTH[index % 4] if side == "b" else 0)
    if accel == "icount":
        insn = (8000 + 500 * (index % 7)) * cost * source.gauss(1, 0.001)
        return {"insn": insn, "insn_kernel": insn - 900, "insn_own": 400 * cost, "insn_idle": 2.0}
    iops = 180_000 / (1 + index % 5) / cost * source.gauss(1, 0.01)
    return {"iops": iops, "bw": iops * 4096}


def _profile(side):
    """Exact stacks of 200 I/Os."""
    scale = 180 if side == "b" else 200
    return Profile(side, 200, {stack.format(**_FRAMES[side]): insn * scale for stack, insn in _STACKS.items()})
