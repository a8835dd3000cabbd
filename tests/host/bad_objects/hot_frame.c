// SPDX-License-Identifier: GPL-2.0
// A hot function with a large local array.
#include "ko_like.h"

KO_LIKE
MODVERSION(0x44444444, exported_fill)

void exported_fill(char *, int);

HOT int large_frame(int x)
{
	char buffer[600];

	exported_fill(buffer, x);
	return buffer[x & 1];
}
