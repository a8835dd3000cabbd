# SPDX-License-Identifier: GPL-2.0
"""Call-stack profiles by perf, where time is measured: how a script takes one, and what to make of what it prints."""

from __future__ import annotations

import re

from .profile import Folded, ProfileError, demangle

# All CPUs, since a request may end on another one or in a kernel thread. A frequency that no periodic work runs at.
RECORD = ["perf", "record", "--quiet", "--all-cpus", "--call-graph=fp", "--freq=997", "--output=perf.data", "--"]
# Prints the event's name, then the weight of every call stack, outermost function first. Only the kernel's part of it is
# told apart. Modules are from the kernel's own list: perf can take a module's code for the kernel's.
FOLD = r"""echo '@@ stacks'
perf script --input=perf.data --fields=comm,pid,event,period,ip,sym,dso >perf.txt 2>perf.said || die "perf: $(tail -n 1 perf.said)"
awk '
function finish() {
	if (stack != "" && comm != "perf" && (pid || interrupted)) total[stack] += period
	stack = ""
}
FNR == NR { if ($4 == "") kernel[$3]; else module[$3] = $4; next }
/^$/ { finish(); next }
/^[^\t]/ {
	finish()
	event = $NF; period = $(NF - 1); pid = $(NF - 2) + 0; comm = $1; interrupted = 0
	next
}
{
	name = $1 ~ /^f/ && length($1) == 16 ? $2 : "[user]"
	if (name == "[unknown]") name = "[lost]"
	if (name in module && !(name in kernel)) name = name " " module[name]
	if (name ~ /^asm_|^common_interrupt|^sysvec_/) interrupted = 1
	if (stack == "") stack = name
	else if (name != "[user]" || stack !~ /^\[user\]/) stack = name ";" stack
}
END { finish(); print event; for (stack in total) printf "%.0f %s\n", total[stack], stack }' /proc/kallsyms perf.txt
"""
# What an event of perf counts, if its name does not say it.
_UNITS = {"cpu-clock": "ns", "task-clock": "ns"}
_PART = re.compile(r"^@@ stacks\n(.*?)(?=^@@ )", re.MULTILINE | re.DOTALL)


MISSING = "perf is missing: apt-get install linux-perf, or set stacks = false in [sample]"


def take(printed: str) -> tuple[str, str, Folded]:
    """Returns what a script printed but for the profile, the profile's unit, and the profile. Errors: ProfileError."""
    found = _PART.search(printed)
    if not found:
        raise ProfileError("perf printed nothing")
    unit, folded = _parse(found[1])
    return printed[: found.start()] + printed[found.end() :], unit, folded


def _parse(text: str) -> tuple[str, Folded]:
    """Returns the unit and the profile in the lines that a script folded perf's samples to. Errors: ProfileError."""
    event, *lines = demangle(text).strip().splitlines() or [""]
    event = event.partition(":")[0]
    folded = {}
    for line in lines:
        count, _, stack = line.partition(" ")
        if not count.isdecimal() or not stack:
            raise ProfileError(f"perf's samples were not understood: {line}")
        folded[stack] = int(count)
    if not event or not folded:
        raise ProfileError("perf took no samples")
    return _UNITS.get(event, event), folded
