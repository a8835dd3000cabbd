// SPDX-License-Identifier: GPL-2.0
// A helper that the compiler cloned for a constant argument.
#include "ko_like.h"

KO_LIKE

static NOINLINE int cxxrt_poll(int x, int flags)
{
	__asm__ volatile("" : "+r"(x));
	return flags & 4 ? x : x + flags;
}

HOT int poll_queue(int x)
{
	return cxxrt_poll(x, 3) + 1;
}
