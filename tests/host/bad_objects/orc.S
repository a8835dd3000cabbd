/* SPDX-License-Identifier: GPL-2.0 */
// Both ORC tables, and nothing wrong.
#include "ko_like.h"

	ko_like
	.text
	ret
	.section .orc_unwind, "a"
	.byte	0, 0, 0, 0, 0, 0
	.section .orc_unwind_ip, "a"
	.long	0
