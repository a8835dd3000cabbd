# SPDX-License-Identifier: GPL-2.0
"""What was written is read back, in every shape that data comes in, while the controller is reset every ten seconds.

CXXRT_VERIFY_SECONDS (default 30) is how long: two hours are 7200. On the test kernel, memory is checked, too.
"""

from __future__ import annotations

import json
import os

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

SECONDS = int(os.environ.get("CXXRT_VERIFY_SECONDS", "30"))
MIB = 1 << 20
# Two lists of the same device: of pages alone, and with lists of pieces.
vm = guest_fixture([Controller("plain", (Namespace(512, 128), Namespace(4096, 64)), "mdts=0")])

# The disk, the size of what is written, and how.
SHAPES = {
    "pages": (1, 8, ("--bs=4k", "--iodepth=32", "--ioengine=libaio")),
    "any": (1, 24, ("--bsrange=512-256k", "--blockalign=512", "--iodepth=16", "--ioengine=io_uring")),
    "large": (1, 32, ("--bsrange=64k-1M", "--iodepth=4", "--ioengine=libaio", "--mem=mmap")),
    "huge": (1, 16, ("--bs=128k", "--iodepth=4", "--ioengine=libaio", "--mem=mmaphuge", "--hugepage-size=2m")),
    "fixed": (1, 16, ("--bsrange=4k-64k", "--iodepth=16", "--ioengine=io_uring", "--fixedbufs", "--registerfiles")),
    "unaligned": (1, 8, ("--bs=8k", "--iodepth=8", "--ioengine=libaio", "--mem=malloc", "--iomem_align=512")),
    "vectors": (1, 8, ("--bs=16k", "--ioengine=pvsync2", "--numjobs=1")),
    "cached": (2, 16, ("--bsrange=4k-128k", "--ioengine=psync", "--direct=0", "--fsync=64", "--invalidate=0")),
    "blocks4k": (2, 16, ("--bsrange=4k-512k", "--iodepth=16", "--ioengine=io_uring")),
}


@pytest.mark.slow
@pytest.mark.parametrize("threshold", ["", "sgl_threshold=4096"])
def test_nv12_nv23_verified_through_resets(nvme: Driver, threshold: str) -> None:
    """No shape reads anything else than was written, no request fails, and each reset succeeds. Prints how much there was."""
    assert nvme.load(threshold) == ""
    nvme.bind("plain")
    nvme.sh("echo 8 > /proc/sys/vm/nr_hugepages")
    nvme.log()
    jobs = {}
    at = {1: 0, 2: 0}
    for name, (disk, size, how) in SHAPES.items():
        where = (f"--filename=/dev/nvmecpp0n{disk}", f"--offset={at[disk] * MIB}", f"--size={size * MIB}", "--io_size=100G")
        jobs[name] = nvme.start_fio(*where, "--rw=randwrite", "--verify=crc32c", "--verify_fatal=1", "--verify_backlog=128", "--time_based", f"--runtime={SECONDS}", *how)
        at[disk] += size
    reset = "echo 1 > /sys/class/nvmecpp/nvmecpp0/reset_controller && [ $(cat /sys/class/nvmecpp/nvmecpp0/state) = live ]"
    done = nvme.vm.run(f"resets=0; end=$(($(date +%s) + {SECONDS} - 10)); while [ $(date +%s) -lt $end ]; do sleep 10; {reset} || exit 1; resets=$((resets + 1)); done; echo $resets", SECONDS + 120)
    assert done.rc == 0, done.err
    resets = int(done.out)
    moved = {}
    for name, job in jobs.items():
        ended = job.wait(300)
        assert ended.rc == 0 and "verify" not in ended.err, f"{name}: {ended.out[-1500:]} {ended.err[-1500:]}"
        report = json.loads(ended.out[ended.out.find("{") :])["jobs"][0]
        assert report["error"] == 0
        moved[name] = (report["write"]["total_ios"], report["read"]["total_ios"])
    print(f"{nvme.vm.release} {threshold}: {SECONDS} s, {resets} resets; requests written and read back: {moved}")
    assert all(min(both) > 0 for both in moved.values()), moved
    assert sum("default/read/poll queues" in line for line in nvme.log()) == resets >= min(SECONDS // 15, 1)
