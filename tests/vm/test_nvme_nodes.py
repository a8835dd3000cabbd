# SPDX-License-Identifier: GPL-2.0
"""The nodes of controllers and namespaces in /dev: what they are called, who may do what, and that they may go at any time."""

from __future__ import annotations

import textwrap

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

pytestmark = pytest.mark.slow_on_older

CONTROLLERS = [Controller("one", (Namespace(512, 16),)), Controller("other", (Namespace(4096, 16),))]
vm = guest_fixture(CONTROLLERS)


def user(nvme: Driver, code: str, timeout: float = 60) -> str:
    """What a program in the guest prints that has all of nvme_user's names."""
    prelude = "import os, sys, errno, time, threading\nsys.path.insert(0, 'tests/vm')\nfrom nvme_user import *\n"
    done = nvme.vm.run(["python3", "-c", prelude + textwrap.dedent(code)], timeout)
    assert done.rc == 0, done.out + done.err
    return done.out.strip()


@pytest.fixture
def one(nvme: Driver) -> Driver:
    """The driver with one controller."""
    assert nvme.load() == ""
    nvme.bind("one")
    return nvme


def test_nv01_controller_has_a_node(one: Driver) -> None:
    """In a class of its own, below the PCI device; both go with the controller."""
    slot = one.slots["one"]
    assert one.sh(f"ls /sys/bus/pci/devices/{slot}/nvmecpp").split() == ["nvmecpp0"]
    major, minor = one.sh("cat /sys/class/nvmecpp/nvmecpp0/dev").strip().split(":")
    assert one.sh("stat -c '%F %t %T' /dev/nvmecpp0").strip() == f"character special file {int(major):x} {int(minor):x}"
    assert f"{major} nvmecpp" in one.sh("cat /proc/devices").splitlines()
    one.unbind("one")
    assert one.sh("ls /dev /sys/class/nvmecpp | grep nvmecpp", check=False) == "/sys/class/nvmecpp:\n"


def test_nv01_compat_names_are_the_c_drivers(nvme: Driver) -> None:
    assert nvme.load("compat_names=1") == ""
    nvme.bind("one")
    assert nvme.sh("ls /sys/class/nvme").split() == ["nvme0"]
    assert nvme.sh("stat -c %F /dev/nvme0").strip() == "character special file"


def test_nv72_who_may_reset_and_rescan(one: Driver) -> None:
    """Root; SUBSYS_RESET only where there is one; what is unknown is ENOTTY."""
    said = user(
        one,
        """
        os.chmod('/dev/nvmecpp0', 0o666)
        with opened('/dev/nvmecpp0') as fd:
            print([ioctl(fd, c)[0] for c in (RESET, RESCAN, SUBSYS_RESET, ID, number(0, 0, 0x7f))])
            print([as_nobody(lambda c=c: ioctl(fd, c)[0]) for c in (RESET, RESCAN, SUBSYS_RESET)])
        """,
    )
    assert said.splitlines() == ["[0, 0, -25, -25, -25]", "['-13', '-13', '-13']"]
    assert "nvmecpp0: resetting controller" in one.log()
    one.verify("nvmecpp0n1", "--bs=4k", "--size=1M")


def test_nv72_open_while_resetting_would_block(one: Driver) -> None:
    """While a reset takes its time, also for another reset."""
    said = user(
        one,
        """
        fd, seen = os.open('/dev/nvmecpp0', os.O_RDWR), set()
        def resets():
            for _ in range(3):
                assert ioctl(fd, RESET)[0] == 0
        thread = threading.Thread(target=resets)
        thread.start()
        while thread.is_alive():
            try:
                os.close(os.open('/dev/nvmecpp0', os.O_RDWR))
                seen.add('open')
            except OSError as error:
                seen.add(errno.errorcode[error.errno])
                seen.add(errno.errorcode.get(-ioctl(fd, RESET)[0]))
        thread.join()
        print(*sorted(filter(None, seen)))
        """,
    )
    assert {"EAGAIN", "EBUSY"} <= set(said.split())


@pytest.mark.slow
def test_nv31_file_open_while_its_controller_goes(one: Driver) -> None:
    """Operations fail with ENODEV then; the module stays until it is closed; another controller may have the name."""
    one.sh("exec 9</dev/nvmecpp0; (exec 9<&9; sleep 1000) >/dev/null 2>&1 & echo $! > /run/holder")
    one.unbind("one")
    said = user(
        one,
        f"""
        holder = open('/run/holder').read().strip()
        assert not os.path.exists('/dev/nvmecpp0')
        open('/sys/bus/pci/drivers/nvme_cpp/bind', 'w').write('{one.slots["one"]}')
        fd = os.open('/dev/nvmecpp0', os.O_RDWR)
        open('/sys/bus/pci/drivers/nvme_cpp/unbind', 'w').write('{one.slots["one"]}')
        print([ioctl(fd, c)[0] for c in (RESET, RESCAN, SUBSYS_RESET, ID)])
        """,
    )
    assert said == "[-19, -19, -19, -19]"
    assert one.vm.run("rmmod nvme_cpp").rc != 0
    one.sh("kill $(cat /run/holder)")
    one.wait_for("rmmod nvme_cpp", 30)
