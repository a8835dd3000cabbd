# SPDX-License-Identifier: GPL-2.0
"""Frames between cards of the three models that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, mac

from vmlib import Vm

vm = guest_fixture(["e1000", "e1000-82545em", "e1000-82544gc"])


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def test_ek01_ek02_cards_become_network_devices(drv: Driver):
    """A card is a network device with the address that its EEPROM has."""
    drv.load()
    for number in range(3):
        name = drv.interface(number)
        assert drv.sh(f"cat /sys/class/net/{name}/address").strip() == mac(number)


def test_ek03_ek04_ping(drv: Driver):
    """Once the link is up, every ping is answered, of every size that fits one frame."""
    drv.load()
    drv.connect()
    assert any("NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX" in line for line in drv.log())
    for size in (0, 1, 17, 18, 46, 255, 256, 257, 1000, 1471, 1472):
        for source, target in ((0, 2), (1, 1)):
            out = drv.sh(f"ip netns exec n{source} ping -c 5 -i 0.02 -W 2 -s {size} 10.0.0.{target}")
            assert " 0% packet loss" in out, f"{size} bytes\n{out}"


@pytest.mark.parametrize("mtu", [1500, 9000, 16110])
def test_ek29_frames_of_every_size(drv: Driver, mtu: int):
    """Frames up to the MTU, whichever it is, arrive whole, and so does what was cut into many."""
    drv.load()
    drv.connect()
    for number in range(2):
        drv.sh(f"ip -n n{number} link set e{number} mtu {mtu}")
    drv.await_link()
    for size in sorted({64, 200, 1472, 1473, 2000, 4054, 4055, 4068, 4096, 8150, 8972, 16082, 20000} & set(range(mtu * 2))):
        # Twice, if one was lost: this is about sizes.
        outs = [drv.sh(f"ip netns exec n0 ping -c 3 -i 0.02 -W 3 -p a5 -s {size} 10.0.0.2", check=False)]
        if " 0% packet loss" not in outs[0]:
            outs.append(drv.sh(f"ip netns exec n0 ping -c 3 -i 0.02 -W 3 -p a5 -s {size} 10.0.0.2"))
        assert " 0% packet loss" in outs[-1], f"{size} bytes\n{outs}"
    drv.exchange(4_000_000)


def test_ek29_mtus_out_of_range_are_refused(drv: Driver):
    """46 to 16110 bytes, and nothing else."""
    drv.load()
    name = drv.interface(0)
    for mtu, good in ((45, False), (46, True), (16110, True), (16111, False)):
        assert (drv.vm.run(f"ip link set {name} mtu {mtu}").rc == 0) is good, mtu


def test_ek28_vlans(drv: Driver):
    """Frames with a tag reach who has the VLAN, and nobody else."""
    drv.load()
    drv.connect()
    for number in range(2):
        for tag in (5, 4094):
            drv.sh(f"ip -n n{number} link add link e{number} name v{tag} type vlan id {tag} && ip -n n{number} addr add 10.0.{tag % 200}.{number + 1}/24 dev v{tag} && ip -n n{number} link set v{tag} up")
    for tag in (5, 4094):
        assert " 0% packet loss" in drv.sh(f"ip netns exec n0 ping -c 4 -i 0.05 -W 3 10.0.{tag % 200}.2")
    drv.sh("ip -n n1 link del v5")
    assert " 100% packet loss" in drv.sh("ip netns exec n0 ping -c 2 -i 0.05 -W 1 10.0.5.2", check=False)
    drv.sh("ip netns exec n0 ethtool -K e0 rxvlan off")
    assert " 0% packet loss" in drv.sh("ip netns exec n0 ping -c 4 -i 0.05 -W 3 10.0.94.2")


def test_ek12_addresses(drv: Driver):
    """Frames to further unicast and multicast addresses come through, many of them, too; those to others do not."""
    drv.load()
    drv.connect()
    count = 20
    for number in range(count):
        drv.sh(f"ip -n n1 link add link e1 name m{number} type macvlan mode bridge && ip -n n1 link set m{number} up")
        if number in (0, 12, count - 1):
            drv.sh(f"ip -n n1 addr add 10.1.{number}.2/24 dev m{number}; ip -n n0 addr add 10.1.{number}.1/24 dev e0")
            assert " 0% packet loss" in drv.sh(f"ip netns exec n0 ping -c 3 -i 0.05 -W 4 10.1.{number}.2")
    drv.sh("for i in $(seq 100); do ip -n n1 maddr add 33:33:00:00:01:$(printf %02x $i) dev e1; done")
    assert " 0% packet loss" in drv.sh("ip netns exec n0 ping -c 3 -i 0.05 -W 4 10.0.0.2")


@pytest.mark.parametrize("off", ["", "tx off", "tso off", "sg off", "tx off sg off tso off"])
def test_ek23_ek24_offloads(drv: Driver, off: str):
    """Whatever the device computes and whatever the stack does, what arrives is what was sent."""
    drv.load()
    drv.connect()
    if off:
        drv.sh(f"ip netns exec n0 ethtool -K e0 {off}")
    drv.exchange(3_000_000, directions=((0, 1),))


def test_ek22_bad_frames_and_check_sequences(drv: Driver):
    """With rx-all and rx-fcs traffic goes on, and after them, too."""
    drv.load()
    drv.connect()
    for setting in ("rx-fcs on", "rx-all on", "rx-fcs off", "rx-all off"):
        drv.sh(f"ip netns exec n1 ethtool -K e1 {setting}")
        drv.await_link()
        assert " 0% packet loss" in drv.sh("ip netns exec n0 ping -c 5 -i 0.05 -W 4 -s 1000 10.0.0.2"), setting


def test_ek13_address_changes_while_it_is_up(drv: Driver):
    """The device listens to its new address at once, and to the old one no more."""
    drv.load()
    drv.connect()
    drv.sh("ip -n n1 link set e1 address 52:54:00:aa:bb:cc && ip -n n0 neigh flush dev e0")
    assert " 0% packet loss" in drv.sh("ip netns exec n0 ping -c 3 -i 0.05 -W 3 10.0.0.2")
    assert drv.vm.run("ip -n n1 link set e1 address 01:00:5e:00:00:01").rc != 0


def test_ek03_ek14_open_and_close(drv: Driver):
    """Up and down again and again, under traffic: it works each time."""
    drv.load()
    drv.connect()
    flood = drv.vm.start("ip netns exec n0 ping -f -w 20 10.0.0.2 > /dev/null")
    for _ in range(8):
        drv.sh("ip -n n1 link set e1 down && ip -n n1 link set e1 up")
    drv.await_link()
    flood.kill()
    assert " 0% packet loss" in drv.sh("ip netns exec n0 ping -c 5 -i 0.05 -W 3 10.0.0.2")


def test_ek05_tcp(drv: Driver):
    """What TCP carries arrives as it was sent, in both directions."""
    drv.load()
    drv.connect()
    drv.exchange(20_000_000)


def test_ek05_ek60_tcp_of_an_82544(drv: Driver):
    """The oldest of them, whose reset is another one, and that has no interrupt moderation."""
    drv.load()
    drv.connect()
    drv.exchange(3_000_000, directions=((2, 0), (0, 2), (1, 2)))
