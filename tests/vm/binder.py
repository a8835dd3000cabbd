# SPDX-License-Identifier: GPL-2.0
"""Drives binder_cpp in a guest, or the C module if CXXRT_DRIVER=c: loads it and runs the programs of tests/binder."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nullblk import LANGUAGE

from vmlib import PROJECT, Result, Vm

NAME = "binder_cpp"
C_NAME = "binder_linux"
PROGRAMS = PROJECT / "build" / "binder"
_STAMP = re.compile(r"^\[[\s\d.]+\] ")
_CASE = re.compile(r"^TEST_F\(Binder, ((?:Bd\d\d)+)(\w+)\)", re.MULTILINE)


def build() -> None:
    """Makes the programs that run in guests; one run at a time."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    with (PROGRAMS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make()


def _make() -> None:
    made = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", PROJECT / "tests" / "binder"], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.fail(f"make -C tests/binder failed:\n{made.stderr[-3000:]}", pytrace=False)


def cases() -> dict[str, str]:
    """The cases of the test program by names for pytest: test_bd08_ping_is_one_read -> Bd08PingIsOneRead."""
    found = {}
    for path in sorted((PROJECT / "tests" / "binder").glob("*_test.cc")):
        for rows, rest in _CASE.findall(path.read_text()):
            words = re.findall(r"Bd\d\d", rows) + re.findall(r"[A-Z][a-z]*|\d+(?:Mi|Ki)?B?", rest)
            found["test_" + "_".join(words).lower()] = rows + rest
    return found


@dataclass
class Binder:
    """A loaded binder driver. It has the nodes `devices`; `log()` is what the kernel said since the last call."""

    vm: Vm
    path: Path | None
    devices: list[str] = field(default_factory=list)
    _seen: int = 0

    @property
    def is_c(self) -> bool:
        """Says whether it is the C driver, which can never be unloaded."""
        return self.path is None

    @property
    def module(self) -> str:
        """The module's name."""
        return C_NAME if self.is_c else NAME

    @property
    def debugfs(self) -> str:
        """Its folder in debugfs."""
        own = f"/sys/kernel/debug/{NAME}"
        return "/sys/kernel/debug/binder" if self.is_c or self.vm.run(["test", "-d", own]).rc else own

    def load(self, devices: list[str] | None = None) -> Result:
        """Loads it, unless it is there."""
        stem = "binder" if self.is_c else NAME
        self.devices = devices if devices is not None else [stem, f"{stem}_b", f"{stem}_c"]
        if self.vm.run(["test", "-d", f"/sys/module/{self.module}"]).rc == 0:
            return Result(0, "", "")
        how = ["modprobe", self.module] if self.path is None else ["insmod", str(self.path)]
        return self.vm.run([*how, f"devices={','.join(self.devices)}"])

    def unload(self) -> Result:
        """Unloads it; not the C driver."""
        return self.vm.run(["rmmod", self.module])

    def environment(self) -> dict[str, str]:
        """What the programs are told by the environment."""
        return {"BINDER_DEVICE": f"/dev/{self.devices[0]}", "BINDER_DEVICE_B": f"/dev/{self.devices[1]}", "BINDER_DEBUGFS": self.debugfs, "BINDER_MODULE": self.module}

    def run(self, program: str, *arguments: str, timeout: float = 180) -> Result:
        """Runs a program of tests/binder."""
        return self.vm.run([str(PROGRAMS / program), *arguments], timeout, env=self.environment(), cwd="/tmp")

    def log(self) -> list[str]:
        """The kernel's lines since the last call, without time stamps."""
        lines = self.vm.dmesg_lines(whole=True)
        fresh, self._seen = lines[self._seen :], len(lines)
        return [_STAMP.sub("", line) for line in fresh]


def path_of(release: str) -> Path | None:
    """The module under test for a release; None for the C driver."""
    path = PROJECT / "build" / release / f"{NAME}.ko"
    if LANGUAGE == "c":
        return None
    if not path.is_file():
        pytest.fail(f"{path.relative_to(PROJECT)} is not built: run make", pytrace=False)
    return path
