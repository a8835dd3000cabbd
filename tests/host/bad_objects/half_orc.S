/* SPDX-License-Identifier: GPL-2.0 */
// Half of the ORC tables.
#include "ko_like.h"

	ko_like
	.text
	ret
	.section .orc_unwind, "a"
	.byte	0, 0, 0, 0, 0, 0
