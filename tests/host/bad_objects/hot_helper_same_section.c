// SPDX-License-Identifier: GPL-2.0
// A helper that is hot itself: the assembler resolves the call, no relocation is left.
#include "ko_like.h"

KO_LIKE

static HOT NOINLINE int cxxrt_test_bit(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x;
}

HOT int find_tag(int x)
{
	return cxxrt_test_bit(x) + 1;
}
