# SPDX-License-Identifier: GPL-2.0
"""Which real disks may be written: none but one that is named explicitly, that nobody uses, that holds nothing that can be
recognised, and that the user has said, with its name, is to be erased.

One shell script on the machine under test reads what there is to know of the disk. It writes nothing, and opens devices
for reading only. What it cannot find out is a reason to refuse.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from .environment import Shell

_TIMEOUT_S = 120
# Names go into a shell script. Also, no part of a path may begin with a dot.
_PATH = re.compile(r"/dev(/[A-Za-z0-9_+:@=-][A-Za-z0-9._+:@=-]*)+")

# Tools of the script, and the Debian package of each.
_TOOLS = {
    "awk": "mawk",
    "cat": "coreutils",
    "dd": "coreutils",
    "find": "findutils",
    "id": "coreutils",
    "perl": "perl-base",
    "readlink": "coreutils",
    "sed": "sed",
    "sort": "coreutils",
    "stat": "coreutils",
    "tr": "coreutils",
    "wipefs": "util-linux",
}

# What wipefs calls the use of a signature, but for file systems.
_CONTENTS = {"partition-table": "a partition table", "raid": "a part of a RAID or volume group", "crypto": "an encrypted volume"}

# Prints lines of words with tabs between them; the last one is "end". `given` and `siblings` (yes or no) come from
# _script(). The first line is replaced by tests, which read a made-up machine.
_INSPECT = r"""
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
umask 077
tab=$(printf '\t')
say() { line=$1; shift; for word; do line=$line$tab$word; done; printf '%s\n' "$line"; }
finish() { say end; exit 0; }
# The first line of a file; nothing, and a complaint, if it cannot be read.
text() {
	got=
	{ IFS= read -r got <"$root$1"; } 2>/dev/null || say unreadable "$1" >&3
	printf '%s' "$got"
}
# "block 259:0" of a block device, nothing of what is no device.
number_of() {
	set -- $(stat -L -c '%F %t %T' "$1" 2>/dev/null)
	case "$# $*" in
		"5 block special file "* | "5 character special file "*) printf '%s %d:%d' "$1" "$((0x$4))" "$((0x$5))" ;;
	esac
}
bare_number_of() { got=$(number_of "$1"); printf '%s' "${got##* }"; }
exec 3>&1
for tool in $tools; do command -v "$tool" >/dev/null 2>&1 || { say missing "$tool"; finish; }; done
[ "$(id -u)" = 0 ] || { say user; finish; }
# What has just appeared is being looked at by udev.
command -v udevadm >/dev/null 2>&1 && udevadm settle --timeout=10 >/dev/null 2>&1
real=$(readlink -e "$root$given") || { say absent; finish; }
say real "${real#"$root"}"
name=${real##*/}
case $(number_of "$real") in
	block\ *) ;;
	*) say other; finish ;;
esac
place=$(readlink -e "$root/sys/class/block/$name") || { say unknown; finish; }
if [ -e "$place/partition" ]; then
	whole=${place%/*}
	say partition "${whole##*/}"
	finish
fi

disks=$name
if [ "$siblings" = yes ]; then
	case $place in
		*/nvme*/nvme*) ;;
		*) say no-controller; finish ;;
	esac
	# Namespaces lie in their controller's folder or, if there are several ways to them, in the subsystem's.
	folders=${place%/*}
	for subsystem in "$root"/sys/class/nvme-subsystem/*; do
		all=$(readlink -e "$subsystem" "$subsystem"/nvme* | tr '\n' ' ')
		case " $all" in *" ${place%/*} "*) folders="$folders $all" ;; esac
	done
	for folder in $folders; do
		for other in "$folder"/nvme*n*; do
			[ -e "$other/dev" ] && [ ! -e "$other/partition" ] || continue
			case " $disks " in *" ${other##*/} "*) ;; *) disks="$disks ${other##*/}" ;; esac
		done
	done
fi
for disk in $disks; do
	say disk "$disk"
	block=/sys/class/block/$disk
	say number "$disk" "$(text "$block/dev")" "$disk"
	[ "$(number_of "$root/dev/$disk")" = "block $(text "$block/dev")" ] || say node "$disk"
	generic=ng${disk#nvme}
	[ ! -e "$root/sys/class/nvme-generic/$generic" ] ||
		say character "$disk" "$(text "/sys/class/nvme-generic/$generic/dev")" "$generic"
	for part in "$root$block/$disk"*; do
		[ -e "$part/partition" ] || continue
		part=${part##*/}
		say number "$disk" "$(text "$block/$part/dev")" "$part"
		say part "$disk" "$part"
		for holder in "$root$block/$part/holders"/*; do [ ! -e "$holder" ] || say holder "$disk" "$part" "${holder##*/}"; done
	done
	[ -d "$root$block/holders" ] || say unreadable "$block/holders"
	for holder in "$root$block/holders"/*; do [ ! -e "$holder" ] || say holder "$disk" "$disk" "${holder##*/}"; done
done
block=/sys/class/block/$name
say ro "$(text "$block/ro")"
say size "$(text "$block/size")"
[ ! -e "$root$block/device/model" ] || say model "$(text "$block/device/model")"
[ ! -e "$root$block/device/serial" ] || say serial "$(text "$block/device/serial")"

# A mount point, by device number; of file systems with numbers of their own (btrfs), by the number of what is mounted.
for file in /proc/1/mountinfo /proc/self/mountinfo; do
	[ -r "$root$file" ] || say unreadable "$file"
	awk -v OFS="$tab" '{ for (i = 7; i < NF && $i != "-"; i++) ; print $3, $5, $(i + 2) }' "$root$file" | sort -u |
	while IFS=$tab read -r number point source; do
		say mount "$number" "$point"
		case $source in /dev/*) say mount "$(bare_number_of "$root$source")" "$point" ;; esac
	done
done
[ -r "$root/proc/swaps" ] || say unreadable /proc/swaps
sed 1d "$root/proc/swaps" | while read -r path kind rest; do
	[ "$kind" = file ] || say swap "$(bare_number_of "$root$path")" "$path"
done
# Two users that do not claim a device as theirs: loop devices, and the NVMe target.
for file in "$root"/sys/block/loop*/loop/backing_file; do
	[ -r "$file" ] || continue
	loop=${file%/loop/backing_file}
	say user-of "$(bare_number_of "$root$(cat "$file")")" "${loop##*/}"
done
for file in "$root"/sys/kernel/config/nvmet/subsystems/*/namespaces/*/device_path; do
	[ -r "$file" ] && [ "$(cat "${file%/*}/enable")" = 1 ] || continue
	say user-of "$(bare_number_of "$root$(cat "$file")")" "the NVMe target"
done
# Whoever has it open. Processes come and go while this looks at them: errors are theirs.
find -L "$root"/proc/[0-9]*/fd -maxdepth 1 \( -type b -o -type c \) -exec stat -L -c '%F %t %T %n' {} + 2>/dev/null |
while read -r kind _ _ major minor path; do
	process=${path%/fd/*}
	comm=
	{ IFS= read -r comm <"$process/comm"; } 2>/dev/null
	say open "$kind" "$((0x$major)):$((0x$minor))" "${process##*/}" "$comm"
done

# A tool that looks for signatures takes a sector it cannot read for an empty one.
sectors=$(text "$block/size")
if [ "${sectors:-0}" -ge 2048 ] 2>/dev/null; then
	for skip in 0 $((sectors / 2048 - 1)); do
		dd if="$real" of=/dev/null bs=1M count=1 skip="$skip" 2>/dev/null || say no-read
	done
fi
if found=$(wipefs --no-act --noheadings --parsable --output USAGE,TYPE "$real" 2>&1); then
	[ -z "$found" ] || printf '%s\n' "$found" | while IFS=, read -r usage kind; do say signature "$usage" "$kind"; done
else
	say no-probe "$(printf '%s' "$found" | tr '\n\t' '  ')"
fi
say probed
# Mounts of other namespaces, RAID, ZFS, bcache, targets and others claim a device as theirs alone.
for disk in $disks; do
	why=$(perl -e 'use Fcntl; sysopen(my $file, $ARGV[0], O_RDONLY | O_EXCL) or print "$!"' "$root/dev/$disk" 2>&1) ||
		why="perl fails: $why"
	[ -z "$why" ] || say claimed "$disk" "$(printf '%s' "$why" | tr '\n\t' '  ')"
	say tried "$disk"
done
finish
"""


class GuardError(RuntimeError):
    """A disk may not be used as asked; the text is one line that names it and the reason."""


@dataclass(frozen=True)
class Disk:
    """A disk that passed the guard. `size` is in bytes; `note` says who else uses a disk that is only read."""

    name: str
    size: int
    model: str
    note: str = ""

    @property
    def path(self) -> str:
        return f"/dev/{self.name}"

    def plan(self, writes: bool) -> str:
        """Says what will be done to the disk, for the user to read before it happens."""
        what = f"{self.name} ({self.model + ', ' if self.model else ''}{_size(self.size)})"
        if writes:
            return f"everything on {what} will be erased"
        return f"{what} will be read, and not written" + (f"; it is in use: {self.note}" if self.note else "")


@dataclass
class _Facts:
    """What the script found, by the first word of its lines."""

    lines: dict[str, list[list[str]]] = field(default_factory=dict)

    def all(self, kind: str, *first: str) -> list[list[str]]:
        """The other words of lines of a kind, of those that go on with `first`."""
        found = [words for words in self.lines.get(kind, []) if words[: len(first)] == list(first)]
        return [words[len(first) :] for words in found]

    def one(self, kind: str) -> str:
        """The text of the only line of a kind, "" if there is none."""
        found = self.lines.get(kind, [])
        return " ".join(found[0]) if found else ""


def check(target: Shell, device: str, erase: str, *, writes: bool = True, unbinds: bool = False) -> Disk:
    """Returns the disk if it may be used: `device` is a whole disk, by name or path.

    writes   it will be written: it must be unused, hold nothing, and be named in `erase`
    unbinds  its controller will be taken from its driver: no other namespace of it may be in use

    Errors: GuardError.
    """
    path = _path(device)
    facts = _inspect(target, path, device, unbinds)
    name = _identify(facts, device)
    shown = name if name == _short(device) else f"{name} ({device})"
    if erase and _short(erase) not in (name, _short(device)):
        raise GuardError(f"--erase names {erase}, but the disk is {shown}")
    for disk in [words[0] for words in facts.all("disk")]:
        reason = next(_uses(facts, disk), "")
        if reason and disk != name:
            raise GuardError(f"{shown} cannot be taken from its driver: {reason}, on the same controller")
        if reason and (writes or unbinds):
            raise GuardError(_with_name(reason, name, device))
    if writes:
        for reason in _contents(facts, name):
            raise GuardError(_with_name(reason, name, device))
        if not erase:
            raise GuardError(f"{shown} would be erased: to allow that, give --erase {name}")
    note = "" if writes else next(_uses(facts, name), "")
    return Disk(name, _bytes(facts, name), " ".join(f"{facts.one('model')} {facts.one('serial')}".split()), note)


def _path(device: str) -> str:
    """The path to a device, of its name or path. Errors: GuardError for names that are none."""
    path = device if device.startswith("/") else f"/dev/{device}"
    if not _PATH.fullmatch(path):
        raise GuardError(f"{device!r} is not the name of a disk: give one like nvme0n1, or its path under /dev")
    return path


def _short(device: str) -> str:
    return device.removeprefix("/dev/")


def _script(path: str, unbinds: bool) -> str:
    settings = {"tools": " ".join(_TOOLS), "given": path, "siblings": "yes" if unbinds else "no"}
    return "root=\n" + "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()) + _INSPECT


def _inspect(target: Shell, path: str, device: str, unbinds: bool) -> _Facts:
    """Runs the script. Errors: GuardError if it did not come to its end, or could not find out all."""
    result = target.run(_script(path, unbinds), timeout=_TIMEOUT_S)
    facts = _Facts()
    for line in result.out.splitlines():
        kind, *words = line.split("\t")
        facts.lines.setdefault(kind, []).append(words)
    if missing := facts.one("missing"):
        package = _TOOLS.get(missing, missing)
        raise GuardError(f"{device} cannot be checked: {missing} is missing, install the package {package}")
    if facts.all("user"):
        raise GuardError(f"{device} cannot be checked: that takes root")
    if unreadable := facts.one("unreadable"):
        raise GuardError(f"{device} cannot be checked: {unreadable} cannot be read")
    if result.rc or not facts.all("end"):
        said = result.err.strip().splitlines()
        raise GuardError(f"{device} cannot be checked: {said[-1] if said else f'exit code {result.rc}'}")
    # On every machine something is mounted, and some process has /dev/null open.
    if facts.all("disk") and not (facts.all("mount") and facts.all("open") and facts.all("probed")):
        raise GuardError(f"{device} cannot be checked: what is mounted and open could not be found out")
    return facts


def _identify(facts: _Facts, device: str) -> str:
    """The real name of the disk. Errors: GuardError if it is no disk."""
    if facts.all("absent"):
        raise GuardError(f"{device}: there is no such disk")
    real = facts.one("real")
    if not _PATH.fullmatch(real) or facts.all("other"):
        what = "no block device" if real == _path(device) else f"{real}, which is no block device"
        raise GuardError(f"{device} is {what}")
    name = _short(real)
    if whole := facts.one("partition"):
        raise GuardError(f"{name} is a partition: give the whole disk, {whole}")
    if facts.all("no-controller"):
        raise GuardError(f"{name} is no NVMe namespace: it cannot be taken from its driver")
    if facts.all("unknown") or "/" in name or [name] not in facts.all("disk"):
        raise GuardError(f"{device} cannot be checked: the kernel lists no disk {name}")
    return name


def _uses(facts: _Facts, disk: str) -> Iterator[str]:
    """Why a disk is in use."""
    numbers = dict(facts.all("number", disk))
    if not all(numbers) or facts.all("node", disk):
        yield f"{disk} has another device number in /dev than in /sys"
    for number, part in numbers.items():
        yield from (f"{part} is mounted on {_unescape(point)}" for (point,) in facts.all("mount", number))
    for number, part in numbers.items():
        yield from (f"{part} is swap" for _ in facts.all("swap", number))
    yield from (f"{part} is held by {holder}" for part, holder in facts.all("holder", disk))
    for number, part in numbers.items():
        yield from (f"{part} is used by {user}" for (user,) in facts.all("user-of", number))
        processes = facts.all("open", "block", number)
        yield from (f"{part} is open in process {' '.join(process)}".rstrip() for process in processes)
    for number, generic in facts.all("character", disk):
        processes = facts.all("open", "character", number)
        yield from (f"{generic} is open in process {' '.join(process)}".rstrip() for process in processes)
    if not facts.all("tried", disk):
        yield f"{disk} cannot be checked: it was not tried whether it can be opened exclusively"
    yield from (f"{disk} cannot be opened exclusively: {why}" for (why,) in facts.all("claimed", disk))


def _contents(facts: _Facts, name: str) -> Iterator[str]:
    """Why an unused disk may not be erased."""
    parts = [words[0] for words in facts.all("part", name)]
    if parts:
        yield f"{name} has {len(parts)} partition{'s' if len(parts) > 1 else ''}: {', '.join(parts)}"
    for words in facts.all("signature"):
        usage, kind = words[0], " ".join(words[1:])
        if usage == "filesystem":
            yield f"{name} holds {'an' if kind[:1] in tuple('aeiou') else 'a'} {kind} file system"
        else:
            yield f"{name} holds {_CONTENTS.get(usage, 'something')} ({kind or usage})"
    if facts.all("no-read"):
        yield f"{name} cannot be read"
    if problem := facts.one("no-probe"):
        yield f"{name} cannot be checked: {problem}"
    if facts.one("ro") != "0":
        yield f"{name} is read-only"
    if _bytes(facts, name) < 1 << 20:
        yield f"{name} is smaller than 1 MiB"


def _bytes(facts: _Facts, name: str) -> int:
    """Size of the disk. Errors: GuardError if it is not known."""
    text = facts.one("size")
    if not text.isdigit():
        raise GuardError(f"{name} cannot be checked: the kernel does not say its size")
    return int(text) * 512


def _with_name(reason: str, name: str, device: str) -> str:
    """Adds the name the user gave, if it is another."""
    return reason if name == _short(device) else f"{reason} ({device} is {name})"


def _unescape(text: str) -> str:
    r"""A mount point, with the kernel's \040 and the like undone if that can be shown."""
    return re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)) if match[1] in ("040", "134") else match[0], text)


def _size(size: int) -> str:
    """A number of bytes as disks are sold: 10^9 to the GB."""
    unit, name = next(((unit, name) for unit, name in ((10**12, "TB"), (10**9, "GB")) if size >= unit), (10**6, "MB"))
    return f"{size / unit:.3g} {name}"
