// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Character devices: numbers, and nodes in /dev whose operations are functions of an object.
/// C side: include/linux/cdev.h, include/linux/fs.h, include/linux/io_uring.h, helpers/chardev.c.
///
/// A node is for an object of a class T, as device::ClassDevice says, which also has
///     Result<long> ioctl(Call&, chardev::File, u32 command, UserAddress argument)
/// and, where it has them:
///     Result<void> open(chardev::File)
///     Result<void> uring_command(Call&, uring::Command)          begins one, as <cxxrt/uring.hpp> says
///     static constexpr bool kPollsUring = true                   those of polled rings, too
/// Context: process; they may sleep. 32-bit programs' ioctls come the same way.
///
/// The object may go while files are open: operations that are inside are waited for, and those that come later fail with
/// ENODEV. What is left then, until the last file is closed, is the node's own memory. The module stays for as long as a
/// file is open.

#include <cxxrt/bitmap.hpp>
#include <cxxrt/device.hpp>
#include <cxxrt/uring.hpp>
#include <cxxrt/user.hpp>

namespace cxxrt::chardev {

/// An open file: borrowed for the call.
class File {
public:
	explicit File(raw::file* file) : file_(file) {}
	bool is_writable() const { return (u32(file_->f_mode) & u32(raw::FMODE_WRITE)) != 0; }
	/// Opened, or since set, not to wait: O_NONBLOCK.
	bool is_nonblocking() const { return (u32(file_->f_flags) & u32(raw::O_NONBLOCK)) != 0; }
	raw::file* unsafe_raw() const { return file_; }

private:
	raw::file* file_;
};

/// A call that is inside of its object; it may leave() early.
using Call = Gate::Entry;

/// Numbers for nodes: a major of its own, and minors that are free.
/// Invariant: outlives its nodes.
class Region : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// `name` shows in /proc/devices, and outlives it.   Context: process; sleeps.   Errors: EBUSY none left; ENOMEM.
	static Result<Box<Region>> create(const char* name) EXCLUDES(atomic_context);
	explicit Region(Key) {}
	~Region() EXCLUDES(atomic_context);
	static constexpr u32 kMinors = 1u << 20;

	/// A number for a node that is not in /dev; nobody else has it until this goes. The region outlives it.
	class Number : Pinned {
	public:
		/// None, until claim().
		Number() = default;
		~Number()
		{
			if (region_ != nullptr)
				raw::ida_free(region_->minors_.unsafe_raw(), minor_);
		}
		/// Takes the lowest free one, once; the last `reserved` are for others.
		/// Context: process; sleeps.   Errors: ENOSPC; ENOMEM.
		Result<void> claim(Region& region, u32 reserved) EXCLUDES(atomic_context);
		/// Only if there is one.
		u32 major() const { return region_->first_ / kMinors; }
		u32 minor() const { return minor_; }
		raw::dev_t unsafe_raw() const { return region_->first_ + minor_; }

	private:
		Region* region_ = nullptr;
		u32 minor_ = 0;
	};

private:
	friend class NodeBase;
	raw::dev_t first_ = 0;
	Ida minors_;
};

/// What nodes share, whatever they are for.
class [[nodiscard]] NodeBase : MoveOnly {
public:
	NodeBase() = default;
	NodeBase(NodeBase&& other) : object_(exchange(other.object_, nullptr)), minor_(move(other.minor_)) {}
	NodeBase& operator=(NodeBase&& other)
	{
		swap(object_, other.object_);
		swap(minor_, other.minor_);
		return *this;
	}
	/// As hide() and close().
	~NodeBase() EXCLUDES(atomic_context);

	/// Takes the node out of /dev and the device out of sysfs, whose functions it waits for. Files that are open still
	/// get through.   Context: process; sleeps.
	void hide() EXCLUDES(atomic_context);
	/// Operations fail from now on; waits for those inside. After hide().   Context: process; sleeps.
	void close() EXCLUDES(atomic_context);
	explicit operator bool() const { return object_ != nullptr; }
	/// Only while there is one, and it is not hidden.
	device::Device device() const { return device::Device{&object_->dev}; }
	/// Lets in a call that comes another way. Only while there is one.
	Call enter() const { return object_->gate.enter(); }

protected:
	struct Object : device::Internals::Object {
		Object() = default;
		raw::cdev cdev{};
		Gate gate;
		bool visible = false;
	};
	static Object& object_of(raw::cdev* cdev) { return owner_of<&Object::cdev>(*cdev); }
	static Object& object_of(const raw::file* file) { return object_of(raw::cxxrt_file_cdev(file)); }
	Result<void> make(device::Class& cls, Region& region, device::Device parent, const raw::device_type& type,
			  const raw::file_operations& operations, void* owner, const char* name);

private:
	Object* object_ = nullptr;
	Ida::Id minor_;	 // somebody else's as soon as the node is hidden
};

/// A node for an object of type T, which outlives it, or closes it.
template <class T> class [[nodiscard]] Node : public NodeBase {
public:
	using NodeBase::NodeBase;
	/// Makes it appear; it may be opened before this returns.
	/// Context: process; sleeps.   Errors: EEXIST the name is taken, with the kernel's own lines; ENOSPC; ENOMEM.
	static Result<Node> create(device::Class& cls, Region& region, device::Device parent, T& owner,
				   const char* name) EXCLUDES(atomic_context)
	{
		Node node;
		TRY(node.make(cls, region, parent, device::Internals::Type<T>::kType, kOperations, &owner, name));
		return node;
	}

private:
	// SAFETY (all): make() stored the owner, which is there while the gate is open.
	static T& owner_of_object(Object& object) { return *static_cast<T*>(object.owner); }
	static int open(raw::inode*, raw::file* file)
	{
		Object& object = object_of(file);
		const Call call = object.gate.enter();
		if (!call)
			return ENODEV.to_c();
		return owner_of_object(object).open(File{file}).to_c();
	}
	static long ioctl(raw::file* file, u32 command, unsigned long argument)
	{
		Object& object = object_of(file);
		Call call = object.gate.enter();
		if (!call)
			return ENODEV.to_c();
		auto done = owner_of_object(object).ioctl(call, File{file}, command, UserAddress{argument});
		return done.ok() ? done.take() : done.error().to_c();
	}
	static int uring_cmd(raw::io_uring_cmd* cmd, u32 flags)
	{
		Object& object = object_of(cmd->file);
		Call call = object.gate.enter();
		if (!call)
			return ENODEV.to_c();
		const Result<void> begun = owner_of_object(object).uring_command(call, uring::Command{cmd, flags});
		return begun.ok() ? -int(raw::EIOCBQUEUED) : begun.to_c();
	}
	static int uring_poll(raw::io_uring_cmd* cmd, raw::io_comp_batch* batch, u32 flags)
	{
		const Call call = object_of(cmd->file).gate.enter();
		// Requests of what is gone have ended.
		return call ? uring::detail::poll(cmd, batch, flags) : 0;
	}
	static constexpr raw::file_operations make_operations()
	{
		raw::file_operations operations{};
		operations.owner = &raw::__this_module;
		operations.unlocked_ioctl = &ioctl;
#if CXXRT_COMPAT
		operations.compat_ioctl = &raw::compat_ptr_ioctl;
#endif
		if constexpr (requires(T& owner, File file) { owner.open(file); })
			operations.open = &open;
		if constexpr (requires(T& owner, Call& call, uring::Command cmd) { owner.uring_command(call, cmd); })
			operations.uring_cmd = &uring_cmd;
		if constexpr (requires { T::kPollsUring; })
			operations.uring_cmd_iopoll = &uring_poll;
		return operations;
	}
	static constexpr raw::file_operations kOperations = make_operations();
};

}  // namespace cxxrt::chardev
