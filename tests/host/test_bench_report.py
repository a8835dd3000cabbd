# SPDX-License-Identifier: GPL-2.0
"""Results folders: a recorded run is drawn again, failures are shown and never averaged in. And module files."""

import csv
import io
import json
import lzma
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import elf, matrix, report, results  # noqa: E402

RECORDED = Path(__file__).parent / "bench_run"


@pytest.fixture
def folder(tmp_path):
    """A copy of the recorded run: an A/A control of two cells, two samples per side and cell."""
    return Path(shutil.copytree(RECORDED, tmp_path / "run"))


def edit_record(folder, change):
    """Applies `change` to the record of a run."""
    path = folder / results.RECORD
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def shown(drawn):
    """What the terminal shows, without colours."""
    out = io.StringIO()
    report.show(drawn, Console(file=out, width=110, color_system=None))
    return out.getvalue()


def test_recorded_run_is_drawn_again(folder):
    drawn = report.draw(folder)
    # From insn.txt, by hand: instructions of each side's two kept samples of 200 I/Os.
    record = json.loads((folder / results.RECORD).read_text())
    counts = {line.split()[1]: int(line.split()[2]) for line in (folder / results.INSN).read_text().splitlines()}
    with open(folder / report.TABLE_CSV) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row, cell in zip(rows, sorted(record["cells"], key=lambda entry: entry["index"])):
        for side in "ab":
            kept = [counts[s["id"]] for s in cell["samples"] if s["kept"] and s["side"] == side]
            assert len(kept) == int(row[f"n_{side}"]) == 2
            assert float(row[f"mean_{side}"]) == pytest.approx(sum(kept) / 400, rel=1e-5)
    with open(folder / report.SAMPLES_CSV) as file:
        taken = list(csv.DictReader(file))
    assert [row["kept"] for row in taken] == ["0", "0", "1", "1", "1", "1", "0"] * 2
    assert (folder / report.PLOT).read_bytes().startswith(b"\x89PNG")
    text = (folder / report.TABLE_TEXT).read_text()
    assert "EMULATED (QEMU TCG, icount)" in text and "A/A control" in text and "false positives: " in text
    assert text == shown(drawn)


def test_report_command(folder):
    done = subprocess.run([PROJECT / "bench/report", folder], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 cells:" in done.stdout
    done = subprocess.run([PROJECT / "bench/report", folder / "absent"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_recorded_failure_leaves_the_cell_out(folder):
    def fail(record):
        next(cell for cell in record["cells"] if cell["index"] == 1)["failure"] = "the kernel reports a bug: Oops: 0000"

    edit_record(folder, fail)
    drawn = report.draw(folder)
    assert [row.verdict for row in drawn.rows][1] == "failed" and len(drawn.failures) == 1
    text = (folder / report.TABLE_TEXT).read_text()
    assert "failed: randread 4k qd1 irq1: the kernel reports a bug: Oops: 0000" in text
    assert "1 failed" in text
    assert "4k,1,1,1.0" not in (folder / report.SAMPLES_CSV).read_text()
    done = subprocess.run([PROJECT / "bench/report", folder], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1


def test_raw_output_with_an_error_fails_the_cell_on_drawing(folder):
    path = folder / results.FIO
    texts = json.loads(lzma.decompress(path.read_bytes()))
    texts["0"] = texts["0"].replace('"error" : 0', '"error" : 5', 1)
    path.write_bytes(lzma.compress(json.dumps(texts).encode()))
    drawn = report.draw(folder)
    assert "fio reports error 5" in drawn.failures[0].cell.failure


def test_two_modules_are_named_and_their_ratio_given(folder):
    edit_record(folder, lambda record: record["modules"]["b"].update(name="null_blk_cpp"))
    text = shown(report.draw(folder))
    assert "null_blk_cpp against null_blk" in text and "A/A" not in text and "geometric mean of C++/C" in text


@pytest.mark.parametrize("name", [results.RECORD, results.FIO, results.INSN])
def test_missing_or_broken_file_is_one_line(folder, name):
    (folder / name).write_bytes(b"nonsense")
    with pytest.raises(results.ResultsError) as error:
        report.load(folder)
    assert "\n" not in str(error.value)
    (folder / name).unlink()
    with pytest.raises(results.ResultsError):
        report.load(folder)


def test_folders_of_a_day_get_numbers(tmp_path):
    loaded = matrix.load(PROJECT / "bench/matrix/null_blk-quick.toml")
    names = [results.make_folder(tmp_path / "results", loaded, "6.1.0-56-amd64", "icount").name for _ in range(2)]
    assert names[0].endswith("-6.1.0-56-amd64-null_blk-quick-icount")
    assert names[1] == names[0] + ".2"
    (tmp_path / "file").touch()
    with pytest.raises(results.ResultsError, match="cannot create"):
        results.make_folder(tmp_path / "file", loaded, "6.1.0-56-amd64", "icount")


@pytest.fixture
def module(tmp_path):
    """An object with known sections."""
    source = tmp_path / "m.c"
    source.write_text(
        "int data = 1; int bss[7]; int f(void) { return data; }\n"
        'int g(void) __attribute__((section(".init.text"))); int g(void) { return 0; }\n'
    )
    subprocess.run(["gcc", "-c", "-fno-pic", "-o", tmp_path / "m.ko", source], check=True, timeout=60)
    return tmp_path / "m.ko"


def test_module_sizes_are_those_of_size(module):
    said = subprocess.run(["size", module], check=True, capture_output=True, text=True, timeout=60).stdout
    info = elf.read(module)
    assert [info.text, info.data, info.bss] == [int(word) for word in said.splitlines()[1].split()[:3]]
    assert set(info.code) == {".text"}
    packed = module.with_name("m.ko.xz")
    packed.write_bytes(lzma.compress(module.read_bytes()))
    assert elf.read(packed) == info


def test_broken_module_is_refused(module):
    blob = module.read_bytes()
    for broken in (b"", b"#!/bin/sh\n", blob[:70], blob[:-100]):
        module.write_bytes(broken)
        with pytest.raises(elf.ElfError) as error:
            elf.read(module)
        assert "\n" not in str(error.value)
    with pytest.raises(elf.ElfError, match="No such file"):
        elf.read(module.with_name("absent.ko"))
