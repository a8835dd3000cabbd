# SPDX-License-Identifier: GPL-2.0
"""The protocol, row by row: each case of tests/binder is a test of its own here. CXXRT_DRIVER=c: against the C module.

CXXRT_FUZZ_SECONDS (default 10) is the time of the fuzzer, CXXRT_FUZZ_SEED the seed of a run to do again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import pytest
from binder import PROGRAMS, Binder, build, cases, path_of
from nullblk import LANGUAGE
from vmlib import PROJECT, Vm

SECONDS = float(os.environ.get("CXXRT_FUZZ_SECONDS", "10"))
CYCLES = int(os.environ.get("CXXRT_CYCLES", "30"))
EVENTS = """ioctl ioctl_done write_done read_done lock locked unlock wait_for_work txn_latency_free transaction transaction_received transaction_node_to_ref
transaction_ref_to_node transaction_ref_to_ref transaction_fd_send transaction_fd_recv transaction_alloc_buf transaction_buffer_release
transaction_failed_buffer_release transaction_update_buffer_release update_page_range alloc_lru_start alloc_lru_end free_lru_start free_lru_end
alloc_page_start alloc_page_end unmap_user_start unmap_user_end unmap_kernel_start unmap_kernel_end command return""".split()


@pytest.fixture(scope="module")
def vm(release: str) -> Iterator[Vm]:
    """A guest of its own: the C driver stays in one for ever."""
    build()
    with Vm(release, smp=2, mem=1024, cwd=PROJECT) as guest:
        yield guest


@pytest.fixture
def binder(vm: Vm, release: str) -> Binder:
    """The driver under test, loaded."""
    driver = Binder(vm, path_of(release))
    loaded = driver.load()
    assert loaded.rc == 0, loaded.err
    driver.log()
    return driver


def _test(case: str) -> Callable[[Binder], None]:
    def test(binder: Binder) -> None:
        done = binder.run("binder_test", f"--gtest_filter=Binder.{case}")
        if "[  SKIPPED ]" in done.out:
            pytest.skip(next((line for line in done.out.splitlines() if line.startswith("skip: ")), "skip: ")[6:])
        assert done.rc == 0 and "[  PASSED  ] 1 test" in done.out, done.out[-6000:] + done.err[-2000:]

    return test


for _name, _case in cases().items():
    globals()[_name] = _test(_case)


# Cases that a 32-bit program does as well: all layouts go through it.
COMPAT = ["Bd02*", "Bd03*", "Bd08*", "Bd09*", "Bd12*", "Bd13*", "Bd22*", "Bd35*", "Bd37*", "Bd38*", "Bd45*"]


def test_bd69_32_bit_programs(binder: Binder) -> None:
    """A 32-bit program has the same layouts."""
    if not (PROGRAMS / "binder_test32").exists():
        pytest.skip("g++-multilib is not installed")
    done = binder.run("binder_test32", "--gtest_filter=" + ":".join(f"Binder.{case}" for case in COMPAT), timeout=600)
    assert done.rc == 0 and "[  PASSED  ]" in done.out, done.out[-6000:] + done.err[-2000:]


def test_bd01_a_node_for_each_name(binder: Binder) -> None:
    """Each name of `devices` is a node that root alone may open."""
    for name in binder.devices:
        assert binder.vm.run(["stat", "-c", "%F %a %U", f"/dev/{name}"], check=True).out == "character special file 600 root\n"
    assert binder.vm.run(["cat", f"/sys/module/{binder.module}/parameters/devices"], check=True).out == ",".join(binder.devices) + "\n"


def test_bd63_masks_choose_what_is_logged(binder: Binder) -> None:
    """A free of a buffer that is not there is a user error, bit 0 of debug_mask."""
    mask = f"/sys/module/{binder.module}/parameters/debug_mask"
    assert binder.vm.run(["cat", mask], check=True).out == "7\n"
    found = []
    for value in ("6", "7"):
        binder.vm.run(f"echo {value} > {mask}; sleep 6", check=True)  # Past the interval of the rate limit.
        binder.log()
        assert binder.run("binder_test", "--gtest_filter=Binder.Bd10FreesThat*").rc == 0
        found.append(any("BC_FREE_BUFFER" in line and "no match" in line for line in binder.log()))
    assert found == [False, True]


def test_bd70_failed_ioctls_are_logged(binder: Binder) -> None:
    """With pid, thread, code and errno."""
    binder.vm.run("sleep 6")
    assert binder.run("binder_test", "--gtest_filter=Binder.Bd02*").rc == 0
    said = binder.log()
    assert any(" ioctl 40086203 " in line and line.endswith("returned -22") for line in said), said[-30:]


@pytest.mark.xfail(LANGUAGE != "c", reason="binder_cpp has no trace events yet", strict=True)
def test_bd68_trace_events(binder: Binder) -> None:
    """33 of them, by the C driver's names."""
    listed = binder.vm.run("mountpoint -q /sys/kernel/tracing || mount -t tracefs t /sys/kernel/tracing; cd /sys/kernel/tracing/events; ls -d binder*/binder_*", check=True).out
    folders = {line.split("/")[0] for line in listed.split()}
    folder = "binder_cpp" if "binder_cpp" in folders else "binder"
    assert sorted(line.split("/")[1] for line in listed.split() if line.startswith(f"{folder}/")) == sorted(f"binder_{name}" for name in EVENTS)


@pytest.mark.long
def test_bd17_fuzzed(binder: Binder) -> None:
    """Processes that send each other spoiled commands and die: no errno that none may have, nothing left."""
    seed = int(os.environ.get("CXXRT_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"CXXRT_FUZZ_SEED={seed}")
    done = binder.run(
        "binder_fuzz", "--seconds", str(SECONDS), "--seed", str(seed), "--device", f"/dev/{binder.devices[2]}", "--stats", f"{binder.debugfs}/stats", timeout=SECONDS + 120
    )  # fmt: skip
    print(done.out)
    assert done.rc == 0, done.out + done.err


def test_binder_tool_measures(binder: Binder) -> None:
    """The benchmark's program does what it says, for several pairs and payloads."""
    for size, pairs in ((0, 1), (4096, 2), (131072, 2)):
        done = binder.run("binder_tool", "bench", "--device", f"/dev/{binder.devices[0]}", "--size", str(size), "--pairs", str(pairs), "--count", "50", "--latency", "1")
        assert done.rc == 0 and f'"round_trips": {50 * pairs},' in done.out, done.out + done.err


@pytest.mark.long
def test_bd76_unloads_when_nothing_is_open(binder: Binder) -> None:
    """Never with an open; the C driver cannot go at all."""
    if binder.is_c:
        pytest.skip("the C driver cannot be unloaded")
    opened = binder.vm.start(f"exec sleep 1000 < /dev/{binder.devices[0]}")
    binder.vm.run(["sleep", "1"])
    assert binder.unload().rc != 0
    opened.kill()
    opened.wait()
    binder.vm.run(["sleep", "1"])
    for _ in range(CYCLES):
        gone = binder.unload()
        assert gone.rc == 0, gone.err
        assert binder.vm.run(["test", "-e", f"/dev/{binder.devices[0]}"]).rc != 0
        back = binder.load()
        assert back.rc == 0, back.err
    assert binder.run("binder_test", "--gtest_filter=Binder.Bd08*").rc == 0
    assert binder.unload().rc == 0
    # A name that is taken fails the load, and leaves nothing.
    assert binder.load(["binder_cpp", "null"]).rc != 0
    assert binder.vm.run(["test", "-e", "/dev/binder_cpp"]).rc != 0
