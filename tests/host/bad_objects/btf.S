/* SPDX-License-Identifier: GPL-2.0 */
// BTF as it should be.
#include "btf.h"
#include "ko_like.h"

	ko_like
	btf_struct Pair, 8, 0, 32
