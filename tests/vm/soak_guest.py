# SPDX-License-Identifier: GPL-2.0
"""Runs in the guest: one round of the soak test. usage: soak_guest.py MODULE SEED SECONDS

Loads null_blk_cpp, and until the time is over does at once what users do one after the other: makes disks in configfs,
changes them while they are in use, reads and writes them, checks data, takes a CPU away, and leaves little memory. Then
removes everything. Prints how often what gave which result. Exit code 1: data was wrong, an errno that nothing
explains, or something is left.
"""

import fcntl
import json
import os
import random
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import nullblk_guest as guest  # noqa: E402

NAME, ROOT = "null_blk_cpp", "/sys/kernel/config/nullb_cpp"
DISKS = ("s0", "s1", "s2")
CPU = "/sys/devices/system/cpu/cpu1/online"
# What somebody who uses a disk that others reconfigure and remove, in a machine with little memory, has to expect.
EXPECTED = {"ok", "same", "ENOENT", "EBUSY", "EIO", "EINVAL", "ENXIO", "ENODEV", "ENOMEM", "ENOSPC", "EAGAIN", "EEXIST"}
# The block layer of 6.12 tells a queue that a CPU goes before it has made the lists that it then looks into:
# blk_mq_init_allocated_queue() against blk_mq_hctx_notify_dead(), whatever the driver.
CPU_AND_POWER = "/run/soak-lock" if os.uname().release.startswith("6.12.") else "/dev/null"
ATTRIBUTES = {
    "memory_backed": (0, 1),
    "irqmode": (0, 1, 2),
    "completion_nsec": (0, 10000, 2000000),
    "submit_queues": (1, 2),
    "poll_queues": (0, 1),
    "hw_queue_depth": (1, 2, 64),
    "size": (16, 64),
    "blocksize": (512, 4096),
    "no_sched": (0, 1),
    "blocking": (0, 1),
    "mbps": (0, 0, 0, 20),
    "cache_size": (0, 0, 1, 4),
    "discard": (0, 1),
    "zoned": (0, 0, 0, 1),
    "zone_size": (2, 4),
    "shared_tag_bitmap": (0, 1),
}
LIVE = {"badblocks": ("+800-900", "-800-900"), **{name: ATTRIBUTES[name] for name in ("submit_queues", "poll_queues", "size", "irqmode")}}


class Counts:
    """How often each operation of a worker gave each result."""

    def __init__(self, name):
        self.name = name
        self.counts = {}

    def do(self, what, function, *args):
        """Calls it: its result, or its errno's name."""
        said = guest.attempt(function, args)
        key = f"{what} {said}" if isinstance(said, str) else f"{what} ok"
        self.counts[key] = self.counts.get(key, 0) + 1
        return said


def put_alone(path, text, how):
    """Writes a file while CPU_AND_POWER is held."""
    with open(CPU_AND_POWER, "a") as lock:
        if CPU_AND_POWER != "/dev/null":
            fcntl.flock(lock, how)
        guest.put(path, text)


def configure(counts, draw, name, end):
    """Makes a disk, changes it, and removes it again; now and then while it is in use."""
    folder = f"{ROOT}/{name}"
    while time.monotonic() < end:
        counts.do("mkdir", os.mkdir, folder)
        for _ in range(draw.randrange(12)):
            key = draw.choice(list(ATTRIBUTES))
            counts.do("set", guest.put, f"{folder}/{key}", str(draw.choice(ATTRIBUTES[key])))
        if counts.do("power on", put_alone, f"{folder}/power", "1", fcntl.LOCK_SH) == "ok":
            time.sleep(draw.uniform(0, 1.5))
            for _ in range(draw.randrange(1, 10)):
                key = draw.choice(list(LIVE))
                counts.do("set live", guest.put, f"{folder}/{key}", str(draw.choice(LIVE[key])))
            time.sleep(draw.uniform(0, 0.5))
            if draw.randrange(2):
                counts.do("power off", guest.put, f"{folder}/power", "0")
        counts.do("rmdir", os.rmdir, folder)


def use(counts, draw, name, end):
    """Reads and writes a disk that comes and goes."""
    path = f"/dev/{name}"
    while time.monotonic() < end:
        sector, count = 8 * draw.randrange(256), 8 * draw.choice((1, 1, 1, 8, 64))
        if draw.randrange(2):
            said = counts.do("write", guest.dio_write, path, sector, count, sector)
        else:
            # Nobody knows what is on it, or that it is the same disk when it is read.
            said = counts.do("read", read, path, sector, count)
        if said != "ok":
            time.sleep(0.02)


def read(path, sector, count):
    """Reads the sectors."""
    guest.dio_check(path, sector, count, None)


def check(counts, draw, end):
    """Writes a disk that is the worker's own and finds the same data again, also after power was off."""
    folder = f"{ROOT}/checked"
    os.mkdir(folder)
    for key, value in {"memory_backed": 1, "size": 16, "irqmode": draw.randrange(3), "blocksize": 512}.items():
        guest.put(f"{folder}/{key}", str(value))
    if counts.do("checked power on", put_alone, f"{folder}/power", "1", fcntl.LOCK_SH) != "ok":
        end = 0
    while time.monotonic() < end:
        sector, count, seed = draw.randrange(30000), draw.randrange(1, 129), draw.randrange(1000)
        if counts.do("checked write", guest.dio_write, "/dev/checked", sector, count, seed) == "ok":
            found = counts.do("checked read", guest.dio_check, "/dev/checked", sector, count, seed)
            if found not in ("same", "ENOMEM", "EIO"):
                raise AssertionError(f"sectors {sector}+{count}, seed {seed}: {found}")
    counts.do("checked rmdir", os.rmdir, folder)


def unplug(counts, draw, end):
    """Takes the second CPU away and gives it back."""
    while time.monotonic() < end:
        for state in "01":
            counts.do(f"CPU {'back' if state == '1' else 'away'}", put_alone, CPU, state, fcntl.LOCK_EX)
            time.sleep(draw.uniform(0, 0.7))
    guest.put(CPU, "1")


def squeeze(counts, draw, end):
    """Takes most of the free memory for a moment, and empties the caches."""
    while time.monotonic() < end:
        available = next(int(line.split()[1]) for line in guest.get("/proc/meminfo").splitlines() if line.startswith("MemAvailable"))
        child = os.fork()
        if child == 0:
            guest.put("/proc/self/oom_score_adj", "1000")
            try:
                hog = []
                for _ in range(max(0, available // 1024 - 150)):
                    hog.append(bytearray(b"x") * (1 << 20))
                time.sleep(0.3)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        counts.do("caches emptied", guest.put, "/proc/sys/vm/drop_caches", "3")
        time.sleep(draw.uniform(0, 1))


def start(name, seed, function, *args):
    """Runs a worker in a process of its own: its pid, and the pipe that its counts come through."""
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(into)
        return pid, out
    code = 1
    try:
        counts = Counts(name)
        function(counts, random.Random(f"{seed} {name}"), *args)
        os.write(into, json.dumps(counts.counts).encode())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main():
    module, seed, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    draw = random.Random(seed)
    guest.load(module, f"nr_devices={draw.randrange(3)} submit_queues={draw.randrange(1, 3)} irqmode={draw.randrange(3)} memory_backed={draw.randrange(2)}")
    end = time.monotonic() + seconds
    workers = [start(f"configure {disk}", seed, configure, disk, end) for disk in DISKS]
    workers += [start(f"use {disk}", seed, use, disk, end) for disk in DISKS]
    workers += [start("check", seed, check, end), start("unplug", seed, unplug, end), start("squeeze", seed, squeeze, end)]
    total, problems = {}, []
    for pid, out in workers:
        with os.fdopen(out) as pipe:
            text = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code == -signal.SIGKILL:
            continue  # The kernel took it for want of memory.
        if code:
            problems.append("a worker failed")
        for key, count in json.loads(text or "{}").items():
            total[key] = total.get(key, 0) + count
            if key.rpartition(" ")[2] not in EXPECTED:
                problems.append(key)
    guest.attempt(guest.put, (CPU, "1"))
    patience = time.monotonic() + 30
    while (stuck := guest.clean_up()) and time.monotonic() < patience:
        time.sleep(0.5)
    problems += [f"left: {what}" for what in stuck + guest.residue()]
    print(json.dumps({"results": total, "problems": problems}))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
