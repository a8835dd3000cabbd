# SPDX-License-Identifier: GPL-2.0
"""A guest that boots a stock kernel on this machine's own userland."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from vmlib import PROJECT, KernelError, Vm, VmError, find, stock_module  # noqa: E402

from . import Result, TargetError  # noqa: E402


class VmTarget:
    """`folder` is where the host's programs and the guest's exchange files."""

    name = "vm"
    own = True

    def __init__(self, release: str, accel: str, cpus: int, memory: int, folder: Path, arguments: Sequence[str]) -> None:
        """`memory` in MiB. Errors: TargetError."""
        self.release = release
        self.accel = accel
        self._told = 0  # Splats that splats() has returned.
        try:
            self._vm = Vm(release, cpus, memory, accel, [folder], qemu_args=arguments, cwd=PROJECT)
        except KernelError as error:
            raise TargetError(str(error)) from None

    def start(self) -> None:
        try:
            self._vm.boot()
        except (VmError, KernelError) as error:
            raise TargetError(f"{self.release}: {error}") from None
        self.accel = self._vm.accel_used

    def stop(self) -> None:
        self._vm.close()

    def close(self) -> None:
        self._vm.close()

    def run(self, script: str, timeout: float = 60) -> Result:
        try:
            done = self._vm.run(script, timeout)
        except VmError as error:
            raise TargetError(error.message) from None
        return Result(done.rc, done.out, done.err)

    def place(self, files: Mapping[str, Path]) -> dict[str, str]:
        return {name: str(path.resolve()) for name, path in files.items()}

    def stock_module(self, name: str) -> str:
        try:
            folder, path = find(self.release).modules, stock_module(self.release, name)
        except KernelError as error:
            raise TargetError(str(error)) from None
        return str(Path("/lib/modules") / self.release / path.relative_to(folder)) if folder else str(path)

    def alive(self) -> bool:
        return self._vm.alive

    def watch(self) -> None:
        self._vm.dmesg_mark()
        self._told = 0

    def splats(self) -> list[str]:
        # A mark after each call would lose what comes between the two.
        found = self._vm.splats()
        told, self._told = self._told, len(found)
        return found[told:]
