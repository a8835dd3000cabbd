/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_FS_H
#define CXXRT_HELPERS_FS_H
/*
 * Open files, file descriptors, misc devices, debugfs, file systems: linux/file.h, fdtable.h, miscdevice.h, debugfs.h,
 * seq_file.h, fs.h, fs_context.h, fs_parser.h.
 */
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

/* What says how a mount shows the owners of files. */
#if CXXRT_KERNEL_6_12
typedef struct mnt_idmap cxxrt_idmap;
#else
typedef struct user_namespace cxxrt_idmap;
#endif
extern struct user_namespace init_user_ns;
extern const struct file_operations simple_dir_operations;
extern const struct inode_operations simple_dir_inode_operations;
int fs_param_is_u32(struct p_log *log, const struct fs_parameter_spec *spec, struct fs_parameter *param,
		    struct fs_parse_result *result);
int fs_param_is_enum(struct p_log *log, const struct fs_parameter_spec *spec, struct fs_parameter *param,
		     struct fs_parse_result *result);
int cxxrt_fs_parse(struct fs_context *fc, const struct fs_parameter_spec *specs, struct fs_parameter *param, u32 *value);
int register_filesystem(struct file_system_type *type);
int unregister_filesystem(struct file_system_type *type);
int get_tree_nodev(struct fs_context *fc, int (*fill)(struct super_block *super, struct fs_context *fc));
void kill_litter_super(struct super_block *super);
void cxxrt_super_get(struct super_block *super);
void deactivate_super(struct super_block *super);
int simple_statfs(struct dentry *dentry, struct kstatfs *to);
struct inode *new_inode(struct super_block *super);
void iput(struct inode *inode);
void clear_inode(struct inode *inode);
ino_t iunique(struct super_block *super, ino_t most_reserved);
void set_nlink(struct inode *inode, unsigned int count);
void inc_nlink(struct inode *inode);
void cxxrt_simple_inode_init_ts(struct inode *inode);
void cxxrt_inode_lock(struct inode *inode);
void cxxrt_inode_unlock(struct inode *inode);
struct dentry *d_make_root(struct inode *inode);
struct dentry *lookup_one_len(const char *name, struct dentry *folder, int length);
void d_instantiate(struct dentry *dentry, struct inode *inode);
void dput(struct dentry *dentry);
void cxxrt_fsnotify_create(struct inode *parent, struct dentry *dentry);
struct dentry *simple_lookup(struct inode *folder, struct dentry *dentry, unsigned int flags);
int simple_unlink(struct inode *folder, struct dentry *dentry);
int simple_rename(cxxrt_idmap *idmap, struct inode *old_folder, struct dentry *old_dentry, struct inode *new_folder,
		  struct dentry *new_dentry, unsigned int flags);
void simple_recursive_removal(struct dentry *dentry, void (*removed)(struct dentry *dentry));
int nonseekable_open(struct inode *inode, struct file *file);

CXXRT_HELPERS_END
#endif
