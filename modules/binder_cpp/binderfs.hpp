// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// binderfs: devices in file systems of their own, for containers. Each mount has others, and none is known elsewhere.
/// C side: drivers/android/binderfs.c, include/uapi/linux/android/binderfs.h.

#include "driver.hpp"

namespace binder {

#if CXXRT_BINDERFS

/// One mount, and what it was mounted with.
class Mount : Pinned {
public:
	class Device;
	static constexpr u32 kMostDevices = chardev::Region::kMinors;
	/// What the first user namespace always has left.
	static constexpr u32 kReserve = 4;

	// What cxxrt asks for.
	using Owner = Binderfs;
	using Session = Process;
	static constexpr u32 kMagic = 0x6c6f6f70;
	struct Options {
		u32 max = kMostDevices;
		bool shows_logs = false;
	};
	using OptionList = filesystem::OptionList<filesystem::Number<"max">, filesystem::Choice<"stats", "global">>;
	static Result<void> set(Options& options, filesystem::Given given);
	Mount(Binderfs& owner, const Options& options, filesystem::Mounter mounter)
		: owner_(owner),
		  shows_logs_(options.shows_logs),
		  reserved_(mounter == filesystem::Mounter::Initial ? 0 : kReserve),
		  max_(options.max)
	{
	}
	Result<void> fill(filesystem::Folder<Mount> root) EXCLUDES(atomic_context);
	Result<void> remount(const Options& options) EXCLUDES(atomic_context);
	void show_options(debugfs::Text& out) EXCLUDES(atomic_context);
	void show(debugfs::Text& out, u64 key);
	Result<void> control(u32 command, UserAddress argument) EXCLUDES(atomic_context);

private:
	Result<void> add_all() EXCLUDES(atomic_context);
	/// Makes a device; the answer goes to user space, if that asked, while the device is not there yet.
	Result<void> add(DeviceRequest& request, UserAddress answer) EXCLUDES(atomic_context);
	void show_process(Process& process) EXCLUDES(atomic_context);

	static constexpr u32 kFeature = 0;
	static constexpr u32 kFirstLog = 1;

	Binderfs& owner_;
	const bool shows_logs_;
	const u32 reserved_;
	chardev::Region::Number number_;  // of binder-control
	filesystem::Folder<Mount> root_;  // written before anybody else knows the mount, as is the next
	filesystem::Folder<Mount> processes_;
	Mutex lock_{lock_class<"binder_cpp mount">};
	u32 max_ GUARDED_BY(lock_);
	u32 count_ GUARDED_BY(lock_) = 0;  // of devices
};

/// A device of a mount, until its name is gone and its last file closed; processes may know its context for longer.
class Mount::Device : Pinned {
public:
	explicit Device(Mount& mount) : mount_(mount) {}
	~Device() EXCLUDES(atomic_context);
	/// Takes a number, if the mount may have one more.   Errors: ENOSPC; ENOMEM.
	Result<void> claim() EXCLUDES(atomic_context);
	Result<Ref<Process>> open(chardev::File file) EXCLUDES(atomic_context);

private:
	Mount& mount_;
	bool is_counted_ = false;

public:
	chardev::Region::Number number;
	Ref<Context> context;
};

/// The file system, and the numbers of all its devices.
class Binderfs : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// Context: process; sleeps.   Errors: EBUSY there is one of that name, or no number is left; ENOMEM.
	static Result<Box<Binderfs>> create(Driver& driver) EXCLUDES(atomic_context);
	Binderfs(Key, Driver& driver, Box<chardev::Region> numbers) : driver(driver), numbers(move(numbers)) {}

	Driver& driver;
	const Box<chardev::Region> numbers;

private:
	filesystem::Type<Mount> type_{*this};
};

#else

/// Left out.
class Binderfs : Pinned {
public:
	static Result<Box<Binderfs>> create(Driver&) { return Box<Binderfs>{}; }
};

#endif

}  // namespace binder
