# SPDX-License-Identifier: GPL-2.0
"""The files of a checkout that are sources."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path


def files(root: Path) -> Iterator[Path]:
    """Every regular file below `root`, in order, without build output and hidden folders (but .ci)."""
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        subfolders[:] = sorted(
            s for s in subfolders
            if (not s.startswith(".") or s == ".ci") and s != "__pycache__" and (here, s) != (root, "build")
        )
        yield from (here / name for name in sorted(names) if (here / name).is_file() and not (here / name).is_symlink())


def interpreter(path: Path) -> str:
    """The first line of a script, which names its interpreter; empty if `path` is no script."""
    with path.open("rb") as file:
        line = file.readline(200)
    return line.decode("utf-8", "replace") if line.startswith(b"#!") else ""


def is_python(path: Path) -> bool:
    """True for a module or script in Python."""
    return path.suffix == ".py" or bool(re.search(r"\bpython3?\b", interpreter(path)))


def is_shell(path: Path) -> bool:
    """True for a script of a shell."""
    return path.suffix == ".sh" or bool(re.search(r"\b(ba|da)?sh\b", interpreter(path)))


def is_cxx(path: Path) -> bool:
    """True for a source or header in C++."""
    return path.suffix in (".cc", ".hpp")
