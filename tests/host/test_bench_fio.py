# SPDX-License-Identifier: GPL-2.0
"""fio job files and output, and the guest's scripts."""

import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import fio, insn, matrix, nullblk, plan, samples  # noqa: E402

RECORDED = Path(__file__).parent / "bench_run"
MATRIX = matrix.load(PROJECT / "bench/matrix/null_blk-quick.toml")
CELL = matrix.Cell("randread", "4k", 1, 0)


def planned():
    """The plan of the recorded run's first cell, but for the order of sides."""
    taken = [plan.PlannedSample(f"0.{i}", "ab"[i % 2], i // 2, 0 < i // 2 < 3, 200 if i < 6 else 100) for i in range(7)]
    return plan.PlannedCell(0, CELL, 7, tuple(taken))


@pytest.fixture
def output():
    """What fio printed for the first cell of the recorded run."""
    return json.loads(lzma.decompress((RECORDED / "fio.json.xz").read_bytes()))["0"]


def changed(output, change):
    """`output` after `change` of its list of jobs."""
    document = json.loads(output[output.index("{") :])
    change(document["jobs"])
    return json.dumps(document, indent=1)


def test_recorded_output_is_read(output):
    results = fio.parse(output, planned(), counted=True)
    assert [result.ios for result in results.values()] == [200] * 6 + [100]
    assert all(result.runtime_ms in (1, 2) for result in results.values())
    assert fio.version(output).startswith("fio-3.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda jobs: jobs[3].update(error=5), "sample 0.3: fio reports error 5"),
        (lambda jobs: jobs.pop(2), "sample 0.2: fio did not run it"),
        (lambda jobs: jobs[1]["read"].update(total_ios=9, io_bytes=9 * 4096), "0.1: fio did 9 I/Os instead of 200"),
        (lambda jobs: jobs[1]["read"].update(io_bytes=0), "sample 0.1: fio did 200 I/Os but moved 0 bytes"),
        (lambda jobs: jobs[1]["read"].update(total_ios=0, io_bytes=0), "sample 0.1: fio did 0 I/Os"),
    ],
)
def test_failed_sample_is_refused(output, change, said):
    with pytest.raises(fio.FioError, match=said):
        fio.parse(changed(output, change), planned(), counted=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no whole JSON document"),
        ("0.0 : Saving output\nfio: io_u error on file /dev/x: EIO\n{\n", "fio: io_u error on file /dev/x: EIO"),
        ("{\n}", "no whole JSON document"),
    ],
)
def test_output_without_results_is_refused(text, said):
    with pytest.raises(fio.FioError, match=said):
        fio.parse(text, planned(), counted=True)


def test_messages_before_the_results_are_skipped(output):
    assert fio.parse("fio: a warning\n" + output, planned(), counted=True)


def test_sample_that_missed_the_module_is_refused(output):
    counts = {f"0.{i}": insn.Counts(1000, 900, 500) for i in range(7)}
    assert len(samples.evaluate(planned(), output, counts)) == 7
    with pytest.raises(samples.SampleError, match="0.4: 200 I/Os took 3 instructions of the module"):
        samples.evaluate(planned(), output, counts | {"0.4": insn.Counts(1000, 900, 3)})
    del counts["0.5"]
    with pytest.raises(samples.SampleError, match="0.5: the counting plugin did not see it"):
        samples.evaluate(planned(), output, counts)


def test_cost_is_instructions_or_nanoseconds_per_io(output):
    counts = {f"0.{i}": insn.Counts(50_000, 900, 500) for i in range(7)}
    assert samples.evaluate(planned(), output, counts)[2].cost == 250
    timed = changed(output, lambda jobs: [job["read"].update(runtime=8) for job in jobs])
    assert samples.evaluate(planned(), timed, None)[2].cost == 8e6 / 200
    untimed = changed(output, lambda jobs: jobs[2]["read"].update(runtime=0))
    with pytest.raises(samples.SampleError, match="0.2: fio measured no time"):
        samples.evaluate(planned(), untimed, None)


def test_job_file_counts_ios_or_time():
    counted = fio.job_file(planned(), 0, 1, Path("/a b/mark")).split("[0.")
    assert len(counted) == 8 and "rw=randread\nbs=4096\niodepth=1\n" in counted[0]
    assert counted[3].splitlines() == [
        "2]",
        "stonewall",
        "new_group",
        "filename=/dev/bench_a_2",
        "number_ios=200",
        "exec_prerun='/a b/mark' sample 0.2",
    ]
    timed = fio.job_file(planned(), 1, 9, None).split("[0.")
    assert timed[1].splitlines()[-2:] == ["time_based=1", "runtime=9"]
    assert timed[7].splitlines()[-1] == "number_ios=100"


def test_fio_accepts_the_job_file(tmp_path):
    job = tmp_path / "job"
    job.write_text(fio.job_file(planned(), 0, 1, Path("/bin/true")))
    done = subprocess.run(["fio", "--parse-only", job], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_scripts_are_valid_shell(tmp_path):
    mark = Path("/a b/mark")
    setup = nullblk.setup_script(MATRIX, {"null_blk": Path("/x y/null_blk.ko")}, {"null_blk": {".text": 4096}}, mark)
    assert "insmod '/x y/null_blk.ko' nr_devices=0 poll_queues=0" in setup
    assert "'/a b/mark' range \"$(cat /sys/module/null_blk/sections/.text)\" 1000" in setup
    cell = nullblk.cell_script(MATRIX, planned(), tmp_path / "job", tmp_path / "out", mark)
    assert "mkdir /sys/kernel/config/nullb/bench_a_0\n" in cell
    assert "mkdir /sys/kernel/config/nullb_cpp/bench_b_1\n" in cell
    for text in (setup, cell):
        assert subprocess.run(["sh", "-n"], input=text, text=True, timeout=60).returncode == 0


def test_sides_whose_disks_differ_are_refused(tmp_path):
    for disk, depth in (("x", 1), ("y", 1), ("z", 2)):
        (tmp_path / disk / "queue").mkdir(parents=True)
        (tmp_path / disk / "queue/nr_requests").write_text(f"{depth}\n")
    functions = (nullblk._PRELUDE + nullblk._MUST_AGREE).replace("/sys/block", str(tmp_path))
    for other, rc, said in (("y", 0, ""), ("z", 1, "the sides' disks differ: < ./nr_requests:1 > ./nr_requests:2 \n")):
        script = functions + f"must_agree x {other}\n"
        done = subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (rc, said)


def test_a_value_the_kernel_refuses_ends_the_script():
    script = nullblk._PRELUDE + "put /dev/full 7\necho reached\n"
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-1] == "cannot write 7 to /dev/full"
