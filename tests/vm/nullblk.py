# SPDX-License-Identifier: GPL-2.0
"""Drives null_blk_cpp in a guest, for its test suites; or the C driver, to show that a test asks what that one does.

CXXRT_DRIVER in the environment says which driver the fixture `drv` of conftest.py gives: cpp (default) or c.
"""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import Any

from fio import environment as fio_environment

from vmlib import Job, Vm

NAME = "null_blk_cpp"
ROOT = "/sys/kernel/config/nullb_cpp"
C_NAME = "null_blk"
C_ROOT = "/sys/kernel/config/nullb"
LANGUAGE = os.environ.get("CXXRT_DRIVER", "cpp")

_GUEST = Path(__file__).resolve().parent / "nullblk_guest.py"
_STAMP = re.compile(r"^\[[\s\d.]+\] ")
_FIO = ["--output-format=json", "--eta=never", "--clocksource=clock_gettime", "--direct=1", "--verify_state_save=0"]


class FioFailed(AssertionError):
    """fio ended with an error; the text is what it printed."""


class Driver:
    """null_blk_cpp in a guest, or, without a path, the C driver. At the end of the `with` block it is unloaded, and nothing
    of it may be left.

    `release` is the guest's kernel release. `module` and `root`: names of the module and of its folder in configfs;
    `disk` and `dev`: name and node of the first disk that loading makes.
    """

    def __init__(self, vm: Vm, path: Path | None) -> None:
        self.vm = vm
        self.path = path or C_NAME
        self.is_c = path is None
        self.module, self.root, self.stem = (C_NAME, C_ROOT, "nullb") if self.is_c else (NAME, ROOT, "nullbcpp")
        self.disk, self.dev = f"{self.stem}0", f"/dev/{self.stem}0"
        self.release = vm.release
        self._seen = len(vm.dmesg_lines(whole=True))

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self.vm.alive:
            return
        stuck, left = self.do(("clean_up",), ("residue",))
        if kind is None:
            assert (stuck, left) == ([], []), "the test left something behind"

    @property
    def has_bio_mode(self) -> bool:
        """Says whether the kernel is one whose null_blk has disks without blk-mq."""
        return self.release.startswith("6.1.")

    def make(self, name: str, **attributes: object) -> list[tuple[str, ...]]:
        """The operations that make a configfs device and set its attributes, in order."""
        return make(name, self.root, **attributes)

    def power(self, name: str, on: int) -> tuple[str, ...]:
        """The operation that powers a device on or off."""
        return power(name, on, self.root)

    def put(self, name: str, attribute: str, text: object) -> tuple[str, ...]:
        """The operation that writes an attribute of a configfs device."""
        return ("put", f"{self.root}/{name}/{attribute}", str(text))

    def get(self, name: str, attribute: str) -> tuple[str, ...]:
        """The operation that reads an attribute of a configfs device."""
        return ("get", f"{self.root}/{name}/{attribute}")

    def gets(self, name: str, *attributes: str) -> list[tuple[str, ...]]:
        """The operations that read attributes of a configfs device."""
        return [self.get(name, attribute) for attribute in attributes]

    def rmdir(self, name: str) -> tuple[str, ...]:
        """The operation that removes a configfs device."""
        return ("rmdir", f"{self.root}/{name}")

    def parameter(self, name: str) -> tuple[str, ...]:
        """The operation that reads a parameter of the module."""
        return ("get", f"/sys/module/{self.module}/parameters/{name}")

    def said(self) -> list[str]:
        """The driver's own lines since the last call of this or of log(), without its name."""
        return [line.partition(": ")[2] for line in self.log() if line.startswith(f"{self.module}: ")]

    def do(self, *operations: tuple[Any, ...], timeout: float = 60) -> list[Any]:
        """Does operations of nullblk_guest.py, in one process; each gives "ok", what it read, or an errno's name."""
        literal = repr([list(operation) for operation in operations])
        done = self.vm.call(_GUEST, literal, timeout=timeout, cwd="/tmp")
        assert done.rc == 0, f"exit code {done.rc} from {literal[:500]}\n{done.out[-2000:]}{done.err[-4000:]}"
        return ast.literal_eval(done.out)

    def load(self, params: str = "") -> str:
        """Loads the module: "ok", or the name of the errno."""
        return self.do(self.load_op(params))[0]

    def load_op(self, params: str = "") -> tuple[str, str, str]:
        """The operation that loads the module."""
        return ("load", str(self.path), params)

    def log(self) -> list[str]:
        """The kernel's lines since the last call, without time stamps."""
        lines = self.vm.dmesg_lines(whole=True)
        fresh, self._seen = lines[self._seen :], len(lines)
        return [_STAMP.sub("", line) for line in fresh]

    def fio(self, *options: str, jobs: tuple[tuple[str, ...], ...] = ((),), timeout: float = 60) -> list[dict[str, Any]]:
        """Runs fio on `jobs`, whose options come after the common ones: the report of each. Errors: FioFailed."""
        done = self.vm.run(fio_command(*options, jobs=jobs), timeout, env=fio_environment(), cwd="/tmp")
        report = done.out[done.out.find("{") :]
        if done.rc != 0 or not report:
            raise FioFailed(f"fio: exit code {done.rc}\n{done.out[:1500]}\n{done.err[-1500:]}")
        return json.loads(report)["jobs"]

    def start_fio(self, *options: str, jobs: tuple[tuple[str, ...], ...] = ((),)) -> Job:
        """Starts fio and returns at once."""
        return self.vm.start(fio_command(*options, jobs=jobs), env=fio_environment(), cwd="/tmp")


def fio_command(*options: str, jobs: tuple[tuple[str, ...], ...] = ((),)) -> list[str]:
    """The command line of a run of fio."""
    argv = ["fio", *_FIO, *options]
    for number, job in enumerate(jobs):
        argv += [f"--name=job{number}", *job]
    return argv


def make(name: str, root: str = ROOT, **attributes: object) -> list[tuple[str, ...]]:
    """The operations that make a configfs device and set its attributes, in order."""
    folder = f"{root}/{name}"
    return [("mkdir", folder), *(("put", f"{folder}/{key}", str(value)) for key, value in attributes.items())]


def power(name: str, on: int, root: str = ROOT) -> tuple[str, ...]:
    """The operation that powers a device on or off."""
    return ("put", f"{root}/{name}/power", str(on))
