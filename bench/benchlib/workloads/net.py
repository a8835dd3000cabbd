# SPDX-License-Identifier: GPL-2.0
"""Network drivers: two cards for each side on a wire of their own, and bench/net/netload between them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import insn, perf
from ..matrix import Cell, Checker, Matrix, Value
from ..plan import PlannedSample
from . import Measured, Setting, WorkloadError, fio

PROJECT = Path(__file__).resolve().parents[3]
_SOURCE = PROJECT / "bench" / "net" / "netload.cc"
_FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-static"]
_GENERATED = ("pktgen", "pktgen_burst")
# Frames at a time; the part of them that has to arrive.
_BURST = 32
_ARRIVE = 0.9
_LOADS = ("tcp_rr", "udp_rr", "tcp_stream", "udp_stream", *_GENERATED)
_CARD = re.compile(r"e1000(-82544gc|-82545em)?")
_LINK_S = 30
_NEED_MIB = 64
_PART = re.compile(r"^@@ (\w+) (\S+)$", re.MULTILINE)
# PCI slots of a guest's cards, by side; the control uses those of side A.
_SLOTS = {"a": ("0000:00:10.0", "0000:00:11.0"), "b": ("0000:00:12.0", "0000:00:13.0")}

_WIRE = f"""\
# Makes of two cards, $3 and $4, that the driver $2 gets, a wire between two namespaces, s$1 and c$1.
wire() {{
	for role in s c; do
		card=$3
		address=10.77.0.1
		[ "$role" = s ] || {{ card=$4; address=10.77.0.2; }}
		at=/sys/bus/pci/devices/$card
		ip netns add "$role$1"
		[ ! -e "$at/driver" ] || put "$at/driver/unbind" "$card"
		put "$at/driver_override" "$2"
		put "/sys/bus/pci/drivers/$2/bind" "$card"
		name=$(ls "$at/net") || die "$2 shows no interface of $card"
		ip link set "$name" netns "$role$1" name port0
		ip netns exec "$role$1" sysctl -qw net.ipv6.conf.port0.disable_ipv6=1
		ip -n "$role$1" address add "$address/24" dev port0
		ip -n "$role$1" link set port0 up
	done
	left={_LINK_S * 10}
	while :; do
		up=0
		for role in s c; do
			! ip -n "$role$1" -o link show port0 | grep -q LOWER_UP || up=$((up + 1))
		done
		[ "$up" -lt 2 ] || break
		left=$((left - 1))
		[ "$left" -gt 0 ] || die "$2: no link within {_LINK_S} s"
		sleep 0.1
	done
	# Addresses that never age: no packet but the load's.
	for role in s c; do
		other=c
		[ "$role" = s ] || other=s
		peer=10.77.0.2
		[ "$role" = s ] || peer=10.77.0.1
		link=$(ip -n "$other$1" -o link show port0 | sed 's/.*link.ether \\([^ ]*\\).*/\\1/')
		ip -n "$role$1" neighbour replace "$peer" lladdr "$link" nud permanent dev port0
	done
}}
"""


class Net:
    """The cards are bound once in a boot, and stay."""

    tool = "netload"

    def axes(self) -> dict[str, Callable[[Checker, str, str, Any], Value]]:
        """What is sent, and how many bytes at a time."""
        return {
            "load": lambda check, table, key, value: check.choice(table, key, value, _LOADS),
            "bs": lambda check, table, key, value: check.integer(table, key, value, 1, 1 << 16),
        }

    def tables(self) -> dict[str, Callable[[Checker, str, Any], dict[str, Value]]]:
        """The modules' parameters, and the guest's cards."""
        return {"params": lambda check, table, value: check.plain(table, value), "guest": _check_guest}

    def name(self, axes: Mapping[str, Value], varied: set[str]) -> str:
        """The name of a cell."""
        return f"{axes['load']} {axes['bs']}"

    def check(self, matrix: Matrix) -> None:
        """A module that has other cards of the machine stays loaded."""
        if matrix.sampling.reload != "boot":
            raise WorkloadError("[sample] reload: network modules can only be loaded once in each boot")

    def guest_arguments(self, matrix: Matrix) -> list[str]:
        """Two emulated cards for each side, on a hub of their own."""
        card = matrix.tables["guest"]["card"]
        arguments = []
        for hub, slots in enumerate(_SLOTS.values()):
            for slot in slots:
                number = int(slot.split(":")[-1].split(".")[0], 16)
                arguments += ["-netdev", f"hubport,id=h{number},hubid={hub}"]
                arguments += ["-device", f"{card},netdev=h{number},mac=52:54:00:77:00:{number:02x},addr={number:#x},romfile="]
        return arguments

    def programs(self) -> dict[str, Path]:
        """netload. Errors: InsnError."""
        target = PROJECT / "build" / "bench" / "netload"
        target.parent.mkdir(parents=True, exist_ok=True)
        insn.compile_newer(["g++", *_FLAGS], [_SOURCE], [insn.SOURCES / "mark.h"], target)
        return {"netload": target}

    def needs_mib(self, matrix: Matrix, cell: Cell) -> int:
        """Sockets and rings."""
        return _NEED_MIB

    def load(self, matrix: Matrix, setting: Setting) -> str:
        """Loads both modules and gives them their cards."""
        if not setting.own:
            raise WorkloadError("network cards are compared in guests only")
        lines = [fio.PRELUDE, _WIRE]
        if any(cell["load"] in _GENERATED for cell in matrix.cells):
            lines.append("modprobe pktgen")
        for name, path in setting.modules.items():
            lines.append(f"[ ! -d /sys/module/{name} ] || rmmod {name}\n{fio.insmod(name, path, matrix.tables['params'])}")
        for side, slots in _SLOTS.items():
            lines.append(shlex.join(["wire", side, matrix.b if side == "b" else matrix.a, *slots]))
        return "\n".join(lines) + "\n"

    def groups(self, matrix: Matrix, cell: Cell, samples: Sequence[PlannedSample], counted: bool) -> list[list[PlannedSample]]:
        """All samples of a cell at once where instructions are counted; otherwise one by one."""
        return [list(samples)] if counted else [[sample] for sample in samples]

    def script(self, matrix: Matrix, setting: Setting, cell: Cell, group: Sequence[PlannedSample]) -> str:
        """Prints what the stack may ask of the cards, and runs netload."""
        lines = [fio.PRELUDE, fio.working_folder(":")]
        # In memory: where instructions are counted, time passes at once while the guest waits for the host's files.
        lines.append(f"cp {shlex.join([setting.programs['netload'], *([setting.mark] if setting.counted else [])])} .")
        for side in dict.fromkeys("b" if sample.side == "b" else "a" for sample in group):
            lines.append(f"echo '@@ conditions {side}'\nip netns exec c{side} ethtool -k port0 | sort\nip -n c{side} -d link show port0 | grep -o 'mtu [0-9]*\\|qlen [0-9]*\\|gso_max_s[a-z]* [0-9]*'")
        for sample in group:
            side = "b" if sample.side == "b" else "a"
            command = ["./netload", str(cell["load"]), str(cell["bs"])]
            command += [str(sample.ios), "0"] if setting.counted else ["0", str(1 if sample.kind == "warmup" else matrix.sampling.seconds)]
            command += [f"/run/netns/s{side}", f"/run/netns/c{side}", "10.77.0.1"]
            if setting.counted:
                word = {"measure": f"sample {sample.id}", "profile": f"profile {sample.id}"}.get(sample.kind, "end")
                command = ["chrt", "--fifo", "1", *command, f"./mark {word}"]
            elif sample.kind == "profile":
                command = [*perf.RECORD, *command]
            lines.append(f"{shlex.join(command)} >said\n{perf.FOLD if sample.kind == 'profile' and not setting.counted else ''}echo '@@ sample {sample.id}'\ncat said")
        return "\n".join(lines) + "\n"

    def parse(self, cell: Cell, sample: PlannedSample, counted: bool, printed: str) -> Measured:
        """Reads netload's line. Errors: WorkloadError."""
        pieces = _PART.split(printed)
        parts = {(kind, name): text for kind, name, text in zip(pieces[1::3], pieces[2::3], pieces[3::3])}
        conditions = parts.get(("conditions", "b" if sample.side == "b" else "a"), "").strip()
        if not conditions:
            raise WorkloadError("what its cards offer was not printed")
        try:
            said = json.loads(parts.get(("sample", sample.id), ""))
            operations, took = int(said["operations"]), int(said["ns"])
            # Who sends and waits for no answer has no latency.
            waits = sample.kind == "latency" and str(cell["load"]).endswith("_rr")
            values = {metric: float(said[metric]) for metric in ("p50", "p99", "p999") if waits}
        except (ValueError, KeyError, TypeError) as error:
            raise WorkloadError(f"netload's output is not understood: {error!r}") from None
        # The generator sends whole bursts, and more than a receiver may take.
        some = cell["load"] in _GENERATED and sample.ios * _ARRIVE <= operations < sample.ios + _BURST
        if not operations or not took or (counted and operations != sample.ios and not some):
            raise WorkloadError(f"netload did {operations} operations in {took} ns")
        if not counted and sample.kind != "latency":
            values = {"iops": operations * 1e9 / took, "bw": operations * cell.number("bs") * 1e9 / took}
        return Measured(operations, values, conditions)

    def explain(self, said: str) -> str:
        """The last line."""
        return fio.explain(said)

    def unload(self, matrix: Matrix, setting: Setting) -> str:
        """Nothing: the guest ends."""
        return ":\n"


def _check_guest(check: Checker, table: str, value: Any) -> dict[str, Value]:
    """card: QEMU's model."""
    check.keys(table, value, ("card",))
    return {"card": check.text(table, "card", value["card"], _CARD)}
