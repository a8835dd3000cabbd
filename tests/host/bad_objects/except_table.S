/* SPDX-License-Identifier: GPL-2.0 */
// What a function with a landing pad leaves.
#include "ko_like.h"

	ko_like
	.section .gcc_except_table, "a"
	.byte	0xff, 0xff, 0x01, 0
