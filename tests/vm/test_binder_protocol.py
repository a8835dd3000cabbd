# SPDX-License-Identifier: GPL-2.0
"""The protocol, row by row: each case of tests/binder is a test of its own here. CXXRT_DRIVER=c: against the C module."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from binder import PROGRAMS, Binder, build, cases, path_of
from vmlib import PROJECT, Vm


@pytest.fixture(scope="module")
def vm(release: str) -> Iterator[Vm]:
    """A guest of its own: the C driver stays in one for ever."""
    build()
    with Vm(release, smp=2, mem=1024, cwd=PROJECT) as guest:
        yield guest


@pytest.fixture
def binder(vm: Vm, release: str) -> Binder:
    """The driver under test, loaded."""
    driver = Binder(vm, path_of(release))
    loaded = driver.load()
    assert loaded.rc == 0, loaded.err
    return driver


def _test(case: str) -> Callable[[Binder], None]:
    def test(binder: Binder) -> None:
        done = binder.run("binder_test", f"--gtest_filter=Binder.{case}")
        if "[  SKIPPED ]" in done.out:
            pytest.skip(next((line for line in done.out.splitlines() if line.startswith("skip: ")), "skip: ")[6:])
        assert done.rc == 0 and "[  PASSED  ] 1 test" in done.out, done.out[-6000:] + done.err[-2000:]

    return test


for _name, _case in cases().items():
    globals()[_name] = _test(_case)


# Cases that a 32-bit program does as well: all layouts go through it.
COMPAT = ["Bd02*", "Bd03*", "Bd08*", "Bd09*", "Bd12*", "Bd13*", "Bd22*", "Bd35*", "Bd37*", "Bd38*", "Bd45*"]


def test_bd69_32_bit_programs(binder: Binder) -> None:
    """A 32-bit program has the same layouts."""
    if not (PROGRAMS / "binder_test32").exists():
        pytest.skip("g++-multilib is not installed")
    done = binder.run("binder_test32", "--gtest_filter=" + ":".join(f"Binder.{case}" for case in COMPAT), timeout=600)
    assert done.rc == 0 and "[  PASSED  ]" in done.out, done.out[-6000:] + done.err[-2000:]
