# SPDX-License-Identifier: GPL-2.0
"""tools/run-tests: what it runs, and how it counts."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The program as a module, whose logs go elsewhere."""
    loader = importlib.machinery.SourceFileLoader("run_tests", str(TOP / "tools" / "run-tests"))
    spec = importlib.util.spec_from_loader("run_tests", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_tests", module)
    loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def counts(lane: object) -> tuple[int, int, int]:
    return lane.passed, lane.failed, lane.skipped


def test_tests_are_counted_by_outcome(run_tests: ModuleType, tmp_path: Path) -> None:
    test = tmp_path / "test_x.py"
    test.write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_good_too(): pass\n"
        "def test_bad(): assert 0\n"
        "def test_none(): pytest.skip('why')\n"
        "@pytest.fixture\ndef broken(): raise OSError\n"
        "def test_error(broken): pass\n"
    )
    lane = run_tests.Lane("x", [str(test)])
    lane.run()
    assert counts(lane) == (2, 2, 1)
    bad, error = lane.complaints
    assert "test_x.py::test_bad: assert 0" in bad and "test_x.py::test_error: " in error


@pytest.mark.parametrize("text", ["import nothing_of_that_name\n", "", "import os\ndef test_x(): os._exit(3)\n"])
def test_a_lane_that_counts_nothing_has_failed(run_tests: ModuleType, tmp_path: Path, text: str) -> None:
    test = tmp_path / "test_x.py"
    test.write_text(text)
    lane = run_tests.Lane("x", [str(test)])
    lane.run()
    assert counts(lane) == (0, 1, 0)


def test_what_cannot_be_made_is_a_failure(run_tests: ModuleType, tmp_path: Path) -> None:
    lane = run_tests.Lane("x", [str(tmp_path)], before=[["true"], ["sh", "-c", "echo why; exit 7"], ["touch", str(tmp_path / "not")]])
    lane.run()
    assert counts(lane) == (0, 1, 0)
    assert lane.complaints == ["x: sh -c echo why; exit 7 ended with code 7"]
    assert not (tmp_path / "not").exists() and (tmp_path / "x.log").read_text() == "why\n"


def test_every_stock_kernel_the_test_kernel_and_the_host_have_a_lane(run_tests: ModuleType) -> None:
    names = [lane.name for lane in run_tests.lanes([])]
    assert names[0] == "testkernel" and names[1] == f"{names[2]}-cards" and names[-2:] == ["host", "static"]
    assert [name for name in names if name.startswith("vm-6.")] == names[1:-2]


def test_lanes_of_a_kernel_have_no_test_in_common_and_all_there_are(run_tests: ModuleType) -> None:
    cards, others = run_tests.lanes(["--all"])[1:3]
    together = run_tests.Lane("x", [argument for argument in others.arguments if "nvme" not in argument and "e1000" not in argument], others.environment)
    found = collected(cards), collected(others)
    assert not found[0] & found[1]
    assert found[0] | found[1] == collected(together)


def collected(lane: object) -> frozenset[str]:
    """The tests that a lane runs."""
    return _collected(tuple(lane.arguments), tuple(lane.environment.items()))


@cache
def _collected(arguments: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> frozenset[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *arguments]
    done = subprocess.run(command, cwd=TOP, env=os.environ | dict(environment), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return frozenset(line for line in done.stdout.splitlines() if "::" in line)


def test_what_make_test_leaves_out_is_long_and_has_its_lanes(run_tests: ModuleType) -> None:
    """On the test kernel some of what stock kernels show as well; on stock kernels some cycles. No test is in both."""
    usual = {lane.name: collected(lane) for lane in run_tests.lanes([]) if lane.name not in ("host", "static")}
    long = {lane.name: collected(lane) for lane in run_tests.lanes(["--long"])}
    assert usual.keys() == long.keys()
    for name in usual:
        assert usual[name] and long[name] and not usual[name] & long[name]
        assert all("test_null_blk_cycles" in test or "test_nvme_" in test or "test_e1000_" in test or "test_binder" in test or name == "testkernel" for test in long[name])
    assert any("test_removal_under_load" in test for test in usual["testkernel"])
    assert any("test_removal_under_load" in test for test in long["testkernel"])


def test_what_make_test_leaves_out_as_slow_is_in_test_all(run_tests: ModuleType) -> None:
    whole = {lane.name: collected(lane) for lane in run_tests.lanes(["--all"])}
    usual = {lane.name: collected(lane) for lane in run_tests.lanes([])}
    assert whole.keys() == usual.keys()
    for name in usual:
        assert usual[name] <= whole[name]
    assert all(usual[name] < whole[name] for name in usual if name.startswith("vm-"))


@pytest.mark.parametrize("arguments", [[], ["--all"], ["--quick"], ["--long"], ["--bench"]])
def test_files_that_lanes_name_exist(run_tests: ModuleType, arguments: list[str]) -> None:
    marks = ("-m", "long", "not long and not slow")
    words = [word for lane in run_tests.lanes(arguments) for word in lane.arguments if word not in marks and not word.startswith("-k")]
    named = [word.removeprefix("--ignore=").partition("::")[0] for word in words]
    assert named and [word for word in named if not (TOP / word).exists()] == []
