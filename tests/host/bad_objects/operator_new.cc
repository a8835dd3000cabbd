// SPDX-License-Identifier: GPL-2.0
// A bare new.
#include "ko_like.h"

KO_LIKE

int* make() { return new int(3); }
