# SPDX-License-Identifier: GPL-2.0
"""The page of a run: complete, self-contained, safe to open, and small enough to keep."""

import base64
import dataclasses
import gzip
import html.parser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import bench_fixture
import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import page, report  # noqa: E402
from benchlib.model import Profile, RunData  # noqa: E402

LIMIT = 3_000_000
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Outline(html.parser.HTMLParser):
    """Elements, links and texts of a page, and whether its tags are nested properly."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.texts = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if "script" not in self.open and "style" not in self.open:
            self.texts.append(data)


def drawn(folder, data):
    """The text of the page of a run."""
    (folder / report.RECORD).write_text(json.dumps(data.record))
    report.draw(folder, data)
    return (folder / page.PAGE).read_text()


@pytest.fixture(scope="module")
def bundle():
    """The flame graph library's text; npm fetches it the first time."""
    try:
        return page.bundle()
    except page.PageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def run():
    """A run of 16 cells with profiles."""
    return bench_fixture.run()


@pytest.fixture(scope="module")
def text(run, bundle, tmp_path_factory):
    """Its page."""
    return drawn(tmp_path_factory.mktemp("page"), run)


def embedded(text, name):
    """JSON that the page holds for its script."""
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)[1])


@pytest.mark.slow
def test_page_has_all_parts(run, text):
    outline = Outline(text)
    words = " ".join(" ".join(outline.texts).split())
    for part in ("Result", "Every cell", "Losses and wins", "Absolute figures", "Distribution of the samples", "Latency"):
        assert part in words
    for part in ("Where the instructions go", "How the numbers are made", "Setup", "Raw data", "EMULATED"):
        assert part in words
    assert "difference = 100 · (mean(B) − mean(A)) / mean(A)" in words and "Negative is better, called faster" in words
    assert "15 cells falsely different" in words and "Spectre" not in words and "Mitigation: Retpolines" in words
    for cell in run.cells:
        assert words.count(cell.name) >= (2 if cell.failure else 3)
    # One picture of samples for each cell that did not fail.
    assert outline.tags.count("figure") == 15


def test_page_needs_no_network(text):
    outline = Outline(text)
    assert all(link.startswith(("#", "data:")) for link in outline.links)
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(", text)
    assert not {"link", "img", "iframe", "object", "embed", "form"} & set(outline.tags)


def test_page_escapes_what_it_is_given(run, bundle, tmp_path):
    evil = "</script><script>alert(1)</script>"
    cells = list(run.cells)
    cells[0] = dataclasses.replace(cells[0], name=evil, profiles=(Profile("a", 1, {f"main;{evil}": 5}),))
    cells[3] = dataclasses.replace(cells[3], failure=evil)
    record = run.record | {"doubts": [evil], "system": {evil: evil}, "commit": evil}
    text = drawn(tmp_path, RunData(record, tuple(cells)))
    assert evil not in text
    assert "alert(1)" in " ".join(Outline(text).texts)
    assert evil in embedded(text, "stacks")["names"]
    markdown = (tmp_path / page.MARKDOWN).read_text()
    assert "<script" not in markdown


def test_raw_data_can_be_downloaded(run, text, tmp_path):
    drawn(tmp_path, run)
    found = dict(re.findall(r'<a download="([^"]+)" href="data:application/octet-stream;base64,([^"]+)"', text))
    assert set(found) == {"samples.csv", "table.csv", "run.json"}
    for name in ("samples.csv", "table.csv"):
        assert base64.b64decode(found[name]) == (tmp_path / name).read_bytes()
    assert json.loads(base64.b64decode(found["run.json"])) == json.loads(json.dumps(run.record))


@pytest.mark.slow
def test_full_matrix_fits(tmp_path):
    run = bench_fixture.run(bench_fixture.FULL, "tcg", per_boot=20, profile=False)
    text = drawn(tmp_path, run)
    assert len(text) < LIMIT / 2
    assert Outline(text).tags.count("figure") == 119
    packed = re.search(r'<a download="samples.csv.gz" href="data:application/octet-stream;base64,([^"]+)"', text)[1]
    assert gzip.decompress(base64.b64decode(packed)) == (tmp_path / "samples.csv").read_bytes()
    # Nothing to draw with the library, so it is not there.
    assert "flamegraph=" not in text and "Where the instructions go" not in text


def test_flame_graph_trees_add_up(run, text):
    data = embedded(text, "stacks")
    assert [name for name, _ in data["cells"]] == [cell.name for cell in run.cells if cell.profiles]

    def leaves(node, path):
        """Stacks with the instructions of their innermost function."""
        index, insn, children = node
        own = insn - sum(child[1] for child in children)
        assert own >= 0
        path = [*path, data["names"][index]]
        yield ";".join(path[1:]), own
        for child in children:
            yield from leaves(child, path)

    for (_, trees), cell in zip(data["cells"], [cell for cell in run.cells if cell.profiles]):
        for profile in cell.profiles:
            ios, tree = trees[profile.side]
            assert ios == profile.ios and tree[1] == sum(profile.folded.values())
            assert {stack: insn for stack, insn in leaves(tree, []) if insn} == profile.folded


def test_small_frames_are_put_together_and_none_is_lost():
    cell = dataclasses.replace(
        bench_fixture.run().cells[0],
        profiles=(Profile("a", 10, {"f": 100_000, **{f"f;g{n}": 3 for n in range(20)}, "f;h": 500}),),
    )
    tree = page.flames([cell])
    ((_, sides),) = tree["cells"]
    names, (ios, root) = tree["names"], sides["a"]
    (f,) = root[2]
    assert (ios, root[1], f[1]) == (10, 100_560, 100_560)
    assert {names[child[0]]: child[1] for child in f[2]} == {"h": 500, "(20 small)": 60}


def test_function_table(run):
    found = page.cell_profile(run.cells[0])
    by_name = {row.symbol: row for row in found.functions}
    own = by_name["null_queue_rq [null_blk]"]
    assert (own.a, own.b) == (180, 0)
    other = by_name["blk_mq_get_tag"]
    assert (other.a, other.b, other.difference) == (640, 576, pytest.approx(-64))
    assert found.other is None and found.total.a == pytest.approx(sum(row.a for row in found.functions))
    assert found.unknown == pytest.approx((100 * 6 / found.total.a, 100 * 6 * 0.9 / found.total.b))


def test_function_table_sums_what_it_leaves_out(run):
    folded = {f"f{n}": 10 + n for n in range(50)}
    cell = dataclasses.replace(run.cells[0], profiles=(Profile("a", 2, folded), Profile("b", 1, {"f1": 11})))
    found = page.cell_profile(cell)
    assert len(found.functions) == 30 and found.other.symbol == "20 others"
    assert found.total.a == sum(folded.values()) / 2 == pytest.approx(found.other.a + sum(r.a for r in found.functions))


def test_markdown_page(run, tmp_path):
    report.draw(tmp_path, dataclasses.replace(run, cells=tuple(dataclasses.replace(c, profiles=()) for c in run.cells)))
    markdown = (tmp_path / page.MARKDOWN).read_text()
    assert "![difference of every cell with its interval](plot.png)" in markdown and "](report.html)" in markdown
    assert "**failed** randread 4k qd32 irq1: fio reports error 5 &lt;b&gt;" in markdown
    assert "turbo boost is &lt;on&gt;" in markdown and "null\\_blk\\_cpp against null\\_blk" in markdown
    table = markdown.split("## Every cell")[1].split("## Setup")[0]
    rows = [line for line in table.splitlines() if line.startswith("| rand")]
    assert len(rows) == 16 and {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """No library is installed."""
    monkeypatch.setattr(page, "_BUILD", tmp_path / "build" / "page")
    return tmp_path


def npm(folder, monkeypatch, script):
    """Puts a shell script in npm's place."""
    tools = folder / "bin"
    tools.mkdir()
    (tools / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (tools / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools) + ":/usr/bin:/bin")


def test_missing_npm_is_one_line_and_the_rest_is_drawn(run, fresh, monkeypatch):
    monkeypatch.setenv("PATH", str(fresh))
    with pytest.raises(report.ReportError, match="apt-get install npm") as error:
        report.draw(fresh, run)
    assert "\n" not in str(error.value)
    for name in ("table.txt", "table.csv", "samples.csv", "plot.png", "plot.svg", "README.md"):
        assert (fresh / name).stat().st_size
    assert not (fresh / "report.html").exists()


def test_failing_npm_is_one_line_and_leaves_nothing(run, fresh, monkeypatch):
    npm(fresh, monkeypatch, "echo npm error network is unreachable >&2; mkdir node_modules; exit 1")
    with pytest.raises(page.PageError, match="network is unreachable") as error:
        page.bundle()
    assert "\n" not in str(error.value)
    assert not list((fresh / "build").iterdir())


def test_npm_that_hangs_is_given_up(fresh, monkeypatch):
    npm(fresh, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(page, "_NPM_SECONDS", 0.5)
    with pytest.raises(page.PageError, match="more than 0.5 s"):
        page.bundle()
    assert not list((fresh / "build").iterdir())


def test_library_without_a_script_is_one_line(fresh, monkeypatch):
    npm(fresh, monkeypatch, "mkdir node_modules")
    with pytest.raises(page.PageError, match="lacks .*internmap"):
        page.bundle()


def test_library_is_installed_once(bundle, monkeypatch, tmp_path):
    npm(tmp_path, monkeypatch, "echo called >&2; exit 1")
    assert page.bundle() == bundle
    assert "flamegraph" in bundle and "</script" not in bundle
    # What is handed on keeps its licences.
    assert "Apache License" in bundle and "Permission to use, copy, modify" in bundle


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_scripts_run_in_node(bundle, tmp_path):
    """The library defines what the page's script calls, and both are valid."""
    (tmp_path / "library.js").write_text(bundle)
    check = """
        const library = require("fs").readFileSync(process.argv[1], "utf8");
        const page = {document: {createElement: () => ({}), head: {appendChild() {}}}};
        require("vm").runInNewContext(library, page);
        if (typeof page.flamegraph.default !== "function" || typeof page.d3.select !== "function") process.exit(1);
    """
    subprocess.run(["node", "-e", check, tmp_path / "library.js"], check=True, timeout=60)
    subprocess.run(["node", "--check", PROJECT / "bench/page/page.js"], check=True, timeout=60)
