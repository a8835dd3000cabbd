// SPDX-License-Identifier: GPL-2.0
// A local static that is computed at its first use.
#include "ko_like.h"

KO_LIKE
MODVERSION(0x22222222, exported)

C_LINKAGE int exported(int);

int first_use(int x)
{
	static int value = exported(x);

	return value;
}
