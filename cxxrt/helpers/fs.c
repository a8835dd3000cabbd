// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/debugfs.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/seq_file.h>
#include "fs.h"

struct dentry *cxxrt_debugfs_create_file(const char *name, u16 mode, struct dentry *parent, void *data,
					 const struct file_operations *ops)
{
	return debugfs_create_file(name, mode, parent, data, ops);
}

void *cxxrt_inode_private(const struct inode *inode)
{
	return inode->i_private;
}
