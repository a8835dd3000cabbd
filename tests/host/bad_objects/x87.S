/* SPDX-License-Identifier: GPL-2.0 */
// The x87 unit, in a section of its own and without an operand.
#include "ko_like.h"

	ko_like
	.section .text.odd, "ax"
	.type	wait_for_fpu, @function
wait_for_fpu:
	fwait
	ret
	.size	wait_for_fpu, . - wait_for_fpu
