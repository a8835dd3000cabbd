# SPDX-License-Identifier: GPL-2.0
"""e1000_cpp's sources over models of all its cards, in user space (tests/sim_e1000): what QEMU's cards are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from vmlib import PROJECT, installed_releases  # noqa: E402


# With the newest kernel's types in `make test`, with all in `make test-all`.
@pytest.mark.parametrize("release", [*(pytest.param(release, marks=pytest.mark.slow) for release in installed_releases()[:-1]), *installed_releases()[-1:]])
def test_ek90_modelled_cards(release: str) -> None:
    """Built with the address and undefined-behaviour sanitizers, and with this kernel's types."""
    if not (PROJECT / "build" / release / "cxxrt" / "raw_types.hpp").exists():
        made = subprocess.run(["make", "-s", "modules", f"KREL={release}"], cwd=PROJECT, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr[-3000:]
    built = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", "tests/sim_e1000", f"RELEASE={release}"], cwd=PROJECT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    # For tools/parity-table.
    results = PROJECT / "build" / "test-results" / f"e1000_sim-{release}.xml"
    program = PROJECT / "build" / "sim_e1000" / release / "e1000_sim"
    done = subprocess.run([program, "--gtest_brief=1", f"--gtest_output=xml:{results}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "PASSED" in done.stdout
