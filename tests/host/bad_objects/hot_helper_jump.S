/* SPDX-License-Identifier: GPL-2.0 */
// A conditional tail call.
#include "ko_like.h"

	ko_like
	.text
	.globl	cxxrt_slow_path
	.type	cxxrt_slow_path, @function
cxxrt_slow_path:
	ret
	.size	cxxrt_slow_path, . - cxxrt_slow_path

	.section .text.hot, "ax"
	.type	fast_path, @function
fast_path:
	test	%edi, %edi
	je	cxxrt_slow_path
	ret
	.size	fast_path, . - fast_path
