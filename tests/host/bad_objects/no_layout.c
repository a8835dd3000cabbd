// SPDX-License-Identifier: GPL-2.0
// No version of struct module itself.
#include "ko_like.h"

LICENSE
VERMAGIC
MODVERSION(0x22222222, exported)
