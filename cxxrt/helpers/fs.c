// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/debugfs.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/fsnotify.h>
#include <linux/miscdevice.h>
#include <linux/namei.h>
#include <linux/seq_file.h>
#include <linux/user_namespace.h>
#include "fs.h"

struct dentry *cxxrt_debugfs_create_file(const char *name, u16 mode, struct dentry *parent, void *data,
					 const struct file_operations *ops)
{
	return debugfs_create_file(name, mode, parent, data, ops);
}

int cxxrt_fs_parse(struct fs_context *fc, const struct fs_parameter_spec *specs, struct fs_parameter *param, u32 *value)
{
	struct fs_parse_result result = {};
	int which = fs_parse(fc, specs, param, &result);

	*value = result.uint_32;
	return which;
}

void cxxrt_fsnotify_create(struct inode *parent, struct dentry *dentry)
{
	fsnotify_create(parent, dentry);
}

void cxxrt_inode_lock(struct inode *inode)
{
	inode_lock(inode);
}

void *cxxrt_inode_private(const struct inode *inode)
{
	return inode->i_private;
}

void cxxrt_inode_unlock(struct inode *inode)
{
	inode_unlock(inode);
}

#if CXXRT_KERNEL_6_12
void cxxrt_simple_inode_init_ts(struct inode *inode)
{
	simple_inode_init_ts(inode);
}
#else
void cxxrt_simple_inode_init_ts(struct inode *inode)
{
	inode->i_mtime = inode->i_atime = inode->i_ctime = current_time(inode);
}
#endif

void cxxrt_super_get(struct super_block *super)
{
	atomic_inc(&super->s_active);
}
