# SPDX-License-Identifier: GPL-2.0
"""What debugfs shows of a port's rings, and that it may be read whatever happens to the port."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e1000 import NAME, Driver, guest_fixture, mac

from vmlib import Vm

vm = guest_fixture(["e1000", "e1000-82545em"])
_GUEST = Path(__file__).with_name("e1000_rings_guest.py")
_TOP = f"/sys/kernel/debug/{NAME}"
_DONE = 1 << 32


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    """The driver with both cards connected, and nothing that they would say by themselves."""
    with Driver(vm, ko(NAME)) as driver:
        driver.load()
        connect(driver)
        yield driver


def connect(drv: Driver) -> None:
    drv.connect(ipv6=False)
    for number in range(2):
        drv.sh(f"ip -n n{number} neigh replace 10.0.0.{2 - number} lladdr {mac(1 - number)} dev e{number} nud permanent")


def ring(drv: Driver, number: int, name: str) -> dict[str, Any]:
    """A ring; empty if the port is closed."""
    done = drv.vm.call(_GUEST, "read", f"{_TOP}/{drv.slots[number]}/{name}_ring")
    assert done.rc == 0, done.err[-2000:]
    return ast.literal_eval(done.out) or {}


@pytest.mark.slow
def test_ek93_rings_are_shown(drv: Driver) -> None:
    """Each descriptor, where the driver and the device are, and that as it should be after frames were sent; to root alone."""
    folder = f"{_TOP}/{drv.slots[0]}"
    assert drv.sh(f"cd {folder} && stat -c '%n %a' *").splitlines() == ["rx_ring 400", "tx_ring 400"]
    assert drv.vm.run(f"chmod 755 /sys/kernel/debug; setpriv --reuid=1000 --regid=1000 --clear-groups sh -c 'ls {folder} && cat {folder}/tx_ring'").rc != 0
    drv.sh("chmod 700 /sys/kernel/debug")
    tx, rx = ring(drv, 0, "tx"), ring(drv, 0, "rx")
    assert tx["count"] == rx["count"] == 256
    assert drv.lost(0, "10.0.0.2", count=20) == ""
    time.sleep(0.5)
    for name, before in (("tx", tx), ("rx", rx)):
        now = ring(drv, 0, name)
        assert now["at"] == before["at"] and 0 < now["at"] < 1 << 32
        # One descriptor for each, and nobody has said anything else. If an answer was late, there were as many again.
        where = "use" if name == "tx" else "clean"
        assert (now[where] - before[where]) % 256 in (20, 40)
        assert now["tail"] == now["use"]
        assert now["head"] == now["clean"], "the device is as far as we are"
        if name == "tx":
            assert now["use"] == now["clean"] and now["marks"] == {now["use"]: "NTC/U"}
            assert all(now["high"][(now["use"] - i) % 256] & _DONE for i in range(1, 20))
        else:
            # One stays without a buffer.
            assert (now["use"] - now["clean"]) % 256 == 255
            assert now["marks"] == {now["use"]: "NTU", now["clean"]: "NTC"}
            assert len({address for i, address in enumerate(now["low"]) if i != now["use"] and address}) >= 128
    for sizes in ((48, 4096), (4096, 48)):
        drv.sh(f"ip netns exec n0 ethtool -G e0 tx {sizes[0]} rx {sizes[1]}")
        assert (ring(drv, 0, "tx")["count"], ring(drv, 0, "rx")["count"]) == sizes
    drv.sh("ip -n n0 link set e0 down")
    assert ring(drv, 0, "tx") == ring(drv, 0, "rx") == {}
    # Who has it open does not keep the driver.
    kept = drv.vm.call(_GUEST, "keep", f"{folder}/tx_ring", f"/sys/bus/pci/drivers/{NAME}/unbind", drv.slots[0])
    assert kept.out.strip() == "'Input/output error'", kept.out + kept.err
    assert drv.sh(f"ls {_TOP}").split() == [drv.slots[1]]
    drv.sh(f"rmmod {NAME}; [ ! -e {_TOP} ] && insmod {drv.path}")


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.long)])
def test_ek93_readers_while_everything_changes(drv: Driver, times: int) -> None:
    """Ports are closed and opened, get other rings, sleep in resets, and go, while some read: each text is whole, and nobody waits."""
    slot = drv.slots[1]
    drv.sh("rm -f /run/stop")
    readers = [drv.vm.start_call(_GUEST, "watch", f"{_TOP}/{slot}", "/run/stop") for _ in range(3)]
    flood = drv.vm.start("ip netns exec n0 ping -f -w 120 10.0.0.2 > /dev/null")
    time.sleep(1)
    steps = [
        "for i in 1 2 3 4 5; do ip link set e1 down; sleep 0.1; ip link set e1 up; done",
        "for i in 1 2 3; do ethtool -G e1 rx 4096 tx 4096; ethtool -G e1 rx 48 tx 48; ethtool -G e1 rx 256 tx 256; done",
        "for i in 1 2 3; do ip link set e1 mtu 9000; ip link set e1 mtu 1500; done; ethtool -t e1 offline",
    ]
    for step in steps * times:
        drv.vm.run(["ip", "netns", "exec", "n1", "sh", "-c", step], 120)
    drv.sh(f"cd /sys/bus/pci/drivers/{NAME}; for i in $(seq {5 * times}); do echo {slot} > unbind; sleep 0.1; echo {slot} > bind; ip link set $(ls ../../devices/{slot}/net) up; sleep 0.1; done", 60 + 60 * times)
    drv.sh("touch /run/stop")
    flood.kill()
    total = {"whole": 0, "closed": 0, "gone": 0}
    for reader in readers:
        done = reader.wait(60)
        assert done.rc == 0, done.err[-2000:]
        found = ast.literal_eval(done.out)
        assert found["wrong"] == "", found
        total = {name: count + found[name] for name, count in total.items()}
    print(f"{drv.vm.release}: {total}")
    assert all(count > 0 for count in total.values()), total
