// SPDX-License-Identifier: GPL-2.0
// A tail call of a static helper: the relocation names its section only.
#include "ko_like.h"

KO_LIKE

static NOINLINE int first_in_section(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x;
}

static NOINLINE int cxxrt_unlock(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + first_in_section(x);
}

HOT int complete(int x)
{
	return cxxrt_unlock(x + 1);
}
