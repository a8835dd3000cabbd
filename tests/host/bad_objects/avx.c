// SPDX-License-Identifier: GPL-2.0
// Integers, but in vector registers.
#include "ko_like.h"

KO_LIKE

void add(int *a, const int *b)
{
	for (int i = 0; i < 64; i++)
		a[i] += b[i];
}
