# SPDX-License-Identifier: GPL-2.0
"""How a build compiled its C++, for tests that compile something else the same way."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CLANG = "clang++-19"
DEADLINE = 60  # seconds, for one compilation


def version_key(release: str) -> list[int]:
    """Sorts releases by their numbers."""
    return [int(number) for number in re.findall(r"\d+", release)]


def built_releases() -> list[str]:
    """The releases that have been built in this checkout, oldest first."""
    found = [path.parent.parent.name for path in TOP.glob("build/*/null_blk_cpp.cxx/.main.o.cmd")]
    return sorted(found, key=version_key)


def newest_release() -> str:
    """The newest of them; fails the test if there is none."""
    releases = built_releases()
    assert releases, "nothing is built: run make first"
    return releases[-1]


def without_output(arguments: list[str]) -> list[str]:
    """A compiler's arguments without the action, the output and the source, so that nothing is written."""
    at = arguments.index("-o")
    kept = arguments[:at] + arguments[at + 2 :]
    return [a for a in kept if a != "-c" and not a.startswith("-Wp,") and not a.endswith(".cc")] + ["-fsyntax-only"]


def gcc_arguments(release: str) -> list[str]:
    """As kbuild called g++ for a C++ object of this release."""
    text = (TOP / "build" / release / "null_blk_cpp.cxx" / ".main.o.cmd").read_text()
    found = re.search(r"(?m)^(?:saved)?cmd_\S+ := (.*)$", text)
    assert found, "kbuild's command file has changed its form"
    return without_output(shlex.split(found[1]))


def clang_entries(release: str) -> list[dict]:
    """The entries of compile_commands.json for this release, with a clang that is new enough."""
    done = subprocess.run(
        [sys.executable, TOP / "tools" / "compile-commands", release],
        capture_output=True, text=True, check=True, timeout=DEADLINE,
    )
    entries = json.loads(done.stdout)
    for entry in entries:
        entry["arguments"] = [CLANG, *without_output(entry["arguments"])[1:], "-Werror"]
    return entries


def clang_arguments(release: str) -> list[str]:
    """As clang analyses a C++ source of this release; every finding is an error."""
    return clang_entries(release)[0]["arguments"]


def compile_source(arguments: list[str], source: Path | str, *more: str) -> subprocess.CompletedProcess[str]:
    """Compiles one file without writing anything. Messages are in English."""
    return subprocess.run(
        [*arguments, *more, str(source)],
        capture_output=True, text=True, check=False, timeout=DEADLINE, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
