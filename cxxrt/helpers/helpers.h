/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_HELPERS_H
#define CXXRT_HELPERS_HELPERS_H
/* Every helper declaration, for C++. */
#include "blk.h"
#include "chardev.h"
#include "device.h"
#include "fs.h"
#include "hwmon.h"
#include "kunit.h"
#include "lib.h"
#include "memory.h"
#include "mm.h"
#include "module.h"
#include "net.h"
#include "sync.h"
#include "task.h"
#include "time.h"
#include "xdp.h"
#endif
