# SPDX-License-Identifier: GPL-2.0
"""What ethtool says of cards, and what it sets: text for text as with the C driver, in the same guest, at the same time."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, mac, needs_c_driver

from vmlib import Result, Vm

pytestmark = pytest.mark.slow

CARDS = ["e1000", "e1000-82545em", "e1000-82544gc"]
_DEVICES = ["100e", "100f", "100c"]
# Each driver has three of them.
vm = guest_fixture(CARDS * 2, wires=2)
_GUEST = Path(__file__).with_name("e1000_guest.py")

# Each is run for each card, while it is down, and again while it is up: {} is its name.
_SHOWN = {
    "identity": ["ethtool -i {}", "ethtool -T {}", "ethtool -P {}", "ethtool -l {}", "ethtool -x {}", "ethtool --show-eee {}", "ethtool -m {}"],
    "features": ["ethtool -k {}"],
    "settings": ["ethtool {}"],
    "registers": ["registers {}"],
    "eeprom": [
        *("ethtool -e {}", "ethtool -e {} offset 0 length 6", "ethtool -e {} offset 1 length 1", "ethtool -e {} offset 5 length 10"),
        *("ethtool -e {} offset 127 length 1", "ethtool -e {} offset 127 length 2", "ethtool -e {} offset 128 length 1", "ethtool -e {} length 0"),
    ],
    "statistics": ["ethtool -S {}", "ip -d link show {}"],
    "mii": ["mii {}"],
}
_SET = {
    "coalesce": ["ethtool -c {}"]
    + [line for us in (0, 1, 2, 4, 5, 9, 10, 125, 333, 10000, 10001) for line in (f"ethtool -C {{}} rx-usecs {us}", "ethtool -c {}")]
    + ["ethtool -C {} tx-usecs 10", "ethtool -C {} rx-usecs 3"],
    "rings": ["ethtool -g {}"]
    + [line for values in ("rx 10 tx 100", "tx 81", "rx 4096 tx 4096", "rx 4097", "rx-mini 5", "rx-jumbo 1", "rx 256 tx 256") for line in (f"ethtool -G {{}} {values}", "ethtool -g {}")],
    "pause": ["linked {}", "ethtool -a {}"]
    + [
        line
        for values in ("autoneg off rx on tx on", "rx off tx on", "rx off tx off", "rx on tx off", "autoneg on", "rx on tx on autoneg on")
        for line in (f"ethtool -A {{}} {values}", "linked {}", "ethtool -a {}")
    ],
    "link": [
        line
        for values in (
            *("speed 100 duplex full autoneg off", "speed 10 duplex half autoneg off", "speed 1000 duplex half autoneg off", "speed 1000 duplex full autoneg off"),
            *("speed 2500 duplex full autoneg off", "advertise 0x3 autoneg on", "advertise 0x20", "advertise 0x10", "mdix on", "mdix off", "mdix auto"),
            *("mdix on speed 100 duplex full autoneg off", "autoneg on mdix auto", "advertise 0x2f autoneg on", "port fibre", "phyad 3", "xcvr external"),
        )
        # Where it refuses this speed, the C driver has switched negotiation off by then: "refused speed" is about ours.
        for line in (f"ethtool -s {{}} {values}", *(["ethtool {}"] if "2500" not in values else []))
    ],
    "refused speed": ["ethtool -s {} speed 1000 duplex full autoneg off", "ethtool {}", "ethtool -s {} speed 2500 duplex full autoneg off", "ethtool {}", "ethtool -s {} autoneg on"],
    "negotiation": ["ethtool -r {}", "ethtool -s {} msglvl 0x2007", "ethtool {}", "ethtool -s {} msglvl 7"],
    "wake": [line for values in ("g", "umbg", "p", "a", "s", "gs", "d") for line in (f"ethtool -s {{}} wol {values}", "ethtool {}")],
    "writing": [
        *("ethtool -E {} magic 0x12345678 offset 0 value 1", "ethtool -E {} magic 0x{device}8086 offset 64 value 0x5a", "ethtool -E {} magic 0x{device}8086 offset 65 value 0x5a"),
        *("ethtool -E {} magic 0x{device}8086 offset 128 value 1", "ethtool -e {}"),
    ],
    "setting mii": [
        *("set-mii {} 0 0x0800", "set-mii {} 0 0x2100", "ethtool {}", "set-mii {} 0 0x40", "set-mii {} 0 0x1140", "ethtool {}", "set-mii {} 16 0x360", "set-mii {} 40 0"),
    ],
    "features that change": [
        line
        for values in ("rx on", "rx off", "rxvlan off", "rxvlan on", "txvlan off", "tx off", "tx on", "sg off", "sg on tso on", "rx-all on rx-fcs on", "rx-all off rx-fcs off", "rx-vlan-filter off")
        for line in (f"ethtool -K {{}} {values}", "ethtool -k {}")
    ],
    "light": ["ethtool -p {} 1"],
}
_TESTED = {
    "offline test": ["ethtool -t {1} offline", "flags {1}"],
    "online test": ["ethtool -t {0} online"],
}
# Which card is asked everything of what is set: the one that has moderation, or that could wake the machine. Others may be refused.
_MAIN = {"wake": 0}
_REFUSED = ("coalesce", "wake", "writing")
# What is a matter of time: whether there is a link already, and what was counted.
_LINK = "Link detected|Link partner|Speed:|Duplex:"
_FLEETING = {"pause": "negotiated", "link": _LINK, "refused speed": _LINK, "negotiation": _LINK, "setting mii": _LINK, "wake": _LINK, "statistics": "link/ether|LOWER_UP|state"}


def _commands(section: str, state: str, number: int) -> list[str]:
    """What to ask of a card."""
    if section in _SHOWN:
        return _SHOWN[section]
    if number == _MAIN.get(section, 1):
        return _SET[section]
    return _SET[section][:3] if section in _REFUSED and state == "down" else []


def _sections(state: str, names: list[str], alone: bool = False) -> list[tuple[str, list[str]]]:
    """What to ask of cards in a state: of all at once, or of one alone."""
    if state == "tests":
        return [(section, [command.format(*names) for command in commands]) for section, commands in _TESTED.items()]
    return [
        (
            f"{state} {section}",
            [
                command.replace("{device}", device).replace("{}", name)
                for number, (device, name) in enumerate(zip(_DEVICES, names, strict=True))
                for command in _commands(section, state, number)
            ],
        )
        for section in (*_SHOWN, *_SET)
        if (section == "light") == alone
    ]


def _normal(section: str, text: str, driver: Driver) -> str:
    """Without what is a matter of time, and which cards they are."""
    for number, slot in enumerate(driver.slots):
        text = text.replace(slot, f"card {number}")
    text = re.sub(r"\b[cp](\d)\b", r"card\1", text.replace(NAME, "e1000"))
    if section.endswith("statistics"):
        text = re.sub(r"(?m)^( +\w+): \d+$", r"\1", text)
        text = re.sub(r"(?m)^\d+: ", "", text)
    kind = section.partition(" ")[2]
    if kind in _SET:
        text = re.sub(r"MDI-X: \w+", "MDI-X:", text)
    fleeting = _FLEETING.get(kind, "$^")
    return "\n".join(line for line in text.splitlines() if not re.search(fleeting, line))


def _ask(drivers: list[Driver], state: str) -> list[dict[str, str]]:
    """What the drivers say, of which each is asked while the other is."""
    jobs = [driver.vm.start_call(_GUEST, repr(_sections(state, _names(driver)))) for driver in drivers]
    found = [_said(driver, state, job.wait(600)) for driver, job in zip(drivers, jobs, strict=True)]
    for driver, so_far in zip(drivers, found, strict=True):
        if state != "tests":
            # The kernel identifies one card at a time.
            so_far |= _said(driver, state, driver.vm.call(_GUEST, repr(_sections(state, _names(driver), alone=True)), timeout=600))
    return found


def _said(driver: Driver, state: str, done: Result) -> dict[str, str]:
    """What a driver's cards said to what they were asked, by section."""
    assert done.rc == 0, done.err[-4000:]
    said, took = ast.literal_eval(done.out)
    print(driver.name, state, took)
    return {section: _normal(section, text, driver) for section, text in said.items()}


def _names(driver: Driver) -> list[str]:
    """What its network devices are called."""
    return [f"{'p' if driver.path else 'c'}{number}" for number in range(len(CARDS))]


@pytest.fixture(scope="module")
def both(vm: Vm, ko: Callable[[str], Path]) -> tuple[dict[str, str], dict[str, str]]:
    """What the C driver says, and what ours does, by section."""
    needs_c_driver(vm)
    with Driver(vm, None, name="e1000", cards=range(3)) as c, Driver(vm, ko(NAME), cards=range(3, 6)) as ours:
        drivers = [c, ours]
        for slot in [*c.slots, *ours.slots]:
            c.sh(f"echo none > /sys/bus/pci/devices/{slot}/driver_override")
        c.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
        for driver in drivers:
            driver.load()
            driver.sh(";".join(f"ip link set {driver.interface(number)} name {name}" for number, name in enumerate(_names(driver))))
        down = _ask(drivers, "down")
        names = [name for driver in drivers for name in _names(driver)]
        c.sh("".join(f"ip link set {name} up; " for name in names) + "for n in $(seq 100); do [ $(cat /sys/class/net/[cp]?/carrier | grep -c 1) = 6 ] && break; sleep 0.1; done; sleep 2.5")
        up = _ask(drivers, "up")
        tests = _ask(drivers, "tests")
        lines = c.sh("cat /proc/interrupts")
    return {**down[0], **up[0], **tests[0]}, {**down[1], **up[1], **tests[1], "interrupts": lines}


def same(both: tuple[dict[str, str], dict[str, str]], section: str) -> str:
    """The section of both is the same; what it says."""
    c, ours = both
    assert ours[section].splitlines() == c[section].splitlines()
    assert ours[section]
    return ours[section]


@pytest.mark.parametrize("state", ["down", "up"])
@pytest.mark.parametrize("section", list(_SHOWN))
def test_ek20_ek35_ek40_ek42_ek43_ek44_ek49_shown(both: tuple[dict[str, str], dict[str, str]], section: str, state: str) -> None:
    """What is shown."""
    same(both, f"{state} {section}")


def test_ek07_lines_are_shared(both: tuple[dict[str, str], dict[str, str]]) -> None:
    """Cards of both drivers are on one line, and have got their links by it."""
    assert re.search(r"(?m)\bc\d,.*\bp\d", both[1]["interrupts"])


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek36_ek37_coalesce(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """Modes and microseconds: those that there are, those that are refused, and cards that have none."""
    text = same(both, f"{state} coalesce")
    assert "rx-usecs: 125" in text or "rx-usecs:\t125" in text
    assert state == "up" or "not supported" in text


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek38_rings(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """Counts are rounded; others than these two rings there are not."""
    text = same(both, f"{state} rings")
    assert re.search(r"RX:\s+48\n", text)
    assert re.search(r"TX:\s+104\n", text)


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek39_pause(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """Pauses, negotiated or not."""
    same(both, f"{state} pause")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek40_link(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """Speeds, duplexes and crossings that can be had together, and those that cannot."""
    same(both, f"{state} link")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek40_a_refused_speed_changes_nothing(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    _, ours = both
    before, after = (block for block in re.split(r"(?m)^\$ ", ours[f"{state} refused speed"]) if block.startswith("ethtool card"))
    assert before == after and "Auto-negotiation: on" in before


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek41_negotiation_and_messages(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """Negotiation is begun again; kinds of messages are switched."""
    same(both, f"{state} negotiation")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek43_writing_the_eeprom(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """With the right magic alone, and only where it is."""
    same(both, f"{state} writing")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek47_light(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """The light blinks for as long as it was asked to."""
    same(both, f"{state} light")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek48_wake(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """What may wake the machine, by model."""
    same(both, f"{state} wake")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek49_setting_registers_of_the_phy(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """What is written to the PHY changes what the driver wants of it."""
    same(both, f"{state} setting mii")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek20_ek21_features_that_change(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """Features go on and off, those that belong together together."""
    same(both, f"{state} features that change")


@pytest.mark.parametrize("section", list(_TESTED))
def test_ek45_self_test(both: tuple[dict[str, str], dict[str, str]], section: str) -> None:
    """The results that QEMU's cards have, and the port is afterwards as it was."""
    text = same(both, section)
    if section.startswith("offline"):
        assert re.search(r"Register test  \(offline\)\s+40\n", text)
        assert re.search(r"Loopback test  \(offline\)\s+13\n", text)


@pytest.mark.long
def test_ek45_offline_test_of_a_card_that_is_down(vm: Vm, ko: Callable[[str], Path]) -> None:
    """It is down afterwards."""
    needs_c_driver(vm)
    found = []
    for driver in (Driver(vm, None, name="e1000", cards=range(1)), Driver(vm, ko(NAME), cards=range(1))):
        with driver:
            driver.load()
            name = driver.interface(0)
            found.append(driver.sh(f"ethtool -t {name} offline; cat /sys/class/net/{name}/flags", check=False))
    assert found[0] == found[1]


def _counted(driver: Driver) -> list[dict[str, int]]:
    """What two cards have counted after traffic of a known amount."""
    driver.load()
    driver.connect(ipv6=False)
    # Or each is asked for again, sooner or later.
    for number in range(2):
        driver.sh(f"ip -n n{number} neigh replace 10.0.0.{2 - number} lladdr {mac(1 - number)} dev e{number} nud permanent")
    pings = "; ".join(f"ping -q -c 20 -i 0.01 -s {size} 10.0.0.2" for size in (0, 100, 1000, 1472))
    driver.sh(f"ip netns exec n0 sh -c '{pings}; ping -q -c 3 -i 0.2 -W 1 -b 10.0.0.255; ping -q -c 3 -i 0.2 -W 1 224.0.0.1; true'")
    found = []
    names = ("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "multicast", "rx_errors", "tx_errors", "rx_dropped")
    for number in range(2):
        text = driver.sh(f"ip netns exec n{number} sh -c 'ethtool -S e{number}; cd /sys/class/net/e{number}/statistics; grep . {' '.join(names)}'")
        counts = {name: int(value) for name, value in re.findall(r"^\s+(\w+): (\d+)$", text, flags=re.MULTILINE)}
        counts |= {f"software {name}": int(value) for name, value in re.findall(r"^(\w+):(\d+)$", text, flags=re.MULTILINE)}
        found.append(counts)
    return found


@pytest.fixture(scope="module")
def counted(vm: Vm, ko: Callable[[str], Path]) -> Iterator[tuple[list[dict[str, int]], list[dict[str, int]]]]:
    """The same for both drivers."""
    needs_c_driver(vm)
    found = []
    for driver in (Driver(vm, None, name="e1000", cards=range(2)), Driver(vm, ko(NAME), cards=range(2))):
        with driver:
            found.append(_counted(driver))
    yield found[0], found[1]


@pytest.mark.parametrize("number", [0, 1])
def test_ek15_ek44_counts(counted: tuple[list[dict[str, int]], list[dict[str, int]]], number: int) -> None:
    """The same traffic makes the same counts, of the device's and of the stack's."""
    c, ours = counted[0][number], counted[1][number]
    assert ours == c
    assert ours["rx_packets"] >= 80
    assert list(ours) == list(c)


def test_ek86_ek89_extra_statistics(vm: Vm, ko: Callable[[str], Path]) -> None:
    """More are shown after those of the C driver, if they were asked for; nothing interrupts ports that have nothing to do."""
    with Driver(vm, ko(NAME), cards=range(2)) as driver:
        driver.load("extra_statistics=1")
        driver.connect(ipv6=False)
        idle = driver.sh("for i in 1 2; do ip netns exec n0 ethtool -S e0 | grep interrupts; sleep 5; done").split()
        assert idle[1] == idle[3]
        driver.exchange(1_000_000, directions=((0, 1),))
        lines = driver.sh("ip netns exec n0 ethtool -S e0").splitlines()[1:]
        counts = {name.strip(): int(value) for name, value in (line.split(":") for line in lines)}
        assert list(counts)[46:] == [
            *("interrupts", "tx_contexts_kept", "tx_doorbells_kept", "rx_control_writes_kept"),
            *("rx_xdp_passed", "rx_xdp_dropped", "rx_xdp_sent", "rx_xdp_redirected", "tx_xdp_frames"),
        ]
        assert counts["interrupts"] > 0
        assert counts["rx_control_writes_kept"] > 0
