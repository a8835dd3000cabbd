/* SPDX-License-Identifier: GPL-2.0 */
// A section for data and code.
#include "ko_like.h"

	ko_like
	.section .data.trampoline, "awx"
	ret
