# SPDX-License-Identifier: GPL-2.0
"""Runs in a guest: what sysfs shows of a controller, and what the kernel tells user space while a command runs.

    nvme_watch.py show BDF            a JSON object: file -> [mode, text] of the controller, its sensors and its subsystem
    nvme_watch.py poke BDF OFFSET     writes 0 to four bytes of the controller's registers, behind the driver's back
    nvme_watch.py parameters MODULE...  a JSON object: parameter -> [mode, text, {text written: what is read then, or the error}]
    nvme_watch.py uevents COMMAND     a JSON list of the uevents of controllers while COMMAND runs, each NAME=value ...
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

NETLINK_KOBJECT_UEVENT = 15
# Not the driver's, or different each time.
_SKIPPED = {"uevent", "dev", "power"}
# Of a disk, those that are no business of the block layer.
_DISK = {"wwid", "uuid", "nguid", "eui", "nsid", "csi", "metadata_bytes", "nuse", "passthru_err_log_enabled"}


def files_of(folder: Path) -> dict[str, list[str]]:
    """The files in a folder of sysfs, links and folders left out."""
    found = {}
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if path.name in _SKIPPED or not stat.S_ISREG(mode):
            continue
        text = path.read_text(errors="backslashreplace") if mode & 0o444 else ""
        found[path.name] = [oct(mode & 0o777), text]
    return found


def show(address: str) -> dict[str, list[str]]:
    """All of a controller."""
    controller = next(p for name in ("nvme", "nvmecpp") for p in Path(f"/sys/bus/pci/devices/{address}").glob(f"{name}/*"))
    found = {f"controller/{name}": value for name, value in files_of(controller).items()}
    for chip in controller.glob("hwmon*"):
        found |= {f"hwmon/{name}": value for name, value in files_of(chip).items()}
    for link in Path("/sys/class").glob(f"nvme*-subsystem/*/{controller.name}"):
        found |= {f"subsystem/{name}": value for name, value in files_of(link.parent).items() if name != "iopolicy"}
    for disk in controller.glob("nvme*n*"):
        found |= {f"disk/{name}": value for name, value in files_of(disk).items() if name in _DISK}
    return found


# What is written to parameters, and back: numbers at and beyond limits, and what is none.
_WRITTEN = ("0", "1", "2", "64", "255", "256", "4095", "4096", "-1", "0x10", "N", "maybe", "")


def parameters(modules: list[str]) -> dict[str, list[object]]:
    """Of the modules together; what was there is there again."""
    found: dict[str, list[object]] = {}
    for path in sorted(p for module in modules for p in Path(f"/sys/module/{module}/parameters").iterdir()):
        mode = path.stat().st_mode & 0o777
        text = path.read_text()
        answers: dict[str, str] = {}
        for value in _WRITTEN if mode & 0o200 else ():
            try:
                path.write_text(value + "\n")
                answers[value] = path.read_text()
            except OSError as error:
                answers[value] = errno.errorcode[error.errno or 0]
        if mode & 0o200:
            path.write_text(text)
        found[path.name] = [oct(mode), text, answers]
    return found


def uevents(command: str) -> list[list[str]]:
    """The events of the class of controllers, in order, without what differs between runs."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_KOBJECT_UEVENT) as link:
        link.bind((0, 1))
        link.settimeout(0.2)
        running = subprocess.Popen(command, shell=True, stdout=subprocess.DEVNULL)  # noqa: S602
        seen = []
        quiet_since = time.monotonic()
        while running.poll() is None or time.monotonic() < quiet_since + 1.2:
            try:
                fields = link.recv(65536).decode(errors="replace").rstrip("\0").split("\0")[1:]
            except TimeoutError:
                continue
            if "SUBSYSTEM=nvme" not in fields and "SUBSYSTEM=nvmecpp" not in fields:
                continue
            quiet_since = time.monotonic()
            seen.append(sorted(f for f in fields if f.startswith(("ACTION=", "NVME_"))))
        assert running.returncode == 0, command
        return seen


def poke(address: str, offset: int) -> None:
    """One access of four bytes; needs iomem=relaxed."""
    with Path(f"/sys/bus/pci/devices/{address}/resource0").open("r+b", buffering=0) as file, mmap.mmap(file.fileno(), 0x2000) as window:
        word = ctypes.c_uint32.from_buffer(window, offset)
        word.value = 0
        del word


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    if sys.argv[1] == "poke":
        poke(sys.argv[2], int(sys.argv[3], 0))
        sys.exit()
    said: object = {"show": lambda: show(sys.argv[2]), "parameters": lambda: parameters(sys.argv[2:]), "uevents": lambda: uevents(sys.argv[2])}[sys.argv[1]]()
    print(json.dumps(said))
