# SPDX-License-Identifier: GPL-2.0
"""Ports while everything is changed at once, while senders hang and links go, and when they go themselves under traffic."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e1000 import NAME, Driver, connected_fixture, guest_fixture, needs_c_driver

from vmlib import Vm

pytestmark = pytest.mark.slow

vm = guest_fixture(["e1000", "e1000-82545em"])
net = connected_fixture()


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def answers(drv: Driver) -> None:
    """Frames go both ways. A card that has just begun to receive may miss some: it is asked again."""
    drv.await_link()
    for source, target in ((0, 2), (1, 1)):
        outs: list[str] = []
        while len(outs) < 3 and " 0% packet loss" not in "".join(outs[-1:]):
            outs.append(drv.vm.run(f"ip netns exec n{source} ping -c 5 -i 0.05 -W 4 10.0.0.{target}", 30).out)
        assert " 0% packet loss" in outs[-1], "\n".join(outs)


def until(drv: Driver, text: str, timeout: float = 60) -> list[str]:
    """Waits until the driver says it: its lines meanwhile."""
    deadline = time.monotonic() + timeout
    lines: list[str] = []
    while not any(text in line for line in lines):
        assert time.monotonic() < deadline, f"no {text}:\n" + "\n".join(lines[-50:])
        time.sleep(0.3)
        lines += drv.log()
    return lines


@pytest.mark.kernels_own("net/sched/sch_generic.c", "6.1 warns once when a device does not send")
def test_ek52_a_sender_that_hangs(vm: Vm, ko: Callable[[str], Path]) -> None:
    """It is told of as the C driver does, with the same registers; then reset, and sends again."""
    needs_c_driver(vm)
    said = []
    for driver in (Driver(vm, None, name="e1000"), Driver(vm, ko(NAME))):
        with driver:
            driver.load()
            driver.connect(ipv6=False)
            answers(driver)
            driver.sh("ip netns exec n0 ethtool -s e0 msglvl 0x2007")
            command = f"/sys/bus/pci/devices/{driver.slots[0]}/config"
            # Without leave to read memory, what is to be sent stays where it is.
            driver.sh(f"ip -n n0 neigh replace 10.0.0.2 lladdr 52:54:00:00:00:02 dev e0; printf '\\003' | dd of={command} bs=1 seek=4 conv=notrunc status=none")
            driver.vm.run("ip netns exec n0 ping -c 3 -i 0.2 -W 1 10.0.0.2", 30)
            lines = until(driver, "TX Desc ring0 dump")
            text = "\n".join(driver.vm.dmesg_lines(whole=True))
            report = re.findall(r"Detected Tx Unit Hang\n((?:.*<.*>\n|.*next_to_clean\]\n)+)", text)[-1]
            registers = re.findall(r"Register dump\n((?:.* [0-9a-f]{8}\n)+)", text)[-1]
            # Values of registers differ as rings' addresses do.
            said.append([re.sub(r"<.*>|^\[[\s\d.]+\] (e1000(_cpp)?: )?| [0-9a-f]{8}$", "", line) for line in (report + registers).splitlines()])
            # On 6.12 each report of the C driver's puts off what it waits for.
            if not driver.path:
                continue
            if not any("Reset adapter" in line for line in lines):
                until(driver, "Reset adapter")
            driver.sh(f"printf '\\007' | dd of={command} bs=1 seek=4 conv=notrunc status=none")
            # It may have been reset while it could not, and is then once more.
            deadline = time.monotonic() + 60
            while " 0% packet loss" not in driver.vm.run("ip netns exec n0 ping -c 2 -i 0.2 -W 2 10.0.0.2", 30).out:
                assert time.monotonic() < deadline, "nothing is sent any more"
            answers(driver)
            counts = driver.sh("ip netns exec n0 ethtool -S e0")
            assert int(re.findall(r"tx_timeout_count: (\d+)", counts)[0]) >= 1
    assert len(said[0]) == 10 + 38
    assert said[1] == said[0]


def test_ek53_resets_of_all_kinds_at_once(net: Driver) -> None:
    """MTU, rings, features, negotiation, pauses and the device's reset, all at the same time and under traffic."""
    flood = net.vm.start("ip netns exec n0 ping -f -w 60 10.0.0.2 > /dev/null")
    loops = [
        "for i in 1 2 3 4; do ip link set e1 mtu 9000; ip link set e1 mtu 1500; done",
        "for i in 1 2 3 4; do ethtool -G e1 rx 64 tx 80; ethtool -G e1 rx 256 tx 256; done",
        "for i in 1 2 3 4; do ethtool -K e1 rx-all on; ethtool -K e1 rx-all off; done",
        "for i in 1 2 3 4; do ethtool -r e1; ethtool -S e1 > /dev/null; ethtool -d e1 raw on > /dev/null; done",
        "for i in 1 2 3 4; do ethtool -A e1 rx on tx on; ip maddr add 33:33:00:00:00:09 dev e1; ip maddr del 33:33:00:00:00:09 dev e1; done",
    ]
    running = [net.vm.start(f"ip netns exec n1 sh -c '{loop}'") for loop in loops]
    for process in running:
        process.wait(120)
    flood.kill()
    answers(net)


def test_ek51_a_link_that_goes_with_frames_to_be_sent(net: Driver) -> None:
    """The device is reset, and what could not be sent is gone; when the link is back, frames pass."""
    answers(net)
    net.log()
    flood = net.vm.start("ip netns exec n0 ping -f -w 60 10.0.0.2 > /dev/null")
    net.tell_qemu("set_link c0 off")
    deadline = time.monotonic() + 20
    while not any("NIC Link is Down" in line for line in net.log()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert net.sh("ip netns exec n0 cat /sys/class/net/e0/carrier").strip() == "0"
    net.tell_qemu("set_link c0 on")
    flood.kill()
    answers(net)


def test_ek11_ek50_a_link_that_goes_and_comes(net: Driver) -> None:
    """It is told of, once each; the carrier follows."""
    answers(net)
    net.log()
    seen: list[str] = []
    for _ in range(2):
        for state, word in (("off", "Down"), ("on", "Up")):
            net.tell_qemu(f"set_link c1 {state}")
            deadline = time.monotonic() + 20
            fresh: list[str] = []
            while not any(f"NIC Link is {word}" in line for line in fresh):
                assert time.monotonic() < deadline, fresh
                time.sleep(0.3)
                fresh += net.log()
            seen += fresh
    assert [re.sub(r".* NIC", "NIC", line) for line in seen] == ["NIC Link is Down", "NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX"] * 2
    answers(net)


def test_ek34_limits_of_bytes(net: Driver) -> None:
    """The stack's limits of bytes that wait for the device are there, and used."""
    where = "/sys/class/net/e0/queues/tx-0/byte_queue_limits"
    if net.vm.run(f"ip netns exec n0 test -d {where}").rc != 0:
        pytest.skip("this kernel has no such limits")
    net.exchange(2_000_000, directions=((0, 1),))
    assert int(net.sh(f"ip netns exec n0 cat {where}/limit")) > 0
    assert int(net.sh(f"ip netns exec n0 cat {where}/inflight")) == 0


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.long)])
def test_ek72_ek94_taken_away_under_traffic(drv: Driver, times: int) -> None:
    """The driver goes, and comes, while frames pass; nothing is left."""
    drv.load()
    for _ in range(times):
        drv.connect()
        flood = drv.vm.start("ip netns exec n0 ping -f -w 30 10.0.0.2 > /dev/null")
        time.sleep(0.5)
        drv.sh("; ".join(f"echo {slot} > /sys/bus/pci/drivers/{NAME}/unbind" for slot in drv.slots))
        flood.kill()
        drv.sh("; ".join(["ip -all netns del", *(f"echo {slot} > /sys/bus/pci/drivers/{NAME}/bind" for slot in drv.slots)]))
    drv.connect()
    flood = drv.vm.start("ip netns exec n0 ping -f -w 30 10.0.0.2 > /dev/null")
    time.sleep(0.5)
    drv.sh(f"rmmod {NAME}")
    flood.kill()


def test_ek72_pulled_out_under_traffic(drv: Driver) -> None:
    """The card itself goes; what is left of it is nothing."""
    drv.load()
    drv.connect()
    flood = drv.vm.start("ip netns exec n0 ping -f -w 30 10.0.0.2 > /dev/null")
    time.sleep(0.5)
    drv.sh("modprobe acpiphp; true")
    drv.tell_qemu("device_del c1")
    deadline = time.monotonic() + 30
    while drv.vm.run(f"[ -e /sys/bus/pci/devices/{drv.slots[1]} ]").rc == 0:
        assert time.monotonic() < deadline, "the guest does not let go of it"
        time.sleep(0.5)
    flood.kill()
    drv.tell_qemu("device_add e1000-82545em,id=c1,netdev=h1,mac=52:54:00:00:00:02,addr=0x0d,romfile=")
    deadline = time.monotonic() + 30
    while drv.vm.run(f"[ -e /sys/bus/pci/devices/{drv.slots[1]} ]").rc != 0:
        assert time.monotonic() < deadline, "the guest does not find it again"
        time.sleep(0.5)
    drv.sh(f"echo {NAME} > /sys/bus/pci/devices/{drv.slots[1]}/driver_override; echo {drv.slots[1]} > /sys/bus/pci/drivers_probe")
    assert drv.interface(1)


def test_ek56_messages_by_the_network(drv: Driver) -> None:
    """The kernel's own lines arrive at the other card."""
    drv.load()
    drv.connect()
    if drv.vm.run("modprobe netconsole").rc != 0:
        pytest.skip("this kernel has no netconsole")
    # It knows of the first namespace alone.
    drv.sh("ip -n n0 link set e0 netns 1 && ip addr add 10.0.0.1/24 dev e0 && ip link set e0 up")
    deadline = time.monotonic() + 20
    while drv.sh("cat /sys/class/net/e0/carrier", check=False).strip() != "1":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(1.5)
    listener = drv.vm.start(
        ["ip", "netns", "exec", "n1", "python3", "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.0.0.2', 6666)); s.settimeout(30)\nwhile b'hello from afar' not in s.recv(4096): pass"]
    )
    time.sleep(1)
    drv.sh("modprobe -r netconsole; modprobe netconsole netconsole=6665@10.0.0.1/e0,6666@10.0.0.2/52:54:00:00:00:02")
    drv.sh("for i in 1 2 3 4 5; do echo '<1>hello from afar' > /dev/kmsg; sleep 0.2; done")
    assert listener.wait(60).rc == 0
    drv.sh("modprobe -r netconsole")
