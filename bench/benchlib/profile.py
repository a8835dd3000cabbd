# SPDX-License-Identifier: GPL-2.0
"""Reads call-stack profiles, the counting plugin's and perf's, and says where two sides differ.

A profile is folded: "outermost;...;innermost" -> instructions executed in the innermost function itself, called so; or,
from perf, the event's count (cycles, nanoseconds) that its samples there stand for.
Functions of modules end in " [module]". What is no function is in brackets: "[user]" is code outside the kernel,
"[lost]" kernel code in no known function, and "[unseen callers]" stands for what called a task that slept when the
profile began.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

Folded = dict[str, int]

UNKNOWN = ("[lost]", "[unseen callers]")
_DEMANGLE_TIMEOUT_S = 60
_MANGLED = re.compile(r"\b_Z\w+")


class ProfileError(ValueError):
    """The plugin's profiles are not sound; the text is one line."""


@dataclass(frozen=True)
class Change:
    """A function on both sides, in instructions per I/O in itself."""

    symbol: str
    a: float
    b: float

    @property
    def difference(self) -> float:
        """How many more side b executes."""
        return self.b - self.a


def parse(text: str) -> dict[str, Folded]:
    """Returns the profiles in the plugin's `stacks=` file, by sample id, with C++ names in readable form.

    Errors: ProfileError if a profile is incomplete, that is, its stacks do not add up to its total.
    """
    totals: dict[str, int] = {}
    profiles: dict[str, Folded] = {}
    for line in demangle(text).splitlines():
        kind, _, rest = line.partition(" ")
        name, _, rest = rest.partition(" ")
        count, _, stack = rest.partition(" ")
        if kind == "profile" and count.isdecimal() and name not in totals:
            totals[name] = int(count)
            profiles[name] = {}
        elif kind == "stack" and count.isdecimal() and stack and name in totals:
            profiles[name][stack] = profiles[name].get(stack, 0) + int(count)
        else:
            raise ProfileError(f"the counting plugin says: {line}")
    for name, folded in profiles.items():
        if sum(folded.values()) != totals[name]:
            raise ProfileError(f"profile {name} has {sum(folded.values())} instructions instead of {totals[name]}")
    return profiles


def demangle(text: str) -> str:
    """Returns the text with the names of C++ functions as in their source, without parameters.

    Without c++filt (binutils) they stay as they are.
    """
    names = sorted(set(_MANGLED.findall(text)))
    if not names or not shutil.which("c++filt"):
        return text
    done = subprocess.run(
        ["c++filt", "-p"],
        input="\n".join(names),
        capture_output=True,
        text=True,
        timeout=_DEMANGLE_TIMEOUT_S,
        check=True,
    )
    readable: dict[str, str] = dict(zip(names, done.stdout.splitlines(), strict=True))
    return _MANGLED.sub(lambda match: readable[match[0]].replace(";", ","), text)


def by_symbol(folded: Mapping[str, int]) -> dict[str, int]:
    """Returns the instructions in each function itself, whoever called it."""
    counts: dict[str, int] = {}
    for stack, count in folded.items():
        symbol = stack.rpartition(";")[2]
        counts[symbol] = counts.get(symbol, 0) + count
    return counts


def inclusive(folded: Mapping[str, int]) -> dict[str, int]:
    """Returns the instructions in each function and all it called. A recursive function counts once."""
    counts: dict[str, int] = {}
    for stack, count in folded.items():
        for symbol in set(stack.split(";")):
            counts[symbol] = counts.get(symbol, 0) + count
    return counts


def unknown_share(folded: Mapping[str, int]) -> float:
    """Returns the share of instructions, from 0 to 1, of which the function or its callers are not known."""
    total = sum(folded.values())
    lost = sum(count for stack, count in folded.items() if not set(UNKNOWN).isdisjoint(stack.split(";")))
    return lost / total if total else 0.0


def kernel_only(folded: Mapping[str, int]) -> Folded:
    """Returns the stacks whose innermost function is the kernel's."""
    return {stack: count for stack, count in folded.items() if stack.rpartition(";")[2] != "[user]"}


def compare(a: Mapping[str, int], a_ios: int, b: Mapping[str, int], b_ios: int) -> list[Change]:
    """Returns every function of two profiles of so many I/Os, that with the largest difference per I/O first."""
    left, right = by_symbol(a), by_symbol(b)
    changes = [Change(name, left.get(name, 0) / a_ios, right.get(name, 0) / b_ios) for name in {**left, **right}]
    return sorted(changes, key=lambda change: (-abs(change.difference), change.symbol))
