# SPDX-License-Identifier: GPL-2.0
"""A whole run against a machine that is made up: what is kept, what fails, and how an interrupted run goes on."""

import concurrent.futures
import dataclasses
import importlib.machinery
import json
import re
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
from rich.console import Console

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import elf, environment, insn, matrix, page, plan, report, results, runner, start, workloads  # noqa: E402
from benchlib.targets import Result, TargetError, vm  # noqa: E402

WORKLOADS = workloads.known()
INFO = elf.ModuleInfo(1, 2, 3, "id", {})


@pytest.fixture(autouse=True)
def no_machine(monkeypatch):
    """The made-up machine has nothing to tell of itself."""
    monkeypatch.setattr(environment, "collect", lambda target, accel: {"cpu": "made up"})
    monkeypatch.setattr(environment, "doubts", lambda system, accel: [])


class Box:
    """Answers scripts as fio would. `hook(script)` may return another Result, or raise."""

    accel = "metal"
    own = True
    release = "6.1.0"

    def __init__(self, name="box", hook=lambda script: None):
        self.name = name
        self.hook = hook
        self.scripts = []
        self.starts = 0
        self.said = ["BUG: before the run"]
        self.dead = False

    def start(self):
        self.starts += 1

    def stop(self):
        pass

    close = stop

    def run(self, script, timeout=60):
        self.scripts.append(script)
        answer = self.hook(script)
        if answer:
            return answer
        ids = re.findall(r"^\[(\d+\.\d+\.\d+)\]$", script, re.MULTILINE)
        if not ids:
            return Result(0, "", "")
        one = {"error": 0, "read": {"total_ios": 100, "io_bytes": 100 * 4096, "runtime": 9, "iops": 100 + len(self.scripts), "bw_bytes": 5}}
        jobs = [{"jobname": name, **one, "write": one["read"]} for name in ids]
        told = "".join(f"@@ conditions_{side}\nx:1\n" for side in re.findall("@@ conditions_(.)", script))
        return Result(0, f"0.5\n{told}@@ fio\n" + json.dumps({"fio version": "fio-3", "jobs": jobs}, indent=1), "")

    def place(self, files):
        return {name: str(path) for name, path in files.items()}

    def stock_module(self, name):
        return f"/{name}.ko"

    def alive(self):
        return not self.dead

    def watch(self):
        self.said = []

    def splats(self):
        said, self.said = self.said, []
        return said


def chosen(tmp_path, boots=1, stacks=False):
    """A matrix of two cells."""
    text = (PROJECT / "bench/matrix/null_blk.toml").read_text()
    text = text.replace('bs = ["4k", "256k"]\niodepth = [1, 32]\nnumjobs = [1]\nirqmode = [0, 1]', 'bs = ["4k"]\niodepth = [1]\nnumjobs = [1]\nirqmode = [0]')
    text = text.replace("count = 6", f"count = 4\nboots = {boots}\nstacks = {str(stacks).lower()}")
    (tmp_path / "m.toml").write_text(text)
    return matrix.load(tmp_path / "m.toml", "quick", WORKLOADS)


def wanted(tmp_path):
    return start.Wanted("m", "quick", ["local"], [], "icount", None, None, None, None, [], [], 5, tmp_path / "out", ["bench/run"])


def new_folder(tmp_path, boots=1, stacks=False):
    loaded = chosen(tmp_path, boots, stacks)
    modules = {name: runner.Module(name, None, INFO) for name in (loaded.a, loaded.b)}
    record = start._record(wanted(tmp_path), loaded, "6.1.0", "metal", modules, ["local"])
    return results.Folder.create(tmp_path / "out", record, plan.make_plan(loaded, 5)), loaded, modules


def make_run(folder, loaded, modules, *boxes, memory=4096):
    machines = [runner.Machine(box, 2, memory, {}, {}) for box in boxes]
    return runner.Run(folder, loaded, WORKLOADS["null_blk"], machines, modules, None)


def test_a_whole_run_is_kept_and_evaluated(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, boots=2)
    box = Box()
    run = make_run(folder, loaded, modules, box)
    run.execute()
    assert (run.done, run.total) == (36, 36) and box.starts == 2
    data = results.load(folder.path)
    assert data.record["complete"] and data.record["system"] == {"cpu": "made up"} and not data.record["failures"]
    for cell in data.cells:
        assert [len(boot) for boot in cell.values("iops", "b")] == [2, 2]
        assert len(cell.values("iops", "c", "warmup")[0]) == 1
    assert sorted(path.name for path in folder.path.iterdir()) == ["raw.json.xz", "run.json"]


def test_modules_can_be_loaded_anew_for_each_cell(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, boots=2)
    loaded = dataclasses.replace(loaded, sampling=dataclasses.replace(loaded.sampling, reload="cell"))
    box = Box()
    make_run(folder, loaded, modules, box).execute()
    steps = ["load" if "insmod" in script else "unload" if script.startswith("rmmod") else "take" for script in box.scripts if re.search("insmod|^rmmod|^cat >job", script, re.M)]
    cell = ["load", *["take"] * 9, "unload"]
    assert steps == 4 * cell and box.starts == 2
    assert not results.load(folder.path).record["failures"]


def test_timed_runs_keep_what_perf_recorded(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, stacks=True)
    box = Box()

    def record(script):
        if "perf record" not in script:
            return None
        box.hook = lambda script: None
        done = box.run(script)
        box.hook = record
        return Result(0, done.out.replace("@@ fio\n", "@@ stacks\ncycles:P:\n70 main;f [null_blk]\n30 main\n@@ fio\n"), "")

    box.hook = record
    make_run(folder, loaded, modules, box).execute()
    for cell in results.load(folder.path).cells:
        assert not cell.failure
        assert {found.side: (found.ios, found.unit, found.folded) for found in cell.profiles} == {side: (100, "cycles", {"main;f [null_blk]": 70, "main": 30}) for side in "ab"}


def test_perf_that_records_nothing_fails_the_cell(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, stacks=True)
    make_run(folder, loaded, modules, Box()).execute()
    assert {cell.failure for cell in results.load(folder.path).cells} == {"profile: perf printed nothing"}


def test_a_sample_whose_fio_fails_fails_its_cell_alone(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, boots=2)
    broken = Box(hook=lambda script: Result(1, "0.5\n", "fio: io_u error: EIO\n") if "rw=randwrite" in script and "[0." in script else None)
    run = make_run(folder, loaded, modules, broken)
    run.execute()
    read, write = results.load(folder.path).cells
    assert not read.failure and len(read.samples) == 18
    assert re.fullmatch(r"sample 0\.1\.0: fio: io_u error: EIO", write.failure) and not write.samples
    # One script in the first boot, none in the second.
    assert sum("rw=randwrite" in script for script in broken.scripts) == 1
    assert run.done == run.total


def test_a_kernel_bug_fails_the_cell(tmp_path):
    folder, loaded, modules = new_folder(tmp_path)
    box = Box()
    box.hook = lambda script: box.said.append("BUG: spinlock bad magic") if "rw=randread" in script else None
    make_run(folder, loaded, modules, box).execute()
    read, write = results.load(folder.path).cells
    assert read.failure == "the kernel reports a bug: BUG: spinlock bad magic" and not read.samples
    assert not write.failure


def test_a_bug_between_two_cells_fails_the_next_one_that_runs(tmp_path):
    folder, loaded, modules = new_folder(tmp_path)
    box = Box()
    save = folder.save

    def save_and_say(planned, raw):
        save(planned, raw)
        if len(folder.done()) == 1:
            box.said.append("BUG: between")

    folder.save = save_and_say
    make_run(folder, loaded, modules, box).execute()
    assert sorted(cell.failure for cell in results.load(folder.path).cells) == ["", "the kernel reports a bug: BUG: between"]


@pytest.mark.parametrize(("what", "said"), [("insmod", "loaded"), ("^rmmod", "unloaded")])
def test_a_kernel_bug_at_the_modules_load_or_unload_ends_the_run(tmp_path, what, said):
    folder, loaded, modules = new_folder(tmp_path)
    box = Box(hook=lambda script: box.said.append("BUG: x") if re.search(what, script) else None)
    box.own = False
    line = f"the kernel reports a bug when the modules are {said}: BUG: x"
    with pytest.raises(runner.RunError, match=f"^box: {line}"):
        make_run(folder, loaded, modules, box).execute()
    data = results.load(folder.path)
    assert data.record["doubts"] == [line]
    assert any(script.startswith("rmmod") for script in box.scripts)
    assert all(cell.failure == "it was not taken" or said == "unloaded" for cell in data.cells)


def test_a_bug_before_is_not_blamed_on_a_cell_that_does_not_run(tmp_path, monkeypatch):
    folder, loaded, modules = new_folder(tmp_path)
    monkeypatch.setattr(environment, "collect", lambda target, accel: target.said.append("BUG: x") or {"cpu": "x"} if target is box else {})
    box = Box()
    with pytest.raises(runner.RunError, match="box: the kernel reports a bug after the last cell: BUG: x"):
        make_run(folder, loaded, modules, box, memory=330).execute()
    assert all("not run: it takes" in cell.failure for cell in results.load(folder.path).cells)


def test_a_guest_that_dies_after_its_script_fails_the_cell(tmp_path):
    folder, loaded, modules = new_folder(tmp_path)

    class Mortal(Box):
        def start(self):
            super().start()
            self.dead = False

        def run(self, script, timeout=60):
            done = super().run(script, timeout)
            self.dead = "[0.0.14]" in script  # The last sample of the cell that reads.
            return done

    box = Mortal()
    make_run(folder, loaded, modules, box).execute()
    read, write = results.load(folder.path).cells
    assert read.failure == "the guest died when its samples were taken" and not read.samples
    assert not write.failure and box.starts == (2 if [p.index for p in folder.plan] == [0, 1] else 1)


def test_an_error_of_the_counting_plugin_at_load_ends_the_run(tmp_path):
    folder, loaded, modules = new_folder(tmp_path)
    counting = runner.Counting(insn.Tools(tmp_path / "insn.so", tmp_path / "mark"), tmp_path)
    counting.counts.write_text("error of another boot\n")

    def refuse(script):
        if "insmod" in script:
            with open(counting.counts, "a") as file:
                file.write("error no symbols: symbols\n")

    machine = runner.Machine(Box(hook=refuse), 2, 4096, {}, {})
    with pytest.raises(runner.RunError, match="^the counting plugin says: error no symbols: symbols$"):
        runner.Run(folder, loaded, WORKLOADS["null_blk"], [machine], modules, counting).execute()


def loaded_program():
    """bench/run as a module."""
    main = types.ModuleType("bench_run")
    main.__file__ = str(PROJECT / "bench/run")
    importlib.machinery.SourceFileLoader("bench_run", main.__file__).exec_module(main)
    return main


def test_modules_that_stay_after_an_interruption_are_reported(tmp_path, monkeypatch, capsys):
    folder, loaded, modules = new_folder(tmp_path)

    def fail(script):
        if "[0." in script:
            run.stop()
        return Result(1, "", "rmmod: in use\n") if script.startswith("rmmod") else None

    box = Box(hook=fail)
    box.own = False
    run = make_run(folder, loaded, modules, box)
    future = concurrent.futures.Future()

    def interrupt(*_, **__):
        with pytest.raises(runner.RunError) as error:
            run.execute()
        future.set_exception(error.value)
        raise KeyboardInterrupt

    main = loaded_program()
    monkeypatch.setattr(concurrent.futures, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        main.watch(Console(width=110), [start.Prepared("box", "", False, run)], [future])
    assert capsys.readouterr().err == "bench/run: box: cannot unload the modules: rmmod: in use\n"


def test_every_host_is_described_at_every_start(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "collect", lambda target, accel: {"cpu": target.name, "fio": f"fio-{target.name[-1]}"})
    monkeypatch.setattr(environment, "doubts", lambda system, accel: ["it is slow", f"a doubt of {system['cpu']}"])
    folder, loaded, modules = new_folder(tmp_path, boots=2)
    fail = Box("ssh:y", hook=lambda script: lose() if "[1." in script else None)

    def lose():
        raise TargetError("lost")

    fail.own = False
    with pytest.raises(runner.RunError, match="lost"):
        make_run(folder, loaded, modules, Box("ssh:x"), fail).execute()
    folder.close()
    make_run(results.Folder.resume(folder.path), loaded, modules, Box("ssh:x"), Box("ssh:y")).execute()
    record = results.load(folder.path).record
    hosts = [entry["host"] for entry in record["systems"]]
    assert sorted(hosts[:2]) == ["ssh:x", "ssh:y"] and hosts[2:] == ["ssh:y"]  # The first has nothing left to take.
    assert record["system"] == record["systems"][0]["system"]
    assert sorted(record["doubts"]) == sorted(f"{host}: {line}" for host in ("ssh:x", "ssh:y") for line in ("it is slow", f"a doubt of {host}"))
    assert sorted(record["versions"]["fio"].split(", ")) == ["fio-x", "fio-y"]
    titles = [title for title, _ in page._setup(record)]
    assert [title for title in titles if "under test" in title] == [f"System under test {n}: {host}" for n, host in enumerate(hosts, 1)]


def test_one_report_that_cannot_be_drawn_does_not_keep_the_next_from_it(tmp_path, monkeypatch, capsys):
    main = loaded_program()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    prepared = []
    for name in "ab":
        folder, loaded, modules = new_folder(tmp_path / name)
        run = make_run(folder, loaded, modules, Box())
        run.execute()
        prepared.append(start.Prepared(name, "", False, run))

    def draw(folder, data):
        if folder == prepared[0].run.folder.path:
            raise report.ReportError("no npm")

    monkeypatch.setattr(report, "draw", draw)
    done = concurrent.futures.Future()
    done.set_result(None)
    assert [main.conclude(Console(width=110), one, done) for one in prepared] == [2, 0]
    said = capsys.readouterr()
    assert said.err == "bench/run: no npm\n" and said.out.count("written to") == 1


def test_counting_guests_idle_in_time_if_their_devices_take_the_hosts():
    counting = types.SimpleNamespace(arguments=lambda: ["-plugin", "x"])
    assert start.qemu_arguments(["-device", "e1000"], counting) == ["-device", "e1000", "-plugin", "x", "-icount", "shift=0,sleep=on"]
    assert start.qemu_arguments([], counting) == ["-plugin", "x"]
    assert start.qemu_arguments(["-device", "e1000"], None) == ["-device", "e1000"]


def test_record_does_not_say_where_the_results_went():
    main = loaded_program()
    command = ["--profile", "memory", "--out", "/somewhere", "--seed", "8"]
    assert main.recorded(command) == ["bench/run", "--profile", "memory", "--seed", "8"]
    assert main.recorded(["--out=/somewhere", "--seed", "8", "--out", "/else"]) == ["bench/run", "--seed", "8"]


@pytest.mark.parametrize(("ignored", "code"), [(False, "interrupted"), (True, "goes on")])
def test_hanging_up_is_an_interruption_unless_it_is_ignored(ignored, code):
    script = """if True:
        import os, signal, sys
        from benchlib import signals
        signals.interrupt()
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            print("goes on")
        except KeyboardInterrupt:
            print("interrupted")
    """
    # Whoever runs the tests may ignore it, too.
    command = ["env", "--default-signal=HUP", *(["nohup"] if ignored else []), sys.executable, "-c", script]
    done = subprocess.run(command, cwd=PROJECT / "bench", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{code}\n"
    for name in ("run", "gate"):
        assert "    signals.interrupt()\n" in (PROJECT / "bench" / name).read_text()


def test_bugs_of_a_dead_guest_are_told_once():
    class Vm:
        alive = False
        said = ["BUG: x"]

        def splats(self):
            return self.said

        def dmesg_mark(self):
            pass

    target = vm.VmTarget.__new__(vm.VmTarget)
    target._vm = Vm()
    target.watch()
    assert (target.splats(), target.splats(), target.alive()) == (["BUG: x"], [], False)
    Vm.said = ["BUG: x", "Kernel panic"]
    assert target.splats() == ["Kernel panic"]


def test_a_cell_that_does_not_fit_is_said_to_be_not_run(tmp_path):
    folder, loaded, modules = new_folder(tmp_path)
    make_run(folder, loaded, modules, Box(), memory=330).execute()
    assert all(re.match(r"not run: it takes \d+ MiB of memory, the machine has 330 MiB", cell.failure) for cell in results.load(folder.path).cells)


def test_a_guest_that_dies_fails_the_cell_and_boots_again_for_the_rest(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, boots=2)

    def die(script):
        if "rw=randread" in script and "[0." in script:
            raise TargetError("the guest died: Kernel panic")

    box = Box(hook=die)
    make_run(folder, loaded, modules, box).execute()
    read, write = results.load(folder.path).cells
    assert read.failure == "the guest died: Kernel panic" and not read.samples
    assert not write.failure and len(write.samples) == 18
    loads = sum("insmod" in script for script in box.scripts)
    assert box.starts == loads and box.starts in (2, 3)  # Two boots, and one more unless the cell was the last.


def test_a_lost_machine_ends_the_run_and_resuming_gives_the_same_result(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, boots=2)
    whole = Box()
    make_run(folder, loaded, modules, whole).execute()

    other, _, _ = new_folder(tmp_path, boots=2)
    first = Box(hook=lambda script: lose() if "[1." in script else None)
    first.own = False

    def lose():
        raise TargetError("the connection was lost")

    with pytest.raises(runner.RunError, match="the connection was lost"):
        make_run(other, loaded, modules, first).execute()
    cut = results.load(other.path)
    assert not cut.record["complete"] and all(len(cell.samples) == 9 for cell in cut.cells)
    other.close()

    again = results.Folder.resume(other.path)
    assert again.plan == folder.plan
    rest = Box()
    run = make_run(again, loaded, modules, rest)
    run.execute()
    assert not any("[0." in script for script in rest.scripts) and (run.done, rest.starts) == (36, 1)
    data, reference = results.load(other.path), results.load(folder.path)
    assert data.record["complete"]
    assert [[(s.id, s.side, s.kind) for s in cell.samples] for cell in data.cells] == [[(s.id, s.side, s.kind) for s in cell.samples] for cell in reference.cells]
    with pytest.raises(results.ResultsError, match="the run is complete"):
        results.Folder.resume(other.path)


def test_a_stopped_run_keeps_whole_cells_only(tmp_path):
    folder, loaded, modules = new_folder(tmp_path)
    box = Box()
    run = make_run(folder, loaded, modules, box)
    scripts = [0]

    def count(script):
        scripts[0] += "[0." in script
        if scripts[0] == 17:
            run.stop()

    box.hook = count
    run.execute()
    data = results.load(folder.path)
    assert not data.record["complete"]
    assert sorted(len(cell.samples) for cell in data.cells) == [0, 15] and 15 <= run.done < 30


def test_two_runs_cannot_write_to_one_folder(tmp_path):
    folder, _, _ = new_folder(tmp_path)
    with pytest.raises(results.ResultsError, match="another run is writing"):
        results.Folder.resume(folder.path)


def test_hosts_share_the_cells_and_keep_both_sides_of_each(tmp_path):
    folder, loaded, modules = new_folder(tmp_path, boots=2)
    boxes = Box("ssh:x"), Box("ssh:y")
    make_run(folder, loaded, modules, *boxes).execute()
    assert not results.load(folder.path).record["failures"]
    for box, rw in zip(boxes, ("randread", "randwrite")):
        taken = [script for script in box.scripts if "[sample" in script or re.search(r"^\[\d+\.", script, re.MULTILINE)]
        assert len(taken) == 18 and all(f"rw={rw}\n" in script for script in taken)
        assert {"nullb/", "nullb_cpp/"} == {root for root in ("nullb/", "nullb_cpp/") for script in taken if f"mkdir /sys/kernel/config/{root}" in script}


def test_an_error_of_our_own_is_not_hidden(tmp_path):
    folder, loaded, modules = new_folder(tmp_path)

    def break_down(script):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_run(folder, loaded, modules, Box(hook=break_down)).execute()
    assert not results.load(folder.path).record["complete"]
    assert threading.active_count() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is no results folder"), ("[]", "unknown format"), ('{"format": 1}', "unknown format"), ('{"format": 2, "complete": false, "plan": [1]}', "cannot be")],
)
def test_a_folder_of_something_else_is_refused(tmp_path, text, said):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(results.ResultsError, match=said):
        results.load(tmp_path)
    with pytest.raises(results.ResultsError, match=said):
        results.Folder.resume(tmp_path)
