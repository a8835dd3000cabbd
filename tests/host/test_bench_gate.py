# SPDX-License-Identifier: GPL-2.0
"""The comparison of a run with the committed reference."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import gate, model  # noqa: E402

FOLDED = {"[user]": 5000, "sys;f": 3000, "sys;f;own [twin]": 400, "sys;g": 600}


def sample(side, kernel, own):
    """A measured sample."""
    return model.Sample("1", 0, 1, side, "measure", 10, {"insn": 900.0, "insn_kernel": kernel, "insn_own": own})


def make_cell(kernel=400.0, own=40.0, folded=None, a=410.0, scatter=0.1, **changes):
    """A cell with two samples a side, so far from their mean."""
    taken = [sample("b", kernel + by, own) for by in (-scatter, scatter)]
    taken += [sample("a", a + by, 50.0) for by in (-scatter, scatter)]
    profiles = (model.Profile("a", 10, {"sys;elsewhere": 99}), model.Profile("b", 10, folded or FOLDED))
    return model.CellResult(**{"name": "cell", "axes": {}, "samples": tuple(taken), "profiles": profiles} | changes)


def make_run(*cells, **changes):
    """A whole run of these cells."""
    record = {
        "driver": "twin",
        "profile": "gate",
        "release": "6.1",
        "commit": "abc",
        "accel": "icount",
        "complete": True,
        "versions": {"gcc": "12.2", "qemu": "7.2"},
    }
    return model.RunData(record | changes, cells or (make_cell(),))


@pytest.fixture
def reference():
    """What the default run makes, after a trip through JSON."""
    return json.loads(json.dumps(gate.make_reference(make_run())))


def test_reference_has_figures_of_side_b_per_io(reference):
    symbols = {"f": 300.0, "own [twin]": 40.0, "g": 60.0}
    assert reference["cells"] == {"cell": {"kernel": 400.0, "error": 0.1, "own": 40.0, "a": 410.0, "symbols": symbols}}
    assert reference["release"] == "6.1"


def test_same_figures_pass(reference):
    (verdict,) = gate.compare(make_run(), reference)
    assert verdict.passed
    assert "400.0 -> 400.0 instructions (+0.00 %)" in verdict.lines[0]


@pytest.mark.parametrize(("kernel", "passed"), [(400.79, True), (400.82, False), (300, True)])
def test_growth_in_the_kernel_over_the_limit_fails(reference, kernel, passed):
    (verdict,) = gate.compare(make_run(make_cell(kernel=kernel)), reference)
    assert verdict.passed == passed


@pytest.mark.parametrize(("kernel", "passed"), [(405.9, True), (406.1, False)])
def test_growth_within_the_scatter_of_samples_passes(reference, kernel, passed):
    (verdict,) = gate.compare(make_run(make_cell(kernel=kernel, scatter=2)), reference)
    assert verdict.passed == passed


def test_a_run_too_noisy_to_judge_fails_whatever_it_measured(reference):
    (verdict,) = gate.compare(make_run(make_cell(scatter=2.1)), reference)
    assert not verdict.passed
    said = "cell: FAILED: too noisy to judge: the standard error in the kernel is 2.1 of 400.0 instructions per I/O, more than 0.5 %"
    assert verdict.lines[0].startswith(said)
    with pytest.raises(gate.GateError, match="no reference: cell: too noisy to judge"):
        gate.make_reference(make_run(make_cell(scatter=2.1)))


def test_growth_of_own_code_fails_even_if_the_kernel_makes_up_for_it(reference):
    (verdict,) = gate.compare(make_run(make_cell(kernel=390, own=41)), reference)
    assert not verdict.passed
    assert "40.0 -> 41.0 instructions (+2.50 %) per I/O in the module's own code" in verdict.lines[0]


def test_functions_that_grew_are_named_with_both_counts_the_most_first(reference):
    folded = {**FOLDED, "[user]": 9000, "sys;f;own [twin]": 450, "sys;new [twin]": 90, "sys;g": 500}
    (verdict,) = gate.compare(make_run(make_cell(kernel=404, folded=folded)), reference)
    assert verdict.lines[0].startswith("cell: GREW: 400.0 -> 404.0 instructions (+1.00 %)")
    assert verdict.lines[1:] == ("  new [twin]: 0.00 -> 9.00 (+9.00)", "  own [twin]: 40.00 -> 45.00 (+5.00)")


def test_many_grown_functions_are_cut_short(reference):
    folded = FOLDED | {f"sys;f{i}": 10 for i in range(13)}
    (verdict,) = gate.compare(make_run(make_cell(kernel=413, folded=folded)), reference)
    assert len(verdict.lines) == 1 + 10 + 1
    assert verdict.lines[-1] == "  and 3 functions more"


def test_growth_on_both_sides_is_said(reference):
    (verdict,) = gate.compare(make_run(make_cell(kernel=404, a=415)), reference)
    assert "so did the C driver, 410.0 -> 415.0 instructions (+1.22 %)" in verdict.lines[1]


def test_failed_and_missing_and_unknown_cells_fail(reference):
    (failed,) = gate.compare(make_run(make_cell(failure="fio reports error 5", samples=(), profiles=())), reference)
    assert not failed.passed and failed.lines == ("cell: FAILED: fio reports error 5",)
    missing, unknown = gate.compare(make_run(make_cell(name="other")), reference)
    assert not missing.passed and "was not run" in missing.lines[0]
    assert not unknown.passed and "--update" in unknown.lines[0]


def test_other_versions_are_said(reference):
    assert gate.differences(make_run(), reference) == []
    changed = make_run(versions={"gcc": "14", "qemu": "7.2"})
    assert gate.differences(changed, reference) == ["gcc is 14; the reference was made with 12.2"]


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (make_run(accel="tcg"), "counted no instructions"),
        (make_run(make_cell(failure="x")), "with failures: cell: x"),
        (make_run(complete=False), "not complete"),
        (make_run(make_cell(profiles=())), "no counts or no profile"),
        (make_run(make_cell(samples=())), "no counts or no profile"),
    ],
)
def test_no_reference_from_a_run_that_is_not_clean(run, why):
    with pytest.raises(gate.GateError, match=why):
        gate.make_reference(run)


def test_timed_run_is_not_compared(reference):
    with pytest.raises(gate.GateError, match="counted no instructions"):
        gate.compare(make_run(accel="kvm"), reference)


def test_reference_is_read_as_it_was_written(reference, tmp_path):
    path = gate.reference_path(tmp_path / "reference", "twin", "6.1")
    assert path.name == "twin-6.1.json"
    gate.write_reference(path, reference)
    assert gate.read_reference(path) == reference


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "cells": {"x": {"kernel": 1}}}'])
def test_broken_reference_is_refused_in_a_line(tmp_path, text):
    (tmp_path / "x").write_text(text)
    with pytest.raises(gate.GateError, match="is no reference") as error:
        gate.read_reference(tmp_path / "x")
    assert "\n" not in str(error.value)


def test_missing_reference_is_one_line_and_code_3():
    command = [PROJECT / "bench" / "gate", "--driver", "null_blk", "--release", "6.1.0-nonexistent"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr == (
        "bench/gate: no bench/reference/null_blk-6.1.0-nonexistent.json: "
        "make it with: bench/gate --update --driver null_blk --release 6.1.0-nonexistent\n"
    )


def test_profiles_of_a_side_are_taken_together():
    half = {stack: count // 2 for stack, count in FOLDED.items()}
    cell = dataclasses.replace(make_cell(), profiles=(model.Profile("b", 5, half), model.Profile("b", 5, half)))
    assert gate.make_reference(make_run(cell)) == gate.make_reference(make_run())
