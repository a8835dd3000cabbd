/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_FS_H
#define CXXRT_HELPERS_FS_H
/* Open files, file descriptors, misc devices, debugfs: linux/file.h, fdtable.h, miscdevice.h, debugfs.h, seq_file.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

int misc_register(struct miscdevice *misc);
void misc_deregister(struct miscdevice *misc);

struct file *fget(unsigned int fd);
void fput(struct file *file);
void fd_install(unsigned int fd, struct file *file);
int get_unused_fd_flags(unsigned int flags);
void put_unused_fd(unsigned int fd);
int close_fd(unsigned int fd);

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent);
struct dentry *cxxrt_debugfs_create_file(const char *name, u16 mode, struct dentry *parent, void *data,
					 const struct file_operations *ops);
void debugfs_remove(struct dentry *dentry);
int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data);
int single_release(struct inode *inode, struct file *file);
ssize_t seq_read(struct file *file, char *to, size_t bytes, loff_t *position);
loff_t seq_lseek(struct file *file, loff_t offset, int whence);
void seq_printf(struct seq_file *out, const char *format, ...);
void *cxxrt_inode_private(const struct inode *inode);

CXXRT_HELPERS_END
#endif
