// SPDX-License-Identifier: GPL-2.0
// A function for exit time.
#include "ko_like.h"

KO_LIKE

int running = 1;

__attribute__((destructor)) static void shut_down(void)
{
	running = 0;
}
