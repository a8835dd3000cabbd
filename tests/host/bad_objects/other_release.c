// SPDX-License-Identifier: GPL-2.0
// Built for another kernel.
#include "ko_like.h"

LICENSE
MODINFO(vermagic, "9.8.0-other SMP mod_unload modversions ")
LAYOUT
