# SPDX-License-Identifier: GPL-2.0
"""clang's thread-safety and consumed analyses over every C++ source, and headers that compile on their own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from cxx_commands import (
    TOP,
    built_releases,
    clang_arguments,
    clang_entries,
    compile_source,
    gcc_arguments,
    newest_release,
)

HEADERS = sorted((TOP / "cxxrt" / "include").rglob("*.hpp"))
SOURCES = sorted([*TOP.glob("cxxrt/src/*.cc"), *TOP.glob("modules/*/*.cc")])


@pytest.mark.parametrize("release", built_releases() or [None])
def test_sources_have_no_findings(release: str | None) -> None:
    assert release, "nothing is built: run make first"
    entries = {Path(entry["file"]).resolve(): entry for entry in clang_entries(release)}
    missing = [str(s) for s in SOURCES if s.resolve() not in entries and "_kunit" not in s.name]
    assert not missing, f"not part of the build for {release}: run make"
    findings = ""
    for source, entry in entries.items():
        done = compile_source(entry["arguments"], source)
        findings += done.stderr or ("" if done.returncode == 0 else f"{source}: exit status {done.returncode}\n")
    assert not findings, findings


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.name)
def test_header_compiles_on_its_own(header: Path, tmp_path: Path) -> None:
    source = tmp_path / "only.cc"
    source.write_text(f"#include <cxxrt/{header.name}>\n")
    for release in built_releases():
        for arguments in (gcc_arguments(release), clang_arguments(release)):
            done = compile_source(arguments, source)
            assert done.returncode == 0 and not done.stderr, f"{release}: {done.stderr}"
    assert built_releases(), "nothing is built: run make first"


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
        r"(\bmove\(rq\)\.end\(status\);)",
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
    source = copy / (file if file.endswith(".cc") else "disk.cc")
    assert compile_source(arguments, source).returncode == 0
    changed, count = re.subn(text, replacement, (copy / file).read_text())
    assert count, f"{file} has no {text} any more: choose another place"
    (copy / file).write_text(changed)
    done = compile_source(arguments, source)
    assert done.returncode == 1
    assert re.search(finding, done.stderr), done.stderr
