// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/device.h>
#include <linux/err.h>
#include <linux/hwmon.h>
#include "hwmon.h"

void *cxxrt_dev_get_drvdata(const struct device *dev)
{
	return dev_get_drvdata(dev);
}

#if IS_ENABLED(CONFIG_HWMON)

struct device *cxxrt_hwmon_device_register(struct device *parent, const char *name, void *data,
					   const struct hwmon_chip_info *chip)
{
	return hwmon_device_register_with_info(parent, name, data, chip, NULL);
}

void cxxrt_hwmon_device_unregister(struct device *dev)
{
	hwmon_device_unregister(dev);
}

#else

struct device *cxxrt_hwmon_device_register(struct device *parent, const char *name, void *data,
					   const struct hwmon_chip_info *chip)
{
	return ERR_PTR(-EOPNOTSUPP);
}

void cxxrt_hwmon_device_unregister(struct device *dev)
{
}

#endif
