# SPDX-License-Identifier: GPL-2.0
"""Tells kernel-log lines that report a kernel bug from all the others."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What printk puts before the text on a console: level, time stamp, caller.
_PREFIX = re.compile(r"^(<\d+>)?(\[\s*\d+\.\d+\])?(\[\s*[TC]\d+\])?\s?")

# Each alternative is anchored where the kernel prints it, so that text which only
# mentions a warning (a boot notice, a user-space crash) does not match.
_SPLAT = re.compile(
    r"""
      ^WARNING:\s                               # WARN_ON, lockdep, RCU
    | ^(\w[\w\ ]*:\s|\[\ )?BUG:\s                # "BUG: KASAN", "watchdog: BUG: soft lockup", "[ BUG: Invalid wait"
    | ^BUG\s[\w.:-]+(\s[\w.:-]+)*\s\(           # SLUB: "BUG kmalloc-64 (Not tainted): ..."
    | ^kernel\ BUG\ at\s
    | ^Oops\b
    | ^general\ protection\ fault
    | ^(invalid\ opcode|divide\ error|double\ fault|stack\ segment|stack\ guard\ page)\b
    | ^(traps:\s)?PANIC:\s
    | ^Kernel\ panic\b
    | ^(rcu:\s)?INFO:\s(rcu_|task\s|possible\s|trying\ to\ register|inconsistent\s|lockdep\s|suspicious\s)
    | ^UBSAN:\s
    | ^(KASAN|KCSAN|KMSAN|KFENCE):\s
    | ^kmemleak:\s(\d+\ new\ suspected\ memory\ leak|.*\bunknown\ object|Cannot\ insert\s|Found\ object\ by\ alias)
    | ^kmemleak:\s(Kernel\ memory\ leak\ detector\ disabled|Cannot\ allocate\ a\ kmemleak_object)
    | ^refcount_t:\s
    | ^list_(add|del)\ (corruption|double\ add)
    | ^DMA-API:\s.*(device\ driver|leaked|mapping\ sg\ segment|cacheline\ tracking|overlapping\ mappings)
    | ^DMA-API:\s.*(out\ of\ memory)               # the check has turned itself off, as ODEBUG and kmemleak do
    | ^ODEBUG:\s(?!selftest\ passed|\d+\ of\ \d+\ active)
    | ^(\w+:\s)?detected\ buffer\ overflow          # FORTIFY_SOURCE
    | ^softirq:\ huh,\ entered
    | ^NETDEV\ WATCHDOG:
    | ^unregister_netdevice:\ waiting\ for
    | ^sysfs:\ cannot\ create\ duplicate\ filename
    | ^(NMI\ )?watchdog:\ Watchdog\ detected\ hard\ LOCKUP
    | ^\s*possible\ (circular|recursive)\ locking\ dependency
    """,
    re.VERBOSE,
)


def is_splat(line: str) -> bool:
    """Says whether `line`, with or without a printk prefix, reports a kernel bug."""
    return _SPLAT.search(_PREFIX.sub("", line, count=1)) is not None


def find_splats(lines: Iterable[str]) -> list[str]:
    """Returns the lines that report a kernel bug, in order."""
    return [line for line in lines if is_splat(line)]
