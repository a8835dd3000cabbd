// SPDX-License-Identifier: GPL-2.0
// Floating point in SSE registers.
#include "ko_like.h"

KO_LIKE

double ratio(long a, long b)
{
	return (double)a / (double)b;
}
