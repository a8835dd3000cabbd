# SPDX-License-Identifier: GPL-2.0
"""The machine under test: what is recorded of it, what makes its numbers doubtful, and its CPU frequency governor.

All that is known of the machine comes from small POSIX shell scripts, run as root by a target: a guest, this machine, or
a host over ssh. They read what there is; a file that does not exist is not an error.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

System = dict[str, str | int | float]

UNKNOWN = "unknown"
NONE = "none"

_TIMEOUT_S = 60
LOAD_LIMIT = 0.5  # Per CPU. A busy loop of somebody else's, on one CPU in two.
_GOVERNOR = "performance"
_CPUS = "sys/devices/system/cpu"

# Kernel options that change what every lock, allocation or memory access costs.
_DEBUG_OPTIONS = (
    "KASAN KCSAN KMSAN KCOV GCOV_KERNEL PROVE_LOCKING PROVE_RCU LOCKDEP DEBUG_LOCK_ALLOC LOCK_STAT DEBUG_SPINLOCK "
    "DEBUG_MUTEXES DEBUG_RWSEMS DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK DEBUG_OBJECTS DEBUG_PAGEALLOC SLUB_DEBUG_ON DEBUG_VM "
    "DEBUG_PREEMPT DEBUG_KOBJECT_RELEASE FAULT_INJECTION"
).split()
# Kernel parameters that change which mitigations are used.
_MITIGATION_PARAMETERS = frozenset(
    "mitigations pti nopti kpti nospectre_v1 nospectre_v2 spectre_v2 spectre_v2_user spectre_bhi retbleed spec_rstack_overflow "
    "nospec_store_bypass_disable spec_store_bypass_disable l1tf mds tsx tsx_async_abort mmio_stale_data srbds gather_data_sampling "
    "reg_file_data_sampling indirect_target_selection tsa vmscape kvm.nx_huge_pages l1d_flush nosmep nosmap nosmt".split()
)
_TAINTS = "PFSRMBUDAWCIOELKXTN"  # Letters by bit; bit 0 is shown as P, a proprietary module.
_OWN_TAINTS = "OE"  # A module from outside the kernel, and one without signature: the ones compared here.
_BAD_CLOCKS = {"jiffies", "refined-jiffies", "hpet", "acpi_pm", "pit"}

# Prints "path:line" of every line of the files below, and then some "name=value". The first line of every script is
# replaced by its test, which reads a made-up machine. Few processes: in an emulator each takes a tenth of a second.
_COLLECT = r"""root=
export LC_ALL=C
cd "$root/" || exit 1
grep -sa '' /dev/null proc/version proc/cmdline proc/loadavg proc/sys/kernel/osrelease proc/sys/kernel/version \
	proc/sys/kernel/tainted sys/kernel/mm/transparent_hugepage/enabled \
	sys/devices/system/clocksource/clocksource0/current_clocksource sys/devices/system/cpu/smt/active \
	sys/devices/system/cpu/intel_pstate/no_turbo sys/devices/system/cpu/cpufreq/boost \
	sys/devices/system/cpu/cpufreq/policy*/scaling_governor sys/devices/system/cpu/cpufreq/policy*/scaling_driver \
	sys/devices/system/cpu/vulnerabilities/* sys/devices/system/node/node[0-9]*/cpulist
grep -sE '^MemTotal:' /dev/null proc/meminfo
grep -sE '^(processor|model name|microcode|flags)' /dev/null proc/cpuinfo
put() { printf '%s=%s\n' "$1" "$2"; }
put fio "$(fio --version 2>/dev/null)"
# The configuration that the kernel has in itself or that was installed beside it. The headers' copy may differ in
# the lines on signing, so its hash is not the other's: the name of the file is part of the record.
read -r release <proc/sys/kernel/osrelease
for file in "boot/config-$release" proc/config.gz "usr/src/linux-headers-$release/.config"; do
	[ -r "$file" ] || continue
	case $file in *.gz) reader=zcat ;; *) reader=cat ;; esac
	hash=$($reader "$file" 2>/dev/null | sha256sum)
	put config "${hash%% *} /$file"
	$reader "$file" 2>/dev/null | sed -n 's/^CONFIG_\([A-Z0-9_]*\)=y$/option=\1/p'
	break
done
exit 0
"""
_LOAD = "root=\ncat \"$root/proc/loadavg\"\n"
_READ_GOVERNORS = r"""root=
for file in "$root"/sys/devices/system/cpu/cpufreq/policy[0-9]*/scaling_governor; do
	[ -e "$file" ] || continue
	policy=${file%/*}
	printf '%s %s\n' "${policy##*/}" "$(cat "$file")"
done
exit 0
"""
# Tries all, and prints the policies that did not take their governor.
_SET_GOVERNORS = r"""root=
set_to() {
	file=$root/sys/devices/system/cpu/cpufreq/$1/scaling_governor
	{ printf '%s' "$2" >"$file"; } 2>/dev/null
	[ "$(cat "$file" 2>/dev/null)" = "$2" ] || printf '%s\n' "$1"
}
"""


class EnvironmentFailed(RuntimeError):
    """The machine under test did not answer, or refused a governor; the text is one line."""


class Result(Protocol):
    """What a script left."""

    @property
    def rc(self) -> int: ...
    @property
    def out(self) -> str: ...
    @property
    def err(self) -> str: ...


class Shell(Protocol):
    """A machine that runs scripts for /bin/sh as root."""

    def run(self, script: str, timeout: float = 60) -> Result:
        """Runs a script for at most `timeout` seconds."""


def collect(target: Shell, accel: str) -> System:
    """Describes the machine: names and values, in the order to be shown. Memory is in MiB, the load over a minute.

    `accel` is how its instructions are run ("icount", "tcg", "kvm" or "metal"). What cannot be known is "unknown", what
    the machine does not have is "none". Errors: EnvironmentFailed if the machine does not answer.
    """
    facts = _Facts(_ask(target, _COLLECT))
    options = set(facts.lines.get("option", []))
    system: System = {
        "accelerator": accel,
        "kernel": f"{facts.one('proc/sys/kernel/osrelease')} {facts.one('proc/sys/kernel/version')}",
        "kernel compiler": _compiler(facts.one("proc/version")),
        "kernel configuration": facts.one("config") if options else UNKNOWN,
        "kernel debug options": _debug_options(options),
        "command line": facts.one("proc/cmdline"),
        "tainted": _taint(facts.one("proc/sys/kernel/tainted")),
        "cpu": facts.cpu("model name"),
        "microcode": facts.cpu("microcode"),
        "cpus": len(facts.cpus("processor")) or UNKNOWN,
        "smt": {"0": "off", "1": "on"}.get(facts.one(f"{_CPUS}/smt/active"), UNKNOWN),
        "numa nodes": len(facts.under("sys/devices/system/node")) or UNKNOWN,
        "memory": _memory(facts.one("proc/meminfo")),
        "hypervisor": _hypervisor(facts.cpu("flags")),
        "governor": _distinct(facts.under(f"{_CPUS}/cpufreq", "scaling_governor"), NONE),
        "frequency driver": _distinct(facts.under(f"{_CPUS}/cpufreq", "scaling_driver"), NONE),
        "boost": _boost(facts),
        "clocksource": facts.one("sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "transparent huge pages": _chosen(facts.one("sys/kernel/mm/transparent_hugepage/enabled")),
        "fio": facts.one("fio"),
        "load": _load(facts.one("proc/loadavg")),
    }
    system.update({f"mitigation {name}": text for name, text in facts.named(f"{_CPUS}/vulnerabilities").items()})
    return system


def load(target: Shell) -> float:
    """Returns the machine's load average over the last minute. Errors: EnvironmentFailed."""
    value = _load(_ask(target, _LOAD))
    if isinstance(value, str):
        raise EnvironmentFailed("the machine under test has no readable /proc/loadavg")
    return value


def doubts(system: Mapping[str, str | int | float], accel: str) -> list[str]:
    """Says, one line each, what makes numbers from this machine doubtful, as it was when `system` was collected."""
    lines = []
    if accel == "icount":
        lines.append("emulated: instructions are counted, and instructions are not time")
    elif accel == "tcg":
        lines.append("emulated: times are those of an emulator, and say little about hardware")
    if accel == "metal":
        lines += _frequency_doubts(system)
        if system["hypervisor"] == "yes":
            lines.append("the machine is itself a virtual one: its hypervisor and neighbours share in the times")
    if accel in ("metal", "kvm") and system["clocksource"] in _BAD_CLOCKS:
        lines.append(f"the clock is read from {system['clocksource']}, as if the CPU's own were unstable: times are coarse")
    if accel != "icount":
        lines += _load_doubts(system)
    return lines + _kernel_doubts(system)


def host_doubts(host: Mapping[str, str | int | float], accel: str) -> list[str]:
    """Says what of the machine that runs a guest makes the guest's times doubtful; `host` as from collect()."""
    if accel not in ("kvm", "tcg"):
        return []
    return [f"host: {line}" for line in _frequency_doubts(host) + _load_doubts(host)]


class _Facts:
    """What the script of collect() printed: lines, by path without the first slash, or by name."""

    def __init__(self, text: str) -> None:
        self.lines: dict[str, list[str]] = {}
        for line in text.splitlines():
            match = re.match(r"((?:proc|sys)/[^:]*):|(\w+)=", line)
            if match:
                self.lines.setdefault(match[1] or match[2], []).append(line[match.end() :].strip())

    def one(self, name: str) -> str:
        """The text of a file or name; "unknown" if there is none."""
        return " ".join(self.lines.get(name, [])) or UNKNOWN

    def named(self, folder: str) -> dict[str, str]:
        """Texts of all files below a folder, by the rest of the path."""
        return {path.removeprefix(f"{folder}/"): self.one(path) for path in sorted(self.lines) if path.startswith(f"{folder}/")}

    def under(self, folder: str, name: str = "") -> list[str]:
        """Texts of all files below a folder whose paths end with `name`."""
        return [text for path, text in self.named(folder).items() if path.endswith(name)]

    def cpus(self, key: str) -> list[str]:
        """Values of a key of /proc/cpuinfo, one for each CPU."""
        pairs = [line.partition(":") for line in self.lines.get("proc/cpuinfo", [])]
        return [value.strip() for name, _, value in pairs if name.strip() == key]

    def cpu(self, key: str) -> str:
        """All different values of a key of /proc/cpuinfo."""
        return _distinct(self.cpus(key), UNKNOWN)


class Governor:
    """Sets every CPU's frequency governor to performance in the `with` block, and puts each back at its end.

    Does nothing on a machine whose kernel does not set frequencies. What cannot be put back is said on standard error.
    """

    def __init__(self, target: Shell) -> None:
        self._target = target
        self._before: dict[str, str] = {}

    def __enter__(self) -> Governor:
        """Sets them. Errors: EnvironmentFailed, with all put back, if a CPU does not take it."""
        found = [line.split() for line in _ask(self._target, _READ_GOVERNORS).splitlines()]
        if any(len(words) != 2 for words in found):
            raise EnvironmentFailed("cannot read the CPUs' frequency governors (scaling_governor in sysfs)")
        self._before = {policy: governor for policy, governor in found if governor != _GOVERNOR}
        try:
            refused = self._set(dict.fromkeys(self._before, _GOVERNOR))
            if refused:
                raise EnvironmentFailed(f"cannot set the frequency governor {_GOVERNOR} of {', '.join(refused)}")
        except BaseException:
            self._put_back()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._put_back()
        except KeyboardInterrupt:
            self._put_back()
            raise

    def _put_back(self) -> None:
        """Puts all back as they were, and says of which this failed."""
        try:
            failed = self._set(self._before)
            why = ""
        except Exception as error:  # Whatever a target raises: what follows in the caller's cleanup must still run.
            failed = list(self._before)
            why = f": {error}"
        for policy in failed:
            print(f"the frequency governor of {policy} could not be put back to {self._before[policy]}{why}", file=sys.stderr)

    def _set(self, governors: Mapping[str, str]) -> list[str]:
        """Sets governors, by policy; returns the policies that did not take theirs. Errors: EnvironmentFailed."""
        if not governors:
            return []
        calls = [shlex.join(["set_to", policy, governor]) for policy, governor in governors.items()]
        return _ask(self._target, _SET_GOVERNORS + "\n".join(calls) + "\nexit 0\n").split()


def _ask(target: Shell, script: str) -> str:
    """Returns what a script prints. Errors: EnvironmentFailed if its exit code is not 0."""
    result = target.run(script, timeout=_TIMEOUT_S)
    if result.rc:
        said = result.err.strip().splitlines()
        raise EnvironmentFailed(f"the machine under test does not answer: {said[-1] if said else f'exit code {result.rc}'}")
    return result.out


def _frequency_doubts(system: Mapping[str, str | int | float]) -> list[str]:
    """What makes a CPU's speed change by itself."""
    lines = []
    if system["governor"] not in (_GOVERNOR, NONE, UNKNOWN):
        lines.append(f"the CPUs' frequency governor is {system['governor']}, not {_GOVERNOR}: their speed follows the load")
    if system["boost"] == "on":
        lines.append("boost is on: the CPUs' speed depends on heat and on what the other CPUs do")
    if system["smt"] == "on":
        lines.append("SMT is on: two threads share a core, and one slows the other")
    return lines


def _load_doubts(system: Mapping[str, str | int | float]) -> list[str]:
    value, cpus = system["load"], system["cpus"]
    if isinstance(value, str) or isinstance(cpus, str) or value <= LOAD_LIMIT * max(1, cpus):
        return []
    return [f"the load average is {value:g} on {cpus} CPUs: something else runs"]


def _kernel_doubts(system: Mapping[str, str | int | float]) -> list[str]:
    """What makes a kernel one that nobody uses."""
    lines = []
    words = [word for word in str(system["command line"]).split() if word.partition("=")[0] in _MITIGATION_PARAMETERS]
    if words and words not in (["mitigations=off"], ["mitigations=auto"]):
        lines.append(f"mitigations are neither the kernel's defaults nor all off: {' '.join(words)}")
    options = system["kernel debug options"]
    if options not in (NONE, UNKNOWN):
        lines.append(f"it is a debug kernel: {options}")
    taints = [word for word in str(system["tainted"]).split() if word not in (*_OWN_TAINTS, NONE, UNKNOWN)]
    if taints:
        lines.append(f"the kernel is tainted ({' '.join(taints)}): see Documentation/admin-guide/tainted-kernels.rst")
    return lines


def _distinct(values: list[str], otherwise: str) -> str:
    return ", ".join(dict.fromkeys(sorted(values))) or otherwise


def _hypervisor(flags: str) -> str:
    if flags == UNKNOWN:
        return UNKNOWN
    return "yes" if "hypervisor" in flags.split() else "no"


def _memory(line: str) -> str:
    """The number of kB of a line of /proc/meminfo, in MiB."""
    match = re.search(r"(\d+) kB$", line)
    return f"{int(match[1]) // 1024} MiB" if match else UNKNOWN


def _load(text: str) -> float | str:
    words = text.split()
    return float(words[0]) if words and re.fullmatch(r"\d+\.\d+", words[0]) else UNKNOWN


def _boost(facts: _Facts) -> str:
    """Whether the CPUs may run faster than their nominal speed; only one of the two files exists on a machine."""
    no_turbo = facts.one(f"{_CPUS}/intel_pstate/no_turbo")
    if no_turbo in ("0", "1"):
        return "on" if no_turbo == "0" else "off"
    return {"0": "off", "1": "on"}.get(facts.one(f"{_CPUS}/cpufreq/boost"), UNKNOWN)


def _chosen(text: str) -> str:
    """The value in brackets of a sysfs file that lists its choices."""
    match = re.search(r"\[(\w+)\]", text)
    return match[1] if match else text


def _taint(text: str) -> str:
    """Letters of a taint mask, apart; "none" if it is 0."""
    if not text.isdigit():
        return UNKNOWN
    mask = int(text)
    letters = [letter for bit, letter in enumerate(_TAINTS) if mask >> bit & 1]
    if mask >> len(_TAINTS):
        letters.append(f"{mask >> len(_TAINTS) << len(_TAINTS):#x}")
    return " ".join(letters) or NONE


def _compiler(version: str) -> str:
    """The compiler in the text of /proc/version: what the second outer pair of parentheses has, but for the linker."""
    depth, start, groups = 0, 0, []
    for place, letter in enumerate(version):
        if letter == "(":
            depth += 1
            if depth == 1:
                start = place + 1
        elif letter == ")" and depth:
            depth -= 1
            if depth == 0:
                groups.append(version[start:place])
    return re.split(r", (?:GNU ld|LLD)\b", groups[1])[0] if len(groups) > 1 else UNKNOWN


def _debug_options(options: set[str]) -> str:
    """Names of the options set that slow a kernel down; "unknown" if there is no configuration to look at."""
    if not options:
        return UNKNOWN
    if "DEBUG_KMEMLEAK_DEFAULT_OFF" in options:
        options = options - {"DEBUG_KMEMLEAK"}
    return " ".join(name for name in _DEBUG_OPTIONS if name in options) or NONE
