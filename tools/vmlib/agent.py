# SPDX-License-Identifier: GPL-2.0
"""Runs as process 1 in the guest and obeys the host over a virtio-serial port.

Frames both ways: type (u8), command number (u32), length (u32), all little-endian, then the payload.
It imports little and sleeps unless there is work, so that boots are quick and instruction counts steady.
"""

import errno
import os
import select
import signal
import struct
import sys
from types import ModuleType

PORT = "/dev/vport0p1"
CGROUPS = "/sys/fs/cgroup"
HEADER = struct.Struct("<BII")
CHUNK = 65536

# Host to guest. START's payload is NUL-separated: cwd, number of variables, NAME=VALUE..., argv...; CALL's is the
# same, with a Python script as first word of argv.
START, KILL, SYNC, CALL = 1, 2, 3, 4
# Guest to host. EXIT's payload is the exit code as a decimal; KMSG's is raw /dev/kmsg records.
HELLO, OUT, ERR, EXIT, KMSG, SYNCED = 10, 11, 12, 13, 14, 15


class Agent:
    """Owns the port, the kernel log and every command started."""

    def __init__(self) -> None:
        self.port = os.open(PORT, os.O_RDWR | os.O_CLOEXEC)
        self.kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.wake, wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_in)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.inbox = b""
        self.commands: dict[int, int] = {}  # pid -> command number
        self.scripts: dict[bytes, ModuleType] = {}
        self.pipes: dict[int, tuple[int, int]] = {}  # file descriptor -> (frame type, command number)
        self.poll = select.poll()
        for fd in (self.port, self.kmsg, self.wake):
            self.poll.register(fd, select.POLLIN)

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Writes one frame; reboots, which ends QEMU, when the host is gone."""
        data = HEADER.pack(kind, number, len(payload)) + payload
        try:
            while data:
                data = data[os.write(self.port, data) :]
        except OSError:
            self.reboot()

    def reboot(self) -> None:
        """Ends the guest at once."""
        with open("/proc/sysrq-trigger", "w") as trigger:
            trigger.write("b")
        signal.pause()

    def serve(self) -> None:
        """Handles events until the guest ends."""
        self.drain_kmsg()
        self.send(HELLO, 0)
        while True:
            for fd, _ in self.poll.poll():
                if fd == self.kmsg:
                    self.drain_kmsg()
                elif fd == self.port:
                    self.receive()
                elif fd == self.wake:
                    os.read(self.wake, 4096)
                elif fd in self.pipes:
                    self.relay(fd)
            self.reap()

    def drain_kmsg(self) -> None:
        """Sends every kernel-log record not sent yet."""
        records = []
        size = 0
        while True:
            try:
                records.append(os.read(self.kmsg, 8192))
                size += len(records[-1])
            except OSError as error:
                if error.errno == errno.EPIPE:  # Older records were overwritten; go on with the next.
                    continue
                break
            if size > CHUNK:
                self.send(KMSG, 0, b"".join(records))
                records, size = [], 0
        if records:
            self.send(KMSG, 0, b"".join(records))

    def receive(self) -> None:
        """Reads from the host and obeys every whole frame."""
        data = os.read(self.port, CHUNK)
        if not data:
            self.reboot()
        self.inbox += data
        while len(self.inbox) >= HEADER.size:
            kind, number, length = HEADER.unpack_from(self.inbox)
            end = HEADER.size + length
            if len(self.inbox) < end:
                return
            payload, self.inbox = self.inbox[HEADER.size : end], self.inbox[end:]
            if kind in (START, CALL):
                self.start(number, payload, kind == CALL)
            elif kind == KILL:
                self.kill(number)
            elif kind == SYNC:
                self.drain_kmsg()
                self.send(SYNCED, number)

    def start(self, number: int, payload: bytes, call: bool) -> None:
        """Starts a command, or calls a script, in a session and control group of its own, so that all of it can be killed."""
        cwd, count, *rest = payload.split(b"\0")
        env = {name: value for name, _, value in (entry.partition(b"=") for entry in rest[: int(count)])}
        argv = rest[int(count) :]
        if call:
            try:
                self.script(argv[0])
            except Exception:
                pass  # It will not load in the child either, which says why.
        group = f"{CGROUPS}/command-{number}"
        os.mkdir(group)
        out, out_in = os.pipe2(os.O_CLOEXEC)
        err, err_in = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            self.become(group, cwd, env, argv, call, out_in, err_in)
        os.close(out_in)
        os.close(err_in)
        self.commands[pid] = number
        for fd, kind in ((out, OUT), (err, ERR)):
            os.set_blocking(fd, False)
            self.pipes[fd] = (kind, number)
            self.poll.register(fd, select.POLLIN)

    def script(self, path: bytes) -> ModuleType:
        """A script as a module, loaded once: in the emulator, a Python that starts afresh takes half a second."""
        if path not in self.scripts:
            module = ModuleType("script")
            module.__file__ = os.fsdecode(path)
            with open(path, "rb") as file:
                exec(compile(file.read(), module.__file__, "exec"), module.__dict__)
            self.scripts[path] = module
        return self.scripts[path]

    def call(self, argv: list[bytes]) -> int:
        """Calls main(argv) of the script: 0, or 1 if it raised something."""
        os.closerange(3, 65536)  # What is the agent's own.
        try:
            self.script(argv[0]).main([os.fsdecode(word) for word in argv])
            sys.stdout.flush()
            return 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            return 1

    def become(
        self, group: str, cwd: bytes, env: dict[bytes, bytes], argv: list[bytes], call: bool, out: int, err: int
    ) -> None:
        """Turns the forked child into the command; exit code 127 if there is no such, 126 if it cannot start."""
        code = 126
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.setsid()
            os.dup2(self.null, 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            with open(group + "/cgroup.procs", "w") as procs:
                procs.write("0")
            os.chdir(cwd)
            if call:
                os.environb.clear()
                os.environb.update(env)
                code = self.call(argv)
            else:
                os.execvpe(argv[0], argv, env)
        except OSError as error:
            code = 127 if error.errno == errno.ENOENT else 126
            os.write(2, b"vm: %s: %s\n" % (os.fsencode(error.filename or argv[0]), os.strerror(error.errno).encode()))
        finally:
            os._exit(code)

    def kill(self, number: int) -> None:
        """Kills a command with everything it started."""
        try:
            with open(f"{CGROUPS}/command-{number}/cgroup.kill", "w") as control:
                control.write("1")
        except OSError:
            pass  # It has ended already.

    def relay(self, fd: int) -> None:
        """Sends what a command printed, and closes the pipe at its end."""
        kind, number = self.pipes[fd]
        while True:
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                return
            if not data:
                break
            self.send(kind, number, data)
        self.poll.unregister(fd)
        del self.pipes[fd]
        os.close(fd)

    def reap(self) -> None:
        """Reports the commands that ended, after the last of their output and of the kernel log."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self.commands.pop(pid, None)
            if number is None:
                continue
            for fd in [fd for fd, (_, owner) in self.pipes.items() if owner == number]:
                self.relay(fd)
            self.drain_kmsg()
            code = os.waitstatus_to_exitcode(status)
            self.send(EXIT, number, str(code if code >= 0 else 128 - code).encode())
            try:
                os.rmdir(f"{CGROUPS}/command-{number}")
            except OSError:
                pass  # Something it started still runs.


if __name__ == "__main__":
    Agent().serve()
