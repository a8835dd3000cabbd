/* SPDX-License-Identifier: GPL-2.0 */
// A member past the end of its struct.
#include "btf.h"
#include "ko_like.h"

	ko_like
	btf_struct Pair, 8, 0, 96
