// SPDX-License-Identifier: GPL-2.0
// A symbol version of another kernel.
#include "ko_like.h"

KO_LIKE
MODVERSION(0x12345678, exported)

int exported(int);

int call_it(int x)
{
	return exported(x) + 1;
}
