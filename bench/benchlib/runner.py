# SPDX-License-Identifier: GPL-2.0
"""Takes the samples of one run: one kernel, one boot, both modules."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from vmlib import PROJECT, CommandFailed, KernelError, Vm, VmError, find, stock_module  # noqa: E402

from . import elf, fio, insn, nullblk, samples  # noqa: E402
from .matrix import Matrix  # noqa: E402
from .plan import PlannedCell  # noqa: E402

_SETUP_TIMEOUT_S = 180
_SAMPLE_TIMEOUT_S = 30  # Of which a sample that counts instructions takes less than one.
_FACTS = "uname -rv; cat /proc/cmdline; cd /sys/devices/system/cpu/vulnerabilities; grep . *"


class RunError(RuntimeError):
    """The run could not start; the text says why and what to do."""


@dataclass(frozen=True)
class Module:
    """A module of a pair: its file on the host, the path of that in the guest, and what the file holds."""

    name: str
    source: str  # where it comes from, for the record
    guest_path: Path
    info: elf.ModuleInfo


@dataclass
class CellOutcome:
    """Raw output of one cell; `failure` is one line if it has no result."""

    plan: PlannedCell
    fio_text: str = ""
    failure: str = ""


@dataclass
class Outcome:
    """All a run left: raw output, and facts for the record."""

    cells: list[CellOutcome]
    counts_text: str = ""
    accel: str = ""
    guest: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, dict[str, Any]] = field(default_factory=dict)


def find_module(name: str, release: str) -> Module:
    """Returns module `name` for `release`: the project's if it has one, else Debian's. Errors: RunError."""
    own = PROJECT / "build" / release / f"{name}.ko"
    try:
        modules = find(release).modules
    except KernelError as error:
        raise RunError(str(error)) from None
    try:
        if own.is_file():
            return Module(name, str(own.relative_to(PROJECT)), own, elf.read(own))
        stock = stock_module(release, name)
        assert modules
        inner = Path("lib/modules") / release / stock.relative_to(modules)
        return Module(name, str(inner), Path("/") / inner, elf.read(stock))
    except KernelError as error:
        raise RunError(f"{error}, and there is no {own.relative_to(PROJECT)}: run make") from None
    except elf.ElfError as error:
        raise RunError(f"{error}: run make") from None


class Run:
    """One run. `execute` is called in a thread of its own; `done` and `stop` may be called from another."""

    def __init__(
        self, release: str, matrix: Matrix, plan: list[PlannedCell], accel: str, tools: insn.Tools | None
    ) -> None:
        """`tools` is given if instructions are counted. Errors: RunError."""
        self.release = release
        self.total = sum(len(cell.samples) for cell in plan)
        self._matrix = matrix
        self._accel = accel
        self._tools = tools
        self._modules = {name: find_module(name, release) for name in dict.fromkeys((matrix.a, matrix.b))}
        self._outcome = Outcome([CellOutcome(cell) for cell in plan])
        self._finished = 0
        self._counts_file: Path | None = None
        self._vm: Vm | None = None
        self._stopped = threading.Event()

    @property
    def done(self) -> int:
        """Number of samples taken so far; an estimate within a cell."""
        try:
            seen = self._counts_file.read_text().count("\n") if self._counts_file else 0
        except OSError:
            seen = 0
        return max(self._finished, seen)

    def stop(self) -> None:
        """Ends the guest, and with it the run; to be repeated until `execute` has returned."""
        self._stopped.set()
        if self._vm:
            self._vm.close()

    def execute(self) -> Outcome:
        """Boots the guest and takes every sample. Errors: RunError if no sample could be taken."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            work = Path(folder)
            counts_file = work / "insn.txt"
            arguments = []
            if self._tools:
                self._counts_file = counts_file
                quoted = [str(path).replace(",", ",,") for path in (self._tools.plugin, counts_file)]
                arguments = ["-plugin", f"{quoted[0]},out={quoted[1]}"]
            self._vm = Vm(self.release, accel=self._accel, rw=[work], qemu_args=arguments, cwd=PROJECT)
            try:
                with self._vm as vm:
                    self._outcome.accel = vm.accel_used
                    self._prepare(vm, work)
                    self._take_all(vm, work)
            except (VmError, CommandFailed, KernelError) as error:
                raise RunError(f"{self.release}: {error}") from None
            finally:
                if counts_file.exists():
                    self._outcome.counts_text = counts_file.read_text()
                self._counts_file = None
        return self._outcome

    def _prepare(self, vm: Vm, work: Path) -> None:
        """Loads the modules and notes what the record needs."""
        files = {name: module.guest_path for name, module in self._modules.items()}
        code = {name: module.info.code for name, module in self._modules.items()}
        script = work / "setup.sh"
        script.write_text(nullblk.setup_script(self._matrix, files, code, self._tools.mark if self._tools else None))
        vm.run(["sh", script], timeout=_SETUP_TIMEOUT_S, check=True)
        kernel, command_line, *vulnerabilities = vm.run(_FACTS, timeout=_SETUP_TIMEOUT_S, check=True).out.splitlines()
        self._outcome.guest = {
            "kernel": kernel,
            "command_line": command_line,
            "cpus": vm.smp,
            "memory_mib": vm.mem,
            "mitigations": dict(line.split(":", 1) for line in vulnerabilities if ":" in line),
        }
        for side, name in (("a", self._matrix.a), ("b", self._matrix.b)):
            module = self._modules[name]
            sizes = dataclasses.asdict(module.info)
            self._outcome.modules[side] = {"name": name, "file": module.source, **sizes}

    def _take_all(self, vm: Vm, work: Path) -> None:
        """Takes every cell; those after the guest's end are noted as not run."""
        for outcome in self._outcome.cells:
            if self._stopped.is_set():
                outcome.failure = "not run: the run was stopped"
            elif not vm.alive:
                outcome.failure = "not run: the guest ended before"
            else:
                try:
                    self._take(vm, work, outcome)
                except VmError as error:
                    outcome.failure = error.message
            self._finished += len(outcome.plan.samples)

    def _take(self, vm: Vm, work: Path, outcome: CellOutcome) -> None:
        """Takes one cell."""
        plan = outcome.plan
        mark = self._tools.mark if self._tools else None
        job, output, script = (work / f"{plan.index}.{kind}" for kind in ("fio", "json", "sh"))
        job.write_text(fio.job_file(plan, vm.smp - 1, self._matrix.seconds, mark))
        script.write_text(nullblk.cell_script(self._matrix, plan, job, output, mark))
        vm.dmesg_mark()
        timeout = len(plan.samples) * (_SAMPLE_TIMEOUT_S + self._matrix.seconds)
        result = vm.run(["sh", script], timeout=timeout)
        outcome.fio_text = output.read_text(errors="replace") if output.exists() else ""
        if splats := vm.splats():
            outcome.failure = f"the kernel reports a bug: {splats[0]}"
        elif result.rc:
            outcome.failure = self._explain(outcome, result.rc, result.err)
        else:
            self._check(outcome)

    def _explain(self, outcome: CellOutcome, rc: int, stderr: str) -> str:
        """Says in one line why the cell's script failed."""
        if rc == 124:
            return "timed out"
        said = stderr.strip().splitlines()
        if not said and outcome.fio_text:
            try:
                fio.parse(outcome.fio_text, outcome.plan, self._tools is not None)
            except fio.FioError as error:
                return str(error)
        return said[-1] if said else f"exit code {rc} of the cell's commands"

    def _check(self, outcome: CellOutcome) -> None:
        """Notes a failure if a sample of a cell that ended is not sound."""
        try:
            counts = insn.parse(self._counts_file.read_text()) if self._counts_file else None
            samples.evaluate(outcome.plan, outcome.fio_text, counts)
        except (insn.InsnError, samples.SampleError) as error:
            outcome.failure = str(error)
