/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells the plugin insn.cc something, from within a guest.
 *
 * There is one no-op per byte value: `nopl <0x626d6b00 + byte>(%rax,%rax,1)`. A CPU ignores it, so it does nothing
 * outside QEMU; the plugin sees each one that is executed. For one file of a program.
 */
#ifndef BENCH_INSN_MARK_H
#define BENCH_INSN_MARK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
extern const char mark_nops[];
#ifdef __cplusplus
}
#endif

__asm__(".section .text\n"
	".balign 16\n"
	"mark_nops:\n"
	".set value, 0\n"
	".rept 256\n"
	"	.balign 16, 0xcc\n"
	"	.byte 0x0f, 0x1f, 0x84, 0x00\n"
	"	.long 0x626d6b00 + value\n"
	"	ret\n"
	".set value, value + 1\n"
	".endr\n");

/* Sends a text, which ends with a newline if it ends a command. */
static inline void mark_send(const char *text)
{
	for (; *text; text++)
		((void (*)(void))(mark_nops + 16 * (size_t)(unsigned char)*text))();
}

#endif
