# SPDX-License-Identifier: GPL-2.0
"""Scripts on test boxes: on this machine, and over an ssh that only pretends to leave it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib.targets import TargetError  # noqa: E402
from benchlib.targets.shell import LocalTarget, SshTarget  # noqa: E402

# The last word is the command; with -M it is the shared connection, which makes its socket and stays.
SSH = """\
#!/bin/sh
for word; do
	case $word in
	ControlPath=*) socket=${word#ControlPath=} ;;
	-M) master=yes ;;
	esac
	last=$word
done
if [ -n "$master" ]; then
	[ ! -e "$0.refuse" ] || { echo "Permission denied (publickey)." >&2; exit 255; }
	: >"$socket"
	exec sleep 1000
fi
[ ! -e "$0.lost" ] || { echo "Broken pipe" >&2; exit 255; }
exec sh -c "$last"
"""


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """The path of the ssh that is found first."""
    path = tmp_path / "ssh"
    path.write_text(SSH)
    path.chmod(0o755)
    # Whoever runs the tests, the box's user is root.
    (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "id").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return path


@pytest.fixture
def host(ssh):
    """A host that is reached."""
    target = SshTarget("root@box:22")
    target.start()
    yield target
    target.close()


def test_a_script_gives_code_output_and_errors_and_has_no_input():
    done = LocalTarget().run("cat; echo out; echo err >&2; exit 7")
    assert (done.rc, done.out, done.err) == (7, "out\n", "err\n")


@pytest.mark.parametrize("kind", ["local", "ssh"])
def test_a_script_whose_time_is_up_is_ended_and_tidies_up(kind, tmp_path, request):
    target = LocalTarget() if kind == "local" else request.getfixturevalue("host")
    began = time.monotonic()
    done = target.run(f"trap 'echo tidied >{tmp_path}/log' EXIT\ntrap 'exit 129' TERM\nsleep 12345\n", 0.5)
    assert done.rc == 124 and time.monotonic() - began < 10
    assert (tmp_path / "log").read_text() == "tidied\n"
    assert subprocess.run(["pgrep", "-f", "sleep 12345"], capture_output=True).returncode == 1


def test_nothing_is_left_when_a_script_has_ended(host, tmp_path):
    # The script is among the arguments of all that runs it.
    assert host.run(f"pgrep -f {tmp_path} >/dev/null").rc == 0
    assert subprocess.run(["pgrep", "-f", tmp_path], capture_output=True).returncode == 1


def test_files_are_copied_and_taken_away(host, tmp_path):
    (tmp_path / "x y.ko").write_bytes(bytes(range(256)) * 100)
    there = Path(host.place({"x": tmp_path / "x y.ko"})["x"])
    assert there.read_bytes() == bytes(range(256)) * 100
    folder = Path(host._control)
    host.close()
    assert not there.parent.exists() and not folder.exists()
    assert subprocess.run(["pgrep", "-f", "sleep 1000"], capture_output=True).returncode == 1


def test_a_host_that_refuses_is_one_line_and_leaves_nothing(ssh, tmp_path):
    (tmp_path / "ssh.refuse").touch()
    target = SshTarget("box")
    with pytest.raises(TargetError, match=r"^ssh:box: cannot be reached: Permission denied \(publickey\).$"):
        target.start()
    target.close()
    assert not list(tmp_path.glob("bench-ssh-*"))


def test_a_lost_connection_is_not_a_script_that_failed(host, tmp_path):
    (tmp_path / "ssh.lost").touch()
    with pytest.raises(TargetError, match="ssh:root@box:22: the connection was lost: Broken pipe"):
        host.run("exit 1")


@pytest.mark.parametrize("name", ["", "-oProxyCommand=x", "-x", "a b", "root@-x", "a;b", "box:x", "$(x)"])
def test_odd_names_of_hosts_are_refused(ssh, name):
    with pytest.raises(TargetError, match="is no host: write ssh:user@host"):
        SshTarget(name)


@pytest.fixture
def log(ssh, host, tmp_path):
    """The kernel log of the host, as a file; scripts find it in the place of the real one."""
    path = tmp_path / "kmsg"
    path.write_text("BUG: old\n")
    (tmp_path / "dmesg").write_text(f"#!/bin/sh\n[ ! -e {tmp_path}/broken ] || {{ echo 'dmesg: not permitted' >&2; exit 1; }}\ncat {path}\n")
    (tmp_path / "dmesg").chmod(0o755)
    ssh.write_text(SSH.replace('exec sh -c "$last"', f'last=$(printf "%s" "$last" | sed "s|>/dev/kmsg|>>{path}|")\nexec sh -c "$last"'))
    return path


def say(log, line):
    with open(log, "a") as file:
        file.write(line + "\n")


def test_every_bug_in_the_kernel_log_is_told_once(host, log):
    host.watch()
    assert host.splats() == []
    say(log, "BUG: first")
    assert host.splats() == ["BUG: first"] and host.splats() == []
    # The log is a ring: our mark may be gone, but not what came after it.
    log.write_text("BUG: second\n")
    assert host.splats() == ["BUG: second"] and host.splats() == []


def test_a_kernel_log_that_cannot_be_read_is_not_one_without_bugs(host, log, tmp_path):
    host.watch()
    (tmp_path / "broken").touch()
    with pytest.raises(TargetError, match="ssh:root@box:22: cannot read the kernel log: dmesg: not permitted"):
        host.splats()
    (tmp_path / "broken").unlink()
    (tmp_path / "dmesg").write_text("#!/bin/sh\n")
    with pytest.raises(TargetError, match="takes no lines from /dev/kmsg"):
        host.splats()
