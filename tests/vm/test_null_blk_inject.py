# SPDX-License-Identifier: GPL-2.0
"""Faults on request: `<interval>,<probability>,<space>,<times>`, as the kernel's fault injection has it.

Debian's kernels are built without that, so that their C module lacks all of this.
"""

from __future__ import annotations

import pytest
from nullblk import Driver, make

GROUPS = ("timeout_inject", "requeue_inject", "init_hctx_fault_inject")
ABSENT = "NB-86: the C module of these kernels is built without fault injection"
# The first 60 requests are spared, so that the search for partitions is not what meets the fault; the next one has it.
ONCE = "1,100,60,1"
# Queues that the driver fails with EFAULT; the block layer makes that ENOMEM.
FAILED = ("EFAULT", "ENOMEM")


@pytest.mark.c_fails(ABSENT)
def test_nb86_parameters(drv: Driver):
    """timeout, requeue and init_hctx read back as they were given."""
    assert drv.do(
        drv.load_op("nr_devices=0 timeout=100,0,0,5 requeue=1,100,0,1 init_hctx=10,0,0,-1"), *(drv.parameter(name) for name in ("timeout", "requeue", "init_hctx"))
    ) == ["ok", "100,0,0,5", "1,100,0,1", "10,0,0,-1"]


@pytest.mark.slow
@pytest.mark.c_fails(ABSENT)
@pytest.mark.parametrize("irqmode", [0, 1, 2])
def test_nb69_nb86_injected_timeout(drv: Driver, irqmode: int):
    """The one request that is to time out ends with ETIMEDOUT after 5 s, with a line; those before and after it are well."""
    write = ("dio_write", drv.dev, 0, 8, 1)
    loaded, (results, seconds), checked = drv.do(
        drv.load_op(f"timeout={ONCE} gb=1 memory_backed=1 irqmode={irqmode}"), ("timed", "repeat", 100, 0, write), ("dio_check", drv.dev, 0, 8, 1)
    )
    assert (loaded, sorted(results), checked) == ("ok", ["ETIMEDOUT", "ok"], "same")
    assert 4 < seconds < 20
    assert len([line for line in drv.said() if line.startswith("rq ") and line.endswith(" timed out")]) == 1


@pytest.mark.slow
@pytest.mark.c_fails(ABSENT)
def test_nb69_nb86_injected_timeout_of_a_polled_request(drv: Driver):
    """A polled request that is to time out does so, although it is polled for; those before and after it are well."""
    read = ("polled", drv.dev, "read", 0, 8, None)
    loaded, results, after = drv.do(drv.load_op(f"timeout={ONCE} gb=1"), ("repeat", 100, 0, read), read)
    assert (loaded, results, after) == ("ok", [4096, "ETIMEDOUT"], 4096)
    assert len([line for line in drv.said() if line.startswith("rq ") and line.endswith(" timed out")]) == 1


@pytest.mark.slow
@pytest.mark.c_fails(ABSENT)
@pytest.mark.parametrize("mode", ["irqmode=0", "irqmode=2", "polled"])
def test_nb69_nb86_injected_timeout_of_a_plug(drv: Driver, mode: str):
    """Of requests that came together, too, each that is to time out does so."""
    irqmode = mode[-1] if mode.startswith("irqmode") else "0"
    assert drv.load(f"timeout=1,100,60,32 gb=1 no_sched=1 irqmode={irqmode}") == "ok"
    engine = ("--ioengine=io_uring", "--hipri") if mode == "polled" else ("--ioengine=libaio",)
    fio = drv.start_fio(*engine, f"--filename={drv.dev}", "--rw=write", "--bs=4k", "--size=512k", "--iodepth=32", "--iodepth_batch=32", "--continue_on_error=all")
    assert "error=Connection timed out" in fio.wait(60).out
    assert len([line for line in drv.said() if line.startswith("rq ") and line.endswith(" timed out")]) == 32


@pytest.mark.c_fails(ABSENT)
@pytest.mark.parametrize("mode", ["irqmode=0", "irqmode=1", "irqmode=2", "polled"])
def test_nb86_injected_requeues(drv: Driver, mode: str):
    """With every third request put back in either of two ways, fio's I/O completes and its data is right."""
    irqmode = mode[-1] if mode.startswith("irqmode") else "1"
    assert drv.load(f"requeue=3,100,0,-1 gb=1 memory_backed=1 submit_queues=2 irqmode={irqmode}") == "ok"
    assert drv.do(drv.parameter("requeue")) == ["3,100,0,-1"]
    engine = ("--ioengine=io_uring", "--hipri") if mode == "polled" else ("--ioengine=libaio",)
    (report,) = drv.fio(*engine, f"--filename={drv.dev}", "--rw=randrw", "--bs=4k", "--size=1m", "--iodepth=8", "--verify=crc32c", "--verify_fatal=1")
    assert report["error"] == 0 and report["write"]["total_ios"] > 0
    assert [line for line in drv.said() if "timed out" in line] == []


@pytest.mark.c_fails(ABSENT)
def test_nb86_injected_failure_of_queues(drv: Driver):
    """init_hctx that fails: the load, or the power-on, fails and leaves nothing; when it is used up, it works."""
    loaded, *results = drv.do(drv.load_op("init_hctx=1,100,0,1"), ("residue",), drv.load_op("nr_devices=0 init_hctx=1,100,0,1"), *drv.make("a", size=16))
    assert (loaded in FAILED, results) == (True, [[], "ok", "ok", "ok"]), loaded
    powered, *results = drv.do(drv.power("a", 1), drv.get("a", "power"), ("ls", "/sys/block"), drv.power("a", 1), ("dio_write", "/dev/a", 0, 8, 1))
    assert (powered in FAILED, results) == (True, ["0", [], "ok", "ok"]), powered


@pytest.mark.kernel("6.12")
@pytest.mark.c_fails(ABSENT)
def test_nb86_a_live_queue_does_not_fail(drv: Driver):
    """While queues are to fail, a disk in use is asked for one more: it keeps those that it had, and goes on."""
    results = drv.do(
        drv.load_op("nr_devices=0"), *drv.make("a", size=16, memory_backed=1, submit_queues=1, power=1),
        drv.put("a", "init_hctx_fault_inject/interval", 1), drv.put("a", "init_hctx_fault_inject/times", -1), drv.put("a", "init_hctx_fault_inject/probability", 100),
        drv.put("a", "submit_queues", 2), ("dio_write", "/dev/a", 0, 8, 1), ("dio_check", "/dev/a", 0, 8, 1),
        drv.put("a", "init_hctx_fault_inject/probability", 0), drv.put("a", "submit_queues", 1), drv.put("a", "submit_queues", 2), ("ls", "/sys/block/a/mq"),
        ("dio_write", "/dev/a", 8, 8, 1), ("dio_check", "/dev/a", 8, 8, 1),
    )  # fmt: skip
    assert results[10:13] == ["ok", "same", "ok"] and results[-4:] == ["ok", ["0", "1", "2"], "ok", "same"], results


@pytest.mark.c_fails(ABSENT)
@pytest.mark.slow_on_older
def test_nb84_bad_texts(drv: Driver):
    """A text that is none of four numbers gives EINVAL, at load or at power-on, and leaves nothing: no disk that is not there."""
    for name in ("timeout", "requeue", "init_hctx"):
        for text in ("x", "1,2", "1,2,3,", "1;2;3;4", ","):
            loaded, left = drv.do(drv.load_op(f"{name}={text}"), ("residue",))
            if loaded == "ok":  # With what is in no use yet, C's way on 6.1 is to say so when it is.
                assert "/sys/block" not in " ".join(left), (name, text)
                results = drv.do(*make("a", drv.root, size=16, power=1), ("ls", "/sys/block"), drv.rmdir("a"), ("unload", drv.module))
                assert results == ["ok", "ok", "EINVAL", [], "ok", "ok"], (name, text)
            else:
                assert (loaded, left) == ("EINVAL", []), (name, text)
    assert drv.do(drv.load_op("timeout=" + "1" * 100), ("residue",)) in (["ENOSPC", []], ["EINVAL", []])


@pytest.mark.slow
@pytest.mark.kernel("6.12")
@pytest.mark.c_fails(ABSENT)
def test_nb86_groups_of_a_device(drv: Driver):
    """6.12: each device has groups with probability, interval, times and space, which begin as the parameters say and work."""
    files = ("interval", "probability", "space", "times")
    assert drv.do(
        drv.load_op("nr_devices=0 requeue=7,0,3,9"), *drv.make("a", size=16, memory_backed=1), *(drv.get("a", f"requeue_inject/{name}") for name in files)
    ) == ["ok"] * 4 + ["7", "0", "3", "9"]
    assert drv.do(*(("exists", f"{drv.root}/a/{group}/{name}") for group in GROUPS for name in files)) == [True] * 12
    results = drv.do(
        drv.put("a", "init_hctx_fault_inject/times", 1),
        drv.put("a", "init_hctx_fault_inject/interval", 1),
        drv.put("a", "init_hctx_fault_inject/probability", 100),
        drv.power("a", 1),
        drv.power("a", 1),
        drv.put("a", "requeue_inject/times", 2),
        drv.put("a", "requeue_inject/space", 0),
        drv.put("a", "requeue_inject/interval", 1),
        drv.put("a", "requeue_inject/probability", 100),
        ("dio_write", "/dev/a", 0, 8, 1),
        ("dio_write", "/dev/a", 8, 8, 1),
        ("dio_check", "/dev/a", 0, 8, 1),
        drv.get("a", "requeue_inject/times"),
        drv.put("a", "timeout_inject/times", 1),
        drv.put("a", "timeout_inject/interval", 1),
        drv.put("a", "timeout_inject/probability", 100),
        ("dio_write", "/dev/a", 16, 8, 1),
        ("dio_write", "/dev/a", 16, 8, 1),
        drv.put("a", "timeout_inject/probability", "x"),
        drv.rmdir("a"),
    )
    assert results.pop(3) in FAILED
    assert results == ["ok", "ok", "ok", *["ok"] * 7, "same", "0", "ok", "ok", "ok", "ETIMEDOUT", "ok", "EINVAL", "ok"]


def test_nb86_parameters_are_unknown_to_c(drv: Driver):
    """The C module takes these parameters for unknown: that there is nothing to compare with is no mistake of the tests."""
    if not drv.is_c:
        pytest.skip("about the C module")
    assert drv.load("timeout=1,100,0,1 gb=1") == "ok"
    assert "null_blk: unknown parameter 'timeout' ignored" in drv.log()
