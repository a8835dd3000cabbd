# SPDX-License-Identifier: GPL-2.0
"""The test cases of cxxrt in stock kernels: loading cxxrt_selftest.ko runs them and prints KTAP."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from guest_memory import kernel_kib
from vmlib import Vm

MODULE = "cxxrt_selftest"
LOADS = 20
WARM_UP = 5  # Loads before memory is first measured: caches of the kernel fill up.
LOAD_TIMEOUT = 120  # seconds; one load takes about 2 s on an idle machine
# How much may grow over the loads, in KiB: the guest itself allocates, too. A kind of owner that leaks loses 2 MiB a load.
SLACK_KIB = {"Slab": 512, "Percpu": 64, "VmallocUsed": 256, "Used": 512}

_LINE = re.compile(r"^\[\s*\d+\.\d+\] ")
_CASE = re.compile(r"^(?P<verdict>ok|not ok) (?P<number>\d+) - (?P<name>\S+?)(?:: (?P<why>.*)| # SKIP (?P<skip>.*))?$")


@dataclass(frozen=True)
class Case:
    """One case as the kernel log reports it; `why` is the first unmet expectation."""

    number: int
    name: str
    passed: bool
    why: str
    skip: str


@dataclass(frozen=True)
class Report:
    """What one load printed; `plan` is the number of cases it announced, `rc` the exit code of insmod."""

    rc: int
    said: str
    plan: int
    cases: list[Case]
    lines: list[str]


def read_report(rc: int, said: str, dmesg: list[str]) -> Report:
    """Takes the KTAP of the last load out of the kernel log. Errors: AssertionError if there is none."""
    lines = [_LINE.sub("", line) for line in dmesg]
    assert "KTAP version 1" in lines, f"{MODULE} printed no KTAP: {said}"
    start = len(lines) - 1 - lines[::-1].index("KTAP version 1")
    lines = lines[start:]
    plans = [int(match[1]) for line in lines if (match := re.fullmatch(r"1\.\.(\d+)", line))]
    assert len(plans) == 1, f"one plan expected, found {plans}"
    cases = [
        Case(int(m["number"]), m["name"], m["verdict"] == "ok", m["why"] or "", m["skip"] or "")
        for line in lines
        if (m := _CASE.match(line))
    ]
    return Report(rc, said, plans[0], cases, lines)


def load(vm: Vm, module: Path) -> Report:
    """Loads the module, which may fail, and returns what it printed."""
    result = vm.run(["insmod", module], timeout=LOAD_TIMEOUT)
    return read_report(result.rc, result.err.strip(), vm.dmesg_lines())


def unload(vm: Vm) -> None:
    """Unloads the module."""
    vm.run(["rmmod", MODULE], check=True)


def is_loaded(vm: Vm) -> bool:
    """Says whether the module is loaded."""
    return vm.run(["test", "-d", f"/sys/module/{MODULE}"]).rc == 0


@pytest.fixture(scope="module")
def report(vm: Vm, ko: Callable[[str], Path]) -> Report:
    """What the first load in a guest printed."""
    if not vm.alive:
        vm.boot()
    found = load(vm, ko(MODULE))
    if is_loaded(vm):
        unload(vm)
    return found


def test_every_case_passes(report: Report) -> None:
    failed = [f"{case.name}: {case.why}" for case in report.cases if not case.passed]
    assert not failed, "\n".join([f"{len(failed)} of {report.plan} cases failed:", *failed])


def test_load_succeeds(report: Report) -> None:
    assert report.rc == 0, report.said


def test_every_planned_case_ran(report: Report) -> None:
    assert report.plan > 0
    assert [case.number for case in report.cases] == list(range(1, report.plan + 1))
    repeated = [name for name, count in Counter(case.name for case in report.cases).items() if count > 1]
    assert not repeated, "cases of the same name"


def test_no_case_is_skipped_on_two_cpus(report: Report) -> None:
    assert [f"{case.name}: {case.skip}" for case in report.cases if case.skip] == []


def test_totals_agree(report: Report) -> None:
    passed = sum(case.passed for case in report.cases)
    failed = len(report.cases) - passed
    assert f"# Totals: pass:{passed} fail:{failed} skip:0 error:0 total:{report.plan}" in report.lines


def test_log_lines_have_prefix_and_values(report: Report) -> None:
    ours = [line.removeprefix(f"{MODULE}: ") for line in report.lines if line.startswith(f"{MODULE}: ")]
    most = 2**64 - 1
    assert f"log forms -1 {2**32 - 1} ff -2 {most} 10 -3 {most} 20 text    42 %" in ours
    assert "log warns" in ours
    assert "log reports errors" in ours
    assert ours.count("log limits") == 10


def memory_kib(vm: Vm) -> dict[str, int]:
    """Returns the figures of kernel_kib(), after the kernel dropped what it can."""
    meminfo = vm.run("sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1; cat /proc/meminfo", check=True).out
    return kernel_kib(meminfo, vm.run("cat /proc/zoneinfo", check=True).out)


def test_twenty_loads_leave_nothing_behind(vm: Vm, ko: Callable[[str], Path]) -> None:
    """Memory is flat over loads and unloads. A leak grows in every batch, what the guest itself does grows in one."""
    module = ko(MODULE)

    def load_and_unload(times: int) -> None:
        for count in range(times):
            found = load(vm, module)
            failed = [f"{case.name}: {case.why}" for case in found.cases if not case.passed]
            assert found.rc == 0, f"load {count + 1}: {found.said}; {failed}"
            unload(vm)
        assert not is_loaded(vm)

    load_and_unload(WARM_UP)
    for _ in range(3):
        before = memory_kib(vm)
        load_and_unload(LOADS - WARM_UP)
        after = memory_kib(vm)
        grown = {name: after[name] - before[name] for name in SLACK_KIB}
        print(f"growth over {LOADS - WARM_UP} loads in KiB: {grown}")
        if all(kib <= SLACK_KIB[name] for name, kib in grown.items()):
            return
    pytest.fail(f"memory grew in each of three batches, in the last by KiB: {grown}")
