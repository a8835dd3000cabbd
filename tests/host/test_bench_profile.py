# SPDX-License-Identifier: GPL-2.0
"""The counting plugin's call-stack profile, on a guest whose calls and number of instructions are known."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from benchlib import insn, profile  # noqa: E402

HIGH = 0xFFFFFFFF80000000
LOOPS = 300_000

# A multiboot kernel that goes on in 64-bit mode at kernel addresses, where the same 1 GiB is mapped again. What is
# measured runs from `window` to `finish`. Its stack of calls does everything that Linux does with its own.
KERNEL = """
.code32
.globl _start
.balign 4
multiboot: .long 0x1badb002, 0x10000, -0x1badb002 - 0x10000, multiboot, 0x100000, 0, 0, _start
_start: mov $0x300000, %edi
	mov $0x1000, %ecx
	xor %eax, %eax
	rep stosl
	movl $0x301003, 0x300000
	movl $0x301003, 0x300ff8
	movl $0x302003, 0x301000
	movl $0x302003, 0x301ff0
	mov $0x302000, %edi
	mov $0x83, %eax
.Lpage: mov %eax, (%edi)
	add $8, %edi
	add $0x200000, %eax
	cmp $0x303000, %edi
	jne .Lpage
	mov $0x20, %eax
	mov %eax, %cr4
	mov $0x300000, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	mov $0x100, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80000001, %eax
	mov %eax, %cr0
	lgdt gdtr
	ljmp $8, $.Llong
gdt:	.quad 0, 0x00209a0000000000, 0x0000920000000000
gdtr:	.word 23
	.long gdt
idtr:	.word 0xfff
	.quad HIGH + 0x310000

.code64
.Llong: mov $16, %eax
	mov %eax, %ss
	movabs $HIGH + .Lhigh, %rax
	jmp *%rax
.Lhigh: movabs $HIGH + 0x200000, %rsp
	lea asm_exc_int3(%rip), %rax
	mov $3, %edi
	call set_gate
	lea asm_sysvec_tick(%rip), %rax
	mov $0x20, %edi
	call set_gate
	lidt idtr(%rip)
	mov $pic, %esi
.Lpic:	movzwl (%rsi), %edx
	mov 2(%rsi), %al
	out %al, %dx
	add $3, %esi
	cmp $pic_end, %esi
	jne .Lpic
	lea task_b(%rip), %rdi
	lea idle_loop(%rip), %rax
	movabs $HIGH + 0x210000, %rcx
	call new_task
	lea task_c(%rip), %rdi
	lea ret_from_fork(%rip), %rax
	movabs $HIGH + 0x220000, %rcx
	call new_task
	lea COMMANDS_BEFORE(%rip), %rsi
	call send
	lea task_a(%rip), %rdi
	lea task_b(%rip), %rsi
	call __switch_to_asm
	lea START(%rip), %rsi
	call send
	mov $.Lenter, %eax
	jmp *%rax
.Lenter: movabs $HIGH + window, %rax
	jmp *%rax
set_gate:
	shl $4, %edi
	add $0x310000, %edi
	mov %ax, (%rdi)
	movl $0x8e000008, 2(%rdi)
	mov %ax, (%rdi)
	shr $16, %rax
	mov %ax, 6(%rdi)
	shr $16, %rax
	mov %eax, 8(%rdi)
	ret
new_task:
	sub $24, %rcx
	mov %rax, 16(%rcx)
	mov %rcx, 0x100(%rdi)
	ret
send:	movzbl (%rsi), %eax
	test %eax, %eax
	jz .Lsent
	shl $4, %eax
	lea mark_nops(%rip), %rcx
	add %rcx, %rax
	call *%rax
	inc %rsi
	jmp send
.Lsent: ret
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
pic:	.irp step, 0x20,0x11, 0x21,0x20, 0x21,4, 0x21,1, 0xa0,0x11, 0xa1,0x28, 0xa1,2, 0xa1,1, 0x21,0xfe, 0xa1,0xff
	.set pic_count, pic_count + 1
	.if pic_count & 1
	.word \\step
	.else
	.byte \\step
	.endif
	.endr
pic_end:
COMMANDS_BEFORE: .asciz "range WINDOW 80\\nrange FINISH 1\\nsymbols\\n"
START: .asciz "VERB known\\n"
END: .asciz "end\\n"
.balign 16
task_a: .fill 0x110
task_b: .fill 0x110
task_c: .fill 0x110

.org 0x3000
window:	call outer
	call tail_caller
	mov $3, %edi
	call recurse
	lea target(%rip), %rax
	call thunk
	call stuff
	call spin
	call sync_core
	mov $100, %ecx
	lea task_a(%rip), %rsi
	lea task_b(%rip), %rdi
	cld
	rep movsb
	int3
	lea task_a(%rip), %rdi
	lea task_c(%rip), %rsi
	call __switch_to_asm
	lea task_a(%rip), %rdi
	lea task_b(%rip), %rsi
	call __switch_to_asm
	mov $user, %eax
	jmp *%rax
.org 0x3080
user:	nop
	nop
	movabs $HIGH + entry_SYSCALL_64, %rax
	jmp *%rax
sync_core:
	mov %rsp, %rax
	push $16
	push %rax
	pushf
	push $8
	lea .Lsynced(%rip), %rcx
	push %rcx
	iretq
.Lsynced: ret
__entry_text_start:
entry_SYSCALL_64:
	nop
	jmp entry_SYSCALL_64_after_hwframe
entry_SYSCALL_64_after_hwframe:
	call finish
asm_sysvec_tick:
	push %rax
	call tick
	mov $0x20, %al
	out %al, $0x20
	jmp error_return
error_return:
	pop %rax
	iretq
asm_exc_int3:
	call trap
	iretq
__entry_text_end:
tick:	nop
	ret
trap:	nop
	ret
outer:	nop
	call middle
	ret
middle: call inner
	call inner
	ret
inner:	nop
	ret
tail_caller:
	nop
	jmp tail_target
tail_target:
	call inner
	ret
recurse:
	dec %edi
	jz .Ldeep
	call recurse
.Ldeep: ret
thunk:	call .Lgo
.Ltrap: pause
	jmp .Ltrap
.Lgo:	mov %rax, (%rsp)
	ret
target:	nop
	ret
stuff:	call .Lone
	int3
.Lone:	call .Ltwo
	int3
.Ltwo:	add $16, %rsp
	jmp stuffed
stuffed:
	call inner
	ret
spin:	mov $0x30, %al
	out %al, $0x43
	mov $200, %al
	out %al, $0x40
	mov $0, %al
	out %al, $0x40
	sti
	mov $LOOPS, %ecx
.Lspin:	dec %ecx
	jnz .Lspin
	cli
	ret
__switch_to_asm:
	push %rbp
	push %rbx
	mov %rsp, 0x100(%rdi)
	mov 0x100(%rsi), %rsp
	pop %rbx
	pop %rbp
	jmp __switch_to
__switch_to:
	ret
idle_loop:
	call do_idle
	lea task_b(%rip), %rdi
	lea task_a(%rip), %rsi
	call __switch_to_asm
	jmp idle_loop
do_idle:
	nop
	ret
ret_from_fork:
	call thread
	lea task_c(%rip), %rdi
	lea task_a(%rip), %rsi
	call __switch_to_asm
thread:	nop
	ret
finish:	lea END(%rip), %rsi
	call send
	mov $0, %al
	out %al, $0xf4
"""

WINDOW = "window [pair]"
EXPECTED = {
    WINDOW: 23,
    f"{WINDOW};outer": 3,
    f"{WINDOW};outer;middle": 3,
    f"{WINDOW};outer;middle;inner": 4,
    f"{WINDOW};tail_caller": 2,
    f"{WINDOW};tail_target": 2,
    f"{WINDOW};tail_target;inner": 2,
    f"{WINDOW};recurse": 4,
    f"{WINDOW};recurse;recurse": 4,
    f"{WINDOW};recurse;recurse;recurse": 3,
    f"{WINDOW};thunk": 3,
    f"{WINDOW};target": 2,
    f"{WINDOW};stuff": 4,
    f"{WINDOW};stuffed": 2,
    f"{WINDOW};stuffed;inner": 2,
    f"{WINDOW};spin": 2 * LOOPS + 10,
    f"{WINDOW};sync_core": 9,
    "asm_sysvec_tick": 7,
    "asm_sysvec_tick;tick": 2,
    f"{WINDOW};asm_exc_int3": 2,
    f"{WINDOW};asm_exc_int3;trap": 2,
    f"{WINDOW};__switch_to_asm": 2 * (4 + 3),
    f"{WINDOW};__switch_to": 2,
    "[unseen callers];__switch_to_asm": 3,
    "[unseen callers];__switch_to": 1,
    "ret_from_fork": 4,
    "ret_from_fork;thread": 2,
    "ret_from_fork;__switch_to_asm": 4,
    "[user]": 4,
    "entry_SYSCALL_64": 3,
}
IDLE = 3 + 1 + 1 + 1 + 2 + 3 + 4


def symbols(kernel: Path) -> dict[str, int]:
    """Returns the addresses of the kernel's labels."""
    said = subprocess.run(["nm", kernel], check=True, capture_output=True, text=True, timeout=60).stdout
    return {name: int(address, 16) for address, _, name in map(str.split, said.splitlines())}


def build(folder: Path, verb: str, where: dict[str, int]) -> Path:
    """Builds the kernel, with the addresses that a build before had."""
    text = KERNEL.replace("LOOPS", str(LOOPS)).replace("HIGH", hex(HIGH)).replace("VERB", verb)
    for name in ("WINDOW", "FINISH"):
        text = text.replace(name, f"{HIGH + where.get(name.lower(), 0):016x}")
    (folder / "kernel.s").write_text(".set pic_count, 0\n" + text)
    subprocess.run(["as", "--64", "-o", folder / "kernel.o", folder / "kernel.s"], check=True, timeout=60)
    link = ["ld", "-n", "-Ttext=0x100000", "--build-id=none", "-o", folder / "kernel.elf", folder / "kernel.o"]
    subprocess.run(link, check=True, timeout=60)
    subprocess.run(["objcopy", "-O", "binary", folder / "kernel.elf", folder / "kernel"], check=True, timeout=60)
    return folder / "kernel.elf"


def run(folder: Path, verb: str, cpus: int = 1) -> tuple[insn.Counts, dict[str, profile.Folded]]:
    """Runs the kernel with `sample` or `profile`; returns what the plugin counted and recorded."""
    qemu = shutil.which("qemu-system-x86_64")
    assert qemu, "qemu-system-x86_64 is missing: run tools/setup"
    folder.mkdir()
    tools = insn.build(folder)
    where = symbols(build(folder, verb, symbols(build(folder, verb, {}))))
    kallsyms = [f"{HIGH + at:x} t {name}" + ("\t[pair]" if name == "window" else "") for name, at in where.items()]
    (folder / "symbols").write_text("\n".join(kallsyms) + "\n")
    machine = ["-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-icount", "shift=0,sleep=off"]
    out, stacks = folder / "out", folder / "stacks"
    plugin = ["-plugin", insn.plugin_argument(tools, out, folder / "symbols", stacks)]
    machine += ["-smp", str(cpus), "-device", "isa-debug-exit,iobase=0xf4", "-kernel", str(folder / "kernel")]
    done = subprocess.run([qemu, *machine, *plugin], timeout=60)
    assert done.returncode == 1  # isa-debug-exit's code for a 0 written to it.
    return insn.parse(out.read_text())["known"], profile.parse(stacks.read_text())


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """What the profile of the known guest was."""
    return run(tmp_path_factory.mktemp("profile") / "guest", "profile")


def test_every_instruction_is_where_it_belongs(profiled):
    assert profiled[1] == {"known": EXPECTED}


def test_idle_task_is_counted_apart(profiled):
    assert profiled[0].idle == IDLE
    assert profiled[0].all == sum(EXPECTED.values())


def test_repeated_instruction_counts_once(profiled):
    assert profiled[0].iterations == 100
    assert profiled[1]["known"][WINDOW] == EXPECTED[WINDOW]


@pytest.mark.slow
def test_profile_counts_what_a_sample_counts(profiled, tmp_path):
    counts, profiles = run(tmp_path / "guest", "sample")
    assert counts == profiled[0]
    assert profiles == {}


@pytest.mark.slow
def test_guest_with_two_cpus_counts_the_same_by_cpu(profiled, tmp_path):
    counts, _ = run(tmp_path / "guest", "sample", cpus=2)
    assert counts.cpus[0] == profiled[0]
    assert counts.cpus[1].own == counts.cpus[1].kernel == 0


def test_parse_refuses_a_profile_that_does_not_add_up():
    with pytest.raises(profile.ProfileError, match="profile 1 has 3 instructions instead of 4"):
        profile.parse("profile 1 4 0 0\nstack 1 1 a\nstack 1 2 a;b\n")


@pytest.mark.parametrize("text", ["nonsense\n", "stack 1 2 a\n", "profile 1 x\n", "profile 1 0 0 0\nprofile 1 0 0 0\n"])
def test_parse_refuses_what_the_plugin_does_not_write(text):
    with pytest.raises(profile.ProfileError, match="the counting plugin says"):
        profile.parse(text)


def test_cxx_names_become_readable():
    text = "profile 1 3 0 0\nstack 1 1 _ZN2ns3fooEv [mod]\nstack 1 2 _ZN2ns3fooEi [mod]\n"
    assert profile.parse(text) == {"1": {"ns::foo [mod]": 3}}


FOLDED = {"main": 1, "main;f [m]": 2, "main;f [m];f [m]": 4, "[lost]": 1, "[unseen callers];g;f [m]": 8}


def test_by_symbol_adds_up_all_contexts():
    assert profile.by_symbol(FOLDED) == {"main": 1, "f [m]": 14, "[lost]": 1}


def test_inclusive_counts_recursion_once():
    expected = {"main": 7, "f [m]": 14, "[lost]": 1, "[unseen callers]": 8, "g": 8}
    assert profile.inclusive(FOLDED) == expected


def test_unknown_share():
    assert profile.unknown_share(FOLDED) == 9 / 16
    assert profile.unknown_share({}) == 0


def test_compare_starts_with_the_largest_difference_per_io():
    changes = profile.compare({"f": 10, "g": 40}, 10, {"f": 10, "h": 100}, 20)
    assert changes == [profile.Change("h", 0, 5), profile.Change("g", 4, 0), profile.Change("f", 1, 0.5)]
    assert [change.difference for change in changes] == [5, -4, -0.5]
