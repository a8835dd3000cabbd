# SPDX-License-Identifier: GPL-2.0
"""Boots a stock kernel in QEMU on the host's own userland and runs commands in it.

    with Vm(release="6.1.0-56-amd64", rw=["results"]) as vm:
        vm.run(["modprobe", "null_blk", "nr_devices=1"], check=True)
        print(vm.run("fio --version").out, vm.splats())
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shlex
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import accel as accelerators
from . import agent, guest, kernels
from .klog import KernelLog
from .splat import find_splats

TIMED_OUT = 124
PROJECT = Path(__file__).resolve().parents[2]

_BOOT_TIMEOUT_S = 180
_BOOTS = 3  # Attempts, where the emulator trips over a kernel that changes its own code.
_GRACE_S = 30  # For the guest to obey the agent protocol, and for QEMU to end.
_NMI_WAIT_S = 5  # For a guest that hangs to panic, when it is told to.
_TAIL_LINES = 60
_OUTPUT_LIMIT = 256 << 20  # Bytes of output kept for one command.
_CONSOLE_LIMIT = 1 << 20  # Bytes of console kept.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}

Stream = Callable[[int, bytes], None]


class VmError(RuntimeError):
    """The guest did not boot, died, hangs or broke the protocol. `console` is the end of its console."""

    def __init__(self, message: str, console: str = "") -> None:
        tail = "".join(f"\n    {line}" for line in console.splitlines())
        super().__init__(message + (f"\n  end of the guest's console:{tail}" if tail else ""))
        self.message = message
        self.console = console


class CommandFailed(RuntimeError):
    """A command run with check=True ended with another code than 0; `result` has what it printed."""

    def __init__(self, command: str, result: Result) -> None:
        said = "".join(f"\n    {line}" for line in (result.out + result.err).splitlines()[-_TAIL_LINES:])
        super().__init__(f"exit code {result.rc} in the guest from: {command}{said}")
        self.result = result


@dataclass(frozen=True)
class Result:
    """What a command left: `rc` is its exit code, 128 + N if signal N ended it, 124 if its time was up."""

    rc: int
    out: str
    err: str


class Job:
    """A command running in the guest; made by Vm.start()."""

    def __init__(self, vm: Vm, number: int, command: str) -> None:
        self._vm = vm
        self._number = number
        self.command = command
        self._chunks: list[tuple[int, bytes]] = []
        self._size = 0
        self._rc: int | None = None
        self._kept: dict[int, list[bytes]] = {1: [], 2: []}

    def wait(self, timeout: float = 60, stream: Stream | None = None) -> Result:
        """Waits for the end of the command; kills it after `timeout` s of the host's time (rc 124).

        `stream` is called in this thread with 1 (stdout) or 2 (stderr) and the bytes, as they come.
        Errors: VmError if the guest dies or hangs, or the command cannot be killed or prints too much.
        """
        rc = self._follow(timeout, stream)
        if rc is None:
            self.kill()
            sync = self._vm.start_sync()
            if self._follow(_GRACE_S, stream) is None:
                self._vm.explain_stuck(self.command, sync)
            rc = TIMED_OUT
        out, err = (b"".join(self._kept[fd]).decode(errors="replace") for fd in (1, 2))
        return Result(rc, out, err)

    def kill(self) -> None:
        """Kills the command and everything it started."""
        self._vm.send(agent.KILL, self._number)

    def _follow(self, timeout: float, stream: Stream | None) -> int | None:
        """Takes in output until the end (the exit code) or for `timeout` s (None)."""
        deadline = time.monotonic() + timeout
        while True:
            with self._vm.changed:
                self._vm.wait_for(
                    lambda: self._chunks or self._rc is not None or self._size > _OUTPUT_LIMIT, deadline
                )
                chunks, self._chunks = self._chunks, []
                rc = self._rc
            if self._size > _OUTPUT_LIMIT:
                self.kill()
                raise VmError(f"killed, for printing more than {_OUTPUT_LIMIT >> 20} MiB: {self.command}")
            for fd, data in chunks:
                self._kept[fd].append(data)
                if stream:
                    stream(fd, data)
            if rc is not None or time.monotonic() >= deadline:
                return rc

    def take(self, kind: int, payload: bytes) -> None:
        """Takes a frame from the agent; called with the lock held."""
        if kind == agent.EXIT:
            self._rc = int(payload)
            return
        self._size += len(payload)
        if self._size <= _OUTPUT_LIMIT:
            self._chunks.append((1 if kind == agent.OUT else 2, payload))


class Vm:
    """One guest, from boot to the end of the `with` block. Errors of every method: VmError, KernelError.

    release      kernel to boot, default the newest supported; or `kernel` for one of your own
    smp, mem     CPUs, and memory in MiB
    accel        "auto" (KVM if a probe boot works, else TCG), "kvm", "tcg", or "icount": TCG with one CPU and
                 a guest clock that counts instructions
    rw           folders of the host that commands may write to; all else of the host is read-only, and
                 what commands write elsewhere is gone with the guest
    append       more kernel parameters
    qemu_args    more QEMU arguments
    cwd          folder in which commands start, default the current one

    The guest sees the host's files as they were when first read: files changed later are sure to be seen
    only under `rw` folders. The thread that boots a guest must outlive it.
    """

    def __init__(
        self,
        release: str | None = None,
        smp: int = 2,
        mem: int = 1024,
        accel: str = "auto",
        rw: Sequence[str | os.PathLike[str]] = (),
        append: str = "",
        *,
        kernel: kernels.Kernel | None = None,
        qemu_args: Sequence[str] = (),
        cwd: str | os.PathLike[str] | None = None,
        boot_timeout: float = _BOOT_TIMEOUT_S,
    ) -> None:
        self.kernel = kernel or kernels.find(release or kernels.default_release())
        self.release = self.kernel.release
        self.smp = 1 if accel == "icount" else smp
        self.mem = mem
        self.cwd = Path(cwd or ".").resolve()
        self.changed = threading.Condition()
        self._accel = accel
        self._rw = sorted(Path(path).resolve(strict=True) for path in rw)
        if any(not path.is_dir() or path == Path("/") for path in self._rw):
            raise ValueError(f"rw takes folders other than /, not {' '.join(map(str, self._rw))}")
        self._append = append
        self._qemu_args = list(qemu_args)
        self._boot_timeout = boot_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._port: socket.socket | None = None
        self._monitor: socket.socket | None = None
        self._pump: threading.Thread | None = None
        self._sending = threading.Lock()
        self._next_number = 1
        self._reset()

    def _reset(self) -> None:
        self.accel_used = ""
        self.accel_note = ""
        self._console = bytearray()
        self._qemu_said = bytearray()
        self._inbox = bytearray()
        self._jobs: dict[int, Job] = {}
        self._synced = 0
        self._booted = False
        self._ended = False
        self._hangs = False
        self._protocol_error = ""
        self._log = KernelLog()

    # Life of the guest

    def __enter__(self) -> Vm:
        self.boot()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Says whether the guest has booted, has not ended, and no command of it is known to hang."""
        return self._booted and not self._ended and not self._hangs

    @property
    def pid(self) -> int:
        """QEMU's process. Errors: VmError if there is none."""
        if self._process is None:
            raise VmError("there is no guest")
        return self._process.pid

    def boot(self) -> None:
        """Boots the guest, or boots it anew if it ended."""
        for attempt in range(_BOOTS):
            try:
                return self._boot()
            except VmError:
                # The emulator has not noticed that the kernel put back an instruction it had replaced for a moment while
                # it changed its own code. Not a bug of what is tested: no module is loaded yet.
                if attempt + 1 == _BOOTS or not re.search(rb"Oops: int3|int3: 0000", self._console):
                    raise

    def _boot(self) -> None:
        self.close()
        self._reset()
        qemu = shutil.which("qemu-system-x86_64")
        if qemu is None:
            raise kernels.KernelError("qemu-system-x86_64 is missing: run tools/setup")
        choice = accelerators.choose(self._accel, self.kernel)
        self.accel_used, self.accel_note = choice.name, choice.note
        try:
            self._launch(qemu)
            with self.changed:
                self.wait_for(lambda: self._booted, time.monotonic() + self._boot_timeout)
                if not self._booted:
                    raise self._hung(f"kernel {self.release} did not boot in {self._boot_timeout:g} s")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the guest; does nothing if there is none."""
        process, self._process = self._process, None
        try:
            if process:
                # SIGTERM lets QEMU, and plugins of it, finish.
                process.terminate()
                process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if process:
                process.kill()
                process.wait()
            if self._pump:
                self._pump.join()
            self._ended = True
            for stream in (process and process.stdout, process and process.stderr, self._port, self._monitor):
                if stream:
                    stream.close()
            self._pump = self._port = self._monitor = None

    def _launch(self, qemu: str) -> None:
        """Starts QEMU, and the thread that takes in what it says."""
        layout = guest.Layout(self.kernel, [PROJECT, self.cwd], self._rw)
        self._port, port = socket.socketpair()
        self._monitor, monitor = socket.socketpair()
        initrd = os.memfd_create("initrd", 0)
        fds = [initrd, port.fileno(), monitor.fileno()]
        try:
            with os.fdopen(os.dup(initrd), "wb") as out:
                out.write(guest.initramfs(layout))
            self._process = subprocess.Popen(
                # The guest must not outlive us, however we end.
                ["setpriv", "--pdeathsig", "KILL", qemu, *self._qemu_options(*fds)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=fds,
                start_new_session=True,
            )
        finally:
            os.close(initrd)
            port.close()
            monitor.close()
        self._pump = threading.Thread(target=self._pump_all, name="vm-pump", daemon=True)
        self._pump.start()

    def _qemu_options(self, initrd: int, port: int, monitor: int) -> list[str]:
        """Returns QEMU's options; the arguments are file descriptors it inherits."""
        # A panic ends QEMU at once, by the reboot that -no-reboot turns into an exit; an oops is a panic.
        append = "console=ttyS0 quiet loglevel=5 panic=-1 oops=panic unknown_nmi_panic nokaslr"
        append += f" {accelerators.KERNEL_PARAMETERS[self.accel_used]} {self._append}"
        image = kernels.boot_image(self.kernel)
        options = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "pc,usb=off"]
        options += [*accelerators.QEMU_ARGUMENTS[self.accel_used], "-smp", str(self.smp), "-m", str(self.mem)]
        options += ["-kernel", str(image), "-initrd", f"/dev/fd/{initrd}", "-append", append]
        options += ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        options += ["-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=readline"]
        options += ["-chardev", f"socket,id=agent,fd={port}", "-device", "virtio-serial-pci"]
        options += ["-device", "virtserialport,chardev=agent,nr=1"]
        options += _share("root", Path("/"), "on")
        for index, path in enumerate(self._rw):
            options += _share(f"rw{index}", path, "off")
        return options + self._qemu_args

    # What comes from the guest

    def _pump_all(self) -> None:
        """Takes in console, errors and frames until QEMU closes them all."""
        assert self._process and self._process.stdout and self._process.stderr and self._port and self._monitor
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._process.stdout, selectors.EVENT_READ, self._take_console)
                selector.register(self._process.stderr, selectors.EVENT_READ, self._qemu_said.extend)
                selector.register(self._port, selectors.EVENT_READ, self._take_frames)
                selector.register(self._monitor, selectors.EVENT_READ, lambda _: None)
                while selector.get_map():
                    for key, _ in selector.select():
                        try:
                            data = os.read(key.fd, 1 << 20)
                        except ConnectionResetError:
                            data = b""
                        if data:
                            key.data(data)
                        else:
                            selector.unregister(key.fileobj)
        except (ValueError, struct.error) as error:
            self._protocol_error = f"the guest's agent sent nonsense: {error}"
        finally:
            with self.changed:
                self._ended = True
                self.changed.notify_all()

    def _take_console(self, data: bytes) -> None:
        with self.changed:
            self._console += data
            del self._console[:-_CONSOLE_LIMIT]

    def _take_frames(self, data: bytes) -> None:
        with self.changed:
            self._inbox += data
            while len(self._inbox) >= agent.HEADER.size:
                kind, number, length = agent.HEADER.unpack_from(self._inbox)
                end = agent.HEADER.size + length
                if len(self._inbox) < end:
                    break
                payload = bytes(self._inbox[agent.HEADER.size : end])
                del self._inbox[:end]
                self._take_frame(kind, number, payload)
            self.changed.notify_all()

    def _take_frame(self, kind: int, number: int, payload: bytes) -> None:
        if kind == agent.HELLO:
            self._booted = True
        elif kind == agent.KMSG:
            self._log.add_records(payload)
        elif kind == agent.SYNCED:
            self._synced = max(self._synced, number)
        elif number in self._jobs:
            self._jobs[number].take(kind, payload)
            if kind == agent.EXIT:
                del self._jobs[number]

    def wait_for(self, predicate: Callable[[], object], deadline: float) -> None:
        """Waits, with the lock held, until `predicate` is true or `deadline` (time.monotonic()) has come.

        Errors: VmError if the guest ends first.
        """
        self.changed.wait_for(lambda: predicate() or self._ended, max(0.0, deadline - time.monotonic()))
        if self._ended and not predicate():
            raise self._error(self._epitaph())

    def _epitaph(self) -> str:
        """Says in one line how the guest ended."""
        who = f"({self.accel_used}, kernel {self.release})"
        panics = [line.strip() for line in self._console_lines() if "Kernel panic" in line]
        said = self._qemu_said.decode(errors="replace").strip().splitlines()
        why = self._protocol_error or " ".join(panics[-1:] or said[-1:])
        return f"the guest {'died' if panics else 'ended'} {who}" + (f": {why}" if why else "")

    def _hung(self, message: str) -> VmError:
        """Returns the error for a guest that hangs, after a non-maskable interrupt that makes it show where."""
        self._hangs = True
        assert self._monitor
        with contextlib.suppress(OSError, VmError):
            self._monitor.sendall(b"nmi\n")
            with self.changed:
                self.wait_for(lambda: False, time.monotonic() + _NMI_WAIT_S)
        return self._error(message)

    def _error(self, message: str) -> VmError:
        return VmError(message, self.console_tail())

    def _console_lines(self) -> list[str]:
        return self._console.decode(errors="replace").replace("\r", "").splitlines()

    def console_tail(self) -> str:
        """Returns the last lines of the guest's console."""
        return "\n".join(self._console_lines()[-_TAIL_LINES:])

    # What goes to the guest

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Sends a frame to the agent."""
        if self._process is None or self._port is None:
            raise VmError("no guest runs: boot one first")
        try:
            with self._sending:
                self._port.sendall(agent.HEADER.pack(kind, number, len(payload)) + payload)
        except OSError:
            with self.changed:
                self.wait_for(lambda: False, time.monotonic() + _GRACE_S)

    def start(
        self,
        command: str | Sequence[str | os.PathLike[str]],
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Job:
        """Starts a command (a list, or a line for /bin/sh) and returns at once. `env` adds to the environment."""
        return self._start(agent.START, ["/bin/sh", "-c", command] if isinstance(command, str) else command, env, cwd, command)

    def _start(
        self,
        kind: int,
        command: Sequence[str | os.PathLike[str]],
        env: Mapping[str, str] | None,
        cwd: str | os.PathLike[str] | None,
        shown: str | Sequence[str | os.PathLike[str]],
    ) -> Job:
        """Has the agent start a command, or call a script."""
        argv = [os.fspath(word) for word in command]
        variables = [f"{name}={value}" for name, value in {**_ENVIRONMENT, **(env or {})}.items()]
        fields = [os.fspath(cwd or self.cwd), str(len(variables)), *variables, *argv]
        if not argv or any("\0" in item for item in fields):
            raise ValueError(f"a command needs words without NUL bytes: {argv!r}")
        with self.changed:
            number, self._next_number = self._next_number, self._next_number + 1
            job = self._jobs[number] = Job(self, number, shown if isinstance(shown, str) else shlex.join(argv))
        self.send(kind, number, b"\0".join(os.fsencode(item) for item in fields))
        return job

    def run(
        self,
        command: str | Sequence[str | os.PathLike[str]],
        timeout: float = 60,
        stream: Stream | None = None,
        check: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Result:
        """Runs a command to its end, as Job.wait() does. Errors: CommandFailed if `check` and not exit code 0."""
        job = self.start(command, env, cwd)
        result = job.wait(timeout, stream)
        if check and result.rc != 0:
            raise CommandFailed(job.command, result)
        return result

    def call(self, script: str | os.PathLike[str], *args: str, timeout: float = 60, cwd: str | os.PathLike[str] | None = None) -> Result:
        """Calls main() of a Python script with [script, *args], in a process of its own, and waits as run() does.

        The guest loads the script, and what that imports, at the first call in a boot. Exit code 1: main() raised something.
        """
        return self.start_call(script, *args, cwd=cwd).wait(timeout)

    def start_call(self, script: str | os.PathLike[str], *args: str, cwd: str | os.PathLike[str] | None = None) -> Job:
        """As call(), but returns at once."""
        command = [os.fspath(script), *args]
        return self._start(agent.CALL, command, None, cwd, command)

    def explain_stuck(self, command: str, sync: int) -> None:
        """Raises a VmError that says why a command did not obey SIGKILL; `sync` was sent after that."""
        with self.changed:
            hangs = self._synced < sync
        if hangs:
            raise self._hung(f"the guest hangs ({self.accel_used}, kernel {self.release}), running: {command}")
        known = len(self.dmesg_lines(whole=True))
        self.run("echo w >/proc/sysrq-trigger")
        stacks = self.dmesg_lines(whole=True)[known:]
        self._hangs = True
        raise VmError(f"cannot be killed, stuck in the kernel: {command}", "\n".join(stacks))

    # Kernel log

    def start_sync(self) -> int:
        """Asks the agent for the kernel log so far; _synced becomes the number returned, or more, when it is here."""
        with self.changed:
            number, self._next_number = self._next_number, self._next_number + 1
        self.send(agent.SYNC, number)
        return number

    def _sync(self) -> None:
        """Waits until the kernel log so far is here; what a dead guest could not send comes from its console."""
        if self.alive:
            with contextlib.suppress(VmError):
                number = self.start_sync()
                with self.changed:
                    self.wait_for(lambda: self._synced >= number, time.monotonic() + _GRACE_S)
                    if self._synced < number:
                        self._hung("")
        if not self.alive:
            with self.changed:
                self._log.add_console(self._console_lines())

    def dmesg_lines(self, whole: bool = False) -> list[str]:
        """Returns the kernel log's lines since dmesg_mark(), or since boot; of a dead guest, what is known."""
        self._sync()
        with self.changed:
            return self._log.lines(whole)

    def dmesg(self, whole: bool = False) -> str:
        """Returns the kernel log since dmesg_mark(), or since boot, as text."""
        return "\n".join(self.dmesg_lines(whole))

    def dmesg_mark(self) -> None:
        """Makes dmesg() and splats() begin here."""
        self._sync()
        with self.changed:
            self._log.mark()

    def splats(self) -> list[str]:
        """Returns the kernel-log lines since dmesg_mark() that report a kernel bug."""
        return find_splats(self.dmesg_lines())

    def take_splats(self) -> list[str]:
        """Returns them and makes the next call begin after them, so that none is seen twice or missed."""
        self._sync()
        with self.changed:
            lines = self._log.lines(False)
            self._log.mark()
        return find_splats(lines)


def _share(tag: str, path: Path, readonly: str) -> list[str]:
    """Returns QEMU's arguments to share `path` as `tag`."""
    quoted = str(path).replace(",", ",,")
    return [
        "-fsdev",
        f"local,id={tag},path={quoted},security_model=none,readonly={readonly},multidevs=remap",
        "-device",
        f"virtio-9p-pci,fsdev={tag},mount_tag={tag}",
    ]
