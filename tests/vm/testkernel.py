# SPDX-License-Identifier: GPL-2.0
"""What the test kernel offers to suites: allocations that fail on demand, and a search for leaks."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from vmlib import Vm, kernels

_DEBUG = "/sys/kernel/debug"
_SCAN_S = 300
# An object is not called a leak before it is 5 s old, and only if two scans in a row find it.
_SCAN = f"""
set -e
cd {_DEBUG}
sleep 6
echo scan >kmemleak
sleep 1
echo scan >kmemleak
cat kmemleak
echo clear >kmemleak
"""
# Those that may sleep, too, and pages of any order; without a call trace for each. Leaks are searched for when tests ask.
_ALL_ALLOCATIONS = f"""
set -e
cd {_DEBUG}
echo scan=off >kmemleak || :
echo N >failslab/ignore-gfp-wait
echo N >fail_page_alloc/ignore-gfp-wait
echo 0 >fail_page_alloc/min-order
echo 0 >failslab/verbose
echo 0 >fail_page_alloc/verbose
"""
# Where the kernel itself loses memory when there is none: a function in the call trace, and what it does.
_KERNELS_OWN = {
    "sysfs_slab_add": "forgets the name of a cache that sysfs has no memory for",
    "blk_mq_alloc_and_init_hctx": "keeps a hardware queue that sysfs has no memory for; the C driver loses the same",
    "blk_mq_register_hctx": "the name of that queue",
}


def build_folder(release: str) -> Path:
    """Where modules for the kernel are built against."""
    return kernels.test_kernel_dir(release) / "build" if kernels.is_test(release) else Path(f"/lib/modules/{release}/build")


def _sparseness() -> int:
    return int(os.environ.get("CXXRT_FAIL_SPARSE", "1"))


def is_short() -> bool:
    """Says whether the run is to be short."""
    return _sparseness() > 1


def fail_stride(usual: int) -> int:
    """Every so-manieth allocation is failed: CXXRT_FAIL_STRIDE, or `usual`; CXXRT_FAIL_SPARSE times as many in between for a short run."""
    return int(os.environ.get("CXXRT_FAIL_STRIDE", "0")) or usual * _sparseness()


def let_allocations_fail(vm: Vm) -> None:
    """Lets fail-nth fail every kind of allocation that has a way to fail."""
    vm.run(_ALL_ALLOCATIONS, check=True)


def has_leak_check(vm: Vm) -> bool:
    """Says whether leaks can be searched for."""
    return kernels.is_test(vm.release) and vm.run(["test", "-e", f"{_DEBUG}/kmemleak"]).rc == 0


def forget_leaks(vm: Vm) -> None:
    """What is lost by now will not be found."""
    vm.run(f"echo clear >{_DEBUG}/kmemleak", check=True)


def leaks(vm: Vm) -> str:
    """Searches for memory that nothing points to any more: what the kernel says of it, "" if there is none."""
    found = re.split(r"(?m)^(?=unreferenced object)", vm.run(_SCAN, _SCAN_S, check=True).out)
    return "".join(one for one in found if not any(f" {function}+" in one for function in _KERNELS_OWN)).strip()


@contextlib.contextmanager
def loses_nothing(vm: Vm) -> Iterator[None]:
    """What runs in the guest meanwhile may lose no memory, if the kernel can tell. Errors: AssertionError."""
    watched = has_leak_check(vm)
    if watched:
        forget_leaks(vm)
    yield
    found = leaks(vm) if watched and vm.alive else ""
    assert not found, f"memory that nothing points to:\n{found[:4000]}"
