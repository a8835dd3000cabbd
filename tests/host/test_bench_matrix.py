# SPDX-License-Identifier: GPL-2.0
"""Matrix files: the shipped ones load, and each mistake is refused by file, line and key. And the plan of a run."""

import dataclasses
import sys
from collections import Counter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import matrix, plan, workloads  # noqa: E402

WORKLOADS = workloads.known()
NULL_BLK = PROJECT / "bench/matrix/null_blk.toml"


def load(path=NULL_BLK, profile="quick"):
    return matrix.load(path, profile, WORKLOADS)


def test_full_null_blk_matrix_is_the_published_one():
    loaded = load(profile="full")
    assert (loaded.driver, loaded.a, loaded.b) == ("null_blk", "null_blk", "null_blk_cpp")
    assert {cell.name for cell in loaded.cells} == {
        f"{rw} {bs} qd{depth} j{jobs}"
        for rw in ("randread", "randwrite")
        for bs in ("4k", "32k", "256k", "1m", "16m")
        for depth in (1, 8, 32, 128)
        for jobs in (1, 2, 6)
    }
    assert len(loaded.cells) == 120
    assert (loaded.sampling.count, loaded.sampling.ramp, loaded.sampling.seconds) == (40, 10, 30)
    device, queue = loaded.tables["device"], loaded.tables["queue"]
    assert (device["memory_backed"], device["size"], device["hw_queue_depth"], device["no_sched"]) == (1, 4096, 256, 1)
    assert loaded.tables["params"]["poll_queues"] == 0 and queue["iostats"] == 0


def test_nvme_matrix_is_the_published_one():
    loaded = load(NULL_BLK.with_name("nvme.toml"), "full")
    assert Counter(cell["rw"] for cell in loaded.cells) == {"randread": 24, "randwrite": 24}
    assert {cell["bs"] for cell in loaded.cells} == {"512", "4k", "32k", "256k", "1m", "16m"}
    assert {cell["iodepth"] for cell in loaded.cells} == {1, 8, 32, 128}


def test_quick_profile_is_16_cells():
    assert {cell.name for cell in load().cells} == {
        f"{rw} {bs} qd{depth}{irq}" for rw in ("randread", "randwrite") for bs in ("4k", "256k") for depth in (1, 32) for irq in (" irq0", " irq1")
    }


@pytest.mark.parametrize("path", sorted(matrix.FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_profile_of_every_file_loads(path):
    names = matrix.profiles(path)
    assert {"quick", "standard", "full"} <= set(names)
    for name in names:
        loaded = load(path, name)
        assert len({cell.name for cell in loaded.cells}) == len(loaded.cells)


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
        ("iodepth = [1, 8, 32, 128]", "iodepths = [1]", "[cells] iodepths: unknown key: use rw, bs, iodepth, numjobs, polled, irqmode"),
        ("count = 40", "count = 40\nramps = 1", "[sample] ramps: unknown key: use count, boots"),
        ('driver = "null_blk"', 'driver = "null_blk"\nextra = 1', "extra: unknown key"),
        ("[queue]\n", "[queues]\n", "queues: unknown key"),
        ("count = 6", "count = 1", "[profile.quick.sample] count: 1 must be an integer from 2 to 1000"),
        ("count = 6", "counts = 6", "[profile.quick.sample] counts: unknown key"),
        ("[profile.quick.cells]", "[profile.quick.cell]", "[profile.quick] cell: unknown key: use configfs"),
        ("count = 40", 'count = "8"', "[sample] count: '8' must be an integer"),
        ("count = 40", "count = true", "[sample] count: True must be an integer"),
        ("control = true", "control = 1", "[sample] control: 1 must be true or false"),
        ('reload = "boot"', 'reload = "sample"', "[sample] reload: 'sample' must be one of boot, cell"),
        ("boots = 1\n", "", "[sample] boots: is missing"),
        ("iodepth = [1, 32]", "iodepth = 1", "[profile.quick.cells] iodepth: must be a list"),
        ("iodepth = [1, 32]", "iodepth = []", "[profile.quick.cells] iodepth: must be a list"),
        ("iodepth = [1, 32]", "iodepth = [1, 1]", "[profile.quick.cells] iodepth: names something twice"),
        ("irqmode = [0, 1]", "irqmode = [0, 3]", "[profile.quick.cells] irqmode: 3 must be an integer from 0 to 2"),
        ('"256k"]', '"256q"]', "[profile.quick.cells] bs: '256q' is no block size"),
        ('rw = ["randread"', 'rw = ["trim"', "[cells] rw: 'trim' must be a string like"),
        ('workload = "null_blk"', 'workload = "brd"', "workload: 'brd' is unknown: use binder, net, null_blk, nvme"),
        ("256k = 1500", "8k = 1500", "[profile.quick.sample] ios: must give a number for each block size: 4k, 256k"),
        ("256k = 1500", "256k = 1", "[profile.quick.sample] ios: 1 must be an integer from 16"),
        ("size = 4096", 'size = "4096; reboot"', "[device] size: '4096; reboot' must be an integer or one word"),
        ("size = 4096", '"a/../b" = 1', "[device] a/../b: is no name"),
        ("size = 4096", "size = [1]", "[device] size: [1] must be an integer or one word"),
        ("span = 0", "span = -1", "[prepare] span: -1 must be an integer"),
    ],
)
def test_mistakes_are_refused_with_line_and_key(tmp_path, old, new, said):
    text = NULL_BLK.read_text()
    assert old in text
    path = tmp_path / "m.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(matrix.MatrixError) as error:
        load(path)
    message = str(error.value)
    place, _, rest = message.removeprefix(f"{path}:").partition(": ")
    assert said in rest and "\n" not in message
    key = said.partition(":")[0].split()[-1]
    assert key in path.read_text().splitlines()[int(place) - 1] or "missing" in said


def test_a_profile_that_is_not_there_is_refused():
    with pytest.raises(matrix.MatrixError, match="has no profile 'fast': use full, standard, quick, gate"):
        load(profile="fast")


def test_broken_toml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text('driver = "x"\nprofile = \n')
    with pytest.raises(matrix.MatrixError, match="line 2"):
        load(path)
    with pytest.raises(matrix.MatrixError, match="No such file"):
        load(tmp_path / "absent.toml")


def test_modules_that_the_matrix_does_not_know_are_refused():
    with pytest.raises(workloads.WorkloadError, match="module brd: the matrix knows null_blk, null_blk_cpp"):
        WORKLOADS["null_blk"].check(dataclasses.replace(load(), b="brd"))


def test_nvme_modules_cannot_be_loaded_anew_for_each_cell(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text((matrix.FOLDER / "nvme.toml").read_text().replace('reload = "boot"', 'reload = "cell"'))
    with pytest.raises(workloads.WorkloadError, match="only be loaded once in each boot"):
        WORKLOADS["nvme"].check(load(path))


def test_same_seed_gives_same_plan_and_another_seed_another():
    loaded = load()
    assert plan.make_plan(loaded, 1) == plan.make_plan(loaded, 1)
    assert plan.make_plan(loaded, 1) != plan.make_plan(loaded, 2)


def test_plan_is_interleaved_and_whole():
    cells = plan.make_plan(load(), 3)
    assert sorted(cell.index for cell in cells) == list(range(16))
    assert [cell.index for cell in cells] != list(range(16))
    firsts: Counter[str] = Counter()
    for cell in cells:
        kept = [sample for sample in cell.samples if sample.kind == "measure"]
        assert len(kept) == 18
        for number in range(6):
            of_round = kept[3 * number : 3 * number + 3]
            assert {sample.side for sample in of_round} == {"a", "b", "c"}
            assert len({sample.seed for sample in of_round}) == 1
            firsts[of_round[0].side] += 1
        assert [sample.kind for sample in cell.samples[:3]] == ["warmup"] * 3
        assert {sample.side for sample in cell.samples if sample.kind == "profile"} == {"a", "b"}
    assert len({sample.id for cell in cells for sample in cell.samples}) == sum(len(cell.samples) for cell in cells)
    assert all(15 < firsts[side] < 55 for side in "abc")  # Of 96: the order within a round is random.


def test_boots_share_the_samples_and_have_orders_of_their_own():
    loaded = load()
    loaded = dataclasses.replace(loaded, sampling=dataclasses.replace(loaded.sampling, boots=3, latency=1))
    cells = plan.make_plan(loaded, 4)
    orders = [[cell.index for cell in cells if cell.boot == boot] for boot in range(3)]
    assert all(sorted(order) == list(range(16)) for order in orders) and orders[0] != orders[1]
    of_first = [cell for cell in cells if cell.index == 0]
    count = [Counter(sample.kind for sample in cell.samples if sample.side == "b") for cell in of_first]
    assert [kinds["measure"] for kinds in count] == [2, 2, 2]
    assert [kinds["latency"] for kinds in count] == [0, 0, 1]
    assert [kinds["profile"] for kinds in count] == [1, 0, 0]
    assert [kinds["warmup"] for kinds in count] == [1, 1, 1]


def test_stacks_are_recorded_only_if_wanted():
    loaded = load()
    without = dataclasses.replace(loaded, sampling=dataclasses.replace(loaded.sampling, stacks=False))
    assert {sample.kind for cell in plan.make_plan(loaded, 1) for sample in cell.samples} == {"warmup", "measure", "profile"}
    assert {sample.kind for cell in plan.make_plan(without, 1) for sample in cell.samples} == {"warmup", "measure"}
