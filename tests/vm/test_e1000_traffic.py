# SPDX-License-Identifier: GPL-2.0
"""Frames between two cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, mac

from vmlib import Vm

_SERVER = """import socket, sys
with socket.create_server((sys.argv[1], 5000)) as listener, open("/run/got", "wb") as file:
    peer = listener.accept()[0]
    while data := peer.recv(65536):
        file.write(data)
"""
_CLIENT = """import socket, sys, time
for _ in range(100):
    try:
        peer = socket.create_connection((sys.argv[1], 5000))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
with peer, open("/run/sent", "rb") as file:
    peer.sendfile(file)
"""

vm = guest_fixture(["e1000", "e1000-82545em"])


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def test_ek01_ek02_cards_become_network_devices(drv: Driver):
    """A card is a network device with the address that its EEPROM has."""
    drv.load()
    for number in range(2):
        name = drv.interface(number)
        assert drv.sh(f"cat /sys/class/net/{name}/address").strip() == mac(number)


def test_ek03_ek04_ping(drv: Driver):
    """Once the link is up, every ping is answered, of every size that fits one frame."""
    drv.load()
    drv.connect()
    assert any("NIC Link is Up 1000 Mbps Full Duplex" in line for line in drv.log())
    for size in (0, 1, 17, 18, 46, 255, 256, 257, 1000, 1471, 1472):
        for source, target in ((0, 2), (1, 1)):
            out = drv.sh(f"ip netns exec n{source} ping -c 5 -i 0.02 -W 2 -s {size} 10.0.0.{target}")
            assert " 0% packet loss" in out, f"{size} bytes\n{out}"


def test_ek05_tcp(drv: Driver):
    """What TCP carries arrives as it was sent, in both directions."""
    drv.load()
    drv.connect()
    drv.sh("head -c 20000000 /dev/urandom > /run/sent")
    for sender, receiver in ((0, 1), (1, 0)):
        address = f"10.0.0.{receiver + 1}"
        server = drv.vm.start(["ip", "netns", "exec", f"n{receiver}", "python3", "-c", _SERVER, address])
        assert drv.vm.run(["ip", "netns", "exec", f"n{sender}", "python3", "-c", _CLIENT, address], 90, check=True).rc == 0
        assert server.wait(60).rc == 0
        drv.sh("cmp /run/sent /run/got")
