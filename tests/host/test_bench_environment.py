# SPDX-License-Identifier: GPL-2.0
"""What is recorded of the machine under test, what makes its numbers doubtful, and its governors, on made-up machines."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import environment  # noqa: E402
from benchlib.environment import EnvironmentFailed, Governor, collect, doubts, host_doubts, load  # noqa: E402

CPU = "sys/devices/system/cpu"
CONFIG = "CONFIG_SMP=y\nCONFIG_DEBUG_KERNEL=y\n# CONFIG_KASAN is not set\nCONFIG_BLK_DEV_NULL_BLK=m\n"
CPUINFO = "".join(
    f"processor\t: {number}\nmodel name\t: Fast CPU: 9000 @ 4=GHz\nmicrocode\t: 0x2f\nflags\t\t: fpu vme\n\n" for number in range(4)
)
FILES = {
    "proc/sys/kernel/osrelease": "6.1.0-56-amd64",
    "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2",
    "proc/version": "Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld "
    "(GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2",
    "proc/cmdline": "root=/dev/sda1 quiet option=with:colon",
    "proc/loadavg": "0.25 0.10 0.05 1/200 4711",
    "proc/sys/kernel/tainted": "12288",
    "proc/meminfo": "MemTotal:       16384000 kB\nMemFree:        123 kB",
    "proc/cpuinfo": CPUINFO,
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "sys/devices/system/node/node0/cpulist": "0-1",
    "sys/devices/system/node/node1/cpulist": "2-3",
    f"{CPU}/smt/active": "0",
    f"{CPU}/intel_pstate/no_turbo": "1",
    f"{CPU}/vulnerabilities/meltdown": "Not affected",
    f"{CPU}/vulnerabilities/spectre_v2": "Mitigation: Retpolines; STIBP: disabled",
    "boot/config-6.1.0-56-amd64": CONFIG,
} | {
    f"{CPU}/cpufreq/policy{number}/scaling_{name}": text
    for number in range(4)
    for name, text in (("governor", "performance"), ("driver", "intel_pstate"))
}


class Machine:
    """A made-up machine as a target; `calls` are the scripts it ran."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[str] = []
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def run(self, script: str, timeout: float = 60) -> SimpleNamespace:
        self.calls.append(script)
        assert script.startswith("root=\n")
        script = script.replace("root=\n", f"root={self.root}\n", 1)
        done = subprocess.run(["/bin/sh"], input=script, capture_output=True, text=True, timeout=timeout)
        return SimpleNamespace(rc=done.returncode, out=done.stdout, err=done.stderr)

    def governors(self) -> list[str]:
        return [(self.root / CPU / f"cpufreq/policy{number}/scaling_governor").read_text().strip() for number in range(4)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_is_described(machine: Machine) -> None:
    system = collect(machine, "metal")
    assert system.pop("fio") != ""
    assert list(system.items()) == [
        ("accelerator", "metal"),
        ("kernel", "6.1.0-56-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2"),
        ("kernel compiler", "gcc-12 (Debian 12.2.0-14) 12.2.0"),
        ("kernel configuration", hashlib.sha256(f"{CONFIG}\n".encode()).hexdigest() + " /boot/config-6.1.0-56-amd64"),
        ("kernel debug options", "none"),
        ("command line", "root=/dev/sda1 quiet option=with:colon"),
        ("tainted", "O E"),
        ("cpu", "Fast CPU: 9000 @ 4=GHz"),
        ("microcode", "0x2f"),
        ("cpus", 4),
        ("smt", "off"),
        ("numa nodes", 2),
        ("memory", "16000 MiB"),
        ("hypervisor", "no"),
        ("governor", "performance"),
        ("frequency driver", "intel_pstate"),
        ("boost", "off"),
        ("clocksource", "tsc"),
        ("transparent huge pages", "madvise"),
        ("load", 0.25),
        ("mitigation meltdown", "Not affected"),
        ("mitigation spectre_v2", "Mitigation: Retpolines; STIBP: disabled"),
    ]
    assert doubts(system, "metal") == []
    assert len(machine.calls) == 1


def test_a_machine_that_shows_nothing_is_described(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for name in FILES:
        (tmp_path / name).unlink()
    system = collect(machine, "metal")
    for name in ("accelerator", "fio", "kernel"):
        del system[name]
    assert doubts(system, "metal") == []
    assert (system.pop("governor"), system.pop("frequency driver")) == ("none", "none")
    assert set(system.values()) == {"unknown"}
    with pytest.raises(EnvironmentFailed, match="the machine under test does not answer: cat: .*/proc/loadavg"):
        load(machine)
    with Governor(machine):
        pass


def test_the_configuration_is_looked_for_in_three_places(machine: Machine) -> None:
    (machine.root / "boot/config-6.1.0-56-amd64").unlink()
    machine.write("usr/src/linux-headers-6.1.0-56-amd64/.config", "CONFIG_PROVE_LOCKING=y")
    system = collect(machine, "metal")
    assert str(system["kernel configuration"]).endswith(" /usr/src/linux-headers-6.1.0-56-amd64/.config")
    assert system["kernel debug options"] == "PROVE_LOCKING"
    (machine.root / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_DEBUG_KMEMLEAK=y\nCONFIG_KASAN=y\nCONFIG_KASAN_INLINE=y\n"))
    system = collect(machine, "metal")
    assert str(system["kernel configuration"]).endswith(" /proc/config.gz")
    assert doubts(system, "icount")[-1] == "it is a debug kernel: KASAN DEBUG_KMEMLEAK"
    (machine.root / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_DEBUG_KMEMLEAK=y\nCONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF=y\n"))
    assert collect(machine, "metal")["kernel debug options"] == "none"
    (machine.root / "proc/config.gz").write_text("not compressed")
    assert collect(machine, "metal")["kernel configuration"] == "unknown"


def test_kernels_built_by_clang_are_read(machine: Machine) -> None:
    machine.write("proc/version", "Linux version 6.1 (me@here) (Debian clang version 14.0.6, LLD 14.0.6) #1")
    assert collect(machine, "kvm")["kernel compiler"] == "Debian clang version 14.0.6"


METAL = ("metal",)
TIMED = ("metal", "kvm", "tcg")
ALL = ("metal", "kvm", "tcg", "icount")


@pytest.mark.parametrize(
    ("path", "text", "accels", "said"),
    [
        (f"{CPU}/cpufreq/policy2/scaling_governor", "schedutil", METAL,
         "the CPUs' frequency governor is performance, schedutil, not performance: their speed follows the load"),
        (f"{CPU}/intel_pstate/no_turbo", "0", METAL, "boost is on: the CPUs' speed depends on heat and on what the other CPUs do"),
        (f"{CPU}/smt/active", "1", METAL, "SMT is on: two threads share a core, and one slows the other"),
        ("proc/cpuinfo", "processor : 0\nflags : fpu hypervisor vme", METAL,
         "the machine is itself a virtual one: its hypervisor and neighbours share in the times"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet", ("metal", "kvm"),
         "the clock is read from hpet, as if the CPU's own were unstable: times are coarse"),
        ("proc/loadavg", "2.01 0.1 0.1 1/2 3", TIMED, "the load average is 2.01 on 4 CPUs: something else runs"),
        ("proc/cmdline", "ro mitigations=auto,nosmt", ALL,
         "mitigations are neither the kernel's defaults nor all off: mitigations=auto,nosmt"),
        ("proc/cmdline", "nopti spectre_v2=off ro", ALL,
         "mitigations are neither the kernel's defaults nor all off: nopti spectre_v2=off"),
        ("boot/config-6.1.0-56-amd64", "CONFIG_KASAN=y\nCONFIG_LOCKDEP=y", ALL, "it is a debug kernel: KASAN LOCKDEP"),
        ("proc/sys/kernel/tainted", "4736", ALL, "the kernel is tainted (D W): see Documentation/admin-guide/tainted-kernels.rst"),
    ],
)  # fmt: skip
def test_each_doubt_is_said_where_it_matters(machine: Machine, path: str, text: str, accels: tuple[str, ...], said: str) -> None:
    machine.write(path, text)
    emulated = {"icount": "emulated: instructions are counted, and instructions are not time",
                "tcg": "emulated: times are those of an emulator, and say little about hardware"}  # fmt: skip
    for accel in ALL:
        expected = [emulated[accel]] if accel in emulated else []
        assert doubts(collect(machine, accel), accel) == expected + [said] * (accel in accels)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("proc/loadavg", "2.00 3.00 4.00 1/2 3"),
        ("proc/cmdline", "mitigations=off"),
        ("proc/cmdline", "mitigations=auto"),
        ("proc/sys/kernel/tainted", "0"),
    ],
)
def test_what_is_usual_is_no_doubt(machine: Machine, path: str, text: str) -> None:
    machine.write(path, text)
    assert doubts(collect(machine, "metal"), "metal") == []


def test_boost_is_read_from_either_file(machine: Machine) -> None:
    (machine.root / CPU / "intel_pstate/no_turbo").unlink()
    assert collect(machine, "metal")["boost"] == "unknown"
    for text, said in (("1", "on"), ("0", "off")):
        machine.write(f"{CPU}/cpufreq/boost", text)
        assert collect(machine, "metal")["boost"] == said


def test_the_host_of_a_timed_guest_has_doubts_of_its_own(machine: Machine) -> None:
    machine.write(f"{CPU}/smt/active", "1")
    host = collect(machine, "metal")
    for accel, count in (("kvm", 1), ("tcg", 1), ("icount", 0), ("metal", 0)):
        assert host_doubts(host, accel) == ["host: SMT is on: two threads share a core, and one slows the other"] * count


def test_load_is_the_first_minute(machine: Machine) -> None:
    assert load(machine) == 0.25
    machine.write("proc/loadavg", "nonsense")
    with pytest.raises(EnvironmentFailed, match="has no readable /proc/loadavg"):
        load(machine)


def test_governors_are_set_and_put_back_each_as_it_was(machine: Machine) -> None:
    before = ["powersave", "schedutil", "performance", "powersave"]
    set_governors(machine, before)
    with Governor(machine):
        assert machine.governors() == ["performance"] * 4
    assert machine.governors() == before
    with pytest.raises(KeyboardInterrupt), Governor(machine):
        raise KeyboardInterrupt
    assert machine.governors() == before


def test_a_governor_that_is_refused_undoes_the_others(machine: Machine) -> None:
    set_governors(machine, ["powersave"] * 4)
    refuse(machine, 2)
    with pytest.raises(EnvironmentFailed, match="cannot set the frequency governor performance of policy2"):
        Governor(machine).__enter__()
    assert [machine.governors()[number] for number in (0, 1, 3)] == ["powersave"] * 3


def test_a_governor_that_cannot_be_put_back_does_not_stop_the_others(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    set_governors(machine, ["powersave"] * 4)
    with Governor(machine):
        refuse(machine, 1, "performance")
    assert [machine.governors()[number] for number in (0, 2, 3)] == ["powersave"] * 3
    assert capsys.readouterr().err == "the frequency governor of policy1 could not be put back to powersave\n"


def test_a_machine_that_is_gone_is_reported_when_governors_are_put_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(script: str, timeout: float = 60) -> SimpleNamespace:
        return SimpleNamespace(rc=255, out="", err="ssh: connection lost\n")

    machine.write(f"{CPU}/cpufreq/policy3/scaling_governor", "powersave")
    with Governor(machine):
        monkeypatch.setattr(machine, "run", gone)
    assert capsys.readouterr().err == (
        "the frequency governor of policy3 could not be put back to powersave: "
        "the machine under test does not answer: ssh: connection lost\n"
    )
    with pytest.raises(EnvironmentFailed, match="does not answer: ssh: connection lost"):
        collect(machine, "metal")


def test_an_interrupt_while_governors_are_put_back_does_not_leave_them(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    set_governors(machine, ["powersave"] * 4)
    run = machine.run

    def interrupted(script: str, timeout: float = 60) -> SimpleNamespace:
        monkeypatch.setattr(machine, "run", run)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Governor(machine):
        monkeypatch.setattr(machine, "run", interrupted)
    assert machine.governors() == ["powersave"] * 4


def set_governors(machine: Machine, governors: list[str]) -> None:
    for number, governor in enumerate(governors):
        machine.write(f"{CPU}/cpufreq/policy{number}/scaling_governor", governor)


def refuse(machine: Machine, number: int, governor: str = "powersave") -> None:
    """Makes one policy keep its governor: what is written to it goes nowhere, even for root."""
    file = machine.root / CPU / f"cpufreq/policy{number}/scaling_governor"
    file.unlink()
    folder = machine.root / "bin"
    folder.mkdir(exist_ok=True)
    run = machine.run

    def with_stubborn_file(script: str, timeout: float = 60) -> SimpleNamespace:
        file.unlink(missing_ok=True)
        if script == environment._READ_GOVERNORS:
            file.write_text(governor + "\n")
        else:
            file.symlink_to("/dev/null")
        return run(script, timeout)

    machine.run = with_stubborn_file  # type: ignore[method-assign]
    file.write_text(governor + "\n")
