# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp's sources with a kernel and a controller in user space (tests/sim): what QEMU's controllers cannot do."""

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
def test_nv98_simulated_controllers(release: str) -> None:
    """Built with the address and undefined-behaviour sanitizers, and with this kernel's types."""
    if not (PROJECT / "build" / release / "cxxrt" / "raw_types.hpp").exists():
        made = subprocess.run(["make", "-s", "modules", f"KREL={release}"], cwd=PROJECT, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr[-3000:]
    built = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", "tests/sim", f"RELEASE={release}"], cwd=PROJECT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    # For tools/parity-table.
    results = PROJECT / "build" / "test-results" / f"nvme_sim-{release}.xml"
    done = subprocess.run([PROJECT / "build" / "sim" / release / "nvme_sim", "--gtest_brief=1", f"--gtest_output=xml:{results}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "PASSED" in done.stdout
