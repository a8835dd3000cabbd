# SPDX-License-Identifier: GPL-2.0
"""Module files: their sizes, sections and build id, and refusal of what is none."""

import lzma
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from benchlib import elf  # noqa: E402


@pytest.fixture
def module(tmp_path):
    """An object with known sections."""
    source = tmp_path / "m.c"
    source.write_text(
        "int data = 1; int bss[7]; int f(void) { return data; }\n"
        'int g(void) __attribute__((section(".init.text"))); int g(void) { return 0; }\n'
    )
    subprocess.run(["gcc", "-c", "-fno-pic", "-o", tmp_path / "m.ko", source], check=True, timeout=60)
    return tmp_path / "m.ko"


def test_module_sizes_are_those_of_size(module):
    said = subprocess.run(["size", module], check=True, capture_output=True, text=True, timeout=60).stdout
    info = elf.read(module)
    assert [info.text, info.data, info.bss] == [int(word) for word in said.splitlines()[1].split()[:3]]
    assert set(info.code) == {".text"}
    packed = module.with_name("m.ko.xz")
    packed.write_bytes(lzma.compress(module.read_bytes()))
    assert elf.read(packed) == info


def test_broken_module_is_refused(module):
    blob = module.read_bytes()
    for broken in (b"", b"#!/bin/sh\n", blob[:70], blob[:-100]):
        module.write_bytes(broken)
        with pytest.raises(elf.ElfError) as error:
            elf.read(module)
        assert "\n" not in str(error.value)
    with pytest.raises(elf.ElfError, match="No such file"):
        elf.read(module.with_name("absent.ko"))
