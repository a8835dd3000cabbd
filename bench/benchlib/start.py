# SPDX-License-Identifier: GPL-2.0
"""Sets up runs: from what was asked for, or from the folder of one that was cut short."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from vmlib import PROJECT, KernelError, find, installed_releases, stock_module  # noqa: E402

from . import elf, guards, insn, matrix, perf, plan, results, runner, workloads  # noqa: E402
from .targets import Target, TargetError  # noqa: E402
from .targets.shell import LocalTarget, ShellTarget, SshTarget  # noqa: E402
from .targets.vm import VmTarget  # noqa: E402

# Emulated devices take the host's time: a guest whose clock jumps ahead meanwhile would run through its timers.
_IDLE_IN_TIME = ["-icount", "shift=0,sleep=on"]


@dataclass(frozen=True)
class Wanted:
    """What was asked for; None leaves the choice to the matrix."""

    matrix: str
    profile: str
    targets: list[str]
    releases: list[str]
    accel: str
    samples: int | None
    boots: int | None
    a: str | None
    b: str | None
    devices: list[str]
    erase: list[str]
    seed: int
    out: Path
    command: list[str]


@dataclass(frozen=True)
class Prepared:
    """A run that can begin."""

    label: str
    summary: str
    counted: bool
    run: runner.Run


def prepare(wanted: Wanted, scratch: Path) -> list[Prepared]:
    """Sets up a run for each kernel. Errors: those of the parts."""
    chosen = _choose(wanted)
    workload = workloads.known()[chosen.workload]
    workload.check(chosen)
    if wanted.targets != ["vm"]:
        return [_prepare_boxes(wanted, chosen)]
    releases = list(dict.fromkeys(wanted.releases or installed_releases()))
    if not releases:
        raise KernelError("no supported linux-headers-* (6.1 or 6.12, amd64) installed: run tools/setup")
    if wanted.accel == "icount":
        insn.build(PROJECT / "build" / "bench")  # What cannot be built is better known before a folder is made.
    elif chosen.sampling.stacks and not shutil.which("perf"):
        raise TargetError(perf.MISSING)
    prepared = []
    for release in releases:
        modules = {name: _local_module(name, release) for name in dict.fromkeys((chosen.a, chosen.b))}
        record = _record(wanted, chosen, release, wanted.accel, modules, ["vm"])
        folder = results.Folder.create(wanted.out, record, plan.make_plan(chosen, wanted.seed))
        prepared.append(_guest_run(folder, chosen, modules, scratch / release))
    return prepared


def resume(path: Path, scratch: Path) -> Prepared:
    """Sets up the rest of a run. Errors: those of the parts; RunError if a module is not the one it began with."""
    folder = results.Folder.resume(path)
    record = folder.record
    settings = dict(record["settings"])
    sampling = matrix.Sampling(**settings.pop("sample"))
    del settings["cells"]
    names = [record["modules"][side]["name"] for side in ("a", "b")]
    cells = {planned.index: planned.cell for planned in folder.plan}
    chosen = matrix.Matrix(record["driver"], record["workload"], record["profile"], names[0], names[1], tuple(cells[i] for i in sorted(cells)), sampling, settings)
    if record["target"] == "vm":
        modules = {name: _local_module(name, record["release"]) for name in dict.fromkeys(names)}
        prepared = _guest_run(folder, chosen, modules, scratch)
    else:
        machines = _boxes(record["hosts"], record["devices"], record["erase"], _writes(chosen))
        modules = _box_modules(chosen, machines[0].target, scratch)
        prepared = _box_run(folder, chosen, machines, modules)
    for side, name in zip("ab", names):
        if modules[name].info.build_id != record["modules"][side]["build_id"]:
            raise runner.RunError(f"{path}: module {name} is not the one that the run began with: begin a new run")
    return prepared


def short(path: Path) -> Path:
    """The path as seen from the current folder, if it is in it."""
    path = path.resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _choose(wanted: Wanted) -> matrix.Matrix:
    """Returns the matrix with what was asked for. Errors: MatrixError."""
    shipped = matrix.FOLDER / f"{wanted.matrix}.toml"
    chosen = matrix.load(shipped if shipped.is_file() else Path(wanted.matrix), wanted.profile, workloads.known())
    sampling = chosen.sampling
    count = wanted.samples or sampling.count
    boots = wanted.boots or sampling.boots
    if count < boots:
        raise matrix.MatrixError(f"{boots} boots need as many samples per side and cell, not {count}")
    sampling = dataclasses.replace(sampling, count=count, boots=boots)
    return dataclasses.replace(chosen, a=wanted.a or chosen.a, b=wanted.b or chosen.b, sampling=sampling)


def qemu_arguments(devices: list[str], counting: runner.Counting | None) -> list[str]:
    """What a guest is started with, for its devices and to count."""
    if not counting:
        return devices
    return [*devices, *counting.arguments(), *(_IDLE_IN_TIME if devices else [])]


def _guest_run(folder: results.Folder, chosen: matrix.Matrix, modules: dict[str, runner.Module], scratch: Path) -> Prepared:
    """A run in a guest."""
    record = folder.record
    scratch.mkdir(parents=True, exist_ok=True)
    accel, release = record["accel"], record["release"]
    counting = runner.Counting(insn.build(PROJECT / "build" / "bench"), scratch) if accel == "icount" else None
    workload = workloads.known()[chosen.workload]
    arguments = qemu_arguments(workload.guest_arguments(chosen), counting)
    cpus = 1 if counting else chosen.sampling.cpus
    target = VmTarget(release, accel, cpus, chosen.sampling.memory, scratch, arguments)
    machine = runner.Machine(target, cpus, chosen.sampling.memory, {}, {})
    run = runner.Run(folder, chosen, workload, [machine], modules, counting)
    return Prepared(release, _summary(record, chosen), counting is not None, run)


def _prepare_boxes(wanted: Wanted, chosen: matrix.Matrix) -> Prepared:
    """A run on test boxes."""
    devices = _devices(wanted)
    if chosen.workload != "nvme" and (wanted.devices or wanted.erase):
        raise TargetError(f"--device and --erase are for NVMe disks: {chosen.driver} makes its own")
    if chosen.workload == "nvme" and not wanted.devices:
        raise TargetError("name the NVMe disk to use: --device nvme0n1, and for cells that write --erase nvme0n1")
    machines = _boxes(wanted.targets, devices, wanted.erase, _writes(chosen))
    try:
        return _prepare_reached(wanted, chosen, machines, devices)
    except BaseException:
        for machine in machines:
            machine.target.close()
        raise


def _prepare_reached(wanted: Wanted, chosen: matrix.Matrix, machines: Sequence[runner.Machine], devices: dict[str, str]) -> Prepared:
    """A run on test boxes that answer."""
    for machine in machines:
        machine.guard()
        if chosen.sampling.stacks and machine.target.run("command -v perf").rc:
            raise TargetError(f"{machine.target.name}: {perf.MISSING}")
    releases = {machine.target.release for machine in machines}
    if len(releases) > 1:
        raise TargetError(f"the hosts run different kernels: {', '.join(sorted(releases))}: a matrix is for one")
    release = releases.pop()
    modules = _box_modules(chosen, machines[0].target, Path())
    record = _record(wanted, chosen, release, "metal", modules, wanted.targets)
    record["devices"], record["erase"] = devices, wanted.erase
    folder = results.Folder.create(wanted.out, record, plan.make_plan(chosen, wanted.seed))
    return _box_run(folder, chosen, machines, modules)


def _devices(wanted: Wanted) -> dict[str, str]:
    """The disk of each side."""
    if len(wanted.devices) > 2:
        raise TargetError("--device: name one disk for both sides, or one for each")
    return dict(zip("ab", wanted.devices * 2 if len(wanted.devices) == 1 else wanted.devices))


def _writes(chosen: matrix.Matrix) -> bool:
    """Whether a cell writes."""
    return any("write" in str(cell["rw"]) for cell in chosen.cells)


def _guard(target: Target, devices: Sequence[str], erase: Sequence[str], writes: bool) -> None:
    """Refuses disks that may not be used. Errors: GuardError, TargetError."""
    for device in dict.fromkeys(devices):
        allowed = next((name for name in erase if Path(name).name == Path(device).name), "")
        disk = guards.check(target, device, allowed, writes=writes, unbinds=True)
        print(f"{target.name}: {disk.plan(writes)}", file=sys.stderr)


def _boxes(names: Sequence[str], devices: dict[str, str], erase: Sequence[str], writes: bool) -> list[runner.Machine]:
    """The machines that `names` name, with their CPUs and memory. Errors: TargetError."""
    machines: list[runner.Machine] = []
    targets: list[ShellTarget] = []
    try:
        for name in names:
            targets.append(LocalTarget() if name == "local" else SshTarget(name.removeprefix("ssh:")))
            machines.append(_box(targets[-1], devices, erase, writes))
    except BaseException:
        for target in targets:
            target.close()
        raise
    return machines


def _box(target: ShellTarget, devices: dict[str, str], erase: Sequence[str], writes: bool) -> runner.Machine:
    """A machine, with its CPUs and memory. Errors: TargetError."""
    target.start()
    done = target.run("nproc; sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")
    try:
        cpus, kib = map(int, done.out.split())
    except ValueError:
        raise TargetError(f"{target.name}: cannot tell its CPUs and memory: {done.err.strip()}") from None
    addresses = {side: _pci_address(target, device) for side, device in devices.items()}
    drivers = {address: _pci_driver(target, address) for address in dict.fromkeys(addresses.values())}
    guard = functools.partial(_guard, target, list(devices.values()), erase, writes)
    return runner.Machine(target, cpus, kib // 1024, addresses, drivers, guard)


def _pci_address(target: Target, device: str) -> str:
    """The PCI address of an NVMe disk's controller. Errors: TargetError."""
    name = Path(device).name
    done = target.run(f"readlink -f /sys/block/{shlex.quote(name)}/device/device")
    address = done.out.strip().rpartition("/")[2]
    if not re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", address):
        raise TargetError(f"{target.name}: {name} is no disk of an NVMe controller on PCI")
    return address


def _pci_driver(target: Target, address: str) -> str:
    """The driver that a PCI device has. Errors: TargetError."""
    name = target.run(f"readlink -f /sys/bus/pci/devices/{address}/driver").out.strip().rpartition("/")[2]
    if not re.fullmatch(r"[\w-]+", name):
        raise TargetError(f"{target.name}: {address} has no driver")
    return name


def _box_run(folder: results.Folder, chosen: matrix.Matrix, machines: Sequence[runner.Machine], modules: dict[str, runner.Module]) -> Prepared:
    """A run on test boxes."""
    run = runner.Run(folder, chosen, workloads.known()[chosen.workload], machines, modules, None)
    return Prepared(", ".join(machine.target.name for machine in machines), _summary(folder.record, chosen), False, run)


def _box_modules(chosen: matrix.Matrix, target: Target, scratch: Path) -> dict[str, runner.Module]:
    """The modules of a test box's kernel: the project's if it has them, else the machine's own. Errors: RunError, TargetError."""
    modules = {}
    for name in dict.fromkeys((chosen.a, chosen.b)):
        own = _own_module(name, target.release)
        try:
            if own.is_file():
                modules[name] = runner.Module(name, own, elf.read(own))
                continue
            path = target.stock_module(name)
            done = target.run(f"base64 {shlex.quote(path)}")
            modules[name] = runner.Module(name, None, elf.read_bytes(base64.b64decode(done.out), path))
        except TargetError as error:
            raise runner.RunError(f"{error}, and there is no {own.relative_to(PROJECT)}: run make") from None
        except elf.ElfError as error:
            raise runner.RunError(f"{error}: run make") from None
    return modules


# What the kernel has cut in several modules, and the C++ one is in one.
_REST = {"nvme": ("nvme_core",)}


def _local_module(name: str, release: str) -> runner.Module:
    """Module `name` for `release`: the project's if it has one, else Debian's. Errors: RunError."""
    own = _own_module(name, release)
    try:
        find(release)
        if own.is_file():
            return runner.Module(name, own, elf.read(own))
        rest = {part: elf.read(stock_module(release, part)) for part in _REST.get(name, ())}
        return runner.Module(name, None, elf.read(stock_module(release, name)), rest)
    except KernelError as error:
        raise runner.RunError(f"{error}" if "no module" not in str(error) else f"{error}, and there is no {own.relative_to(PROJECT)}: run make") from None
    except elf.ElfError as error:
        raise runner.RunError(f"{error}: run make") from None


def _own_module(name: str, release: str) -> Path:
    return PROJECT / "build" / release / f"{name}.ko"


def _summary(record: dict[str, Any], chosen: matrix.Matrix) -> str:
    """One line on what is going to be done."""
    sampling = chosen.sampling
    boots = f" in {sampling.boots} boots" if sampling.boots > 1 else ""
    return f"{chosen.driver} {chosen.profile}: {chosen.b} against {chosen.a}, {len(chosen.cells)} cells, {sampling.count} samples per side and cell{boots}, {record['accel']}, --seed {record['seed']}"


def _record(
    wanted: Wanted, chosen: matrix.Matrix, release: str, accel: str, modules: dict[str, runner.Module], hosts: list[str]
) -> dict[str, Any]:
    """The record of a run that has not begun."""

    def side(name: str) -> dict[str, Any]:
        module = modules[name]
        source = str(module.path.relative_to(PROJECT)) if module.path else f"the kernel's own {name}"
        return {"name": name, "file": source, **dataclasses.asdict(module.info)}

    return {
        "format": results.FORMAT,
        "complete": False,
        "driver": chosen.driver,
        "workload": chosen.workload,
        "profile": chosen.profile,
        "tool": workloads.known()[chosen.workload].tool,
        "release": release,
        "accel": accel,
        "target": wanted.targets[0],
        "hosts": hosts,
        "devices": {},
        "erase": [],
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "seed": wanted.seed,
        "boots": chosen.sampling.boots,
        "samples": chosen.sampling.count,
        "command": wanted.command,
        "commit": _commit(),
        "versions": {"fio": "", "qemu": _qemu_version(), "gcc": _first_line(["gcc", "--version"]), "python": platform.python_version()},
        "host": {"cpu": _cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release()},
        "system": {},
        "doubts": [],
        "modules": {"a": side(chosen.a), "b": side(chosen.b)},
        "settings": chosen.settings(),
        "failures": {},
    }


def _said(command: list[str]) -> str:
    """Returns what a command prints, "" if it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _first_line(command: list[str]) -> str:
    return (_said(command).splitlines() or ["unknown"])[0]


def _commit() -> str:
    """Returns the checkout's commit, with +dirty if files differ from it, other than results of earlier runs."""
    git = ["git", "-C", str(PROJECT)]
    commit = _said([*git, "rev-parse", "HEAD"])
    return commit + ("+dirty" if _said([*git, "status", "--porcelain", "--", ".", ":!results"]) else "") if commit else "unknown"


def _cpu_model() -> str:
    """Returns the host's CPU model."""
    match = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _qemu_version() -> str:
    """Returns QEMU's version line."""
    qemu = shutil.which("qemu-system-x86_64")
    return _first_line([qemu, "--version"]) if qemu else "unknown"
