# SPDX-License-Identifier: GPL-2.0
"""What traffic costs: accesses to registers, interrupts, memory for buffers, copies. With figures of the C driver's, where it has them.

QEMU notes accesses to registers; the kernel's own trace events tell of memory.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, mac

from vmlib import Vm

# Memory on both sides of 4 GiB.
vm = guest_fixture(["e1000", "e1000"], mem=6144, tells=True)

_EVENTS = ("memory_region_ops_read", "memory_region_ops_write")
_LINE = re.compile(r"memory_region_ops_(read|write) cpu -?\d+ mr \S+ addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size \d+ name 'e1000-mmio'")
_NAMES = {0x00: "CTRL", 0x08: "STATUS", 0xC0: "ICR", 0xC4: "ITR", 0xC8: "ICS", 0xD0: "IMS", 0xD8: "IMC", 0x2818: "RDT", 0x3818: "TDT"}
# What is done for an interrupt, whatever is received or sent.
_HANDLING = ("ICR", "ITR", "ICS", "IMS", "IMC", "STATUS")
_BYTES = 12_000_000
_DATAGRAMS = """import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[1])):
    s.sendto(bytes(1400), ("10.0.0.2", 5001))
    if i % 8 == 7 and sys.argv[2] == "paced": time.sleep(0.001)
"""
_SINK = """import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.0.0.2", 5001)); s.settimeout(15)
print("ready", flush=True)
time.sleep(3)
got = 0
try:
    while True: got += len(s.recv(2000)) == 1400
except TimeoutError: print(got)
"""


class Port:
    """What QEMU noted of one card."""

    def __init__(self) -> None:
        self.accesses: Counter[str] = Counter()
        self.interrupts = 0

    @property
    def handling(self) -> float:
        """Accesses for an interrupt, without those to rings' tails."""
        return sum(self.accesses[name] for name in _HANDLING) / self.interrupts


def bulk(driver: Driver) -> tuple[list[Port], dict[str, int]]:
    """Sends data by TCP from the first card to the second: what that took of each, and what the first counted."""
    bases = [int(driver.sh(f"cut -d' ' -f1 /sys/bus/pci/devices/{slot}/resource").split()[0], 16) for slot in driver.slots]
    server = driver.vm.start(["ip", "netns", "exec", "n1", "iperf3", "-s", "-1"])
    time.sleep(1)
    before = statistics(driver, 0)
    start = driver.vm.trace.stat().st_size if driver.vm.trace.exists() else 0  # type: ignore[attr-defined]
    for event in _EVENTS:
        driver.tell_qemu(f"trace-event {event} on")
    driver.vm.run(["ip", "netns", "exec", "n0", "iperf3", "-c", "10.0.0.2", "-n", str(_BYTES)], 120, check=True)
    for event in _EVENTS:
        driver.tell_qemu(f"trace-event {event} off")
    assert server.wait(60).rc == 0
    after = statistics(driver, 0)
    ports = [Port() for _ in bases]
    with open(driver.vm.trace) as file:  # type: ignore[attr-defined]
        file.seek(start)
        for line in file:
            found = _LINE.search(line)
            if not found:
                continue
            address = int(found[2], 16)
            for port, base in zip(ports, bases, strict=True):
                if base <= address < base + 0x20000:
                    name = _NAMES.get(address - base, "other")
                    port.accesses[name] += 1
                    port.interrupts += name == "ICR" and found[3] != "0"
    return ports, {name: after[name] - before[name] for name in after}


def statistics(driver: Driver, number: int) -> dict[str, int]:
    """A card's, as ethtool shows them."""
    text = driver.sh(f"ip netns exec n{number} ethtool -S e{number}")
    return {name: int(value) for name, value in re.findall(r"^\s+(\w+): (\d+)$", text, flags=re.MULTILINE)}


def say(driver: Driver, ports: list[Port], counts: dict[str, int]) -> None:
    """Prints the figures."""
    for role, port in zip(("sender", "receiver"), ports, strict=True):
        frames = counts["tx_packets"] + counts["rx_packets"]
        total = sum(port.accesses.values())
        print(
            f"{driver.vm.release} {driver.name} {role}: {port.interrupts} interrupts, {total} accesses, {port.handling:.2f} for an interrupt without tails,"
            f" {total / port.interrupts:.2f} with; {total / frames:.3f} for a frame; {dict(port.accesses)}"
        )
    segmented = counts["tx_tcp_seg_good"]
    print(
        f"{driver.vm.release} {driver.name}: {counts['tx_packets']} sent, {counts['rx_packets']} received, {segmented} segmented,"
        f" {ports[0].interrupts / segmented:.2f} interrupts for each of these"
    )


def connect(driver: Driver, parameters: str = "") -> None:
    """Two cards on their wire, with nothing else to say."""
    driver.load(parameters)
    driver.connect(ipv6=False)
    for number in range(2):
        driver.sh(f"ip -n n{number} neigh replace 10.0.0.{2 - number} lladdr {mac(1 - number)} dev e{number} nud permanent")


@pytest.mark.slow
def test_ek75_accesses_for_an_interrupt(vm: Vm, ko: Callable[[str], Path]) -> None:
    """Bulk TCP takes few accesses for an interrupt; of interrupts for a segmented frame there is the figure."""
    with Driver(vm, ko(NAME)) as ours:
        connect(ours, "extra_statistics=1")
        ports, counts = bulk(ours)
        say(ours, ports, counts)
    if vm.run("modprobe -n e1000").rc == 0:
        with Driver(vm, None, name="e1000") as c:
            connect(c)
            c_ports, c_counts = bulk(c)
            say(c, c_ports, c_counts)
    assert all(port.interrupts > 50 for port in ports)
    assert all(port.handling <= 3.5 for port in ports)


def flood(driver: Driver, count: int, how: str = "paced") -> int:
    """Sends datagrams from the first card to the second, which sends nothing: how many arrived."""
    sink = driver.vm.start(["ip", "netns", "exec", "n1", "python3", "-c", _SINK])
    time.sleep(2)
    driver.vm.run(["ip", "netns", "exec", "n0", "python3", "-c", _DATAGRAMS, str(count), how], 120, check=True)
    return int(sink.wait(90).out.split()[-1])


@pytest.mark.slow
def test_ek06_a_flood(vm: Vm, ko: Callable[[str], Path]) -> None:
    """What there is no buffer for is counted; afterwards everything passes."""
    with Driver(vm, ko(NAME)) as ours:
        # The receiver is interrupted a hundred times a second: its ring takes nine frames, and however slow the sender is, more come.
        connect(ours, "InterruptThrottleRate=3,100")
        ours.sh("ip netns exec n1 ethtool -G e1 rx 48; ip -n n0 link set e0 mtu 9000; ip -n n1 link set e1 mtu 9000")
        ours.sh(f"ip -n n0 neigh replace 10.0.0.2 lladdr {mac(1)} dev e0 nud permanent; ip -n n1 neigh replace 10.0.0.1 lladdr {mac(0)} dev e1 nud permanent")
        ours.await_link()
        code = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor i in range(1000): s.sendto(bytes(8900), ('10.0.0.2', 5001))"
        ours.vm.run(["ip", "netns", "exec", "n0", "python3", "-c", code], 120, check=True)
        # The device's counters are read now and then, and when somebody asks.
        assert ours.lost(0, "10.0.0.2", (56, 1472, 8972)) == ""
        counts = statistics(ours, 1)
        missed = counts["rx_missed_errors"]
        print(f"{vm.release}: {missed} missed, {counts['rx_packets']} received")
        assert missed > 0
        assert counts["rx_packets"] + missed >= 1000
        assert int(ours.sh("ip netns exec n1 cat /sys/class/net/e1/statistics/rx_missed_errors")) >= missed


def traced(driver: Driver, events: list[str], count: int) -> tuple[int, list[str]]:
    """The kernel's trace while datagrams are received, once as many as a socket takes have waited in one."""
    where = "/sys/kernel/tracing"
    flood(driver, 1000, "all at once")
    driver.sh(f"mount -t tracefs none {where} 2>/dev/null; cd {where} && echo 16384 > buffer_size_kb && echo > trace && for e in {' '.join(events)}; do echo 1 > events/$e/enable || exit 1; done")
    got = flood(driver, count)
    driver.sh(f"cd {where}; for e in {' '.join(events)}; do echo 0 > events/$e/enable; done")
    return got, driver.sh(f"grep -v '^#' {where}/trace; echo > {where}/trace", check=False).splitlines()


@pytest.mark.slow
def test_ek80_ek81_memory(vm: Vm, ko: Callable[[str], Path]) -> None:
    """Datagrams are received without pages from the kernel, and into memory that the device reaches."""
    events = ["page_pool/page_pool_state_hold", "swiotlb/swiotlb_bounced"]
    with Driver(vm, ko(NAME)) as ours:
        connect(ours)
        where = "/sys/kernel/tracing"
        ours.sh(f"mount -t tracefs none {where} 2>/dev/null; cd {where} && echo 16384 > buffer_size_kb && echo > trace && echo 1 > events/{events[0]}/enable && ip -n n1 link set e1 down && ip -n n1 link set e1 up")
        assert figures(ours, ours.sh(f"cat {where}/trace").splitlines())["pages"] >= 64, "an opened port takes its pages"
        ours.sh(f"ip -n n1 neigh replace 10.0.0.1 lladdr {mac(0)} dev e1 nud permanent")
        ours.await_link()
        # On a host that is busy, the first time may have had less to do than the second.
        for _ in range(3):
            got, lines = traced(ours, events, 5000)
            found = figures(ours, lines)
            if not found["pages"]:
                break
        print(f"{vm.release} {ours.name}: {got} received; {found}")
    if vm.run("modprobe -n e1000").rc == 0:
        with Driver(vm, None, name="e1000") as c:
            connect(c)
            c_got, c_lines = traced(c, events, 5000)
            print(f"{vm.release} {c.name}: {c_got} received; {figures(c, c_lines)}")
    assert got > 2000
    assert found["sender's bounces"] > 1000, "memory is not what it is to be, or the event is not there"
    assert found["receiver's bounces"] == 0
    assert found["pages"] == 0


@pytest.mark.slow
def test_ek92_memory_beyond_4_gib(vm: Vm, ko: Callable[[str], Path]) -> None:
    """What is sent from there is copied first; with dma64=1 it is not, and arrives all the same."""
    found = {}
    for parameters in ("", "dma64=1"):
        with Driver(vm, ko(NAME)) as ours:
            connect(ours, parameters)
            assert any("dma64=1 is for emulated cards" in line for line in ours.log()) is (parameters != "")
            assert ("highdma: on" in ours.sh("ip netns exec n0 ethtool -k e0")) is (parameters != "")
            where = "/sys/kernel/tracing"
            event = f"{where}/events/swiotlb/swiotlb_bounced/enable"
            before = statistics(ours, 0)["tx_packets"]
            ours.sh(f"mount -t tracefs none {where} 2>/dev/null; cd {where} && echo 16384 > buffer_size_kb && echo > trace && echo 1 > {event}")
            ours.vm.run(["ip", "netns", "exec", "n0", "python3", "-c", _DATAGRAMS, "3000", "paced"], 120, check=True)
            found[parameters] = figures(ours, ours.sh(f"echo 0 > {event}; cat {where}/trace; echo > {where}/trace").splitlines())["sender's bounces"]
            sent = statistics(ours, 0)["tx_packets"] - before
            rings = [int(ours.sh(f"head -1 /sys/kernel/debug/{NAME}/{ours.slots[0]}/{name}").split()[3].strip(","), 16) for name in ("tx_ring", "rx_ring")]
            print(f"{vm.release} {parameters or 'dma64=0'}: {sent} sent, {found[parameters]} bounces of the sender's, rings at {rings[0]:#x} and {rings[1]:#x}")
            assert sent >= 3000
            assert parameters or max(rings) < 1 << 32
            ours.exchange(4_000_000)
    assert found[""] > 1000, "memory is not what it is to be, or the event is not there"
    assert found["dma64=1"] == 0


def figures(driver: Driver, lines: list[str]) -> dict[str, int]:
    """What a trace says."""
    bounces = [line for line in lines if "swiotlb_bounced" in line]
    return {
        "sender's bounces": sum(driver.slots[0] in line for line in bounces),
        "receiver's bounces": sum(driver.slots[1] in line for line in bounces),
        "pages": sum("page_pool_state_hold" in line for line in lines),
    }
