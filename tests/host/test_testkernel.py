# SPDX-License-Identifier: GPL-2.0
"""tools/testkernel, with Debian's packages, tar and make played by scripts: the cache, the lock, and what it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from vmlib import KernelError, find, installed_releases, kernels, testkernel  # noqa: E402
from vmlib.testkernel import Recipe  # noqa: E402

RECIPE = Recipe("6.12", "debug", "6.12.117-1~deb12u1", "gcc (Debian 12.2.0-14) 12.2.0", "CONFIG_A=y\nCONFIG_B=m\n")

# The commands that a build runs. `mode` says what goes wrong: hang (when compiling), drop (an option), or fail.
FAKES = {
    "tar": 'echo unpacked >>"$W/calls"; cd "$4"; mkdir -p include drivers/gpu scripts/mod; touch Makefile drivers/gpu/x.c scripts/mod/x.o include/a.h',
    "make": """
        for word; do case $word in O=*) cd "${word#O=}" ;; esac; done
        case "$*" in
        *allnoconfig*)
            cat fragments.config >.config
            [ "$(cat "$W/mode")" != drop ] || sed -i /CONFIG_B/d .config ;;
        *" prepare"*)
            mkdir -p include/config
            echo "6.12.117$(sed -n 's/CONFIG_LOCALVERSION="\\(.*\\)"/\\1/p' .config)" >include/config/kernel.release ;;
        *vmlinux*|*bzImage*)
            echo compiled >>"$W/calls"
            echo "  CC      init/main.o"
            case $(cat "$W/mode") in
            hang) echo $$ >"$W/pid"; sleep 1000 & wait ;;
            slow) sleep 2 ;;
            fail) echo "init/main.c:7:3: error: expected ';'"; echo "make: *** [all] Error 2"; exit 2 ;;
            esac
            mkdir -p kernel scripts tools/objtool arch/x86/boot
            echo packed >arch/x86/boot/bzImage
            touch vmlinux Makefile Module.symvers System.map kernel/a.o scripts/fixdep scripts/fixdep.o tools/objtool/objtool ;;
        *modules_install*)
            for word; do case $word in INSTALL_MOD_PATH=*) to=${word#*=} ;; esac; done
            to=$to/lib/modules/$(cat include/config/kernel.release)
            mkdir -p "$to/kernel"; touch "$to/modules.dep"; ln -s "$PWD" "$to/build" ;;
        esac""",
    "objcopy": 'cp "$2" "$3"',
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of test kernels, in an empty cache; builds run the fakes, which note their calls in `calls`."""
    (tmp_path / "bin").mkdir()
    for name, body in FAKES.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\nset -e\nW={tmp_path}\n{body}\n")
        path.chmod(0o755)
    (tmp_path / "mode").write_text("good")
    (tmp_path / "calls").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    environment = testkernel._ENVIRONMENT | {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    monkeypatch.setattr(testkernel, "_ENVIRONMENT", environment)
    return tmp_path / "cache/cxxrt/testkernels"


def build(recipe: Recipe = RECIPE) -> Path:
    return testkernel.build(recipe, lambda phase, done, steps: None)


def calls(cache: Path) -> list[str]:
    """What the fakes have noted."""
    return (cache.parents[2] / "calls").read_text().split()


def mode(cache: Path, text: str) -> None:
    """What the fakes are to do."""
    (cache.parents[2] / "mode").write_text(text)


def wait_for(what: Callable[[], object]) -> None:
    """Waits until something is so, for 20 s at most."""
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


# --- names and keys ----------------------------------------------------------------------------------------------


def test_the_release_tells_version_and_flavour_and_is_not_a_stock_one() -> None:
    assert re.fullmatch(r"6\.12\.117-cxxtest-[0-9a-f]{8}", RECIPE.release)
    kcsan = replace(RECIPE, flavour="kcsan", series="6.1", source_version="6.1.192-2")
    assert re.fullmatch(r"6\.1\.192-cxxtest-kcsan-[0-9a-f]{8}", kcsan.release)
    for recipe in (RECIPE, kcsan):
        assert kernels.is_test(recipe.release) and not kernels.is_supported(recipe.release)
        assert len(recipe.release) < 64, "uname -r cannot hold it"


@pytest.mark.parametrize(
    "change",
    [
        {"source_version": "6.12.117-2~deb12u1"},
        {"compiler": "gcc (Debian 12.2.0-15) 12.2.0"},
        {"fragments": "CONFIG_A=y\nCONFIG_B=y\n"},
    ],
)
def test_whatever_a_build_depends_on_changes_its_name(change: dict[str, str]) -> None:
    assert replace(RECIPE, **change).release != RECIPE.release
    assert replace(RECIPE).release == RECIPE.release


def test_what_qemu_starts_is_an_elf_file_or_packed(cache: Path) -> None:
    """6.1 cannot be started as an ELF file with KASAN."""
    for recipe, image in ((RECIPE, ""), (replace(RECIPE, series="6.1"), "packed\n")):
        assert (build(recipe) / "boot" / f"vmlinuz-{recipe.release}").read_text() == image
    assert RECIPE.release != replace(RECIPE, series="6.1").release


def test_the_recipe_of_this_machine_has_the_fragments() -> None:
    try:
        recipe = testkernel.recipe("6.12", "kcsan")
    except KernelError as error:
        pytest.skip(str(error))
    assert "CONFIG_KUNIT=y" in recipe.fragments and "CONFIG_KCSAN=y" in recipe.fragments
    assert "CONFIG_KASAN=y" not in recipe.fragments
    assert all(re.fullmatch(r"CONFIG_\w+=\S.*", line) for line in recipe.fragments.splitlines())
    assert recipe.release.startswith("6.12.")


def test_a_missing_source_package_is_named(cache: Path) -> None:
    query = cache.parents[2] / "bin/dpkg-query"
    query.write_text("#!/bin/sh\nexit 1\n")
    query.chmod(0o755)
    with pytest.raises(KernelError, match="linux-source-6.1 is not installed: run tools/setup"):
        testkernel.recipe("6.1")


# --- building ----------------------------------------------------------------------------------------------------


def test_a_build_can_be_booted_and_built_against_and_is_made_once(cache: Path) -> None:
    tree = build()
    assert tree == cache / RECIPE.release
    assert calls(cache) == ["unpacked", "compiled"]
    assert build() == tree
    assert calls(cache) == ["unpacked", "compiled"]
    kernel = find(RECIPE.release)
    assert kernel.release == RECIPE.release and kernel.vmlinuz.is_file()
    assert kernel.modules == tree / "lib/modules" / RECIPE.release
    assert (kernel.modules / "build").resolve() == RECIPE.kdir
    assert (RECIPE.kdir / "Module.symvers").is_file() and (RECIPE.kdir / "include/config/kernel.release").is_file()


def test_what_only_the_build_needed_is_removed(cache: Path) -> None:
    tree = build()
    assert (tree / "source/include/a.h").exists() and (tree / "build/tools/objtool/objtool").exists()
    assert (tree / "build/scripts/fixdep").exists()
    gone = ["source/drivers", "source/scripts/mod/x.o", "build/vmlinux", "build/kernel", "build/scripts/fixdep.o"]
    assert [name for name in gone if (tree / name).exists()] == []


def test_test_kernels_are_in_no_list_of_installed_ones(cache: Path) -> None:
    before = installed_releases()
    build()
    assert installed_releases() == before
    assert RECIPE.release not in before


def test_a_kernel_that_is_not_built_is_an_error_that_says_what_to_do(cache: Path) -> None:
    with pytest.raises(KernelError, match="is not built: run tools/testkernel"):
        find(RECIPE.release)


def test_progress_counts_steps_of_the_compilation(cache: Path) -> None:
    seen = []
    testkernel.build(RECIPE, lambda *what: seen.append(what))
    phases = list(dict.fromkeys(phase for phase, _, _ in seen))
    assert phases == ["unpacking", "configuring", "compiling", "installing"]
    assert max(done for phase, done, _ in seen if phase == "compiling") == 1
    assert {steps for phase, _, steps in seen if phase == "compiling"} == {testkernel._STEPS["6.12"]}


def test_an_option_that_does_not_stick_is_named(cache: Path) -> None:
    mode(cache, "drop")
    with pytest.raises(KernelError) as caught:
        build()
    assert "CONFIG_B=m" in str(caught.value) and "CONFIG_A" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert calls(cache) == ["unpacked"]


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ("CONFIG_A=y\nCONFIG_B=m\n", []),
        ("CONFIG_A=y\nCONFIG_B=y\n", ["CONFIG_B=m"]),
        ("# CONFIG_A is not set\nCONFIG_BB=m\n", ["CONFIG_A=y", "CONFIG_B=m"]),
    ],
)
def test_unmet_options(config: str, missing: list[str]) -> None:
    assert testkernel.unmet(RECIPE.fragments, config) == missing


def test_a_failed_compilation_shows_the_first_error_and_leaves_the_log(cache: Path) -> None:
    mode(cache, "fail")
    with pytest.raises(KernelError, match=r"failed when compiling: init/main.c:7:3: error: expected ';' \(see ") as caught:
        build()
    log = Path(str(caught.value).rpartition("see ")[2].rstrip(")"))
    assert "CC      init/main.o" in log.read_text()
    assert not RECIPE.tree.exists()
    mode(cache, "good")
    assert build().is_dir()


def test_a_source_package_of_another_version_is_noticed(cache: Path) -> None:
    other = replace(RECIPE, source_version="6.12.118-1")
    with pytest.raises(KernelError, match="makes 6.12.117-cxxtest.*, not 6.12.118-cxxtest.*: reinstall"):
        build(other)
    assert not other.tree.exists()


# --- interrupted, and side by side -------------------------------------------------------------------------------

# tools/testkernel, whose machine has our fakes and a package of our choice.
CHILD = """
import importlib.machinery, importlib.util, sys
loader = importlib.machinery.SourceFileLoader("program", sys.argv[1])
program = importlib.util.module_from_spec(importlib.util.spec_from_loader("program", loader))
loader.exec_module(program)
recipe = program.testkernel.Recipe(*sys.argv[3:])
program.testkernel._ENVIRONMENT = {"PATH": sys.argv[2]}
program.testkernel.recipe = lambda *_: recipe
sys.argv[1:] = []
sys.exit(program.main())
"""


@pytest.fixture
def start(cache: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """A function that starts another process that builds the same kernel."""
    started = []

    def start() -> subprocess.Popen[str]:
        path = testkernel._ENVIRONMENT["PATH"]
        words = [RECIPE.series, RECIPE.flavour, RECIPE.source_version, RECIPE.compiler, RECIPE.fragments]
        log = open(cache.parents[2] / f"child{len(started)}", "w")
        child = subprocess.Popen(
            [sys.executable, "-B", "-c", CHILD, str(TOP / "tools/testkernel"), path, *words], stdout=log, stderr=log, text=True
        )
        log.close()
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()


def fake_make(cache: Path) -> int:
    """The process of the make that hangs, once there is one."""
    path = cache.parents[2] / "pid"
    wait_for(lambda: path.exists() and path.read_text().strip())
    pid = int(path.read_text())
    path.unlink()
    return pid


def runs(pid: int) -> bool:
    """Says whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing(
    cache: Path, start: Callable[[], subprocess.Popen[str]], number: signal.Signals
) -> None:
    mode(cache, "hang")
    child = start()
    make = fake_make(cache)
    child.send_signal(number)
    assert child.wait(20) == 128 + number
    wait_for(lambda: not runs(make))
    assert not RECIPE.tree.exists()
    with pytest.raises(KernelError, match="not built"):
        find(RECIPE.release)


def test_what_a_killed_build_left_is_not_taken_for_a_kernel(
    cache: Path, start: Callable[[], subprocess.Popen[str]]
) -> None:
    mode(cache, "hang")
    child = start()
    make = fake_make(cache)
    child.kill()
    child.wait()
    assert RECIPE.tree.exists()
    with pytest.raises(KernelError, match="not built"):
        find(RECIPE.release)
    # Its make lives on, and holds the lock until it ends.
    mode(cache, "good")
    (RECIPE.tree / "half-made").touch()
    second = start()
    wait_for(lambda: "waiting for another build" in (cache.parents[2] / "child1").read_text())
    os.killpg(make_group(make), signal.SIGKILL)
    assert second.wait(30) == 0
    assert not (RECIPE.tree / "half-made").exists()
    assert find(RECIPE.release)


def make_group(pid: int) -> int:
    """The process group of the make; never ours."""
    group = os.getpgid(pid)
    assert group != os.getpgid(0)
    return group


def test_two_callers_make_one_build(cache: Path, start: Callable[[], subprocess.Popen[str]]) -> None:
    mode(cache, "slow")
    first, second = start(), start()
    assert (first.wait(30), second.wait(30)) == (0, 0)
    assert calls(cache) == ["unpacked", "compiled"]
    texts = [(cache.parents[2] / f"child{i}").read_text() for i in range(2)]
    assert sorted("waiting for another build" in text for text in texts) == [False, True]


def test_a_build_without_a_kernel_in_it_is_refused(cache: Path) -> None:
    shutil.rmtree(build() / "boot")
    with pytest.raises(KernelError, match="not built"):
        find(RECIPE.release)


def test_builds_out_of_use_go_when_another_is_made(cache: Path) -> None:
    others = [replace(RECIPE, compiler=text) for text in ("old", "used")]
    kept = replace(RECIPE, flavour="kcsan")
    for recipe in (*others, kept):
        build(recipe)
        os.utime(recipe.tree / kernels.FINISHED, (1e9, 1e9))
    find(others[1].release)
    build()
    assert [recipe.tree.exists() for recipe in (*others, kept, RECIPE)] == [False, True, True, True]


# --- the program -------------------------------------------------------------------------------------------------


def test_the_program_names_the_release_and_says_if_it_is_not_built(cache: Path) -> None:
    release = program("release")
    if release.returncode:
        pytest.skip(release.stderr.strip())
    assert kernels.is_test(release.stdout.strip())
    kdir = program("kdir")
    assert (kdir.returncode, kdir.stdout) == (1, "")
    assert kdir.stderr == f"testkernel: {release.stdout.strip()} is not built: run tools/testkernel\n"


def test_bad_arguments_are_refused() -> None:
    assert program("--series", "6.6").returncode == 2
    assert program("remove").returncode == 2


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs tools/testkernel to its end; the test's cache is in the environment."""
    return subprocess.run([str(TOP / "tools/testkernel"), *arguments], capture_output=True, text=True, timeout=60)
