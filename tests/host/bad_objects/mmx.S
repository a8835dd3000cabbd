/* SPDX-License-Identifier: GPL-2.0 */
// MMX, behind a prefix.
#include "ko_like.h"

	ko_like
	.text
	.type	use_mmx, @function
use_mmx:
	movq	%rax, %mm3
	emms
	ret
	.size	use_mmx, . - use_mmx
