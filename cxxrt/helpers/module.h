/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_MODULE_H
#define CXXRT_HELPERS_MODULE_H
/* Modules, their parameters, configfs: linux/module.h, moduleparam.h, configfs.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

extern struct module __this_module;
bool cxxrt_module_is_unused(void);

extern const struct kernel_param_ops param_ops_bool;
extern const struct kernel_param_ops param_ops_byte;
extern const struct kernel_param_ops param_ops_int;
extern const struct kernel_param_ops param_ops_uint;
extern const struct kernel_param_ops param_ops_ulong;
extern const struct kernel_param_ops param_ops_string;
extern const struct kernel_param_ops param_array_ops;

void config_group_init(struct config_group *group);
void config_group_init_type_name(struct config_group *group, const char *name, const struct config_item_type *type);
void cxxrt_configfs_add_default_group(struct config_group *group, struct config_group *parent);
void config_item_put(struct config_item *item);
int configfs_register_subsystem(struct configfs_subsystem *subsys);
void configfs_unregister_subsystem(struct configfs_subsystem *subsys);

CXXRT_HELPERS_END
#endif
