// SPDX-License-Identifier: GPL-2.0
// A kernel function that modules may not call.
#include "ko_like.h"

KO_LIKE

int kernel_internal(int);

int call_it(int x)
{
	return kernel_internal(x) + 1;
}
