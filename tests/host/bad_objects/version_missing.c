// SPDX-License-Identifier: GPL-2.0
// An undefined symbol that modpost did not see.
#include "ko_like.h"

KO_LIKE

int exported(int);

int call_it(int x)
{
	return exported(x) + 1;
}
