# SPDX-License-Identifier: GPL-2.0
"""The VM runner: its plain logic, and guests that end well, die, hang, or lose their runner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

from vmlib import CommandFailed, Kernel, KernelError, Vm, VmError, find, installed_releases, is_splat  # noqa: E402
from vmlib import accel, kernels, machine  # noqa: E402
from vmlib.guest import Layout, initramfs  # noqa: E402
from vmlib.klog import KernelLog  # noqa: E402

SPLATS = """\
BUG: kernel NULL pointer dereference, address: 0000000000000008
BUG: unable to handle page fault for address: ffffffffc0a01000
BUG: KASAN: slab-use-after-free in queue_rq+0x1c2/0x310 [null_blk_cpp]
BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580
BUG: scheduling while atomic: fio/812/0x00000002
BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!
BUG kmalloc-64 (Not tainted): Right Redzone overwritten
BUG nullb_cmd (Tainted: G        O     ): Objects remaining in nullb_cmd on __kmem_cache_shutdown()
watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [insmod:214]
watchdog: Watchdog detected hard LOCKUP on cpu 0
WARNING: CPU: 0 PID: 144 at block/blk-mq.c:1180 blk_mq_start_request+0x9b/0xb0
WARNING: possible circular locking dependency detected
WARNING: suspicious RCU usage
kernel BUG at mm/slub.c:435!
Oops: 0000 [#1] PREEMPT SMP NOPTI
Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP
general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP
invalid opcode: 0000 [#1] PREEMPT SMP
divide error: 0000 [#1] PREEMPT SMP
Kernel panic - not syncing: Fatal exception
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: INFO: rcu_preempt self-detected stall on CPU
INFO: task rmmod:311 blocked for more than 120 seconds.
INFO: trying to register non-static key.
UBSAN: array-index-out-of-bounds in modules/x.cc:12:3
BUG: KASAN: double-free in cxxrt_kfree+0x12/0x20 [null_blk_cpp]
KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]
BUG: KCSAN: data-race in submit [null_blk_cpp] / complete [null_blk_cpp]
WARNING: possible recursive locking detected
WARNING: inconsistent lock state
WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected
WARNING: possible irq lock inversion dependency detected
WARNING: bad unlock balance detected!
WARNING: held lock freed!
WARNING: insmod/214 still has locks held!
WARNING: lock held when returning to user space!
[ BUG: Invalid wait context ]
BUG: MAX_LOCKDEP_CHAINS too low!
BUG: spinlock bad magic on CPU#1, insmod/214
BUG: using smp_processor_id() in preemptible [00000000] code: insmod/214
BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[12]
BUG: Bad page state in process insmod  pfn:01a2b
softirq: huh, entered softirq 4 BLOCK 0000000012345678 with preempt_count 00000100, exited with 00000101?
UBSAN: shift-out-of-bounds in modules/x.cc:12:3
UBSAN: invalid-load in modules/x.cc:12:3
kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
kmemleak: Freeing unknown object at 0xffff888003f3a0c8
kmemleak: Cannot insert 0xffff888003f3a0c8 into the object search tree (overlaps existing)
kmemleak: Cannot allocate a kmemleak_object structure
kmemleak: Kernel memory leak detector disabled
refcount_t: underflow; use-after-free.
list_del corruption. prev->next should be ffff888003f3a0c8, but was dead000000000100.
list_del corruption, ffff888003f3a0c8->next is LIST_POISON1 (dead000000000100)
list_add corruption. next->prev should be prev (ffff888003f3a0c8), but was ffff888003f3a0d0. (next=ffff888003f3a0e8).
list_add double add: new=ffff888003f3a0c8, prev=ffff888003f3a0c8, next=ffff888003f3a0d8.
DMA-API: nvme 0000:00:04.0: device driver frees DMA memory with different size
DMA-API: nvme 0000:00:04.0: device driver tries to free DMA memory it has not allocated [device address=0x0000000001a2b000]
DMA-API: nvme 0000:00:04.0: device driver has pending DMA allocations while released from device [count=1]
DMA-API: pci 0000:00:04.0: device driver has pending DMA allocations while released from device [count=1]
DMA-API: e1000 0000:00:03.0: cacheline tracking EEXIST, overlapping mappings aren't supported
DMA-API: nvme 0000:00:04.0: mapping sg segment longer than device claims to support [len=131072] [max=65536]
DMA-API: debugging out of memory - disabling
ODEBUG: free active (active state 0) object: ffff888003f3a0c8 object type: timer_list hint: on_timer+0x0/0x20
ODEBUG: activate not available (active state 0) object: ffff888003f3a0c8 object type: timer_list hint: 0x0
ODEBUG: object ffff888003f3a0c8 is on stack ffff888003f38000, but NOT annotated.
ODEBUG: Out of memory. ODEBUG disabled
detected buffer overflow in memcpy
memcpy: detected buffer overflow: 16 byte write of buffer size 8
NETDEV WATCHDOG: eth0 (e1000): transmit queue 0 timed out
unregister_netdevice: waiting for eth0 to become free. Usage count = 2
sysfs: cannot create duplicate filename '/devices/virtual/block/nullb0'
[    3.679427] WARNING: CPU: 0 PID: 1 at kernel/x.c:1 y+0x0/0x1
<4>[    3.679427][  T131] BUG: bad thing
"""

HARMLESS = """\

Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible via Spectre v2 BHB attacks!
null_blk_cpp: loading out-of-tree module taints kernel.
null_blk_cpp: module verification failed: signature and/or required key missing - tainting kernel
traps: fio[812] general protection fault ip:7f1 sp:7ffd error:0 in libc.so.6[7f1+195000]
fio[812]: segfault at 8 ip 00005581 sp 00007ffd error 4 in fio[5581+9000]
workqueue: blk_mq_run_work_fn hogged CPU for >10000us 4 times, consider switching to WQ_UNBOUND
clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable because the skew is too large:
INFO: NMI handler (perf_event_nmi_handler) took too long to run: 2.013 msecs
kasan: KernelAddressSanitizer initialized
kfence: initialized - using 2097152 bytes for 255 objects at 0x(____ptrval____)-0x(____ptrval____)
kmemleak: Kernel memory leak detector initialized (mem pool available: 15765)
kcsan: enabled early
kcsan: selftest: 3/3 tests passed
kmemleak: Automatic memory scanning thread started
kmemleak: Cannot allocate a scan area, scanning the full object
ODEBUG: selftest passed
ODEBUG: 5 of 5 active objects replaced
DMA-API: preallocated 65536 debug entries
DMA-API: debugging enabled by kernel config
DMA-API: dma_debug_entry pool grown to 131072 (200%)
FAULT_INJECTION: forcing a failure.
name failslab, interval 1, probability 0, space 0, times 0
insmod: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL), nodemask=(null)
[Firmware Bug]: TSC doesn't count with P0 frequency!
PM: hibernation: Registered nosave memory: [mem 0x00000000-0x00000fff]
rcu: Hierarchical RCU implementation.
null_blk: rejected zone_nr_conv=9: it is above the number of zones
debug: WARNINGS are counted elsewhere
x86/mm: Checked W+X mappings: passed, no W+X pages found.
"""


@pytest.mark.parametrize("line", SPLATS.splitlines())
def test_reports_of_kernel_bugs_are_found(line: str) -> None:
    assert is_splat(line)


@pytest.mark.parametrize("line", HARMLESS.splitlines())
def test_harmless_lines_are_passed_over(line: str) -> None:
    assert not is_splat(line)


@pytest.mark.parametrize(
    "release", ["6.1.0-56-amd64", "6.1.0-9-amd64", "6.12.117+deb12-amd64", "6.12.9+bpo-amd64", "6.12.43-amd64"]
)
def test_debian_kernels_are_supported(release: str) -> None:
    assert kernels.is_supported(release)


@pytest.mark.parametrize(
    "release",
    [
        "6.1.0-56-cloud-amd64",
        "6.1.0-56-rt-amd64",
        "6.12.117+deb12-cloud-amd64",
        "6.10.3-amd64",
        "5.10.0-30-amd64",
        "6.1.0-56-arm64",
        "6.1.0-56-common",
        "6.12.0",
        "../6.1.0-56-amd64",
        "",
    ],
)
def test_other_kernels_are_not_supported(release: str) -> None:
    assert not kernels.is_supported(release)
    with pytest.raises(KernelError, match="not supported"):
        find(release)


def test_releases_are_those_with_headers_in_order_of_age(tmp_path: Path) -> None:
    for release in ("6.12.117+deb12-amd64", "6.1.0-56-amd64", "6.1.0-9-amd64", "6.1.0-56-rt-amd64"):
        build = tmp_path / "lib/modules" / release / "build"
        build.mkdir(parents=True)
        (build / "Makefile").touch()
    (tmp_path / "lib/modules/6.1.0-60-amd64/kernel").mkdir(parents=True)  # An image without headers.
    assert installed_releases(tmp_path) == ["6.1.0-9-amd64", "6.1.0-56-amd64", "6.12.117+deb12-amd64"]


@pytest.fixture
def module_tree(tmp_path: Path) -> Path:
    (tmp_path / "modules.dep").write_text(
        "kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz\n"
        "kernel/net/9p/9pnet.ko.xz:\n"
        "kernel/fs/netfs/netfs.ko.xz:\n"
        "kernel/drivers/block/null-blk.ko: kernel/fs/configfs.ko\n"
        "kernel/fs/configfs.ko:\n"
    )
    (tmp_path / "modules.builtin").write_text("kernel/drivers/virtio/virtio_pci.ko\n")
    return tmp_path


def test_modules_load_after_what_they_need_and_once(module_tree: Path) -> None:
    order = [path.name for path in kernels.load_order(module_tree, ["virtio_pci", "9p", "9pnet", "null_blk"])]
    assert order == ["netfs.ko.xz", "9pnet.ko.xz", "9p.ko.xz", "configfs.ko", "null-blk.ko"]


def test_a_module_that_the_kernel_lacks_is_an_error(module_tree: Path) -> None:
    with pytest.raises(KernelError, match="lacks overlay"):
        kernels.load_order(module_tree, ["overlay"])
    assert kernels.module_file(module_tree, "virtio_pci") is None
    assert kernels.module_file(module_tree, "null_blk") == module_tree / "kernel/drivers/block/null-blk.ko"


def test_kernel_log_has_the_form_of_dmesg_and_a_mark() -> None:
    log = KernelLog()
    log.add_records(b"6,1,1500000,-;first\n SUBSYSTEM=block\n DEVICE=b259:0\n4,2,1600001,-;two\\x0alines\n")
    assert log.lines(whole=False) == ["[    1.500000] first", "[    1.600001] two", "[    1.600001] lines"]
    log.mark()
    assert log.lines(whole=False) == []
    log.add_records(b"6,3,1700000,-,caller=T1;third\n")
    assert log.lines(whole=False) == ["[    1.700000] third"]
    assert len(log.lines(whole=True)) == 4


def test_what_only_the_console_of_a_dead_guest_has_is_added_once() -> None:
    log = KernelLog()
    log.add_records(b"6,1,1500000,-;first\n3,2,1600000,-;second\n")
    panic = "[    1.600000] Kernel panic - not syncing: x"
    console = ["[    1.600000] second", panic, "no stamp", "[    1.700000] end"]
    log.add_console(console)
    log.add_console(console)
    assert [line.split("] ")[1] for line in log.lines(whole=True)] == [
        "first",
        "second",
        "Kernel panic - not syncing: x",
        "end",
    ]


def test_init_quotes_what_the_user_named() -> None:
    odd = Path("/tmp/it's; a $(folder)")
    text = initramfs(Layout(Kernel("test", Path("/none"), None), [odd], [odd])).decode(errors="replace")
    assert "mount --bind /under'/tmp/it'\"'\"'s; a $(folder)'" in text


@pytest.mark.parametrize(
    ("outcome", "choice"),
    [("", accel.Choice("kvm", "kvm")), ("probe boot hung", accel.Choice("tcg", "tcg (kvm: probe boot hung)"))],
)
def test_kvm_is_probed_once_and_used_if_it_works(
    outcome: str, choice: accel.Choice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(accel, "_DEVICE", os.devnull)
    monkeypatch.setattr(accel, "_probe", lambda kernel: probes.append(kernel) or outcome)
    kernel = Kernel("test", Path("/none"), None)
    assert accel.choose("auto", kernel) == choice
    assert accel.choose("auto", kernel) == choice
    assert len(probes) == 1
    assert accel.choose("icount", kernel).name == "icount"


def test_without_the_kvm_device_tcg_is_used_unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accel, "_DEVICE", "/dev/no-such")
    assert accel.choose("auto", Kernel("test", Path("/none"), None)).note == "tcg (kvm: no /dev/no-such)"


# Real guests from here on.


def run_vm(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Runs tools/vm to its end."""
    return subprocess.run([str(TOOLS / "vm"), *arguments], capture_output=True, text=True, timeout=300, **options)


def processes_with(text: str) -> list[int]:
    """Returns the processes whose command line holds `text`, other than this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if text.encode() in line and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


def gone(text: str, seconds: float = 10) -> bool:
    """Waits until no process has `text` in its command line."""
    deadline = time.monotonic() + seconds
    while processes_with(text):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def marker() -> Iterator[str]:
    """A kernel parameter that tells this test's QEMU from others; checks that it is gone in the end."""
    text = f"vmtest={uuid.uuid4().hex}"
    yield text
    assert gone(text), "a QEMU was left behind"


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vm]:
    """One guest for the tests that leave it as it was."""
    with Vm(accel="tcg", rw=[tmp_path_factory.mktemp("it's, rw")]) as vm:
        yield vm


def test_boot_is_clean_and_sees_the_project(guest: Vm) -> None:
    assert guest.splats() == []
    assert guest.run(["uname", "-r"]).out == guest.release + "\n"
    assert guest.run(["head", "-n1", __file__]).out.startswith("# SPDX")
    assert guest.run("pwd").out == os.getcwd() + "\n"
    assert guest.run(f"test -e /lib/modules/{guest.release}/modules.dep").rc == 0


def test_exit_codes_and_streams(guest: Vm) -> None:
    result = guest.run("echo out; echo err >&2; exit 7")
    assert (result.rc, result.out, result.err) == (7, "out\n", "err\n")
    assert guest.run("kill -9 $$").rc == 128 + 9
    assert guest.run(["/no/such"]).rc == 127
    assert guest.run(["/etc/passwd"]).rc == 126
    assert guest.run(["printf", "%s", "a b\n'\"$x"]).out == "a b\n'\"$x"
    assert guest.run("echo $NAME", env={"NAME": "it's"}).out == "it's\n"
    with pytest.raises(CommandFailed, match="exit code 3"):
        guest.run("exit 3", check=True)
    with pytest.raises(ValueError):
        guest.run([])
    with pytest.raises(ValueError):
        guest.run("a\0b")


def test_much_output_comes_whole_and_live(guest: Vm) -> None:
    assert len(guest.run("head -c 3000000 /dev/zero").out) == 3000000
    times: list[float] = []
    guest.run("echo a; sleep 1; echo b", stream=lambda fd, data: times.append(time.monotonic()))
    assert len(times) == 2 and times[1] - times[0] > 0.5


def test_command_whose_time_is_up_is_killed_with_all_it_started(guest: Vm) -> None:
    start = time.monotonic()
    result = guest.run("echo begun; setsid sleep 987 & timeout 988 sleep 989", timeout=2)
    assert (result.rc, result.out) == (124, "begun\n")
    assert time.monotonic() - start < 2 + machine._GRACE_S
    assert guest.run("pgrep -x sleep").rc == 1


def test_endless_output_is_ended(guest: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_OUTPUT_LIMIT", 1 << 20)
    with pytest.raises(VmError, match="printing more than 1 MiB: yes"):
        guest.run("yes")
    assert guest.run("sleep 1; pgrep -x yes").rc == 1


def test_commands_run_side_by_side(guest: Vm) -> None:
    job = guest.start("sleep 30; echo never")
    assert guest.run("echo meanwhile").out == "meanwhile\n"
    job.kill()
    assert job.wait(20).rc == 128 + 9


def test_a_script_is_loaded_once_and_each_call_is_a_process_of_its_own(guest: Vm) -> None:
    text = (
        "import os, sys\n"
        "loaded, calls = os.getpid(), []\n"
        "def main(argv):\n"
        "    calls.append(1)\n"
        "    if argv[1] == 'bad': raise ValueError('so bad')\n"
        "    if argv[1] == 'sleep': import time; time.sleep(99)\n"
        "    print(loaded, os.getpid() != loaded, len(calls), argv, os.getcwd(), sorted(os.listdir('/proc/self/fd')))\n"
    )
    guest.run(f"cat >/tmp/script.py <<'END'\n{text}END", check=True)
    for word in ("x", "y z"):
        assert guest.call("/tmp/script.py", word, cwd="/run").out == f"1 True 1 ['/tmp/script.py', '{word}'] /run ['0', '1', '2', '3']\n"
    bad = guest.call("/tmp/script.py", "bad")
    assert (bad.rc, bad.out) == (1, "") and "ValueError: so bad" in bad.err
    assert guest.call("/tmp/script.py", "sleep", timeout=1).rc == 124
    missing = guest.call("/tmp/none.py")
    assert missing.rc == 1 and "FileNotFoundError" in missing.err


def test_writes_reach_the_host_only_where_allowed(guest: Vm, tmp_path: Path) -> None:
    shared = guest._rw[0]
    guest.run(["cp", "/proc/version", str(shared / "v")], check=True)
    assert (shared / "v").read_text().startswith("Linux version")
    outside = TOOLS / "vm.written"
    assert guest.run(["touch", str(outside)]).rc == 0
    assert not outside.exists()


def test_kernel_log_marks_and_splats(guest: Vm) -> None:
    guest.dmesg_mark()
    assert guest.dmesg() == ""
    guest.run("echo 'WARNING: CPU: 0 PID: 1 at x.c:1' >/dev/kmsg; echo harmless >/dev/kmsg")
    assert [line.split("] ")[1] for line in guest.dmesg_lines()] == ["WARNING: CPU: 0 PID: 1 at x.c:1", "harmless"]
    assert len(guest.splats()) == 1
    guest.dmesg_mark()
    assert guest.splats() == []


@pytest.mark.parametrize("release", [*(pytest.param(release, marks=pytest.mark.slow) for release in installed_releases()[:-1]), *installed_releases()[-1:]])
def test_stock_null_blk_and_fio_work(release: str, marker: str, tmp_path: Path) -> None:
    log = tmp_path / "dmesg"
    fio = "fio --name=x --filename=/dev/nullb0 --rw=randread --size=1m --direct=1 --ioengine=libaio --minimal"
    script = f"modprobe null_blk nr_devices=0 && rmmod null_blk && modprobe null_blk nr_devices=1 && {fio}"
    options = ["--release", release, "--append", marker, "--accel", "tcg", "--dmesg", str(log)]
    done = run_vm(*options, "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(";")[4] == "0", "fio reports an error"
    assert f"kernel {release}, accelerator: tcg" in done.stderr
    assert "null_blk: module loaded" in log.read_text()


def test_splat_fails_the_run_and_is_shown(marker: str) -> None:
    done = run_vm("--append", marker, "--", "sh", "-c", "echo hello; echo 'BUG: bad thing' >/dev/kmsg; exit 3")
    assert (done.returncode, done.stdout) == (120, "hello\n")
    assert "BUG: bad thing" in done.stderr


def test_panic_ends_the_run_at_once(marker: str) -> None:
    start = time.monotonic()
    with Vm(accel="tcg", append=marker) as vm:
        booted = time.monotonic()
        with pytest.raises(VmError, match="Kernel panic - not syncing: sysrq") as caught:
            vm.run("echo c >/proc/sysrq-trigger", timeout=200)
        assert time.monotonic() - booted < 30 + (booted - start)
        assert "sysrq_handle_crash" in caught.value.console
        assert not vm.alive
        assert any("Kernel panic" in line for line in vm.splats())
        with pytest.raises(VmError):
            vm.run("true")


@pytest.mark.slow
def test_hanging_guest_is_ended_and_shows_where(marker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_GRACE_S", 3)
    # Real-time loops on every CPU leave nothing to the agent. From 6.6 on the scheduler spares it a share.
    release = installed_releases()[0]
    if not release.startswith("6.1."):
        pytest.skip("needs a 6.1 kernel")
    loops = "for i in 0 1; do taskset -c $i chrt -f 99 sh -c 'while :; do :; done' & done; wait"
    with Vm(release, smp=2, accel="tcg", append=f"{marker} sysctl.kernel.sched_rt_runtime_us=-1") as vm:
        with pytest.raises(VmError, match="the guest hangs") as caught:
            vm.run(loops, timeout=3)
        assert "NMI" in caught.value.console
        assert not vm.alive


@pytest.mark.slow
def test_command_stuck_in_the_kernel_is_named_with_its_stack(marker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_GRACE_S", 3)
    with Vm(accel="tcg", append=marker) as vm:
        vm.run("modprobe null_blk nr_devices=1 memory_backed=1 gb=1", check=True)
        vm.run("mkfs.ext4 -q /dev/nullb0 8M && mount /dev/nullb0 /mnt && fsfreeze -f /mnt", check=True)
        with pytest.raises(VmError, match="stuck in the kernel: echo") as caught:
            vm.run("echo >/mnt/file", timeout=2)
        assert "mnt_want_write" in caught.value.console
        assert not vm.alive


def test_boot_that_takes_too_long_is_an_error(marker: str) -> None:
    with pytest.raises(VmError, match="did not boot in 0.5 s"):
        Vm(accel="tcg", append=marker, boot_timeout=0.5).boot()


def test_qemu_that_cannot_start_is_an_error(marker: str) -> None:
    with pytest.raises(VmError, match="no-such-device"):
        Vm(accel="tcg", append=marker, qemu_args=["-device", "no-such-device"]).boot()


@pytest.mark.slow
def test_ended_runners_leave_no_guest(marker: str) -> None:
    runners = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            options = ["--accel", "tcg", "--append", f"{marker} {number.name}"]
            runners[number] = subprocess.Popen(
                [str(TOOLS / "vm"), *options, "--", "sh", "-c", "echo up; sleep 600"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        for runner in runners.values():
            assert runner.stdout and runner.stdout.readline() == b"up\n"
        assert len(processes_with(marker)) == 2 * len(runners)
        for number, runner in runners.items():
            runner.send_signal(number)
        codes = {number: runner.wait(60) for number, runner in runners.items()}
    finally:
        for runner in runners.values():
            runner.kill()
            runner.wait()
    assert codes == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert gone(marker)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--release", "5.10.0-1-amd64", "--", "true"],
        ["--rw", "/no/such/folder", "--", "true"],
        ["--modules", "/", "--", "true"],
        ["--smp", "0", "--", "true"],
        [],
    ],
)
def test_bad_arguments_are_refused_in_one_line(arguments: list[str]) -> None:
    done = run_vm(*arguments)
    assert done.returncode in (2, 121)
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("vm: ") or "tools/vm: error: " in done.stderr


@pytest.mark.parametrize(("console", "failing", "boots", "ends"), [(b"Oops: int3: 0000 [#2] PREEMPT SMP", 2, 3, True), (b"Oops: int3: 0000", 3, 3, False), (b"Kernel panic - not syncing", 1, 1, False)])
def test_boot_is_tried_again_only_where_the_emulator_tripped(monkeypatch: pytest.MonkeyPatch, console: bytes, failing: int, boots: int, ends: bool) -> None:
    vm = Vm()
    tried = []

    def boot() -> None:
        tried.append(1)
        vm._console = bytearray(console)
        if len(tried) <= failing:
            raise VmError("the guest died")

    monkeypatch.setattr(vm, "_boot", boot)
    if ends:
        vm.boot()
    else:
        with pytest.raises(VmError):
            vm.boot()
    assert len(tried) == boots
