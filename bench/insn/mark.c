/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mark - sends its arguments, joined by spaces, and a newline to the plugin insn.cc, as mark.h says.
 *
 * Before a sample or profile begins it waits, since kernel threads may still be tidying up after the last one, and enter
 * its module: io_uring lets go of files in a work item.
 */
#include <string.h>
#include <time.h>

#include "mark.h"

/* io_uring's work item looks every 50 ms. */
#define TIDY_NS 200000000

int main(int argc, char **argv)
{
	const struct timespec tidy = { 0, TIDY_NS };

	if (argc > 1 && (!strcmp(argv[1], "sample") || !strcmp(argv[1], "profile")))
		nanosleep(&tidy, NULL);
	for (int i = 1; i < argc; i++) {
		mark_send(argv[i]);
		mark_send(i + 1 < argc ? " " : "\n");
	}
	return argc < 2;
}
