# SPDX-License-Identifier: GPL-2.0
"""Frames between cards of the three models that there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from e1000 import NAME, Driver, connected_fixture, guest_fixture, mac

from vmlib import Vm

vm = guest_fixture(["e1000", "e1000-82545em", "e1000-82544gc"])
net = connected_fixture()
_MORE = pytest.mark.long


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def set_mtu(net: Driver, mtu: int) -> None:
    """Of the first two cards."""
    net.sh(f"ip -n n0 link set e0 mtu {mtu} && ip -n n1 link set e1 mtu {mtu}")
    net.await_link()


def test_ek01_ek02_ek29_cards_become_network_devices(drv: Driver):
    """A card is a network device with the address that its EEPROM has. Of MTUs it takes 46 to 16110 bytes, and nothing else."""
    drv.load()
    for number in range(3):
        name = drv.interface(number)
        assert drv.sh(f"cat /sys/class/net/{name}/address").strip() == mac(number)
    name = drv.interface(0)
    for mtu, good in ((45, False), (46, True), (16110, True), (16111, False)):
        assert (drv.vm.run(f"ip link set {name} mtu {mtu}").rc == 0) is good, mtu


@pytest.mark.slow
def test_ek01_what_it_takes_and_how_it_is_called(drv: Driver):
    """Without being asked it takes nothing; with bind_all=1 what has no driver, and is not meant for another. ethtool says the C driver's name if it is to."""
    devices = "/sys/bus/pci/devices"
    for parameters, name in (("", None), ("bind_all=1", NAME), ("bind_all=1 compat_names=1", "e1000")):
        for slot in drv.slots:
            drv.sh(f"echo {'none' if slot == drv.slots[0] else ''} > {devices}/{slot}/driver_override")
        drv.sh(f"insmod {drv.path} {parameters}")
        taken = [slot for slot in drv.slots if drv.vm.run(f"readlink {devices}/{slot}/driver | grep -q '/{NAME}$'").rc == 0]
        assert taken == (drv.slots[1:] if name else []), parameters
        if name:
            assert f"driver: {name}\n" in drv.sh(f"ethtool -i {drv.interface(1)}")
            assert f"bus-info: {drv.slots[1]}\n" in drv.sh(f"ethtool -i {drv.interface(1)}")
        drv.sh(f"rmmod {NAME}")
    drv.load()


@pytest.mark.slow_on_older
def test_ek03_ek04_ping(net: Driver):
    """Once the link is up, every ping is answered, of every size that fits one frame."""
    assert any("NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX" in line for line in net.vm.dmesg_lines(whole=True))
    for source, target in ((0, 2), (1, 1)):
        assert net.lost(source, f"10.0.0.{target}", (0, 1, 17, 18, 46, 255, 256, 257, 1000, 1471, 1472)) == ""


@pytest.mark.parametrize(
    ("mtu", "sizes"),
    [
        (1500, (1472, 1473, 2900)),
        pytest.param(9000, (64, 2000, 4054, 4055, 4096, 8972, 8973), marks=pytest.mark.slow),
        pytest.param(16110, (64, 16082, 20000), marks=pytest.mark.slow),
        pytest.param(1500, range(1400, 1600), marks=_MORE),
        pytest.param(9000, range(100, 9100, 75), marks=_MORE),
        pytest.param(16110, range(100, 32000, 333), marks=_MORE),
    ],
)
@pytest.mark.slow_on_older
def test_ek29_frames_of_every_size(net: Driver, mtu: int, sizes: Sequence[int]):
    """Frames up to the MTU, whichever it is, arrive whole, and so does what was cut into many."""
    set_mtu(net, mtu)
    assert net.lost(0, "10.0.0.2", sizes) == ""
    net.exchange(1_000_000, directions=((0, 1),))
    set_mtu(net, 1500)


@pytest.mark.slow_on_older
def test_ek28_vlans(net: Driver):
    """Frames with a tag reach who has the VLAN, and nobody else."""
    for number in range(2):
        lines = [
            line
            for tag in (5, 4094)
            for line in (
                f"link add link e{number} name v{tag} type vlan id {tag}",
                f"addr add 10.0.{tag % 200}.{number + 1}/24 dev v{tag}",
                f"link set v{tag} up",
            )
        ]
        net.sh(f"printf '{chr(10).join(lines)}\n' | ip -n n{number} -batch -")
    for tag in (5, 4094):
        assert net.lost(0, f"10.0.{tag % 200}.2") == ""
    net.sh("ip -n n1 link del v5")
    assert " 100% packet loss" in net.sh("ip netns exec n0 ping -c 2 -i 0.05 -W 1 10.0.5.2", check=False)
    net.sh("ip netns exec n0 ethtool -K e0 rxvlan off")
    assert net.lost(0, "10.0.94.2") == ""
    net.sh("ip netns exec n0 ethtool -K e0 rxvlan on; ip -n n0 link del v5; ip -n n0 link del v4094; ip -n n1 link del v4094")


@pytest.mark.slow
def test_ek12_addresses(net: Driver):
    """Frames to further unicast and multicast addresses come through, many of them, too; those to others do not."""
    if net.vm.run("modprobe macvlan").rc != 0:
        pytest.skip("this kernel has no macvlan")
    count = 20
    for first, end in ((0, 1), (1, 13), (13, count)):
        lines = [line for number in range(first, end) for line in (f"link add link e1 name m{number} type macvlan mode bridge", f"link set m{number} up")]
        net.sh(f"printf '{chr(10).join(lines)}\naddr add 10.1.{end}.2/24 dev m{end - 1}\n' | ip -n n1 -batch -; ip -n n0 addr add 10.1.{end}.1/24 dev e0")
        assert net.lost(0, f"10.1.{end}.2") == ""
    groups = "\n".join(f"maddr add 33:33:00:00:01:{number:02x} dev e1" for number in range(100))
    net.sh(f"printf '{groups}\n' | ip -n n1 -batch -")
    assert net.lost(0, "10.0.0.2") == ""
    # Nobody has this one.
    net.sh("ip -n n0 neigh replace 10.0.0.77 lladdr 52:54:00:00:77:77 dev e0")
    before = int(net.sh("ip netns exec n2 cat /sys/class/net/e2/statistics/rx_packets"))
    net.sh("ip netns exec n0 ping -c 20 -i 0.01 -W 1 10.0.0.77", check=False)
    assert int(net.sh("ip netns exec n2 cat /sys/class/net/e2/statistics/rx_packets")) - before < 20
    gone = "\n".join([*(f"link del m{number}" for number in range(count)), groups.replace("maddr add", "maddr del")])
    net.sh(f"printf '{gone}\n' | ip -n n1 -batch -")


@pytest.mark.slow_on_older
@pytest.mark.slow
def test_ek78_reception_goes_on_while_groups_are_joined(net: Driver):
    """QEMU's cards receive nothing for a second when they are told again what they were told."""
    joins = "; ".join(f"sleep 0.1; ip maddr add 33:33:00:00:02:{number:02x} dev e1" for number in range(6))
    leaves = "; ".join(f"ip maddr del 33:33:00:00:02:{number:02x} dev e1" for number in range(6))
    pings = net.vm.start("ip netns exec n0 ping -q -c 40 -i 0.05 -W 1 10.0.0.2")
    net.sh(f"ip netns exec n1 sh -c '{joins}; {leaves}'")
    lost = re.findall(r"(\d+)% packet loss", pings.wait(30).out)
    # A second would be half of them.
    assert int(lost[0]) < 20


@pytest.mark.slow_on_older
@pytest.mark.slow
def test_ek26_frames_with_a_check_sequence_of_their_own(net: Driver):
    """They leave the card, and what was in them arrives."""
    code = "import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, {}); s.bind((sys.argv[1], 0x88b5)); {}"
    get = code.format("0x88b5", "s.settimeout(20); print('ready', flush=True); print(s.recv(2000)[14:114] == bytes(range(100)))")
    put = code.format("0", "s.setsockopt(socket.SOL_SOCKET, 43, 1); [s.send(b'\\xff' * 6 + bytes(6) + b'\\x88\\xb5' + bytes(range(100)) + b'sums') for _ in range(3)]")
    receiver = net.vm.start(["ip", "netns", "exec", "n1", "python3", "-c", get, "e1"])
    net.vm.run(["ip", "netns", "exec", "n0", "sh", "-c", f'sleep 2; python3 -c "{put}" e0'], 40, check=True)
    assert receiver.wait(40).out.split() == ["ready", "True"]


@pytest.mark.slow_on_older
@pytest.mark.parametrize("off", [pytest.param("tx off", marks=pytest.mark.slow), "tso off", pytest.param("sg off", marks=pytest.mark.slow)])
def test_ek23_ek24_offloads(net: Driver, off: str):
    """Whatever the device computes and whatever the stack does, what arrives is what was sent."""
    net.sh(f"ip netns exec n0 ethtool -K e0 {off}")
    net.exchange(1_000_000, directions=((0, 1),))
    net.sh("ip netns exec n0 ethtool -K e0 tx on sg on tso on")


@pytest.mark.long
@pytest.mark.parametrize("off", ["", "tx off", "tso off", "sg off", "tx off sg off tso off"])
def test_ek23_ek24_offloads_both_ways(net: Driver, off: str):
    """More of it, and from both models."""
    for number in range(2):
        net.sh(f"ip netns exec n{number} ethtool -K e{number} tx on sg on tso on {off}")
    net.exchange(5_000_000)
    for number in range(2):
        net.sh(f"ip netns exec n{number} ethtool -K e{number} tx on sg on tso on")


@pytest.mark.slow
def test_ek22_bad_frames_and_check_sequences(net: Driver):
    """With rx-all and rx-fcs traffic goes on, and after them, too."""
    for setting in ("rx-fcs on rx-all on", "rx-all off", "rx-fcs off"):
        net.sh(f"ip netns exec n1 ethtool -K e1 {setting}")
        net.await_link()
        assert net.lost(0, "10.0.0.2", (56, 1000)) == "", setting


@pytest.mark.slow_on_older
@pytest.mark.slow
def test_ek13_address_changes_while_it_is_up(net: Driver):
    """The device listens to its new address at once, and to the old one no more."""
    net.sh("ip -n n1 link set e1 address 52:54:00:aa:bb:cc && ip -n n0 neigh flush dev e0")
    assert net.lost(0, "10.0.0.2") == ""
    assert net.vm.run("ip -n n1 link set e1 address 01:00:5e:00:00:01").rc != 0
    net.sh(f"ip -n n1 link set e1 address {mac(1)} && ip -n n0 neigh flush dev e0")


@pytest.mark.parametrize("times", [3, pytest.param(50, marks=_MORE)])
@pytest.mark.slow_on_older
def test_ek03_ek14_open_and_close(net: Driver, times: int):
    """Up and down again and again, under traffic: it works each time."""
    flood = net.vm.start("ip netns exec n0 ping -f -w 120 10.0.0.2 > /dev/null")
    net.sh(f"for i in $(seq {times}); do ip -n n1 link set e1 down && ip -n n1 link set e1 up || exit 1; done", 120)
    net.await_link()
    flood.kill()
    assert net.lost(0, "10.0.0.2") == ""


def test_ek05_ek60_tcp(net: Driver):
    """What TCP carries arrives as it was sent, to and from an 82544, too, whose reset is another and that has no moderation."""
    net.exchange(4_000_000)
    net.exchange(1_000_000, directions=((2, 0), (0, 2)))


@pytest.mark.long
def test_ek05_ek60_more_of_tcp(net: Driver):
    """The same for longer, between each two."""
    net.exchange(20_000_000, directions=((0, 1), (1, 0), (1, 2), (2, 1)))


@pytest.mark.slow_on_older
@pytest.mark.parametrize("times", [3, pytest.param(200, marks=_MORE)])
@pytest.mark.slow
def test_ek14_loading_and_unloading(drv: Driver, times: int):
    """Each time the cards are there; what the kernel has of memory afterwards is what it had."""
    slots = " ".join(drv.slots)
    drv.sh(f"for s in {slots}; do echo {NAME} > /sys/bus/pci/devices/$s/driver_override; done")
    cycle = f"insmod {drv.path}; for s in {slots}; do ip link set $(ls /sys/bus/pci/devices/$s/net) up; done; rmmod {NAME}"
    drv.sh(f"set -e; {cycle}")
    before = int(drv.sh("grep Unreclaim: /proc/meminfo").split()[1])
    drv.sh(f"set -e; for i in $(seq {times}); do {cycle}; done", 60 + 15 * times)
    # A page for each time and card would be more.
    assert int(drv.sh("grep Unreclaim: /proc/meminfo").split()[1]) - before < 4096 + 8 * times
    drv.load()
