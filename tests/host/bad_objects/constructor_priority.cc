// SPDX-License-Identifier: GPL-2.0
// A constructor with a priority has a section of its own, .init_array.00200.
#include "ko_like.h"

KO_LIKE

int ready;

__attribute__((constructor(200))) static void set_up() { ready = 1; }
