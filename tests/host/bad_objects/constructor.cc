// SPDX-License-Identifier: GPL-2.0
// A global that is computed at load time.
#include "ko_like.h"

KO_LIKE
MODVERSION(0x22222222, exported)

C_LINKAGE int exported(int);
int computed = exported(1);
