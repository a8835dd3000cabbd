# SPDX-License-Identifier: GPL-2.0
"""This machine, or one that ssh reaches: a test box whose modules and settings the run may change, and puts back."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from vmlib import find_splats  # noqa: E402

from . import Result, TargetError  # noqa: E402

_CONNECT_S = 20
_HOST = re.compile(r"[\w.-]+(@[\w.:-]+)?(:\d+)?")
_REACHED = "bench: reached"
# A line of its own in the kernel log, behind which the new lines are.
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

    def watch(self) -> None:
        self._watches += 1
        self.run(f"echo '{_MARK} {self._watches}' >/dev/kmsg")

    def splats(self) -> list[str]:
        lines = self.run("dmesg").out.splitlines()
        marks = [place for place, line in enumerate(lines) if line.endswith(f"{_MARK} {self._watches}")]
        return find_splats(lines[marks[-1] + 1 :] if marks else lines)


class LocalTarget(ShellTarget):
    """This machine."""

    name = "local"

    def argv(self, command: list[str]) -> list[str]:
        return command


class SshTarget(ShellTarget):
    """A host, over one connection that all scripts share."""

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
        self._folder = ""

    def argv(self, command: list[str]) -> list[str]:
        options = ["BatchMode=yes", f"ConnectTimeout={_CONNECT_S}", "ControlMaster=auto", f"ControlPath={self._control}/s", "ControlPersist=60"]
        options += ["ServerAliveInterval=10", "ServerAliveCountMax=6"]
        words = [word for option in options for word in ("-o", option)]
        return ["ssh", *words, *(["-p", self._port] if self._port else []), self._host, shlex.join(command)]

    def place(self, files: Mapping[str, Path]) -> dict[str, str]:
        if not self._folder:
            self._folder = self._checked("mktemp -d /tmp/bench.XXXXXX").strip()
        placed = {}
        for name, path in files.items():
            there = placed[name] = f"{self._folder}/{path.name}"
            copy = ["sh", "-c", f"cat >{shlex.quote(there)}"]
            with open(path, "rb") as file:
                done = subprocess.run(self.argv(copy), stdin=file, capture_output=True, timeout=600)
            if done.returncode:
                raise TargetError(f"{self.name}: cannot copy {path.name} there: {done.stderr.decode(errors='replace').strip()}")
        return placed

    def close(self) -> None:
        if self._folder:
            self.run(f"rm -rf -- {shlex.quote(self._folder)}", _CONNECT_S)
            self._folder = ""
        leave = [*self.argv([])[:-2], "-O", "exit", self._host]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(leave, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CONNECT_S)
        shutil.rmtree(self._control, ignore_errors=True)

    def _checked(self, script: str) -> str:
        done = self.run(script)
        if done.rc:
            raise TargetError(f"{self.name}: {done.err.strip() or 'a script failed'}")
        return done.out
