# SPDX-License-Identifier: GPL-2.0
"""The static checks on this checkout, and clang's analyses on a driver that was made wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cxx_commands import TOP, clang_arguments, compile_source, newest_release

sys.path.insert(0, str(TOP / "tools"))

from checklib.checks import CHECKS  # noqa: E402

DEADLINE = 900  # seconds, for one check on a busy machine


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_is_found(check: str) -> None:
    done = subprocess.run([TOP / "tools" / "check", check], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr


# What is done to a copy of null_blk_cpp, and what clang must then say: file, text, replacement, finding.
VIOLATIONS = {
    "spinlock": ("disk.cc", r"Guard \w+\{queue\.poll_lock\};", "", r"requires holding spinlock '.*poll_lock'"),
    "mutex": (
        "device.cc",
        r"RoleGuard \w+\{device\.registry\.lock, device_state\};",
        "",
        r"requires holding role 'device_state'",
    ),
    "role": (
        "disk.cc",
        r"(Guard \w+\{queue\.poll_lock\};)",
        r"\1\n\tsleep_ms(1);",
        "cannot call function 'sleep_ms' while role 'atomic_context' is held",
    ),
    "ended twice": (
        "path.hpp",
        r"(\bmove\(rq\)\.end\(blk::Status::Ok\);)",
        r"\1 \1",
        "invalid invocation of method 'end' .* while it is in the 'consumed' state",
    ),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_in_a_module_is_found(violation: str, tmp_path: Path) -> None:
    file, text, replacement, finding = VIOLATIONS[violation]
    copy = tmp_path / "null_blk_cpp"
    shutil.copytree(TOP / "modules" / "null_blk_cpp", copy)
    arguments = clang_arguments(newest_release())
    source = copy / (file if file.endswith(".cc") else "path.cc")
    assert compile_source(arguments, source).returncode == 0
    changed, count = re.subn(text, replacement, (copy / file).read_text())
    assert count, f"{file} has no {text} any more: choose another place"
    (copy / file).write_text(changed)
    done = compile_source(arguments, source)
    assert done.returncode == 1
    assert re.search(finding, done.stderr), done.stderr
