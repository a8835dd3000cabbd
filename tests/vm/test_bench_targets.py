# SPDX-License-Identifier: GPL-2.0
"""The benchmark on test boxes: a guest plays one that ssh reaches from here, and one that runs everything itself."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from vmlib import PROJECT, Vm, default_release

TIMEOUT_S = 400
SERVER = """\
set -e
modprobe e1000
for device in /sys/class/net/*; do
	name=${device##*/}
	[ "$name" = lo ] || break
done
ip addr add 10.0.2.15/24 dev "$name"
ip link set "$name" up
mkdir -p ~root/.ssh
chmod 700 ~root ~root/.ssh
# The host's own, which the guest sees, may do anything.
: >~root/.bashrc
# It closes every descriptor it might have, for each command.
ulimit -n 256
dropbearkey -t ed25519 -f /tmp/host >/dev/null 2>&1
dropbear -p 2222 -r /tmp/host
"""
LEFT = "ls -d /sys/module/null_blk /sys/module/null_blk_cpp /sys/block/bench0 /tmp/bench* /tmp/tmp.* 2>/dev/null"


@dataclass
class Box:
    """A guest with an ssh server, and how to run the benchmark on it from here."""

    vm: Vm
    target: str
    folder: Path
    environment: dict[str, str]

    def command(self, *options: str) -> list[str]:
        """A run of one cell, of which the seed is known."""
        return [str(PROJECT / "bench/run"), "--matrix", str(self.folder / "m.toml"), "--seed", "1", "--out", str(self.folder / "out"), *options]

    def bench(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs the benchmark to its end."""
        return subprocess.run(self.command(*options), capture_output=True, text=True, timeout=TIMEOUT_S, env=self.environment)

    def record(self) -> dict[str, object]:
        """run.json of the only run."""
        (path,) = (self.folder / "out").glob("*/run.json")
        found = json.loads(path.read_text())
        assert isinstance(found, dict)
        return found

    def check_clean(self) -> None:
        """Modules, disks, folders, huge pages, and the connection are gone."""
        assert self.vm.run(LEFT).out == ""
        assert self.vm.run("cat /proc/sys/vm/nr_hugepages").out.strip() == "0"
        # The connection's socket is named after the folder for temporary files, which no other run has.
        assert subprocess.run(["pgrep", "-f", self.environment["TMPDIR"]], capture_output=True).returncode == 1
        assert not list(Path(self.environment["TMPDIR"]).iterdir())


def write_matrix(folder: Path) -> None:
    """Writes a matrix of one cell to m.toml."""
    text = (PROJECT / "bench/matrix/null_blk.toml").read_text()
    cells = 'bs = ["4k", "256k"]\niodepth = [1, 32]\nnumjobs = [1]\nirqmode = [0, 1]'
    assert cells in text and "count = 6" in text
    text = text.replace(cells, 'rw = ["randread"]\nbs = ["4k"]\niodepth = [8]\nnumjobs = [1]\nirqmode = [0]')
    (folder / "m.toml").write_text(text.replace("count = 6", "count = 2"))


@pytest.fixture(scope="module")
def served(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Vm, int, Path]]:
    """A guest with an ssh server, its port here, and a folder with the client's settings."""
    folder = tmp_path_factory.mktemp("ssh")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "id"], check=True, timeout=60)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = f"IdentityFile {folder}/id\nIdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"
    (folder / "config").write_text(settings)
    (folder / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/config "$@"\n')
    (folder / "ssh").chmod(0o755)
    network = ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:2222", "-device", "e1000,netdev=net"]
    with Vm(release, smp=2, mem=1024, cwd=PROJECT, qemu_args=network) as vm:
        vm.run(SERVER, check=True)
        vm.run(f"cat >~root/.ssh/authorized_keys <<'END'\n{(folder / 'id.pub').read_text()}END", check=True)
        yield vm, port, folder


@pytest.fixture
def box(served: tuple[Vm, int, Path], ko: Callable[[str], Path], tmp_path: Path) -> Iterator[Box]:
    """The guest, with a matrix of one cell."""
    ko("null_blk_cpp")
    vm, port, folder = served
    write_matrix(tmp_path)
    # Short, since the path of a socket in it must be.
    with tempfile.TemporaryDirectory(prefix="bench-test-", dir="/tmp") as temporary:
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": temporary}
        yield Box(vm, f"ssh:root@127.0.0.1:{port}", tmp_path, environment)


def test_a_run_over_ssh(box: Box):
    done = box.bench("--target", box.target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 cells: " in done.stdout and "0 failed" in done.stdout
    kept = box.record()
    assert (kept["complete"], kept["accel"], kept["release"], kept["target"]) == (True, "metal", box.vm.release, box.target)
    assert any("hypervisor" in line for line in kept["doubts"]), "a guest is no metal"
    assert {path.name for path in (box.folder / "out").glob("*/*")} >= {"report.html", "table.csv", "raw.json.xz", "run.json"}
    (page,) = (box.folder / "out").glob("*/report.html")
    assert "Where the time goes" in page.read_text() and "[null_blk_cpp]" in page.read_text(), "perf's profile is not shown"
    box.check_clean()
    assert box.vm.splats() == []


def test_a_fio_that_fails_fails_its_cell_alone(box: Box):
    """fio breaks when it writes: that cell is reported and not averaged in, the other one stands."""
    matrix = box.folder / "m.toml"
    matrix.write_text(matrix.read_text().replace('rw = ["randread"]\nbs = ["4k"]', 'rw = ["randread", "randwrite"]\nbs = ["4k"]'))
    broken = "#!/bin/sh\nif grep -q rw=randwrite job; then echo 'fio: pid=0, err=5: as told' >out; exit 1; fi\nexec /tmp/fio.whole \"$@\"\n"
    box.vm.run(f"cp /usr/bin/fio /tmp/fio.whole && printf %s {shlex.quote(broken)} >/tmp/fio.broken && chmod +x /tmp/fio.broken && mount --bind /tmp/fio.broken /usr/bin/fio", check=True)
    try:
        done = box.bench("--target", box.target)
    finally:
        box.vm.run("umount /usr/bin/fio", check=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed: randwrite 4k qd8: sample 0.1." in done.stdout and "err=5: as told" in done.stdout
    assert "2 cells: " in done.stdout and "1 failed" in done.stdout
    (folder,) = (box.folder / "out").iterdir()
    (row,) = [line for line in (folder / "table.csv").read_text().splitlines() if line.startswith("randwrite")]
    assert "as told" in row
    assert not [line for line in (folder / "samples.csv").read_text().splitlines() if line.startswith("randwrite")]
    box.check_clean()


def test_an_interrupted_run_over_ssh_leaves_nothing_and_goes_on(box: Box):
    """SIGINT within a sample: disks, modules and huge pages are put back; --resume takes the rest."""
    process = subprocess.Popen(
        box.command("--target", box.target),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=box.environment,
        # A shell's background jobs ignore it, and so would all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while box.vm.run("[ -e /sys/block/bench0 ]").rc:
            assert time.monotonic() < deadline and process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 130 and "see --resume" in err, out + err
    box.check_clean()
    assert box.record()["complete"] is False
    (folder,) = (box.folder / "out").iterdir()
    done = box.bench("--resume", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert box.record()["complete"] is True
    box.check_clean()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--matrix", "nvme"], "name the NVMe disk to use: --device nvme0n1"),
        (["--matrix", "nvme", "--device", "nvme0n1"], "nvme0n1"),
        (["--device", "nvme0n1"], "--device and --erase are for NVMe disks: null_blk makes its own"),
        (["--b", "nonesuch"], "module nonesuch: the matrix knows null_blk, null_blk_cpp"),
        (["--release", "6.1.0-1-amd64"], "--release and --accel are for guests"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(box: Box, options: list[str], said: str):
    done = box.bench("--target", box.target, *options)
    assert done.returncode == 2 and said in done.stderr.strip().splitlines()[-1], done.stdout + done.stderr
    assert not (box.folder / "out").exists()
    box.check_clean()


def test_a_run_on_this_machine(vm: Vm, ko: Callable[[str], Path], tmp_path: Path):
    """The whole benchmark in the guest, with --target local. Slow, as all Python is there: on the newest kernel only."""
    if vm.release != default_release():
        pytest.skip("takes minutes in an emulator: done on the newest kernel only")
    ko("null_blk_cpp")
    write_matrix(tmp_path)
    text = (tmp_path / "m.toml").read_text()
    vm.run(f"cat >/run/m.toml <<'END'\n{text}\nEND", check=True)
    done = vm.run(f"{shlex.quote(str(PROJECT))}/bench/run --matrix /run/m.toml --seed 1 --out /run/out --target local", TIMEOUT_S)
    assert done.rc == 0, done.out + done.err
    assert "1 cells: " in done.out and "0 failed" in done.out
    assert json.loads(vm.run("cat /run/out/*/run.json", check=True).out)["accel"] == "metal"
    vm.run("rm -rf /run/out /run/m.toml")
    assert vm.run(LEFT).out == ""
