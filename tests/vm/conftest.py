# SPDX-License-Identifier: GPL-2.0
"""Fixtures for the suites that run in a guest: one boot of each supported kernel, watched for kernel bugs.

KREL=<release> in the environment limits a run to one kernel. CXXRT_DRIVER=c has the tests that take the fixture `drv`
from here drive the C module instead of ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

sys.path.insert(0, str(Path(__file__).resolve().parent))

import e1000  # noqa: E402
import testkernel  # noqa: E402
from nullblk import LANGUAGE, NAME, Driver  # noqa: E402
from nvme import NAME as NVME  # noqa: E402
from nvme import Controller, Namespace, qemu_arguments  # noqa: E402
from nvme import Driver as Nvme  # noqa: E402
from vmlib import PROJECT, Vm, installed_releases  # noqa: E402
from vmlib.kernels import is_test  # noqa: E402

# What needs a test kernel, and what is of no use there: bench's tools are not the kernel's, and what traffic costs is no figure there.
_ON_TEST_KERNELS = ["test_deliberate_bugs.py", "test_e1000_failed_allocations.py", "test_failed_allocations.py", "test_kunit.py", "test_nvme_failed_allocations.py"]
_ON_STOCK_KERNELS = ["test_bench_guards.py", "test_bench_targets.py", "test_e1000_costs.py", "test_suites.py"]

RELEASES = [os.environ["KREL"]] if os.environ.get("KREL") else installed_releases()

collect_ignore = []
if not any(map(is_test, RELEASES)):
    collect_ignore += _ON_TEST_KERNELS
if all(map(is_test, RELEASES)):
    collect_ignore += _ON_STOCK_KERNELS

_guests: list[Vm] = []  # Those that tests share.


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marks of this folder; ends the run if there is nothing to test on."""
    config.addinivalue_line("markers", "kernels_own(place, why): what the kernel reports at this place, such as kernel/x.c, is not the driver's doing")
    config.addinivalue_line("markers", "kernel(series): the test is about kernels of this series alone, such as 6.1")
    config.addinivalue_line(
        "markers", "c_fails(reason, on='', fatal=False): the C driver does not pass, on kernels of the series `on`; fatal: the guest would not live on"
    )
    if not RELEASES:
        pytest.exit("no supported linux-headers-* (6.1 or 6.12, amd64) installed: run tools/setup", returncode=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Turns the marks `kernel` and `c_fails` into what they mean for the kernel and the driver under test."""
    for item in items:
        release = getattr(item, "callspec", None) and item.callspec.params.get("release")
        if not release:
            continue
        for mark in item.iter_markers("kernel"):
            if not release.startswith(f"{mark.args[0]}."):
                item.add_marker(pytest.mark.skip(reason=f"about {mark.args[0]} alone"))
        for mark in item.iter_markers("c_fails"):
            on = mark.kwargs.get("on", "")
            if LANGUAGE == "c" and (not on or release.startswith((f"{on}.", f"{on}-"))):
                fatal = mark.kwargs.get("fatal", False) and not os.environ.get("CXXRT_FATAL")
                item.add_marker(pytest.mark.skip(reason=mark.args[0]) if fatal else pytest.mark.xfail(reason=mark.args[0], strict=True))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks what is long or slow on the kernel that it is to run on."""
    release = getattr(item, "callspec", None) and item.callspec.params.get("release")
    if not release:
        return
    if item.get_closest_marker("long_on_test_kernel") and is_test(release):
        item.add_marker("long")
    if item.get_closest_marker("slow_on_test_kernel") and is_test(release):
        item.add_marker("slow")
    if item.get_closest_marker("slow_on_older") and release in installed_releases()[:-1]:
        item.add_marker("slow")


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """The kernel release under test; all tests of one release run together."""
    return request.param


@pytest.fixture(scope="session")
def vm(release: str) -> Iterator[Vm]:
    """The guest that runs `release`. A test during which it dies or reports a bug fails; it is then rebooted."""
    # The search for leaks takes the longer the more memory there is.
    with Vm(release, smp=2, mem=1024 if is_test(release) else 2048, cwd=PROJECT) as guest:
        print(f"\nkernel {release}, accelerator: {guest.accel_note}")
        _guests.append(guest)
        yield guest


def _shares_guest(module: object) -> bool:
    """Says whether the tests of a file leave their guest to those of others: those without a `vm` of their own, or as they say themselves."""
    return bool(getattr(module, "SHARES_GUEST", not hasattr(module, "vm")))


@pytest.fixture(scope="module", autouse=True)
def _nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a kernel that can tell: no test of the file may lose memory. An error of the last test says if one did.

    In a short run that is looked at once, after the last of these files: it takes as long as some of them.
    """
    files = [module for module in dict.fromkeys(item.module for item in request.session.items) if _shares_guest(module)]
    if request.module not in files:
        yield  # Guests of the file's own are its own affair.
        return
    if not testkernel.is_short() or request.module is files[0]:
        for guest in _guests:
            if guest.alive and testkernel.has_leak_check(guest):
                testkernel.forget_leaks(guest)
    yield
    if testkernel.is_short() and request.module is not files[-1]:
        return
    for guest in _guests:
        if guest.alive and testkernel.has_leak_check(guest):
            found = testkernel.leaks(guest)
            assert not found, f"memory that nothing points to:\n{found[:4000]}"


@pytest.fixture(scope="session")
def cards(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vm]:
    """A guest with network cards, and a controller, whose drivers' allocations may fail. Nothing may be lost in it."""
    models, controllers, folder = ["e1000", "e1000-82545em"], [Controller("plain", (Namespace(512, 16),))], tmp_path_factory.mktemp("cards")
    devices = [*e1000.qemu_arguments(models), *qemu_arguments(controllers, folder, ("pci_nvme_mmio_shutdown_set",))]
    # What checks DMA gives up, and says so, when there is no memory for it: the other suites have it.
    with Vm(release, smp=2, mem=1024, cwd=PROJECT, append="dma_debug=off", qemu_args=devices) as guest:
        guest.cards = models  # type: ignore[attr-defined]
        guest.nvme = (controllers, folder)  # type: ignore[attr-defined]
        with testkernel.loses_nothing(guest):
            yield guest


@pytest.fixture(scope="session")
def ko(release: str) -> Callable[[str], Path]:
    """A function that returns the path of our module `name` for the release under test."""

    def find(name: str) -> Path:
        path = PROJECT / "build" / release / f"{name}.ko"
        if not path.is_file():
            pytest.fail(f"{path.relative_to(PROJECT)} is not built: run make", pytrace=False)
        return path

    return find


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    """The driver under test, not loaded yet."""
    with Driver(vm, ko(NAME) if LANGUAGE == "cpp" else None) as driver:
        driver.log()
        yield driver


@pytest.fixture
def nvme(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Nvme]:
    """nvme_cpp, not loaded yet, in a guest that has controllers: that of the file's own fixture `vm`."""
    with Nvme(vm, ko(NVME)) as driver:
        yield driver


@pytest.fixture(autouse=True)
def _guest_is_up(request: pytest.FixtureRequest) -> None:
    """Reboots the guest if an earlier test lost it."""
    if "vm" in request.fixturenames:
        guest = request.getfixturevalue("vm")
        if not guest.alive:
            guest.boot()


def _log_from(guest: Vm, line: str) -> str:
    """As much of a guest's log as tells what it was doing."""
    log = guest.dmesg(whole=True)
    return "\n".join(log[max(log.find(line), 0) :].splitlines()[:120])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Fails a phase of a test in which the guest died or its kernel reported a bug."""
    outcome = yield
    report = outcome.get_result()
    guest = getattr(item, "funcargs", {}).get("vm")
    if guest is None:
        return
    # What is lost, and whether the kernel itself lost it, is looked at when all tests of a file have run.
    found = [line for line in guest.take_splats() if "new suspected memory leak" not in line]
    for mark in item.iter_markers("kernels_own"):
        found = [line for line in found if f" at {mark.args[0]}:" not in line]
    problem = ""
    if found and not item.get_closest_marker("expect_splat"):
        problem = "the kernel reported a bug:\n" + "\n".join(found) + "\nwhat the log has from there on:\n" + _log_from(guest, found[0])
    elif not guest.alive and report.when == "call":
        problem = "the guest died or hangs; the end of its console:\n" + guest.console_tail()
    if problem and not report.failed:
        report.outcome = "failed"
        report.longrepr = problem
    elif problem:
        report.sections.append((f"guest kernel {guest.release}", problem))
