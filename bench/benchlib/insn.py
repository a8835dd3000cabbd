# SPDX-License-Identifier: GPL-2.0
"""Builds the instruction-counting plugin and its guest-side `mark`, and reads what the plugin wrote."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "insn"
_BUILD_TIMEOUT_S = 120
_PLUGIN_FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-exceptions"]
_MARK_FLAGS = ["-O2", "-Wall", "-Wextra", "-static"]


class InsnError(RuntimeError):
    """The plugin could not be built, or counted nothing sound; the text is one line."""


@dataclass(frozen=True)
class Counts:
    """Guest instructions of one sample: all, at kernel addresses, and in the code of the two modules."""

    all: int
    kernel: int
    own: int


@dataclass(frozen=True)
class Tools:
    """What counting takes: the plugin for QEMU, and the program that marks samples in the guest."""

    plugin: Path
    mark: Path


def build(folder: Path) -> Tools:
    """Compiles what is older than its sources into `folder`, creating it. Errors: InsnError."""
    folder.mkdir(parents=True, exist_ok=True)
    tools = Tools(folder / "insn.so", folder / "mark")
    _compile(["g++", *_PLUGIN_FLAGS], [SOURCES / "insn.cc"], [SOURCES / "qemu-plugin.hpp"], tools.plugin)
    _compile(["gcc", *_MARK_FLAGS], [SOURCES / "mark.c"], [], tools.mark)
    return tools


def _compile(command: list[str], sources: list[Path], headers: list[Path], target: Path) -> None:
    """Makes `target` unless it is newer than what it is made of."""
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


def parse(text: str) -> dict[str, Counts]:
    """Returns the counts in the plugin's output, by sample id. Errors: InsnError."""
    counts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) != 5 or words[0] != "sample" or not all(word.isdecimal() for word in words[2:]):
            raise InsnError(f"the counting plugin says: {line}")
        if words[1] in counts:
            raise InsnError(f"the counting plugin has sample {words[1]} twice")
        counts[words[1]] = Counts(*map(int, words[2:]))
    return counts
