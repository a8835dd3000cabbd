# SPDX-License-Identifier: GPL-2.0
"""What ethtool says of cards, and what it sets: text for text as with the C driver, in the same guest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, needs_c_driver

from vmlib import Vm

CARDS = ["e1000", "e1000-82545em", "e1000-82544gc"]
vm = guest_fixture(CARDS)
# Both drivers are asked everything in each state of the cards: minutes.
pytestmark = pytest.mark.long

# Registers of the PHY by ioctl, and registers of the card with their version, as numbers.
_NUMBERS = """
import fcntl, socket, struct, sys
SIOCETHTOOL, ETHTOOL_GREGS = 0x8946, 4
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def mii(name, command, reg=0, value=0):
    request = bytearray(struct.pack("16sHHHH16x", name.encode(), 0, reg, value, 0))
    try:
        fcntl.ioctl(s, command, request)
    except OSError as error:
        return f"error {error.errno}"
    return struct.unpack_from("HHHH", request, 16)
name, what = sys.argv[1:3]
if what == "mii":
    print("phy", mii(name, 0x8947))
    for reg in [*range(32), 33, 64 + 2]:
        print(reg, mii(name, 0x8948, reg))
elif what == "set":
    print(mii(name, 0x8949, int(sys.argv[3], 0), int(sys.argv[4], 0)))
elif what == "other":
    print(mii(name, 0x89f0))
else:
    import array
    buffer = array.array("B", struct.pack("III", ETHTOOL_GREGS, 0, 128) + bytes(128))
    fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sQ16x", name.encode(), buffer.buffer_info()[0]))
    words = struct.unpack("35I", buffer)
    print(f"version {words[1]:#x}, {words[2]} bytes")
    for number, word in enumerate(words[3:]):
        # A self-test leaves a bit of CTRL that QEMU does not reset.
        if number == 0:
            word &= ~0x80
        # Where rings are is chance.
        if number not in (4, 5, 9, 10):
            print(number, hex(word))
"""

# Each is run for each card, while it is down, and again while it is up: {} is its name.
_SHOWN = {
    "identity": ["ethtool -i {}", "ethtool -T {}", "ethtool -P {}", "ethtool -l {}", "ethtool -x {}", "ethtool --show-eee {}", "ethtool -m {}"],
    "features": ["ethtool -k {}"],
    "settings": ["ethtool {}"],
    "registers": ["python3 /run/numbers.py {} regs"],
    "eeprom": [
        *("ethtool -e {}", "ethtool -e {} offset 0 length 6", "ethtool -e {} offset 1 length 1", "ethtool -e {} offset 5 length 10"),
        *("ethtool -e {} offset 127 length 1", "ethtool -e {} offset 127 length 2", "ethtool -e {} offset 128 length 1", "ethtool -e {} length 0"),
    ],
    "statistics": ["ethtool -S {} | sed 's/:.*//'", "ip -d link show {} | grep -o 'minmtu.*maxmtu [0-9]*'"],
    "mii": ["python3 /run/numbers.py {} mii", "python3 /run/numbers.py {} other"],
}
_SET = {
    "coalesce": ["ethtool -c {}"]
    + [line for us in (0, 1, 2, 4, 5, 9, 10, 125, 333, 10000, 10001) for line in (f"ethtool -C {{}} rx-usecs {us}", "ethtool -c {} | grep rx-usecs")]
    + ["ethtool -C {} tx-usecs 10", "ethtool -C {} rx-usecs 3"],
    "rings": ["ethtool -g {}"]
    + [line for values in ("rx 10 tx 100", "tx 81", "rx 4096 tx 4096", "rx 4097", "rx-mini 5", "rx-jumbo 1", "rx 256 tx 256") for line in (f"ethtool -G {{}} {values}", "ethtool -g {}")],
    "pause": ["linked {}", "ethtool -a {}"]
    + [
        line
        for values in ("autoneg off rx on tx on", "rx off tx on", "rx off tx off", "rx on tx off", "autoneg on", "rx on tx on autoneg on")
        for line in (f"ethtool -A {{}} {values}", "linked {}", "ethtool -a {} | grep -v negotiated")
    ],
    "link": [
        line
        for values in (
            *("speed 100 duplex full autoneg off", "speed 10 duplex half autoneg off", "speed 1000 duplex half autoneg off", "speed 1000 duplex full autoneg off"),
            *("speed 2500 duplex full autoneg off", "advertise 0x3 autoneg on", "advertise 0x20", "advertise 0x10", "mdix on", "mdix off", "mdix auto"),
            *("mdix on speed 100 duplex full autoneg off", "autoneg on mdix auto", "advertise 0x2f autoneg on", "port fibre", "phyad 3", "xcvr external"),
        )
        for line in (f"ethtool -s {{}} {values}", "ethtool {} | sed -e '/Link detected/d; /Link partner/d; /Speed:/d; /Duplex:/d; s/MDI-X: .*(/MDI-X: (/'")
    ],
    "negotiation": ["ethtool -r {}", "ethtool -s {} msglvl 0x2007", "ethtool {} | grep -A1 message", "ethtool -s {} msglvl 7"],
    "wake": [line for values in ("g", "umbg", "p", "a", "s", "gs", "d") for line in (f"ethtool -s {{}} wol {values}", "ethtool {} | grep Wake")],
    "writing": [
        *("ethtool -E {} magic 0x12345678 offset 0 value 1", "ethtool -E {} magic 0x{device}8086 offset 64 value 0x5a", "ethtool -E {} magic 0x{device}8086 offset 65 value 0x5a"),
        *("ethtool -E {} magic 0x{device}8086 offset 128 value 1", "ethtool -e {}"),
    ],
    "setting mii": [
        *("python3 /run/numbers.py {} set 0 0x0800", "python3 /run/numbers.py {} set 0 0x2100", "ethtool {} | grep -e Auto-neg -e Advertised", "python3 /run/numbers.py {} set 0 0x40"),
        *("python3 /run/numbers.py {} set 0 0x1140", "ethtool {} | grep -e Auto-neg -e Advertised", "python3 /run/numbers.py {} set 16 0x360", "python3 /run/numbers.py {} set 40 0"),
    ],
    "features that change": [
        line
        for values in ("rx on", "rx off", "rxvlan off", "rxvlan on", "txvlan off", "tx off", "tx on", "sg off", "sg on tso on", "rx-all on rx-fcs on", "rx-all off rx-fcs off", "rx-vlan-filter off")
        for line in (f"ethtool -K {{}} {values}", "ethtool -k {} | grep -v fixed")
    ],
    "light": ["timeout 5 ethtool -p {} 1"],
}


# What resets nothing is quick, and asked of every card.
_QUICK = {*_SHOWN, "coalesce", "wake", "writing"}


def _script(state: str) -> str:
    """Prints a heading before what each section says."""
    # Waits until a card that is up has a link.
    lines = ["linked() { for n in $(seq 50); do [ \"$(cat /sys/class/net/$1/carrier 2>/dev/null || echo 1)\" = 1 ] && break; sleep 0.1; done; }"]
    for section, commands in {**_SHOWN, **_SET}.items():
        lines.append(f"echo '## {state} {section}'")
        for number, device in enumerate(("100e", "100f", "100c")):
            name = f"t{number}"
            if section not in _QUICK and number != 1:
                continue
            for command in commands:
                full = command.replace("{device}", device).replace("{}", name)
                lines.append(f"echo '$' {full!r}; {full} 2>&1; echo \"= $?\"")
    return "\n".join(lines)


def _transcript(driver: Driver) -> dict[str, str]:
    """What all commands say with that driver."""
    driver.load()
    for number in range(len(CARDS)):
        driver.sh(f"ip link set {driver.interface(number)} name t{number}")
    driver.vm.run("cat > /run/numbers.py <<'EOF'\n" + _NUMBERS + "\nEOF\ncat > /run/down.sh <<'EOF'\n" + _script("down") + "\nEOF\ncat > /run/up.sh <<'EOF'\n" + _script("up") + "\nEOF\n", check=True)
    driver.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; for i in t0 t1 t2; do sysctl -qw net.ipv6.conf.$i.disable_ipv6=1; done")
    text = driver.sh("sh /run/down.sh", 300)
    driver.sh("for i in t0 t1 t2; do ip link set $i up; done; for n in $(seq 100); do [ $(cat /sys/class/net/t?/carrier | grep -c 1) = 3 ] && break; sleep 0.1; done; sleep 2.5")
    text += driver.sh("sh /run/up.sh", 400)
    text += "## offline test\n" + driver.sh("ethtool -t t1 offline; echo $?; cat /sys/class/net/t1/flags", 90)
    text += "## online test\n" + driver.sh("ethtool -t t0 online; echo $?", 60)
    driver.sh("ip link set t2 down")
    text += "## offline test of a card that is down\n" + driver.sh("ethtool -t t2 offline; echo $?; cat /sys/class/net/t2/flags", 90)
    parts = re.split(r"^## (.*)\n", text.replace(NAME, "e1000"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def both(vm: Vm, ko: Callable[[str], Path]) -> tuple[dict[str, str], dict[str, str]]:
    """What the C driver says, and what ours does, by section."""
    needs_c_driver(vm)
    # What QEMU does not reset is for both as a driver has left it.
    with Driver(vm, None, name="e1000") as driver:
        driver.load()
        driver.sh("".join(f"ip link set {driver.interface(number)} up; " for number in range(len(CARDS))) + "sleep 3")
    found = []
    for driver in (Driver(vm, None, name="e1000"), Driver(vm, ko(NAME))):
        with driver:
            found.append(_transcript(driver))
    return found[0], found[1]


def _rows(section: str) -> str:
    rows = {
        "identity": "ek35",
        "features": "ek20",
        "settings": "ek40",
        "registers": "ek42_ek70",
        "eeprom": "ek43",
        "statistics": "ek44",
        "mii": "ek49",
    }
    return rows[section]


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
    assert _rows(section)
    same(both, f"{state} {section}")


@pytest.mark.parametrize("state", ["down", "up"])
def test_ek36_ek37_coalesce(both: tuple[dict[str, str], dict[str, str]], state: str) -> None:
    """Modes and microseconds: those that there are, those that are refused, and cards that have none."""
    text = same(both, f"{state} coalesce")
    assert "rx-usecs: 125" in text or "rx-usecs:\t125" in text
    assert "not supported" in text


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


@pytest.mark.parametrize("section", ["offline test", "online test", "offline test of a card that is down"])
def test_ek45_self_test(both: tuple[dict[str, str], dict[str, str]], section: str) -> None:
    """The results that QEMU's cards have, and the port is afterwards as it was."""
    text = same(both, section)
    if section.startswith("offline"):
        assert re.search(r"Register test  \(offline\)\s+40\n", text)
        assert re.search(r"Loopback test  \(offline\)\s+13\n", text)


def _counted(driver: Driver) -> list[dict[str, int]]:
    """What two cards have counted after traffic of a known amount."""
    driver.load()
    driver.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
    driver.connect()
    for size in (0, 100, 1000, 1472):
        driver.sh(f"ip netns exec n0 ping -q -c 20 -i 0.01 -s {size} 10.0.0.2")
    driver.sh("ip netns exec n0 ping -q -c 3 -i 0.2 -b 10.0.0.255; ip netns exec n0 ping -q -c 3 -i 0.2 -W 1 224.0.0.1; true")
    found = []
    for number in range(2):
        text = driver.sh(f"ip netns exec n{number} ethtool -S e{number}; ip -n n{number} -s -s link show e{number} | tr -s ' ' ' ' > /run/ip; cat /sys/class/net/e{number}/ifindex 2>/dev/null; true")
        counts = {name: int(value) for name, value in re.findall(r"^\s+(\w+): (\d+)$", text, flags=re.MULTILINE)}
        for name in ("rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "multicast", "rx_errors", "tx_errors", "rx_dropped"):
            counts[f"software {name}"] = int(driver.sh(f"ip netns exec n{number} cat /sys/class/net/e{number}/statistics/{name}"))
        found.append(counts)
    return found


@pytest.fixture(scope="module")
def counted(vm: Vm, ko: Callable[[str], Path]) -> Iterator[tuple[list[dict[str, int]], list[dict[str, int]]]]:
    """The same for both drivers."""
    needs_c_driver(vm)
    found = []
    for driver in (Driver(vm, None, name="e1000"), Driver(vm, ko(NAME))):
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


def test_ek89_extra_statistics(vm: Vm, ko: Callable[[str], Path]) -> None:
    """More are shown after those of the C driver, if they were asked for."""
    with Driver(vm, ko(NAME)) as driver:
        driver.load("extra_statistics=1")
        driver.connect()
        driver.exchange(1_000_000, directions=((0, 1),))
        lines = driver.sh("ip netns exec n0 ethtool -S e0").splitlines()[1:]
        counts = {name.strip(): int(value) for name, value in (line.split(":") for line in lines)}
        assert list(counts)[46:] == ["interrupts", "tx_contexts_kept", "tx_doorbells_kept", "rx_control_writes_kept"]
        assert counts["interrupts"] > 0
        assert counts["rx_control_writes_kept"] > 0
