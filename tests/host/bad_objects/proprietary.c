// SPDX-License-Identifier: GPL-2.0
// A licence that may not use GPL-only symbols.
#include "ko_like.h"

MODINFO(license, "Proprietary")
VERMAGIC
LAYOUT
