# SPDX-License-Identifier: GPL-2.0
"""Stock Debian kernels in QEMU, for tests and benchmarks. Put tools/ on sys.path and import Vm from here."""

from .kernels import Kernel, KernelError, default_release, find, installed_releases, stock_module
from .machine import PROJECT, TIMED_OUT, CommandFailed, Job, Result, Vm, VmError
from .splat import find_splats, is_splat

__all__ = [
    "PROJECT",
    "TIMED_OUT",
    "CommandFailed",
    "Job",
    "Kernel",
    "KernelError",
    "Result",
    "Vm",
    "VmError",
    "default_release",
    "find",
    "find_splats",
    "installed_releases",
    "is_splat",
    "stock_module",
]
