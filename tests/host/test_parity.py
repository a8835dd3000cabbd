# SPDX-License-Identifier: GPL-2.0
"""tools/parity-table and the lists of rows: names of tests mean rows that there are, and the committed pages have all rows."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[2]
DRIVERS = {"null_blk": "nb", "nvme": "nv", "e1000": "ek", "binder": "bd"}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The program as a module."""
    loader = importlib.machinery.SourceFileLoader("parity_table", str(TOP / "tools" / "parity-table"))
    spec = importlib.util.spec_from_loader("parity_table", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules["parity_table"] = module
    loader.exec_module(module)
    return module


def names(driver: str) -> list[str]:
    """Of all tests, cases of suites, of simulators and of binder's protocol."""
    found = [name for path in (TOP / "tests").rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)]
    found += [name for path in (TOP / "modules" / f"{driver}_cpp").glob("*_kunit.cc") for name in re.findall(r"^KUNIT_TEST\(\w+, (\w+)\)", path.read_text(), re.M)]
    found += [name for glob in ("sim*", "binder") for path in (TOP / "tests").glob(f"{glob}/*_test.cc") for name in re.findall(r"^TEST_F\(\w+, (\w+)\)", path.read_text(), re.M)]
    return found


@pytest.mark.parametrize("driver", DRIVERS)
def test_names_mean_rows_that_there_are(tool: ModuleType, driver: str) -> None:
    rows = tool.read_rows(TOP / "tools" / "parity" / f"{driver}.toml")
    meant = {row for name in names(driver) for row in tool.rows_of(name) if row.startswith(DRIVERS[driver].upper())}
    assert meant - rows.keys() == set()
    uncovered = [row.id for row in rows.values() if row.id not in meant and not row.elsewhere and not row.open]
    assert uncovered == []
    both = [row.id for row in rows.values() if row.id in meant and row.open]
    assert both == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_committed_page_has_all_rows(tool: ModuleType, driver: str) -> None:
    rows = tool.read_rows(TOP / "tools" / "parity" / f"{driver}.toml")
    page = (TOP / "docs" / f"{driver}_parity.md").read_text()
    shown = dict(re.findall(r"^\| ([A-Z]{2}-\d\d) \| (.*?) \|", page, re.M))
    assert shown == {row.id: row.says for row in rows.values()}


_JUNIT = """<testsuites><testsuite>
<testcase classname="tests.vm.test_nvme_io" name="test_nv12_nv16_data[6.1.0-56-amd64-2]"/>
<testcase classname="tests.vm.test_nvme_io" name="test_nv12_nv16_data[6.1.0-56-amd64-3]"><failure message="no"/></testcase>
<testcase classname="tests.vm.test_suites" name="test_every_suite_passes[6.1.0-56-amd64-nvme_cpp_kunit]"/>
<testcase classname="tests.vm.test_nvme_io" name="test_nv99_what[6.1.0-56-amd64]"><skipped/></testcase>
</testsuite></testsuites>"""
_GTEST = """<testsuites><testsuite name="Nvme"><testcase classname="Nvme" name="Nv55QueueCount" status="run"/></testsuite></testsuites>"""


def test_results_are_counted_by_row_kernel_and_kind(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "vm.xml").write_text(_JUNIT)
    (tmp_path / "nvme_sim-6.1.0-56-amd64.xml").write_text(_GTEST)
    (tmp_path / "a_kunit.cc").write_text("KUNIT_TEST(nvme_state, nv24_changes)\n")
    rows = {number: tool.Row(number, "says") for number in ("NV-12", "NV-16", "NV-24", "NV-55")}
    cases = tool.read_results(sorted(tmp_path.glob("*.xml")))
    cases += tool.suites(tmp_path, "nvme_cpp", cases)
    assert tool.fill(rows, cases) == ["test_nvme_io: test_nv99_what"]
    assert [rows[number].cell("6.1") for number in rows] == ["**1 of 2 fail**", "**1 of 2 fail**", "passes (1)", "passes (1), simulator alone"]
    assert rows["NV-55"].cell("6.12") == "not run"
    assert rows["NV-24"].where() == "`nvme_state.nv24_changes` (KUnit)"
