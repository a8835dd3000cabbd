# SPDX-License-Identifier: GPL-2.0
"""Parameters and configfs attributes: which there are, how they read, and what power-on makes of them.

The texts below were read from the C driver of each kernel.
"""

from __future__ import annotations

import pytest
from nullblk import Driver, make

pytestmark = pytest.mark.slow_on_older

# configfs attribute -> what it reads when nothing was set; None: it is written only.
ATTRIBUTES = {
    "badblocks": "",
    "blocking": "0",
    "blocksize": "512",
    "cache_size": "0",
    "completion_nsec": "10000",
    "discard": "0",
    "home_node": "4294967295",
    "hw_queue_depth": "64",
    "index": "0",
    "irqmode": "1",
    "max_sectors": "0",
    "mbps": "0",
    "memory_backed": "0",
    "no_sched": "0",
    "poll_queues": "1",
    "power": "0",
    "queue_mode": "2",
    "shared_tag_bitmap": "0",
    "shared_tags": "0",
    "size": "256000",
    "submit_queues": "1",
    "use_per_node_hctx": "0",
    "virt_boundary": "0",
    "zone_capacity": "0",
    "zone_max_active": "0",
    "zone_max_open": "0",
    "zone_nr_conv": "0",
    "zone_offline": None,
    "zone_readonly": None,
    "zone_size": "256",
    "zoned": "0",
}
ATTRIBUTES_612 = ATTRIBUTES | {"fua": "1", "zone_append_max_sectors": "2147483647", "zone_full": "0"}
# What the C driver does not have.
FAULT_GROUPS = {"timeout_inject", "requeue_inject", "init_hctx_fault_inject"}
OWN_ATTRIBUTES = {"rotational": "0", "badblocks_once": "0", "badblocks_partial_io": "0"}

FEATURES = (
    "badblocks,blocking,blocksize,cache_size,completion_nsec,discard,home_node,hw_queue_depth,irqmode,max_sectors,mbps,memory_backed,no_sched,"
    "poll_queues,power,queue_mode,shared_tag_bitmap,shared_tags,size,submit_queues,use_per_node_hctx,virt_boundary,zoned,zone_capacity,"
    "zone_max_active,zone_max_open,zone_nr_conv,zone_offline,zone_readonly,zone_size\n"
)
FEATURES_612 = (
    "badblocks,blocking,blocksize,cache_size,fua,completion_nsec,discard,home_node,hw_queue_depth,irqmode,max_sectors,mbps,memory_backed,no_sched,"
    "poll_queues,power,queue_mode,shared_tag_bitmap,shared_tags,size,submit_queues,use_per_node_hctx,virt_boundary,zoned,zone_capacity,"
    "zone_max_active,zone_max_open,zone_nr_conv,zone_offline,zone_readonly,zone_size,zone_append_max_sectors,zone_full\n"
)

PARAMETERS = {
    "blocking": "N",
    "bs": "512",
    "cache_size": "0",
    "completion_nsec": "10000",
    "discard": "N",
    "gb": "250",
    "home_node": "-1",
    "hw_queue_depth": "64",
    "irqmode": "1",
    "max_sectors": "0",
    "mbps": "0",
    "memory_backed": "N",
    "no_sched": "0",
    "nr_devices": "0",
    "poll_queues": "1",
    "queue_mode": "2",
    "shared_tag_bitmap": "N",
    "shared_tags": "N",
    "submit_queues": "1",
    "use_per_node_hctx": "N",
    "virt_boundary": "N",
    "zone_capacity": "0",
    "zone_max_active": "0",
    "zone_max_open": "0",
    "zone_nr_conv": "0",
    "zone_size": "256",
    "zoned": "N",
}
PARAMETERS_612 = PARAMETERS | {"fua": "Y", "zone_append_max_sectors": "2147483647", "zone_full": "N"}
OWN_PARAMETERS = {"compat_names": "N", "timeout": "", "requeue": "", "init_hctx": ""}

# Parameter -> what to load with, what it then reads, and what a new configfs device reads under which name.
INHERITED = {
    "blocking": ("1", "Y", "1"),
    "bs": ("4096", "4096", "4096"),
    "cache_size": ("7", "7", "7"),
    "completion_nsec": ("12345", "12345", "12345"),
    "discard": ("y", "Y", "1"),
    "gb": ("3", "3", "3072"),
    "home_node": ("0", "0", "0"),
    "hw_queue_depth": ("33", "33", "33"),
    "irqmode": ("2", "2", "2"),
    "max_sectors": ("0x40", "64", "64"),
    "mbps": ("77", "77", "77"),
    "memory_backed": ("on", "Y", "1"),
    "no_sched": ("5", "5", "1"),
    "poll_queues": ("2", "2", "2"),
    "shared_tag_bitmap": ("1", "Y", "1"),
    "shared_tags": ("1", "Y", "1"),
    "submit_queues": ("2", "2", "2"),
    "virt_boundary": ("1", "Y", "1"),
    "zone_capacity": ("3", "3", "3"),
    "zone_max_active": ("5", "5", "5"),
    "zone_max_open": ("4", "4", "4"),
    "zone_nr_conv": ("2", "2", "2"),
    "zone_size": ("8", "8", "8"),
    "zoned": ("1", "Y", "1"),
}
INHERITED_612 = INHERITED | {
    "fua": ("0", "N", "0"),
    "zone_append_max_sectors": ("100", "100", "100"),
    "zone_full": ("1", "Y", "1"),
}
ATTRIBUTE_OF = {"bs": "blocksize", "gb": "size"}


def test_nb25_attributes_modes_defaults_and_features(drv: Driver):
    """A new device has the C driver's attributes with their modes and defaults; `features` is the C driver's byte for byte."""
    loaded, made, modes, texts, root, features = drv.do(
        drv.load_op("nr_devices=0"),
        *drv.make("a"),
        ("modes", f"{drv.root}/a"),
        ("tree", f"{drv.root}/a"),
        ("modes", drv.root),
        ("raw", f"{drv.root}/features"),
    )
    assert (loaded, made) == ("ok", "ok")
    wanted = ATTRIBUTES if drv.has_bio_mode else ATTRIBUTES_612
    if not drv.is_c:
        wanted = wanted | OWN_ATTRIBUTES
    groups = {name for name, mode in modes.items() if mode == "folder"}
    assert groups == (set() if drv.is_c or drv.has_bio_mode else FAULT_GROUPS)
    assert {name: mode for name, mode in modes.items() if mode != "folder"} == {
        name: "0200" if text is None else "0644" for name, text in wanted.items()
    }
    assert {name: text for name, text in texts.items() if "/" not in name} == {
        name: "EACCES" if text is None else text for name, text in wanted.items()
    }
    assert root == {"a": "folder", "features": "0444"}
    assert features == (FEATURES if drv.has_bio_mode else FEATURES_612)


def test_nb25_values_read_back_in_the_c_drivers_format(drv: Driver):
    """Numbers in any base read back in decimal, bools as 0 or 1, each with a newline; write-only files cannot be read."""
    root = f"{drv.root}/a"
    texts = {"0x10": "16", "010": "8", "16": "16", " 7": "EINVAL", "7\n": "7", "+5": "5", "0": "0"}
    bools = {"y": "1", "Yes": "1", "n": "0", "1\n": "1", "off": "0", "on": "1", "NO": "0", "maybe": "EINVAL"}
    steps, wanted = [], []
    for name in ("size", "blocksize", "zone_size", "cache_size", "mbps", "zone_max_open", "home_node", "submit_queues"):
        # Which home there is depends on the machine; see NB-85.
        for text, read in texts.items() if name != "home_node" else [("0", "0"), ("0x0", "0"), ("4294967295", "4294967295")]:
            steps += [drv.put("a", name, text), ("raw", f"{root}/{name}")]
            wanted += [(name, text, read)]
    for name in ("zoned", "discard", "memory_backed", "shared_tags"):
        for text, read in bools.items():
            steps += [drv.put("a", name, text), drv.get("a", name)]
            wanted += [(name, text, read)]
    results = drv.do(drv.load_op("nr_devices=0"), *drv.make("a"), *steps)[2:]
    for (name, text, read), put, got in zip(wanted, results[::2], results[1::2]):
        if read == "EINVAL":
            assert put == "EINVAL", (name, text)
        else:
            assert (put, got) == ("ok", read if name in ("zoned", "discard", "memory_backed", "shared_tags") else read + "\n"), (name, text)


def test_nb26_parameters_and_their_modes(drv: Driver):
    """The parameters are the C driver's for this kernel, with mode 0444 and its defaults; ours has a few more."""
    loaded, modes, texts = drv.do(
        drv.load_op("nr_devices=0"), ("modes", f"/sys/module/{drv.module}/parameters"), ("tree", f"/sys/module/{drv.module}/parameters")
    )
    wanted = PARAMETERS if drv.has_bio_mode else PARAMETERS_612
    if not drv.is_c:
        wanted = wanted | OWN_PARAMETERS
    assert (loaded, texts) == ("ok", wanted)
    assert modes == dict.fromkeys(wanted, "0444")


def test_nb26_parameters_are_the_defaults_of_configfs(drv: Driver):
    """Every parameter given at load reads back, and is what a new configfs device starts with."""
    given = INHERITED if drv.has_bio_mode else INHERITED_612
    loaded, made, *texts = drv.do(
        drv.load_op("nr_devices=0 " + " ".join(f"{name}={value}" for name, (value, _, _) in given.items())),
        *drv.make("a"),
        *(drv.parameter(name) for name in given),
        *(drv.get("a", ATTRIBUTE_OF.get(name, name)) for name in given),
    )
    assert (loaded, made) == ("ok", "ok")
    assert dict(zip(given, zip(texts, texts[len(given) :]))) == {name: (shown, inherited) for name, (_, shown, inherited) in given.items()}


def test_nb27_nb28_negative_and_impossible_parameters(drv: Driver):
    """Negative submit_queues: one per CPU. Negative bs: 4096. home_node that does not exist: an error line and "any"."""
    assert drv.do(
        drv.load_op("submit_queues=-3 bs=-1 home_node=9 gb=1"),
        drv.parameter("submit_queues"),
        drv.parameter("bs"),
        drv.parameter("home_node"),
        ("get", f"/sys/block/{drv.disk}/queue/logical_block_size"),
        *drv.make("a"),
        *drv.gets("a", "submit_queues", "blocksize", "home_node"),
    ) == ["ok", "2", "4096", "-1", "4096", "ok", "2", "4096", "4294967295"]
    said = drv.said()
    for line in ("invalid block size", "defaults block size to 4096", "invalid home_node value"):
        assert said.count(line) == 1, (line, said)


def test_nb29_nb32_nb33_modes_out_of_range_are_cut(drv: Driver):
    """queue_mode=7 powers on as multiqueue: 6.1 shows 2, 6.12 shows 7. irqmode=9 reads 2. 6.1's bio mode has mbps 0."""
    shown = "2" if drv.has_bio_mode else "7"
    assert drv.do(
        drv.load_op("nr_devices=0"),
        *drv.make("a", size=16, queue_mode=7, irqmode=9, mbps=100000),
        *drv.gets("a", "queue_mode", "irqmode", "mbps"),
        drv.power("a", 1),
        *drv.gets("a", "queue_mode", "irqmode", "mbps"),
        ("exists", "/sys/block/a/mq/0"),
        *drv.make("b", size=16, queue_mode=0, mbps=50, power=1),
        drv.get("b", "mbps"),
    ) == ["ok"] * 6 + ["7", "9", "100000", "ok", shown, "2", "40960", True] + ["ok"] * 5 + ["0" if drv.has_bio_mode else "50"]


def test_nb35_nb36_limits_of_requests(drv: Driver):
    """max_sectors=24: no request is larger than 24 sectors. virt_boundary=1: the mask is 4095."""
    steps = [("get", "/sys/block/b/queue/max_hw_sectors_kb"), ("get", "/sys/block/b/queue/virt_boundary_mask")]
    loaded, *made = drv.do(drv.load_op("nr_devices=0"), *drv.make("b", size=64, max_sectors=24, memory_backed=1, power=1), *steps)
    assert (loaded, made) == ("ok", ["ok"] * 5 + ["12", "0"])
    reports = drv.fio("--ioengine=psync", "--filename=/dev/b", "--rw=write", "--bs=48k", "--number_ios=20")
    assert reports[0]["write"]["total_ios"] == 20
    # Requests and sectors: 48 KiB are 4 requests of at most 12.
    done = drv.do(("get", "/sys/block/b/stat"))[0].split()
    assert (int(done[4]), int(done[6])) == (80, 20 * 96)
    assert drv.do(*drv.make("c", size=16, virt_boundary=1, power=1), ("get", "/sys/block/c/queue/virt_boundary_mask"), drv.get("c", "virt_boundary")) == [
        "ok", "ok", "ok", "ok", "4095", "1",
    ]


@pytest.mark.c_fails("the kernel warns on 6.12", on="6.12", fatal=True)
def test_nb34_max_sectors_below_a_page(drv: Driver):
    """max_sectors=1: 6.1 makes it 8 with the block layer's line; 6.12 gives EINVAL and nothing powers on."""
    results = drv.do(
        drv.load_op("nr_devices=0"), *drv.make("a", size=16, max_sectors=1, power=1), drv.get("a", "power"), ("get", "/sys/block/a/queue/max_hw_sectors_kb")
    )[4:]
    if drv.has_bio_mode:
        assert results == ["ok", "1", "4"]
        assert "blk_queue_max_hw_sectors: set to minimum 8" in drv.log()
    else:
        assert results == ["EINVAL", "0", "ENOENT"]


def test_nb43_queues_per_node(drv: Driver):
    """use_per_node_hctx=1 makes a queue per node, here one, and logs it; in configfs it does so at power-on."""
    assert drv.do(
        drv.load_op("use_per_node_hctx=1 submit_queues=2 poll_queues=0 gb=1"),
        drv.parameter("submit_queues"),
        ("ls", f"/sys/block/{drv.disk}/mq"),
        *drv.make("a", size=16, submit_queues=2, use_per_node_hctx=1),
        drv.get("a", "submit_queues"),
        drv.power("a", 1),
        drv.get("a", "submit_queues"),
        ("ls", "/sys/block/a/mq"),
    ) == ["ok", "1", ["0"], "ok", "ok", "ok", "ok", "2", "ok", "1", ["0"]]
    assert drv.said().count("submit_queues param is set to 1.") == 1


def test_nb44_blocking(drv: Driver):
    """blocking=1 alone works and stays as it is; memory_backed=1 makes it read 1 from power-on. I/O goes on in each."""
    for name, attributes in (("plain", {}), ("blocks", {"blocking": 1}), ("memory", {"memory_backed": 1})):
        assert drv.do(*([drv.load_op("nr_devices=0")] if name == "plain" else [("exists", "/")]), *drv.make(name, size=16, **attributes))[1:] == ["ok"] * (
            2 + len(attributes)
        )
    assert drv.do(
        drv.get("memory", "blocking"),
        *(drv.power(name, 1) for name in ("plain", "blocks", "memory")),
        *(drv.get(name, "blocking") for name in ("plain", "blocks", "memory")),
        *(("dio_write", f"/dev/{name}", 0, 8, 1) for name in ("plain", "blocks", "memory")),
        ("dio_check", "/dev/memory", 0, 8, 1),
    ) == ["0", "ok", "ok", "ok", "0", "1", "1", "ok", "ok", "ok", "same"]
    # What may sleep is dispatched with another lock held; debugfs shows the flag.
    flags = drv.do(*(("get", f"/sys/kernel/debug/block/{name}/hctx0/flags") for name in ("plain", "blocks")))
    assert ["BLOCKING" in text for text in flags] == [False, True]


def test_nb71_long_names(drv: Driver):
    """A directory name of 40 characters gives a disk with the first 31."""
    name = "abcdefghij" * 4
    assert drv.do(drv.load_op("nr_devices=0"), *drv.make(name, size=16, power=1), ("ls", "/sys/block"), ("exists", f"/dev/{name[:31]}"), drv.rmdir(name)) == [
        "ok", "ok", "ok", "ok", [name[:31]], True, "ok",
    ]


def test_nb72_index(drv: Driver):
    """index is what power-on gave: the lowest that is free, whatever was written; it is the minor, and is used again."""
    assert drv.do(
        drv.load_op("nr_devices=1 gb=1"),
        *drv.make("a", size=16),
        *drv.make("b", size=16, index=77),
        *drv.make("c", size=16),
        drv.get("b", "index"),
        *(drv.power(name, 1) for name in "abc"),
        *(drv.get(name, "index") for name in "abc"),
        drv.put("b", "index", 5),
        drv.power("a", 0),
        drv.power("c", 0),
        drv.power("c", 1),
        *(drv.get(name, "index") for name in "abc"),
    ) == ["ok"] * 8 + ["77", "ok", "ok", "ok", "1", "2", "3", "EBUSY", "ok", "ok", "ok", "1", "2", "1"]
    assert [text.split(":")[1] for text in drv.do(("get", "/sys/block/b/dev"), ("get", "/sys/block/c/dev"))] == ["2", "1"]


@pytest.mark.c_fails("NB-85: home_node in configfs is not checked")
def test_nb85_home_node_that_does_not_exist_is_refused(drv: Driver):
    """configfs: home_node=9 gives EINVAL, then or at power-on, and there is no disk."""
    *_, put, powered, disks = drv.do(drv.load_op("nr_devices=0"), *drv.make("a", size=16), drv.put("a", "home_node", 9), drv.power("a", 1), ("ls", "/sys/block"))
    assert put == "EINVAL" or (powered, disks) == ("EINVAL", [])


@pytest.mark.c_fails("D4: blocksize=0 is taken on 6.12", on="6.12")
def test_nb79_block_size_of_zero_is_refused(drv: Driver):
    """blocksize=0 does not power on, with EINVAL, on each kernel."""
    assert drv.do(drv.load_op("nr_devices=0"), *drv.make("a", size=16, blocksize=0, power=1), drv.get("a", "power"), ("ls", "/sys/block")) == [
        "ok", "ok", "ok", "ok", "EINVAL", "0", [],
    ]


def test_compat_features_are_in_no_other_place(drv: Driver):
    """The root of configfs has `features` and devices alone, and its file cannot be written."""
    root = drv.root
    assert drv.do(drv.load_op("nr_devices=0"), ("ls", root), ("put", f"{root}/features", "x"), *make("a", root, size=16), drv.rmdir("a"), ("ls", root)) == [
        "ok", ["features"], "EACCES", "ok", "ok", "ok", ["features"],
    ]
