# SPDX-License-Identifier: GPL-2.0
"""dkms.conf, which test boxes use; DKMS itself reads it with a shell, too."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
RELEASE = "6.12.117+deb12-amd64"


def configuration(name: str, index: str = "*") -> list[str]:
    """What DKMS finds in a variable."""
    script = f'kernelver={RELEASE}; . ./dkms.conf; printf "%s\\n" "${{{name}[{index}]}}"'
    done = subprocess.run(["bash", "-uc", script], cwd=TOP, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_every_driver_is_installed_from_where_it_is_built() -> None:
    modules = {folder.name for folder in (TOP / "modules").iterdir() if folder.is_dir()}
    assert set(configuration("BUILT_MODULE_NAME")) == modules
    for index in range(len(modules)):
        assert configuration("BUILT_MODULE_LOCATION", str(index)) == [f"build/{RELEASE}"]
        assert configuration("DEST_MODULE_LOCATION", str(index)) == ["/updates"]


@pytest.mark.parametrize(
    ("release", "supported"),
    [("6.1.0-56-amd64", True), (RELEASE, True), ("6.12.9+bpo-amd64", True), ("6.12.117+deb12-rt-amd64", False), ("6.12.117+deb12-cloud-amd64", False), ("6.6.13-amd64", False), ("6.12.117+deb12-arm64", False)],
)
def test_only_supported_kernels_are_built_for(release: str, supported: bool) -> None:
    (pattern,) = configuration("BUILD_EXCLUSIVE_KERNEL")
    assert bool(re.search(pattern, release)) == supported
