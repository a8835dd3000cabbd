# SPDX-License-Identifier: GPL-2.0
"""The build system, on a copy of the tree: what it makes, what it leaves alone, and what it says when it cannot.

All of it runs for the newest release that has been built here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cxx_commands import CLANG, TOP, compile_source, newest_release, without_output

pytestmark = pytest.mark.slow

DEADLINE = 300  # seconds, for one make on a busy machine
CHECK_KO = TOP / "tools" / "check-ko"
SPDX = "// SPDX-License-Identifier: GPL-2.0\n"
# A driver with two sources and a suite: building a real one takes minutes of CPU time, and shows no more.
DRIVER = {
    "Kbuild": """obj-m += small_cpp.o small_cpp_kunit.o
small_cpp-cxx := main.cc store.cc
small_cpp-cxxdir := $(CXXRT_TOP)/modules/small_cpp
small_cpp_kunit-cxx := store.cc store_kunit.cc
small_cpp_kunit-cxxdir := $(CXXRT_TOP)/modules/small_cpp
""",
    "store.hpp": """#pragma once
#include <cxxrt/lock.hpp>
#include <cxxrt/memory.hpp>

namespace small {
using namespace cxxrt;

class Store : Pinned {
public:
	void add(u32 amount);
	u32 sum();

private:
	SpinLock lock_{lock_class<"Store::lock_">};
	u32 sum_ GUARDED_BY(lock_) = 0;
};

}  // namespace small
""",
    "store.cc": """#include "store.hpp"

#include <cxxrt/enforce.hpp>

namespace small {

void Store::add(u32 amount)
{
	Guard guard{lock_};
	sum_ += amount;
}

u32 Store::sum()
{
	Guard guard{lock_};
	return sum_;
}

}  // namespace small
""",
    "store_kunit.cc": """#include "store.hpp"

#include <cxxrt/kunit.hpp>

namespace small {

KUNIT_TEST(small_store, sums_up)
{
	auto store = TRY(Box<Store>::make(Gfp::Kernel));
	store->add(2);
	test.expect_eq(store->sum(), 2u);
	return {};
}
KUNIT_SUITE(small_store);

}  // namespace small
""",
    "main.cc": """#include "store.hpp"

#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

namespace small {

class Driver : Pinned {
public:
	static Result<Box<Driver>> create()
	{
		auto driver = TRY(Box<Driver>::make(Gfp::Kernel));
		driver->store_.add(1);
		log::info<"%u">(driver->store_.sum());
		return driver;
	}

private:
	Store store_;
};

}  // namespace small

CXXRT_MODULE(small::Driver, "The cxxrt authors", "A module with two sources");
""",
}


def run(*command: str | Path, cwd: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command with nothing in its environment that an outer make or a caller has set."""
    env = {"PATH": path or "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(cwd), "LC_ALL": "C"}
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=DEADLINE, stdin=subprocess.DEVNULL
    )


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below `root` but the build's output."""
    files = (path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] != "build")
    return {str(f.relative_to(root)): (f.stat().st_size, f.stat().st_mtime_ns) for f in files}


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a failed make printed, without what make adds on its way out."""
    assert done.returncode != 0, "it did not fail"
    noise = re.compile(r"make(\[\d+\])?: (\*\*\* \[|Entering|Leaving)")
    return [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not noise.match(line)]


@dataclass
class Tree:
    """A copy of the project, built once."""

    root: Path
    release: str
    changed: list[str]  # files outside build/ that the build wrote or removed

    @property
    def out(self) -> Path:
        return self.root / "build" / self.release

    @property
    def ko(self) -> Path:
        return self.out / "small_cpp.ko"

    def make(self, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        return run("make", *arguments, cwd=self.root, path=path)

    def build(self) -> subprocess.CompletedProcess[str]:
        return self.make(f"KREL={self.release}")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy with one module and without other tests, built for one kernel."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("Makefile", "Kbuild"):
        shutil.copy2(TOP / name, root)
    skip = shutil.ignore_patterns("tests", "__pycache__")
    shutil.copytree(TOP / "cxxrt", root / "cxxrt", ignore=skip)
    shutil.copytree(TOP / "tools", root / "tools", ignore=skip)
    folder = root / "modules" / "small_cpp"
    folder.mkdir(parents=True)
    for name, text in DRIVER.items():
        (folder / name).write_text(text if name == "Kbuild" else SPDX + text)
    made = Tree(root, newest_release(), [])
    before = snapshot(root)
    done = made.build()
    assert done.returncode == 0, done.stdout + done.stderr
    made.changed = sorted(name for name, _ in before.items() ^ snapshot(root).items())
    return made


def compiled(done: subprocess.CompletedProcess[str], kind: str) -> list[str]:
    """The names of the files that kbuild made with `kind`: CXX, CC, LTO ..."""
    assert done.returncode == 0, done.stdout + done.stderr
    return [Path(name).name for name in re.findall(rf"(?m)^  {kind} +\[\w\] +(\S+)", done.stdout)]


# --- what it makes -----------------------------------------------------------------------------------------------


def test_build_writes_below_build_only(tree: Tree) -> None:
    assert tree.ko.is_file()
    assert [name for name in tree.changed if "__pycache__" not in name] == []


def test_nothing_is_built_twice(tree: Tree) -> None:
    done = tree.build()
    assert done.returncode == 0
    assert not re.findall(r"(?m)^  (?!CALL|DESCEND|CHECK)[A-Z]+ .*", done.stdout), done.stdout


# The driver, and its suites.
MODULES = ["small_cpp.cxx.o", "small_cpp_kunit.cxx.o"]


def test_touched_source_rebuilds_one_object_of_each_module(tree: Tree) -> None:
    (tree.root / "modules" / "small_cpp" / "store.cc").touch()
    before = tree.ko.stat().st_mtime_ns
    done = tree.build()
    assert compiled(done, "CXX") == ["store.o", "store.o"]
    assert sorted(compiled(done, "LTO")) == MODULES
    assert compiled(done, "CC") == []
    assert tree.ko.stat().st_mtime_ns > before


def test_touched_helper_rebuilds_one_object(tree: Tree) -> None:
    (tree.root / "cxxrt" / "helpers" / "time.c").touch()
    done = tree.build()
    assert compiled(done, "CC") == ["helpers-time.o"]
    assert compiled(done, "CXX") == []
    assert sorted(compiled(done, "LTO")) == MODULES


def test_kdir(tree: Tree) -> None:
    done = tree.make(f"KDIR=/lib/modules/{tree.release}/build")
    assert compiled(done, "CXX") == []
    assert [path.name for path in (tree.root / "build").iterdir()] == [tree.release]


def test_modules_install(tree: Tree, tmp_path: Path) -> None:
    done = tree.make("modules_install", f"KREL={tree.release}", f"INSTALL_MOD_PATH={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    installed = [path for path in tmp_path.rglob("small_cpp.ko*")]
    assert len(installed) == 1
    assert installed[0].is_relative_to(tmp_path / "lib" / "modules" / tree.release)


def test_compile_commands(tree: Tree) -> None:
    done = tree.make("compile_commands.json", f"KREL={tree.release}")
    assert done.returncode == 0, done.stderr
    entries = json.loads((tree.root / "compile_commands.json").read_text())
    sources = {Path(entry["file"]) for entry in entries}
    assert sources == {path for folder in ("modules/*", "cxxrt/src", "cxxrt/kunit") for path in tree.root.glob(f"{folder}/*.cc")}
    entry = entries[0]
    assert Path(entry["directory"]).is_dir()
    checked = compile_source([CLANG, *without_output(entry["arguments"])[1:], "-Werror"], entry["file"])
    assert checked.returncode == 0, checked.stderr


def test_compile_commands_are_whole_or_absent(tree: Tree) -> None:
    file = tree.root / "compile_commands.json"
    file.unlink(missing_ok=True)
    lines = complaints(tree.make(file.name, "KREL=9.9.9-none"))
    assert len(lines) == 1 and "run make first" in lines[0]
    assert not list(tree.root.glob("compile_commands.json*"))


def test_help_lists_every_target(tree: Tree) -> None:
    done = tree.make("help")
    assert done.returncode == 0
    phony = re.search(r"(?m)^\.PHONY: (.*)$", (tree.root / "Makefile").read_text())
    assert phony
    listed = {line.split()[0] for line in done.stdout.splitlines() if line[:1].isalpha()}
    assert listed >= set(phony[1].split()) - {"all", "FORCE"}
    assert "KREL=" in done.stdout and "KDIR=" in done.stdout and "CXXRT_LTO=" in done.stdout


# --- what it says when it cannot ---------------------------------------------------------------------------------


def test_release_without_headers(tree: Tree) -> None:
    lines = complaints(tree.make("KREL=9.9.9-none"))
    assert lines == ["no headers for 9.9.9-none: apt-get install linux-headers-9.9.9-none"]
    assert not (tree.root / "build" / "9.9.9-none").exists()


def test_kdir_that_is_no_kernel(tree: Tree, tmp_path: Path) -> None:
    lines = complaints(tree.make(f"KDIR={tmp_path}"))
    assert len(lines) == 1 and f"KDIR={tmp_path} is no configured kernel tree" in lines[0]


def test_install_before_build(tree: Tree, tmp_path: Path) -> None:
    lines = complaints(tree.make("modules_install", "KREL=9.9.9-none", f"INSTALL_MOD_PATH={tmp_path}"))
    assert lines == ["nothing built for 9.9.9-none: run 'make KREL=9.9.9-none' first"]


def test_missing_tool(tree: Tree, tmp_path: Path) -> None:
    for folder in ("/usr/sbin", "/usr/bin"):
        for program in os.scandir(folder):
            if program.name != "pahole" and not (tmp_path / program.name).is_symlink():
                (tmp_path / program.name).symlink_to(program.path)
    lines = complaints(tree.make(f"KREL={tree.release}", path=str(tmp_path)))
    assert len(lines) == 1 and lines[0].endswith("cxxrt: pahole is missing: apt-get install pahole.  Stop.")


def test_missing_python(tree: Tree) -> None:
    lines = complaints(tree.make(f"KREL={tree.release}", "PYTHON=/nonexistent/python3"))
    assert lines == ["/nonexistent/python3 is missing: apt-get install python3"]


def compiler_of_version(folder: Path, name: str, version: str) -> Path:
    """A compiler that says it is another version."""
    script = folder / name
    script.write_text(f'#!/bin/sh\ncase "$*" in *-dumpfullversion*) echo {version} ;; *) exec gcc "$@" ;; esac\n')
    script.chmod(0o755)
    return script


def test_other_compiler(tree: Tree, tmp_path: Path) -> None:
    compiler = compiler_of_version(tmp_path, "gcc", "99.1.0")
    lines = complaints(tree.make(f"KREL={tree.release}", f"CC={compiler}"))
    said = [line for line in lines if "cxxrt: " in line]
    assert len(said) == 1, lines
    assert re.search(rf"built with gcc-\d+, but {compiler} is 99\.1\.0: apt-get install gcc-\d+ g\+\+-\d+\.", said[0])


def test_missing_cxx_compiler(tree: Tree, tmp_path: Path) -> None:
    version = run("gcc-12", "-dumpfullversion", cwd=tmp_path).stdout.strip()
    compiler = compiler_of_version(tmp_path, "gcc", version)
    said = [line for line in complaints(tree.make(f"KREL={tree.release}", f"CC={compiler}")) if "cxxrt: " in line]
    assert len(said) == 1 and f"{tmp_path}/g++ is missing" in said[0] and "apt-get install g++-" in said[0]


# --- modules that must not be loaded -----------------------------------------------------------------------------

MODULE = """
#include <cxxrt/module.hpp>
using namespace cxxrt;
namespace {{
{extra}
struct Bad {{
	static Result<Box<Bad>> create()
	{{
		{body}
		return Box<Bad>::make(Gfp::Kernel);
	}}
}};
}}
CXXRT_MODULE(Bad, "The cxxrt authors", "A module that must not be loaded");
"""
# name: (namespace-scope code, code in create(), the rule that refuses it)
BAD_MODULES = {
    "bad_constructor": ("u64 at_load() { return now(); }\nu64 loaded = at_load();", "log::info<\"%llu\">(loaded);", "constructors"),
    "bad_sse": ("", 'asm volatile("movaps %xmm0, %xmm1");', "fpu"),
    "bad_stack": (
        '__attribute__((noinline, used)) void unbalanced() { asm volatile("push %rax"); }', "unbalanced();", "objtool",
    ),
}


@pytest.fixture
def add_module(tree: Tree) -> Callable[[str, str], None]:
    """Adds a module to the tree; it goes with the test."""
    added: list[str] = []

    def add(name: str, source: str) -> None:
        folder = tree.root / "modules" / name
        folder.mkdir()
        added.append(name)
        (folder / "Kbuild").write_text(
            f"obj-m += {name}.o\n{name}-cxx := main.cc\n{name}-cxxdir := $(CXXRT_TOP)/modules/{name}\n"
        )
        (folder / "main.cc").write_text(SPDX + source)

    yield add
    for name in added:
        shutil.rmtree(tree.root / "modules" / name)
        for left in tree.out.glob(f"{name}.*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def test_bad_modules_are_refused_and_removed(tree: Tree, add_module: Callable[[str, str], None]) -> None:
    for name, (extra, body, _) in BAD_MODULES.items():
        extra = extra.replace("now()", "u64(__builtin_ia32_rdtsc())")
        add_module(name, MODULE.format(extra=extra, body=body))
    # The second time nothing is compiled, and it must be refused all the same.
    for _ in range(2):
        done = tree.build()
        assert done.returncode != 0
        for name, (_, _, rule) in BAD_MODULES.items():
            assert re.search(rf"{name}\.ko: {rule}: ", done.stdout + done.stderr), done.stdout + done.stderr
        assert {path.stem for path in tree.out.glob("*.ko")} == {"small_cpp", "small_cpp_kunit"}, done.stdout + done.stderr


def test_warning_of_an_interrupted_build_is_not_lost(tree: Tree, add_module: Callable[[str, str], None]) -> None:
    extra, body, rule = BAD_MODULES["bad_stack"]
    add_module("bad_stack", MODULE.format(extra=extra, body=body))
    # A build that ends between link and check.
    assert tree.make(f"KREL={tree.release}", "PYTHON=/bin/false").returncode != 0
    done = tree.build()
    assert done.returncode != 0
    assert f"bad_stack.ko: {rule}: " in done.stdout + done.stderr
    assert {path.stem for path in tree.out.glob("*.ko")} == {"small_cpp", "small_cpp_kunit"}


def test_floating_point_does_not_compile(tree: Tree, add_module: Callable[[str, str], None]) -> None:
    body = 'volatile int percent = 50; log::info<"%d">(int(float(percent) * 1.5f));'
    add_module("bad_float", MODULE.format(extra="", body=body))
    done = tree.build()
    assert done.returncode != 0 and "bad_float" in done.stdout + done.stderr
    assert not (tree.out / "bad_float.ko").exists()


# --- a third party's module --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of docs/example/hello."""
    folder = tmp_path_factory.mktemp("hello")
    for file in (TOP / "docs" / "example" / "hello").iterdir():
        shutil.copy2(file, folder)
    return folder


@pytest.mark.parametrize("lto", ["1", "0"])
def test_module_outside_of_the_tree(lto: str, hello: Path) -> None:
    """By kbuild alone."""
    assert len((hello / "Kbuild").read_text().splitlines()) <= 5
    kernel = Path(f"/lib/modules/{newest_release()}/build")
    before = snapshot(TOP / "cxxrt")
    done = run(
        "make", "-j2", "-C", kernel, f"M={hello}", f"CXXRT={TOP}/cxxrt", f"CXXRT_LTO={lto}", "modules", cwd=hello
    )
    assert "hello.o" in compiled(done, "CXX")
    log = hello / "build.log"
    log.write_text(done.stdout + done.stderr)
    checked = run(
        sys.executable, CHECK_KO, "--symvers", kernel / "Module.symvers", "--lto", lto, "--objtool-log", log,
        hello / "hello.ko", cwd=hello,
    )
    assert checked.returncode == 0 and not checked.stdout, checked.stdout + checked.stderr
    parameters = run("modinfo", "-p", hello / "hello.ko", cwd=hello).stdout
    assert parameters == "times:How often to greet, 1 to 10 (int)\n"
    assert snapshot(TOP / "cxxrt") == before


def test_without_link_time_inlining(tree: Tree) -> None:
    """Last, because it rebuilds every object. Debug information is kept, and no BTF is made of it."""
    done = tree.make(f"KREL={tree.release}", "CXXRT_LTO=0")
    assert "small_cpp.cxx.o" in compiled(done, "LTO")
    sections = run("readelf", "-SW", tree.ko, cwd=tree.root).stdout
    assert " .debug_info " in sections and " .BTF " not in sections
