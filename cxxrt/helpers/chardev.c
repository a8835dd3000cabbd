// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/compat.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/fs.h>
#if CXXRT_KERNEL_6_12
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/percpu-refcount.h>
#include <linux/pm_qos.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include "chardev.h"

#if CXXRT_KERNEL_6_12
cxxrt_class *cxxrt_class_create(const char *name)
{
	return class_create(name);
}
#else
cxxrt_class *cxxrt_class_create(const char *name)
{
	return class_create(THIS_MODULE, name);
}
#endif

void cxxrt_class_destroy(cxxrt_class *cls)
{
	class_destroy(cls);
}

CXXRT_ALWAYS bool cxxrt_copy_from_user(void *to, u64 from, size_t bytes)
{
	return copy_from_user(to, (const void __user *)(uintptr_t)from, bytes) == 0;
}

CXXRT_ALWAYS bool cxxrt_copy_to_user(u64 to, const void *from, size_t bytes)
{
	return copy_to_user((void __user *)(uintptr_t)to, from, bytes) == 0;
}

const char *cxxrt_current_comm(void)
{
	return current->comm;
}

int cxxrt_dev_set_name(struct device *dev, const char *name)
{
	return dev_set_name(dev, "%s", name);
}

int cxxrt_expose_latency_tolerance(struct device *dev)
{
	return dev_pm_qos_expose_latency_tolerance(dev);
}

struct cdev *cxxrt_file_cdev(const struct file *file)
{
	return file_inode(file)->i_cdev;
}

void cxxrt_force_successful_syscall_return(void)
{
	force_successful_syscall_return();
}

bool cxxrt_in_compat_syscall(void)
{
	return in_compat_syscall();
}

void cxxrt_init_completion(struct completion *done)
{
	init_completion(done);
}

int cxxrt_percpu_ref_init(struct percpu_ref *ref, void (*released)(struct percpu_ref *))
{
	return percpu_ref_init(ref, released, 0, GFP_KERNEL);
}

void cxxrt_percpu_ref_kill(struct percpu_ref *ref)
{
	percpu_ref_kill(ref);
}

void cxxrt_percpu_ref_put(struct percpu_ref *ref)
{
	percpu_ref_put(ref);
}

bool cxxrt_percpu_ref_tryget_live(struct percpu_ref *ref)
{
	return percpu_ref_tryget_live(ref);
}

void cxxrt_io_uring_cmd_done(struct io_uring_cmd *cmd, long status, u64 result, unsigned int flags)
{
	io_uring_cmd_done(cmd, status, result, flags);
}

int cxxrt_io_uring_cmd_import_fixed(u64 address, unsigned long bytes, int write, struct iov_iter *iter,
				    struct io_uring_cmd *cmd)
{
	return io_uring_cmd_import_fixed(address, bytes, write, iter, cmd);
}

u64 cxxrt_read_once_u64(const void *from)
{
	return READ_ONCE(*(const u64 *)from);
}

#if CXXRT_KERNEL_6_12
const void *cxxrt_io_uring_cmd_arguments(const struct io_uring_cmd *cmd)
{
	return io_uring_sqe_cmd(cmd->sqe);
}

void cxxrt_io_uring_cmd_do_in_task(struct io_uring_cmd *cmd, void (*run)(struct io_uring_cmd *cmd, unsigned int flags))
{
	io_uring_cmd_do_in_task_lazy(cmd, run);
}
#else
const void *cxxrt_io_uring_cmd_arguments(const struct io_uring_cmd *cmd)
{
	return cmd->cmd;
}

void cxxrt_io_uring_cmd_do_in_task(struct io_uring_cmd *cmd, void (*run)(struct io_uring_cmd *cmd, unsigned int flags))
{
	io_uring_cmd_complete_in_task(cmd, run);
}
#endif

#ifdef CONFIG_PM
void cxxrt_set_latency_tolerance(struct device *dev, void (*set)(struct device *dev, s32 us))
{
	dev->power.set_latency_tolerance = set;
}
#else
void cxxrt_set_latency_tolerance(struct device *dev, void (*set)(struct device *dev, s32 us)) {}
#endif

int cxxrt_update_latency_tolerance(struct device *dev, s32 us)
{
	return dev_pm_qos_update_user_latency_tolerance(dev, us);
}
