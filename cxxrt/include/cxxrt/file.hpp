// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Open files and file descriptors of the running process.
/// C side: include/linux/file.h, include/linux/fdtable.h, helpers/fs.c.

#include <cxxrt/task.hpp>

namespace cxxrt::file {

/// A counted reference to an open file.
class [[nodiscard]] Open : MoveOnly {
public:
	Open(Open&& other) : file_(exchange(other.file_, nullptr)) {}
	Open& operator=(Open&& other)
	{
		swap(file_, other.file_);
		return *this;
	}
	~Open() { close(); }
	/// Gives it up before the end.   Context: any; the file itself ends later.
	void close()
	{
		if (file_ != nullptr)
			raw::fput(exchange(file_, nullptr));
	}
	/// Whether it was neither given up nor moved away.
	bool is_held() const { return file_ != nullptr; }
	/// What the running process has under `descriptor`.   Context: process.   Errors: EBADF.
	static Result<Open> of(u32 descriptor)
	{
		raw::file* file = raw::fget(descriptor);
		if (file == nullptr)
			return EBADF;
		return Open{file};
	}
	/// What the security modules say to its way from one to the other.   Errors: theirs.
	Result<void> may_pass(const task::Credentials& from, const task::Credentials& to) const
	{
		return from_c(raw::cxxrt_security_binder_transfer_file(from.unsafe_raw(), to.unsafe_raw(), file_));
	}

private:
	friend class Descriptor;
	explicit Open(raw::file* file) : file_(file) {}
	raw::file* file_;
};

/// A number reserved in the running process; given back, unless a file was put behind it.
class [[nodiscard]] Descriptor : MoveOnly {
public:
	/// None.
	Descriptor() = default;
	Descriptor(Descriptor&& other) : number_(exchange(other.number_, -1)) {}
	Descriptor& operator=(Descriptor&& other)
	{
		swap(number_, other.number_);
		return *this;
	}
	/// Context: process, the same as reserve()'s.
	~Descriptor()
	{
		if (number_ >= 0)
			raw::put_unused_fd(u32(number_));
	}
	/// The lowest free one, closed on exec.   Context: process; may sleep.   Errors: EMFILE and others.
	static Result<Descriptor> reserve() EXCLUDES(atomic_context)
	{
		Descriptor made;
		made.number_ = TRY(value_from_c(raw::get_unused_fd_flags(u32(raw::O_CLOEXEC))));
		return made;
	}
	u32 number() const { return u32(number_); }
	/// Puts the file behind it: it is user space's from here on.
	void install(Open&& file)
	{
		if (number_ >= 0 && file.file_ != nullptr)
			raw::fd_install(u32(exchange(number_, -1)), exchange(file.file_, nullptr));
	}

private:
	int number_ = -1;
};

/// Closes a descriptor of the running process; even that of the file whose operation this is: the file itself ends only
/// when the task goes back to user space.   Context: process, in a system call.
inline void close(u32 descriptor) { (void)raw::close_fd(descriptor); }

}  // namespace cxxrt::file
