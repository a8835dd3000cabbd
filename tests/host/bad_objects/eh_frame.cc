// SPDX-License-Identifier: GPL-2.0
// Compiled without the flag that turns unwind tables off.
#include "ko_like.h"

KO_LIKE

int twice(int x) { return 2 * x; }
