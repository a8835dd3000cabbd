# SPDX-License-Identifier: GPL-2.0
"""The instruction-counting plugin, on a guest of a few instructions whose number is known."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import insn  # noqa: E402

LOOPS = 100_000
# `work` is so many instructions, of which one crosses a page, up to the block of its `ret`. What rdtsc, which with
# -icount counts instructions, sees besides: the first rdtsc, mov, call, ret.
WORK = 2 * LOOPS + 4
TIMED = WORK + 4

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
COMMANDS_BEFORE: .asciz "range 100000 2000\\nforget\\nrange 101ff8 100\\nsample nothing\\nsample work\\nphase all-of-it\\n"
COMMANDS_AFTER: .asciz "phase after\\nend\\nnonsense\\nprofile work\\nsymbols\\n"
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
.org 0x1ff8
work:	mov $LOOPS, %ecx
	nop
	nop
	mov $0, %edx
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
    assert samples[1] == ["sample", "work", str(WORK), str(WORK), str(WORK), "0", "0"]


def test_phases_are_the_part_of_the_sample_within_them(run):
    counts = insn.parse("\n".join(line for line in run[0].splitlines() if not line.startswith("error")))["work"]
    whole = insn.Counts(WORK, WORK, WORK)
    assert counts.phases == {"all-of-it": whole, "after": insn.Counts(0, 0, 0)}


def test_count_agrees_with_the_guest_clock(run):
    assert run[1] == TIMED


def test_sample_without_own_code_counts_nothing(run):
    assert run[0].splitlines()[0] == "sample nothing 0 0 0 0 0"


def test_commands_that_cannot_be_obeyed_are_reported_and_refused(run):
    assert run[0].splitlines()[-3:] == [
        "error unknown command: nonsense",
        "error a profile takes stacks=, symbols, and a guest with one CPU: profile work",
        "error cannot read the symbols: symbols",
    ]
    with pytest.raises(insn.InsnError, match="unknown command: nonsense"):
        insn.parse(run[0])


@pytest.mark.parametrize(("words", "waits"), [(("sample", "0.0.1"), True), (("profile", "0.0.1"), True), (("phase", "x"), False), (("end",), False)])
def test_mark_lets_the_kernel_tidy_up_before_a_sample_and_never_within_one(tmp_path, words, waits):
    mark = insn.build(tmp_path).mark
    start = time.monotonic()
    subprocess.run([mark, *words], check=True, timeout=60)
    assert (time.monotonic() - start >= 0.2) == waits


@pytest.mark.parametrize("argument", ["nonsense=1", pytest.param("out=/nonexistent/file", marks=pytest.mark.slow)])
def test_wrong_arguments_are_refused_in_a_line(tmp_path, argument):
    tools = insn.build(tmp_path)
    command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "tcg"]
    command += ["-plugin", f"{tools.plugin},{argument}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert argument.partition("=")[2 if "out" in argument else 0] in done.stderr.splitlines()[0]


def test_plugin_argument_escapes_commas():
    tools = insn.Tools(Path("a,b.so"), Path("mark"))
    assert insn.plugin_argument(tools, Path("o")) == "a,,b.so,out=o"
    assert insn.plugin_argument(tools, Path("o"), Path("k,s"), Path("t")) == "a,,b.so,out=o,symbols=k,,s,stacks=t"


def test_parse():
    assert insn.parse("sample 3.1 30 20 10 2 1\n") == {"3.1": insn.Counts(30, 20, 10, 2, 1)}
    text = "sample a 3 2 1 0 0\nphase a warm 1 1 1 0 0\ncpu a 0 3 2 1 0 0\n"
    part = insn.Counts(1, 1, 1)
    assert insn.parse(text) == {"a": insn.Counts(3, 2, 1, phases={"warm": part}, cpus={0: insn.Counts(3, 2, 1)})}


@pytest.mark.parametrize(
    "text",
    [
        "sample 3.1 30 20\n",
        "sample 3.1 a 2 3 0 0\n",
        "sample 1 1 1 1 0 0\nsample 1 1 1 1 0 0\n",
        "phase 1 warm 1 1 1 0 0\n",
        "sample 1 1 1 1 0 0\ncpu 1 x 1 1 1 0 0\n",
        "\n",
    ],
)
def test_parse_refuses_what_the_plugin_does_not_write(text):
    with pytest.raises(insn.InsnError):
        insn.parse(text)


@pytest.mark.slow
def test_build_is_repeated_only_when_a_source_is_newer(tmp_path):
    first = insn.build(tmp_path).plugin.stat().st_mtime_ns
    assert insn.build(tmp_path).plugin.stat().st_mtime_ns == first


def test_compile_error_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "insn.cc").write_text("nonsense;\n")
    monkeypatch.setattr(insn, "SOURCES", tmp_path)
    with pytest.raises(insn.InsnError, match="cannot compile insn.cc") as error:
        insn.build(tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").iterdir())
