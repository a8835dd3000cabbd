/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mark - sends its arguments, joined by spaces, and a newline to the plugin insn.cc.
 *
 * There is one no-op per byte value: `nopl <0x626d6b00 + byte>(%rax,%rax,1)`. A CPU ignores it, so mark does nothing
 * outside QEMU; the plugin sees each one that is executed. Before a sample or profile begins it waits, since kernel
 * threads may still be tidying up after the last one, and enter its module: io_uring lets go of files in a work item.
 */
#include <stddef.h>
#include <string.h>
#include <time.h>

/* io_uring's work item looks every 50 ms. */
#define TIDY_NS 200000000

extern const char mark_nops[];

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

static void send(unsigned char byte)
{
	((void (*)(void))(mark_nops + 16 * (size_t)byte))();
}

int main(int argc, char **argv)
{
	const struct timespec tidy = { 0, TIDY_NS };

	if (argc > 1 && (!strcmp(argv[1], "sample") || !strcmp(argv[1], "profile")))
		nanosleep(&tidy, NULL);
	for (int i = 1; i < argc; i++) {
		for (const char *c = argv[i]; *c; c++)
			send((unsigned char)*c);
		send(i + 1 < argc ? ' ' : '\n');
	}
	return argc < 2;
}
