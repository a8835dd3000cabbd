# SPDX-License-Identifier: GPL-2.0
"""Runs the jobs of several checks at once, and ends what they started whenever they do not end by themselves."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

DEADLINE_S = 300  # For one command; shared machines are slow.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
_HEAD = re.compile(r"^\S+?:\d+(:\d+)?: ")
_ORIGIN = re.compile(r"^(In file included| {6,}from |\S+: In )")
_NOISE = re.compile(r"^(\d+ (error|warning)s? .*generated\.|\w+: (all|some) warnings being treated as errors)$")


class CannotRun(Exception):
    """A check could not be carried out; the text says why and what to do, in one line."""


@dataclass(frozen=True)
class Ended:
    """What came of a command."""

    code: int
    out: str
    err: str


class Commands:
    """Runs commands in a checkout, from any thread."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, command: Sequence[str | Path], text: str = "") -> Ended:
        """Runs a command with `text` as its input. Errors: CannotRun."""
        with self._lock:
            if self._stopped:
                raise CannotRun("interrupted")
            try:
                process = subprocess.Popen(
                    command, cwd=self.top, env=_ENVIRONMENT, text=True, errors="replace", start_new_session=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )
            except FileNotFoundError:
                raise CannotRun(f"{command[0]} is missing: run tools/setup") from None
            self._running.add(process)
        try:
            out, err = process.communicate(text, timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise CannotRun(f"{command[0]} took longer than {DEADLINE_S} s: is the machine overloaded?") from None
        finally:
            self._kill(process)
            with self._lock:
                self._running.discard(process)
        if process.returncode < 0:
            raise CannotRun(f"{command[0]} was ended by signal {-process.returncode}")
        return Ended(process.returncode, out, err)

    def stop(self) -> None:
        """Ends every command that runs, with what it started, and lets no other begin."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                self._kill(process)

    @staticmethod
    def _kill(process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# One piece of a check's work. Returns what it found, or nothing. Errors: CannotRun.
Job = Callable[[Commands], str]


@dataclass(frozen=True)
class Plan:
    """What a check covers, in a few words, and the work that it is; `known` says how much of it was done before."""

    covers: str
    jobs: list[Job]
    known: object = ""


def split(text: str) -> list[tuple[str, str]]:
    """Findings of a compiler or checker as (head line, all lines): lines that say where from come before a head."""
    found: list[tuple[str, list[str]]] = []
    origin: list[str] = []
    for line in text.splitlines():
        is_note = re.match(r"\S+: note: ", line)
        if _NOISE.match(line):
            continue
        if _ORIGIN.match(line):
            origin.append(line)
        elif not found or (_HEAD.match(line) and not is_note):
            found.append((line, [*origin, line]))
            origin = []
        else:
            found[-1][1].extend([*origin, line])
            origin = []
    return [(head, "\n".join(lines)) for head, lines in found]


def merge(texts: Sequence[str]) -> list[str]:
    """The findings of several jobs, each once: headers are seen from many sources."""
    unique: dict[str, str] = {}
    for text in texts:
        for head, lines in split(text):
            unique.setdefault(head, lines)
    return list(unique.values())


class Pool:
    """Carries out plans on all CPUs. A context manager: leaving it ends whatever still runs."""

    def __init__(self, top: Path) -> None:
        self.commands = Commands(top)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.commands.stop()
        self._threads.shutdown()

    def submit(self, plan: Plan) -> list[Future[str]]:
        """Begins a plan's jobs when a CPU is free."""
        return [self._threads.submit(job, self.commands) for job in plan.jobs]
