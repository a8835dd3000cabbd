# SPDX-License-Identifier: GPL-2.0
"""Test modules in a guest: loads one, and reads what its suites printed (Documentation/dev-tools/ktap.rst)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testkernel import build_folder
from vmlib import PROJECT, Vm

MODULES = ("cxxrt_kunit", "null_blk_cpp_kunit", "nvme_cpp_kunit", "e1000_cpp_kunit")
LOAD_TIMEOUT = 600  # seconds; on a test kernel, which is emulated and checks everything, a load takes minutes
BUILD_TIMEOUT = 600
PARSER_TIMEOUT = 120
UNLOAD_PATIENCE = 20  # seconds; files of disks that are gone are closed a little later

_STAMP = re.compile(r"^\[\s*\d+\.\d+\] ?")
_START = "KTAP version 1"
_FIRST = f"    {_START}"
_PLAN = re.compile(r"1\.\.(\d+)")
_SUBTEST = re.compile(r"    # Subtest: (\S+)")
_VERDICT = r"(?P<verdict>ok|not ok) (?P<number>\d+) (?P<name>\S+)(?P<skip> # SKIP ?(?P<why>.*))?"
_CASE = re.compile(f"    {_VERDICT}")
_END = re.compile(_VERDICT)
_FAILED_ALLOCATIONS = re.compile(r"    # (\S+): (\d+) allocations failed one by one")


@dataclass(frozen=True)
class Case:
    """One case: `verdict` is ok, not ok or skip; `said` is why it was skipped, or what it printed before its verdict."""

    suite: str
    name: str
    verdict: str
    said: str

    def __str__(self) -> str:
        return f"{self.suite}.{self.name}: {self.said}"


@dataclass
class Suite:
    """The cases that a suite printed; `verdict` is empty for one that did not end."""

    name: str
    planned: int = -1
    verdict: str = ""
    cases: list[Case] = field(default_factory=list)

    def count(self, verdict: str) -> int:
        """How many cases have it."""
        return sum(case.verdict == verdict for case in self.cases)

    def __str__(self) -> str:
        counts = f"{self.count('ok')} passed, {self.count('not ok')} failed, {self.count('skip')} skipped"
        return f"{self.verdict or 'CUT OFF':7}{self.name}: {counts}"


@dataclass(frozen=True)
class Report:
    """What one load printed. `rc` is the exit code of insmod, `planned` the number of suites that it announced."""

    rc: int
    said: str
    planned: int
    suites: list[Suite]
    lines: list[str]

    @property
    def cases(self) -> list[Case]:
        """The cases of all suites."""
        return [case for suite in self.suites for case in suite.cases]

    def failed_allocations(self) -> int:
        """How many allocations were failed one by one."""
        return sum(int(match[2]) for line in self.lines if (match := _FAILED_ALLOCATIONS.fullmatch(line)))

    def problems(self) -> list[str]:
        """What is wrong: suites and cases that are missing, failed or were cut off; a load that failed."""
        found = [f"insmod: exit code {self.rc}: {self.said}"] if self.rc else []
        if self.planned < 1 or self.planned != len(self.suites):
            found.append(f"{self.planned} suites announced, {len(self.suites)} seen")
        for suite in self.suites:
            names = [case.name for case in suite.cases]
            if suite.planned < 1 or suite.planned != len(names) or len(set(names)) != len(names):
                found.append(f"{suite.name}: {suite.planned} cases announced, seen {' '.join(names)}")
            if suite.verdict != "ok":
                found.append(f"{suite.name}: {suite.verdict or 'it did not end'}")
        return found + [f"{case} ({case.verdict})" for case in self.cases if case.verdict == "not ok"]

    def summary(self) -> str:
        """A line for each suite and one with the counts."""
        total = [sum(suite.count(verdict) for suite in self.suites) for verdict in ("ok", "not ok", "skip")]
        counts = "{} cases passed, {} failed, {} skipped".format(*total)
        return "\n".join([*map(str, self.suites), f"{len(self.suites)} suites: {counts}"])


def suites_in(module: Path) -> int:
    """How many suites a test module has."""
    sections = subprocess.run(["readelf", "-SW", module], capture_output=True, text=True, check=True, timeout=PARSER_TIMEOUT).stdout
    found = re.search(r" \.kunit_test_suites +\S+ +\S+ +\S+ +([0-9a-f]+) ", sections)
    return int(found[1], 16) // 8 if found else 0


def read_report(rc: int, said: str, dmesg: Sequence[str], count: int = 0) -> Report:
    """Reads the KTAP of the last load. Errors: AssertionError if there is none.

    6.1's KUnit prints the suites of a module without a header that says how many there are: `count`, then.
    """
    lines = [_STAMP.sub("", line) for line in dmesg]
    if _START not in lines and _FIRST in lines:
        lines = [_START, f"1..{count}", *lines[lines.index(_FIRST) :]]
    assert _START in lines, f"no KTAP in the kernel log: {said}"
    lines = lines[len(lines) - 1 - lines[::-1].index(_START) :]
    planned, suites, printed = -1, [], []
    for line in lines[1:]:
        running = suites[-1] if suites and not suites[-1].verdict else None
        if match := _SUBTEST.fullmatch(line):
            suites.append(Suite(match[1]))
        elif match := _PLAN.fullmatch(line.strip()):
            if running:
                running.planned = int(match[1])
            else:
                planned = int(match[1])
        elif running and (match := _CASE.fullmatch(line)):
            verdict = "skip" if match["skip"] else match["verdict"]
            said = match["why"] or " | ".join(text.strip() for text in printed)
            running.cases.append(Case(running.name, match["name"], verdict, said))
            printed = []
        elif running and (match := _END.fullmatch(line)) and match["name"] == running.name:
            running.verdict = match["verdict"]
            printed = []
        elif line.startswith("    "):
            printed.append(line)
    return Report(rc, said, planned, suites, lines)


def load(vm: Vm, module: Path, *params: str) -> Report:
    """Loads a test module, which runs its suites, and returns what they printed."""
    before = len(vm.dmesg_lines(whole=True))
    done = vm.run(["insmod", module, *params], timeout=LOAD_TIMEOUT)
    return read_report(done.rc, done.err.strip(), vm.dmesg_lines(whole=True)[before:], suites_in(module))


def parsed(report: Report, release: str, folder: Path) -> dict[str, int]:
    """How many cases the kernel's parser finds with each verdict. Errors: AssertionError if it finds fault with a line."""
    log, answer = folder / "dmesg", folder / "kunit.json"
    log.write_text("".join(f"{line}\n" for line in report.lines))
    tool = build_folder(release).parent / "source" / "tools" / "testing" / "kunit" / "kunit.py"
    command = [sys.executable, tool, "parse", f"--json={answer}", log]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PARSER_TIMEOUT, check=False)
    assert "[ERROR]" not in done.stdout, done.stdout
    counts: dict[str, int] = {}
    groups = [json.loads(answer.read_text())]
    while groups:
        group = groups.pop()
        groups += group["sub_groups"]
        for case in group["test_cases"]:
            counts[case["status"]] = counts.get(case["status"], 0) + 1
    return counts


def unload(vm: Vm, name: str) -> None:
    """Unloads a module. Errors: AssertionError if it stays in use."""
    deadline = time.monotonic() + UNLOAD_PATIENCE
    while (done := vm.run(["rmmod", name])).rc and time.monotonic() < deadline:
        time.sleep(0.5)
    assert done.rc == 0, done.err


def build(folder: Path, kernel_dir: Path, source: Path) -> Path:
    """Builds a test module of one source, in a folder of its own, and returns it. Errors: AssertionError."""
    name = source.stem
    folder.mkdir(parents=True, exist_ok=True)
    cxxrt = PROJECT / "cxxrt" / "cxxrt.mk"
    (folder / "Kbuild").write_text(
        f"obj-m := {name}.o\n{name}-cxx := {source.name}\n{name}-cxxdir := {source.parent}\ninclude {cxxrt}\n"
    )
    make_modules(folder, kernel_dir)
    return folder / f"{name}.ko"


def make_modules(folder: Path, kernel_dir: Path) -> None:
    """Builds what the Kbuild in `folder` says. Errors: AssertionError."""
    command = ["make", "-C", kernel_dir, f"M={folder}", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT, check=False)
    assert built.returncode == 0, built.stdout + built.stderr


def failing_module(release: str, kernel_dir: Path) -> Path:
    """Builds the module whose suite fails on purpose."""
    source = Path(__file__).resolve().parent / "failing" / "failing_kunit.cc"
    return build(PROJECT / "build" / "failing" / release, kernel_dir, source)


def check_failing(report: Report) -> None:
    """What the module that fails on purpose must look like."""
    verdicts = {case.name: case.verdict for case in report.cases}
    said = {case.name: case.said for case in report.cases}
    assert [suite.verdict for suite in report.suites] == ["not ok"]
    for name in ("unmet_expectation", "failed_try", "wrong_error"):
        assert verdicts[name] == "not ok", report.lines
        assert any(f"failing.{name}: " in problem for problem in report.problems())
    assert verdicts["met_expectation"] == verdicts["leak"] == "ok"
    assert (verdicts["skipped"], said["skipped"]) == ("skip", "on purpose")
    # The case goes on after it, and what it owns is destroyed.
    assert "expected 2, got 1" in said["unmet_expectation"]
    assert 'expected "one|two", got "three"' in said["unmet_expectation"]
    assert "failing_kunit.cc:" in said["unmet_expectation"]
    assert "failing_kunit: the guard of unmet_expectation is gone" in report.lines
    assert "the body returned error 28" in said["failed_try"]


Ko = Callable[[str], Path]
