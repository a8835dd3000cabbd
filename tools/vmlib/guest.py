# SPDX-License-Identifier: GPL-2.0
"""Makes the initial RAM file system of a guest: busybox, a few modules, the agent and an init script."""

from __future__ import annotations

import lzma
import shlex
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path

from . import kernels

# What the guest needs to reach the host (its file system, a writable layer on it, the agent's port), and
# configfs, which user space usually mounts early.
_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_console", "configfs"]
_9P = "trans=virtio,version=9p2000.L,msize=512000"
_AGENT = "/run/vm-agent.py"
# Where DMA-API errors are checked for: makes the kernel report all of them, not only the first.
_DMA_ERRORS = "/new/sys/kernel/debug/dma-api/all_errors"
# Fresh in every guest, so the host's files under them are hidden unless bound through.
_FRESH = [Path("/tmp"), Path("/run"), Path("/dev"), Path("/proc"), Path("/sys")]


@dataclass(frozen=True)
class Layout:
    """What of the host a guest sees besides the read-only root.

    `visible` folders stay visible even under /tmp and the like; `writable` ones are the host's own, read-write.
    """

    kernel: kernels.Kernel
    visible: list[Path] = field(default_factory=list)
    writable: list[Path] = field(default_factory=list)


def initramfs(layout: Layout) -> bytes:
    """Returns the cpio archive to boot `layout` with. Errors: KernelError if busybox or a module is missing."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise kernels.KernelError("busybox is missing: run tools/setup")
    files = kernels.load_order(layout.kernel.modules, _MODULES)
    modules = {f"/modules/{path.name.split('.ko')[0]}.ko": _module_bytes(path) for path in files}
    archive = _Cpio()
    for folder in ("/bin", "/dev", "/proc", "/modules", "/host", "/layer", "/under", "/new"):
        archive.add(folder, stat.S_IFDIR | 0o755)
    archive.add("/dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("/bin/busybox", stat.S_IFREG | 0o755, Path(busybox).read_bytes())
    for name, data in modules.items():
        archive.add(name, stat.S_IFREG | 0o644, data)
    archive.add("/agent.py", stat.S_IFREG | 0o644, (Path(__file__).parent / "agent.py").read_bytes())
    archive.add("/init", stat.S_IFREG | 0o755, _init(layout, list(modules)).encode())
    return archive.finish()


def _module_bytes(path: Path) -> bytes:
    """Reads a module, unpacked."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _init(layout: Layout, modules: list[str]) -> str:
    """Returns the script that sets up the guest's mounts and becomes the agent."""
    steps = [
        "mount -t devtmpfs dev /dev",
        "mount -t proc proc /proc",
        *(f"insmod {shlex.quote(module)}" for module in modules),
        f"mount -t 9p -o ro,cache=loose,{_9P} root /host",
        "mount -t tmpfs -o size=75% layer /layer",
        "mkdir /layer/upper /layer/work",
        "mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /new",
        "mount --bind /new /under",
        "mount -t proc proc /new/proc",
        "mount -t sysfs sys /new/sys",
        "mount -t devtmpfs dev /new/dev",
        "mkdir -p /new/dev/pts /new/dev/shm",
        "mount -t devpts pts /new/dev/pts",
        "mount -t tmpfs -o mode=1777 shm /new/dev/shm",
        "mount -t tmpfs -o mode=755 run /new/run",
        "mkdir /new/run/lock",
        "mount -t tmpfs -o mode=1777,size=75% tmp /new/tmp",
        "mount -t cgroup2 cgroup /new/sys/fs/cgroup",
        "mount -t debugfs debug /new/sys/kernel/debug",
        f"sh -c '! test -e {_DMA_ERRORS} || echo 1 >{_DMA_ERRORS}'",
        "mount -t configfs config /new/sys/kernel/config",
        "ifconfig lo up",
    ]
    for path in _to_bind(layout):
        quoted = shlex.quote(str(path))
        steps += [f"mkdir -p /new{quoted}", f"mount --bind /under{quoted} /new{quoted}"]
    if layout.kernel.modules:
        target = f"/new/lib/modules/{layout.kernel.release}"
        steps += [
            f"mkdir -p {shlex.quote(target)}",
            f"mount --bind /under{shlex.quote(str(layout.kernel.modules))} {shlex.quote(target)}",
        ]
    for index, path in enumerate(layout.writable):
        target = shlex.quote(f"/new{path}")
        steps += [f"mkdir -p {target}", f"mount -t 9p -o cache=none,{_9P} rw{index} {target}"]
    steps += [f"cp /agent.py /new{_AGENT}", "umount /proc", "umount /dev"]
    lines = [f"/bin/busybox {step} || fail {shlex.quote(step)}" for step in steps]
    return "\n".join(
        [
            "#!/bin/busybox sh",
            'fail() { echo "vm: init failed: $1"; echo b >/proc/sysrq-trigger; }',
            *lines,
            f"exec /bin/busybox switch_root -c /dev/console /new /usr/bin/python3 -I -S -B {_AGENT}",
            "",
        ]
    )


def _to_bind(layout: Layout) -> list[Path]:
    """Returns the visible folders that the fresh mounts would hide, outermost first."""
    hidden = {path for path in layout.visible if any(fresh in path.parents for fresh in _FRESH)}
    return sorted(hidden, key=lambda path: (len(path.parts), path))


class _Cpio:
    """Builds a cpio archive in the kernel's "newc" format, which needs no privilege to hold device nodes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def add(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        """Adds one file, folder or device; `name` is absolute."""
        self._count += 1
        encoded = name.lstrip("/").encode() + b"\0"
        fields = [self._count, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        header = b"070701" + b"".join(b"%08x" % value for value in fields)
        self._parts += [_pad(header + encoded), _pad(data)]

    def finish(self) -> bytes:
        """Returns the whole archive."""
        self.add("TRAILER!!!", 0)
        return b"".join(self._parts)


def _pad(data: bytes) -> bytes:
    """Pads to the 4 bytes that newc aligns to."""
    return data + b"\0" * (-len(data) % 4)
