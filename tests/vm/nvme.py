# SPDX-License-Identifier: GPL-2.0
"""Drives nvme_cpp in a guest with controllers that QEMU emulates, for its test suites.

A test file says which controllers it wants and gets a guest with them:

    CONTROLLERS = [Controller("plain", namespaces=[Namespace()])]
    vm = guest_fixture(CONTROLLERS)
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import testkernel
from fio import environment as fio_environment

from vmlib import PROJECT, Job, Result, Vm

NAME = "nvme_cpp"
_FIRST_SLOT = 0x10
_FIO = ["--output-format=json", "--eta=never", "--clocksource=clock_gettime", "--direct=1", "--verify_state_save=0", "--group_reporting=1"]
# What the driver has while it is loaded.
_TRACES = " ".join(f"{folder}/*{name}*" for folder in ("/dev", "/sys/bus/pci/drivers", "/proc/irq/*") for name in ("nvmecpp", "nvme_cpp"))
_STAMP = re.compile(r"^\[[\s\d.]+\] ")
MIB = 1 << 20


@dataclass(frozen=True)
class Namespace:
    """One namespace: `block` bytes in a block, `mib` in all; `options` are QEMU's for nvme-ns."""

    block: int = 512
    mib: int = 64
    options: str = ""


@dataclass(frozen=True)
class Controller:
    """One controller; `options` are QEMU's for the device nvme."""

    name: str
    namespaces: tuple[Namespace, ...] = (Namespace(),)
    options: str = ""


# Reads of the sectors from 128 on, four KiB of them, fail.
_FAULTS = """[inject-error]
event = "read_aio"
errno = "5"
sector = "128"
once = "off"
"""


def _drive(disk: Path, drive: str, kind: str) -> str:
    """QEMU's argument for a drive; `kind` is "", "faulty", or more options."""
    common = f"if=none,id={drive},cache=unsafe,discard=unmap,detect-zeroes=off"
    if kind == "faulty":
        rules = disk.with_suffix(".rules")
        rules.write_text(_FAULTS)
        return f"file=blkdebug:{rules}:{disk},format=raw,{common}"
    return f"file={disk},format=raw,{common}" + (f",{kind}" if kind else "")


def qemu_arguments(controllers: list[Controller], folder: Path, trace: tuple[str, ...] = (), drives: dict[str, str] | None = None) -> list[str]:
    """QEMU's arguments for the controllers, each in a slot of its own, with disks in `folder` and the events in `trace`
    written to trace.log there. `drives` has what is special about the disks of some controllers."""
    arguments: list[str] = []
    for number, controller in enumerate(controllers):
        options = f",{controller.options}" if controller.options else ""
        arguments += ["-device", f"nvme,id={controller.name},serial={controller.name},addr={_FIRST_SLOT + number:#x}{options}"]
        for index, namespace in enumerate(controller.namespaces, 1):
            disk = folder / f"{controller.name}-{index}.img"
            disk.touch()
            with disk.open("r+b") as file:
                file.truncate(namespace.mib * MIB)
            drive = f"{controller.name}-d{index}"
            arguments += ["-drive", _drive(disk, drive, (drives or {}).get(controller.name, ""))]
            more = f",{namespace.options}" if namespace.options else ""
            sizes = f"logical_block_size={namespace.block},physical_block_size={namespace.block}"
            arguments += ["-device", f"nvme-ns,drive={drive},bus={controller.name},nsid={index},{sizes}{more}"]
    arguments += ["-chardev", f"socket,id=hmp,path={folder}/hmp,server=on,wait=off", "-mon", "chardev=hmp,mode=readline"]
    if trace:
        arguments += ["-D", str(folder / "trace.log")]
        for event in trace:
            arguments += ["-trace", f"enable={event}"]
    return arguments


def guest_fixture(controllers: list[Controller], *, smp: int = 2, append: str = "", trace: tuple[str, ...] = (), drive_options: dict[str, str] | None = None, machine: tuple[str, ...] = ()) -> Any:
    """The fixture `vm` for a file of tests: a guest of the release under test that has the controllers; `machine` are more
    of QEMU's arguments, before theirs."""

    @pytest.fixture(scope="module")
    def vm(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vm]:
        folder = tmp_path_factory.mktemp("nvme")
        with Vm(release, smp=smp, mem=1024, cwd=PROJECT, append=append, qemu_args=[*machine, *qemu_arguments(controllers, folder, trace, drive_options)]) as guest:
            guest.nvme = (controllers, folder)  # type: ignore[attr-defined]
            with testkernel.loses_nothing(guest):
                yield guest

    return vm


class FioFailed(AssertionError):
    """fio ended with an error; the text is what it printed."""


@dataclass
class Driver:
    """nvme_cpp in a guest. At the end of the `with` block it is unloaded, and nothing of it may be left."""

    vm: Vm
    path: Path
    slots: dict[str, str] = field(default_factory=dict)
    _seen: int = 0

    def __enter__(self) -> Driver:
        controllers, self.folder = self.vm.nvme  # type: ignore[attr-defined]
        self.slots = {c.name: f"0000:00:{_FIRST_SLOT + number:02x}.0" for number, c in enumerate(controllers)}
        self._seen = len(self.vm.dmesg_lines(whole=True))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self.vm.alive:
            return
        left = self._quick(f"/bin/busybox rmmod {NAME} 2>/dev/null; {self._forget()}; for f in {_TRACES}; do [ ! -e $f ] || echo $f; done", 90).out
        if kind is None:
            assert left == "", "the test left something behind"

    def _quick(self, command: str, timeout: float = 60) -> Result:
        """Runs a command by busybox alone: what is linked with libraries takes several times as long to start in the emulator."""
        return self.vm.run(["/bin/busybox", "sh", "-c", command], timeout)

    def sh(self, command: str, timeout: float = 60, check: bool = True) -> str:
        """Runs a shell command in the guest: what it printed."""
        return self.vm.run(command, timeout, check=check).out

    def load(self, params: str = "") -> str:
        """Loads the module: "" or what insmod complained about."""
        return self.vm.run(["insmod", self.path, *shlex.split(params)], 90).err.strip()

    def unload(self) -> None:
        """Unloads the module, and forgets what was given to it: it would have that back when it is loaded."""
        done = self._quick(f"/bin/busybox rmmod {NAME} && {self._forget()}", 90)
        assert done.rc == 0, done.err

    def _forget(self) -> str:
        return f"for d in {' '.join(self.slots.values())}; do [ ! -e /sys/bus/pci/devices/$d ] || echo > /sys/bus/pci/devices/$d/driver_override; done"

    def bind(self, name: str) -> None:
        """Gives a controller to the driver."""
        slot = self.slots[name]
        done = self._quick(f"echo {NAME} > /sys/bus/pci/devices/{slot}/driver_override && echo {slot} > /sys/bus/pci/drivers/{NAME}/bind", 90)
        assert done.rc == 0, f"bind: {done.err}\n" + "\n".join(self.log())

    def unbind(self, name: str, timeout: float = 90) -> None:
        """Takes it away."""
        done = self._quick(f"echo {self.slots[name]} > /sys/bus/pci/drivers/{NAME}/unbind", timeout)
        assert done.rc == 0, done.err

    def disks(self) -> list[str]:
        """The names of the disks that there are."""
        return sorted(name for name in self._quick("echo /sys/block/nvme*").out.replace("/sys/block/", "").split() if name != "nvme*")

    def queue(self, attribute: str, disk: str = "nvmecpp0n1") -> str:
        """An attribute of a disk's queue."""
        done = self._quick(f"cat /sys/block/{disk}/queue/{attribute}")
        assert done.rc == 0, done.err
        return done.out.strip()

    def log(self) -> list[str]:
        """The driver's lines since the last call, without time stamps and names."""
        lines = self.vm.dmesg_lines(whole=True)
        fresh, self._seen = lines[self._seen :], len(lines)
        found = [_STAMP.sub("", line) for line in fresh]
        return [line.partition(": ")[2] for line in found if line.startswith(f"{NAME}: ")]

    def wait_for(self, command: str, timeout: float = 60) -> None:
        """Waits until a shell command succeeds."""
        deadline = time.monotonic() + timeout
        while self.vm.run(command).rc != 0:
            assert time.monotonic() < deadline, f"not within {timeout} s: {command}"
            time.sleep(0.3)

    def fio(self, *options: str, timeout: float = 120) -> dict[str, Any]:
        """Runs one job of fio: its report. Errors: FioFailed."""
        done = self.vm.run(["fio", *_FIO, "--name=job", *options], timeout, env=fio_environment(), cwd="/tmp")
        report = done.out[done.out.find("{") :]
        if done.rc != 0 or not report:
            raise FioFailed(f"fio: exit code {done.rc}\n{done.out[:1500]}\n{done.err[-1500:]}")
        return json.loads(report)["jobs"][0]

    def verify(self, disk: str, *options: str, timeout: float = 180) -> dict[str, Any]:
        """Writes, and reads back what was written; fails if it is not the same."""
        return self.fio(f"--filename=/dev/{disk}", "--rw=randwrite", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", *options, timeout=timeout)

    def start_fio(self, *options: str) -> Job:
        """Starts one job of fio and returns at once."""
        return self.vm.start(["fio", *_FIO, "--name=job", *options], env=fio_environment(), cwd="/tmp")

    def hmp(self, command: str) -> None:
        """Tells QEMU's monitor something."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            monitor.connect(str(self.folder / "hmp"))
            said = b""
            for text in b"", command.encode() + b"\n":
                monitor.sendall(text)
                said = b""
                while not said.endswith(b"(qemu) "):
                    said += monitor.recv(4096)
        assert b"Error" not in said, said.decode(errors="replace")

    def trace(self) -> list[str]:
        """What QEMU's events wrote so far, without process and time."""
        lines = (self.folder / "trace.log").read_text(errors="replace").splitlines()
        return [re.sub(r"^\d+@[\d.]+:", "", line) for line in lines]
