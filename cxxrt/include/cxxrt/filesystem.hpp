// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// File systems without a disk: each mount is an object, with folders, files of text, and nodes of devices that are its own.
/// C side: include/linux/fs.h, fs_context.h, fs_parser.h, helpers/fs.c.
///
/// A file system is a class M, of which each mount makes one, with
///     using Owner = ...                                   what Type is given, and outlives it
///     static constexpr u32 kMagic                         what statfs() tells
///     struct Options                                      what a mount begins with; values alone
///     using OptionList = filesystem::OptionList<...>      what may be given; see there
///     static Result<void> set(Options&, Given)            one was given
///     M(Owner&, const Options&, Mounter)
///     Result<void> fill(filesystem::Folder<M> root)       makes what is there from the beginning
///     Result<void> remount(const Options&)                with what is given then, and defaults
///     void show_options(debugfs::Text&)                   ",name=value" for each
///     void show(debugfs::Text&, u64 key)                  the text of a file
///     Result<void> control(u32 command, UserAddress)      ioctl of its control node
///     using Device = ...                                  of a node: `Result<Ref<Session>> open(chardev::File)`
///     using Session = ...                                 as <cxxrt/misc.hpp> says
/// Context: process; all may sleep.   Locks: none, but set(), fill() and remount() are alone.
///
/// Folders, files and the control node stay as long as the mount; who may write to the root may rename and remove nodes of
/// devices, within the root alone. A node's Device goes when it has no name any more and no file of it is open. Mounts go when
/// no file is open either, and then their object after all Devices; the module stays meanwhile. What has no Folder to add
/// to can make no node, so nodes work wherever a user namespace mounted them, too.

#include <cxxrt/debugfs.hpp>
#include <cxxrt/misc.hpp>

namespace cxxrt::filesystem {

/// Whether the user namespace that mounts is the first.
enum class Mounter : bool { Initial, Other };

/// An option that was given: its index in the list, and its number, or the index of its text.
struct Given {
	u32 index, value;
};

/// An option with a number.
template <Literal Name> struct Number {
	static constexpr raw::fs_parameter_spec make(u8 index)
	{
		return {.name = kText<Name>.text, .type = &raw::fs_param_is_u32, .opt = index};
	}
};
/// An option with one of some texts; its value is the index of that.
template <Literal Name, Literal... Texts> struct Choice {
	static constexpr raw::fs_parameter_spec make(u8 index)
	{
		return {.name = kText<Name>.text, .type = &raw::fs_param_is_enum, .opt = index, .data = kTable.rows};
	}

private:
	struct Table {
		raw::constant_table rows[sizeof...(Texts) + 1];
	};
	template <size_t... I> static constexpr Table make_table(Indexes<I...>)
	{
		return {{{.name = kText<Texts>.text, .value = int(I)}..., {}}};
	}
	static constexpr Table kTable = make_table(make_indexes<sizeof...(Texts)>());
};
/// All there are; others, and values that are none, are EINVAL with the kernel's line.
template <class... Options> struct OptionList {
	struct Specs {
		raw::fs_parameter_spec at[sizeof...(Options) + 1];
	};
	template <size_t... I> static constexpr Specs make(Indexes<I...>) { return {{Options::make(u8(I))..., {}}}; }
	static constexpr Specs kSpecs = make(make_indexes<sizeof...(Options)>());
};

/// A file that goes when this does; who has it open may read on. Its mount stays as long.
class [[nodiscard]] Entry : MoveOnly {
public:
	/// None.
	Entry() = default;
	Entry(Entry&& other) : dentry_(exchange(other.dentry_, nullptr)) {}
	Entry& operator=(Entry&& other)
	{
		swap(dentry_, other.dentry_);
		return *this;
	}
	/// Context: process; sleeps.
	~Entry() EXCLUDES(atomic_context) { remove(); }
	/// Removes it before the end.   Context: process; sleeps.
	void remove() EXCLUDES(atomic_context);

private:
	friend class FolderBase;
	explicit Entry(raw::dentry* dentry) : dentry_(dentry) {}
	raw::dentry* dentry_ = nullptr;
};

namespace detail {
/// Of a new inode.
struct Kind {
	u32 mode;
	const raw::file_operations* operations;
	void* data;	 ///< what goes with it, unless it could not be made
	u64 number = 0;	 ///< 0: any
	raw::dev_t device = 0;
};
}  // namespace detail

/// What folders of all file systems share.
class FolderBase {
protected:
	using Kind = detail::Kind;
	constexpr FolderBase() = default;
	explicit FolderBase(raw::dentry* dentry) : dentry_(dentry) {}
	/// Null if there is no memory.
	static raw::inode* make_inode(raw::super_block* super, const Kind& kind) EXCLUDES(atomic_context);
	Result<raw::dentry*> add(const char* name, const Kind& kind) const EXCLUDES(atomic_context);
	/// Under the folder's lock; the inode is the folder's then.
	Result<raw::dentry*> add_locked(const char* name, raw::inode* inode, const Kind& kind) const;
	Result<Entry> add_entry(const char* name, const Kind& kind) const EXCLUDES(atomic_context);
	/// A super block's first steps: the folder at its root.
	static Result<raw::dentry*> make_root(raw::super_block* super, u32 magic,
					      const raw::super_operations& operations,
					      const raw::inode_operations& root) EXCLUDES(atomic_context);
	static bool is_device(const raw::inode* inode)
	{
		return (u32(inode->i_mode) & u32(raw::S_IFMT)) == u32(raw::S_IFCHR) && inode->i_private != nullptr;
	}
	static int unlink(raw::inode* folder, raw::dentry* dentry);
	static int rename(raw::cxxrt_idmap* idmap, raw::inode* old_folder, raw::dentry* old_dentry,
			  raw::inode* new_folder, raw::dentry* new_dentry, u32 flags);
	static constexpr u64 kRootNumber = 1;
	static constexpr u64 kControlNumber = 2;
	static constexpr u64 kFirstDevice = 3;
	static constexpr Kind kFolder = {.mode = u32(raw::S_IFDIR) | 0755,
					 .operations = &raw::simple_dir_operations,
					 .data = nullptr};

	raw::dentry* dentry_ = nullptr;
};

/// A folder: a view, good for as long as the mount.
template <class M> class Folder : FolderBase {
public:
	/// None.
	constexpr Folder() = default;
	/// Names are up to 255 bytes, without '/', and neither "." nor "..".
	/// Context: process; sleeps.   Errors (all): EEXIST; EACCES no name; ENOMEM.
	Result<Folder> folder(const char* name) const EXCLUDES(atomic_context)
	{
		raw::dentry* added = TRY(add(name, kFolder));
		return Folder{added};
	}
	/// A file that all may read, whose text is that of show() for `key`.
	Result<void> file(const char* name, u64 key) const EXCLUDES(atomic_context)
	{
		TRY(add(name, file_of(key)));
		return {};
	}
	/// The same, which goes before the mount. Not in the root.
	Result<Entry> entry(const char* name, u64 key) const EXCLUDES(atomic_context)
	{
		return add_entry(name, file_of(key));
	}
	/// A node with mode 0600, its owner the mount's root; control() is its ioctl. In the root; `number` stays as long as the mount.
	Result<void> control(const char* name, const chardev::Region::Number& number) const EXCLUDES(atomic_context)
	{
		TRY(add(name, {.mode = kNode,
			       .operations = &kControl,
			       .data = nullptr,
			       .number = kControlNumber,
			       .device = number.unsafe_raw()}));
		return {};
	}
	/// A node of a device, the same to look at. In the root; `number` is a member of the device's.
	Result<void> device(const char* name, const chardev::Region::Number& number,
			    Box<typename M::Device> device) const EXCLUDES(atomic_context)
	{
		TRY(add(name, {.mode = kNode,
			       .operations = &kDevice,
			       .data = device.get(),
			       .number = kFirstDevice + number.minor(),
			       .device = number.unsafe_raw()}));
		// The inode's, which may have gone already.
		(void)device.leak();
		return {};
	}

private:
	template <class> friend class Type;
	using Session = typename M::Session;
	static constexpr u32 kNode = u32(raw::S_IFCHR) | 0600;

	explicit Folder(raw::dentry* dentry) : FolderBase(dentry) {}
	// SAFETY: a number, which only show() looks at.
	static Kind file_of(u64 key)
	{
		return {.mode = u32(raw::S_IFREG) | 0444,
			.operations = &kFile,
			.data = reinterpret_cast<void*>(uintptr_t(key))};
	}
	// SAFETY (all): the mount is there while an inode is, and a device while its inode is.
	static M& mount_of(const raw::inode* inode) { return *static_cast<M*>(inode->i_sb->s_fs_info); }
	static int show(raw::seq_file* out, void*)
	{
		const auto* inode = static_cast<const raw::inode*>(out->private_);
		debugfs::Text text{out};
		mount_of(inode).show(text, reinterpret_cast<uintptr_t>(inode->i_private));
		return 0;
	}
	static int open_file(raw::inode* inode, raw::file* file) { return raw::single_open(file, &show, inode); }
	static int open_device(raw::inode* inode, raw::file* file)
	{
		auto& device = *static_cast<typename M::Device*>(inode->i_private);
		return misc::SessionOperations<Session>::begin(file, device.open(chardev::File{file}));
	}
	static long ioctl(raw::file* file, u32 command, unsigned long argument)
	{
		return mount_of(file->f_inode).control(command, UserAddress{argument}).to_c();
	}
	static constexpr raw::file_operations make_control()
	{
		raw::file_operations operations{};
		operations.owner = &raw::__this_module;
		operations.open = &raw::nonseekable_open;
		operations.unlocked_ioctl = &ioctl;
#if CXXRT_COMPAT
		operations.compat_ioctl = &raw::compat_ptr_ioctl;
#endif
		return operations;
	}
	static constexpr raw::file_operations kFile = {.owner = &raw::__this_module,
						       .llseek = &raw::seq_lseek,
						       .read = &raw::seq_read,
						       .open = &open_file,
						       .release = &raw::single_release};
	static constexpr raw::file_operations kControl = make_control();
	static constexpr raw::file_operations kDevice = misc::SessionOperations<Session>::make(&open_device);
};

/// Makes a file system known; user namespaces may mount it. One at a time for each M.
/// Invariant: when it goes, nothing is mounted: each mount keeps the module.
template <class M> class Type : FolderBase, Pinned {
public:
	using Owner = typename M::Owner;
	explicit Type(Owner& owner) { owner_ = &owner; }
	/// `name` outlives it. It may be mounted before this returns, so nothing of the load may fail after it.
	/// Context: process; sleeps.   Errors: EBUSY the name is taken.
	Result<void> add(const char* name) EXCLUDES(atomic_context)
	{
		type_.name = name;
		TRY(from_c(raw::register_filesystem(&type_)));
		registered_ = true;
		return {};
	}
	~Type() EXCLUDES(atomic_context)
	{
		if (registered_)
			(void)raw::unregister_filesystem(&type_);
	}

private:
	using Options = typename M::Options;
	static_assert(kTriviallyCopyable<Options>);
	// SAFETY (all): init() put the options there, and fill() the mount.
	static Options& options_of(const raw::fs_context* context)
	{
		return *static_cast<Options*>(context->fs_private);
	}
	static M& mount_of(const raw::super_block* super) { return *static_cast<M*>(super->s_fs_info); }

	static int init(raw::fs_context* context)
	{
		auto made = Box<Options>::make(Gfp::Kernel);
		if (!made.ok())
			return made.error().to_c();
		context->fs_private = made.take().leak();
		context->ops = &kContext;
		return 0;
	}
	static void drop(raw::fs_context* context) { Box<Options>::adopt(&options_of(context)).reset(); }
	static int parse(raw::fs_context* context, raw::fs_parameter* parameter)
	{
		u32 value = 0;
		const int which = raw::cxxrt_fs_parse(context, M::OptionList::kSpecs.at, parameter, &value);
		if (which < 0)
			return which;
		return M::set(options_of(context), Given{.index = u32(which), .value = value}).to_c();
	}
	static int get_tree(raw::fs_context* context) { return raw::get_tree_nodev(context, &fill); }
	static int fill(raw::super_block* super, raw::fs_context* context)
	{
		auto made = Box<M>::make(Gfp::Kernel, *owner_, options_of(context),
					 super->s_user_ns == &raw::init_user_ns ? Mounter::Initial : Mounter::Other);
		if (!made.ok())
			return made.error().to_c();
		// From here on, it is kill() that ends it, also if this fails.
		super->s_fs_info = made.take().leak();
		auto root = make_root(super, M::kMagic, kSuper, kRoot);
		if (!root.ok())
			return root.error().to_c();
		return mount_of(super).fill(Folder<M>{root.take()}).to_c();
	}
	static int reconfigure(raw::fs_context* context)
	{
		return mount_of(context->root->d_sb).remount(options_of(context)).to_c();
	}
	static void kill(raw::super_block* super)
	{
		// Devices look at the mount until they are gone.
		raw::kill_litter_super(super);
		Box<M>::adopt(static_cast<M*>(super->s_fs_info)).reset();
	}
	static void evict(raw::inode* inode)
	{
		raw::clear_inode(inode);
		if (is_device(inode))
			Box<typename M::Device>::adopt(static_cast<typename M::Device*>(inode->i_private)).reset();
	}
	static int show_options(raw::seq_file* out, raw::dentry* root)
	{
		debugfs::Text text{out};
		mount_of(root->d_sb).show_options(text);
		return 0;
	}
	static constexpr raw::fs_context_operations kContext = {.free = &drop,
								.parse_param = &parse,
								.get_tree = &get_tree,
								.reconfigure = &reconfigure};
	static constexpr raw::super_operations make_super()
	{
		raw::super_operations operations{};
		operations.evict_inode = &evict;
		operations.statfs = &raw::simple_statfs;
		operations.show_options = &show_options;
		return operations;
	}
	static constexpr raw::super_operations kSuper = make_super();
	static constexpr raw::inode_operations make_root_operations()
	{
		raw::inode_operations operations{};
		operations.lookup = &raw::simple_lookup;
		operations.unlink = &unlink;
		operations.rename = &rename;
		return operations;
	}
	static constexpr raw::inode_operations kRoot = make_root_operations();
	static constexpr raw::file_system_type make_type()
	{
		raw::file_system_type type{};
		type.fs_flags = int(raw::FS_USERNS_MOUNT);
		type.init_fs_context = &init;
		type.parameters = M::OptionList::kSpecs.at;
		type.kill_sb = &kill;
		type.owner = &raw::__this_module;
		return type;
	}
	// Not a member: it has keys of lockdep's, which are to be in the module.
	static inline constinit raw::file_system_type type_ = make_type();
	static inline constinit Owner* owner_ = nullptr;
	bool registered_ = false;
};

}  // namespace cxxrt::filesystem
