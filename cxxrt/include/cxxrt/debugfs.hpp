// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Folders and read-only files in debugfs. Without debugfs they are not there, and nothing else changes.
/// C side: include/linux/debugfs.h, include/linux/seq_file.h, helpers/fs.c.

#include <cxxrt/log.hpp>
#include <cxxrt/memory.hpp>

namespace cxxrt::debugfs {

/// The text of a file, as it is put together.   Context: any; what does not fit is made again, in a larger buffer.
class Text {
public:
	explicit Text(raw::seq_file* out) : out_(out) {}
	template <Literal Format, class... Args> void print(Args... args)
	{
		static_assert(log::detail::format_matches<Args...>(Format.text),
			      "the format does not match the arguments");
		raw::seq_printf(out_, kText<Format>.text, args...);
	}
	/// How much there is, for cut().   Units: bytes.
	size_t size() const { return out_->count; }
	/// Forgets what came after there were `size` bytes.
	void cut(size_t size) { out_->count = size; }

private:
	raw::seq_file* out_;
};

/// Who may read a file.
enum class Readers : u16 { All = 0444, Root = 0400 };

/// A folder or a file; goes away with what is in it, and waits for its readers.
class [[nodiscard]] Entry : MoveOnly {
public:
	Entry() = default;
	Entry(Entry&& other) : dentry_(exchange(other.dentry_, nullptr)) {}
	Entry& operator=(Entry&& other)
	{
		swap(dentry_, other.dentry_);
		return *this;
	}
	/// Context: process; sleeps.
	~Entry() EXCLUDES(atomic_context) { raw::debugfs_remove(dentry_); }

	/// At the top of debugfs.   Context: process; sleeps.
	static Entry folder(const char* name) EXCLUDES(atomic_context)
	{
		return Entry{raw::debugfs_create_dir(name, nullptr)};
	}
	Entry subfolder(const char* name) const EXCLUDES(atomic_context)
	{
		return Entry{raw::debugfs_create_dir(name, dentry_)};
	}
	/// A file whose text `Show(Text&, T&)` makes, in the context of who reads; `object` outlives it. To let the file go
	/// with a lock held that `Show` takes is a deadlock.
	template <auto Show, class T> Entry file(const char* name, T& object, Readers readers = Readers::All) const
		EXCLUDES(atomic_context)
	{
		return Entry{
			raw::cxxrt_debugfs_create_file(name, u16(readers), dentry_, &object, &kOperations<Show, T>)};
	}

private:
	explicit Entry(raw::dentry* dentry) : dentry_(dentry) {}
	template <auto Show, class T> static int show(raw::seq_file* out, void*)
	{
		Text text{out};
		Show(text, *static_cast<T*>(out->private_));
		return 0;
	}
	template <auto Show, class T> static int open(raw::inode* inode, raw::file* file)
	{
		return raw::single_open(file, &show<Show, T>, raw::cxxrt_inode_private(inode));
	}
	template <auto Show, class T>
	static constexpr raw::file_operations kOperations = {.owner = &raw::__this_module,
							     .llseek = &raw::seq_lseek,
							     .read = &raw::seq_read,
							     .open = &open<Show, T>,
							     .release = &raw::single_release};

	raw::dentry* dentry_ = nullptr;
};

}  // namespace cxxrt::debugfs
