# SPDX-License-Identifier: GPL-2.0
"""The checks: what each covers, and its work as commands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vmlib import KernelError, testkernel

from . import cxx, tree
from .known import Known, Store
from .runner import CannotRun, Commands, Ended, Job, Plan

CLANG_TIDY = "clang-tidy-19"
CLANG_FORMAT = "clang-format-19"
# A program of user space, built by bench itself.
_INSN = Path("bench/insn/insn.cc")
_INSN_FLAGS = ["-std=c++20", "-O2", "-fno-exceptions"]
_CASES = "cxxrt/tests/compile_fail"

# The command for each source.
Build = dict[Path, list[str]]
# A compiler's command for a source, with more flags.
Compiler = Callable[[Path, list[str]], list[str | Path]]


def _any(build: Build) -> list[str]:
    """The command for a source that is in no build: they differ in the module's name alone."""
    return next(iter(build.values()))


@dataclass
class Checkout:
    """A checkout with its builds. What is asked for more than once is found once. `afresh`: no verdict is known yet."""

    top: Path
    afresh: bool = False

    @cached_property
    def store(self) -> Store:
        return Store(self.top, self.afresh)

    @cached_property
    def files(self) -> list[Path]:
        return list(tree.files(self.top))

    def chosen(self, wanted: Callable[[Path], bool], *folders: str) -> list[Path]:
        """The files that are wanted, below `folders` if any are given."""
        roots = [self.top / folder for folder in folders] or [self.top]
        return [f for f in self.files if wanted(f) and any(f.is_relative_to(root) for root in roots)]

    @cached_property
    def releases(self) -> list[str]:
        """The stock kernels to check for: all that are installed. Errors: CannotRun if one is not built."""
        listed = subprocess.run(
            [self.top / "tools" / "kernels", "list"], capture_output=True, text=True, check=False, timeout=60
        )
        if listed.returncode != 0:
            raise CannotRun(listed.stderr.strip())
        built = cxx.built_releases(self.top)
        for release in listed.stdout.split():
            if release not in built:
                raise CannotRun(f"nothing is built for {release}: run make")
        return listed.stdout.split()

    @cached_property
    def stock(self) -> list[Build]:
        """The builds for these kernels."""
        return [cxx.gcc_commands(self.top / "build" / release) for release in self.releases]

    @cached_property
    def test(self) -> list[Build]:
        """The build for the test kernel, if there is one that is whole and not older than what it is generated from."""
        try:
            folder = self.top / "build" / testkernel.recipe().release
            made = (folder / "Module.symvers").stat().st_mtime
        except (KernelError, OSError):
            return []
        generators = self.chosen(lambda file: True, "cxxrt/raw", "cxxrt/helpers")
        return [] if any(file.stat().st_mtime > made for file in generators) else [cxx.gcc_commands(folder)]

    def builds(self, file: Path) -> list[Build]:
        """Those that a source or header is checked in: suites are not the same where there is KUnit."""
        return self.stock + self.test if "kunit" in file.stem else self.stock

    @cached_property
    def sources(self) -> list[tuple[Path, list[str]]]:
        """Every C++ source, with g++'s command in each of its builds. Errors: CannotRun if it is in none."""
        found = []
        for source in self.chosen(lambda file: file.suffix == ".cc", "cxxrt", "modules"):
            if source.is_relative_to(self.top / _CASES):
                continue
            for release, build in zip(self.releases, self.stock):
                if source not in build:
                    where = source.relative_to(self.top)
                    raise CannotRun(f"the build for {release} has no {where}: run make, or name it in a Kbuild")
            commands = [build[source] for build in self.builds(source) if source in build]
            found += [(source, command) for command in commands]
        for example in self.chosen(lambda file: file.suffix == ".cc", "docs/example"):
            found += [(example, _any(build)) for build in self.stock]
        return found

    def covers(self, count: int, what: str) -> str:
        return f"{count} {what}, for {' and '.join(self.releases)}"


def _said(ended: Ended, checkout: Checkout) -> str:
    """What a compiler or checker complained about, with paths below the checkout."""
    if ended.code == 0 and not ended.err:
        return ""
    text = (ended.err + ended.out).replace(f"{checkout.top}/", "")
    return text.strip() or f"exit status {ended.code} without a word"


def _tidy(source: Path, flags: Sequence[str]) -> list[str | Path]:
    return [CLANG_TIDY, "--quiet", "--warnings-as-errors=*", source, "--", *flags]


def _run(command: Sequence[str], checkout: Checkout, source: str | Path) -> Job:
    return lambda commands: _said(commands.run([*command, source]), checkout)


def _compile(command: Sequence[str], checkout: Checkout, known: Known, source: str | Path, text: str = "") -> Job:
    """Compiles a source, or `text`, unless that is known to say nothing."""
    whole = [*command, source]
    return lambda commands: known.unless(commands, [(whole, whole)], text, lambda: _said(commands.run(whole, text), checkout))


# --- C++ ---------------------------------------------------------------------------------------------------------


def thread_safety(checkout: Checkout) -> Plan:
    """clang's thread-safety and consumed analyses, and its warnings, on every C++ source"""
    known = Known(checkout.store)
    jobs = [
        _compile([*cxx.without_output(cxx.clang_command(command)), "-Werror"], checkout, known, source)
        for source, command in checkout.sources
    ]
    return Plan(checkout.covers(len({s for s, _ in checkout.sources}), "sources"), jobs, known)


def _unexplained(checkout: Checkout) -> str:
    """The comments that turn off a check of clang-tidy, but do not say which and why."""
    explained = re.compile(r"NOLINTEND\([\w.,-]+\)|NOLINT(BEGIN|NEXTLINE)?\([\w.,-]+\): \S")
    return "\n".join(
        f"{file.relative_to(checkout.top)}:{number}: write NOLINT(check): reason"
        for file in checkout.chosen(tree.is_cxx)
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if "NOLINT" in line and not explained.search(line)
    )


def clang_tidy(checkout: Checkout) -> Plan:
    """clang-tidy with .clang-tidy's checks on every C++ source, and the headers it includes"""
    known = Known(checkout.store)
    # For the newest kernel alone: it takes longest of all, and what differs between kernels is little, and compiled for each.
    once = dict(checkout.sources)

    def job(source: Path, flags: list[str]) -> Job:
        command = _tidy(source, flags)

        def run(commands: Commands) -> str:
            ended = commands.run(command)
            return "" if ended.code == 0 else _said(Ended(1, ended.out, "" if ended.out else ended.err), checkout)

        return lambda commands: known.unless(commands, [(command, [cxx.CLANG, *flags, source])], "", lambda: run(commands))

    jobs = [job(s, cxx.without_output(cxx.clang_command(c))[1:]) for s, c in once.items()]
    others = [file for file in checkout.files if file == checkout.top / _INSN]
    jobs += [job(source, _INSN_FLAGS) for source in others]
    jobs.append(lambda commands: _unexplained(checkout))
    return Plan(f"{len(once) + len(others)} sources, for {checkout.releases[-1]}", jobs, known)


def headers(checkout: Checkout) -> Plan:
    """every header of cxxrt and of the modules compiles on its own, with g++ and with clang"""
    public = checkout.top / "cxxrt" / "include"
    found = checkout.chosen(lambda file: file.suffix == ".hpp", "cxxrt", "modules")
    known = Known(checkout.store)
    jobs = []
    for header in found:
        name = f"<{header.relative_to(public)}>" if header.is_relative_to(public) else f'"{header}"'
        for command in map(_any, checkout.builds(header)):
            for flags in (cxx.without_output(command), cxx.without_output(cxx.clang_command(command))):
                jobs.append(_compile([*flags, "-Werror", "-x", "c++"], checkout, known, "-", f"#include {name}\n"))
    return Plan(checkout.covers(len(found), "headers"), jobs, known)


def clang_format(checkout: Checkout) -> Plan:
    """clang-format with .clang-format on every C++ source and header"""
    found = checkout.chosen(tree.is_cxx)
    return Plan(f"{len(found)} files", [
        _run([CLANG_FORMAT, "--dry-run", "-Werror", *map(str, part)], checkout, part[0])
        for part in (found[::2], found[1::2]) if part
    ])


# --- compile-fail ------------------------------------------------------------------------------------------------


def _directive(text: str, name: str) -> str:
    """The value of `// name: value`. Errors: ValueError if there is not exactly one such line."""
    found = re.findall(rf"(?m)^// {name}: (\S.*)$", text)
    if len(found) != 1:
        raise ValueError(f"has {len(found)} lines `// {name}: ...`: write one")
    return str(found[0])


def _case(case: Path, compilers: dict[str, Compiler], commands: Commands, known: Known) -> str:
    """What is wrong with a case; empty if its misuse is refused for the reason it gives, and its right form is not."""
    text = case.read_text()
    try:
        name, reason = _directive(text, "compiler"), re.compile(_directive(text, "expect"))
        compiler = compilers[name]
    except (ValueError, re.error) as error:
        return str(error)
    except KeyError:
        return f"// compiler: {name}: choose one of {', '.join(compilers)}"
    # clang-tidy is no compiler, but reads what clang reads.
    reads = compilers[cxx.CLANG if name == CLANG_TIDY else name]
    forms: list[list[str]] = [["-DOK"], []]
    runs = [(compiler(case, form), reads(case, form)) for form in forms]
    return known.unless(commands, runs, "", lambda: _refusal(name, reason, [commands.run(command) for command, _ in runs]))


def _refusal(name: str, reason: re.Pattern[str], outcomes: Sequence[Ended]) -> str:
    """What is wrong with what a compiler said of a right form and of a misuse."""
    good, bad = outcomes
    if good.code or (good.err and name != CLANG_TIDY):
        return f"the right form does not compile:\n{good.out or good.err}"
    errors = [line for line in (bad.err + bad.out).splitlines() if re.search(r"\b(error|note):", line)]
    if bad.code == 0 or not errors:
        return "the misuse compiles"
    if not any(reason.search(line) for line in errors):
        return f"the misuse is refused, but not with /{reason.pattern}/:\n{bad.err or bad.out}"
    return ""


def compile_fail(checkout: Checkout) -> Plan:
    """each misuse in cxxrt/tests/compile_fail is refused for the reason it gives, and its right form is not"""
    command = _any(checkout.stock[-1])
    gcc, clang = cxx.without_output(command), [*cxx.without_output(cxx.clang_command(command)), "-Werror"]
    compilers: dict[str, Compiler] = {
        "g++": lambda case, more: [*gcc, *more, case],
        cxx.CLANG: lambda case, more: [*clang, *more, case],
        CLANG_TIDY: lambda case, more: _tidy(case, [*clang[1:], *more]),
    }

    known = Known(checkout.store)

    def job(case: Path) -> Job:
        def run(commands: Commands) -> str:
            wrong = _case(case, compilers, commands, known).replace(f"{checkout.top}/", "").strip()
            # Indented, what a compiler said belongs to this finding.
            return f"{case.relative_to(checkout.top)}:1: " + wrong.replace("\n", "\n    ") if wrong else ""

        return run

    cases = checkout.chosen(lambda file: file.suffix == ".cc", _CASES)
    return Plan(f"{len(cases)} cases, for {checkout.releases[-1]}", [job(case) for case in cases], known)


# --- text --------------------------------------------------------------------------------------------------------


def _border(checkout: Checkout, rules: str) -> Plan:
    tool = checkout.top / "tools" / "check-border"
    return Plan(f"{len(checkout.files)} files", [_run([str(tool), "--rules", rules], checkout, checkout.top)])


def border(checkout: Checkout) -> Plan:
    """drivers name and include nothing below cxxrt's safe API, and public headers begin as they must"""
    return _border(checkout, "border")


def licence(checkout: Checkout) -> Plan:
    """every source has the SPDX line first"""
    return _border(checkout, "licence")


def shellcheck(checkout: Checkout) -> Plan:
    """shellcheck on every shell script"""
    found = checkout.chosen(tree.is_shell)
    jobs = [_run(["shellcheck", "-f", "gcc", *map(str, found[1:])], checkout, found[0])] if found else []
    return Plan(f"{len(found)} scripts", jobs)


def python(checkout: Checkout) -> Plan:
    """flake8 on all Python, and mypy on the programs; setup.cfg has what they hold it to"""
    found = checkout.chosen(tree.is_python)
    programs = [f for f in found if f in checkout.chosen(tree.is_python, "bench", "cxxrt", "tools")]
    cache = checkout.top / "build" / "mypy"
    mypy = ["mypy", "--no-error-summary", "--show-column-numbers", f"--cache-dir={cache}"]
    jobs = [
        _run([*tool, *map(str, files[1:])], checkout, files[0])
        for tool, files in ((mypy, programs), (["flake8"], found)) if files
    ]
    return Plan(f"{len(found)} files, {len(programs)} of them typed", jobs)


# Those with the longest commands first, so that no CPU waits at the end.
CHECKS: dict[str, Callable[[Checkout], Plan]] = {
    "python": python,
    "clang-tidy": clang_tidy,
    "thread-safety": thread_safety,
    "headers": headers,
    "compile-fail": compile_fail,
    "clang-format": clang_format,
    "border": border,
    "licence": licence,
    "shellcheck": shellcheck,
}
