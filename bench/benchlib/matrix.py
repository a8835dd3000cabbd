# SPDX-License-Identifier: GPL-2.0
"""Reads matrix files: what to compare, in which cells, and the profiles that take a part of them.

A file is TOML. Its own tables hold the whole matrix; a table [profile.NAME.TABLE] replaces keys of [TABLE] when profile
NAME is chosen. Every key is known and checked: by this file, or by the workload for the tables that are its own.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

FOLDER = Path(__file__).resolve().parents[1] / "matrix"
_NAME = re.compile(r"[A-Za-z]\w{0,31}")
_PROFILE = re.compile(r"[a-z][a-z0-9]{0,31}")
_BLOCK_SIZE = re.compile(r"([1-9]\d{0,5})([km]?)")
_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}
_SAMPLE_KEYS = ("count", "boots", "latency", "control", "stacks", "reload", "ios", "seconds", "ramp", "memory", "cpus")

RELOADS = ("boot", "cell")

Value = int | str


class MatrixError(ValueError):
    """A matrix file is wrong; the text is one line that names file, line and key."""


@dataclass(frozen=True)
class Cell:
    """One combination of the matrix's axes, by name of the axis."""

    name: str
    axes: dict[str, Value]

    def __getitem__(self, axis: str) -> Value:
        return self.axes[axis]

    def number(self, axis: str) -> int:
        """The value of an axis of numbers."""
        return int(self.axes[axis])

    @property
    def block_bytes(self) -> int:
        """Bytes per I/O."""
        return parse_block_size(str(self.axes["bs"]))


@dataclass(frozen=True)
class Sampling:
    """How the samples of a cell are taken; the table [sample]."""

    count: int  # per side, over all boots
    boots: int
    latency: int  # samples per side, over all boots, that measure latency
    control: bool  # whether A is measured under a second label, too
    stacks: bool  # whether a sample per side records call stacks, when instructions are counted
    reload: str  # when the modules are loaded anew: in each "boot", or for each "cell" of it
    ios: dict[str, int]  # block size -> I/Os of a sample that counts instructions
    seconds: int  # length of a sample that measures time
    ramp: int  # seconds that run before it
    memory: int  # MiB of a guest
    cpus: int  # CPUs of a guest that measures time


@dataclass(frozen=True)
class Matrix:
    """A validated matrix file with one profile chosen."""

    driver: str
    workload: str
    profile: str
    a: str
    b: str
    cells: tuple[Cell, ...]
    sampling: Sampling
    tables: dict[str, dict[str, Value]]  # the workload's own, checked by it

    def settings(self) -> dict[str, dict[str, Any]]:
        """Everything that applied, for the record."""
        axes = {axis: list(dict.fromkeys(cell.axes[axis] for cell in self.cells)) for axis in self.cells[0].axes}
        return {**self.tables, "cells": axes, "sample": dataclasses.asdict(self.sampling)}


class Rules(Protocol):
    """What a workload says about matrix files that name it."""

    def axes(self) -> dict[str, Callable[[Checker, str, str, Any], Value]]:
        """The axes that its cells have, each with a check of one value."""

    def tables(self) -> dict[str, Callable[[Checker, str, Any], dict[str, Value]]]:
        """Its own tables, each with a check."""

    def name(self, axes: Mapping[str, Value], varied: set[str]) -> str:
        """The name of a cell; `varied` are the axes with several values."""


def parse_block_size(text: str) -> int:
    """Returns the bytes that `text` ("512", "4k", "1m") stands for. Errors: ValueError."""
    match = _BLOCK_SIZE.fullmatch(text)
    if not match or (size := int(match[1]) * _UNITS[match[2]]) % 512:
        raise ValueError(f"'{text}' is no block size: write a multiple of 512, or like 4k or 1m")
    return size


class Checker:
    """Checks values and reports them by file, line and key."""

    def __init__(self, path: Path, text: str, profile: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._profile = profile

    def _line_of(self, table: str, key: str) -> int:
        """The line, from 1, that sets `key` in `table` ("": at top level); 0 if none does."""
        current = ""
        for number, line in enumerate(self._lines, 1):
            if match := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
                current = match[1]
                if (current == key if not table else current == f"{table}.{key}"):
                    return number
            elif current == table and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", line):
                return number
        return 0

    def fail(self, table: str, key: str, why: str) -> MatrixError:
        """The error for `key` in `table`, which the chosen profile may have set."""
        chosen = f"profile.{self._profile}.{table}"
        for place in (chosen, table):
            if line := self._line_of(place, key):
                return MatrixError(f"{self._path}:{line}: {f'[{place}] ' if place else ''}{key}: {why}")
        line = self._line_of("", table) or self._line_of("", chosen) or 1
        return MatrixError(f"{self._path}:{line}: {f'[{table}] ' if table else ''}{key}: {why}")

    def known(self, table: str, value: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
        """Checks that `value` is a table whose keys are all in `allowed`."""
        if not isinstance(value, dict):
            raise self.fail("", table, f"must be a table, [{table}]")
        for key in value:
            if key not in allowed:
                raise self.fail(table, key, f"unknown key: use {', '.join(allowed)}")
        return value

    def keys(self, table: str, value: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
        """Checks that `value` is a table with exactly the keys in `allowed`."""
        self.known(table, value, allowed)
        for key in allowed:
            if key not in value:
                raise self.fail(table, key, "is missing")
        return dict(value)

    def text(self, table: str, key: str, value: Any, pattern: re.Pattern[str]) -> str:
        """Checks a string."""
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.fail(table, key, f"{value!r} must be a string like {pattern.pattern}")
        return value

    def choice(self, table: str, key: str, value: Any, choices: Sequence[str]) -> str:
        """Checks a string of which there are a few."""
        if value not in choices:
            raise self.fail(table, key, f"{value!r} must be one of {', '.join(choices)}")
        return str(value)

    def integer(self, table: str, key: str, value: Any, low: int, high: int) -> int:
        """Checks an integer."""
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fail(table, key, f"{value!r} must be an integer from {low} to {high}")
        return value

    def boolean(self, table: str, key: str, value: Any) -> bool:
        """Checks a boolean."""
        if not isinstance(value, bool):
            raise self.fail(table, key, f"{value!r} must be true or false")
        return value

    def values(self, table: str, key: str, value: Any, check: Callable[[Any], Value]) -> list[Value]:
        """Checks a list that is not empty and has nothing twice; `check` checks an element."""
        if not isinstance(value, list) or not value:
            raise self.fail(table, key, "must be a list with at least one element")
        checked = [check(element) for element in value]
        if len(set(checked)) != len(checked):
            raise self.fail(table, key, "names something twice")
        return checked

    def block_size(self, table: str, key: str, value: Any) -> str:
        """Checks a block size."""
        try:
            parse_block_size(value if isinstance(value, str) else str(value))
        except ValueError as error:
            raise self.fail(table, key, str(error)) from None
        return str(value)

    def plain(self, table: str, value: Any) -> dict[str, Value]:
        """Checks a table of names with integers or plain words: parameters, attributes."""
        if not isinstance(value, dict):
            raise self.fail("", table, f"must be a table, [{table}]")
        for key, setting in value.items():
            if not _NAME.fullmatch(key):
                raise self.fail(table, key, "is no name of a parameter or attribute")
            if isinstance(setting, bool) or not (
                isinstance(setting, int) or (isinstance(setting, str) and re.fullmatch(r"[\w.:+-]+", setting))
            ):
                raise self.fail(table, key, f"{setting!r} must be an integer or one word")
        return value


def profiles(path: Path) -> list[str]:
    """Names of the profiles that a file has. Errors: MatrixError."""
    found = _parse(path)[1].get("profile", {})
    return list(found) if isinstance(found, dict) else []


def load(path: Path, profile: str, workloads: Mapping[str, Rules]) -> Matrix:
    """Reads and checks a matrix file, and every profile in it; returns it with `profile` chosen. Errors: MatrixError."""
    text, data = _parse(path)
    known = data.get("profile", {})
    if not isinstance(known, dict) or not all(isinstance(tables, dict) for tables in known.values()):
        raise Checker(path, text, "").fail("", "profile", "must have tables only, like [profile.quick.cells]")
    if profile not in known:
        raise MatrixError(f"{path}: has no profile '{profile}': use {', '.join(known) or 'a file that has one'}")
    loaded = {name: _load(path, text, data, name, workloads) for name in known}
    return loaded[profile]


def _parse(path: Path) -> tuple[str, dict[str, Any]]:
    """Returns the file's text and content. Errors: MatrixError."""
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise MatrixError(f"{path}: {error.strerror}: name a file, or one in bench/matrix without .toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatrixError(f"{path}: not TOML: {error}") from None


def _load(path: Path, text: str, data: dict[str, Any], profile: str, workloads: Mapping[str, Rules]) -> Matrix:
    """Checks the file with one profile chosen."""
    check = Checker(path, text, profile)
    check.text("", profile, profile, _PROFILE)
    workload = check.text("", "workload", data.get("workload"), _NAME)
    if workload not in workloads:
        raise check.fail("", "workload", f"'{workload}' is unknown: use {', '.join(workloads)}")
    rules = workloads[workload]
    own = rules.tables()
    check.keys("", data, ("driver", "workload", "a", "b", *own, "cells", "sample", "profile"))
    replaced = check.known(f"profile.{profile}", data["profile"][profile], (*own, "cells", "sample"))
    tables = {}
    for name in (*own, "cells", "sample"):
        base, change = data[name], replaced.get(name, {})
        if not isinstance(base, dict) or not isinstance(change, dict):
            raise check.fail("", name, f"must be a table, [{name}]")
        tables[name] = base | change
    cells = _cells(check, tables["cells"], rules)
    return Matrix(
        driver=check.text("", "driver", data["driver"], _NAME),
        workload=workload,
        profile=profile,
        a=check.text("", "a", data["a"], _NAME),
        b=check.text("", "b", data["b"], _NAME),
        cells=cells,
        sampling=_sampling(check, tables["sample"], list(dict.fromkeys(str(cell["bs"]) for cell in cells if "bs" in cell.axes))),
        tables={name: verify(check, name, tables[name]) for name, verify in own.items()},
    )


def _cells(check: Checker, value: Any, rules: Rules) -> tuple[Cell, ...]:
    """Checks the axes; returns every combination of them."""
    axes = rules.axes()
    check.keys("cells", value, tuple(axes))
    lists = {axis: check.values("cells", axis, value[axis], functools.partial(axes[axis], check, "cells", axis)) for axis in axes}
    varied = {axis for axis, values in lists.items() if len(values) > 1}
    combined = (dict(zip(lists, values)) for values in itertools.product(*lists.values()))
    return tuple(Cell(rules.name(chosen, varied), chosen) for chosen in combined)


def _sampling(check: Checker, value: Any, sizes: list[str]) -> Sampling:
    """Checks [sample]."""
    check.keys("sample", value, _SAMPLE_KEYS)

    def integer(key: str, low: int, high: int) -> int:
        return check.integer("sample", key, value[key], low, high)

    ios = value["ios"]
    if not isinstance(ios, dict) or not set(sizes) <= set(ios):
        raise check.fail("sample", "ios", f"must give a number for each block size: {', '.join(sizes)}")
    sampling = Sampling(
        count=integer("count", 2, 1000),
        boots=integer("boots", 1, 100),
        latency=integer("latency", 0, 1000),
        control=check.boolean("sample", "control", value["control"]),
        stacks=check.boolean("sample", "stacks", value["stacks"]),
        reload=check.choice("sample", "reload", value["reload"], RELOADS),
        ios={str(size): check.integer("sample", "ios", number, 16, 10**9) for size, number in ios.items()},
        seconds=integer("seconds", 1, 3600),
        ramp=integer("ramp", 0, 600),
        memory=integer("memory", 512, 1 << 20),
        cpus=integer("cpus", 1, 255),
    )
    if sampling.count < sampling.boots:
        raise check.fail("sample", "boots", f"{sampling.boots} boots need as many samples: count is {sampling.count}")
    return sampling
