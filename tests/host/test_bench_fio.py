# SPDX-License-Identifier: GPL-2.0
"""fio job files and output, and the scripts that set up its disks."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import matrix, plan, results, workloads  # noqa: E402
from benchlib.workloads import Setting, WorkloadError, fio  # noqa: E402

WORKLOADS = workloads.known()
NULL_BLK = WORKLOADS["null_blk"]
MATRIX = matrix.load(PROJECT / "bench/matrix/null_blk.toml", "quick", WORKLOADS)
CELL = MATRIX.cells[0]
COUNTED = Setting(1, True, {"null_blk": "/x y/null_blk.ko"}, "/a b/mark", True, {}, {})
TIMED = Setting(4, False, {"null_blk": "/x/null_blk.ko"}, "", False, {"a": "0000:01:00.0", "b": "0000:01:00.0"}, {"0000:01:00.0": "nvme"})


def sample(number, side="a", kind="measure"):
    return plan.PlannedSample(f"0.0.{number}", side, number, kind, 200, 7)


GROUP = [sample(0, kind="warmup"), sample(1), sample(2, "b"), sample(3, "b", "latency"), sample(4, "c", "profile")]
PLANNED = plan.PlannedCell(0, 0, CELL, tuple(GROUP))


def job(name, ios=200, **other):
    """What fio says of one job that reads."""
    read = {"total_ios": ios, "io_bytes": ios * 4096, "runtime": 9, "iops": 22222.2, "bw_bytes": 91022131}
    read |= {"lat_ns": {"percentile": {"50.000000": 5, "99.000000": 9, "99.900000": 11}}}
    return {"jobname": name, "error": 0, "read": read | other.pop("read", {})} | other


def printed(jobs, conditions=("x:1", "x:1", "x:1")):
    """What the script of GROUP prints."""
    told = "".join(f"@@ conditions_{side}\n{text}\n" for side, text in zip("abc", conditions))
    return told + "@@ fio\n" + json.dumps({"fio version": "fio-3.33", "jobs": jobs}, indent=1)


ALL = [job(s.id) for s in GROUP]
COUNTS = "".join(f"sample {s.id} 50000 40000 5000 0 0\n" for s in GROUP if s.kind in ("measure", "profile"))


def evaluated(text, counts=None, counted=False, planned=PLANNED):
    group = results.RawGroup([s.id for s in planned.samples], text, 0.25, counts or "")
    return results.evaluate(planned, results.RawCell("vm", groups=[group]), NULL_BLK, counted)


def test_timed_samples_have_iops_bandwidth_and_percentiles():
    found = evaluated(printed(ALL))
    assert [s.kind for s in found] == ["warmup", "measure", "measure", "latency", "profile"]
    assert found[1].values == {"iops": 22222.2, "bw": 91022131.0}
    assert found[3].values == {"p50": 5.0, "p99": 9.0, "p999": 11.0}
    assert found[1].load == 0.25


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({3: job("0.0.3", error=5)}, "sample 0.0.3 of side b: fio reports error 5"),
        ({2: None}, "sample 0.0.2 of side b: fio did not run it"),
        ({1: job("0.0.1", ios=9)}, "sample 0.0.1 of side a: fio did 9 I/Os instead of 200"),
        ({1: job("0.0.1", read={"io_bytes": 0})}, "sample 0.0.1 of side a: fio did 200 I/Os but moved 0 bytes"),
        ({1: job("0.0.1", ios=0)}, "sample 0.0.1 of side a: fio did 0 I/Os"),
        ({3: job("0.0.3", read={"lat_ns": {}})}, "sample 0.0.3 of side b: fio gives no percentiles"),
    ],
)
def test_failed_sample_is_refused(change, said):
    jobs = [change.get(number, entry) for number, entry in enumerate(ALL)]
    with pytest.raises(WorkloadError, match=said):
        evaluated(printed([entry for entry in jobs if entry]), COUNTS, counted=True)


def test_sample_without_time_is_refused():
    with pytest.raises(WorkloadError, match="0.0.1 of side a: fio measured no time"):
        evaluated(printed([ALL[0], job("0.0.1", read={"runtime": 0}), *ALL[2:]]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no whole JSON document"),
        ("@@ fio\nfio: io_u error on file /dev/x: EIO\n{\n", "fio: io_u error on file /dev/x: EIO"),
        ("@@ fio\n{\n}", "no whole JSON document"),
    ],
)
def test_output_without_results_is_refused(text, said):
    with pytest.raises(WorkloadError, match=said):
        evaluated(text)


def test_messages_before_the_results_are_skipped():
    assert evaluated(printed(ALL).replace("@@ fio\n", "@@ fio\nfio: a warning\n"))


def test_timed_sample_of_which_a_job_did_not_start_is_refused():
    with pytest.raises(WorkloadError, match="fio: failed initializing LFSR"):
        evaluated(printed(ALL).replace("@@ fio\n", "@@ fio\nfio: failed initializing LFSR\n"))


@pytest.mark.parametrize(("size", "span", "generator"), [("4k", 0, "lfsr"), ("4k", 1 << 26, "tausworthe64"), ("32k", 0, "tausworthe64"), ("16m", 0, "tausworthe64")])
def test_few_blocks_are_not_drawn_by_a_generator_that_refuses_seeds(size, span, generator):
    cell = matrix.Cell("x", {**CELL.axes, "bs": size})
    text = fio.job_file(COUNTED, MATRIX.sampling, cell, [sample(0)], {"0.0.0": "/dev/x"}, span)
    assert f"random_generator={generator}\n" in text


@pytest.mark.parametrize(("profile", "generator"), [("quick", "lfsr"), ("standard", "tausworthe64")])
def test_a_span_is_given_only_where_the_matrix_has_one(profile, generator):
    some = matrix.load(PROJECT / "bench/matrix/null_blk.toml", profile, WORKLOADS)
    script = NULL_BLK.script(some, COUNTED, CELL, GROUP)
    assert f"random_generator={generator}\n" in script and ("\nsize=67108864\n" in script) == (profile == "standard")


def offsets(folder, seed):
    """Where two jobs of a process with our settings read, as fio logs it."""
    folder.mkdir()
    setting = dataclasses.replace(TIMED, cpus=1, counted=False)
    group = [dataclasses.replace(sample(number), seed=seed) for number in (0, 1)]
    text = fio.job_file(setting, MATRIX.sampling, CELL, group, {s.id: "x" for s in group}, 1 << 26)
    text = text.replace("ioengine=io_uring", "ioengine=null").replace("mem=shmhuge", "mem=malloc").replace("cpus_allowed=0\n", "")
    text = re.sub("time_based=1|runtime=.*|ramp_time=.*|hugepage-size=.*|cpus_allowed_policy=.*|fixedbufs=1|registerfiles=1|nonvectored=1", "", text)
    text = re.sub(r"(?m)^\[0\.0\.(.)\]$", r"[job]\nnumber_ios=9\nwrite_iolog=log\1", text)
    done = subprocess.run(["fio", "-"], input=text, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return tuple(tuple(re.findall(r" read (\d+) ", (folder / f"log{number}").read_text())) for number in (0, 1))


def test_the_seed_decides_where_fio_reads(tmp_path):
    first, other = offsets(tmp_path / "a", 7), offsets(tmp_path / "b", 8)
    assert first == offsets(tmp_path / "c", 7) and len(first[0]) == len(first[1]) == 9
    assert len({*first, *other}) == 4  # Each job of a process has offsets of its own.


def test_sides_whose_queues_differ_are_refused():
    with pytest.raises(WorkloadError, match="0.0.2 of side b: conditions differ from those of the first sample: -x:1, \\+x:2"):
        evaluated(printed(ALL, ("x:1", "x:2", "x:1")))


def test_sample_of_which_no_conditions_are_known_is_refused():
    with pytest.raises(WorkloadError, match="0.0.4 of side c: the attributes of its disk's queue were not printed"):
        evaluated(printed(ALL).replace("@@ conditions_c\nx:1\n", ""))


def test_the_control_of_nvme_is_compared_on_the_controller_of_side_a():
    text = printed(ALL).replace("conditions_c", "x")
    assert WORKLOADS["nvme"].parse(CELL, GROUP[4], False, text).conditions == "x:1"
    script = WORKLOADS["nvme"].script(matrix.load(PROJECT / "bench/matrix/nvme.toml", "quick", WORKLOADS), TIMED, CELL, [GROUP[4]])
    assert "echo '@@ conditions_a'\n" in script


def test_sample_that_missed_the_module_is_refused():
    found = evaluated(printed(ALL), COUNTS, counted=True)
    assert found[1].values == {"insn": 250.0, "insn_kernel": 200.0, "insn_own": 25.0, "insn_idle": 0.0}
    assert found[0].values == {} and set(found[3].values) == {"p50", "p99", "p999"}
    missed = COUNTS.replace("0.0.2 50000 40000 5000", "0.0.2 50000 40000 3")
    with pytest.raises(WorkloadError, match="0.0.2 of side b: 200 I/Os took 3 instructions of the module"):
        evaluated(printed(ALL), missed, counted=True)
    with pytest.raises(WorkloadError, match="0.0.1 of side a: the counting plugin did not see it"):
        evaluated(printed(ALL), COUNTS.partition("\n")[2], counted=True)


def test_what_fio_said_first_explains_a_failure():
    assert fio.explain("x\nfio: a\nfio: b\n}\n") == "fio: a"
    assert fio.explain("a\n there is no memory\n") == "there is no memory"
    assert fio.explain("") == ""


def test_job_file_counts_ios():
    text = fio.job_file(COUNTED, MATRIX.sampling, CELL, GROUP, {s.id: f"/dev/{s.side}" for s in GROUP}, 1 << 20)
    head, *sections = text.split("[0.0.")
    assert "size=1048576\nrw=randread\nbs=4096\niodepth=1\nnumjobs=1\ncpus_allowed=0\n" in head
    assert "zero_buffers=1\n" in head
    ends = ["exec_prerun='/a b/mark' end", "sample 0.0.1", "sample 0.0.2", "end", "profile 0.0.4"]
    for number, (section, end) in enumerate(zip(sections, ends)):
        lines = section.partition("[tail]")[0].splitlines()
        assert lines[:3] == [f"{number}]", "stonewall=1", "new_group=1"] and lines[3] == f"filename=/dev/{GROUP[number].side}"
        assert "number_ios=200" in lines and lines[-2].endswith(end) and lines[-1] == "exec_postrun='/a b/mark' end"
        assert ("gtod_reduce=1" in lines) == (number != 3)
    assert sections[-1].splitlines()[-1] == "exec_prerun='/a b/mark' end"


def test_jobs_of_a_sample_share_its_ios():
    cell = matrix.Cell("x", {**CELL.axes, "numjobs": 6})
    text = fio.job_file(COUNTED, MATRIX.sampling, cell, [sample(0)], {"0.0.0": "/dev/x"}, 0)
    head, _, rest = text.partition("[mark-0.0.0]\n")
    marking, _, taking = rest.partition("[0.0.0]\n")
    assert "ioengine=null\n" in marking and marking.endswith("mark' sample 0.0.0\n") and "exec_prerun" not in taking.partition("[tail]")[0]
    assert "number_ios=33\n" in taking and "numjobs=6\n" in head and "\nsize=" not in head + taking


@pytest.mark.parametrize("polled", [0, 1])
def test_polled_cells_poll_and_say_so(polled: int):
    cell = matrix.Cell("x", {**CELL.axes, "polled": polled})
    text = fio.job_file(COUNTED, MATRIX.sampling, cell, [sample(0)], {"0.0.0": "/dev/x"}, 0)
    assert ("\nhipri=1\n" in text.partition("[0.0.0]")[0]) == bool(polled)
    assert fio.name(cell.axes, set()).endswith(" polled") == bool(polled)


@pytest.mark.parametrize("polled", [0, 1])
@pytest.mark.parametrize("setting", [COUNTED, TIMED], ids=["counted", "timed"])
def test_a_ring_that_polls_takes_turns_with_its_workers_where_instructions_are_counted(setting, polled: int):
    lines = fio.run(setting, matrix.Cell("x", {**CELL.axes, "polled": polled}), "job\n", GROUP[:1]).splitlines()
    (command,) = [line for line in lines if " --output=out " in line]
    policy = "chrt --rr 1 fio " if polled else "chrt --fifo 1 fio "
    assert command.startswith(policy if setting is COUNTED else "fio ")
    turns = "put /proc/sys/kernel/sched_rr_timeslice_ms 4"
    assert (turns in lines[: lines.index(command)]) == (setting is COUNTED and bool(polled))


def test_job_file_of_a_timed_sample():
    sampling = dataclasses.replace(MATRIX.sampling, seconds=9, ramp=2)
    cell = matrix.Cell("x", {**CELL.axes, "numjobs": 2})
    texts = [fio.job_file(TIMED, sampling, cell, [one], {one.id: "/dev/x"}, 0) for one in GROUP[:2]]
    assert "time_based=1\nruntime=1\nramp_time=0\n" in texts[0]
    assert "time_based=1\nruntime=9\nramp_time=2\n" in texts[1]
    assert "cpus_allowed=2,3\n" in texts[1] and "prerun" not in texts[1] and "tail" not in texts[1] and "zero_buffers" not in texts[1]


@pytest.mark.parametrize("setting", [COUNTED, TIMED], ids=["counted", "timed"])
def test_fio_accepts_the_job_file(tmp_path, setting):
    job = tmp_path / "job"
    job.write_text(fio.job_file(setting, MATRIX.sampling, CELL, GROUP, {s.id: "/dev/zero" for s in GROUP}, 4096))
    done = subprocess.run(["fio", "--parse-only", job], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("setting", [COUNTED, TIMED], ids=["counted", "timed"])
@pytest.mark.parametrize("name", ["null_blk", "nvme"])
def test_scripts_are_valid_shell(name, setting):
    workload = WORKLOADS[name]
    chosen = matrix.load(PROJECT / f"bench/matrix/{name}.toml", "quick", WORKLOADS)
    for text in (workload.load(chosen, setting), workload.script(chosen, setting, chosen.cells[0], GROUP), workload.unload(chosen, setting)):
        done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_null_blk_scripts_load_make_and_remove():
    assert "insmod '/x y/null_blk.ko' nr_devices=0 poll_queues=0 || unload" in NULL_BLK.load(MATRIX, COUNTED)
    script = NULL_BLK.script(MATRIX, COUNTED, CELL, GROUP)
    for number, root in enumerate(("nullb", "nullb", "nullb_cpp", "nullb_cpp", "nullb")):
        assert script.count(f"mkdir /sys/kernel/config/{root}/bench{number}\n") == 1
        assert script.count(f"rmdir /sys/kernel/config/{root}/bench{number}\n") == 1
        assert f"put /sys/block/bench{number}/queue/iostats 0\n" in script
    assert "dd " not in script


def test_a_failed_load_leaves_no_module(tmp_path):
    """insmod of the second module fails: the first is removed again; one that was there before is not touched."""
    (tmp_path / "bin").mkdir()
    for name in ("insmod", "rmmod"):
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/log\n[ "$1" != /b.ko ]\n')
        (tmp_path / "bin" / name).chmod(0o755)
    script = fio.PRELUDE + fio.insmod("a_cpp", "/a.ko", {"x": 1}) + fio.insmod("b_cpp", "/b.ko", {}) + "echo reached\n"
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, timeout=60, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "cannot load b_cpp: see the kernel log\n")
    assert (tmp_path / "log").read_text().splitlines() == ["insmod /a.ko x=1", "insmod /b.ko", "rmmod a_cpp"]
    loaded = next(path.name for path in Path("/sys/module").iterdir())
    script = fio.PRELUDE + fio.insmod("a_cpp", "/a.ko", {}) + fio.insmod(loaded, "/c.ko", {})
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, timeout=60, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (1, f"{loaded} is loaded already: rmmod it first\n")
    assert (tmp_path / "log").read_text().splitlines()[3:] == ["insmod /a.ko", "rmmod a_cpp"]


def test_controllers_go_back_to_the_driver_that_they_had():
    chosen = matrix.load(PROJECT / "bench/matrix/nvme.toml", "quick", WORKLOADS)
    assert WORKLOADS["nvme"].unload(chosen, TIMED).endswith("claim 0000:01:00.0 nvme\nput /sys/bus/pci/devices/0000:01:00.0/driver_override ''\n")


def test_disks_that_keep_data_are_filled_before_reads():
    full = matrix.load(PROJECT / "bench/matrix/null_blk.toml", "standard", WORKLOADS)
    by_name = {cell.name: cell for cell in full.cells}
    assert "dd if=/dev/zero of=/dev/bench1 bs=4M count=16 " in NULL_BLK.script(full, TIMED, by_name["randread 4k qd1 j1"], GROUP)
    assert "dd " not in NULL_BLK.script(full, TIMED, by_name["randwrite 4k qd1 j1"], GROUP)
    # 16 blocks at least, of which each is 16 MiB.
    assert "count=64 " in NULL_BLK.script(full, TIMED, by_name["randread 16m qd1 j1"], GROUP)


def test_groups_keep_to_the_memory():
    full = matrix.load(PROJECT / "bench/matrix/null_blk.toml", "standard", WORKLOADS)
    by_name = {cell.name: cell for cell in full.cells}
    many = [sample(number) for number in range(40)]
    for name, most in (("randwrite 4k qd1 j1", 40), ("randwrite 16m qd8 j1", 22), ("randwrite 16m qd128 j6", 1)):
        groups = NULL_BLK.groups(full, by_name[name], many, True)
        assert [one for group in groups for one in group] == many
        assert max(map(len, groups)) <= most
    assert {len(group) for group in NULL_BLK.groups(full, by_name["randwrite 4k qd1 j1"], many, False)} == {1}


def test_a_value_the_kernel_refuses_ends_the_script():
    script = fio.PRELUDE + "put /dev/full 7\necho reached\n"
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-1] == "cannot write 7 to /dev/full"


@pytest.mark.parametrize("how", ["exit 0", "false", "kill -TERM $$"])
def test_a_script_tidies_up_however_it_ends(tmp_path, how):
    script = fio.PRELUDE + fio.working_folder(f"echo tidied >>{tmp_path}/log; pwd >>{tmp_path}/log") + f"\n{how}\n"
    subprocess.run(["sh"], input=script, text=True, timeout=60, env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"})
    log = (tmp_path / "log").read_text().splitlines()
    assert log[0] == "tidied" and len(log) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["log"]
