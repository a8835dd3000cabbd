# SPDX-License-Identifier: GPL-2.0
"""Drives e1000_cpp in a guest whose network cards are on one wire, for its test suites.

    vm = guest_fixture(["e1000", "e1000"])

gives a guest with two cards; each is moved into a network namespace of its own, n0 and n1, or what they send to each
other would never reach them.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vmlib import PROJECT, Vm

NAME = "e1000_cpp"
_FIRST_SLOT = 0x0C  # nvme.py's are those from 0x10 on
_STAMP = re.compile(r"^\[[\s\d.]+\] ")


_SERVER = """import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 5000), family=family) as listener, open("/run/got", "wb") as file:
    peer = listener.accept()[0]
    while data := peer.recv(65536):
        file.write(data)
"""
_CLIENT = """import socket, sys, time
for _ in range(100):
    try:
        peer = socket.create_connection((sys.argv[1], 5000))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
with peer, open("/run/sent", "rb") as file:
    peer.sendfile(file)
"""


# ping asks for time stamps, which the kernel changes its own code for, where frames come in. QEMU's emulator may trip over that, so
# somebody asks for them all the time.
_STAMPS = "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, 29, 1); time.sleep(1e6)"


def mac(number: int) -> str:
    """The address of a card."""
    return f"52:54:00:00:00:{number + 1:02x}"


def qemu_arguments(cards: list[str], wires: int = 1) -> list[str]:
    """QEMU's arguments for cards of the given models on one hub, or an equal part of them on each of a few, with the same addresses."""
    arguments: list[str] = []
    count = len(cards) // wires
    for number, card in enumerate(cards):
        arguments += ["-netdev", f"hubport,id=h{number},hubid={number // count}"]
        place = "" if ",addr=" in card else f",addr={_FIRST_SLOT + number:#x}"
        arguments += ["-device", f"{card},id=c{number},netdev=h{number},mac={mac(number % count)}{place},romfile="]
    return arguments


def guest_fixture(cards: list[str], *, smp: int = 2, append: str = "", wires: int = 1, machine: tuple[str, ...] = (), mem: int = 1024, tells: bool = False) -> Any:
    """The fixture `vm` for a file of tests: a guest of the release under test that has the cards.

    `machine`: QEMU's arguments that say what cards are plugged into, where they say so. `mem`: of the guest, in MiB. `tells`: QEMU
    can be asked to note what registers are accessed, which Accesses reads.
    """

    @pytest.fixture(scope="module")
    def vm(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vm]:
        monitor = tmp_path_factory.mktemp("monitor") / "socket"
        arguments = ["-chardev", f"socket,id=outside,path={monitor},server=on,wait=off", "-mon", "chardev=outside,mode=readline"]
        trace = tmp_path_factory.mktemp("trace") / "log"
        if tells:
            # One that never comes has QEMU open the file.
            arguments += ["-D", str(trace), "-trace", "enable=e1000x_link_negotiation_start"]
        with Vm(release, smp=smp, mem=mem, cwd=PROJECT, append=append, qemu_args=[*machine, *qemu_arguments(cards, wires), *arguments]) as guest:
            guest.cards = cards  # type: ignore[attr-defined]
            guest.monitor = monitor  # type: ignore[attr-defined]
            guest.trace = trace  # type: ignore[attr-defined]
            yield guest

    return vm


def connected_fixture(parameters: str = "") -> Any:
    """The fixture `net`: e1000_cpp with all cards connected, as the last test left them, so each sets back what it changes.

    After a test that failed, everything is new.
    """

    @pytest.fixture
    def net(request: pytest.FixtureRequest, vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
        driver: Driver | None = getattr(vm, "connected", None)
        if driver is None:
            driver = Driver(vm, ko(NAME)).__enter__()
            vm.connected = driver  # type: ignore[attr-defined]
            driver.load(parameters)
            driver.connect()
        failed = request.session.testsfailed
        yield driver
        if request.session.testsfailed != failed or not vm.alive:
            disconnect(vm)

    return net


def disconnect(vm: Vm) -> None:
    """Ends what the fixture `net` has begun, if it has."""
    driver: Driver | None = getattr(vm, "connected", None)
    vm.connected = None  # type: ignore[attr-defined]
    if driver is not None:
        driver.__exit__()


def needs_c_driver(vm: Vm) -> None:
    """Skips a test that compares with it where the kernel does not have it."""
    if vm.run("modprobe -n e1000").rc != 0:
        pytest.skip("this kernel has no e1000")


@dataclass
class Driver:
    """e1000_cpp in a guest, or without a path the C driver, with all cards or some. At the end of the `with` block it is unloaded."""

    vm: Vm
    path: Path | None
    name: str = NAME
    cards: range | None = None
    slots: list[str] = field(default_factory=list)
    _seen: int = 0

    def __enter__(self) -> Driver:
        disconnect(self.vm)
        cards = self.cards or range(len(self.vm.cards))  # type: ignore[attr-defined]
        self.slots = [f"0000:00:{_FIRST_SLOT + number:02x}.0" for number in cards]
        self._seen = len(self.vm.dmesg_lines(whole=True))
        return self

    def __exit__(self, *_: object) -> None:
        if self.vm.alive:
            self.vm.run(f"ip -all netns del; rmmod {self.name}; for d in {' '.join(self.slots)}; do echo > /sys/bus/pci/devices/$d/driver_override; done", 60)

    def sh(self, command: str, timeout: float = 60, check: bool = True) -> str:
        """Runs a shell command in the guest: what it printed."""
        return self.vm.run(command, timeout, check=check).out

    def tell_qemu(self, command: str) -> None:
        """Has QEMU's monitor do something, and waits until it has."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(20)
            monitor.connect(str(self.vm.monitor))  # type: ignore[attr-defined]
            for text in ("", f"{command}\n"):
                monitor.sendall(text.encode())
                answer = b""
                while not answer.rstrip().endswith(b"(qemu)"):
                    answer += monitor.recv(4096)

    def load(self, parameters: str = "") -> None:
        """Loads the module and gives it every card, in order."""
        devices, drivers = "/sys/bus/pci/devices", f"/sys/bus/pci/drivers/{self.name}"
        steps = ["set -e", *(f"echo none > {devices}/{slot}/driver_override" for slot in self.slots)]
        steps.append(f"insmod {self.path} {parameters}" if self.path else f"modprobe {self.name} {parameters}")
        steps += [f"echo {self.name} > {devices}/{slot}/driver_override; echo {slot} > {drivers}/bind" for slot in self.slots]
        self.sh("\n".join(steps))

    def interface(self, number: int) -> str:
        """The name of a card's network device."""
        return self.sh(f"ls /sys/bus/pci/devices/{self.slots[number]}/net").strip()

    def connect(self, *, ipv6: bool = True) -> None:
        """Puts each card into its namespace, with the address 10.0.0.<number + 1>, and waits for the link."""
        if getattr(self.vm, "stamps", 0) != self.vm.pid:
            self.vm.start(["python3", "-c", _STAMPS])
            self.vm.stamps = self.vm.pid  # type: ignore[attr-defined]
        steps = ["set -e"]
        for number in range(len(self.slots)):
            space, card = f"n{number}", f"e{number}"
            steps.append(f"ip netns add {space}")
            if not ipv6:
                steps.append(f"ip netns exec {space} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
            steps.append(f"ip link set $(ls /sys/bus/pci/devices/{self.slots[number]}/net) netns {space} name {card}")
            steps.append(f"printf 'link set lo up\nlink set {card} up\naddr add 10.0.0.{number + 1}/24 dev {card}\n' | ip -n {space} -batch -")
        self.sh("\n".join(steps), 60 + 30 * len(self.slots))
        self.await_link()

    def await_link(self) -> None:
        """Waits until every card has a link, and the devices that pause after a change of what they receive have begun."""
        wait = "for i in $(seq 200); do [ \"$(cat /sys/class/net/$0/carrier)\" = 1 ] && exit; sleep 0.1; done; exit 1"
        for number in range(len(self.slots)):
            done = self.vm.run(f"ip netns exec n{number} sh -c '{wait}' e{number}", 40)
            assert done.rc == 0, "no link:\n" + "\n".join(self.log())
        time.sleep(1.2)

    def lost(self, source: int, address: str, sizes: Sequence[int] = (56,), count: int = 3) -> str:
        """Sends pings of each size, and again if one was lost: the sizes of which one was lost both times."""
        ping = f"ping -q -c {count} -i 0.02 -W 3 -p a5 -s $s {address} | grep -q ' 0% packet loss'"
        loop = f"for s in {' '.join(map(str, sizes))}; do {ping} || {ping} || echo $s; done"
        return self.vm.run(["ip", "netns", "exec", f"n{source}", "sh", "-c", loop], 120 + 5 * len(sizes), check=True).out

    def exchange(self, count: int, directions: tuple[tuple[int, int], ...] = ((0, 1), (1, 0)), prefix: str = "10.0.0.") -> None:
        """Sends `count` random bytes by TCP; what arrives is what was sent. `prefix`: of the cards' addresses."""
        self.sh(f"head -c {count} /dev/urandom > /run/sent")
        for sender, receiver in directions:
            address = f"{prefix}{receiver + 1}"
            server = self.vm.start(["ip", "netns", "exec", f"n{receiver}", "python3", "-c", _SERVER, address])
            self.vm.run(["ip", "netns", "exec", f"n{sender}", "python3", "-c", _CLIENT, address], 90, check=True)
            assert server.wait(60).rc == 0
            self.sh("cmp /run/sent /run/got")

    def log(self) -> list[str]:
        """The driver's lines since the last call, without time stamps and its name."""
        lines = self.vm.dmesg_lines(whole=True)
        fresh, self._seen = lines[self._seen :], len(lines)
        found = [_STAMP.sub("", line) for line in fresh]
        return [line.partition(": ")[2] for line in found if re.match(rf"{self.name}(:| 0000:)", line)]
