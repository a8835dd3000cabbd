# SPDX-License-Identifier: GPL-2.0
"""tools/check: each check passes a small checkout that is right, and names file and line of what is wrong in it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cxx_commands import CLANG, TOP, built_releases

sys.path.insert(0, str(TOP / "tools"))

from checklib import runner  # noqa: E402
from checklib.checks import CHECKS  # noqa: E402
from checklib.known import Known, Store  # noqa: E402

DEADLINE = 600  # seconds, for one run on a busy machine
COPIED = (".clang-format", ".clang-tidy", "setup.cfg", "cxxrt/helpers", "cxxrt/include", "cxxrt/src")
TOOLS = ("check", "check-border", "kernels", "checklib", "vmlib")
C_SPDX = "// SPDX-License-Identifier: GPL-2.0\n"
SHELL_SPDX = "# SPDX-License-Identifier: GPL-2.0\n"
WRITTEN = {
    "Makefile": SHELL_SPDX,
    "tools/say": "#!/bin/sh\n" + SHELL_SPDX + 'echo "$1"\n',
    "modules/drv_cpp/queue.hpp": C_SPDX + """#pragma once
#include <cxxrt/lock.hpp>

namespace drv {
using namespace cxxrt;

struct Queue : Pinned {
	SpinLock lock{lock_class<"Queue::lock">};
	u32 depth GUARDED_BY(lock) = 0;
};

}  // namespace drv
""",
    "modules/drv_cpp/main.cc": C_SPDX + """#include "queue.hpp"

#include <cxxrt/enforce.hpp>

static_assert(sizeof(drv::Queue::depth) == 4);
""",
    "cxxrt/tests/compile_fail/null.cc": C_SPDX + """// compiler: g++
// expect: cannot convert 'std::nullptr_t' to 'int'
#ifdef OK
int zero() { return 0; }
#else
int zero() { return nullptr; }
#endif
""",
}


@dataclass
class Checkout:
    """A small checkout with builds for every stock kernel."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """Has a cache of its own, in which nothing is known yet."""
        return os.environ | {"XDG_CACHE_HOME": f"{self.root}.cache"}

    def check(self, *names: str) -> subprocess.CompletedProcess[str]:
        command = [self.root / "tools" / "check", *names]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE, env=self.environment)

    def add(self, name: str, text: str) -> int:
        """Appends to a file, new or not; returns the number of the first line of `text`."""
        path = self.root / name
        before = path.read_text() if path.exists() else ""
        path.write_text(before + text)
        return before.count("\n") + 1


def build(root: Path, release: str) -> None:
    """As if drv_cpp had been built: the kernel's types, and how null_blk_cpp was compiled."""
    out, real = root / "build" / release, TOP / "build" / release
    (out / "drv_cpp.cxx").mkdir(parents=True)
    (out / "cxxrt").symlink_to(real / "cxxrt")
    names = [".main.o.cmd", *(f".cxxrt-{source.stem}.o.cmd" for source in (TOP / "cxxrt" / "src").glob("*.cc"))]
    for name in names:
        text = (real / "null_blk_cpp.cxx" / name).read_text()
        text = text.replace(str(TOP), str(root)).replace("null_blk_cpp", "drv_cpp")
        (out / "drv_cpp.cxx" / name).write_text(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "checkout"
    for name in [*COPIED, *(f"tools/{tool}" for tool in TOOLS)]:
        source, target = TOP / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    for name, text in WRITTEN.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for release in built_releases():
        build(root, release)
    return Checkout(root)


@pytest.mark.slow
def test_a_checkout_that_is_right_passes(checkout: Checkout) -> None:
    done = checkout.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"(?m)^ok ([\w-]+): ", done.stdout) == list(CHECKS)
    assert re.search(r"^9 checks in \d+ s$", done.stdout.splitlines()[-1])


MAIN, HEADER, CASE = "modules/drv_cpp/main.cc", "modules/drv_cpp/queue.hpp", "cxxrt/tests/compile_fail/bad.cc"
UNLOCKED = "namespace drv {\nvoid grow(Queue& queue);\nvoid grow(Queue& queue) { ++queue.depth; }\n}\n"
# check: (file, what is appended to it, which line of that is named, what is said of it)
BAD = {
    "thread-safety": [
        (MAIN, UNLOCKED, 3, r"writing variable 'depth' requires holding spinlock 'queue\.lock'"),
        (MAIN, "void f(cxxrt::blk::Request<> r);\n", 1, "use of undeclared|no member named 'blk'"),
    ],
    "clang-tidy": [
        (MAIN, "cxxrt::u64 area(int a) { return cxxrt::u64(a * a); }\n", 1, r"\[misc-use-internal-linkage"),
        (HEADER, "inline cxxrt::u8* none() { return 0; }  // NOLINT: no reason\n", 1, "write NOLINT"),
        (HEADER, "inline void drop(cxxrt::u8* p)\n{\n\tif (p == 0)\n\t\treturn;\n}\n", 3, r"\[modernize-use-nullptr"),
    ],
    "headers": [
        ("modules/drv_cpp/bad.hpp", C_SPDX + "#pragma once\ncxxrt::u32 depth();\n", 3, "'cxxrt'"),
        ("cxxrt/include/cxxrt/bad.hpp", C_SPDX + "#pragma once\nu32 depth();\n", 3, "'u32'"),
    ],
    "compile-fail": [
        (CASE, C_SPDX + "// compiler: g++\n// expect: never\nint x;\n", 1, "the misuse compiles"),
        (CASE, C_SPDX + "// compiler: g++\n// expect: never\n#ifndef OK\nint x = y;\n#endif\n", 1, "not with /never/"),
        (CASE, C_SPDX + "// compiler: g++\n// expect: 'y'\nint x = y;\n", 1, "the right form does not compile"),
        (CASE, C_SPDX + "// compiler: g++\nint x = y;\n", 1, "has 0 lines `// expect: ...`"),
        (CASE, C_SPDX + "// compiler: cc\n// expect: 'y'\nint x = y;\n", 1, "choose one of g\\+\\+"),
        (CASE, C_SPDX + "// compiler: clang-tidy-19\n// expect: after\nstatic_assert(sizeof(int) == 4);\n", 1, "compiles"),
    ],
    "clang-format": [(HEADER, "namespace drv {\nstruct  Other;\n}\n", 2, "code should be clang-formatted")],
    "border": [(MAIN, "raw::request* request();\n", 1, "names the kernel's own types")],
    "licence": [("tools/more", "#!/bin/sh\necho\n", 2, "is not the SPDX line")],
    "shellcheck": [("tools/say", "rm $1/x\n", 1, r"\[SC2086\]"), ("tools/more.sh", "[ $x ]\n", 1, r"\[SC")],
    "python": [
        ("tools/more.py", SHELL_SPDX + "import os\n", 2, "F401"),
        ("tools/more.py", SHELL_SPDX + "def f(x):\n    return x\n", 2, r"\[no-untyped-def\]"),
        ("tools/more", "#!/usr/bin/python3\n" + SHELL_SPDX + 'x: int = "1"\n', 3, r"\[assignment\]"),
    ],
}


@pytest.mark.parametrize(
    # Of each check, the first in `make test`, but for headers, all of which compile for it.
    "check, bad", [pytest.param(check, bad, id=f"{check}-{i}", marks=pytest.mark.slow if i or check == "headers" else ()) for check, many in BAD.items() for i, bad in enumerate(many)]
)
def test_what_is_wrong_is_named(check: str, bad: tuple[str, str, int, str], checkout: Checkout) -> None:
    name, text, line, words = bad
    line += checkout.add(name, text) - 1
    done = checkout.check(check)
    assert done.returncode == 1, done.stdout + done.stderr
    verdict, *findings = done.stdout.splitlines()
    assert re.match(rf"FAILED {check}: \d+ found in ", verdict)
    assert any(re.match(rf"{re.escape(name)}:{line}:", f) and re.search(words, f) for f in findings), done.stdout
    heads = [f for f in findings if f.startswith(f"{name}:{line}:")]
    assert len(heads) == len(set(heads)), "a finding is repeated"


def known(done: subprocess.CompletedProcess[str]) -> tuple[int, int]:
    """How many verdicts were known, and how many there were."""
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"\((\d+) of (\d+) verdicts were known\)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@pytest.mark.slow
def test_what_has_not_changed_is_not_checked_again(checkout: Checkout) -> None:
    """Only sources that a change concerns are checked again, and what it broke is found, again and again."""
    check = "thread-safety"
    assert known(checkout.check(check)) == (0, 0)
    count = known(checkout.check(check))[1]
    assert count == len(built_releases()) * len([*checkout.root.glob("cxxrt/src/*.cc"), *checkout.root.glob("modules/*/*.cc")])
    assert known(checkout.check("--afresh", check)) == (0, 0)
    (checkout.root / HEADER).touch()
    assert known(checkout.check(check)) == (count, count)
    name, text, _, words = BAD[check][0]
    checkout.add(name, text)
    for _ in range(2):
        done = checkout.check(check)
        assert done.returncode == 1 and re.search(words, done.stdout), done.stdout
        assert f"({count - len(built_releases())} of {count} verdicts were known)" in done.stdout


class Verdicts:
    """A check of one source in a checkout, which counts how often it is carried out, and compilers asked what they read."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(root.parent / "cache"))
        self.root = root
        self.times = 0
        self.asked = 0
        run = runner.Commands.run

        def counted(commands: runner.Commands, command: Sequence[str | Path], text: str = "") -> runner.Ended:
            self.asked += "-M" in command
            return run(commands, command, text)

        monkeypatch.setattr(runner.Commands, "run", counted)
        (root / "sub").mkdir(parents=True)
        (root / "sub" / "a.cc").write_text('#include "a.hpp"\nint b = a;\n')
        (root / "sub" / "a.hpp").write_text("const int a = 1;\n")

    def check(self, flag: str = "-DX", found: str = "", meanwhile: Callable[[], object] = lambda: None) -> bool:
        """Asks for the verdict, as a new run of tools/check does: whether the check was carried out, which finds `found`."""
        before = self.times

        def carry_out() -> str:
            self.times += 1
            meanwhile()
            return found

        run = (["true", flag], [CLANG, flag, self.root / "sub" / "a.cc"])
        told = Known(Store(self.root)).unless(runner.Commands(self.root), [run], "", carry_out)
        assert told == (found if self.times > before else "")
        return self.times > before


@pytest.fixture
def verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verdicts:
    return Verdicts(tmp_path / "top", monkeypatch)


def test_a_verdict_depends_on_all_that_is_read(verdicts: Verdicts) -> None:
    """Comments included: they silence checks."""
    assert verdicts.check()
    assert not verdicts.check()
    assert verdicts.check("-DY")
    for name, text in ("sub/a.hpp", "// Nothing.\n"), ("sub/a.cc", " \n"), ("sub/.clang-tidy", "Checks: '*'\n"), (".clang-tidy", "Checks: '*'\n"):
        with (verdicts.root / name).open("a") as file:
            file.write(text)
        assert verdicts.check(), name
        assert not verdicts.check(), name
    # Another header of that name comes first.
    (verdicts.root / "first").mkdir()
    assert verdicts.check(f"-iquote{verdicts.root}/first")
    assert not verdicts.check(f"-iquote{verdicts.root}/first")
    (verdicts.root / "sub" / "a.cc").write_text("#include <a.hpp>\n")
    (verdicts.root / "sub" / "a.hpp").rename(verdicts.root / "first" / "a.hpp")
    assert verdicts.check(f"-I{verdicts.root}/first")
    assert not verdicts.check(f"-I{verdicts.root}/first")


def test_findings_are_not_kept(verdicts: Verdicts) -> None:
    assert all(verdicts.check(found="a.cc:1: bad") for _ in range(2))
    assert verdicts.check()
    assert not verdicts.check()


def test_a_source_that_changes_meanwhile_has_no_verdict(verdicts: Verdicts) -> None:
    source = verdicts.root / "sub" / "a.cc"
    before = source.read_text()
    assert verdicts.check(meanwhile=lambda: source.write_text("int c;\n"))
    source.write_text(before)
    assert verdicts.check()


def test_a_source_that_cannot_be_read_is_checked_each_time(verdicts: Verdicts) -> None:
    (verdicts.root / "sub" / "a.hpp").unlink()
    assert all(verdicts.check() for _ in range(2))


def test_a_verdict_goes_with_the_checkout(verdicts: Verdicts) -> None:
    assert verdicts.check()
    verdicts.root = verdicts.root.rename(verdicts.root.parent / "other")
    assert not verdicts.check()


def test_a_verdict_that_nobody_asks_for_goes(verdicts: Verdicts) -> None:
    assert verdicts.check()
    kept = list((verdicts.root.parent / "cache" / "cxxrt" / "checks").iterdir())
    assert sorted(bool(file.read_bytes()) for file in kept) == [False, True]
    for file in kept:
        os.utime(file, (time.time() - 15 * 86400,) * 2)
    assert verdicts.check()


def test_what_was_read_before_is_not_asked_for_again(verdicts: Verdicts) -> None:
    """Unless the verdict is not known."""
    assert verdicts.check() and not verdicts.check()
    asked = verdicts.asked
    assert asked > 0
    assert not verdicts.check() and verdicts.asked == asked
    (verdicts.root / "sub" / "a.hpp").write_text("const int a = 2;\n")
    assert verdicts.check() and verdicts.asked > asked


def test_every_check_is_seen_failing() -> None:
    assert list(BAD) == [name for name in BAD if name in CHECKS] and set(BAD) == set(CHECKS)


@pytest.mark.parametrize("name", [".clang-tidy", "bench/insn/.clang-tidy"])
def test_every_check_that_is_off_has_its_reason(name: str) -> None:
    before = ""
    for line in (TOP / name).read_text().splitlines():
        if "'-" in line and "'-*'" not in line:
            assert before.startswith(("  #", "  - '-")) and "'-*'" not in before, f"{line}: say why in a comment above"
        before = line


def test_other_checks_go_on(checkout: Checkout) -> None:
    checkout.add("tools/more", "#!/bin/sh\necho\n")
    checkout.add(HEADER, "struct  Other;\n")
    done = checkout.check("border", "licence", "clang-format")
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith(("ok", "FAILED"))] == [
        "FAILED clang-format", "ok border", "FAILED licence"
    ]


def test_a_build_that_is_missing_is_said(checkout: Checkout) -> None:
    release = built_releases()[0]
    shutil.rmtree(checkout.root / "build" / release)
    done = checkout.check("thread-safety", "licence")
    assert done.returncode == 2
    assert f"FAILED thread-safety: could not run: nothing is built for {release}: run make\n" in done.stdout
    assert "ok licence: " in done.stdout


def test_a_source_in_no_build_is_said(checkout: Checkout) -> None:
    checkout.add("modules/drv_cpp/more.cc", C_SPDX)
    done = checkout.check("clang-tidy")
    assert done.returncode == 2
    wanted = f"could not run: the build for {built_releases()[0]} has no modules/drv_cpp/more.cc: run make, or name it in a Kbuild\n"
    assert wanted in done.stdout


def test_an_unknown_check_is_said(checkout: Checkout) -> None:
    done = checkout.check("spelling")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no check is called spelling: there are python, " in done.stderr


def running_with(text: str) -> list[str]:
    """Command lines of processes that have `text` in it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in words:
            found.append(words)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_runs_on_after_an_interruption(number: signal.Signals, checkout: Checkout) -> None:
    process = subprocess.Popen(
        [checkout.root / "tools" / "check", "clang-tidy", "headers"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=checkout.environment,
    )
    end = time.monotonic() + 60
    while not any("clang-tidy-19" in words for words in running_with(str(checkout.root))) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "check: interrupted\n")
    assert running_with(str(checkout.root)) == []


def test_leaving_the_pool_ends_what_runs(tmp_path: Path) -> None:
    sleep = f"sleep 60.{tmp_path.stat().st_ino}"
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), runner.Pool(tmp_path) as pool:
        pool.submit(runner.Plan("", [lambda commands: commands.run(["sh", "-c", f"{sleep} & {sleep}"]).out] * 9))
        while len(running_with(sleep)) < 3 and time.monotonic() < begun + 30:
            time.sleep(0.05)
        raise KeyboardInterrupt
    assert time.monotonic() < begun + 30
    assert running_with(sleep) == []


def test_findings_are_told_apart_and_merged() -> None:
    one = "In file included from a.cc:1:\nb.hpp:3:5: error: bad\n  3 | x\nb.hpp:1:1: note: here\n"
    two = "In file included from c.cc:9:\nb.hpp:3:5: error: bad\nc.cc:2: warning: odd\n1 error generated.\n"
    assert runner.merge([one, two, ""]) == [one.rstrip("\n"), "c.cc:2: warning: odd"]
