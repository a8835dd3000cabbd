# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp is for the devices that the C driver is for, and knows the same to be wrong with each of them."""

from __future__ import annotations

import lzma
import struct
import subprocess
from pathlib import Path

import pytest
from cxx_commands import TOP, built_releases
from vmlib.kernels import stock_module

# struct pci_device_id: ids, class and mask, the driver's number, and who it is for.
ENTRY = struct.Struct("<6IQI4x")


def table(module: Path) -> list[tuple[int, ...]]:
    """The entries of a module's table of PCI ids, the zero at the end left out."""
    listed = subprocess.run(["readelf", "-sW", module], capture_output=True, text=True, check=True).stdout
    symbol = next(line.split() for line in listed.splitlines() if "__mod_pci__" in line)
    sections = subprocess.run(["readelf", "-SW", module], capture_output=True, text=True, check=True).stdout
    section = next(line.partition("]")[2].split() for line in sections.splitlines() if line.strip().startswith(f"[{int(symbol[6]):2d}]"))
    at = int(section[3], 16) + int(symbol[1], 16)
    size = int(symbol[2], 0)
    return [entry for entry in ENTRY.iter_unpack(module.read_bytes()[at : at + size]) if any(entry)]


def unpacked(module: Path, folder: Path) -> Path:
    """The module, decompressed if it has to be."""
    if module.suffix != ".xz":
        return module
    plain = folder / module.stem
    plain.write_bytes(lzma.decompress(module.read_bytes()))
    return plain


def aliases(module: Path) -> list[str]:
    """What modprobe finds it by."""
    return sorted(subprocess.run(["modinfo", "-F", "alias", module], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("release", built_releases())
def test_nv37_ids_and_quirks_are_the_c_drivers(release: str, tmp_path: Path) -> None:
    """Entry by entry, in the same order; the class comes last."""
    stock = unpacked(stock_module(release, "nvme"), tmp_path)
    ours = TOP / "build" / release / "nvme_cpp.ko"
    assert table(ours) == table(stock)
    assert aliases(ours) == aliases(stock)
    assert len(aliases(ours)) == (74 if release.startswith("6.1.") else 81)
