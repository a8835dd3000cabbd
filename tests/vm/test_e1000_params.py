# SPDX-License-Identifier: GPL-2.0
"""Parameters: what they set, what is refused, and the lines about it, as with the C driver in the same guest."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, needs_c_driver

from vmlib import Vm

CARDS = ["e1000", "e1000-82545em", "e1000-82544gc"]
vm = guest_fixture(CARDS)
pytestmark = pytest.mark.long

# Each is for three cards; what the last gets is often nothing.
_SETS = [
    "TxDescriptors=80,47,4097 RxDescriptors=4096,100 XsumRX=0,1,2 FlowControl=0,1,2 TxIntDelay=0,65535,65536 InterruptThrottleRate=0,1,3 copybreak=0",
    "TxDescriptors=0,-5,-1 RxDescriptors=49,48,12345 FlowControl=3,4,255 TxAbsIntDelay=0,65535,-2 InterruptThrottleRate=4,2,99 Speed=10,100,1000 Duplex=1,2,0",
    "Speed=10,100,1000 Duplex=2,1,1 RxIntDelay=0,0,-1 RxAbsIntDelay=0,65535,65536 InterruptThrottleRate=100,100000,100001 debug=16",
    "Speed=10,100,0 SmartPowerDownEnable=0,1,2 AutoNeg=0x20,0x08,0x03 InterruptThrottleRate=8000,8003,-1 copybreak=500",
    "Speed=7,1000,0 Duplex=0,2,3 AutoNeg=0x2f,0x10,0x0f",
    "Duplex=1,2,0 AutoNeg=0x21,0x01,0x40",
    "AutoNeg=-1,0x0a,0x25 debug=0",
]


def _setup(driver: Driver, parameters: str) -> tuple[list[str], str]:
    """The lines at load, and what ethtool says of the cards then."""
    driver.log()
    driver.load(parameters)
    lines = [line for line in driver.log() if not re.search(r"Copyright|NIC Link", line)]
    # Names of network devices depend on what was there before.
    lines = [re.sub(r"^eth\d+: ", "", line).replace(NAME, "e1000") for line in lines]
    text = ""
    for number in range(len(CARDS)):
        name = driver.interface(number)
        shown = driver.sh(f"ip link set {name} up; ethtool -g {name}; ethtool -c {name} 2>&1 | grep -e rx-usecs: -e support; ethtool -a {name}; ethtool {name}; ethtool -d {name} raw on | od -An -tx4 -w4 | sed -n '7p;8p;12p'; cat /sys/module/{driver.name}/parameters/copybreak; ls /sys/module/{driver.name}/parameters")
        text += "\n".join(line for line in shown.replace(name, "eth").splitlines() if not re.search("Speed:|Duplex:|Link detected|negotiated", line)) + "\n"
    return lines, text


@pytest.mark.parametrize("parameters", _SETS)
def test_ek17_ek19_ek36_as_the_c_driver(vm: Vm, ko: Callable[[str], Path], parameters: str) -> None:
    """The same lines, and the same settings after them."""
    needs_c_driver(vm)
    found = []
    for driver in (Driver(vm, None, name="e1000"), Driver(vm, ko(NAME))):
        with driver:
            found.append(_setup(driver, parameters))
    assert found[1][0] == found[0][0]
    assert found[1][1] == found[0][1]


@pytest.mark.parametrize("parameters", ["TxDescriptors=x", "TxDescriptors=" + ",".join(["80"] * 34), "copybreak=-1", "debug=one"])
def test_ek17_what_is_no_number_fails_the_load(vm: Vm, ko: Callable[[str], Path], parameters: str) -> None:
    """As is too many of them."""
    needs_c_driver(vm)
    for path in ("modprobe e1000", f"insmod {ko(NAME)}"):
        assert vm.run(f"{path} {parameters}", 60).rc != 0
    assert vm.run(f"insmod {ko(NAME)} TxDescriptors=" + ",".join(["80"] * 33), 60).rc == 0
    vm.run(f"rmmod {NAME}", check=True)


def test_ek18_boards_beyond_the_last_have_defaults(vm: Vm, ko: Callable[[str], Path]) -> None:
    """Boards are counted as they are found; from the 33rd on nothing is set for them."""
    with Driver(vm, ko(NAME)) as driver:
        driver.load("TxDescriptors=" + ",".join(["80"] * 32))
        slot = driver.slots[0]
        for _ in range(30):
            driver.sh(f"echo {slot} > /sys/bus/pci/drivers/{NAME}/unbind; echo {slot} > /sys/bus/pci/drivers/{NAME}/bind")
        lines = driver.log()
        assert any("Warning: no configuration for board #32 using defaults for all values" in line for line in lines)
        assert not any("board #31" in line for line in lines)
        assert re.search(r"TX:\s+256\n$", driver.sh(f"ethtool -g {driver.interface(0)} | grep TX: ") or "")


@pytest.mark.parametrize("length", [0, 256, 2000])
@pytest.mark.parametrize("mtu", [1500, 9000])
def test_ek19_ek31_copybreak(vm: Vm, ko: Callable[[str], Path], length: int, mtu: int) -> None:
    """Whatever is copied arrives; it can be changed while frames come in."""
    with Driver(vm, ko(NAME)) as driver:
        driver.load()
        driver.connect()
        for number in range(2):
            driver.sh(f"ip -n n{number} link set e{number} mtu {mtu}")
        driver.await_link()
        driver.sh(f"echo {length} > /sys/module/{NAME}/parameters/copybreak")
        assert driver.sh(f"cat /sys/module/{NAME}/parameters/copybreak").strip() == str(length)
        for size in (0, 200, 213, 214, 215, 300, 1472):
            assert " 0% packet loss" in driver.sh(f"ip netns exec n0 ping -c 3 -i 0.02 -W 3 -p 5a -s {size} 10.0.0.2"), size
        driver.exchange(1_000_000, directions=((0, 1),))
