# SPDX-License-Identifier: GPL-2.0
"""The suites under KUnit, on a test kernel: read by the kernel's own parser, with allocations that fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from kunit import MODULES, Ko, Report, load, parsed, unload
from testkernel import fail_stride, let_allocations_fail
from vmlib import Vm
from vmlib.kernels import is_test

# Whole disks take minutes when every allocation is failed.
FAIL_STRIDE = fail_stride(37)
# Why cases may be skipped on a test kernel.
EXPECTED_SKIPS = {"this kernel's null_blk has no bio disks"}


@pytest.fixture(autouse=True)
def _kernel_has_kunit(release: str) -> None:
    """Elsewhere a small runner stands in for it: test_suites.py."""
    if not is_test(release):
        pytest.skip("not a test kernel: test_suites.py is for it")


@pytest.fixture(scope="module", params=MODULES)
def report(request: pytest.FixtureRequest, vm: Vm, ko: Ko) -> Report:
    """What the first load of a module in a guest printed."""
    if not vm.alive:
        vm.boot()
    let_allocations_fail(vm)
    # insmod waits for all cases.
    vm.run("echo 0 >/proc/sys/kernel/hung_task_timeout_secs", check=True)
    found = load(vm, ko(request.param), f"fail_stride={FAIL_STRIDE}")
    unload(vm, request.param)
    print(found.summary(), *found.problems(), sep="\n")
    print(f"{found.failed_allocations()} allocations failed one by one")
    return found


def test_every_suite_passes(report: Report) -> None:
    assert report.problems() == []


def test_the_kernels_parser_agrees(report: Report, release: str, tmp_path: Path) -> None:
    verdicts = [case.verdict for case in report.cases]
    expected = {name: verdicts.count(verdict) for name, verdict in (("PASS", "ok"), ("SKIP", "skip")) if verdict in verdicts}
    assert parsed(report, release, tmp_path) == expected


def test_skipped_cases_say_why(report: Report) -> None:
    assert [str(case) for case in report.cases if case.verdict == "skip" and case.said not in EXPECTED_SKIPS] == []


def test_allocations_were_failed(report: Report) -> None:
    if all(suite.name.startswith(("nvme_", "e1000_")) for suite in report.suites):
        pytest.skip("what drivers of devices allocate belongs to a device, and their suites have none")
    assert report.failed_allocations() > 20
