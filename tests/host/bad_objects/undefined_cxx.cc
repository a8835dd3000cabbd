// SPDX-License-Identifier: GPL-2.0
// A C++ function whose .cc was not linked.
#include "ko_like.h"

KO_LIKE

namespace queue {
int depth(int);
}

int twice(int x) { return 2 * queue::depth(x); }
