// SPDX-License-Identifier: GPL-2.0
// A 128-bit division, which GCC leaves to its library.
#include "ko_like.h"

KO_LIKE

unsigned __int128 divide(unsigned __int128 a, unsigned __int128 b)
{
	return a / b;
}
