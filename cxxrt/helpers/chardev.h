/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_CHARDEV_H
#define CXXRT_HELPERS_CHARDEV_H
/*
 * Device classes, character devices, gates, commands of io_uring: linux/device/class.h, cdev.h, percpu-refcount.h,
 * completion.h, uaccess.h, sched.h, io_uring.h.
 */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

/* A word of C's own that C++ has other plans for. */
#ifdef __cplusplus
typedef struct class_ cxxrt_class;
#else
typedef struct class cxxrt_class;
#endif
cxxrt_class *cxxrt_class_create(const char *name);
void cxxrt_class_destroy(cxxrt_class *cls);

void device_initialize(struct device *dev);
int device_add(struct device *dev);
void device_del(struct device *dev);
struct device *get_device(struct device *dev);
void put_device(struct device *dev);
int cxxrt_dev_set_name(struct device *dev, const char *name);
int sysfs_create_link(struct kobject *kobj, struct kobject *target, const char *name);
void sysfs_remove_link(struct kobject *kobj, const char *name);
int sysfs_create_group(struct kobject *kobj, const struct attribute_group *group);
void sysfs_remove_group(struct kobject *kobj, const struct attribute_group *group);
void cxxrt_set_latency_tolerance(struct device *dev, void (*set)(struct device *dev, s32 us));
int cxxrt_update_latency_tolerance(struct device *dev, s32 us);
int cxxrt_expose_latency_tolerance(struct device *dev);
int kobject_uevent_env(struct kobject *kobj, enum kobject_action action, char *variables[]);
int add_uevent_var(struct kobj_uevent_env *env, const char *format, ...);

void cdev_init(struct cdev *cdev, const struct file_operations *ops);
int cdev_device_add(struct cdev *cdev, struct device *dev);
void cdev_device_del(struct cdev *cdev, struct device *dev);
int alloc_chrdev_region(dev_t *first, unsigned int minor, unsigned int count, const char *name);
void unregister_chrdev_region(dev_t first, unsigned int count);
struct cdev *cxxrt_file_cdev(const struct file *file);
#if CXXRT_COMPAT
long compat_ptr_ioctl(struct file *file, unsigned int command, unsigned long argument);
#endif

int cxxrt_percpu_ref_init(struct percpu_ref *ref, void (*released)(struct percpu_ref *));
void percpu_ref_exit(struct percpu_ref *ref);
void cxxrt_percpu_ref_kill(struct percpu_ref *ref);
bool cxxrt_percpu_ref_tryget_live(struct percpu_ref *ref);
void cxxrt_percpu_ref_put(struct percpu_ref *ref);
void cxxrt_init_completion(struct completion *done);
void complete(struct completion *done);
void wait_for_completion(struct completion *done);
unsigned long wait_for_completion_timeout(struct completion *done, unsigned long jiffies);

bool cxxrt_copy_from_user(void *to, u64 from, size_t bytes);
bool cxxrt_copy_to_user(u64 to, const void *from, size_t bytes);
bool capable(int capability);
bool cxxrt_in_compat_syscall(void);
const char *cxxrt_current_comm(void);
void cxxrt_force_successful_syscall_return(void);

const void *cxxrt_io_uring_cmd_arguments(const struct io_uring_cmd *cmd);
void cxxrt_io_uring_cmd_do_in_task(struct io_uring_cmd *cmd, void (*run)(struct io_uring_cmd *cmd, unsigned int flags));
void cxxrt_io_uring_cmd_done(struct io_uring_cmd *cmd, long status, u64 result, unsigned int flags);
int cxxrt_io_uring_cmd_import_fixed(u64 address, unsigned long bytes, int write, struct iov_iter *iter,
				    struct io_uring_cmd *cmd);
u64 cxxrt_read_once_u64(const void *from);

CXXRT_HELPERS_END
#endif
