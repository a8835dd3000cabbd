# SPDX-License-Identifier: GPL-2.0
"""The instruction-counting plugin, on a guest of a few instructions whose number is known."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import insn  # noqa: E402

LOOPS = 100_000
# `work` is 1 + 2 * LOOPS instructions up to the block of its `ret`. What rdtsc, which with -icount counts
# instructions, sees besides: the first rdtsc, mov, call, ret.
TIMED = 2 * LOOPS + 1 + 4

# A multiboot kernel: sends commands to the plugin, does known work, writes rdtsc's difference to the debug port, exits.
KERNEL = """
.code32
.globl _start
multiboot: .long 0x1badb002, 0, -0x1badb002
_start:
	mov $0x200000, %esp
	mov $COMMANDS_BEFORE, %esi
	call send
	rdtsc
	mov %eax, %ebx
	call work
	rdtsc
	sub %ebx, %eax
	mov $COMMANDS_AFTER, %esi
	mov %eax, %ebx
	call send
	mov $4, %ecx
1:	mov %bl, %al
	out %al, $0xe9
	shr $8, %ebx
	loop 1b
	mov $0, %al
	out %al, $0xf4
2:	hlt
	jmp 2b
send:	movzbl (%esi), %eax
	test %eax, %eax
	jz 3f
	shl $4, %eax
	add $mark_nops, %eax
	call *%eax
	inc %esi
	jmp send
3:	ret
COMMANDS_BEFORE: .asciz "range 102000 100\\nsample nothing\\nsample work\\n"
COMMANDS_AFTER: .asciz "end\\nnonsense\\n"
.balign 16
mark_nops:
.set value, 0
.rept 256
	.balign 16
	.byte 0x0f, 0x1f, 0x84, 0x00
	.long 0x626d6b00 + value
	ret
.set value, value + 1
.endr
.org 0x2000
work:	mov $LOOPS, %ecx
4:	dec %ecx
	jnz 4b
	ret
.org 0x2100
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs the kernel; returns the plugin's output, and the time by the guest's clock in instructions."""
    qemu = shutil.which("qemu-system-x86_64")
    assert qemu, "qemu-system-x86_64 is missing: run tools/setup"
    folder = tmp_path_factory.mktemp("insn")
    tools = insn.build(folder)
    source = folder / "kernel.s"
    source.write_text(KERNEL.replace("LOOPS", str(LOOPS)))
    subprocess.run(["as", "--32", "-o", folder / "kernel.o", source], check=True, timeout=60)
    link = ["ld", "-m", "elf_i386", "-n", "-Ttext=0x100000", "--build-id=none"]
    subprocess.run([*link, "-o", folder / "kernel", folder / "kernel.o"], check=True, timeout=60)
    debug = ["-device", "isa-debug-exit,iobase=0xf4", "-debugcon", f"file:{folder / 'port'}"]
    machine = ["-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-icount", "shift=0,sleep=off"]
    done = subprocess.run(
        [qemu, *machine, *debug, "-kernel", folder / "kernel", "-plugin", f"{tools.plugin},out={folder / 'out'}"],
        timeout=60,
    )
    assert done.returncode == 1  # isa-debug-exit's code for a 0 written to it.
    return (folder / "out").read_text(), int.from_bytes((folder / "port").read_bytes(), "little")


def test_counts_are_exact(run):
    samples = [line.split() for line in run[0].splitlines() if line.startswith("sample")]
    assert samples[1] == ["sample", "work", str(2 * LOOPS + 1), "0", str(2 * LOOPS + 1)]


def test_count_agrees_with_the_guest_clock(run):
    assert run[1] == TIMED


def test_sample_without_own_code_counts_nothing(run):
    assert run[0].splitlines()[0] == "sample nothing 0 0 0"


def test_unknown_command_is_reported_and_refused(run):
    assert run[0].splitlines()[-1] == "error unknown command: nonsense"
    with pytest.raises(insn.InsnError, match="unknown command: nonsense"):
        insn.parse(run[0])


def test_more_than_one_cpu_is_refused(tmp_path):
    tools = insn.build(tmp_path)
    command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "tcg", "-smp", "2"]
    done = subprocess.run(
        [*command, "-plugin", f"{tools.plugin},out={tmp_path / 'out'}"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "needs system emulation with one CPU" in done.stderr


def test_parse():
    assert insn.parse("sample 3.1 30 20 10\n") == {"3.1": insn.Counts(30, 20, 10)}
    for text in ("sample 3.1 30 20\n", "sample 3.1 a 2 3\n", "sample 1 1 1 1\nsample 1 1 1 1\n"):
        with pytest.raises(insn.InsnError):
            insn.parse(text)


def test_build_is_repeated_only_when_a_source_is_newer(tmp_path):
    first = insn.build(tmp_path).plugin.stat().st_mtime_ns
    assert insn.build(tmp_path).plugin.stat().st_mtime_ns == first


def test_compile_error_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "insn.cc").write_text("nonsense;\n")
    (tmp_path / "qemu-plugin.hpp").write_text("")
    monkeypatch.setattr(insn, "SOURCES", tmp_path)
    with pytest.raises(insn.InsnError, match="cannot compile insn.cc") as error:
        insn.build(tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").iterdir())
