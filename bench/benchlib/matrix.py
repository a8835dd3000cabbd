# SPDX-License-Identifier: GPL-2.0
"""Matrix files: which modules, which cells, how many samples. TOML; docs/measuring.md explains the keys."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_PROFILE = re.compile(r"[a-z][a-z0-9]{0,31}")
_BLOCK_SIZE = re.compile(r"([1-9]\d{0,8})([km]?)")
_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}


class MatrixError(ValueError):
    """A matrix file is wrong; the text is one line that names file, line and key."""


@dataclass(frozen=True)
class Cell:
    """One combination: fio's `rw`, block size as written (`4k`), queue depth, and the driver's completion mode."""

    rw: str
    bs: str
    iodepth: int
    irqmode: int

    @property
    def name(self) -> str:
        """The cell as tables show it."""
        return f"{self.rw} {self.bs} qd{self.iodepth} irq{self.irqmode}"

    @property
    def block_bytes(self) -> int:
        """Bytes per I/O."""
        return parse_block_size(self.bs)


@dataclass(frozen=True)
class Matrix:
    """A validated matrix file."""

    driver: str
    profile: str
    a: str
    b: str
    configfs: dict[str, str]  # module -> its folder under /sys/kernel/config
    params: dict[str, int | str]  # module parameters, for both modules
    device: dict[str, int | str]  # configfs attributes of every disk
    queue: dict[str, int | str]  # queue attributes in sysfs of every disk
    cells: tuple[Cell, ...]
    count: int  # samples per side and cell
    ios: dict[str, int]  # block size -> I/Os of a sample that counts instructions
    seconds: int  # length of a sample that measures time


def parse_block_size(text: str) -> int:
    """Returns the bytes that `text` ("512", "4k", "1m") stands for. Errors: ValueError."""
    match = _BLOCK_SIZE.fullmatch(text)
    if not match or (size := int(match[1]) * _UNITS[match[2]]) % 512:
        raise ValueError(f"'{text}' is no block size: write a multiple of 512, or like 4k or 1m")
    return size


class _Checker:
    """Checks values and reports them by file, line and key."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def line_of(self, table: str, key: str) -> int:
        """The line, from 1, that sets `key` in `table` ("": at top level); without one, that of the table's header."""
        current, header = "", 1
        for number, line in enumerate(self._lines, 1):
            if match := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
                current = match[1]
                header = number if current == table else header
                if not table and current == key:
                    return number
            elif current == table and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", line):
                return number
        return header

    def fail(self, table: str, key: str, why: str) -> MatrixError:
        """The error for `key` in `table`."""
        return MatrixError(f"{self._path}:{self.line_of(table, key)}: {f'[{table}] ' if table else ''}{key}: {why}")

    def keys(self, table: str, value: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
        """Checks that `value` is a table with exactly the keys in `allowed`."""
        if not isinstance(value, dict):
            raise self.fail("", table, f"must be a table, [{table}]")
        for key in value:
            if key not in allowed:
                raise self.fail(table, key, f"unknown key: use {', '.join(allowed)}")
        for key in allowed:
            if key not in value:
                raise self.fail(table, key, "is missing")
        return value

    def text(self, table: str, key: str, value: Any, pattern: re.Pattern[str]) -> str:
        """Checks a string."""
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.fail(table, key, f"{value!r} must be a string like {pattern.pattern}")
        return value

    def integer(self, table: str, key: str, value: Any, low: int, high: int) -> int:
        """Checks an integer."""
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fail(table, key, f"{value!r} must be an integer from {low} to {high}")
        return value

    def values(self, table: str, key: str, value: Any, check: Callable[[Any], Any]) -> list[Any]:
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

    def settings(self, table: str, value: Any) -> dict[str, int | str]:
        """Checks a table of names with integers or plain words."""
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


def load(path: Path) -> Matrix:
    """Reads and checks a matrix file. Errors: MatrixError."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise MatrixError(f"{path}: {error.strerror}: name a file, or one in bench/matrix without .toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatrixError(f"{path}: not TOML: {error}") from None
    check = _Checker(path, text)
    tables = ("configfs", "params", "device", "queue", "cells", "sample")
    check.keys("", data, ("driver", "profile", "a", "b", *tables))
    configfs = check.settings("configfs", data["configfs"])
    for side in ("a", "b"):
        if data[side] not in configfs:
            raise check.fail("", side, f"{data[side]!r} is no module of [configfs]: use {', '.join(configfs)}")
    cells, bs = _cells(check, data["cells"])
    sample = check.keys("sample", data["sample"], ("count", "ios", "seconds"))
    return Matrix(
        driver=check.text("", "driver", data["driver"], _NAME),
        profile=check.text("", "profile", data["profile"], _PROFILE),
        a=data["a"],
        b=data["b"],
        configfs={module: check.text("configfs", module, folder, _NAME) for module, folder in configfs.items()},
        params=check.settings("params", data["params"]),
        device=check.settings("device", data["device"]),
        queue=check.settings("queue", data["queue"]),
        cells=cells,
        count=check.integer("sample", "count", sample["count"], 2, 1000),
        ios=_ios(check, sample["ios"], bs),
        seconds=check.integer("sample", "seconds", sample["seconds"], 1, 3600),
    )


def _cells(check: _Checker, value: Any) -> tuple[tuple[Cell, ...], list[str]]:
    """Checks the axes; returns every combination of them, and the block sizes."""
    axes = check.keys("cells", value, ("rw", "bs", "iodepth", "irqmode"))
    rw_pattern = re.compile(r"(rand)?(read|write)")
    rw = check.values("cells", "rw", axes["rw"], lambda v: check.text("cells", "rw", v, rw_pattern))
    bs = check.values("cells", "bs", axes["bs"], lambda v: check.block_size("cells", "bs", v))
    depth = check.values("cells", "iodepth", axes["iodepth"], lambda v: check.integer("cells", "iodepth", v, 1, 4096))
    irq = check.values("cells", "irqmode", axes["irqmode"], lambda v: check.integer("cells", "irqmode", v, 0, 2))
    return tuple(itertools.starmap(Cell, itertools.product(rw, bs, depth, irq))), bs


def _ios(check: _Checker, value: Any, bs: list[str]) -> dict[str, int]:
    """Checks the I/Os per sample: one number for each block size."""
    if not isinstance(value, dict) or set(value) != set(bs):
        raise check.fail("sample", "ios", f"must give a number for each block size: {', '.join(bs)}")
    return {size: check.integer("sample", "ios", number, 100, 10**9) for size, number in value.items()}
