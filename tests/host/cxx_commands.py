# SPDX-License-Identifier: GPL-2.0
"""How the builds of this checkout compiled their C++, for tests that compile something else the same way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from checklib import cxx  # noqa: E402
from checklib.cxx import CLANG, without_output  # noqa: E402, F401

DEADLINE = 60  # seconds, for one compilation


def built_releases() -> list[str]:
    """The stock releases that have been built in this checkout, oldest first."""
    return cxx.built_releases(TOP)


def newest_release() -> str:
    """The newest of them; fails the test if there is none."""
    releases = built_releases()
    assert releases, "nothing is built: run make first"
    return releases[-1]


def clang_arguments(release: str) -> list[str]:
    """As clang analyses a C++ source of this release; every finding is an error."""
    command = next(iter(cxx.gcc_commands(TOP / "build" / release).values()))
    return [*without_output(cxx.clang_command(command)), "-Werror"]


def compile_source(arguments: list[str], source: Path | str, *more: str) -> subprocess.CompletedProcess[str]:
    """Compiles one file without writing anything. Messages are in English."""
    return subprocess.run(
        [*arguments, *more, str(source)],
        capture_output=True, text=True, check=False, timeout=DEADLINE, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
