# SPDX-License-Identifier: GPL-2.0
"""Takes the samples of a run, boot after boot, on one machine or on several that share the cells."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import elf, environment, guards, insn, perf, profile, results, workloads
from .matrix import Matrix
from .model import TOO_LARGE
from .plan import PlannedCell, PlannedSample
from .results import RawCell, RawGroup
from .targets import Target, TargetError
from .targets.shell import LocalTarget
from .workloads import SYSTEM_MIB, Setting, Workload

_LOAD_TIMEOUT_S = 300
_SAMPLE_TIMEOUT_S = 120  # On top of the time that a sample is to last.
_PROFILE_FACTOR = 20  # Following every call is slower than counting.
_EXPECTED = (TargetError, environment.EnvironmentFailed, guards.GuardError, insn.InsnError, results.ResultsError, OSError)


class RunError(RuntimeError):
    """The run cannot go on; the text says why and what to do. What was taken is kept."""


@dataclass(frozen=True)
class Module:
    """A module of a pair: its file here, or "" if it is the one of the machine's kernel; and what the file holds. `rest`: other
    modules of the kernel's whose code is part of the driver."""

    name: str
    path: Path | None
    info: elf.ModuleInfo
    rest: Mapping[str, elf.ModuleInfo] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """A machine under test, and what the run needs to know of it beforehand."""

    target: Target
    cpus: int
    memory: int  # MiB
    devices: dict[str, str]  # side -> PCI address of its device, for workloads that take some
    drivers: dict[str, str]  # PCI address -> the driver that it had before
    guard: Callable[[], None] = lambda: None  # Refuses devices that may not be used, with an exception.


@dataclass(frozen=True)
class Counting:
    """What counting instructions takes: the tools, and the files through which the guest's plugin and we speak."""

    tools: insn.Tools
    folder: Path

    @property
    def counts(self) -> Path:
        """What the plugin counted."""
        return self.folder / "insn.txt"

    @property
    def stacks(self) -> Path:
        """The call stacks that it recorded."""
        return self.folder / "stacks.txt"

    @property
    def symbols(self) -> Path:
        """The guest's kernel symbols."""
        return self.folder / "kallsyms"

    def arguments(self) -> list[str]:
        """QEMU arguments that load the plugin."""
        return ["-plugin", insn.plugin_argument(self.tools, self.counts, self.symbols, self.stacks)]


class _Growing:
    """A file that another process appends to, from its present end on; or none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = path.stat().st_size if path and path.exists() else 0

    def news(self) -> str:
        """What was appended."""
        if not self._path or not self._path.exists():
            return ""
        with open(self._path, "rb") as file:
            file.seek(self._seen)
            return file.read().decode(errors="replace")


class Run:
    """One run. `execute` is called in a thread of its own; `done`, `total` and `stop` may be used from others."""

    def __init__(
        self,
        folder: results.Folder,
        matrix: Matrix,
        workload: Workload,
        machines: Sequence[Machine],
        modules: Mapping[str, Module],
        counting: Counting | None,
    ) -> None:
        """`counting` is given if instructions are counted; then there is one machine."""
        self.folder = folder
        self.done = 0
        self.total = sum(len(planned.samples) for planned in folder.plan)
        self._matrix = matrix
        self._workload = workload
        self._machines = machines
        self._modules = modules
        self._counting = counting
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._failed: set[int] = set()  # Cells that take no more samples.
        self._finished: set[str] = set()
        self._lost: list[Exception] = []
        self._sampling: set[str] = set()  # Machines that take a sample now.
        self._described: set[str] = set()  # Machines that the record describes since this start.

    def stop(self) -> None:
        """Makes `execute` return soon; to be repeated until it has. What was taken is kept."""
        self._stopped.set()
        for machine in self._machines:
            # On a test box, what is put back after a sample must not be ended.
            if machine.target.own or machine.target.name in self._sampling:
                machine.target.stop()

    def execute(self) -> None:
        """Takes every sample that is not there yet. Errors: RunError, ResultsError."""
        for key, raw in self.folder.done().items():
            self._note(next(p for p in self.folder.plan if p.key == key), raw)
        threads = []
        for number, machine in enumerate(self._machines):
            mine = [planned for planned in self.folder.plan if planned.index % len(self._machines) == number]
            threads.append(threading.Thread(target=self._work, args=(machine, mine)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in self._lost:
            if not isinstance(error, _EXPECTED):
                raise error
        if self._lost:
            raise RunError("; ".join(dict.fromkeys(map(str, self._lost))))
        if not self._stopped.is_set():
            self.folder.complete()

    def _work(self, machine: Machine, mine: list[PlannedCell]) -> None:
        """Takes the cells of one machine, boot after boot."""
        try:
            for boot in sorted({planned.boot for planned in mine}):
                # Again after a guest has died: the cell that it died in has failed then, so that this comes to an end.
                while (left := [planned for planned in mine if planned.boot == boot and not self._is_done(planned)]) and not self._stopped.is_set():
                    self._boot(machine, left)
        except Exception as error:  # Raised again in execute(), which waits for this thread.
            if not self._stopped.is_set():
                self._lost.append(error)
        finally:
            machine.target.close()

    def _boot(self, machine: Machine, left: list[PlannedCell]) -> None:
        """Takes cells in one boot, until the guest dies in one."""
        target = machine.target
        target.start()
        machine.guard()
        target.watch()
        with environment.Governor(target):
            if self._matrix.sampling.reload == "cell":
                all(self._take_loaded(machine, [planned]) for planned in left)
            else:
                self._take_loaded(machine, left)

    def _take_loaded(self, machine: Machine, cells: list[PlannedCell]) -> bool:
        """Loads the modules, takes cells, and unloads them. Says whether the machine can go on."""
        if self._stopped.is_set():
            return False
        alive = True
        setting = self._load(machine)
        try:
            self._check_log(machine.target, "when the modules are loaded")
            self._describe(machine.target)
            for planned in cells:
                alive = alive and not self._stopped.is_set() and self._take(machine, setting, planned)
            if alive and not self._stopped.is_set():
                self._check_log(machine.target, "after the last cell")
        finally:
            # A guest that takes no more goes away with its modules.
            if not machine.target.own or (alive and self._matrix.sampling.reload == "cell"):
                self._unload(machine, setting)
        return alive

    def _check_log(self, target: Target, when: str) -> None:
        """What the kernel reports here is no cell's. Errors: TargetError."""
        if splats := target.splats():
            line = f"the kernel reports a bug {when}: {splats[0]}"
            self._doubt(target, [line])
            raise TargetError(f"{target.name}: {line}")

    def _doubt(self, target: Target, lines: Sequence[str]) -> None:
        """Notes in the record what makes numbers of a machine doubtful."""
        with self._lock:
            doubts = self.folder.record["doubts"]
            doubts += [line for line in (f"{target.name}: {text}" if len(self._machines) > 1 else text for text in lines) if line not in doubts]
            self.folder.update()

    def _unload(self, machine: Machine, setting: Setting) -> None:
        """Undoes what loading the modules did. Errors: TargetError."""
        try:
            done = machine.target.run(self._workload.unload(self._matrix, setting), _LOAD_TIMEOUT_S)
            if done.rc:
                raise TargetError(f"{machine.target.name}: cannot unload the modules: {_last_line(done.err)}")
            self._check_log(machine.target, "when the modules are unloaded")
        except _EXPECTED as error:
            # What goes wrong because the run was stopped is no error; but this test box is not as it was before.
            if self._stopped.is_set() and not machine.target.own:
                self._lost.append(error)
            raise

    def _load(self, machine: Machine) -> Setting:
        """Loads the modules, and tells the counting plugin where they are. Errors: TargetError."""
        target, counting = machine.target, self._counting
        files = {name: module.path for name, module in self._modules.items() if module.path}
        programs = self._workload.programs()
        files |= programs
        if counting:
            files["mark"] = counting.tools.mark
        placed = target.place(files)
        modules = {name: placed.get(name) or target.stock_module(name) for name in self._modules}
        setting = Setting(machine.cpus, counting is not None, modules, placed.get("mark", ""), target.own, machine.devices, machine.drivers, {name: placed[name] for name in programs})
        script = self._workload.load(self._matrix, setting)
        if counting:
            mark = shlex.quote(setting.mark)
            script += f"{mark} forget\n"
            parts = [part for name, module in self._modules.items() for part in ((name, module.info), *module.rest.items())]
            for name, info in parts:
                for section, length in info.code.items():
                    script += f'{mark} range "$(cat {shlex.quote(f"/sys/module/{name}/sections/{section}")})" {length:x}\n'
            script += f"cat /proc/kallsyms >{shlex.quote(str(counting.symbols))}\n{mark} symbols\n"
        said, _ = self._mark()
        done = target.run(script, _LOAD_TIMEOUT_S)
        if done.rc:
            raise TargetError(f"cannot load the modules: {_last_line(done.err)}")
        if errors := [line for line in said.news().splitlines() if line.startswith("error ")]:
            raise TargetError(f"the counting plugin says: {errors[0]}")
        return setting

    def _describe(self, target: Target) -> None:
        """Notes what the record says of the machine, once in each start of the run."""
        if target.name in self._described:
            return
        system = environment.collect(target, target.accel)
        doubts = environment.doubts(system, target.accel)
        if target.own and not self._counting:
            doubts += environment.host_doubts(environment.collect(LocalTarget(), "metal"), target.accel)
        with self._lock:
            self._described.add(target.name)
            record = self.folder.record
            record["system"] = record["system"] or system
            record.setdefault("systems", []).append({"host": target.name, "system": system})
            record["versions"]["fio"] = ", ".join(dict.fromkeys(str(entry["system"].get("fio", "unknown")) for entry in record["systems"]))
        self._doubt(target, doubts)

    def _take(self, machine: Machine, setting: Setting, planned: PlannedCell) -> bool:
        """Takes a cell, and saves what it left, unless the run was stopped meanwhile. Says whether the machine can go on."""
        target = machine.target
        raw = RawCell(target.name)
        alive = True
        need = self._workload.needs_mib(self._matrix, planned.cell)
        if need > machine.memory - SYSTEM_MIB:
            raw.failure = f"{TOO_LARGE} {need + SYSTEM_MIB} MiB of memory, the machine has {machine.memory} MiB"
        else:
            try:
                self._take_groups(target, setting, planned, raw)
            except TargetError as error:
                # A guest that dies is what the cell did to it; a test box that is lost may have other reasons.
                if not target.own:
                    raise
                raw.failure, alive = str(error), False
            if self._stopped.is_set():
                return False
            if not raw.failure:
                raw.failure = self._why_unsound(setting, planned, raw)
            if alive:
                # In this order: it is seen here if the guest has died since the last script.
                splats, alive = target.splats(), target.alive()
                if splats:
                    raw.failure = f"the kernel reports a bug: {splats[0]}"
                elif not alive:
                    raw.failure = raw.failure or "the guest died when its samples were taken"
            if self._stopped.is_set():
                return False
        self.folder.save(planned, raw)
        self._note(planned, raw)
        return alive

    def _why_unsound(self, setting: Setting, planned: PlannedCell, raw: RawCell) -> str:
        """Why the samples of a cell cannot be used, "" if they can."""
        try:
            results.evaluate(planned, raw, self._workload, setting.counted)
        except workloads.WorkloadError as error:
            return str(error)
        return ""

    def _take_groups(self, target: Target, setting: Setting, planned: PlannedCell, raw: RawCell) -> None:
        """Takes the samples of a cell until one fails, or the run is stopped. Errors: TargetError."""
        for group in self._workload.groups(self._matrix, planned.cell, planned.samples, setting.counted):
            raw.failure = self._take_group(target, setting, planned, group, raw)
            if raw.failure or self._stopped.is_set():
                return
            with self._lock:
                self.done += len(group)

    def _take_group(self, target: Target, setting: Setting, planned: PlannedCell, group: list[PlannedSample], raw: RawCell) -> str:
        """Takes some samples; the reason if one failed, else ""."""
        script = 'read -r load rest </proc/loadavg\necho "$load"\n' + self._workload.script(self._matrix, setting, planned.cell, group)
        seconds = 0 if setting.counted else self._matrix.sampling.seconds + self._matrix.sampling.ramp
        timeout = sum(seconds + _SAMPLE_TIMEOUT_S * (_PROFILE_FACTOR if sample.kind == "profile" else 1) for sample in group)
        counts, stacks = self._mark()
        self._sampling.add(target.name)
        try:
            done = target.run(script, timeout)
        finally:
            self._sampling.discard(target.name)
        load, _, printed = done.out.partition("\n")
        which = f"sample {group[0].id}" if len(group) == 1 else f"samples {group[0].id} to {group[-1].id}"
        try:
            raw.groups.append(RawGroup([sample.id for sample in group], printed, float(load), counts.news()))
        except ValueError:
            return f"{which}: {self._workload.explain(done.err) or 'the script did not start'}"
        if done.rc:
            return f"{which}: {'timed out' if done.rc == 124 else self._workload.explain(done.err) or f'exit code {done.rc}'}"
        profiled = [sample for sample in group if sample.kind == "profile"]
        try:
            if profiled and self._counting:
                found = profile.parse(stacks.news())
                for sample in profiled:
                    if sample.id not in found:
                        return f"sample {sample.id}: the plugin recorded no stacks"
                    self._add_profile(planned, sample, printed, raw, "instructions", found[sample.id])
            elif profiled:
                raw.groups[-1].printed, unit, folded = perf.take(printed)
                self._add_profile(planned, profiled[0], printed, raw, unit, folded)
        except (profile.ProfileError, workloads.WorkloadError, OSError) as error:
            return f"profile: {error}"
        return ""

    def _add_profile(self, planned: PlannedCell, sample: PlannedSample, printed: str, raw: RawCell, unit: str, folded: dict[str, int]) -> None:
        """Adds the call stacks of a sample. Errors: WorkloadError."""
        measured = self._workload.parse(planned.cell, sample, self._counting is not None, printed)
        raw.profiles[sample.side] = {"ios": measured.ios, "unit": unit, "folded": folded}

    def _mark(self) -> tuple[_Growing, _Growing]:
        """What the plugin writes from now on: counts, and stacks."""
        if self._counting is None:
            return _Growing(None), _Growing(None)
        return _Growing(self._counting.counts), _Growing(self._counting.stacks)

    def _is_done(self, planned: PlannedCell) -> bool:
        with self._lock:
            return planned.key in self._finished or planned.index in self._failed

    def _note(self, planned: PlannedCell, raw: RawCell) -> None:
        """Notes that a cell has ended in a boot; one that failed ends in all."""
        with self._lock:
            self._finished.add(planned.key)
            if raw.failure:
                self._failed.add(planned.index)
            ended = {p.key for p in self.folder.plan if p.index in self._failed} | self._finished
            self.done = sum(len(p.samples) for p in self.folder.plan if p.key in ended)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
