# SPDX-License-Identifier: GPL-2.0
"""netload, the scripts that make wires for it, and what it says."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import matrix, plan, workloads  # noqa: E402
from benchlib.workloads import Setting, WorkloadError  # noqa: E402

WORKLOADS = workloads.known()
NET = WORKLOADS["net"]
MATRIX = matrix.load(PROJECT / "bench/matrix/e1000.toml", "gate", WORKLOADS)
CELL = MATRIX.cells[0]
COUNTED = Setting(1, True, {"e1000": "/x y/e1000.ko", "e1000_cpp": "/x/e1000_cpp.ko"}, "/a b/mark", True, {}, {}, {"netload": "/a b/netload"})
GROUP = [plan.PlannedSample(f"0.0.{number}", side, number, kind, 2000, 7) for number, (side, kind) in enumerate([("a", "warmup"), ("b", "measure"), ("c", "profile")])]


@pytest.fixture(scope="module")
def netload():
    return NET.programs()["netload"]


def run(netload, *words):
    done = subprocess.run([netload, *map(str, words)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("load", ["tcp_rr", "udp_rr", "tcp_stream", "udp_stream"])
@pytest.mark.parametrize("size", [1, 1448, 65000])
def test_every_load_does_the_operations_after_its_command(netload, tmp_path, load, size):
    before = tmp_path / "before"
    code, out, err = run(netload, load, size, 50, 0, "-", "-", "127.0.0.1", f"touch {before}")
    assert (code, err) == (0, "") and before.exists()
    said = json.loads(out)
    assert said["operations"] == 50 and said["ns"] > 0
    assert ("p50" in said) == load.endswith("_rr")
    assert not load.endswith("_rr") or 0 < said["p50"] <= said["p99"] <= said["p999"] <= said["ns"]


def test_it_stops_when_its_time_is_over(netload):
    said = json.loads(run(netload, "udp_rr", 64, 0, 1, "-", "-", "127.0.0.1")[1])
    assert 0.9e9 < said["ns"] < 5e9 and said["operations"] > 0


@pytest.mark.parametrize(
    "words",
    [(), ("x", 1, 1, 0, "-", "-", "127.0.0.1"), ("udp_rr", 0, 1, 0, "-", "-", "127.0.0.1"), ("udp_rr", "1k", 1, 0, "-", "-", "127.0.0.1"), ("udp_rr", 1, 1, 0, "-", "-", "there")],
)
def test_what_it_does_not_understand_is_refused(netload, words):
    code, out, err = run(netload, *words)
    assert code and not out and len(err.splitlines()) == 1


def test_a_namespace_that_is_not_there_or_a_command_that_fails_is_an_error(netload):
    assert "namespace" in run(netload, "udp_rr", 1, 1, 0, "/nowhere", "-", "127.0.0.1")[2]
    assert "false" in run(netload, "udp_rr", 1, 1, 0, "-", "-", "127.0.0.1", "false")[2]


def test_each_driver_gets_two_cards_on_a_wire_of_their_own():
    script = NET.load(MATRIX, COUNTED)
    assert "wire a e1000 0000:00:10.0 0000:00:11.0" in script and "wire b e1000_cpp 0000:00:12.0 0000:00:13.0" in script
    assert "insmod '/x y/e1000.ko'" in script
    assert subprocess.run(["sh", "-n"], input=script, text=True).returncode == 0
    arguments = NET.guest_arguments(MATRIX)
    assert [word for word in arguments if word.startswith("hubport")] == [f"hubport,id=h{n},hubid={n // 18}" for n in (16, 17, 18, 19)]


def test_cards_of_a_machine_are_left_alone():
    with pytest.raises(WorkloadError, match="guests only"):
        NET.load(MATRIX, Setting(4, False, {}, "", False, {}, {}))


def test_samples_are_marked_and_the_control_uses_the_cards_of_a():
    script = NET.script(MATRIX, COUNTED, CELL, GROUP)
    assert subprocess.run(["sh", "-n"], input=script, text=True).returncode == 0
    lines = [line for line in script.splitlines() if "./netload" in line]
    assert ["/run/netns/sa" in line for line in lines] == [True, False, True]
    assert "'./mark end' >" in lines[0] and "'./mark sample 0.0.1'" in lines[1] and "'./mark profile 0.0.2'" in lines[2]


def printed(number=0, said='{"operations": 2000, "ns": 500}', conditions="mtu 1500"):
    return f"@@ conditions a\n{conditions}\n@@ conditions b\nmtu 9000\n@@ sample 0.0.{number}\n{said}\n"


def test_what_it_says_is_read():
    measured = NET.parse(CELL, GROUP[0], True, printed())
    assert (measured.ios, measured.values, measured.conditions) == (2000, {}, "mtu 1500")
    assert NET.parse(CELL, GROUP[1], True, printed(1)).conditions == "mtu 9000"
    timed = NET.parse(CELL, GROUP[0], False, printed())
    assert timed.values == {"iops": 2000 * 1e9 / 500, "bw": 2000 * CELL.number("bs") * 1e9 / 500}


@pytest.mark.parametrize(("load", "values"), [("tcp_rr", {"p50": 1.0, "p99": 2.0, "p999": 3.0}), ("udp_stream", {})])
def test_loads_that_wait_for_no_answer_have_no_latency(load, values):
    said = {"operations": 2000, "ns": 500} | {metric: int(value) for metric, value in values.items()}
    one = dataclasses.replace(GROUP[0], kind="latency")
    assert NET.parse(matrix.Cell("x", {"load": load, "bs": 64}), one, False, printed(said=json.dumps(said))).values == values


@pytest.mark.parametrize(("load", "arrived", "is_sound"), [("pktgen_burst", 2031, True), ("pktgen_burst", 2032, False), ("pktgen", 1800, True), ("pktgen", 1799, False), ("udp_rr", 1999, False)])
def test_of_generated_frames_some_may_be_lost_and_the_last_burst_is_whole(load, arrived, is_sound):
    cell = matrix.Cell("x", {"load": load, "bs": 60})
    text = printed(said=json.dumps({"operations": arrived, "ns": 500, "sent": 2048}))
    if is_sound:
        assert NET.parse(cell, GROUP[0], True, text).ios == arrived
    else:
        with pytest.raises(WorkloadError):
            NET.parse(cell, GROUP[0], True, text)


def test_the_generator_is_loaded_for_cells_that_have_it():
    packets = matrix.load(PROJECT / "bench/matrix/e1000.toml", "packets", WORKLOADS)
    assert "modprobe pktgen" in NET.load(packets, COUNTED) and "pktgen" not in NET.load(MATRIX, COUNTED)


@pytest.mark.parametrize("text", [printed(1), printed(said=""), printed(said="{}"), printed(said='{"operations": 7, "ns": 5}'), printed(conditions="")])
def test_samples_without_a_sound_result_fail(text):
    with pytest.raises(WorkloadError):
        NET.parse(CELL, GROUP[0], True, text)
