/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_HWMON_H
#define CXXRT_HELPERS_HWMON_H
/* Sensors: linux/hwmon.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

struct device *cxxrt_hwmon_device_register(struct device *parent, const char *name, void *data,
					   const struct hwmon_chip_info *chip);
void cxxrt_hwmon_device_unregister(struct device *dev);
void *cxxrt_dev_get_drvdata(const struct device *dev);

CXXRT_HELPERS_END
#endif
