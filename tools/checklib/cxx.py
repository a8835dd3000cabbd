# SPDX-License-Identifier: GPL-2.0
"""How a build compiled its C++, for what compiles or analyses sources the same way."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

CLANG = "clang++-19"

# Code generation that clang has no name for; none of it changes what a source means.
GCC_ONLY = re.compile(
    r"-f(lto|align-.*|no-fat-lto-objects|conserve-stack|no-allow-store-data-races|patchable-function-entry.*|"
    r"sanitize=.*|asan-.*|plugin.*|min-function-alignment.*|stack-check|no-stack-check|zero-call-used-regs.*)$"
    r"|-m(indirect-branch.*|function-return.*|record-mcount|preferred-stack-boundary.*|skip-rax-setup|"
    r"fentry|harden-sls.*|no-fp-ret-in-387|nop-mcount)$|-pg$|--param.*|-Wp,.*|-Wframe-larger-than.*|-g0$|-W.*"
)

# What clang finds and GCC does not. What it would say of move(), which is std::move for its sake, and of kernel
# structures of which only some members are named, is not wanted.
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconditional-uninitialized",
    "-Wimplicit-fallthrough",
    "-Wunreachable-code",
    "-Wthread-safety",
    "-Wthread-safety-beta",
    "-Wconsumed",
    "-Wno-unqualified-std-cast-call",
    "-Wno-missing-designated-field-initializers",
    "-Wno-missing-field-initializers",
]


def gcc_commands(build: Path) -> dict[Path, list[str]]:
    """The command that made each C++ object of a build, by source; one of them if there are several objects."""
    found: dict[Path, list[str]] = {}
    for file in sorted(build.glob("*.cxx/.*.o.cmd")):
        command = re.search(r"(?m)^(?:saved)?cmd_\S+ := (.*)$", file.read_text())
        words = shlex.split(command[1].replace("$(pound)", "#")) if command else [""]
        words = words[words[0].endswith("/ccached") :]
        if words[-1].endswith(".cc"):
            found.setdefault(Path(words[-1]), words)
    return found


def clang_command(command: list[str]) -> list[str]:
    """The same command in a form that clang takes, with the warnings that are clang's own."""
    kept = [w for before, w in zip(["", *command], command) if before != "--param" and not GCC_ONLY.match(w)]
    return [CLANG, *WARNINGS, *kept[1:]]


def without_output(command: list[str]) -> list[str]:
    """A compiler's command without the action, the output and the source, so that nothing is written."""
    at = command.index("-o")
    kept = command[:at] + command[at + 2 :]
    return [w for w in kept if w != "-c" and not w.startswith("-Wp,") and not w.endswith(".cc")] + ["-fsyntax-only"]


def version_key(release: str) -> list[int]:
    """Sorts releases by their numbers."""
    return [int(number) for number in re.findall(r"\d+", release)]


def built_releases(top: Path) -> list[str]:
    """The releases of stock kernels that have been built in the checkout `top`, oldest first."""
    found = {path.parent.parent.name for path in top.glob("build/*/*.cxx/.*.o.cmd")}
    return sorted((release for release in found if "-cxxtest-" not in release), key=version_key)
