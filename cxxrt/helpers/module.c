// SPDX-License-Identifier: GPL-2.0
/* Everything in module.h is exported by the kernel: this file only has the C compiler check it. */
#include "prelude.h"
#include <linux/configfs.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include "module.h"
