# SPDX-License-Identifier: GPL-2.0
"""Finds the Debian kernels the project supports, and fetches their images for use in a VM.

A release is supported where its headers are installed, since modules are built against them.
The image to boot is the installed one, or the same package unpacked in a cache; nothing is installed.
Test kernels (testkernel.py) are found in the cache, and are in no list of installed releases.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_RELEASE = re.compile(r"6\.(?:1|12)\.\d+(?:-\d+)?(?:\+(?:deb12|bpo))?-amd64")
_TEST_RELEASE = re.compile(r"6\.(?:1|12)\.\d+-cxxtest(?:-[a-z]+)?-[0-9a-f]{8}")
_LOCK_SUFFIX = ".lock"
FINISHED = "finished"  # The file that says that a test kernel is all there; its time is that of the last use.
_DEADLINE_S = 900
# The ELF note (name "Xen", type 18, 4 or 8 bytes) that lets QEMU start an unpacked kernel.
_PVH_NOTE = re.compile(rb"\x04\0\0\0[\x04\x08]\0\0\0\x12\0\0\0Xen\0")


class KernelError(RuntimeError):
    """No such kernel, or it could not be fetched; the text is one line that says what to do."""


@dataclass(frozen=True)
class Kernel:
    """A bootable kernel: `modules` is its .../lib/modules/<release> folder, None if all is built in."""

    release: str
    vmlinuz: Path
    modules: Path | None


def is_supported(release: str) -> bool:
    """Says whether `release` is a Debian 6.1 or 6.12 amd64 kernel, and no cloud or rt flavour."""
    return _RELEASE.fullmatch(release) is not None


def is_test(release: str) -> bool:
    """Says whether `release` is one that tools/testkernel gives to what it builds."""
    return _TEST_RELEASE.fullmatch(release) is not None


def test_kernel_dir(release: str) -> Path:
    """Returns the folder of the test kernel `release`, built or not. Errors: KernelError."""
    return cache_dir() / "testkernels" / release


def is_finished(tree: Path) -> bool:
    """Says whether `tree` holds a whole test kernel, and notes that it is in use."""
    try:
        os.utime(tree / FINISHED)
    except OSError:
        return False
    return True


def release_key(release: str) -> tuple[int, ...]:
    """Sort key: the numbers in the release, so that 6.1.0-9 comes before 6.1.0-56."""
    return tuple(int(number) for number in re.findall(r"\d+", release))


def installed_releases(root: Path = Path("/")) -> list[str]:
    """Returns the supported releases with installed headers, oldest first."""
    builds = (root / "lib/modules").glob("*/build/Makefile")
    return sorted({b.parts[-3] for b in builds if is_supported(b.parts[-3])}, key=release_key)


def default_release() -> str:
    """Returns the newest supported release with installed headers. Errors: KernelError if none."""
    releases = installed_releases()
    if not releases:
        raise KernelError("no supported linux-headers-* (6.1 or 6.12, amd64) installed: run tools/setup")
    return releases[-1]


def cache_dir() -> Path:
    """Returns the folder for what is fetched or worked out once, creating it. Errors: KernelError."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base).absolute() / "cxxrt"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KernelError(f"cannot make the cache folder {path} ({error.strerror}): set XDG_CACHE_HOME") from None
    return path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on `path`, a file created for it; the kernel drops it if we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kernel_in(root: Path, release: str) -> Kernel | None:
    """Returns the kernel under `root` if its image and an indexed module tree are both there."""
    vmlinuz = root / "boot" / f"vmlinuz-{release}"
    modules = root / "lib/modules" / release
    if os.access(vmlinuz, os.R_OK) and (modules / "modules.dep").is_file() and (modules / "kernel").is_dir():
        return Kernel(release, vmlinuz, modules)
    return None


def find(release: str) -> Kernel:
    """Returns the kernel `release`: installed, or cached, or else fetched (network, some 100 MB).

    Errors: KernelError if the release is not supported or cannot be fetched, or is a test kernel that is not built.
    """
    if is_test(release):
        return _find_test(release)
    if not is_supported(release):
        raise KernelError(f"kernel {release} is not supported: use a Debian 6.1 or 6.12 amd64 one (tools/kernels list)")
    store = cache_dir() / "kernels"
    found = _kernel_in(Path("/"), release) or _kernel_in(store / release, release)
    if found:
        return found
    with locked(store / (release + _LOCK_SUFFIX)):
        if not _kernel_in(store / release, release):
            _fetch(release, store)
    found = _kernel_in(store / release, release)
    if not found:
        raise KernelError(f"linux-image-{release} unpacked without a kernel and modules: remove {store / release}")
    return found


def _find_test(release: str) -> Kernel:
    """Returns the test kernel `release`. Errors: KernelError if it is not built."""
    tree = test_kernel_dir(release)
    found = _kernel_in(tree, release) if is_finished(tree) else None
    if not found:
        raise KernelError(f"test kernel {release} is not built: run tools/testkernel (tools/testkernel release names it)")
    return found


def _fetch(release: str, store: Path) -> None:
    """Downloads linux-image-`release` and unpacks it as `store`/`release`, all or nothing."""
    print(f"fetching linux-image-{release}, to use it in guests; it is not installed", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix=f".{release}.", dir=store) as temp:
        deb = _download(f"linux-image-{release}", Path(temp))
        tree = Path(temp) / "tree"
        _run(["dpkg", "-x", str(deb), str(tree)])
        _run([shutil.which("depmod") or "/sbin/depmod", "-b", str(tree), release])
        if (store / release).exists():
            shutil.rmtree(store / release)
        tree.rename(store / release)


def _download(package: str, folder: Path) -> Path:
    """Fetches the .deb of `package` into `folder`, with package lists of our own if the system's fail."""
    own = cache_dir() / "apt"
    (own / "lists/partial").mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State::Lists={own / 'lists'}", "-o", f"Dir::Cache={own}", "-o", "APT::Sandbox::User="]
    try:
        _run(["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", package], folder)
    except KernelError:
        try:
            _run(["apt-get", "-q", *options, "update"], folder)
            _run(["apt-get", "-q", *options, "download", package], folder)
        except KernelError as error:
            raise KernelError(
                f"cannot fetch {package} ({error}): install it from elsewhere, or install the newest linux-headers-*"
            ) from None
    debs = list(folder.glob("*.deb"))
    if len(debs) != 1:
        raise KernelError(f"apt-get download {package} left {len(debs)} packages: try again")
    return debs[0]


def _run(argv: list[str], cwd: Path | None = None) -> None:
    """Runs `argv` quietly; KernelError carries its last error line."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_DEADLINE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KernelError(f"{argv[0]}: {error}") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise KernelError(f"{argv[0]}: {said[-1]}")


def boot_image(kernel: Kernel) -> Path:
    """Returns what to give to QEMU: the kernel unpacked in the cache, which saves a guest 1 to 3 s.

    It is the image as it came if that cannot be unpacked, or not started that way.
    """
    stat = kernel.vmlinuz.stat()
    key = hashlib.sha256(f"{kernel.vmlinuz} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:16]
    store = cache_dir() / "unpacked"
    image = store / f"{kernel.release}-{key}"
    with locked(store / (kernel.release + _LOCK_SUFFIX)):
        if image.exists():
            return image
        data = _unpack(kernel.vmlinuz.read_bytes())
        if data is None or not _PVH_NOTE.search(data):
            return kernel.vmlinuz
        for old in store.glob(f"{kernel.release}-????????????????"):
            old.unlink()
        temporary = image.with_suffix(".new")
        temporary.write_bytes(data)
        temporary.rename(image)
    return image


def _unpack(image: bytes) -> bytes | None:
    """Returns the ELF file packed in a bzImage, None if there is none to be had."""
    if image[0x202:0x206] != b"HdrS":
        return None
    start = ((image[0x1F1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    packed = image[start + offset :][: length - 4]  # The last 4 bytes are the unpacked size.
    try:
        if packed.startswith(b"\xfd7zXZ\0"):
            data = lzma.decompress(packed)
        elif packed.startswith(b"\x28\xb5\x2f\xfd"):
            data = subprocess.run(["zstd", "-dcq"], input=packed, capture_output=True, timeout=_DEADLINE_S).stdout
        else:
            return None
    except (lzma.LZMAError, OSError, subprocess.TimeoutExpired):
        return None
    return data if data.startswith(b"\x7fELF") else None


def module_file(modules: Path, name: str) -> Path | None:
    """Returns the file of module `name` in the tree `modules`, as modules.dep has it; None if built in or absent."""
    stem = name.replace("-", "_")
    for line in (modules / "modules.dep").read_text().splitlines():
        path = line.partition(":")[0]
        if os.path.basename(path).split(".ko")[0].replace("-", "_") == stem:
            return modules / path
    return None


def stock_module(release: str, name: str) -> Path:
    """Returns the path of Debian's own module `name` (.ko or .ko.xz) for `release`. Errors: KernelError."""
    modules = find(release).modules
    path = module_file(modules, name) if modules else None
    if path is None:
        raise KernelError(f"kernel {release} has no module {name}")
    return path


def load_order(modules: Path | None, names: list[str]) -> list[Path]:
    """Returns the files to insmod, in order, so that all `names` are loaded; built-in ones are left out.

    Errors: KernelError if a name is neither a module nor built in.
    """
    if modules is None:
        return []
    builtin = {
        os.path.basename(line).split(".ko")[0].replace("-", "_")
        for line in (modules / "modules.builtin").read_text().splitlines()
    }
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, deps = line.partition(":")
        needs[path] = deps.split()
    by_name = {os.path.basename(path).split(".ko")[0].replace("-", "_"): path for path in needs}
    order: list[str] = []
    for name in names:
        if name in by_name:
            # modules.dep lists what must be loaded first last.
            order += [*reversed(needs[by_name[name]]), by_name[name]]
        elif name not in builtin:
            raise KernelError(f"the kernel with modules in {modules} lacks {name}, which the VM needs")
    return [modules / path for path in dict.fromkeys(order)]
