# SPDX-License-Identifier: GPL-2.0
"""This machine, or one that ssh reaches: a test box whose modules and settings the run may change, and puts back."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from vmlib import find_splats  # noqa: E402

from . import Result, TargetError  # noqa: E402

_CONNECT_S = 20
_COPY_S = 600
_HOST = re.compile(r"(\w[\w.-]*@)?\w[\w.-]*(:\d+)?")
_LOST = 255  # ssh's exit code for what is not the command's fault.
_REACHED = "bench: reached"
# A line of its own in the kernel log, which parts what was there before from what comes.
_MARK = "bench: watching"


# Runs the script $1 in a process group of its own, which is told to end when our standard input ends: so nothing keeps
# running on a machine that cannot be reached any more.
_GUARD = """\
setsid sh -c "$1" </dev/null & script=$!
exec 3<&0
{ cat <&3 >/dev/null; kill -TERM -$script; } 2>/dev/null >&2 & guard=$!
wait $script
code=$?
kill $guard 2>/dev/null
exit $code
"""


class ShellTarget:
    """Runs scripts with the shell of another machine, or of this one."""

    own = False
    name = ""

    def __init__(self) -> None:
        self.accel = "metal"
        self.release = ""
        self._lock = threading.Lock()
        self._leash = -1  # The end of a pipe: closing it ends the script that runs.
        self._watches = 0

    def argv(self, command: list[str]) -> list[str]:
        """The command that runs `command` there."""
        raise NotImplementedError

    def start(self) -> None:
        said = self.run(f"echo '{_REACHED}'; id -u; uname -r", _CONNECT_S)
        lines = said.out.splitlines()
        if lines[:1] != [_REACHED]:
            raise TargetError(f"{self.name}: cannot be reached: {(said.err.strip().splitlines() or ['no answer'])[-1]}")
        if lines[1] != "0":
            raise TargetError(f"{self.name}: root is needed to load modules: run as root, or name a user who is")
        self.release = lines[2]
        for tool in ("fio", "insmod", "rmmod", "dmesg"):
            if self.run(f"command -v {tool}").rc:
                raise TargetError(f"{self.name}: {tool} is missing: apt-get install fio kmod util-linux")

    def stop(self) -> None:
        with self._lock:
            if self._leash >= 0:
                os.close(self._leash)
                self._leash = -1

    def close(self) -> None:
        pass

    def run(self, script: str, timeout: float = 60) -> Result:
        inner, leash = os.pipe()
        with self._lock:
            self._leash = leash
        try:
            shell = subprocess.Popen(
                self.argv(["sh", "-c", _GUARD, "bench", script]), stdin=inner, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        finally:
            os.close(inner)
        try:
            out, err = shell.communicate(timeout=timeout)
            return Result(shell.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            self.stop()
            try:
                shell.communicate(timeout=_CONNECT_S)
            except subprocess.TimeoutExpired:
                shell.kill()
                shell.communicate()
            return Result(124, "", "timed out")
        finally:
            self.stop()

    def place(self, files: Mapping[str, Path]) -> dict[str, str]:
        return {name: str(path.resolve()) for name, path in files.items()}

    def stock_module(self, name: str) -> str:
        done = self.run(f"modinfo -F filename -- {shlex.quote(name)}")
        if done.rc or not done.out.strip().startswith("/"):
            raise TargetError(f"{self.name}: its kernel {self.release} has no module {name}")
        return done.out.strip()

    def alive(self) -> bool:
        return True

    def watch(self) -> None:
        self._new_lines()

    def splats(self) -> list[str]:
        return find_splats(self._new_lines())

    def _new_lines(self) -> list[str]:
        """Marks the kernel log, and returns the lines between the mark before, or the log's beginning, and this one."""
        self._watches += 1
        done = self.run(f"echo '{_MARK} {self._watches}' >/dev/kmsg && dmesg")
        if done.rc:
            raise TargetError(f"{self.name}: cannot read the kernel log: {(done.err.strip().splitlines() or ['no reason given'])[-1]}")
        lines = done.out.splitlines()
        # The last mark of a number is ours: another run may have left the same.
        places = {line[line.index(_MARK) :]: place for place, line in enumerate(lines) if _MARK in line}
        end = places.get(f"{_MARK} {self._watches}")
        if end is None:
            raise TargetError(f"{self.name}: the kernel log takes no lines from /dev/kmsg: sysctl kernel.printk_devkmsg=on")
        # A mark that is gone was overwritten, and with it all that was before.
        begin = places.get(f"{_MARK} {self._watches - 1}", -1)
        return lines[begin + 1 : end]


class LocalTarget(ShellTarget):
    """This machine."""

    name = "local"

    def argv(self, command: list[str]) -> list[str]:
        return command


class SshTarget(ShellTarget):
    """A host, over one connection that all scripts share. The thread that calls start() first must outlive it."""

    def __init__(self, host: str) -> None:
        """`host` is [user@]host[:port]. Errors: TargetError."""
        super().__init__()
        if not _HOST.fullmatch(host):
            raise TargetError(f"'{host}' is no host: write ssh:user@host, or ssh:user@host:port")
        if not shutil.which("ssh"):
            raise TargetError("ssh is missing: apt-get install openssh-client")
        self.name = f"ssh:{host}"
        self._host, _, self._port = host.partition(":")
        # Short, since a socket's path must be.
        self._control = tempfile.mkdtemp(prefix="bench-ssh-")
        self._connection: subprocess.Popen[bytes] | None = None
        self._folder = ""

    def _ssh(self, *words: str) -> list[str]:
        options = ["BatchMode=yes", f"ConnectTimeout={_CONNECT_S}", f"ControlPath={self._control}/s", "ServerAliveInterval=10", "ServerAliveCountMax=6"]
        return ["ssh", *(word for option in options for word in ("-o", option)), *(["-p", self._port] if self._port else []), *words]

    def argv(self, command: list[str]) -> list[str]:
        return self._ssh("-o", "ControlMaster=no", self._host, shlex.join(command))

    def start(self) -> None:
        if not self._connection or self._connection.poll() is not None:
            # Ends with us, however we end.
            command = ["setpriv", "--pdeathsig", "TERM", *self._ssh("-M", "-N", self._host)]
            self._connection = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
            deadline = time.monotonic() + _CONNECT_S
            while not os.path.exists(f"{self._control}/s"):
                if self._connection.poll() is not None or time.monotonic() > deadline:
                    said = self._hang_up().strip().splitlines()
                    raise TargetError(f"{self.name}: cannot be reached: {said[-1] if said else 'no answer'}")
                time.sleep(0.05)
        super().start()

    def _hang_up(self) -> str:
        """Ends the connection; what ssh said of it."""
        connection, self._connection = self._connection, None
        if not connection:
            return ""
        connection.terminate()
        try:
            return connection.communicate(timeout=_CONNECT_S)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            connection.kill()
            return connection.communicate()[1].decode(errors="replace")

    def run(self, script: str, timeout: float = 60) -> Result:
        done = super().run(script, timeout)
        if done.rc == _LOST:
            raise TargetError(f"{self.name}: the connection was lost: {(done.err.strip().splitlines() or ['ssh gives no reason'])[-1]}")
        return done

    def place(self, files: Mapping[str, Path]) -> dict[str, str]:
        if not self._folder:
            done = self.run("mktemp -d /tmp/bench.XXXXXX")
            if done.rc:
                raise TargetError(f"{self.name}: {done.err.strip() or 'mktemp failed'}")
            self._folder = done.out.strip()
        placed = {}
        for name, path in files.items():
            there = placed[name] = f"{self._folder}/{path.name}"
            copy = self.argv(["sh", "-c", f"cat >{shlex.quote(there)}"])
            try:
                with open(path, "rb") as file:
                    done_copy = subprocess.run(copy, stdin=file, capture_output=True, timeout=_COPY_S)
            except subprocess.TimeoutExpired:
                raise TargetError(f"{self.name}: copying {path.name} there took more than {_COPY_S} s") from None
            if done_copy.returncode:
                raise TargetError(f"{self.name}: cannot copy {path.name} there: {done_copy.stderr.decode(errors='replace').strip()}")
        return placed

    def close(self) -> None:
        try:
            if self._folder:
                self.run(f"rm -rf -- {shlex.quote(self._folder)}", _CONNECT_S)
        except TargetError:
            pass  # What is lost cannot be tidied up.
        finally:
            self._folder = ""
            self._hang_up()
            shutil.rmtree(self._control, ignore_errors=True)
