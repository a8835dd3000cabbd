# SPDX-License-Identifier: GPL-2.0
"""Parameters: what they set, what is refused, and the lines about it, as with the C driver in the same guest."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, needs_c_driver

from vmlib import Vm

pytestmark = pytest.mark.slow

CARDS = ["e1000", "e1000-82545em", "e1000-82544gc"]
# Each driver has three of them.
vm = guest_fixture(CARDS * 2, wires=2)
_GUEST = Path(__file__).with_name("e1000_guest.py")

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


def _lines(driver: Driver) -> list[str]:
    """The driver's lines since the last call. Names of network devices depend on what was there before."""
    lines = [line for line in driver.log() if not re.search(r"Copyright|NIC Link|out-of-tree|module verification|IRQ transform", line)]
    return [re.sub(r"^eth\d+: ", "", line).replace(NAME, "e1000") for line in lines]


def _questions(driver: Driver) -> list[tuple[str, list[str]]]:
    """What to ask of the cards."""
    asked = []
    for number in range(len(CARDS)):
        name = driver.interface(number)
        asked.append((name, [command.format(name) for command in ("ip link set {} up", "ethtool -g {}", "ethtool -c {}", "ethtool -a {}", "ethtool {}", "registers {}")]))
    return asked


@pytest.mark.parametrize("parameters", _SETS)
def test_ek17_ek19_ek36_as_the_c_driver(vm: Vm, ko: Callable[[str], Path], parameters: str) -> None:
    """The same lines, and the same settings after them."""
    needs_c_driver(vm)
    with Driver(vm, None, name="e1000", cards=range(3)) as c, Driver(vm, ko(NAME), cards=range(3, 6)) as ours:
        ours.sh("; ".join(f"echo none > /sys/bus/pci/devices/{slot}/driver_override" for slot in ours.slots))
        said = []
        for driver in (c, ours):
            driver.log()
            driver.load(parameters)
            said.append(_lines(driver))
        assert said[1] == said[0]
        jobs = [vm.start_call(_GUEST, repr(_questions(driver))) for driver in (c, ours)]
        shown = []
        for job in jobs:
            done = job.wait(90)
            assert done.rc == 0, done.err[-4000:]
            text = re.sub(r"\beth\d+\b", "eth", "".join(ast.literal_eval(done.out)[0].values()))
            # Whether there is a link yet is a matter of time: so is what the device says of it.
            shown.append([line for line in text.splitlines() if not re.search("Speed:|Duplex:|Link detected|negotiated|Link partner|MDI-X: |^(0|1|7|13|17|18|20|23|24|25) 0x", line)])
            folder = f"/sys/module/{c.name if len(shown) == 1 else ours.name}/parameters"
            shown[-1] += vm.run(f"ls {folder}; cat {folder}/copybreak", check=True).out.split()
        assert shown[1] == shown[0]


@pytest.mark.parametrize("parameters", ["TxDescriptors=x", "TxDescriptors=" + ",".join(["80"] * 34), "copybreak=-1", "debug=one"])
def test_ek17_what_is_no_number_fails_the_load(vm: Vm, ko: Callable[[str], Path], parameters: str) -> None:
    """As is too many of them."""
    needs_c_driver(vm)
    for path in ("modprobe e1000", f"insmod {ko(NAME)}"):
        assert vm.run(f"{path} {parameters}", 60).rc != 0


def test_ek17_as_many_as_the_c_driver_takes(vm: Vm, ko: Callable[[str], Path]) -> None:
    """One more than there are boards with parameters."""
    assert vm.run(f"insmod {ko(NAME)} TxDescriptors=" + ",".join(["80"] * 33), 60).rc == 0
    vm.run(f"rmmod {NAME}", check=True)


def test_ek18_boards_beyond_the_last_have_defaults(vm: Vm, ko: Callable[[str], Path]) -> None:
    """Boards are counted as they are found; from the 33rd on nothing is set for them."""
    with Driver(vm, ko(NAME), cards=range(3)) as driver:
        driver.load("TxDescriptors=" + ",".join(["80"] * 32))
        slot = driver.slots[0]
        driver.sh(f"cd /sys/bus/pci/drivers/{NAME}; for i in $(seq 30); do echo {slot} > unbind; echo {slot} > bind; done")
        lines = driver.log()
        assert any("Warning: no configuration for board #32 using defaults for all values" in line for line in lines)
        assert not any("board #31" in line for line in lines)
        assert re.search(r"TX:\s+256\n$", driver.sh(f"ethtool -g {driver.interface(0)} | grep TX: ") or "")


@pytest.mark.parametrize("mtu", [1500, pytest.param(9000, marks=pytest.mark.long)])
def test_ek19_ek31_copybreak(vm: Vm, ko: Callable[[str], Path], mtu: int) -> None:
    """Whatever is copied arrives; it can be changed while frames come in."""
    with Driver(vm, ko(NAME), cards=range(3)) as driver:
        driver.load()
        driver.connect()
        driver.sh(f"ip -n n0 link set e0 mtu {mtu} && ip -n n1 link set e1 mtu {mtu}")
        driver.await_link()
        for length in (0, 256, 2000):
            driver.sh(f"echo {length} > /sys/module/{NAME}/parameters/copybreak")
            assert driver.sh(f"cat /sys/module/{NAME}/parameters/copybreak").strip() == str(length)
            assert driver.lost(0, "10.0.0.2", (0, 200, 213, 214, 215, 1472)) == "", length
        driver.exchange(1_000_000, directions=((0, 1),))
