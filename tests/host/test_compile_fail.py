# SPDX-License-Identifier: GPL-2.0
"""cxxrt/tests/compile_fail: each misuse of cxxrt does not compile, for the reason its file names.

A case is a small driver-like source that compiles where the macro OK is defined and must not compile without it:

    // compiler: g++ or clang++-19
    // expect: a regular expression that one of the compiler's errors matches
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cxx_commands import CLANG, TOP, clang_arguments, compile_source, gcc_arguments, newest_release

CASES = sorted((TOP / "cxxrt" / "tests" / "compile_fail").glob("*.cc"))


@pytest.fixture(scope="module")
def arguments() -> dict[str, list[str]]:
    """Each compiler's command line, for the newest release that has been built."""
    release = newest_release()
    return {"g++": gcc_arguments(release), CLANG: clang_arguments(release)}


def directive(text: str, name: str) -> str:
    """The value of `// name: value`; fails the test if the file has not exactly one."""
    found = re.findall(rf"(?m)^// {name}: (\S.*)$", text)
    assert len(found) == 1, f"needs one line '// {name}: ...'"
    return found[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_misuse_does_not_compile(case: Path, arguments: dict[str, list[str]]) -> None:
    text = case.read_text()
    command = arguments[directive(text, "compiler")]
    good = compile_source(command, case, "-DOK")
    assert good.returncode == 0 and not good.stderr, f"the good form does not compile:\n{good.stderr}"
    bad = compile_source(command, case)
    assert bad.returncode == 1, f"the misuse compiles, or the compiler failed:\n{bad.stderr}"
    errors = [line for line in bad.stderr.splitlines() if re.search(r"\b(error|note):", line)]
    assert any(re.search(directive(text, "expect"), line) for line in errors), bad.stderr


def test_there_are_cases() -> None:
    assert len(CASES) >= 14
