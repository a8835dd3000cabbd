// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/filesystem.hpp>

namespace cxxrt::filesystem {

raw::inode* FolderBase::make_inode(raw::super_block* super, const Kind& kind)
{
	raw::inode* made = raw::new_inode(super);
	if (made == nullptr)
		return nullptr;
	made->i_ino = kind.number != 0 ? kind.number : raw::iunique(super, kFirstDevice + chardev::Region::kMinors);
	made->i_mode = raw::umode_t(kind.mode);
	made->i_fop = kind.operations;
	made->i_rdev = kind.device;
	raw::cxxrt_simple_inode_init_ts(made);
	if (kind.operations == kFolder.operations) {
		made->i_op = &raw::simple_dir_inode_operations;
		raw::set_nlink(made, 2);
	}
	// The user namespace's root, or who is it everywhere where that one has none.
	if (made->i_uid.val == ~0u)
		made->i_uid.val = 0;
	if (made->i_gid.val == ~0u)
		made->i_gid.val = 0;
	return made;
}

Result<raw::dentry*> FolderBase::add_locked(const char* name, raw::inode* inode, const Kind& kind) const
{
	raw::dentry* dentry = TRY(from_err_ptr(raw::lookup_one_len(name, dentry_, int(__builtin_strlen(name)))));
	if (dentry->d_inode != nullptr) {
		raw::dput(dentry);
		return EEXIST;
	}
	inode->i_private = kind.data;
	if (kind.operations == kFolder.operations)
		raw::inc_nlink(dentry_->d_inode);
	raw::d_instantiate(dentry, inode);
	raw::cxxrt_fsnotify_create(dentry_->d_inode, dentry);
	return dentry;
}

Result<raw::dentry*> FolderBase::add(const char* name, const Kind& kind) const
{
	raw::inode* parent = dentry_->d_inode;
	raw::inode* inode = TRY(from_null(make_inode(dentry_->d_sb, kind)));
	raw::cxxrt_inode_lock(parent);
	const auto added = add_locked(name, inode, kind);
	raw::cxxrt_inode_unlock(parent);
	if (!added.ok())
		raw::iput(inode);
	return added;
}

Result<Entry> FolderBase::add_entry(const char* name, const Kind& kind) const
{
	raw::dentry* added = TRY(add(name, kind));
	raw::cxxrt_super_get(added->d_sb);
	return Entry{added};
}

void Entry::remove()
{
	if (dentry_ == nullptr)
		return;
	raw::super_block* super = dentry_->d_sb;
	raw::simple_recursive_removal(exchange(dentry_, nullptr), nullptr);
	raw::deactivate_super(super);
}

Result<raw::dentry*> FolderBase::make_root(raw::super_block* super, u32 magic, const raw::super_operations& operations,
					   const raw::inode_operations& root)
{
	super->s_blocksize = raw::PAGE_SIZE;
	super->s_blocksize_bits = u8(raw::PAGE_SHIFT);
	super->s_magic = magic;
	super->s_time_gran = 1;
	super->s_op = &operations;
	// Only the mount makes nodes.
	super->s_iflags &= ~(unsigned long)(raw::SB_I_NODEV);
	super->s_iflags |= (unsigned long)(raw::SB_I_NOEXEC);
	Kind kind = kFolder;
	kind.number = kRootNumber;
	raw::inode* inode = TRY(from_null(make_inode(super, kind)));
	inode->i_op = &root;
	super->s_root = raw::d_make_root(inode);
	return from_null(super->s_root);
}

int FolderBase::unlink(raw::inode* folder, raw::dentry* dentry)
{
	return is_device(dentry->d_inode) ? raw::simple_unlink(folder, dentry) : EPERM.to_c();
}

int FolderBase::rename(raw::cxxrt_idmap* idmap, raw::inode* old_folder, raw::dentry* old_dentry, raw::inode* new_folder,
		       raw::dentry* new_dentry, u32 flags)
{
	if (old_folder != new_folder || !is_device(old_dentry->d_inode) ||
	    (new_dentry->d_inode != nullptr && !is_device(new_dentry->d_inode)))
		return EPERM.to_c();
	return raw::simple_rename(idmap, old_folder, old_dentry, new_folder, new_dentry, flags);
}

}  // namespace cxxrt::filesystem
