// SPDX-License-Identifier: GPL-2.0
// A hot function calls a helper in another section.
#include "ko_like.h"

KO_LIKE

C_LINKAGE NOINLINE int cxxrt_lock(int x)
{
	asm volatile("" : "+r"(x));
	return x;
}

namespace blk {
HOT int queue_rq(int x) { return cxxrt_lock(x) + 1; }
}  // namespace blk
