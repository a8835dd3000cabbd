# SPDX-License-Identifier: GPL-2.0
"""What workloads that use fio have in common: the axes, the job file, and fio's JSON."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import perf
from ..matrix import Cell, Checker, Sampling, Value
from ..plan import PlannedSample
from . import Measured, Setting, WorkloadError

# The settings of the published runs, and two that keep fio's own status thread out of the samples: disk_util=0 here and
# --eta=never on its command line.
_GLOBAL = {
    "ioengine": "io_uring",
    "direct": 1,
    "fixedbufs": 1,
    "registerfiles": 1,
    "nonvectored": 1,
    "norandommap": 1,
    "randrepeat": 0,  # Else fio ignores randseed.
    "group_reporting": 1,
    "thread": 1,
    "disk_util": 0,
    "mem": "shmhuge",
    "hugepage-size": "2m",
    "cpus_allowed_policy": "split",
}
# A job that does no I/O.
_NOTHING: dict[str, object] = {"stonewall": 1, "new_group": 1, "ioengine": "null", "rw": "read", "bs": 4096, "filename": "none", "size": 4096, "numjobs": 1, "iodepth": 1, "mem": "malloc"}
_HUGE_PAGE = 2 << 20
# What real-time threads of one priority take turns by, in guests that count: a tick of Debian's kernels.
_TURN_MS = 4
# fio's LFSR refuses a seed whose bits are all ones, as many of them as the number of a block has, and the job then does
# nothing and reports no error. Only where there are very many blocks is that a rare seed: small ones, on a whole disk.
_LFSR_BLOCK_MOST = 4 << 10
_PERCENTILES = {"p50": "50.000000", "p99": "99.000000", "p999": "99.900000"}
_RW = re.compile(r"(rand)?(read|write)")
# The parts of what a sample prints begin with such a line.
_PART = re.compile(r"^@@ (\w+)$", re.MULTILINE)

PRELUDE = """\
set -eu
die() {
	echo "$*" >&2
	exit 1
}
put() {
	printf '%s\\n' "$2" >"$1" || die "cannot write $2 to $1"
}
loaded=
unload() {
	[ -z "$loaded" ] || rmmod $loaded
	die "$*"
}
"""


def axes() -> dict[str, Callable[[Checker, str, str, Any], Value]]:
    """The axes of every fio cell."""
    return {
        "rw": lambda check, table, key, value: check.text(table, key, value, _RW),
        "bs": lambda check, table, key, value: check.block_size(table, key, value),
        "iodepth": lambda check, table, key, value: check.integer(table, key, value, 1, 4096),
        "numjobs": lambda check, table, key, value: check.integer(table, key, value, 1, 256),
        "polled": lambda check, table, key, value: check.integer(table, key, value, 0, 1),
    }


def name(chosen: Mapping[str, Value], varied: set[str]) -> str:
    """The name of a cell as far as fio's axes go: "randread 4k qd32", with "j2" where the jobs vary, and "polled"."""
    jobs = [f"j{chosen['numjobs']}"] if "numjobs" in varied or chosen["numjobs"] != 1 else []
    polled = ["polled"] if chosen.get("polled") else []
    return " ".join([str(chosen["rw"]), str(chosen["bs"]), f"qd{chosen['iodepth']}", *jobs, *polled])


def huge_pages(cell: Cell) -> int:
    """Pages of 2 MiB that fio's buffers take; it adds room to align them twice, and each time a page of 2 MiB."""
    each = -(-cell.block_bytes * cell.number("iodepth") // _HUGE_PAGE) + 2
    return each * cell.number("numjobs")


def insmod(module: str, path: str, params: Mapping[str, Value]) -> str:
    """Commands that load a module. If a later one fails, or it is loaded already, none that they loaded stays."""
    words = shlex.join([path, *(f"{name}={value}" for name, value in params.items())])
    return f"""\
[ ! -d /sys/module/{module} ] || unload "{module} is loaded already: rmmod it first"
insmod {words} || unload "cannot load {module}: see the kernel log"
loaded="{module} $loaded"
"""


def working_folder(tidy: str) -> str:
    """Commands that go to a new folder, and see to it that `tidy` is done however the script ends."""
    return f"""\
work=$(mktemp -d)
pages=
tidy() {{
	{tidy}
	[ -z "$pages" ] || put /proc/sys/vm/nr_hugepages "$pages"
	cd /
	rm -rf "$work"
}}
trap tidy EXIT
trap 'exit 129' HUP INT TERM
cd "$work\""""


def take_huge_pages(setting: Setting, cell: Cell) -> str:
    """Commands that have the kernel set huge pages aside; after working_folder(), which gives them back on a machine not ours.

    How many physically contiguous pages ordinary buffers get is luck, and decides how many segments a request has.
    """
    need = huge_pages(cell)
    keep = "" if setting.own else "pages=$have\n\t"
    return f"""\
have=$(cat /proc/sys/vm/nr_hugepages)
if [ "$have" -{'ne' if setting.own else 'lt'} {need} ]; then
	{keep}put /proc/sys/vm/nr_hugepages {need}
	[ "$(cat /proc/sys/vm/nr_hugepages)" -ge {need} ] || die "there is no memory for {need} huge pages of 2 MiB"
fi"""


def conditions(side: str, disk: str) -> str:
    """Commands that print what decides what the block layer does for a request of a side: its queue's limits and features."""
    return f"echo '@@ conditions_{side}'\n(cd /sys/block/{disk}/queue && grep -rs . . | sort)"


def job_file(setting: Setting, sampling: Sampling, cell: Cell, group: Sequence[PlannedSample], disks: Mapping[str, str], span: int) -> str:
    """Returns the job file of a group: a section for each sample, which waits for the one before.

    Samples use the first `span` bytes of their disk, 0 for all. When instructions are counted, the jobs of a sample
    together do a fixed number of I/Os, and first tell the counting plugin the sample's id; otherwise they run for a time.
    """
    jobs = cell.number("numjobs")
    # The first CPU keeps what the guest does itself, if there are others.
    used = range(max(0, setting.cpus - jobs), setting.cpus) if setting.cpus > jobs else range(setting.cpus)
    shared: dict[str, object] = _GLOBAL | {
        "random_generator": "lfsr" if cell.block_bytes <= _LFSR_BLOCK_MOST and not span else "tausworthe64",
        **({"size": span} if span else {}),
        "rw": cell["rw"],
        "bs": cell.block_bytes,
        "iodepth": cell["iodepth"],
        "numjobs": jobs,
        "cpus_allowed": ",".join(map(str, used)),
        **({"hipri": 1} if cell.axes.get("polled") else {}),
    }
    if setting.counted:
        # Random data is not free: with large buffers, its making takes more instructions than the sample.
        shared["zero_buffers"] = 1
    sections = [_section("global", shared)]
    for sample in group:
        own: dict[str, object] = {"stonewall": 1, "new_group": 1, "filename": disks[sample.id], "randseed": sample.seed}
        if sample.kind == "latency":
            own |= {"percentile_list": "50:99:99.9", "clat_percentiles": 0, "lat_percentiles": 1}
        else:
            own["gtod_reduce"] = 1
        if setting.counted:
            own["number_ios"] = ios_per_job(cell, sample)
            word = {"measure": f"sample {sample.id}", "profile": f"profile {sample.id}"}.get(sample.kind, "end")
            mark = {"exec_prerun": f"{shlex.quote(setting.mark)} {word}"}
            if jobs == 1:
                # It ends before the disk is closed: a worker may do that while the next job fills its buffers.
                own |= mark | {"exec_postrun": f"{shlex.quote(setting.mark)} end"}
            else:
                # Each job would run the program, and all but the first within the sample: a job of its own does.
                sections.append(_section(f"mark-{sample.id}", _NOTHING | mark))
        else:
            # A profile has all I/Os that fio does.
            own |= {"time_based": 1, "runtime": sampling.seconds, "ramp_time": 0 if sample.kind == "profile" else sampling.ramp}
            if sample.kind == "warmup":
                own |= {"runtime": 1, "ramp_time": 0}
        sections.append(_section(sample.id, own))
    if setting.counted:
        # While its last job runs, fio behaves a little differently: that job is none of the samples.
        last = {"stonewall": 1, "new_group": 1, "filename": disks[group[-1].id], "gtod_reduce": 1, "number_ios": 16}
        last |= {"exec_prerun": f"{shlex.quote(setting.mark)} end"}
        sections.append(_section("tail", last))
    return "".join(sections)


def _section(title: str, settings: Mapping[str, object]) -> str:
    return "\n".join([f"[{title}]", *(f"{key}={value}" for key, value in settings.items())]) + "\n"


def ios_per_job(cell: Cell, sample: PlannedSample) -> int:
    """I/Os that each job of a sample with counted instructions does."""
    return max(1, sample.ios // cell.number("numjobs"))


def run(setting: Setting, cell: Cell, job: str, group: Sequence[PlannedSample], expand: bool = False) -> str:
    """Commands that run fio on a job file and print what it says. The current folder must be a new, empty one.

    With `expand`, the shell replaces its variables in the job file. Where time is measured, perf records a profile.

    While instructions are counted, fio has real-time priority: nothing but interrupts and the kernel's own workers for
    its requests runs within a sample. (Timed samples are too long for that: the kernel throttles real-time threads.)
    A polled ring never sleeps. If io_uring gives one of its requests to a worker, which has fio's policy and priority,
    the worker must have its turn, or fio asks for ever for the end of what was never sent: so they take turns.
    """
    fio = ["fio", "--eta=never", "--output-format=json", "--output=out", "job"]
    profiled = not setting.counted and group[0].kind == "profile"
    turns = setting.counted and bool(cell.axes.get("polled"))
    chrt = ["chrt", "--rr" if turns else "--fifo", "1"] if setting.counted else []
    command = shlex.join([*chrt, *(perf.RECORD if profiled else []), *fio])
    first = f"put /proc/sys/kernel/sched_rr_timeslice_ms {_TURN_MS}\n" if turns else ""
    stacks = perf.FOLD if profiled else ""
    end = f"{shlex.quote(setting.mark)} end\n" if setting.mark else ""
    quoted = "END" if expand else "'END'"
    return f"cat >job <<{quoted}\n{job}END\n{first}{command} || {{ code=$?; grep '^fio: ' out >&2 || :; exit $code; }}\n{end}{stacks}echo '@@ fio'\ncat out\n"


def parse(cell: Cell, sample: PlannedSample, counted: bool, printed: str, disk: str = "") -> Measured:
    """Reads what a script printed of a sample; `disk` is the side whose disk it used, if not its own. Errors: WorkloadError."""
    pieces = _PART.split(printed)
    parts = dict(zip(pieces[1::2], pieces[2::2]))
    text = parts.get("fio", "")
    document = _document(text)
    if not counted and (failed := [line for line in _messages(text) if line.startswith("fio: failed")]):
        # A job that did not start is not among the errors, and others may have done I/Os.
        raise WorkloadError(failed[0])
    conditions = parts.get(f"conditions_{disk or sample.side}", "").strip()
    # Nobody writes zeroes but on request, and fio makes none: a driver may offer what the other cannot do.
    conditions = "\n".join(line for line in conditions.splitlines() if not line.startswith("./write_zeroes"))
    if not conditions:
        raise WorkloadError("the attributes of its disk's queue were not printed")
    try:
        return _measured(cell, sample, counted, document, conditions)
    except (KeyError, TypeError) as error:
        raise WorkloadError(f"fio's output is not understood: {error!r}") from None


def _measured(cell: Cell, sample: PlannedSample, counted: bool, document: dict[str, Any], conditions: str) -> Measured:
    """Reads one sample of fio's output. Errors: WorkloadError, KeyError, TypeError."""
    job = next((job for job in document["jobs"] if job["jobname"] == sample.id), None)
    if job is None:
        raise WorkloadError("fio did not run it")
    if job["error"]:
        raise WorkloadError(f"fio reports error {job['error']}")
    direction = job["write" if str(cell["rw"]).endswith("write") else "read"]
    ios, done = direction["total_ios"], direction["io_bytes"]
    if not ios or done != ios * cell.block_bytes:
        raise WorkloadError(f"fio did {ios} I/Os but moved {done} bytes")
    if counted and ios != (wanted := ios_per_job(cell, sample) * cell.number("numjobs")):
        raise WorkloadError(f"fio did {ios} I/Os instead of {wanted}")
    values = {}
    if sample.kind == "latency":
        percentiles = direction["lat_ns"].get("percentile", {})
        if not set(_PERCENTILES.values()) <= set(percentiles):
            raise WorkloadError("fio gives no percentiles of latency")
        values = {metric: float(percentiles[key]) for metric, key in _PERCENTILES.items()}
    elif not counted:
        if not direction["runtime"]:
            raise WorkloadError("fio measured no time")
        values = {"iops": float(direction["iops"]), "bw": float(direction["bw_bytes"])}
    return Measured(ios, values, conditions)


def explain(said: str) -> str:
    """Why a script failed, in one line: fio's first error, else the last line; "" if there is none."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("fio: ")), lines[-1] if lines else "")


def _messages(text: str) -> list[str]:
    """What fio complained about before its JSON."""
    return [line for line in text.partition("{\n")[0].splitlines() if line.startswith("fio: ")]


def _document(text: str) -> dict[str, Any]:
    """Returns the JSON in fio's output, which follows its error messages, if there are any. Errors: WorkloadError."""
    _, brace, rest = text.partition("{\n")
    said = _messages(text)
    try:
        document: dict[str, Any] = json.loads(brace + rest)
        if isinstance(document.get("jobs"), list) and "fio version" in document:
            return document
    except json.JSONDecodeError:
        pass
    raise WorkloadError(said[0] if said else "fio's output is no whole JSON document")
