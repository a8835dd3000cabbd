# SPDX-License-Identifier: GPL-2.0
"""The test suites on stock kernels, which have no KUnit: loading a test module runs them and prints KTAP."""

from __future__ import annotations

from pathlib import Path

import pytest
from guest_memory import kernel_kib
from kunit import MODULES, Ko, Report, check_failing, failing_module, load, unload
from vmlib import Vm
from vmlib.kernels import is_test

MODULE = "cxxrt_kunit"
LOADS = 8
BATCHES = 6
WARM_UP = 3  # Loads before memory is first measured: caches of the kernel fill up.
# How much may grow over the loads, in KiB: the guest itself allocates, too. A kind of owner that leaks loses 2 MiB a load;
# less than 200 KiB a load goes unnoticed here.
SLACK_KIB = {"Slab": 512, "Percpu": 64, "VmallocUsed": 256, "Used": 1024}
# Why cases may be skipped on a stock kernel with two CPUs.
EXPECTED_SKIPS = {"needs CONFIG_FAULT_INJECTION", "this kernel's null_blk has no bio disks"}


@pytest.fixture(autouse=True)
def _kernel_has_no_kunit(release: str) -> None:
    """On a test kernel KUnit runs the suites: test_kunit.py."""
    if is_test(release):
        pytest.skip("a test kernel: test_kunit.py is for it")


@pytest.fixture(scope="module", params=MODULES)
def report(request: pytest.FixtureRequest, vm: Vm, ko: Ko) -> Report:
    """What the first load of a module in a guest printed."""
    if not vm.alive:
        vm.boot()
    found = load(vm, ko(request.param))
    unload(vm, request.param)
    print(found.summary(), *found.problems(), sep="\n")
    return found


def test_every_suite_passes(report: Report) -> None:
    assert report.problems() == []


def test_skipped_cases_say_why(report: Report) -> None:
    assert [str(case) for case in report.cases if case.verdict == "skip" and case.said not in EXPECTED_SKIPS] == []


def test_log_lines_have_prefix_and_values(vm: Vm, ko: Ko) -> None:
    report = load(vm, ko(MODULE))
    unload(vm, MODULE)
    ours = [line.removeprefix(f"{MODULE}: ") for line in report.lines if line.startswith(f"{MODULE}: ")]
    most = 2**64 - 1
    assert f"log forms -1 {2**32 - 1} ff -2 {most} 10 -3 {most} 20 text    42 %" in ours
    assert "log warns" in ours
    assert "log reports errors" in ours
    assert ours.count("log limits") == 10


@pytest.mark.slow
def test_failing_suite_is_red(vm: Vm, release: str) -> None:
    report = load(vm, failing_module(release, Path(f"/lib/modules/{release}/build")))
    unload(vm, "failing_kunit")
    check_failing(report)


def memory_kib(vm: Vm) -> dict[str, int]:
    """Returns the figures of kernel_kib(), after the kernel dropped what it can."""
    meminfo = vm.run("sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1; cat /proc/meminfo", check=True).out
    return kernel_kib(meminfo, vm.run("cat /proc/zoneinfo", check=True).out)


@pytest.mark.slow
def test_loads_leave_nothing_behind(vm: Vm, ko: Ko) -> None:
    """Memory is flat over loads and unloads. A leak grows in every batch, what the guest itself does grows in one."""
    module = ko(MODULE)

    def load_and_unload(times: int) -> None:
        for count in range(times):
            found = load(vm, module)
            unload(vm, MODULE)
            assert found.problems() == [], f"load {count + 1}"

    load_and_unload(WARM_UP)
    for _ in range(BATCHES):
        before = memory_kib(vm)
        load_and_unload(LOADS - WARM_UP)
        after = memory_kib(vm)
        grown = {name: after[name] - before[name] for name in SLACK_KIB}
        print(f"growth over {LOADS - WARM_UP} loads in KiB: {grown}")
        if all(kib <= SLACK_KIB[name] for name, kib in grown.items()):
            return
    pytest.fail(f"memory grew in each of {BATCHES} batches, in the last by KiB: {grown}")
