# SPDX-License-Identifier: GPL-2.0
"""Matrix files: the shipped ones load, and each mistake is refused by file, line and key. And the plan of a run."""

import sys
from collections import Counter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import matrix, plan  # noqa: E402

QUICK = PROJECT / "bench/matrix/null_blk-quick.toml"


def test_quick_matrix_is_the_16_cells():
    loaded = matrix.load(QUICK)
    assert (loaded.driver, loaded.profile, loaded.a, loaded.b) == ("null_blk", "quick", "null_blk", "null_blk_cpp")
    assert {cell.name for cell in loaded.cells} == {
        f"{rw} {bs} qd{depth} irq{irq}"
        for rw in ("randread", "randwrite")
        for bs in ("4k", "256k")
        for depth in (1, 32)
        for irq in (0, 1)
    }


def test_icount_matrix_has_every_completion_mode():
    loaded = matrix.load(QUICK.with_name("null_blk-icount.toml"))
    assert len(loaded.cells) == 12
    assert {cell.irqmode for cell in loaded.cells} == {0, 1, 2}
    assert {cell.bs for cell in loaded.cells} == {"4k"}


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("4k", 4096), ("16m", 16 << 20)])
def test_block_size(text, size):
    assert matrix.parse_block_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "4K", "4 k", "100", "-4k", "1g", "4kk"])
def test_bad_block_size(text):
    with pytest.raises(ValueError, match="block size"):
        matrix.parse_block_size(text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("iodepth = [1, 32]", "iodepths = [1, 32]", "[cells] iodepths: unknown key: use rw, bs, iodepth, irqmode"),
        ("count = 8", "count = 8\nramp = 1", "[sample] ramp: unknown key: use count, ios, seconds"),
        ('profile = "quick"', 'profile = "quick"\nextra = 1', "extra: unknown key"),
        ("[queue]\n", "[queues]\n", "queues: unknown key"),
        ("count = 8", "count = 1", "[sample] count: 1 must be an integer from 2 to 1000"),
        ("count = 8", 'count = "8"', "[sample] count: '8' must be an integer"),
        ("count = 8", "count = true", "[sample] count: True must be an integer"),
        ("count = 8\n", "", "[sample] count: is missing"),
        ("iodepth = [1, 32]", "iodepth = 1", "[cells] iodepth: must be a list"),
        ("iodepth = [1, 32]", "iodepth = []", "[cells] iodepth: must be a list"),
        ("iodepth = [1, 32]", "iodepth = [1, 1]", "[cells] iodepth: names something twice"),
        ("irqmode = [0, 1]", "irqmode = [0, 3]", "[cells] irqmode: 3 must be an integer from 0 to 2"),
        ('"256k"]', '"256q"]', "[cells] bs: '256q' is no block size"),
        ('rw = ["randread"', 'rw = ["trim"', "[cells] rw: 'trim' must be a string like"),
        ('b = "null_blk_cpp"', 'b = "brd"', "b: 'brd' is no module of [configfs]: use null_blk, null_blk_cpp"),
        ("256k = 1000", "8k = 1000", "[sample] ios: must give a number for each block size: 4k, 256k"),
        ("256k = 1000", "256k = 1", "[sample] ios: 1 must be an integer from 100"),
        ("size = 4096", 'size = "4096; reboot"', "[device] size: '4096; reboot' must be an integer or one word"),
        ("size = 4096", '"a/../b" = 1', "[device] a/../b: is no name"),
        ("size = 4096", "size = [1]", "[device] size: [1] must be an integer or one word"),
    ],
)
def test_mistakes_are_refused_with_line_and_key(tmp_path, old, new, said):
    text = QUICK.read_text()
    assert old in text
    path = tmp_path / "m.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(matrix.MatrixError) as error:
        matrix.load(path)
    message = str(error.value)
    place, _, rest = message.removeprefix(f"{path}:").partition(": ")
    assert said in rest and "\n" not in message
    key = said.partition(":")[0].split()[-1]
    assert key in path.read_text().splitlines()[int(place) - 1] or "missing" in said


def test_broken_toml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text('driver = "x"\nprofile = \n')
    with pytest.raises(matrix.MatrixError, match="line 2"):
        matrix.load(path)
    with pytest.raises(matrix.MatrixError, match="No such file"):
        matrix.load(tmp_path / "absent.toml")


def test_same_seed_gives_same_plan_and_another_seed_another():
    loaded = matrix.load(QUICK)
    assert plan.make_plan(loaded, 8, 1) == plan.make_plan(loaded, 8, 1)
    assert plan.make_plan(loaded, 8, 1) != plan.make_plan(loaded, 8, 2)


def test_plan_is_interleaved_and_whole():
    loaded = matrix.load(QUICK)
    cells = plan.make_plan(loaded, 8, 3)
    assert sorted(cell.index for cell in cells) == list(range(16))
    assert [cell.index for cell in cells] != list(range(16))
    firsts: Counter[str] = Counter()
    for cell in cells:
        kept = [sample for sample in cell.samples if sample.kept]
        assert len(kept) == 16
        for number in range(8):
            assert {sample.side for sample in kept[2 * number : 2 * number + 2]} == {"a", "b"}
            firsts[kept[2 * number].side] += 1
        assert {sample.side for sample in cell.samples[:2]} == {"a", "b"}  # warm-up
        assert not any(sample.kept for sample in (*cell.samples[:2], cell.samples[-1]))
        assert len({sample.disk for sample in cell.samples}) == len(cell.samples)
        assert all(len(sample.disk) < 32 for sample in cell.samples)
    assert 40 < firsts["a"] < 88  # Of 128: the order within a round is random.
