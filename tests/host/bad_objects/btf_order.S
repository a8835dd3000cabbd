/* SPDX-License-Identifier: GPL-2.0 */
// Members out of order, as a base class after the members would be.
#include "btf.h"
#include "ko_like.h"

	ko_like
	btf_struct Pair, 8, 32, 0
