# SPDX-License-Identifier: GPL-2.0
"""What the kernel of a guest uses, from the text of /proc/meminfo and /proc/zoneinfo."""

import re


def kernel_kib(meminfo, zoneinfo):
    """Slab, VmallocUsed, Percpu, Free, and Used: all pages that are neither free nor of processes and files; in KiB.

    MemFree leaves out the free pages on the CPUs' own lists, up to 24 MiB for each CPU on 6.1; Free does not.
    """
    counts = {name: int(kib) for name, kib in re.findall(r"^(\w+): +(\d+) kB$", meminfo, re.MULTILINE)}
    free = counts["MemFree"] + 4 * sum(int(pages) for pages in re.findall(r"^ +count: +(\d+)$", zoneinfo, re.MULTILINE))
    used = counts["MemTotal"] - free - counts["AnonPages"] - counts["Cached"] - counts["Buffers"]
    return {name: counts[name] for name in ("Slab", "VmallocUsed", "Percpu")} | {"Free": free, "Used": used}
