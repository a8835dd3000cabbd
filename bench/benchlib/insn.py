# SPDX-License-Identifier: GPL-2.0
"""Builds the instruction-counting plugin and its guest-side `mark`, and reads what the plugin wrote."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "insn"
_BUILD_TIMEOUT_S = 120
_PLUGIN_FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-exceptions"]
_FIGURES = 5
_NAMES = {"sample": 1, "phase": 2, "cpu": 2}  # Kinds of lines, and how many names come before the figures.
_MARK_FLAGS = ["-O2", "-Wall", "-Wextra", "-static"]


class InsnError(RuntimeError):
    """The plugin could not be built, or counted nothing sound; the text is one line."""


@dataclass(frozen=True)
class Counts:
    """Guest instructions of one sample: all, at kernel addresses, and in the code of the two modules.

    Not among them are `idle`, those of the idle task outside interrupts, and `iterations`, of repeated string
    instructions, each of which counts as one. `phases` has the parts of the sample that the guest named, and `cpus`
    each CPU's part if there were several.
    """

    all: int
    kernel: int
    own: int
    idle: int = 0
    iterations: int = 0
    phases: dict[str, Counts] = field(default_factory=dict)
    cpus: dict[int, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class Tools:
    """What counting takes: the plugin for QEMU, and the program that marks samples in the guest."""

    plugin: Path
    mark: Path


def build(folder: Path) -> Tools:
    """Compiles what is older than its sources into `folder`, creating it. Errors: InsnError."""
    folder.mkdir(parents=True, exist_ok=True)
    tools = Tools(folder / "insn.so", folder / "mark")
    compile_newer(["g++", *_PLUGIN_FLAGS], [SOURCES / "insn.cc"], sorted(SOURCES.glob("*.hpp")), tools.plugin)
    compile_newer(["gcc", *_MARK_FLAGS], [SOURCES / "mark.c"], [SOURCES / "mark.h"], tools.mark)
    return tools


def compile_newer(command: list[str], sources: list[Path], headers: list[Path], target: Path) -> None:
    """Makes `target` unless it is newer than what it is made of. Errors: InsnError."""
    if target.exists() and all(target.stat().st_mtime > path.stat().st_mtime for path in sources + headers):
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        done = subprocess.run(
            [*command, "-o", str(temporary), *map(str, sources)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_BUILD_TIMEOUT_S,
        )
        if done.returncode:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()
            raise InsnError(f"cannot compile {sources[0].name}: {said[0]}")
        temporary.rename(target)
    except FileNotFoundError as error:
        raise InsnError(f"{error.filename} is missing: run tools/setup") from None
    except subprocess.TimeoutExpired:
        raise InsnError(f"compiling {sources[0].name} took more than {_BUILD_TIMEOUT_S} s") from None
    finally:
        temporary.unlink(missing_ok=True)


def plugin_argument(tools: Tools, out: Path, symbols: Path | None = None, stacks: Path | None = None) -> str:
    """Returns what QEMU's -plugin takes: `out` gets the counts and `stacks` the profiles.

    Profiles, and telling idle from work, take `symbols`: a copy of the guest's /proc/kallsyms, to be written before the
    guest says so.
    """
    files = {"out": out, "symbols": symbols, "stacks": stacks}
    quoted = [f"{key}={str(path).replace(',', ',,')}" for key, path in files.items() if path]
    return ",".join([str(tools.plugin).replace(",", ",,"), *quoted])


def parse(text: str) -> dict[str, Counts]:
    """Returns the counts in the plugin's output, by sample id. Errors: InsnError."""
    counts: dict[str, Counts] = {}
    for line in text.splitlines():
        kind, *names = line.split()[:-_FIGURES] or [""]
        figures = line.split()[-_FIGURES:]
        if len(names) != _NAMES.get(kind) or not all(word.isdecimal() for word in figures):
            raise InsnError(f"the counting plugin says: {line}")
        instructions, kernel, own, idle, iterations = map(int, figures)
        parsed = Counts(instructions, kernel, own, idle, iterations)
        if kind == "sample":
            if names[0] in counts:
                raise InsnError(f"the counting plugin has sample {names[0]} twice")
            counts[names[0]] = parsed
        elif names[0] not in counts:
            raise InsnError(f"the counting plugin has a part of sample {names[0]} without it")
        elif kind == "phase":
            counts[names[0]].phases[names[1]] = parsed
        elif names[1].isdecimal():
            counts[names[0]].cpus[int(names[1])] = parsed
        else:
            raise InsnError(f"the counting plugin says: {line}")
    return counts
