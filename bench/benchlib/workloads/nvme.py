# SPDX-License-Identifier: GPL-2.0
"""NVMe drivers: a controller for each side, or one that the drivers take in turn; its first namespace, loaded by fio."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..matrix import Cell, Checker, Matrix, Value
from ..plan import PlannedSample
from . import Measured, Setting, WorkloadError, fio

_CHANGE_MIB = 64  # That a kernel and its tools take while they run.
_BIND_S = 30
# PCI slots of the controllers of a guest made for a run, by side. The control uses that of side A.
_GUEST = {"a": "0000:00:10.0", "b": "0000:00:11.0"}

_CLAIM = f"""\
# Gives the controller $1 to the driver $2, and sets $disk to the name of its block device.
claim() {{
	at=/sys/bus/pci/devices/$1
	[ -d "$at" ] || die "there is no PCI device $1"
	has=
	[ ! -e "$at/driver" ] || has=$(basename "$(readlink -f "$at/driver")")
	if [ "$has" != "$2" ]; then
		[ -z "$has" ] || put "$at/driver/unbind" "$1"
		put "$at/driver_override" "$2"
		put "/sys/bus/pci/drivers/$2/bind" "$1"
	fi
	left={_BIND_S * 10}
	while :; do
		for disk in /sys/block/nvme*n1; do
			case $(readlink -f "$disk/device") in
			*/"$1"/*) disk=$(basename "$disk"); [ -b "/dev/$disk" ] && return ;;
			esac
		done
		left=$((left - 1))
		[ "$left" -gt 0 ] || die "$2 shows no disk of $1 within {_BIND_S} s"
		sleep 0.1
	done
}}
"""


class Nvme:
    """Disks are not made anew for each sample: a driver keeps its controller until the other side needs it."""

    tool = "fio"

    def axes(self) -> dict[str, Callable[[Checker, str, str, Any], Value]]:
        """fio's."""
        return fio.axes()

    def tables(self) -> dict[str, Callable[[Checker, str, Any], dict[str, Value]]]:
        """The modules' parameters, the queue's attributes, and the size of a guest's disks in MiB."""
        return {
            "params": lambda check, table, value: check.plain(table, value),
            "queue": lambda check, table, value: check.plain(table, value),
            "guest": _check_guest,
        }

    def name(self, axes: Mapping[str, Value], varied: set[str]) -> str:
        """The name of a cell."""
        return fio.name(axes, varied)

    def check(self, matrix: Matrix) -> None:
        """Any modules may be named, but they stay loaded: disks of the machine may be theirs."""
        if matrix.sampling.reload != "boot":
            raise WorkloadError("[sample] reload: nvme modules can only be loaded once in each boot")

    def guest_arguments(self, matrix: Matrix) -> list[str]:
        """Two emulated controllers with disks that keep nothing and read as zeroes: the host's storage is not in the way."""
        arguments = []
        size = int(matrix.tables["guest"]["disk"]) << 20
        for side, address in _GUEST.items():
            drive = f"null-co,node-name=disk_{side},size={size},read-zeroes=on"
            slot = address.split(":")[-1].split(".")[0]
            arguments += ["-blockdev", f"driver={drive}"]
            arguments += ["-device", f"nvme,serial=bench_{side},drive=disk_{side},addr=0x{slot}"]
        return arguments

    def programs(self) -> dict[str, Path]:
        """None: fio is installed."""
        return {}

    def needs_mib(self, matrix: Matrix, cell: Cell) -> int:
        """fio's buffers."""
        return 2 * fio.huge_pages(cell) + _CHANGE_MIB

    def load(self, matrix: Matrix, setting: Setting) -> str:
        """Loads both modules; one that is loaded already stays as it is, since disks of the machine may be its."""
        lines = [fio.PRELUDE, "modprobe nvme-core"]
        for name, path in setting.modules.items():
            lines.append(f"if [ ! -d /sys/module/{name} ]; then\n{fio.insmod(name, path, matrix.tables['params'])}fi")
        return "\n".join(lines) + "\n"

    def groups(self, matrix: Matrix, cell: Cell, samples: Sequence[PlannedSample], counted: bool) -> list[list[PlannedSample]]:
        """fio does all samples of a cell when instructions are counted, and its own start would take most of the time.

        Then it is a guest, where each side has a controller of its own.
        """
        return [list(samples)] if counted else [[sample] for sample in samples]

    def script(self, matrix: Matrix, setting: Setting, cell: Cell, group: Sequence[PlannedSample]) -> str:
        """Gives the sides' drivers their controllers, and runs fio."""
        lines = [fio.PRELUDE, _CLAIM, fio.working_folder(":"), fio.take_huge_pages(setting, cell)]
        for side in dict.fromkeys("b" if sample.side == "b" else "a" for sample in group):
            address = _GUEST[side] if setting.own else setting.devices[side]
            lines.append(shlex.join(["claim", address, matrix.b if side == "b" else matrix.a]))
            lines.append(f"disk_{side}=$disk")
            for name, value in matrix.tables["queue"].items():
                lines.append(f'put "/sys/block/$disk/queue/{name}" {shlex.quote(str(value))}')
            lines.append(fio.conditions(side, "$disk"))
        disks = {sample.id: f"/dev/$disk_{'b' if sample.side == 'b' else 'a'}" for sample in group}
        lines.append(fio.run(setting, cell, fio.job_file(setting, matrix.sampling, cell, group, disks, 0), group, expand=True))
        return "\n".join(lines)

    def parse(self, cell: Cell, sample: PlannedSample, counted: bool, printed: str) -> Measured:
        """Reads fio's output. The control uses the controller of side A."""
        return fio.parse(cell, sample, counted, printed, "b" if sample.side == "b" else "a")

    def explain(self, said: str) -> str:
        """fio's own words, else the last line."""
        return fio.explain(said)

    def unload(self, matrix: Matrix, setting: Setting) -> str:
        """Gives each controller back to the driver that it had. The modules stay: other disks may be theirs."""
        lines = [fio.PRELUDE, _CLAIM]
        for address, driver in setting.drivers.items():
            lines.append(shlex.join(["claim", address, driver]))
            # An empty line: any driver may have it again.
            lines.append(f"put /sys/bus/pci/devices/{address}/driver_override ''")
        return "\n".join(lines) + "\n"


def _check_guest(check: Checker, table: str, value: Any) -> dict[str, Value]:
    """disk: MiB of each of the two disks of a guest."""
    check.keys(table, value, ("disk",))
    return {"disk": check.integer(table, "disk", value["disk"], 16, 1 << 24)}
