// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The driver: its devices, and all processes.

#include <cxxrt/module.hpp>

#include "process.hpp"
#include "translog.hpp"

namespace binder {

class Driver;

/// A device, and who manages it: processes of different ones do not know each other.
class Context : Pinned {
public:
	Context(Driver& driver, const char* name) : driver(driver), name(name) {}

	Result<Ref<Process>> open(chardev::File file) { return Process::open(*this, file); }

	/// The manager's node, or none.
	Ref<Node> manager();
	bool is_manager(const Node& node) const { return manager_address_.load_relaxed() == &node; }
	/// Context: process; sleeps.   Errors: EBUSY there is one; EPERM; ENOMEM.
	Result<void> set_manager(Process& process, const FlatObject& object) EXCLUDES(atomic_context);
	bool is_managed_by(const Process& process);
	/// The process goes.
	void forget(Process& process);

	Driver& driver;
	const char* const name;

private:
	Mutex setting_{lock_class<"binder_cpp manager">};
	SpinLock lock_{lock_class<"binder_cpp manager's node">};
	Ref<Node> manager_ GUARDED_BY(lock_);
	Atomic<const Node*> manager_address_;
	task::UserId user_ GUARDED_BY(setting_);  // the first one's, for ever
};

class Driver : Pinned {
public:
	static Result<Box<Driver>> create();
	Driver();
	~Driver();

	void add(Process& process);
	void mark_released(Process& process);
	/// What a process did that is gone.
	void count_past(const Traffic& traffic);
	void remove(Process& process);
	/// Calls `f(Process&)` for each open of a thread group; returns whether there was one. Nothing is taken apart meanwhile.
	template <class F> bool for_each_of(int group, F&& f)
	{
		bool found = false;
		const Guard guard{lock_};
		for (Process& process : processes_) {
			if (!process.is_released && process.group == group) {
				found = true;
				f(process);
			}
		}
		return found;
	}

	/// For the shrinker.   Units: pages.
	u64 count();
	u64 scan(u64 most);

	debugfs::Entry process_folder;
	TransactionLog log{};
	TransactionLog failed_log{};

private:
	struct Device;
	Result<void> begin();
	Result<void> add_devices();
	static void show_state(debugfs::Text& out, Driver& driver);
	static void show_stats(debugfs::Text& out, Driver& driver);
	static void show_transactions(debugfs::Text& out, Driver& driver);
	static void show_process(debugfs::Text& out, Process& process);
	static void show_log(debugfs::Text& out, TransactionLog& log);

	Mutex lock_{lock_class<"binder_cpp processes">};
	IntrusiveList<&Process::list_hook>
		processes_;  // guarded by lock_; also those that are gone, while anybody knows them
	Traffic past_ GUARDED_BY(lock_){};
	debugfs::Entry folder_;
	debugfs::Entry files_[5];
	Box<Device> devices_;
	Box<mm::Shrinker<Driver>> shrinker_;
};

}  // namespace binder
