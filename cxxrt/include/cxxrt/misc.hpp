// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Misc devices: nodes in /dev that make a session for each open file.
/// C side: include/linux/miscdevice.h, helpers/fs.c.
///
/// A session is a RefCounted class S with
///     long ioctl(chardev::File, u32 command, UserAddress argument)      0 or a negative errno
///     Result<void> mmap(mm::Area)
///     u32 poll(task::PollQueue::Table)
///     void flush()           each close() of a descriptor of the file
///     void released()        the last one; references may stay
/// and its device a class D with `Result<Ref<S>> open(chardev::File)`.
/// Context: process; they may sleep. 32-bit programs' ioctls come the same way. The module stays while a file is open.

#include <cxxrt/mm.hpp>
#include <cxxrt/task.hpp>

namespace cxxrt::misc {

/// What files of sessions do but for open(), which ends with begin().
template <class S> class SessionOperations {
public:
	/// Makes the session the file's.
	static int begin(raw::file* file, Result<Ref<S>> made)
	{
		if (!made.ok())
			return made.error().to_c();
		file->private_data = made.take().leak();
		return 0;
	}
	static constexpr raw::file_operations make(int (*open)(raw::inode*, raw::file*))
	{
		raw::file_operations operations{};
		operations.owner = &raw::__this_module;
		operations.open = open;
		operations.unlocked_ioctl = &ioctl;
#if CXXRT_COMPAT
		operations.compat_ioctl = &raw::compat_ptr_ioctl;
#endif
		operations.mmap = &mmap;
		operations.poll = &poll;
		operations.flush = &flush;
		operations.release = &release;
		return operations;
	}

private:
	// SAFETY (all): open() put the session there, and release() is the last to use it.
	static S& session(raw::file* file) { return *static_cast<S*>(file->private_data); }
	static long ioctl(raw::file* file, u32 command, unsigned long argument)
	{
		return session(file).ioctl(chardev::File{file}, command, UserAddress{argument});
	}
	static int mmap(raw::file* file, raw::vm_area_struct* vma) { return session(file).mmap(mm::Area{vma}).to_c(); }
	static raw::__poll_t poll(raw::file* file, raw::poll_table_struct* table)
	{
		return session(file).poll(task::PollQueue::Table{file, table});
	}
	static int flush(raw::file* file, raw::fl_owner_t)
	{
		session(file).flush();
		return 0;
	}
	static int release(raw::inode*, raw::file* file)
	{
		auto last = Ref<S>::adopt(&session(file));
		last->released();
		return 0;
	}
};

template <class D, class S> class [[nodiscard]] Node : Pinned {
public:
	/// Appears as /dev/`name`, mode 0600; `name` and `device` outlive it.
	/// Context: process; sleeps.   Errors: EEXIST the name is taken, with the kernel's own lines; EBUSY no number is left; ENOMEM.
	static Result<Box<Node>> create(const char* name, D& device) EXCLUDES(atomic_context)
	{
		auto made = TRY(Box<Node>::make(Gfp::Kernel, name, device));
		TRY(from_c(raw::misc_register(&made->misc_)));
		made->registered_ = true;
		return made;
	}
	Node(const char* name, D& device) : device_(device)
	{
		misc_.minor = int(raw::MISC_DYNAMIC_MINOR);
		misc_.name = name;
		misc_.fops = &kOperations;
	}
	~Node() EXCLUDES(atomic_context)
	{
		if (registered_)
			raw::misc_deregister(&misc_);
	}

private:
	static int open(raw::inode*, raw::file* file)
	{
		// SAFETY: the misc core put the device there, which stays registered while its open runs.
		auto& misc = *static_cast<raw::miscdevice*>(file->private_data);
		return SessionOperations<S>::begin(file,
						   owner_of<&Node::misc_>(misc).device_.open(chardev::File{file}));
	}
	static constexpr raw::file_operations kOperations = SessionOperations<S>::make(&open);

	raw::miscdevice misc_{};
	D& device_;
	bool registered_ = false;
};

}  // namespace cxxrt::misc
