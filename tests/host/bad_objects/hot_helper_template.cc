// SPDX-License-Identifier: GPL-2.0
// A hot template has a section of its own, .text.hot.<name>.
#include "ko_like.h"

KO_LIKE

C_LINKAGE NOINLINE int cxxrt_submit(int x)
{
	asm volatile("" : "+r"(x));
	return x;
}

template <int Mode>
HOT NOINLINE int submit(int x)
{
	return cxxrt_submit(x + Mode) + 1;
}

int use(int x) { return submit<3>(x); }
