/* SPDX-License-Identifier: GPL-2.0 */
// A C++ name, which the kernel refuses.
#include "btf.h"
#include "ko_like.h"

	ko_like
	btf_struct "Pair<int, int>", 8, 0, 32
