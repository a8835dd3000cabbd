# SPDX-License-Identifier: GPL-2.0
"""What a run's data is drawn as: tables, CSV and plots; failures are shown and never averaged in."""

import csv
import dataclasses
import io
import statistics
import subprocess
import sys
from pathlib import Path

import bench_fixture
import pytest
from rich.console import Console

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import evaluation, plots, report, stats, tables  # noqa: E402
from benchlib.model import RunData, Sample, flat  # noqa: E402


@pytest.fixture(scope="module")
def counted():
    """A run that counted instructions: 16 cells, one of them failed."""
    return bench_fixture.run(profile=False)


@pytest.fixture(scope="module")
def timed():
    """A timed run of 120 cells, one of them failed."""
    return bench_fixture.run(bench_fixture.FULL, "tcg", per_boot=20)


def shown(data):
    """What the terminal shows, without colours."""
    out = io.StringIO()
    report.show(data, Console(file=out, width=120, color_system=None))
    return out.getvalue()


def changed(data, **record):
    """The run with another record."""
    return dataclasses.replace(data, record=data.record | record)


def read(path):
    """The lines of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_known_truth_is_found(counted):
    evaluated = evaluation.evaluate(counted)
    expected = ("faster", "equivalent", "slower", "slower")
    for index, row in enumerate(evaluated.rows):
        assert row.verdict == ("failed" if index == bench_fixture.FAILED else expected[index % 4])
        if row.verdict in ("faster", "slower"):
            assert row.stands and row.comparison.confirmed
    assert evaluated.counts == {"faster": 4, "slower": 7, "equivalent": 4, "inconclusive": 0, "failed": 1}
    truth = [1 + bench_fixture._TRUTH[i % 4] for i in range(16) if i != bench_fixture.FAILED]
    assert evaluated.ratio == pytest.approx(statistics.geometric_mean(truth), rel=5e-4)


def test_more_is_better_where_time_is_measured(timed):
    evaluated = evaluation.evaluate(timed)
    assert len(evaluated.rows) == 120
    # What costs 2 % less does 2 % more.
    assert all(row.verdict == "faster" and row.comparison.diff > 1 for row in evaluated.rows[::4])
    assert all(row.verdict == "slower" and row.comparison.diff < -0.5 for row in evaluated.rows[2::4])
    assert "positive is better" in evaluated.legend


def test_adjustment_is_over_all_cells(timed):
    evaluated = evaluation.evaluate(timed)
    expected = stats.adjust([row.comparison.p for row in evaluated.judged])
    assert [row.adjusted for row in evaluated.judged] == expected
    control = stats.adjust([row.control.p for row in evaluated.control_rows])
    assert [row.control_adjusted for row in evaluated.control_rows] == control


def test_terminal_says_all(counted):
    text = shown(counted)
    assert "null_blk_cpp against null_blk" in text and "EMULATED (QEMU TCG, instructions counted)" in text
    assert f"failed: randread 4k qd32 irq1: {bench_fixture.FAILURE}" in text
    assert "16 cells: 4 faster, 7 slower, 4 equivalent, 0 inconclusive, 1 failed; after Holm 4 faster, 7 slower" in text
    assert "of 15 cells falsely different at 95 % (about 0.8 expected by chance)" in text
    assert "slower in 7 cells, by " in text and "faster in 4 cells, by " in text
    assert "negative is better, called faster" in text and "own code" in text and "p99.9" in text
    assert "doubtful: turbo boost is <on>" in text
    for cell in counted.cells:
        assert cell.name in text


def test_marks_of_a_verdict(counted):
    rows = evaluation.evaluate(counted).rows
    assert [tables.marked(row) for row in (*rows[:4], rows[7])] == ["faster *", "equivalent", "slower *", "failed", "slower *="]


def test_csv_files_hold_what_was_measured(counted, tmp_path):
    evaluated = evaluation.evaluate(counted)
    tables.write_cells(evaluated, tmp_path / "table.csv")
    tables.write_samples(evaluated, tmp_path / "samples.csv")
    rows, samples = read(tmp_path / "table.csv"), read(tmp_path / "samples.csv")
    assert len(rows) == 16 and all(None not in row and None not in row.values() for row in rows)
    assert len(samples) == sum(len(cell.samples) for cell in counted.cells)
    for row, cell in zip(rows, counted.cells, strict=True):
        assert [row[axis] for axis in cell.axes] == [str(value) for value in cell.axes.values()]
        if cell.failure:
            assert row["failure"] == cell.failure and row["verdict"] == "failed" and not row["mean_a"]
            continue
        for side in "ab":
            values = flat(cell.values("insn", side))
            assert int(row[f"n_{side}"]) == len(values) == 8
            assert float(row[f"mean_{side}"]) == pytest.approx(statistics.fmean(values), rel=1e-7)
            own = statistics.fmean(flat(cell.values("insn_own", side)))
            assert float(row[f"insn_own_{side}"]) == pytest.approx(own, rel=1e-7)
            p99 = statistics.fmean(flat(cell.values("p99", side, "latency")))
            assert float(row[f"p99_{side}"]) == pytest.approx(p99, rel=1e-7)
        mine = [s for s in samples if all(s[axis] == row[axis] for axis in cell.axes)]
        assert [s["id"] for s in mine] == [s.id for s in cell.samples]
        # Whoever computes again from samples.csv finds the difference in table.csv.
        means = [statistics.fmean(float(s["insn"]) for s in mine if s["kind"] == "measure" and s["side"] == x) for x in "ab"]
        assert float(row["diff_percent"]) == pytest.approx(100 * (means[1] / means[0] - 1), abs=2e-5)
        assert float(row["low_percent"]) < float(row["diff_percent"]) < float(row["high_percent"])
        assert float(row["p"]) <= float(row["p_benjamini_hochberg"]) <= float(row["p_holm"])


def test_warm_ups_and_latency_samples_are_not_averaged_in(counted):
    cell = counted.cells[0]
    strange = tuple(
        dataclasses.replace(s, values={name: 1e9 for name in s.values}) if s.kind != "measure" else s for s in cell.samples
    )
    other = RunData(counted.record, (dataclasses.replace(cell, samples=strange), *counted.cells[1:]))
    assert evaluation.evaluate(other).rows[0].comparison.mean_a == evaluation.evaluate(counted).rows[0].comparison.mean_a


def test_same_module_on_both_sides_is_called_so(counted):
    module = counted.record["modules"]["a"]
    text = shown(changed(counted, modules={"a": module, "b": module}))
    assert "A/A control: null_blk (B) against null_blk (A)" in text and "every difference is false" in text


def test_run_without_control_and_latency_says_so():
    text = shown(bench_fixture.run(control=False, latency=False))
    assert "no control (A/A) was measured in this run" in text and "p99" not in text


def test_cells_that_cannot_be_compared_are_failed(counted):
    cell = counted.cells[0]
    one = dataclasses.replace(cell, samples=cell.samples[:1])
    few = tuple(s for s in cell.samples if s.kind == "measure" and s.round == 1 and s.boot == 0)
    broken = Sample("x", 0, 1, "a", "measure", 1, {"insn": float("nan")})
    two = dataclasses.replace(cell, samples=few)
    three = dataclasses.replace(cell, samples=(*cell.samples, broken))
    rows = evaluation.evaluate(RunData(counted.record, (one, two, three))).rows
    assert [row.verdict for row in rows] == ["failed"] * 3
    assert "no samples" in rows[0].failure and "at least two" in rows[1].failure and "positive" in rows[2].failure


def test_run_in_which_everything_failed_is_drawn(counted, tmp_path):
    cells = tuple(dataclasses.replace(cell, samples=(), profiles=(), failure="no fio") for cell in counted.cells)
    report.draw(tmp_path, RunData(counted.record, cells))
    assert "16 failed" in (tmp_path / report.TABLE_TEXT).read_text()


def test_cells_that_the_machine_is_too_small_for_are_no_failures(counted, tmp_path):
    small = dataclasses.replace(counted.cells[0], samples=(), profiles=(), failure="not run: it takes 9 MiB of memory, the machine has 8 MiB")
    others = [cell for cell in counted.cells[1:] if not cell.failure]
    data = RunData(counted.record, (small, *others))
    assert not report.failed(data) and report.failed(counted)
    report.draw(tmp_path, data)
    text = (tmp_path / report.TABLE_TEXT).read_text()
    assert "0 inconclusive, 0 failed, 1 not run; after" in text and "failed:" not in text
    assert f"{small.name}: {small.failure}\n" in text
    assert read(tmp_path / "table.csv")[0]["verdict"] == "not run"
    markdown, html = (tmp_path / "README.md").read_text(), (tmp_path / "report.html").read_text()
    assert f"| {small.name} | | | | | not run |" in markdown and "**failed**" not in markdown
    assert '<li class="not-run"><b>1</b>not run</li>' in html and "Failed cells" not in html and "Cells not run" in html


def test_load_of_others_before_a_sample_is_doubtful():
    timed = bench_fixture.run(accel="tcg")
    line = "samples the load average was above the benchmark's own, up to 9.5 on 1 CPUs"
    cell = timed.cells[0]
    loaded = dataclasses.replace(cell, samples=(dataclasses.replace(cell.samples[0], load=9.5), *cell.samples[1:]))
    assert line not in shown(timed)
    assert line in shown(RunData(timed.record, (loaded, *timed.cells[1:])))
    # An instruction is one on a busy machine, too.
    assert line not in shown(RunData(timed.record | {"accel": "icount"}, (loaded, *timed.cells[1:])))


def test_spread_over_boots_is_that_of_their_means(counted):
    def sample(boot, side, value):
        return Sample(f"{boot}{side}{value}", boot, 1, side, "measure", 1, {"insn": value})

    values = {"a": ((99.0, 101.0), (104.0, 106.0)), "b": ((50.0, 50.0), (50.0, 50.5))}
    samples = tuple(sample(boot, side, value) for side, boots in values.items() for boot, pair in enumerate(boots) for value in pair)
    cell = dataclasses.replace(counted.cells[0], samples=samples)
    evaluated = evaluation.evaluate(RunData(counted.record, (cell,)))
    # (105 - 100) / 102.5 and (50.25 - 50) / 50.125
    assert "null_blk 4.878 % (median of cells), 4.878 % (worst); null_blk_cpp 0.499 %" in evaluated.boots_summary
    assert not evaluation.evaluate(bench_fixture.run(boots=1)).boots_summary


def test_incomplete_run_is_doubtful(counted):
    assert "the run is not complete" in shown(changed(counted, complete=False))


@pytest.mark.parametrize(
    ("axes", "titles"),
    [
        (bench_fixture.QUICK, [""]),
        (bench_fixture.FULL, [f"{rw} {bs}" for rw in bench_fixture.FULL["rw"] for bs in bench_fixture.FULL["bs"]]),
    ],
)
def test_cells_are_grouped_so_that_they_can_be_read(axes, titles):
    evaluated = evaluation.evaluate(bench_fixture.run(axes, per_boot=2, boots=1))
    parts = plots.groups(evaluated.rows)
    assert [part.title for part in parts] == titles
    assert [row for part in parts for row in part.rows] == list(evaluated.rows)
    if len(parts) > 1:
        assert parts[0].labels[0] == "qd1 jobs1"


def test_drawing_twice_gives_the_same_files(counted, tmp_path):
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        report.draw(tmp_path / name, counted)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {
        "table.txt",
        "table.csv",
        "samples.csv",
        "plot.png",
        "plot.svg",
        "README.md",
        "report.html",
    }
    assert contents[0]["plot.png"].startswith(b"\x89PNG")
    assert contents[0]["table.txt"].decode() == shown(counted)


def test_folder_that_cannot_be_written_is_one_line(counted, tmp_path):
    with pytest.raises(report.ReportError, match="No such file") as error:
        report.draw(tmp_path / "absent", counted)
    assert "\n" not in str(error.value)


def test_report_command_refuses_what_is_no_results_folder(tmp_path):
    done = subprocess.run([PROJECT / "bench/report", tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("bench/report: ")
