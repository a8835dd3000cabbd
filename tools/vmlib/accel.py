# SPDX-License-Identifier: GPL-2.0
"""Chooses how QEMU runs the guest's instructions: KVM where a guest really boots with it, else TCG."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from . import kernels

NAMES = ("auto", "kvm", "tcg", "icount")
# Byte-wise string instructions are slow to emulate: without these features the kernel takes eight bytes at a time.
_EMULATED = "max,-erms,-fsrm"
QEMU_ARGUMENTS = {
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    "tcg": ["-accel", "tcg", "-cpu", _EMULATED],
    "icount": ["-accel", "tcg", "-cpu", _EMULATED, "-icount", "shift=0,sleep=off"],
}
KERNEL_PARAMETERS = {
    "kvm": "",
    # What is translated is found again by its address: a program that is anywhere else each time is translated each time.
    "tcg": "no_timer_check norandmaps",
    # The guest's clock jumps ahead whenever the guest waits for the host, so that no wait is too long.
    "icount": "no_timer_check sysctl.kernel.hung_task_timeout_secs=0",
}

_DEVICE = "/dev/kvm"
_PROBE_TIMEOUT_S = 20


@dataclass(frozen=True)
class Choice:
    """An accelerator (kvm, tcg or icount), and a line for the user that says why."""

    name: str
    note: str


def choose(wanted: str, kernel: kernels.Kernel) -> Choice:
    """Returns what to use for `wanted`, one of NAMES; "auto" may boot a guest to find out."""
    if wanted not in NAMES:
        raise ValueError(f"accel must be one of {', '.join(NAMES)}, not {wanted!r}")
    if wanted != "auto":
        return Choice(wanted, wanted)
    problem = _kvm_problem(kernel)
    return Choice("tcg", f"tcg (kvm: {problem})") if problem else Choice("kvm", "kvm")


def _kvm_problem(kernel: kernels.Kernel) -> str:
    """Returns why KVM cannot be used, "" if it can. A probe boot's outcome is kept until the host reboots."""
    if not os.path.exists(_DEVICE):
        return f"no {_DEVICE}"
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return f"no permission for {_DEVICE}"
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    store = kernels.cache_dir() / "kvm"
    with kernels.locked(store / "lock"):
        known = store / boot_id
        if not known.exists():
            outcome = _probe(kernel)
            for old in store.glob("*-*"):
                old.unlink()
            temporary = store / "new"
            temporary.write_text(outcome)
            temporary.rename(known)
        return known.read_text()


def _probe(kernel: kernels.Kernel) -> str:
    """Boots a guest with KVM; returns what went wrong, "" if nothing."""
    from .machine import Vm, VmError

    try:
        with Vm(kernel=kernel, accel="kvm", smp=2, mem=512, boot_timeout=_PROBE_TIMEOUT_S):
            return ""
    except VmError as error:
        return "probe boot hung" if "did not boot" in error.message else "probe boot failed"
