# SPDX-License-Identifier: GPL-2.0
"""Builds the test kernel, in which every bug is loud, from Debian's source package.

A build is a folder of the cache, named after the kernel's release, that can be booted and built against:
  boot/vmlinuz-RELEASE, lib/modules/RELEASE, build (KDIR), source, and FINISHED, made when all the rest is there
The release ends with a hash of all that the build depends on, so that no two different builds share a name: what is
built for one is neither taken for the other's nor loaded into it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import kernels
from .kernels import KernelError

SERIES = ("6.12", "6.1")
FLAVOURS = ("debug", "kcsan")

# QEMU can start an ELF file (PVH), which needs no packing. 6.1's code for that runs sanitized functions before there is a shadow.
_IMAGES = {"6.12": "vmlinux", "6.1": "arch/x86/boot/bzImage"}
# What kbuild is told besides the configuration: the code of PVH runs before there is per-CPU data.
_VARIABLES = {("6.12", "kcsan"): ("KCSAN_SANITIZE_enlighten.o=n",)}

# Called with the phase, the steps done and their number (an estimate; 0 if unknown), several times a second while others
# work. What it raises ends the build, with nothing left behind; no other place is as sure to know every process started.
Report = Callable[[str, int, int], None]

_FRAGMENTS = Path(__file__).resolve().parents[2] / "tests" / "kernel"
_SOURCES = Path("/usr/src")
_RECIPE = 1  # Goes into the hash: raise it when a change to this file changes what is built.
_STEPS = {"6.12": 2000, "6.1": 1900}  # Lines that kbuild prints for a whole build, about.
_STEP = re.compile(rb"^  [A-Z][A-Z0-9_]+ ")
_CAUSE = re.compile(r"(?:fatal )?error[: ]|\*\*\*|No space left|Killed", re.IGNORECASE)
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
_SHORT_S, _LONG_S = 1200, 4 * 3600  # Deadlines of a step, and of a whole build; shared machines are slow.
_UNUSED_S = 14 * 86400  # A build not used for so long goes when another is made.

# Most of the source is drivers and architectures that no configuration here has; their Kconfig files are needed.
_NOT_UNPACKED = (
    "arch/[!x]*/*.[chS]",
    "arch/[!x]*/*.dts*",
    "Documentation/*/*",
    "drivers/gpu/*.[ch]",
    "drivers/media/*.[ch]",
    "sound/*.[ch]",
)
# What building modules needs, and the parser of KUnit's output.
_KEPT_SOURCE = ("Makefile", "Kbuild", "arch/x86", "include", "scripts", "tools/testing/kunit")
_KEPT_BUILD = (
    "Makefile",
    ".config",
    "Module.symvers",
    "System.map",
    "arch/x86/include",
    "include",
    "scripts",
    "source",
    "tools/objtool/objtool",
)


@dataclass(frozen=True)
class Recipe:
    """All that a build depends on."""

    series: str
    flavour: str
    source_version: str  # of the package linux-source-<series>
    compiler: str  # the first line of gcc --version
    fragments: str  # options, one a line, no comments

    @property
    def release(self) -> str:
        """What uname -r says in it, such as 6.12.117-cxxtest-kcsan-0123abcd; known before it is built."""
        return self.source_version.partition("-")[0] + self.local_version

    @property
    def local_version(self) -> str:
        """What follows the version in the release."""
        image = () if self.image == "vmlinux" else (self.image,)
        parts = (str(_RECIPE), self.source_version, self.compiler, self.fragments, *self.variables, *image)
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
        return ("-cxxtest-" if self.flavour == "debug" else f"-cxxtest-{self.flavour}-") + key

    @property
    def image(self) -> str:
        """What of the build folder QEMU starts."""
        return _IMAGES[self.series]

    @property
    def variables(self) -> tuple[str, ...]:
        """What kbuild is told."""
        return _VARIABLES.get((self.series, self.flavour), ())

    @property
    def package(self) -> str:
        return f"linux-source-{self.series}"

    @property
    def tree(self) -> Path:
        return kernels.test_kernel_dir(self.release)

    @property
    def kdir(self) -> Path:
        """The folder to build modules against."""
        return self.tree / "build"


def recipe(series: str = SERIES[0], flavour: str = FLAVOURS[0]) -> Recipe:
    """Returns how the kernel would be built now. Errors: KernelError if the source package or gcc is missing."""
    package = f"linux-source-{series}"
    version = _answer(["dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", package]).split()
    if version[:1] != ["installed"]:
        raise KernelError(f"{package} is not installed: run tools/setup")
    compiler = _answer(["gcc", "--version"]).partition("\n")[0]
    if not compiler:
        raise KernelError("gcc is missing: run tools/setup")
    files = [path for name in ("base", series, flavour) if (path := _FRAGMENTS / f"{name}.config").exists()]
    lines = [line for path in files for line in path.read_text().splitlines()]
    options = [line for line in lines if line and not line.startswith("#")]  # What a comment says changes no kernel.
    return Recipe(series, flavour, version[1], compiler, "".join(f"{line}\n" for line in options))


def _answer(argv: list[str]) -> str:
    """Returns what a command prints; nothing if it fails or is missing."""
    try:
        done = subprocess.run(
            argv, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def unmet(wanted: str, config: str) -> list[str]:
    """Returns the lines of `wanted` that the final `config` lacks."""
    have = set(config.splitlines())
    return [line for line in wanted.splitlines() if line not in have]


def build(recipe: Recipe, report: Report) -> Path:
    """Builds the kernel, unless it is in the cache, and returns its folder; one caller at a time, others wait.

    Errors: KernelError. Whatever ends it early, what is left is not taken for a kernel, and goes.
    """
    tree = recipe.tree
    if kernels.is_finished(tree):
        return tree
    with _locked(tree, recipe.release, report) as lock:
        if not kernels.is_finished(tree):
            _drop(tree)
            try:
                tree.mkdir(parents=True)
                _Build(recipe, lock, report).run()
            except OSError as error:
                raise KernelError(f"building {recipe.release}: {error}") from None
            finally:
                if not kernels.is_finished(tree):
                    _drop(tree)
            _drop_unused(recipe)
    return tree


@contextlib.contextmanager
def _locked(tree: Path, release: str, report: Report) -> Iterator[IO[str]]:
    """Holds the lock of a build. Its processes inherit the lock, so that none that outlives us meets the next build."""
    deadline = time.monotonic() + _LONG_S
    tree.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{tree}.lock", "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report("waiting for another build of it", 0, 0)
            if time.monotonic() > deadline:
                raise KernelError(f"another build of {release} does not end: look for a make in {tree}")
            time.sleep(0.5)
        yield lock


def _drop(tree: Path) -> None:
    """Removes a build, the mark that it is one first."""
    (tree / kernels.FINISHED).unlink(missing_ok=True)
    if tree.exists():
        shutil.rmtree(tree)


def _drop_unused(recipe: Recipe) -> None:
    """Removes builds of the same kind that nobody has used for long."""
    kind = recipe.release.rpartition("-")[0]
    for mark in recipe.tree.parent.glob(f"{kind}-????????/{kernels.FINISHED}"):
        if mark.stat().st_mtime < time.time() - _UNUSED_S:
            _drop(mark.parent)
            Path(f"{mark.parent}.lock").unlink(missing_ok=True)


class _Build:
    """One build: the steps, what they print, and their deadline."""

    def __init__(self, recipe: Recipe, lock: IO[str], report: Report) -> None:
        self._recipe = recipe
        self._tree = recipe.tree
        self._source = self._tree / "source"
        self._build = recipe.kdir
        self._lock = lock
        self._report = report
        self._phase = ""
        self._log = Path(f"{self._tree}.log")
        self._deadline = time.monotonic() + _LONG_S

    def run(self) -> None:
        """Makes all of the tree."""
        self._log.write_bytes(b"")
        self._unpack()
        self._configure()
        jobs = f"-j{os.cpu_count() or 1}"
        self._make("compiling", jobs, Path(self._recipe.image).name, "modules", seconds=_LONG_S)
        self._install()
        self._phase = "tidying up"
        _prune(self._source, _KEPT_SOURCE)
        _prune(self._build, _KEPT_BUILD)
        self._log.rename(self._tree / "build.log")
        new = self._tree / "new"
        new.write_text(f"{self._recipe.package} {self._recipe.source_version}\n{self._recipe.compiler}\n")
        new.rename(self._tree / kernels.FINISHED)

    def _unpack(self) -> None:
        package = self._recipe.package
        archive = _SOURCES / f"{package}.tar.xz"
        self._source.mkdir()
        excluded = [f"--exclude={package}/{pattern}" for pattern in _NOT_UNPACKED]
        options = ["--strip-components=1", "--anchored", "--wildcards", *excluded]
        self._step("unpacking", ["tar", "-xf", str(archive), "-C", str(self._source), *options])

    def _configure(self) -> None:
        wanted = f'{self._recipe.fragments}CONFIG_LOCALVERSION="{self._recipe.local_version}"\n'
        self._build.mkdir()
        fragments = self._build / "fragments.config"
        fragments.write_text(wanted)
        self._make("configuring", f"KCONFIG_ALLCONFIG={fragments}", "allnoconfig")
        missing = unmet(wanted, (self._build / ".config").read_text())
        if missing:
            raise KernelError(f"{self._recipe.package} does not take {', '.join(missing)}: mend tests/kernel/*.config")
        self._make("configuring", "prepare")
        release = (self._build / "include/config/kernel.release").read_text().strip()
        if release != self._recipe.release:
            raise KernelError(f"{self._recipe.package} makes {release}, not {self._recipe.release}: reinstall it")

    def _install(self) -> None:
        release = self._recipe.release
        self._make("installing", "modules_install", f"INSTALL_MOD_PATH={self._tree}", "DEPMOD=/sbin/depmod")
        image = self._tree / "boot" / f"vmlinuz-{release}"
        image.parent.mkdir()
        made = self._build / self._recipe.image
        self._step("installing", ["objcopy", "-S", str(made), str(image)] if made.name == "vmlinux" else ["cp", str(made), str(image)])
        for name in ("build", "source"):
            link = self._tree / "lib/modules" / release / name
            link.unlink(missing_ok=True)
            link.symlink_to(self._tree / name)

    def _make(self, phase: str, *arguments: str, seconds: float = _SHORT_S) -> None:
        """Runs kbuild in the build folder."""
        who = ["KBUILD_BUILD_USER=cxxrt", "KBUILD_BUILD_HOST=testkernel"]
        self._step(phase, ["make", "-C", str(self._source), f"O={self._build}", *who, *self._recipe.variables, *arguments], seconds)

    def _step(self, phase: str, argv: list[str], seconds: float = _SHORT_S) -> None:
        """Runs a command to its end; it writes to the log, and counts. Errors: KernelError says what it printed."""
        self._phase = phase
        steps = _STEPS[self._recipe.series] if phase == "compiling" else 0
        deadline = min(self._deadline, time.monotonic() + seconds)
        with open(self._log, "ab") as log:
            begin = log.tell()
            process = subprocess.Popen(
                argv,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[self._lock.fileno()],
                start_new_session=True,
            )
            try:
                self._follow(process, log, steps, deadline)
            finally:
                _end(process)
        if process.returncode != 0:
            raise KernelError(f"building {self._recipe.release} failed when {phase}: {self._cause(begin)}")

    def _follow(self, process: subprocess.Popen[bytes], log: IO[bytes], steps: int, deadline: float) -> None:
        """Passes what a process prints to the log until it closes its output, and reports the progress."""
        assert process.stdout
        done, rest = 0, b""
        while True:
            self._report(self._phase, done, steps)
            if time.monotonic() > deadline:
                raise KernelError(f"building {self._recipe.release} takes too long ({self._phase}): see {self._log}")
            if not select.select([process.stdout], [], [], 0.2)[0]:
                continue
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                break
            log.write(data)
            *lines, rest = (rest + data).split(b"\n")
            done += sum(1 for line in lines if _STEP.match(line))
        process.wait(max(1.0, deadline - time.monotonic()))

    def _cause(self, begin: int) -> str:
        """Returns what failed, as the log has it from byte `begin` on, and where the log is."""
        lines = self._log.read_bytes()[begin:].decode(errors="replace").splitlines() or ["it printed nothing"]
        cause = next((line for line in lines if _CAUSE.search(line)), lines[-1])
        return f"{cause.strip()} (see {self._log})"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all of its group, and waits for it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _prune(folder: Path, kept: tuple[str, ...]) -> None:
    """Removes everything from `folder` but what is `kept` (paths in it), and objects, which nothing needs again."""
    keep = [Path(name) for name in kept]
    for path in folder.iterdir():
        inner = tuple(str(Path(*name.parts[1:])) for name in keep if name.parts[0] == path.name)
        if "." in inner:
            for stale in [*path.rglob("*.o"), *path.rglob("*.a")] if path.is_dir() and not path.is_symlink() else []:
                stale.unlink()
        elif inner:
            _prune(path, inner)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
