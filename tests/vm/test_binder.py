# SPDX-License-Identifier: GPL-2.0
"""The protocol, row by row: each case of tests/binder is a test of its own here. CXXRT_DRIVER=c: against the C module.

CXXRT_FUZZ_SECONDS (default 5) is the time of the fuzzer, CXXRT_FUZZ_SEED the seed of a run to do again.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from binder import PROGRAMS, Binder, build, cases, path_of
from nullblk import LANGUAGE
from testkernel import build_folder, let_allocations_fail
from vmlib import PROJECT, Vm
from vmlib.kernels import is_test

SHARES_GUEST = LANGUAGE != "c"
SECONDS = float(os.environ.get("CXXRT_FUZZ_SECONDS", "5"))
EVENTS = """ioctl ioctl_done write_done read_done lock locked unlock wait_for_work txn_latency_free transaction transaction_received transaction_node_to_ref
transaction_ref_to_node transaction_ref_to_ref transaction_fd_send transaction_fd_recv transaction_alloc_buf transaction_buffer_release
transaction_failed_buffer_release transaction_update_buffer_release update_page_range alloc_lru_start alloc_lru_end free_lru_start free_lru_end
alloc_page_start alloc_page_end unmap_user_start unmap_user_end unmap_kernel_start unmap_kernel_end command return""".split()


@pytest.fixture(scope="module")
def vm(vm: Vm, release: str) -> Iterator[Vm]:
    """The guest of all; the C driver, which stays for ever, has one of its own."""
    build()
    with contextlib.ExitStack() as own:
        guest = vm if SHARES_GUEST else own.enter_context(Vm(release, smp=2, mem=1024, cwd=PROJECT))
        if is_test(release):
            let_allocations_fail(guest)
        yield guest
        if SHARES_GUEST and guest.alive:
            guest.run(["rmmod", "binder_cpp"])


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
        if case.startswith("Bd83") and is_test(binder.vm.release):
            pytest.skip("it takes times, of which there are none to take here")
        done = binder.run("binder_test", f"--gtest_filter=Binder.{case}")
        if "[  SKIPPED ]" in done.out:
            pytest.skip(next((line for line in done.out.splitlines() if line.startswith("skip: ")), "skip: ")[6:])
        assert done.rc == 0 and "[  PASSED  ] 1 test" in done.out, done.out[-6000:] + done.err[-2000:]

    return test


for _name, _case in cases().items():
    globals()[_name] = _test(_case) if "bd90" in _name else pytest.mark.slow(_test(_case))


def test_all_cases_in_one_process(binder: Binder) -> None:
    """What `make test` has of those that are marked slow above, but for the ones whose failures are made on a test kernel."""
    if binder.is_c:
        pytest.skip("the C driver does not pass some, and keeps what they leave")
    done = binder.run("binder_test", "--gtest_brief=1", "--gtest_filter=-*Bd90*:*Bd83*", timeout=600)
    assert done.rc == 0 and re.search(r"\[  PASSED  \] \d\d\d? tests", done.out), done.out[-6000:] + done.err[-2000:]


# Cases that a 32-bit program does as well: all layouts go through it.
COMPAT = ["Bd02*", "Bd03*", "Bd08*", "Bd09*", "Bd12*", "Bd13*", "Bd22*", "Bd35*", "Bd37*", "Bd38*", "Bd45*", "Bd74Added*"]


@pytest.mark.slow_on_older
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_bd70_failed_ioctls_are_logged(binder: Binder) -> None:
    """With pid, thread, code and errno."""
    binder.vm.run("sleep 6")
    assert binder.run("binder_test", "--gtest_filter=Binder.Bd02*").rc == 0
    said = binder.log()
    assert any(" ioctl 40086203 " in line and line.endswith("returned -22") for line in said), said[-30:]


TRACING = "/sys/kernel/tracing"
HOOKS = ("set_context_mgr", "transaction", "transfer_binder", "transfer_file")


def _mount_tracing(vm: Vm) -> None:
    vm.run(f"mountpoint -q {TRACING} || mount -t tracefs t {TRACING}", check=True)


@pytest.mark.slow_on_older
def test_bd68_trace_events(binder: Binder) -> None:
    """33 of them, by the C driver's names; a call with a file and with nodes is told by those that are not of pages or locks."""
    _mount_tracing(binder.vm)
    listed = binder.vm.run(f"cd {TRACING}/events; ls -d binder/binder_*", check=True).out
    # Debugging kernels list each twice.
    assert sorted({line.split("/")[1] for line in listed.split()}) == sorted(f"binder_{name}" for name in EVENTS)
    binder.vm.run(f"echo 16384 > {TRACING}/buffer_size_kb; echo > {TRACING}/trace; echo 1 > {TRACING}/events/binder/enable", check=True)
    try:
        done = binder.run("binder_test", "--gtest_filter=Binder.Bd12Handles*:Binder.Bd13*:Binder.Bd35FilesArePinned*:Binder.Bd56*")
        trace = binder.vm.run(["cat", f"{TRACING}/trace"], timeout=120).out
    finally:
        binder.vm.run(f"echo 0 > {TRACING}/events/binder/enable; echo > {TRACING}/trace; echo 1408 > {TRACING}/buffer_size_kb", check=True)
    assert done.rc == 0, done.out
    told = set(re.findall(r" binder_(\w+): ", trace))
    assert set(EVENTS) - told <= {"lock", "locked", "unlock", "transaction_update_buffer_release", "transaction_failed_buffer_release"}, sorted(told)
    for text in (
        r"binder_transaction: transaction=\d+ dest_node=\d+ dest_proc=\d+ dest_thread=\d+ reply=[01] flags=0x[0-9a-f]+ code=0x[0-9a-f]+$",
        r"binder_transaction_node_to_ref: transaction=\d+ node=\d+ src_ptr=0x[0-9a-f]{16} ==> dest_ref=\d+ dest_desc=\d+$",
        r"binder_command: cmd=0x40406300 BC_TRANSACTION$",
        r"binder_return: cmd=0x720c BR_NOOP$|binder_return: cmd=0x80407202 BR_TRANSACTION$",
    ):
        assert re.search(text, trace, re.M), text


@pytest.mark.slow_on_older
def test_bd51_security_hooks(binder: Binder) -> None:
    """Each of the four is asked, with what the two files' openers were: who manages, who calls, who passes a node or a file."""
    _mount_tracing(binder.vm)
    probes = "; ".join(f"echo 'p:binder_test/{hook} security_binder_{hook} a=%di b=%si' >> {TRACING}/kprobe_events" for hook in HOOKS)
    if binder.vm.run(f"set -e; {probes}; echo 1 > {TRACING}/events/binder_test/enable; echo > {TRACING}/trace").rc:
        pytest.skip("this kernel has no kprobes")
    try:
        done = binder.run("binder_test", "--gtest_filter=Binder.Bd12Handles*:Binder.Bd13Handle*:Binder.Bd35FilesArePinned*")
        trace = binder.vm.run(["cat", f"{TRACING}/trace"], check=True).out
    finally:
        binder.vm.run(f"echo 0 > {TRACING}/events/binder_test/enable; echo > {TRACING}/kprobe_events", check=True)
    assert done.rc == 0, done.out
    calls = re.findall(r"binder_test-\d+ .* (\w+): \(\S+\) a=(0x[0-9a-f]+) b=(0x[0-9a-f]+)", trace)
    assert {hook for hook, _, _ in calls} == set(HOOKS), trace[-3000:]
    # Who opens is a process of its own for each file in these cases: two credentials.
    assert all(a != b for hook, a, b in calls if hook != "set_context_mgr"), calls


@pytest.mark.slow_on_older
def test_bd78_round_trips_allocate_nothing(binder: Binder) -> None:
    """1,000 calls more are no allocation more; the C driver's are 12 each."""
    _mount_tracing(binder.vm)
    events = " ".join(f"{TRACING}/events/kmem/{event}" for event in ("kmalloc", "kmem_cache_alloc"))
    counts = []
    for calls in (500, 1500):
        binder.vm.run(f"for event in {events}; do echo 'comm == \"binder_tool\"' > $event/filter; echo 1 > $event/enable; done; echo 32768 > {TRACING}/buffer_size_kb; echo > {TRACING}/trace")
        done = binder.run("binder_tool", "bench", "--device", f"/dev/{binder.devices[0]}", "--size", "64", "--pairs", "1", "--count", str(calls))
        counts.append(int(binder.vm.run(f"for event in {events}; do echo 0 > $event/enable; done; grep -c bytes_req {TRACING}/trace").out))
        assert done.rc == 0, done.err
    binder.vm.run(f"echo > {TRACING}/trace; echo 1408 > {TRACING}/buffer_size_kb")
    print(f"allocations: {counts}")
    assert (counts[1] - counts[0] > 5000) if binder.is_c else (abs(counts[1] - counts[0]) < 100), counts


LOCKING = ["_raw_spin_lock*", "_raw_spin_trylock*", "_raw_read_lock*", "_raw_write_lock*", "mutex_lock*", "mutex_trylock", "down_read*", "down_write*"]
PRINTING = ["*printk*", "___ratelimit", "binder_debug*", "binder_user_error*", "*Filtered*"]


def _bench(binder: Binder, *options: str) -> None:
    """Calls and replies of one pair of processes, on one CPU: how often they find each other asleep does not depend on luck."""
    done = binder.vm.run(["taskset", "1", str(PROGRAMS / "binder_tool"), "bench", "--device", f"/dev/{binder.devices[0]}", *options], timeout=120)
    assert done.rc == 0, done.err


def _traced_calls(binder: Binder, wanted: list[str], *options: str) -> Counter[str]:
    """How often the module called, or executed, each function that `wanted` names, while calls were made as `options` say."""
    _mount_tracing(binder.vm)
    filters = [name for name in binder.vm.run(["cat", f"{TRACING}/available_filter_functions"]).out.split() if any(fnmatchcase(name, text) for text in wanted)]
    if not filters:
        pytest.skip("this kernel has no function tracer")
    set_up = ["echo nop > current_tracer", "echo 65536 > buffer_size_kb", "echo 1 > options/sym-offset", f"echo '{' '.join(filters)}' > set_ftrace_filter"]
    try:
        binder.vm.run(f"cd {TRACING} && {' && '.join(set_up)} && echo function > current_tracer && echo 1 > tracing_on", check=True)
        _bench(binder, *options)
        trace = binder.vm.run(f"cd {TRACING}; echo 0 > tracing_on; grep -F '[{binder.module}]' trace", timeout=120).out
    finally:
        binder.vm.run(f"cd {TRACING}; echo nop > current_tracer; echo > set_ftrace_filter; echo 0 > options/sym-offset; echo > trace; echo 1408 > buffer_size_kb; echo 1 > tracing_on")
    return Counter(re.findall(r": (\w+)\+0x\S+(?: \[\w+\])? <-", trace))


def _calls_per_round_trip(binder: Binder, wanted: list[str]) -> Counter[str]:
    """What _traced_calls() counts for one call and its reply of 64 bytes each, of which many were done before."""
    few, many = (_traced_calls(binder, wanted, "--size", "64", "--count", str(count)) for count in (200, 700))
    each = Counter({name: (number - few[name]) / 500 for name, number in many.items() if number - few[name] >= 10})
    print("per round trip:", dict(each.most_common()))
    return each


@pytest.mark.slow
def test_bd77_few_locks(binder: Binder) -> None:
    """A call and its reply take at most 14 locks. The C driver takes 56 spin locks and more."""
    locks = _calls_per_round_trip(binder, LOCKING)
    assert locks.total() > 50 if binder.is_c else 1 <= locks.total() <= 14, locks


@pytest.mark.slow
def test_bd86_a_read_is_one_copy(binder: Binder) -> None:
    """A call and its reply are three reads and two payloads: as many copies are there whose size the compiler does not know."""
    if binder.is_c:
        pytest.skip("the C driver copies word by word, which nothing counts")
    copies = _calls_per_round_trip(binder, ["__check_object_size", "*Process*ioctl*"])["__check_object_size"]
    assert 4.5 < copies < 5.1, copies


@pytest.mark.slow
def test_bd79_nothing_that_prints_is_called(binder: Binder) -> None:
    """The C driver calls its printer twice for each lock."""
    called = _calls_per_round_trip(binder, [*PRINTING, "binder_ioctl*", "*Process*ioctl*"])
    printers = [name for name in called if any(fnmatchcase(name, text) for text in PRINTING)]
    assert len(printers) < len(called), "the trace is empty"
    assert bool(printers) == binder.is_c, called


@pytest.mark.slow
def test_bd84_pages_come_many_at_once(binder: Binder) -> None:
    """The address space is locked once for many pages; on 6.12, the C driver does it for each. What opens and maps locks some, too."""
    calls = _traced_calls(binder, ["down_write*", "vm_insert_page*"], "--size", "131072", "--count", "1")
    print(dict(calls))
    inserted = calls["vm_insert_page"] + calls["vm_insert_pages"]
    locked = calls.total() - inserted
    assert locked >= 1
    assert binder.is_c or (inserted >= 64 and locked <= inserted / 4), calls


@pytest.mark.slow
def test_bd80_pairs_share_no_lock(binder: Binder) -> None:
    """What the module locks for the calls of one pair of processes it never locks for those of the other; the C driver's share two."""
    vm = binder.vm
    _mount_tracing(vm)
    probes = [f"p:binder_test/{name} {name} lock=%di caller=$stack0" for name in ("_raw_spin_lock", "_raw_spin_trylock", "mutex_lock")]
    set_up = " && ".join(f"echo '{probe}' >> {TRACING}/kprobe_events" for probe in probes)
    if vm.run(f"{set_up} && echo 'comm == \"binder_tool\"' > {TRACING}/events/binder_test/filter && echo 32768 > {TRACING}/buffer_size_kb && echo > {TRACING}/trace").rc:
        pytest.skip("this kernel has no kprobes")
    events = f"{TRACING}/events/binder_test/enable {TRACING}/events/binder/binder_transaction/enable"
    try:
        on, off = (f"sh -c 'for event in {events}; do echo {value} > $event; done'" for value in (1, 0))
        done = binder.run("binder_tool", "bench", "--device", f"/dev/{binder.devices[0]}", "--size", "64", "--pairs", "2", "--count", "200", "--mark", on, "--end", off)
        trace = vm.run(["cat", f"{TRACING}/trace"], timeout=120).out
        base, size = vm.run(f"sed -n 's/^{binder.module} \\([0-9]*\\) .* 0x\\([0-9a-f]*\\).*/\\2 \\1/p' /proc/modules", check=True).out.split()
    finally:
        vm.run(f"for event in {events}; do echo 0 > $event; done; echo > {TRACING}/kprobe_events; echo > {TRACING}/trace; echo 1408 > {TRACING}/buffer_size_kb")
    assert done.rc == 0, done.err
    module = range(int(base, 16), int(base, 16) + int(size))
    # Between the first call and the last reply: who opens and closes the device takes its locks.
    trace = trace[trace.index("binder_transaction:") : trace.rindex("binder_transaction:")]
    locks: dict[int, set[int]] = {}
    for pid, lock, caller in re.findall(r"binder_tool-(\d+) .* lock=0x(\w+) caller=0x(\w+)", trace):
        if int(caller, 16) in module:
            locks.setdefault(int(pid), set()).add(int(lock, 16))
    pairs = {frozenset((int(a), int(b))) for a, b in re.findall(r"binder_tool-(\d+) .* binder_transaction: .* dest_proc=(\d+)", trace)}
    print({tuple(pair): len(set.union(*(locks.get(pid, set()) for pid in pair))) for pair in pairs})
    assert len(pairs) == 2, pairs
    first, second = (set.union(*(locks[pid] for pid in pair)) for pair in pairs)
    assert len(first) >= 4 and len(second) >= 4, "nothing was seen"
    shared = first & second
    print([line for line in trace.splitlines() if any(f"lock={lock:#x}" in line for lock in shared)][:8])
    assert bool(shared) == binder.is_c


@pytest.mark.slow
def test_bd82_woken_on_the_senders_cpu(binder: Binder) -> None:
    """A pair that may run on two CPUs mostly wakes on one, if that is wanted. Prints what a round trip takes then, and usually."""
    option = f"/sys/module/{binder.module}/parameters/wake_here"
    if binder.is_c or tuple(map(int, binder.vm.release.split(".")[:2])) < (6, 6):
        pytest.skip("who is woken cannot be called here")
    _mount_tracing(binder.vm)
    event = f"{TRACING}/events/sched/sched_wakeup"
    here: dict[str, int] = {}
    times: dict[str, list[int]] = {"0": [], "1": []}
    try:
        for value in times:
            binder.vm.run(f"echo {value} > {option} && echo 16384 > {TRACING}/buffer_size_kb && echo > {TRACING}/trace && echo 'comm == \"binder_tool\"' > {event}/filter", check=True)
            switched = [f"echo {on} > {event}/enable" for on in (1, 0)]
            done = binder.run("binder_tool", "bench", "--device", f"/dev/{binder.devices[0]}", "--count", "1000", "--mark", switched[0], "--end", switched[1])
            assert done.rc == 0, done.err
            woken = re.findall(r"(?:binder_tool|<\.\.\.>)-\d+ +\[(\d+)\] .* sched_wakeup: comm=binder_tool .*target_cpu=(\d+)", binder.vm.run(["cat", f"{TRACING}/trace"], timeout=120).out)
            here[value] = sum(cpu == target for cpu, target in woken)
        for _ in range(10):
            for value, taken in times.items():
                binder.vm.run(f"echo {value} > {option}", check=True)
                done = binder.run("binder_tool", "bench", "--device", f"/dev/{binder.devices[0]}", "--count", "2000", "--latency", "1")
                taken.append(int(done.out.split('"p50": ')[1].split(",")[0]))
    finally:
        binder.vm.run(f"echo 0 > {option}; echo 0 > {event}/enable; echo 0 > {event}/filter; echo > {TRACING}/trace; echo 1408 > {TRACING}/buffer_size_kb")
    print(f"{binder.vm.release}: {here} of 2000 wake-ups on the sender's CPU; medians of round trips, in ns: {times}; {statistics.median(times['1']) / statistics.median(times['0']):.2f}")
    # Who is woken before it has gone to sleep on another CPU wakes there.
    assert here["1"] > 1000 > 3 * here["0"], here


@pytest.mark.slow
def test_bd87_what_cpus_count_is_added_up(binder: Binder) -> None:
    """The totals have every call of two pairs that ran on two CPUs."""
    files = ("/run/before", "/run/after")
    mark, end = (f"cat {binder.debugfs}/stats > {file}" for file in files)
    done = binder.run("binder_tool", "bench", "--device", f"/dev/{binder.devices[0]}", "--size", "64", "--pairs", "2", "--count", "500", "--mark", mark, "--end", end)
    assert done.rc == 0, done.err
    before, after = (_statistics(binder, file) for file in files)
    counted = {name: after[name] - before.get(name, 0) for name in after}
    # Of all that took part the first file has what they did so far, the second what they did before they ended.
    assert {name: counted[name] for name in ("BC_TRANSACTION", "BC_REPLY", "BR_TRANSACTION", "BR_REPLY")} == dict.fromkeys(("BC_TRANSACTION", "BC_REPLY", "BR_TRANSACTION", "BR_REPLY"), 1000)
    assert counted["BR_TRANSACTION_COMPLETE"] == 2000, counted


def _statistics(binder: Binder, file: str) -> dict[str, int]:
    """How often each command and return there was, of all processes."""
    text = binder.vm.run(["cat", file], check=True).out.split("\nproc ")[0]
    return {name: int(value) for name, value in re.findall(r"^(B[CR]_\w+): (\d+)$", text, re.M)}


def test_bd17_fuzzed(binder: Binder) -> None:
    """Processes that send each other spoiled commands and die: no errno that none may have, nothing left."""
    if binder.is_c:
        pytest.skip("the C driver keeps files that only each other's calls keep, and with them their processes")
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


def test_bd73_without_security_modules_and_32_bit_programs(binder: Binder, release: str) -> None:
    """The kernel has neither, and the module what it has elsewhere."""
    config = (build_folder(release) / ".config").read_text()
    if "CONFIG_SECURITY=y" in config or "CONFIG_COMPAT=y" in config:
        pytest.skip("this kernel has both")
    assert binder.run("binder_test", "--gtest_filter=Binder.Bd08*:Binder.Bd12*:Binder.Bd35*").rc == 0


@pytest.mark.slow
def test_bd85_no_list_of_pages_is_touched(binder: Binder) -> None:
    """The pages of a call's buffer are counted; the C driver moves them from and to a list that all processes share."""
    lists = _calls_per_round_trip(binder, ["list_lru_*", "binder_ioctl", "*Process*ioctl*"])
    touched = sum(number for name, number in lists.items() if name.startswith("list_lru"))
    assert touched > 1 if binder.is_c else lists and not touched, lists


def _has_binderfs(vm: Vm, name: str) -> bool:
    return f"\t{name}\n" in vm.run(["cat", "/proc/filesystems"], check=True).out


def test_bd74_module_stays_while_mounted(binder: Binder) -> None:
    """It goes when nothing is mounted and no file of a mount is open, and takes the file system with it."""
    if binder.is_c:
        pytest.skip("the C driver cannot be unloaded")
    vm = binder.vm
    vm.run("mkdir -p /run/first /run/second; mount -t binder_cpp none /run/first && mount -t binder_cpp none /run/second", check=True)
    for umount in ("umount /run/first", "umount /run/second"):
        assert binder.unload().rc != 0
        vm.run(umount, check=True)
    assert binder.unload().rc == 0
    assert not _has_binderfs(vm, "binder_cpp")
    assert vm.run("mount -t binder_cpp none /run/first").rc != 0
    assert binder.load().rc == 0
    vm.run("mount -t binder_cpp none /run/first", check=True)
    opened = vm.start(f"exec sleep 1000 < /run/first/{binder.devices[0]}")
    users = f"/sys/module/{binder.module}/refcnt"
    vm.run(f"until [ $(cat {users}) -ge 2 ]; do sleep 0.1; done; umount -l /run/first", check=True)
    assert binder.unload().rc != 0
    opened.kill()
    opened.wait()
    vm.run(f"until [ $(cat {users}) = 0 ]; do sleep 0.1; done", check=True)
    assert binder.unload().rc == 0


def test_bd74_names_of_c(binder: Binder) -> None:
    """With compat_names it is `binder`, with a node of that name. One name that is too long, or taken, fails what it must."""
    if binder.is_c:
        pytest.skip("the C driver has no other names")
    vm = binder.vm
    if _has_binderfs(vm, "binder"):
        pytest.skip("this kernel has C's")
    assert binder.unload().rc == 0
    try:
        vm.run(["insmod", str(binder.path), "compat_names=1"], check=True)
        assert _has_binderfs(vm, "binder") and not _has_binderfs(vm, "binder_cpp")
        listed = vm.run("mkdir -p /run/first; mount -t binder none /run/first; ls /run/first; stat -f -c %t /run/first; umount /run/first", check=True).out
        assert listed.split() == ["binder", "binder-control", "features", "6c6f6f70"]
        assert binder.unload().rc == 0
        # A device that is called as something that each mount has: there is /dev/features, and nothing is mounted.
        vm.run(["insmod", str(binder.path), "devices=features"], check=True)
        assert vm.run("test -c /dev/features && mount -t binder_cpp none /run/first").rc != 0
        assert binder.unload().rc == 0
    finally:
        vm.run(["rmmod", binder.module])


def _built_with(option: str, release: str) -> tuple[Path, str]:
    """A module of its own that make was told something for, and the names that it takes from the kernel, as nm prints them."""
    folder = PROJECT / "build" / option.lower().replace("=", "-") / release
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Kbuild").write_text(f"include {PROJECT}/Kbuild\n")
    only = [f"CXXRT_MODULE_KBUILDS={PROJECT}/modules/binder_cpp/Kbuild", option, "CONFIG_DEBUG_INFO_BTF_MODULES="]
    made = subprocess.run(["make", "-s", "-C", build_folder(release), f"M={folder}", *only, "modules"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-3000:]
    module = folder / "binder_cpp.ko"
    return module, subprocess.run(["nm", "-u", module], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_bd74_left_out(vm: Vm, release: str) -> None:
    """CXXRT_BINDERFS=0 makes a module without it, as small as one without the C driver's option."""
    if path_of(release) is None:
        pytest.skip("the C driver is built already")
    module, wanted = _built_with("CXXRT_BINDERFS=0", release)
    assert not re.search(r" (register_filesystem|new_inode|kill_litter_super|alloc_chrdev_region|deactivate_super)$", wanted, re.M)
    driver = Binder(vm, module)
    vm.run(["rmmod", "binder_cpp"])
    assert driver.load().rc == 0
    try:
        assert not _has_binderfs(vm, "binder_cpp")
        assert driver.run("binder_test", "--gtest_filter=Binder.Bd08*:Binder.Bd12*").rc == 0
        assert "has no binderfs" in driver.run("binder_test", "--gtest_filter=Binder.Bd74Options").out
    finally:
        assert driver.unload().rc == 0


@pytest.mark.slow
def test_bd94_a_kernel_without_debians_exports(vm: Vm, release: str) -> None:
    """What mainline does not export is done without, and the module says so."""
    if path_of(release) is None:
        pytest.skip("the C driver does not build without them")
    module, wanted = _built_with("CXXRT_EXPORTS=mainline", release)
    assert not re.search(r" (security_binder_\w+|zap_page_range\w*|can_nice|task_work_add|file_close_fd|close_fd_get_file|__wake_up_pollfree)$", wanted, re.M)
    driver = Binder(vm, module)
    vm.run(["rmmod", "binder_cpp"])
    driver.log()
    loaded = driver.load()
    assert loaded.rc == 0, loaded.err
    try:
        has_modules = "CONFIG_SECURITY=y" in (build_folder(release) / ".config").read_text()
        assert vm.run(["cat", "/sys/module/binder_cpp/parameters/features"], check=True).out == ("\n" if has_modules else "security-modules\n")
        assert any("everything is allowed" in line for line in driver.log()) == has_modules
        done = driver.run("binder_test", "--gtest_brief=1", "--gtest_filter=-*Bd90*:*Bd56*:*Bd57*:*Bd83*", timeout=600)
        assert done.rc == 0 and re.search(r"\[  PASSED  \] \d\d\d? tests", done.out), done.out[-6000:] + done.err[-2000:]
    finally:
        assert driver.unload().rc == 0


@pytest.mark.parametrize("cycles", [10, pytest.param(1000, marks=pytest.mark.long)])
def test_bd76_unloads_when_nothing_is_open(binder: Binder, cycles: int) -> None:
    """Never with an open; the C driver cannot go at all. Before the first time, all cases above were in it."""
    if binder.is_c:
        pytest.skip("the C driver cannot be unloaded")
    opened = binder.vm.start(f"exec sleep 1000 < /dev/{binder.devices[0]}")
    users = f"/sys/module/{binder.module}/refcnt"
    binder.vm.run(f"until [ $(cat {users}) != 0 ]; do sleep 0.1; done", check=True)
    assert binder.unload().rc != 0
    opened.kill()
    opened.wait()
    binder.vm.run(f"until [ $(cat {users}) = 0 ]; do sleep 0.1; done", check=True)
    node = f"/dev/{binder.devices[0]}"
    cycle = f"rmmod {binder.module} && ! test -e {node} && insmod {binder.path} devices={','.join(binder.devices)} && test -c {node}"
    done = binder.vm.run(f"i=0; while [ $i -lt {cycles} ]; do {cycle} || exit 1; i=$((i + 1)); done", timeout=600)
    assert done.rc == 0, done.err
    assert binder.run("binder_test", "--gtest_filter=Binder.Bd08*").rc == 0
    assert binder.unload().rc == 0
    # A name that is too long fails the load, and leaves nothing of those before it.
    assert binder.load(["binder_cpp", "n" * 300]).rc != 0
    assert binder.vm.run(["test", "-e", "/dev/binder_cpp"]).rc != 0
