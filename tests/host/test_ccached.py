# SPDX-License-Identifier: GPL-2.0
"""tools/ccached: what was compiled before is not compiled again, in whichever checkout, and make still learns what was included."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "ccached"
# Compiles, and counts how often.
COMPILER = """#!/bin/bash
[[ " $* " == *" -E "* || " $* " == *" -print"* ]] || echo "$*" >>"$COUNT"
exec g++ "$@"
"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that notes what it compiles."""
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CXXRT_CCACHE", raising=False)
    path = tmp_path / "counting-g++"
    path.write_text(COMPILER)
    path.chmod(0o755)
    return path


def compiled(tmp_path: Path) -> int:
    """How often the compiler has made an object."""
    count = tmp_path / "count"
    return count.read_text().count("\n") if count.exists() else 0


def checkout(tmp_path: Path, name: str, header: str = "inline int answer() { return 42; }\n") -> Path:
    """A folder with the tool, a source and its header."""
    root = tmp_path / name
    (root / "tools").mkdir(parents=True)
    shutil.copy2(TOOL, root / "tools")
    (root / "include").mkdir()
    (root / "include" / "answer.hpp").write_text(header)
    (root / "main.cc").write_text('#include "answer.hpp"\nconst char* file() { return __FILE__; }\nint use() { return answer(); }\n')
    return root


def compile_in(root: Path, compiler: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Compiles main.cc of a checkout from another folder, as kbuild does."""
    command = [root / "tools" / "ccached", compiler, f"-Wp,-MMD,{root}/.main.d", f"-fmacro-prefix-map={root}/=", f"-I{root}/include", "-c", *more]
    return subprocess.run([*command, "-o", root / "main.o", root / "main.cc"], cwd="/", capture_output=True, text=True)


def test_another_checkout_shares_what_was_compiled(tmp_path: Path, compiler: Path) -> None:
    objects = []
    for name in "one", "two":
        root = checkout(tmp_path, name)
        done = compile_in(root, compiler)
        assert done.returncode == 0, done.stderr
        objects.append((root / "main.o").read_bytes())
    assert compiled(tmp_path) == 1
    assert objects[0] == objects[1]


def test_changed_header_is_compiled(tmp_path: Path, compiler: Path) -> None:
    objects = []
    for name, value in ("one", 42), ("two", 43):
        root = checkout(tmp_path, name, f"inline int answer() {{ return {value}; }}\n")
        assert compile_in(root, compiler).returncode == 0
        objects.append((root / "main.o").read_bytes())
    assert compiled(tmp_path) == 2
    assert objects[0] != objects[1]


@pytest.mark.parametrize("times", [1, 2])
def test_make_is_told_absolute_paths(tmp_path: Path, compiler: Path, times: int) -> None:
    """Whether it was compiled or found."""
    for name in ["one", "two"][:times]:
        root = checkout(tmp_path, name)
        assert compile_in(root, compiler).returncode == 0
    words = (root / ".main.d").read_text().replace("\\\n", " ").split()
    assert words == [f"{root}/main.o:", f"{root}/main.cc", f"{root}/include/answer.hpp"]


def test_file_beside_the_object(tmp_path: Path, compiler: Path) -> None:
    """-MMD alone."""
    root = checkout(tmp_path, "one")
    done = subprocess.run([root / "tools" / "ccached", compiler, "-MMD", f"-I{root}/include", "-c", "-o", root / "main.o", root / "main.cc"], cwd="/")
    assert done.returncode == 0
    assert f"{root}/include/answer.hpp" in (root / "main.d").read_text().split()


def optimise_in(root: Path, compiler: Path, number: int, *more: str) -> subprocess.CompletedProcess[str]:
    """Makes an object that returns the number, for link-time optimisation, and then one by that, as cxxrt.mk does."""
    folder = root.parent
    (folder / "one.cc").write_text(f"int one() {{ return {number}; }}\n")
    # Elsewhere, or without the seed, it would be another one.
    subprocess.run(["g++", "-flto", "-fno-fat-lto-objects", "-frandom-seed=1", "-c", "one.cc"], check=True, cwd=folder)
    shutil.copy2(folder / "one.o", root)
    command = [root / "tools" / "ccached", compiler, "-xlto", "-O2", *more, "-c", "-o", root / "all.o.tmp", root / "one.o"]
    return subprocess.run(command, cwd="/", capture_output=True, text=True)


def test_another_checkout_shares_what_was_optimised(tmp_path: Path, compiler: Path) -> None:
    objects = []
    for name, number in ("one", 42), ("two", 42), ("three", 43):
        root = checkout(tmp_path, name)
        done = optimise_in(root, compiler, number)
        assert done.returncode == 0, done.stderr
        objects.append((root / "all.o.tmp").read_bytes())
    assert compiled(tmp_path) == 2
    assert objects[0] == objects[1] != objects[2]
    assert optimise_in(root, compiler, 43, "-Os").returncode == 0
    assert compiled(tmp_path) == 3


def test_without_a_place_to_keep_it_it_is_optimised(tmp_path: Path, compiler: Path) -> None:
    folder = tmp_path / "cache" / "cxxrt"
    folder.mkdir(parents=True)
    (folder / "lto").write_text("No folder.\n")
    root = checkout(tmp_path, "one")
    for _ in range(2):
        assert optimise_in(root, compiler, 42).returncode == 0
    assert (root / "all.o.tmp").exists() and compiled(tmp_path) == 2


def test_what_says_something_when_optimised_says_it_again(tmp_path: Path, compiler: Path) -> None:
    root = checkout(tmp_path, "one")
    for _ in range(2):
        done = optimise_in(root, compiler, 42, "-mtune=x86-64")
        assert done.returncode == 0 and done.stderr
    assert compiled(tmp_path) == 2


def test_what_fails_when_optimised_fails_again(tmp_path: Path, compiler: Path) -> None:
    root = checkout(tmp_path, "one")
    for _ in range(2):
        done = optimise_in(root, compiler, 42, "-fno-such-flag")
        assert done.returncode == 1 and "-fno-such-flag" in done.stderr
        assert not (root / "all.o.tmp").exists()
    assert compiled(tmp_path) == 2


def test_errors_are_the_compilers(tmp_path: Path, compiler: Path) -> None:
    root = checkout(tmp_path, "one", "int answer() { return }\n")
    done = compile_in(root, compiler)
    assert done.returncode == 1
    assert "answer.hpp:1" in done.stderr
    assert not (root / "main.o").exists()


def test_nothing_is_kept_if_not_wanted(tmp_path: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXXRT_CCACHE", "0")
    root = checkout(tmp_path, "one")
    for _ in range(2):
        assert compile_in(root, compiler).returncode == 0
    assert compiled(tmp_path) == 2
    assert not (tmp_path / "cache").exists()
