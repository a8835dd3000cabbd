// SPDX-License-Identifier: GPL-2.0
// No symbol versions, for a kernel that checks them.
#include "ko_like.h"

LICENSE
VERMAGIC
