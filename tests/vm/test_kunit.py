# SPDX-License-Identifier: GPL-2.0
"""The suites under KUnit, on a test kernel: read by the kernel's own parser, with allocations that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kunit import MODULES, Ko, Report, check_failing, failing_module, load, unload
from testkernel import build_folder, has_leak_check, leaks, let_allocations_fail
from vmlib import Vm
from vmlib.kernels import is_test

PARSER_TIMEOUT = 120
# Whole disks take minutes when every allocation is failed.
FAIL_STRIDE = os.environ.get("CXXRT_FAIL_STRIDE", "19")
# Why cases may be skipped on a test kernel.
EXPECTED_SKIPS = {"this kernel's null_blk has no bio disks"}


@pytest.fixture(autouse=True)
def _kernel_has_kunit(release: str) -> None:
    """Elsewhere a small runner stands in for it: test_suites.py."""
    if not is_test(release):
        pytest.skip("not a test kernel: test_suites.py is for it")


def parsed(report: Report, release: str, folder: Path) -> dict[str, int]:
    """How many cases the kernel's parser finds with each verdict. Errors: AssertionError if it finds fault with a line."""
    log, answer = folder / "dmesg", folder / "kunit.json"
    log.write_text("".join(f"{line}\n" for line in report.lines))
    tool = build_folder(release).parent / "source" / "tools" / "testing" / "kunit" / "kunit.py"
    command = [sys.executable, tool, "parse", f"--json={answer}", log]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PARSER_TIMEOUT, check=False)
    assert "[ERROR]" not in done.stdout, done.stdout
    counts: dict[str, int] = {}
    groups = [json.loads(answer.read_text())]
    while groups:
        group = groups.pop()
        groups += group["sub_groups"]
        for case in group["test_cases"]:
            counts[case["status"]] = counts.get(case["status"], 0) + 1
    return counts


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
    lost = leaks(vm) if has_leak_check(vm) else ""
    assert not lost, f"memory that nothing points to:\n{lost[:4000]}"
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
    assert report.failed_allocations() > 20


def test_failing_suite_is_red(vm: Vm, release: str, tmp_path: Path) -> None:
    let_allocations_fail(vm)
    report = load(vm, failing_module(release, build_folder(release)))
    unload(vm, "failing_kunit")
    check_failing(report)
    if has_leak_check(vm):
        assert "size 1024" in leaks(vm)
    assert parsed(report, release, tmp_path).get("FAIL") == 3
