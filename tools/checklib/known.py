# SPDX-License-Identifier: GPL-2.0
"""Remembers what was checked before and found right, so that it is checked again only when something has changed.

A verdict is a file in the user's cache, empty, and named after a hash of all that it depends on: the command, the versions of
its programs, this package, and name and content of every file that the compiler reads, and of .clang-tidy above each. Only
that nothing was found is remembered, and which files were read, so that no compiler has to tell again. Paths below the checkout
count from there, so that checkouts share what they have in common.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vmlib import KernelError
from vmlib.kernels import cache_dir

from .runner import Commands

_UNUSED_S = 14 * 86400  # A verdict that nobody asked for in so long goes.
_CONFIG = ".clang-tidy"

# A command, and a compiler's for the same source, which tells what that includes.
Run = tuple[Sequence[str | Path], Sequence[str | Path]]


class Store:
    """The verdicts of all checkouts of a user; `fresh`: none is believed, but new ones are kept."""

    def __init__(self, top: Path, fresh: bool = False) -> None:
        self._top = str(top)
        self._fresh = fresh
        self._contents: dict[str, tuple[tuple[int, int], str]] = {}
        self._versions: dict[str, str] = {}
        self._configs: dict[str, list[str]] = {}
        self._self = "".join(_digest(file.read_bytes()) for file in sorted(Path(__file__).parent.glob("*.py")))
        self._folder: Path | None = None
        with contextlib.suppress(KernelError, OSError):
            folder = cache_dir() / "checks"
            folder.mkdir(exist_ok=True)
            for file in folder.iterdir():
                if file.stat().st_mtime < time.time() - _UNUSED_S:
                    file.unlink(missing_ok=True)
            self._folder = folder

    def recall(self, key: str) -> bool:
        """Says whether nothing was found before."""
        if not key or self._fresh or self._folder is None:
            return False
        try:
            os.utime(self._folder / key)
        except OSError:
            return False
        return True

    def remember(self, key: str, files: Sequence[str]) -> None:
        """Keeps that nothing was found, unless a file that was read has changed meanwhile."""
        if key and self._folder is not None and all(self._contents[file][0] == _stamp(file) for file in files):
            with contextlib.suppress(OSError):
                (self._folder / key).touch()

    def key(self, commands: Commands, runs: Sequence[Run], text: str) -> tuple[str, list[str]]:
        """The name of a verdict, and the files it depends on; an empty one if that cannot be told."""
        parts = [self._self, text]
        for command, compiler in runs:
            parts += ["", *map(str, command), "", *map(str, compiler)]
            parts += [self._version(commands, str(words[0])) for words in (command, compiler)]
        # The last time's files will do, if they are what was found right then: else one of them has another content.
        listed = self._path_of_list(parts)
        with contextlib.suppress(OSError):
            key, files = self._key_of(parts, [os.path.join(self._top, file) for file in listed.read_text().split("\0")])
            if self._is_kept(key):
                os.utime(listed)
                return key, files
        files = []
        for _, compiler in runs:
            made = commands.run([*compiler, "-M", "-MT", "x", "-w"], text)
            if made.code != 0:
                return "", []
            files += [os.path.join(self._top, file) for file in _prerequisites(made.out)]
        try:
            key, found = self._key_of(parts, files)
        except OSError:
            return "", []
        with contextlib.suppress(OSError):
            listed.write_text("\0".join(file.removeprefix(f"{self._top}/") for file in files))
        return key, found

    def _key_of(self, parts: list[str], files: list[str]) -> tuple[str, list[str]]:
        """The name of the verdict that depends on these files, and all that it depends on. Errors: OSError if one cannot be read."""
        files = files + sorted({config for file in files for config in self._configs_above(os.path.dirname(file))})
        return self._digest_of([*parts, *(f"{file} {self._content(file)}" for file in files)]), files

    def _path_of_list(self, parts: list[str]) -> Path:
        """Where the names of the files are that a verdict depends on."""
        return (self._folder or Path(os.devnull)) / f"{self._digest_of(parts)}.files"

    def _digest_of(self, parts: list[str]) -> str:
        return _digest("\0".join(parts).replace(f"{self._top}/", "").encode())

    def _is_kept(self, key: str) -> bool:
        return self._folder is not None and (self._folder / key).exists()

    def _content(self, file: str) -> str:
        if file not in self._contents:
            stamp = _stamp(file)
            self._contents[file] = (stamp, _digest(Path(file).read_bytes()))
        return self._contents[file][1]

    def _version(self, commands: Commands, program: str) -> str:
        if program not in self._versions:
            self._versions[program] = commands.run([program, "--version"]).out
        return self._versions[program]

    def _configs_above(self, folder: str) -> list[str]:
        """The configurations of clang-tidy that hold for a file in `folder`, or would if there were no nearer one."""
        if folder not in self._configs:
            above = [Path(folder), *Path(folder).parents]
            self._configs[folder] = [str(place / _CONFIG) for place in above if (place / _CONFIG).is_file()]
        return self._configs[folder]


class Known:
    """The verdicts of one check: how many were asked for, and how many were known."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked: list[bool] = []

    def unless(self, commands: Commands, runs: Sequence[Run], text: str, check: Callable[[], str]) -> str:
        """What `check` finds, which makes these runs, with `text` as their input."""
        key, files = self._store.key(commands, runs, text)
        known = self._store.recall(key)
        self._asked.append(known)
        found = "" if known else check()
        if not found and not known:
            self._store.remember(key, files)
        return found

    def __str__(self) -> str:
        return f" ({sum(self._asked)} of {len(self._asked)} verdicts were known)" if any(self._asked) else ""


def _stamp(file: str) -> tuple[int, int]:
    """Changes when the file does."""
    status = os.stat(file)
    return status.st_mtime_ns, status.st_size


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _prerequisites(rule: str) -> list[str]:
    """The files of a compiler's rule for make, but its input."""
    words = re.split(r"(?<!\\)\s+", rule.replace("\\\n", " ").partition(":")[2].strip())
    return [word.replace("\\ ", " ") for word in words if word not in ("", "-", "<stdin>")]
