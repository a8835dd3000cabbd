# SPDX-License-Identifier: GPL-2.0
"""Fixtures for the suites that run in a guest: one boot of each supported kernel, watched for kernel bugs.

KREL=<release> in the environment limits a run to one kernel.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from vmlib import PROJECT, Vm, installed_releases  # noqa: E402

RELEASES = [os.environ["KREL"]] if os.environ.get("KREL") else installed_releases()


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark of this folder; ends the run if there is nothing to test on."""
    config.addinivalue_line("markers", "expect_splat: the test makes the kernel report a bug, on purpose")
    if not RELEASES:
        pytest.exit("no supported linux-headers-* (6.1 or 6.12, amd64) installed: run tools/setup", returncode=2)


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """The kernel release under test; all tests of one release run together."""
    return request.param


@pytest.fixture(scope="session")
def vm(release: str) -> Iterator[Vm]:
    """The guest that runs `release`. A test during which it dies or reports a bug fails; it is then rebooted."""
    with Vm(release, smp=2, mem=2048, cwd=PROJECT) as guest:
        print(f"\nkernel {release}, accelerator: {guest.accel_note}")
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


@pytest.fixture(autouse=True)
def _guest_is_up(request: pytest.FixtureRequest) -> None:
    """Reboots the guest if an earlier test lost it."""
    if "vm" in request.fixturenames:
        guest = request.getfixturevalue("vm")
        if not guest.alive:
            guest.boot()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Fails a phase of a test in which the guest died or its kernel reported a bug."""
    outcome = yield
    report = outcome.get_result()
    guest = getattr(item, "funcargs", {}).get("vm")
    if guest is None:
        return
    found = guest.splats()
    guest.dmesg_mark()
    problem = ""
    if found and not item.get_closest_marker("expect_splat"):
        problem = "the kernel reported a bug:\n" + "\n".join(found)
    elif not guest.alive and report.when == "call":
        problem = "the guest died or hangs; the end of its console:\n" + guest.console_tail()
    if problem and report.passed:
        report.outcome = "failed"
        report.longrepr = problem
    elif problem:
        report.sections.append((f"guest kernel {guest.release}", problem))
