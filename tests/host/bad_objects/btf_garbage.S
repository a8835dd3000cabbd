/* SPDX-License-Identifier: GPL-2.0 */
// Not BTF at all.
#include "ko_like.h"

	ko_like
	.section .BTF, ""
	.ascii	"this is no type information"
