# SPDX-License-Identifier: GPL-2.0
"""Runs in the guest: does a list of small operations in one process, forked from one that has loaded this file.

The list comes as a Python literal, in the first argument; the results leave as one, on stdout. An operation
gives "ok", what it read, or the name of the errno it failed with.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import random
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # Which python3 -I leaves out.

from guest_memory import kernel_kib  # noqa: E402

CONFIGFS = "/sys/kernel/config"
_SYSCALLS = {"init_module": 175, "finit_module": 313, "delete_module": 176, "io_uring_setup": 425, "io_uring_enter": 426}
_O_DIRECT = 0o40000
_RANGE_IOCTLS = {"discard": 0x1277, "secure_erase": 0x127D, "zero": 0x127F}
_ZONE_IOCTLS = {"report": 0xC0101282, "reset": 0x40101283, "open": 0x40101286, "close": 0x40101287, "finish": 0x40101288}
_ZONE_SIZE_IOCTL, _ZONE_COUNT_IOCTL = 0x80041284, 0x80041285
_CONDITIONS = {0: "nw", 1: "em", 2: "oi", 3: "oe", 4: "cl", 13: "ro", 14: "fu", 15: "of"}  # As blkzone prints them.
_IOPOLL = 1  # IORING_SETUP_IOPOLL
_RWF_DSYNC = 2
_held = []  # File descriptors that "hold" keeps open until the process ends.


def syscall(name, *args):
    """Makes a system call that the os module lacks. Errors: OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    # Every argument is a long, or a pointer.
    plain = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result = libc.syscall(ctypes.c_long(_SYSCALLS[name]), *plain)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def load(path, params):
    """insmod. A name without a folder is that of a driver that the kernel came with."""
    if "/" not in path:
        import glob

        (path,) = glob.glob(f"/lib/modules/{os.uname().release}/kernel/drivers/block/{path}/{path}.ko*")
    if path.endswith(".xz"):
        import lzma

        with lzma.open(path) as file:
            image = file.read()
        syscall("init_module", image, len(image), params.encode())
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscall("finit_module", fd, params.encode(), 0)
    finally:
        os.close(fd)


def unload(name):
    """rmmod, without waiting: EAGAIN while it is in use."""
    syscall("delete_module", name.encode(), os.O_NONBLOCK)


def put(path, text):
    """Writes `text` with one write()."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def put_count(path, text):
    """Writes `text` with one write(): what that returns."""
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, text.encode())
    finally:
        os.close(fd)


def get(path):
    """Reads a file, less the newline at its end."""
    with open(path, "rb", buffering=0) as file:
        text = file.read().decode(errors="replace")
    return text[:-1] if text.endswith("\n") else text


def raw(path):
    """Reads a file, all of it."""
    with open(path, "rb", buffering=0) as file:
        return file.read().decode(errors="replace")


def ls(path):
    """Names in a folder, sorted."""
    return sorted(os.listdir(path))


def tree(top):
    """Path -> text, or errno name, of every file under `top`."""
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, top)] = attempt(get, [path])
    return found


def modes(folder):
    """Name -> mode in octal of the files in a folder."""
    found = {}
    for name in sorted(os.listdir(folder)):
        mode = os.stat(os.path.join(folder, name)).st_mode
        found[name] = f"{mode & 0o7777:04o}" if mode & 0o170000 == 0o100000 else "folder"
    return found


def hold(path):
    """Opens a file until the last operation is done."""
    _held.append(os.open(path, os.O_RDONLY))


def release():
    """Closes what hold() opened."""
    while _held:
        os.close(_held.pop())


def run(*argv):
    """Runs a command to its end: [exit code, stdout and stderr]."""
    out, out_in = os.pipe()
    pid = os.posix_spawnp(
        argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out_in, 1), (os.POSIX_SPAWN_DUP2, out_in, 2)]
    )
    os.close(out_in)
    with open(out, "rb") as pipe:
        text = pipe.read().decode(errors="replace")
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text]


def dio_write(path, sector, count, seed):
    """Writes `count` sectors whose bytes follow from `seed`, past the page cache."""
    with mmap.mmap(-1, count * 512) as buffer:
        buffer.write(pattern(count, seed))
        fd = os.open(path, os.O_WRONLY | _O_DIRECT)
        try:
            if os.pwrite(fd, buffer, sector * 512) != count * 512:
                raise OSError(errno.EIO, "short write")
        finally:
            os.close(fd)


def dio_check(path, sector, count, seed):
    """Reads the sectors, past the page cache: "same" if they are what `seed` gives (None: zeroes), else "different"."""
    with mmap.mmap(-1, count * 512) as buffer:
        buffer.write(b"\xaa" * (count * 512))
        fd = os.open(path, os.O_RDONLY | _O_DIRECT)
        try:
            if os.preadv(fd, [buffer], sector * 512) != count * 512:
                return "short"
        finally:
            os.close(fd)
        wanted = bytes(count * 512) if seed is None else pattern(count, seed)
        return "same" if buffer[:] == wanted else "different"


def pattern(count, seed):
    """`count` sectors, each different from every other and from those of another seed."""
    return b"".join((b"%d:%d;" % (seed, number)).ljust(512, b"\x5a") for number in range(count))


def fua_write(path, sector, count, seed):
    """Writes sectors with the flag that has them outlive a loss of power, and no flush after it. Errors: OSError."""
    # What is synchronous, with O_DSYNC, is followed by a flush of all.
    result = uring(path, "write", sector, count, seed, _RWF_DSYNC)
    if result != count * 512:
        raise OSError(getattr(errno, str(result), errno.EIO), "write")


def fsync(path):
    """Has the disk write its cache out."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def dio_byte(path, sector, count):
    """Reads the sectors, past the page cache: the byte that all of them consist of, in hexadecimal, or "mixed"."""
    with mmap.mmap(-1, count * 512) as buffer:
        fd = os.open(path, os.O_RDONLY | _O_DIRECT)
        try:
            if os.preadv(fd, [buffer], sector * 512) != count * 512:
                return "short"
        finally:
            os.close(fd)
        found = set(buffer[:])
        return f"{found.pop():02x}" if len(found) == 1 else "mixed"


def lost(path, sector, count, seed):
    """How many of the sectors that dio_write() wrote read as zeroes. Errors: EBADMSG if one is neither that nor what was written."""
    wanted, zero, missing = pattern(count, seed), bytes(512), 0
    fd = os.open(path, os.O_RDONLY)
    try:
        data = os.pread(fd, count * 512, sector * 512)
    finally:
        os.close(fd)
    for at in range(0, count * 512, 512):
        if data[at : at + 512] == zero:
            missing += 1
        elif data[at : at + 512] != wanted[at : at + 512]:
            raise OSError(errno.EBADMSG, "other data than written")
    return missing


def max_inflight(disks, seconds):
    """Watches the requests in flight on some disks, from when all have some: the most there were, in sum, for a while.

    The disks are read one after another, and a request that ended on one while the next is read was not in flight with
    another's: what is seen once does not count.
    """
    sums, end, all_busy = [], time.monotonic() + 20, False
    while time.monotonic() < end:
        counts = [sum(map(int, get(f"/sys/block/{disk}/inflight").split())) for disk in disks]
        sums.append(sum(counts))
        if all(counts) and not all_busy:
            all_busy, end = True, time.monotonic() + seconds
        time.sleep(0.005)
    return max(map(min, zip(sums, sums[1:], sums[2:]))) if len(disks) > 1 else max(sums)


def repeat(count, pause_s, *operations):
    """Does operations again and again: what they gave, each once."""
    found = []
    for _ in range(count):
        for name, *args in operations:
            result = attempt(OPERATIONS[name], args)
            if result not in found:
                found.append(result)
            time.sleep(pause_s)
    return found


def fuzz_attributes(folder, names, seed, seconds, powers):
    """Writes random texts to random attributes, and, with `powers`, turns the device on and off: "attribute result" -> times."""
    choose, found, end = random.Random(seed), {}, time.monotonic() + seconds
    edges = [0, 1, 2, 3, 4, 7, 8, 31, 64, 511, 512, 513, 4096, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64]
    while time.monotonic() < end:
        name = choose.choice([*names, "power"] if powers else names)
        number = choose.choice(edges) + choose.choice([-1, 0, 0, 1])
        kind = choose.randrange(6)
        if kind == 0:
            text = "".join(chr(choose.randrange(1, 127)) for _ in range(choose.choice([1, 2, 8, 100, 4000])))
        elif kind == 1:
            text = choose.choice(["y", "n", "on", "off", "0x10", "010", "", "\n", " 1", "1 ", "%s%n", "1,100,0,1", "+5", "--1"])
        elif name == "badblocks":
            text = f"{choose.choice('+-')}{number}-{number + choose.choice(edges)}"
        elif name in ("size", "zone_size") and kind < 5:
            text = str(choose.choice([1, 2, 4, 8, 16, 64]))
        else:
            text = choose.choice([str(number), hex(abs(number)), str(choose.randrange(16))])
        # What would hold more than a guest has, or wait for longer than a test may.
        if powers and name == "power":
            text = choose.choice("01")
        elif powers and name in ("hw_queue_depth", "size", "index") and len(text) > 4:
            continue
        result = f"{name} {attempt(put, [f'{folder}/{name}', text])}" if text else f"{name} ok"
        found[result] = found.get(result, 0) + 1
        if choose.randrange(8) == 0 and attempt(get, [f"{folder}/{name}"]) in ("EIO", "EFAULT"):
            found[f"reading {name} EIO"] = 1
    if powers:
        put(f"{folder}/power", "0")
    return found


def fuzz_zones(folder, path, seed, seconds, max_open, max_active):
    """Does random zone operations: "operation result" -> times; also "limit ..." if more zones are open or active than may be."""
    choose, found, end = random.Random(seed), {}, time.monotonic() + seconds
    while time.monotonic() < end:
        start, whole = 4096 * choose.randrange(9), choose.randrange(10) == 0
        what = choose.choice(["reset", "open", "close", "finish", "write", "write", "write", "append", "read", "readonly", "offline", "report"])
        sector = start + choose.choice([0, 0, 0, 1, 8, 2047, 2048, 4095, choose.randrange(4096)])
        count = choose.choice([1, 8, 8, 64, 256, 2040])
        if what == "append":  # At the write pointer, which a report tells.
            here = zones(path, min(start, 28672), 1)
            sector = here[0][0] + (here[0][3] or 0)
            result = attempt(dio_write, [path, sector, count, 1])
        elif what == "write":
            result = attempt(dio_write, [path, sector, count, 1])
        elif what == "read":
            result = attempt(dio_byte, [path, sector, count])
            result = "ok" if result in ("short", "mixed") or len(result) == 2 else result
        elif what in ("readonly", "offline"):
            if choose.randrange(4):
                continue
            result = attempt(put, [f"{folder}/zone_{what}", str(choose.choice([sector, 2**63, 2**64 - 1]))])
        elif what == "report":
            result = "ok" if isinstance(attempt(zones, [path, sector, choose.randrange(1, 20)]), list) else "EIO"
        elif whole:
            result = attempt(zone, [path, what, 0, 32768])
        else:
            result = attempt(zone, [path, what, choose.choice([start, start, start, sector]), choose.choice([4096, 4096, 8192, 1])])
        found[f"{what} {result}"] = found.get(f"{what} {result}", 0) + 1
        conditions = [each[5] for each in zones(path)]
        opened = sum(condition in ("oi", "oe") for condition in conditions)
        if max_open and opened > max_open or max_active and opened + conditions.count("cl") > max_active:
            found[f"limit after {what} {conditions}"] = 1
    return found


def zones_back(folder, path):
    """Empties every zone that is not conventional, read-only and offline ones too."""
    for start, length, _, _, kind, condition in zones(path):
        if condition in ("ro", "of"):
            put(f"{folder}/zone_{'readonly' if condition == 'ro' else 'offline'}", str(start))
        elif kind == 2:
            zone(path, "reset", start, length)


def sectors(path, what, sector, count):
    """BLKDISCARD, BLKSECDISCARD or BLKZEROOUT of some sectors."""
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(fd, _RANGE_IOCTLS[what], struct.pack("QQ", sector * 512, count * 512))
    finally:
        os.close(fd)


def zone(path, what, sector, count):
    """Resets, opens, closes or finishes the zones in a range of sectors."""
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(fd, _ZONE_IOCTLS[what], struct.pack("QQ", sector, count))
    finally:
        os.close(fd)


def zones(path, sector=0, count=64):
    """At most `count` zones from that of `sector`: [start, length, capacity, write pointer - start, type, condition] of each.

    The write pointer of a zone that has none, and says so with all ones, is None.
    """
    buffer = bytearray(struct.pack("QII", sector, count, 0) + bytes(64 * count))
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, _ZONE_IOCTLS["report"], buffer)
    finally:
        os.close(fd)
    found = []
    for number in range(struct.unpack_from("I", buffer, 8)[0]):
        start, length, wp, kind, condition, _, _, capacity = struct.unpack_from("QQQBBBB4xQ", buffer, 16 + 64 * number)
        found.append([start, length, capacity, None if wp == 2**64 - 1 else wp - start, kind, _CONDITIONS[condition]])
    return found


def states(path):
    """Condition and write pointer of every zone, such as "em0 oi8 fu2048 ro-"."""
    return " ".join(f"{each[5]}{'-' if each[3] is None else each[3]}" for each in zones(path))


def zone_numbers(path):
    """[BLKGETZONESZ, BLKGETNRZONES]"""
    fd = os.open(path, os.O_RDONLY)
    try:
        return [struct.unpack("I", fcntl.ioctl(fd, number, bytes(4)))[0] for number in (_ZONE_SIZE_IOCTL, _ZONE_COUNT_IOCTL)]
    finally:
        os.close(fd)


_NVMET = f"{CONFIGFS}/nvmet"
_NQN = "nqn.2014-08.org.nvmexpress:zones"


def nvme_serve(path):
    """Makes a disk a namespace of the kernel's own NVMe target, and connects to that."""
    for module in ("nvmet-tcp", "nvme-tcp"):
        code, text = run("modprobe", module)
        if code:
            raise OSError(errno.ENODEV, text)
    subsystem, port = f"{_NVMET}/subsystems/{_NQN}", f"{_NVMET}/ports/1"
    os.mkdir(subsystem)
    put(f"{subsystem}/attr_allow_any_host", "1")
    os.mkdir(f"{subsystem}/namespaces/1")
    put(f"{subsystem}/namespaces/1/device_path", path)
    put(f"{subsystem}/namespaces/1/enable", "1")
    os.mkdir(port)
    for name, text in {"addr_trtype": "tcp", "addr_traddr": "127.0.0.1", "addr_trsvcid": "4420", "addr_adrfam": "ipv4"}.items():
        put(f"{port}/{name}", text)
    os.symlink(subsystem, f"{port}/subsystems/{_NQN}")
    put("/dev/nvme-fabrics", f"transport=tcp,traddr=127.0.0.1,trsvcid=4420,nqn={_NQN},nr_io_queues=1")
    deadline = time.monotonic() + 20
    while not any(map(_opens, _nvme_disks())):
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, "no disk")
        time.sleep(0.05)


def _nvme_disks():
    """Nodes of the namespaces there are."""
    return [f"/dev/{name}" for name in ls("/dev") if name.startswith("nvme") and "n" in name[4:] and name[4].isdigit()]


def _opens(path):
    """Whether a node can be opened: the kernel shows a node before what sysfs has of its disk."""
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError:
        return False
    return True


def zone_append(sector, count, seed):
    """Appends `count` sectors to the zone that begins at `sector`, through the NVMe disk: the block it was written to. Errors: EIO."""
    (disk,) = _nvme_disks()
    block = int(get(f"/sys/block/{disk[5:]}/queue/logical_block_size")) // 512
    data = ctypes.create_string_buffer(pattern(count, seed), count * 512)
    first = sector // block
    command = bytearray(struct.pack("<BBHIIIQQIIIIIIIIIIQ", 0x7D, 0, 0, 1, 0, 0, 0, ctypes.addressof(data), 0, count * 512, first & 0xFFFFFFFF, first >> 32, count // block - 1, 0, 0, 0, 0, 0, 0))
    fd = os.open(disk, os.O_RDWR)
    try:
        if fcntl.ioctl(fd, 0xC0504E48, command):  # NVME_IOCTL_IO64_CMD
            raise OSError(errno.EIO, "the target refused it")
    finally:
        os.close(fd)
    return struct.unpack_from("<Q", command, 72)[0]


def nvme_stop():
    """Undoes nvme_serve()."""
    for name in ls("/sys/class/nvme"):
        put(f"/sys/class/nvme/{name}/delete_controller", "1")
    os.unlink(f"{_NVMET}/ports/1/subsystems/{_NQN}")
    os.rmdir(f"{_NVMET}/ports/1")
    put(f"{_NVMET}/subsystems/{_NQN}/namespaces/1/enable", "0")
    os.rmdir(f"{_NVMET}/subsystems/{_NQN}/namespaces/1")
    os.rmdir(f"{_NVMET}/subsystems/{_NQN}")


def timed(name, *args):
    """Does another operation: [its result, the seconds it took]."""
    begun = time.monotonic()
    result = attempt(OPERATIONS[name], args)
    return [result, time.monotonic() - begun]


def discarded(name, *args):
    """Does another operation and leaves what it gave. Errors: its own."""
    OPERATIONS[name](*args)


def used_kib():
    """Memory in use, with caches emptied; what the page allocator keeps per CPU is not."""
    put("/proc/sys/vm/drop_caches", "3")
    return kernel_kib(get("/proc/meminfo"), get("/proc/zoneinfo"))["Used"]


def residue():
    """What of null_blk, in either language, can be seen: [] when nothing is left."""
    found = [f"/sys/module/{name}" for name in ("null_blk", "null_blk_cpp") if os.path.exists(f"/sys/module/{name}")]
    found += [f"/proc/devices: {line}" for line in get("/proc/devices").split("\n") if "nullb" in line]
    found += [f"/sys/block/{name}" for name in ls("/sys/block")]
    found += [f"{CONFIGFS}/{name}" for name in ls(CONFIGFS) if "nullb" in name]
    found += [f"/dev/{name}" for name in ls("/dev") if "nullb" in name]
    # Where 6.1's blk_register_queue() fails after it has made this folder, it forgets it, whatever the driver; that takes an allocation that fails.
    if not os.uname().release.startswith("6.1.") or "cxxtest" not in os.uname().release:
        found += [f"/sys/kernel/debug/block/{name}" for name in ls("/sys/kernel/debug/block")]
    return found


def clean_up():
    """Removes every directory and module there is; the directories and modules that would not go."""
    stuck = []
    for root in ("nullb_cpp", "nullb"):
        folder = f"{CONFIGFS}/{root}"
        for name in ls(folder) if os.path.isdir(folder) else []:
            path = f"{folder}/{name}"
            if os.path.isdir(path) and attempt(os.rmdir, [path]) != "ok":
                stuck.append(path)
    for name in ("null_blk_cpp", "null_blk"):
        if os.path.exists(f"/sys/module/{name}") and attempt(unload, [name]) != "ok":
            stuck.append(name)
    return stuck


def memory():
    """Active objects of each slab cache, and the figures of kernel_kib() under "/name", with caches emptied."""
    for _ in range(2):
        put("/proc/sys/vm/drop_caches", "3")
        time.sleep(0.2)  # For RCU, which frees what was removed.
    for name in ls("/sys/kernel/slab"):
        attempt(put, [f"/sys/kernel/slab/{name}/shrink", "1"])
    found = {}
    for line in get("/proc/slabinfo").split("\n")[2:]:
        name, active = line.split()[:2]
        found[name] = int(active)
    kib = kernel_kib(get("/proc/meminfo"), get("/proc/zoneinfo"))
    return found | {f"/{name}": value for name, value in kib.items()}


def load_cycles(path, name, params, count):
    """Loads and unloads `count` times; the number done."""
    for done in range(count):
        if attempt(load, [path, params]) != "ok" or attempt(unload, [name]) != "ok":
            return done
    return count


def failing_loads(path, params, count):
    """Loads, to no avail, `count` times; the number of times that it failed with EINVAL."""
    return sum(attempt(load, [path, params]) == "EINVAL" for _ in range(count))


def power_cycles(folder, disk, count):
    """Powers on and off `count` times; the number done."""
    for done in range(count):
        put(f"{folder}/power", "1")
        if not os.path.exists(f"/sys/block/{disk}"):
            return done
        put(f"{folder}/power", "0")
        if os.path.exists(f"/sys/block/{disk}"):
            return done
    return count


def unpolled_read(path, limit_s, times=1):
    """Submits polled 4 KiB reads through io_uring, `times` at once, and looks for their end only after `limit_s` s."""
    return uring(path, "read", 0, 8, None, 0, limit_s, _IOPOLL, times)


def polled(path, what, sector, count, seed, flags=0):
    """uring() that polls."""
    return uring(path, what, sector, count, seed, flags, 0, _IOPOLL)


def uring(path, what, sector, count, seed, flags=0, wait_s=0.0, setup=0, times=1):
    """Reads or writes sectors through io_uring: bytes done, or the errno's name; "different" if what was read is not what
    `seed` gives (None: anything is right). `flags`: those of preadv2(). Looks for the end after `wait_s` seconds.
    With `times`, up to 4: so many of the same are submitted at once, and each has to end as the others do.
    """
    params = ctypes.create_string_buffer(120)
    struct.pack_into("<III", params, 0, 4, 4, setup)  # sq_entries, cq_entries, flags
    ring = syscall("io_uring_setup", 4, params)
    fd = os.open(path, (os.O_RDONLY if what == "read" else os.O_WRONLY) | _O_DIRECT)
    _, sq_tail, _, _, _, _, sq_array = struct.unpack_from("<7I", params, 40)
    cq_head, cq_tail, _, _, _, cqes = struct.unpack_from("<6I", params, 80)
    sq = mmap.mmap(ring, 4096, offset=0)  # Both rings: IORING_FEAT_SINGLE_MMAP.
    sqes = mmap.mmap(ring, 4096, offset=0x10000000)
    data = mmap.mmap(-1, count * 512)
    if what == "write":
        data.write(pattern(count, seed))
    address = ctypes.addressof(ctypes.c_char.from_buffer(data))
    opcode = 22 if what == "read" else 23  # IORING_OP_READ, IORING_OP_WRITE
    for number in range(times):
        struct.pack_into("<BBHiQQII", sqes, 64 * number, opcode, 0, 0, fd, sector * 512, address, count * 512, flags)
        struct.pack_into("<I", sq, sq_array + 4 * number, number)
    struct.pack_into("<I", sq, sq_tail, times)
    syscall("io_uring_enter", ring, times, 0, 0, None, 0)
    time.sleep(wait_s)
    head = tail = 0
    deadline = time.monotonic() + 30
    # Polling ends early when another task wants the CPU.
    while tail - head < times and time.monotonic() < deadline:
        syscall("io_uring_enter", ring, 0, 1, 1, None, 0)  # IORING_ENTER_GETEVENTS
        head, tail = struct.unpack_from("<I", sq, cq_head)[0], struct.unpack_from("<I", sq, cq_tail)[0]
    results = {struct.unpack_from("<QiI", sq, cqes + 16 * number)[1] for number in range(tail - head)}
    result = results.pop() if tail - head == times and len(results) == 1 else None
    os.close(fd)
    os.close(ring)
    if result == count * 512 and what == "read" and seed is not None and data[:] != pattern(count, seed):
        return "different"
    return errno.errorcode[-result] if result is not None and result < 0 else result


def polled_dsync(path, sector, count, seed):
    """A polled write that ends when the data would outlive a loss of power."""
    return polled(path, "write", sector, count, seed, _RWF_DSYNC)


def fail_each(operation, undo, stride=1, workers=False):
    """Does the operation again and again; in the nth run, the nth memory allocation of this thread fails.

    With `workers`, that of every block layer's kernel thread fails too. Where a run succeeds all the same, `undo` follows.
    Ends with the first run that needs fewer allocations; returns [allocations failed, result -> times, what undo said,
    result of that run].
    `stride` leaves out runs. A first run, with nothing failed, has Python load what it needs: what comes from files
    other than the operation's would fail, too, and the guest's own file system does not take that well.
    """
    rehearsal = [attempt(OPERATIONS[name], args) for name, *args in ([operation, undo] if undo else [operation])]
    if set(rehearsal) != {"ok"}:
        return [0, {f"rehearsal: {rehearsal}": 1}, {}, ""]
    tasks = ["thread-self"]
    if workers:
        tasks += [pid for pid in ls("/proc") if pid.isdecimal() and kernel_thread(pid).endswith(("H", "-kblockd"))]
    files = [os.open(f"/proc/{task}/{'' if task[0] == 't' else f'task/{task}/'}fail-nth", os.O_RDWR) for task in tasks]
    results, undone, failed, last = {}, {}, 0, ""
    for nth in range(1, 5000, stride):
        for file in files[1:] + files[:1]:
            os.pwrite(file, b"%d" % nth, 0)
        result = attempt(OPERATIONS[operation[0]], operation[1:])
        left = [still_to_come(file) for file in files]
        failed += left.count(0)
        results[result] = results.get(result, 0) + 1
        if result == "ok" and undo:
            said = attempt(OPERATIONS[undo[0]], undo[1:])
            undone[said] = undone.get(said, 0) + 1
        if 0 not in left:
            last = result
            break
    for file in files:
        os.close(file)
    return [failed, results, undone, last]


def load_again(path, params):
    """insmod, from a file that stays open."""
    if path not in _kept:
        _kept[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    syscall("finit_module", _kept[path], params.encode(), 0)


def still_to_come(file):
    """How many allocations were left until the one to fail; 0 if it did fail. From now on none does."""
    while True:
        try:  # A copy from or to user space fails as well, and this can be the one.
            left = int(os.pread(file, 16, 0))
            os.pwrite(file, b"0", 0)
            return left
        except OSError as error:
            if error.errno != errno.EFAULT:
                raise


def kernel_thread(pid):
    """Its name; "" for a process, or what has ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            name = stat.read().split("(")[1].split(")")[0]
        return name if name.startswith("kworker/") else ""
    except OSError:
        return ""


_kept = {}  # path -> file descriptor
_written = [0]


def write_afresh(path, count):
    """Writes `count` sectors where none was written yet, and reads them back. Errors: OSError."""
    sector = _written[0]
    _written[0] += count
    dio_write(path, sector, count, sector)
    if dio_check(path, sector, count, sector) != "same":
        raise OSError(errno.EBADMSG, "other data than written")


OPERATIONS = {
    function.__name__: function
    for function in (load, unload, put, get, ls, tree, hold, release, run, dio_write, dio_check, residue, clean_up)
    + (memory, load_cycles, failing_loads, power_cycles, unpolled_read, fail_each, load_again, write_afresh)
    + (put_count, raw, modes, fua_write, fsync, dio_byte, lost, max_inflight, repeat, fuzz_attributes, fuzz_zones, zones_back, sectors, zone, zones, states, zone_numbers, nvme_serve, nvme_stop, zone_append, timed, discarded, used_kib, polled, polled_dsync)
} | {"mkdir": os.mkdir, "rmdir": os.rmdir, "exists": os.path.exists, "sleep": time.sleep}


def attempt(function, args):
    """Calls the function: its result, "ok" for None, the name of the errno for an OSError."""
    try:
        result = function(*args)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok" if result is None else result


def main(argv):
    """Does the operations of which argv[1] is a list, as a literal."""
    print([attempt(OPERATIONS[name], args) for name, *args in eval(argv[1], {"__builtins__": {}})])
