#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Does everything to null_blk_cpp at once, for as long as asked: make soak MINUTES=20.

Rounds of half a minute in a guest: load; disks made, changed, used and removed by several processes, data checked, a CPU taken
away and given back, little memory; unload. Every round begins with a seed that it prints; --seed begins with that one.
Between rounds the module is loaded and unloaded 10 times. The kernel must report nothing, and where it can tell, have
lost no memory. Exit code: 0, or 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools")]

from nullblk import NAME  # noqa: E402
from testkernel import forget_leaks, has_leak_check, leaks  # noqa: E402
from vmlib import PROJECT, KernelError, Vm, VmError, testkernel  # noqa: E402

ROUND_S = 30
PATIENCE_S = 300  # For what a round does after its time, on a slow machine.
LOADS = 10
# What a soak that says something has done.
NEEDED = ("power on ok", "write ok", "read ok", "checked read same", "CPU away ok", "caches emptied ok", "rmdir ok")


class Soak:
    """The rounds, and what they found."""

    def __init__(self, vm: Vm, module: Path) -> None:
        self._vm = vm
        self._module = module
        self._total: dict[str, int] = {}
        self.rounds = self.loads = 0
        self.problems: list[str] = []

    def round(self, seed: int, seconds: float) -> None:
        """One round, and some loads."""
        python = ["/usr/bin/python3", "-I", "-B"]
        done = self._vm.run([*python, HERE / "soak_guest.py", self._module, str(seed), str(seconds)], seconds + PATIENCE_S, cwd="/tmp")
        last = done.out.strip().splitlines()[-1:] or ["{}"]
        said = json.loads(last[0]) if last[0].startswith("{") else {}
        for key, count in said.get("results", {}).items():
            self._total[key] = self._total.get(key, 0) + count
        self.problems += [f"seed {seed}: {problem}" for problem in said.get("problems", [])]
        if done.rc != 0 and not said.get("problems"):
            self.problems.append(f"seed {seed}: exit code {done.rc}: {done.err[-2000:]}")
        self.rounds += 1
        loads = f"for i in $(seq {LOADS}); do insmod {self._module} && rmmod {NAME} || exit 1; done"
        done = self._vm.run(loads, PATIENCE_S)
        if done.rc != 0:
            self.problems.append(f"after seed {seed}: {done.err.strip()}")
        self.loads += 1 + LOADS
        self.problems += [line for line in self._vm.take_splats() if "new suspected memory leak" not in line]

    def leaks(self) -> None:
        """What was lost in all rounds."""
        if has_leak_check(self._vm):
            found = leaks(self._vm)
            self.problems += [f"leaked: {found[:3000]}"] if found else []

    def never(self) -> None:
        """What ought to have worked, and never did."""
        self.problems += [f"never: {key}" for key in NEEDED if not self._total.get(key)]

    def __str__(self) -> str:
        counts = ", ".join(f"{key} {count}" for key, count in sorted(self._total.items()))
        return f"{self.rounds} rounds, {self.loads} loads, {sum(self._total.values())} operations: {counts}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20, help="how long (default 20)")
    parser.add_argument("--release", help="kernel (default: the test kernel)")
    parser.add_argument("--seed", type=int, help="of the first round")
    options = parser.parse_args()
    try:
        release = options.release or testkernel.recipe().release
        module = PROJECT / "build" / release / f"{NAME}.ko"
        if not module.is_file():
            raise KernelError(f"{module} is not built: run make soak")
        with Vm(release, smp=2, mem=1024, cwd=PROJECT) as vm:
            return soak(Soak(vm, module), vm, options.minutes, options.seed)
    except (KernelError, VmError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1


def soak(work: Soak, vm: Vm, minutes: float, seed: int | None) -> int:
    """Runs rounds until the time is over, or something is wrong."""
    end = time.monotonic() + 60 * minutes
    if has_leak_check(vm):
        forget_leaks(vm)
    while (left := end - time.monotonic()) > 0 and not work.problems:
        seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
        print(f"kernel {vm.release}: round {work.rounds + 1}, seed {seed}, {left / 60:.1f} min left", flush=True)
        work.round(seed, min(left, ROUND_S))
        seed = None
    if vm.alive:
        work.leaks()
    work.never()
    print(work)
    for problem in work.problems:
        print(f"problem: {problem}")
    print("soak: failed" if work.problems else "soak: passed")
    return 1 if work.problems else 0


if __name__ == "__main__":
    sys.exit(main())
