// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/configfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include "module.h"

#define PATIENCE_MS 10000
#define PAUSE_MS 10

/*
 * A module's memory goes when its init fails, even if others have taken references since, as those do who open a disk
 * that was there for a moment. The load itself holds one.
 */
bool cxxrt_module_is_unused(void)
{
#ifdef CONFIG_MODULE_UNLOAD
	unsigned int waited;

	for (waited = 0; module_refcount(THIS_MODULE) > 1; waited += PAUSE_MS) {
		if (waited >= PATIENCE_MS)
			return false;
		msleep(PAUSE_MS);
	}
#endif
	return true;
}

void cxxrt_configfs_add_default_group(struct config_group *group, struct config_group *parent)
{
	configfs_add_default_group(group, parent);
}
