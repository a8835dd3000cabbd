# SPDX-License-Identifier: GPL-2.0
"""XDP programs on ports: what they have done with frames, and all that may happen meanwhile. The C driver has none of this."""

from __future__ import annotations

import ast
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e1000 import NAME, Driver, guest_fixture

from vmlib import PROJECT, Vm

# n0 and n1 are on one wire, n2 and n3 on another.
vm = guest_fixture(["e1000", "e1000-82545em", "e1000", "e1000-82544gc"], wires=2)
_GUEST = Path(__file__).with_name("e1000_xdp_guest.py")
_SOURCE = Path(__file__).with_name("e1000_programs.c")
_MOUNTED = "/run/bpf"
_PINS = f"{_MOUNTED}/e1000"
DROPPED, SENT, REDIRECTED, MOVED, TO_SOCKET, ABORTED, INVALID, SHORTENED, LENGTHENED = range(0x88B5, 0x88BE)
_LENGTHS = [60, 61, 128, 255, 256, 257, 1000, 1514]


@pytest.fixture(scope="module")
def programs(vm: Vm) -> str:
    """A file of the programs, which the guest sees."""
    folder = PROJECT / "build" / "xdp"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "e1000_programs.o"
    subprocess.run(["clang-19", "-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-c", _SOURCE, "-o", made], check=True, timeout=60)
    return str(made)


@pytest.fixture
def net(vm: Vm, ko: Callable[[str], Path], programs: str) -> Iterator[Driver]:
    """The driver with all cards connected, and the programs loaded: _PINS/first, _PINS/second, and maps."""
    with Driver(vm, ko(NAME)) as driver:
        driver.load("extra_statistics=1")
        driver.connect(ipv6=False)
        driver.sh(f"mkdir -p {_MOUNTED} && mount -t bpf none {_MOUNTED} && bpftool prog loadall {programs} {_PINS} pinmaps {_PINS}")
        yield driver
        if vm.alive:
            vm.run(f"umount {_MOUNTED}", 30)


def attach(net: Driver, number: int, program: str = "first") -> None:
    """Attaches a program to a card, as the driver has it and not as the stack has."""
    net.sh(f"ip -n n{number} link set dev e{number} xdpdrv pinned {_PINS}/{program}")


def detach(net: Driver, number: int) -> None:
    net.sh(f"ip -n n{number} link set dev e{number} xdpdrv off")
    net.await_link()


def exchange(net: Driver, source: int, target: int, kind: int, count: int = 64, lengths: list[int] | None = None, peer: int | None = None, skip: int = 0, cut: int = 0) -> dict[str, Any]:
    """Frames from one card, and what arrives at another."""
    found: dict[str, Any] = ask(net, "exchange", source, target if peer is None else peer, target, kind, count, lengths or _LENGTHS, skip, cut)
    return found


def ask(net: Driver, name: str, *arguments: object) -> Any:
    """Has the guest's script do something."""
    done = net.vm.call(_GUEST, name, repr(arguments), timeout=120)
    assert done.rc == 0, done.out + done.err[-3000:]
    return ast.literal_eval(done.out)


def statistics(net: Driver, number: int) -> dict[str, int]:
    """A card's, of programs."""
    return {name: int(value) for name, value in re.findall(r"(\w*xdp\w*): (\d+)", net.sh(f"ip netns exec n{number} ethtool -S e{number}"))}


def counted(net: Driver, which: int) -> int:
    """Frames that the first or the second program has seen."""
    return int(re.findall(r'"value":\s*(\d+)\b', net.sh(f"bpftool -j map lookup pinned {_PINS}/counts key {which} 0 0 0 | sed 's/.*\"formatted\"/\"formatted\"/'"))[-1])


@pytest.mark.slow
def test_ek85_pass_and_drop(net: Driver) -> None:
    """What passes arrives as it was sent, also if it was moved or is to be copied; what is dropped is counted, and nothing else is."""
    attach(net, 1)
    shown = net.sh("ip -n n1 -d link show e1")
    assert re.search(r"\bxdp\b", shown) and "xdpgeneric" not in shown
    net.await_link()
    before = statistics(net, 1)
    assert exchange(net, 0, 1, DROPPED, 100) == {"count": 0, "lengths": [], "wrong": "", "headers": ""}
    assert statistics(net, 1)["rx_xdp_dropped"] - before["rx_xdp_dropped"] == 100
    moved = exchange(net, 0, 1, MOVED, 64, [100, 1000, 1514], skip=20)
    assert (moved["count"], moved["lengths"], moved["wrong"]) == (64, [90, 990, 1504], ""), moved
    assert counted(net, 0) >= 164 and counted(net, 1) == 0
    net.exchange(1_000_000, directions=((0, 1),))


@pytest.mark.slow
def test_ek85_with_a_program_and_without(net: Driver) -> None:
    """Everything passes both ways while there is one, and once it is gone."""
    attach(net, 1)
    net.await_link()
    assert net.lost(0, "10.0.0.2", (0, 18, 46, 255, 256, 257, 1000, 1471, 1472)) == ""
    net.exchange(1_000_000)
    detach(net, 1)
    assert "xdp" not in net.sh("ip -n n1 link show e1")
    assert net.lost(0, "10.0.0.2", (56, 1472)) == ""
    net.exchange(1_000_000, directions=((0, 1),))
    assert exchange(net, 0, 1, DROPPED)["count"] == 64


@pytest.mark.slow
def test_ek85_verdicts_that_drop(net: Driver) -> None:
    """A program that fails, or says what there is not, has its frame dropped, and is told of by a trace event."""
    attach(net, 1)
    net.await_link()
    where = "/sys/kernel/tracing"
    net.sh(f"mount -t tracefs none {where} 2>/dev/null; echo > {where}/trace; echo 1 > {where}/events/xdp/xdp_exception/enable")
    before = statistics(net, 1)
    for kind in (ABORTED, INVALID, REDIRECTED):
        assert exchange(net, 0, 1, kind, 10)["count"] == 0
    assert statistics(net, 1)["rx_xdp_dropped"] - before["rx_xdp_dropped"] == 30
    told = net.sh(f"echo 0 > {where}/events/xdp/xdp_exception/enable; grep -c xdp_exception: {where}/trace")
    # The map has no port: that is the program's own ABORTED.
    assert int(told) == 30
    assert net.lost(0, "10.0.0.2", (56,)) == ""


@pytest.mark.slow
def test_ek85_sent_back(net: Driver) -> None:
    """Frames leave where they came in, with the addresses swapped, while others pass: as long as they were, padded, or longer."""
    attach(net, 1)
    net.await_link()
    flood = net.vm.start("ip netns exec n0 ping -f -w 60 10.0.0.2 > /dev/null")
    back = exchange(net, 0, 0, SENT, 200, peer=1)
    assert (back["count"], back["lengths"], back["wrong"]) == (200, _LENGTHS, ""), back
    assert back["headers"] == "525400000001" + "525400000002" + "88b6"
    short = exchange(net, 0, 0, SHORTENED, 50, [61, 80, 99], peer=1, cut=40)
    assert (short["count"], short["lengths"], short["wrong"]) == (50, [60], ""), short
    long = exchange(net, 0, 0, LENGTHENED, 50, [60, 500], peer=1)
    assert (long["count"], long["lengths"], long["wrong"]) == (50, [1060, 1500], ""), long
    flood.kill()
    counts = statistics(net, 1)
    assert counts["rx_xdp_sent"] == counts["tx_xdp_frames"] == 300
    detach(net, 1)
    net.exchange(1_000_000)


@pytest.mark.slow
def test_ek85_redirected(net: Driver) -> None:
    """Frames that come in at one port leave at another, as they were; a port that is down takes none."""
    attach(net, 1)
    net.await_link()
    ask(net, "direct", 1, 2, f"{_PINS}/ports")
    through = exchange(net, 0, 3, REDIRECTED, 200, peer=1)
    assert (through["count"], through["lengths"], through["wrong"]) == (200, _LENGTHS, ""), through
    assert statistics(net, 1)["rx_xdp_redirected"] == 200
    assert statistics(net, 2)["tx_xdp_frames"] == 200
    # The other port has a program, too, or frames that are longer.
    attach(net, 2)
    net.await_link()
    assert exchange(net, 0, 3, REDIRECTED, 64, peer=1)["count"] == 64
    detach(net, 2)
    # The port goes down and comes back while frames are on their way to it.
    sender = net.vm.start_call(_GUEST, "exchange", repr((0, 1, 3, REDIRECTED, 400, _LENGTHS)))
    net.sh("for i in 1 2 3; do ip -n n2 link set e2 down; sleep 0.3; ip -n n2 link set e2 up; sleep 0.3; done")
    assert sender.wait(120).rc == 0
    net.await_link()
    assert exchange(net, 0, 3, REDIRECTED, 64, peer=1)["count"] == 64
    assert net.lost(2, "10.0.0.4", (56, 1472)) == ""


@pytest.mark.slow
def test_ek85_replaced_under_traffic(net: Driver) -> None:
    """One program follows another without a frame lost: rings stay as they are."""
    attach(net, 1)
    net.await_link()
    pings = net.vm.start("ip netns exec n0 ping -q -i 0.005 -c 1000 -W 5 10.0.0.2")
    for _ in range(10):
        for program in ("second", "first"):
            net.sh(f"ip -n n1 -force link set dev e1 xdpdrv pinned {_PINS}/{program}")
    said = pings.wait(90).out
    assert " 0% packet loss" in said, said
    assert counted(net, 0) > 0 and counted(net, 1) > 0
    # All that may be changed, with a program there.
    for command in ("ethtool -G e1 rx 64", "ethtool -G e1 rx 256", "ip link set e1 down; ip link set e1 up", "ethtool -K e1 rx-fcs on rx-all on", "ethtool -K e1 rx-fcs off rx-all off", "ethtool -r e1"):
        net.sh(f"ip netns exec n1 sh -c '{command}'")
        net.await_link()
        assert net.lost(0, "10.0.0.2", (56, 1472)) == "", command
    before = counted(net, 0)
    assert net.lost(0, "10.0.0.2", (56,)) == "" and counted(net, 0) > before


@pytest.mark.slow
def test_ek85_mtu(net: Driver) -> None:
    """Programs need frames in one buffer: neither is there a program with a longer MTU, nor a longer MTU with a program."""
    net.sh("ip -n n1 link set e1 mtu 1501")
    refused = net.vm.run(f"ip -n n1 link set dev e1 xdpdrv pinned {_PINS}/first")
    assert refused.rc != 0 and "the MTU is more than 1500" in refused.err + refused.out, refused
    net.sh("ip -n n1 link set e1 mtu 1500")
    attach(net, 1)
    assert net.vm.run("ip -n n1 link set e1 mtu 1501").rc != 0
    net.sh("ip -n n1 link set e1 mtu 1400; ip -n n1 link set e1 mtu 1500")
    detach(net, 1)
    net.sh("ip -n n1 link set e1 mtu 9000; ip -n n0 link set e0 mtu 9000")
    net.await_link()
    assert net.lost(0, "10.0.0.2", (56, 8972)) == ""
    # Attached and detached while the port is down.
    net.sh(f"ip -n n1 link set e1 down mtu 1500; ip -n n1 link set dev e1 xdpdrv pinned {_PINS}/first; ip -n n1 link set e1 up; ip -n n1 link set e1 down")
    net.sh("ip -n n1 link set dev e1 xdpdrv off; ip -n n1 link set e1 up")
    net.await_link()
    assert net.lost(0, "10.0.0.2", (56, 1472)) == ""


@pytest.mark.slow
def test_ek85_copied_to_a_socket(net: Driver) -> None:
    """An AF_XDP socket has frames copied to it."""
    attach(net, 1)
    net.await_link()
    assert ask(net, "by_socket", 0, 1, TO_SOCKET, f"{_PINS}/sockets", 200, _LENGTHS) == {"taken": 200, "good": 200}
    assert net.lost(0, "10.0.0.2", (56,)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["unbound", "unloaded"])
def test_ek85_taken_away_with_a_program(net: Driver, how: str) -> None:
    """A port goes with its program, while frames pass and are sent back and on."""
    for number in range(4):
        attach(net, number)
    net.await_link()
    ask(net, "direct", 1, 2, f"{_PINS}/ports")
    flood = net.vm.start("ip netns exec n0 ping -f -w 60 10.0.0.2 > /dev/null")
    sender = net.vm.start_call(_GUEST, "exchange", repr((0, 1, 0, SENT, 400, _LENGTHS)))
    onward = net.vm.start_call(_GUEST, "exchange", repr((0, 1, 3, REDIRECTED, 400, _LENGTHS)))
    time.sleep(0.7)
    if how == "unbound":
        net.sh("; ".join(f"echo {slot} > /sys/bus/pci/drivers/{NAME}/unbind" for slot in reversed(net.slots)))
    else:
        net.sh(f"rmmod {NAME}")
    flood.kill()
    # What they send to is gone.
    sender.wait(120)
    onward.wait(120)


def sent_down(net: Driver, count: int) -> tuple[int, int]:
    """Sends bytes by TCP over IPv6 from n0 to n1: frames that the stack gave the driver, and how many of them the device cut."""
    event = "/sys/kernel/tracing/events/net/net_dev_start_xmit"
    segmented = "ip netns exec n0 ethtool -S e0 | grep -Eo 'tx_tcp_seg_good: [0-9]+' | cut -d' ' -f2"
    before = int(net.sh(segmented))
    net.sh(f"cd /sys/kernel/tracing && echo 16384 > buffer_size_kb && echo > trace && echo 'name == \"e0\" && protocol == 0x86dd' > {event}/filter && echo 1 > {event}/enable")
    net.exchange(count, directions=((0, 1),), prefix="fd00::")
    frames = int(net.sh(f"echo 0 > {event}/enable; grep -c net_dev_start_xmit: /sys/kernel/tracing/trace"))
    return frames, int(net.sh(segmented)) - before


@pytest.mark.slow
def test_ek95_segments_of_ipv6(vm: Vm, ko: Callable[[str], Path], programs: str) -> None:
    """Where it is offered and switched on, the device cuts what TCP sends over IPv6, and it arrives as it was sent."""
    with Driver(vm, ko(NAME)) as driver:
        driver.load("tso6=1")
        driver.connect()
        driver.sh("mount -t tracefs none /sys/kernel/tracing 2>/dev/null; true")
        driver.sh(f"mkdir -p {_MOUNTED} && mount -t bpf none {_MOUNTED} && bpftool prog loadall {programs} {_PINS} pinmaps {_PINS}")
        for number in range(2):
            driver.sh(f"ip -n n{number} addr add fd00::{number + 1}/64 dev e{number} nodad")
        assert "tx-tcp6-segmentation: off\n" in driver.sh("ip netns exec n0 ethtool -k e0")
        attach(driver, 1, "mended")
        driver.await_link()
        without = sent_down(driver, 4_000_000)
        driver.sh("ip netns exec n0 ethtool -K e0 tx-tcp6-segmentation on")
        with_it = sent_down(driver, 4_000_000)
        print(f"{vm.release}: frames handed down, and segmented: {without} without, {with_it} with it; {counted(driver, 1)} lengths were mended")
        vm.run(f"umount {_MOUNTED}", 30)
        assert without[0] > 2700 and without[1] == 0
        assert with_it[0] < without[0] / 2 and with_it[1] > 50
