// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The driver: its devices, and all processes.

#include <cxxrt/module.hpp>

#include "process.hpp"
#include "translog.hpp"

namespace binder {

class Binderfs;
class Driver;

/// A device, and who manages it: processes of different ones do not know each other. It stays while there is one.
class Context : public RefCounted {
public:
	/// What the logs may have for longer.
	struct Name : cxxrt::Pinned {
		FixedText<256> text;
		Box<Name> next;
	};
	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Ref<Context>> create(Driver& driver, const char* name) EXCLUDES(atomic_context);
	Context(Driver& driver, Box<Name> name) : driver(driver), name(name->text.c_str()), name_(move(name)) {}
	~Context() EXCLUDES(atomic_context);

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
	Box<Name> name_;
};

class Driver : Pinned {
public:
	static Result<Box<Driver>> create();
	Driver();
	~Driver() EXCLUDES(atomic_context);

	/// Copies the next one of the names of devices, and goes behind it; false if there is none.   Errors: E2BIG.
	static Result<bool> next_name(const char*& rest, char (&name)[256]);

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

	/// A context goes, and its name as soon as no log has it.
	void bury(Box<Context::Name> name) EXCLUDES(atomic_context);

	/// What there is to read; what follows are processes: their thread group is added.
	enum class File : u8 { State, Stats, Transactions, Log, FailedLog, Group };
	static constexpr u32 kGroup = u32(File::Group);
	static constexpr const char* kFiles[] = {"state", "stats", "transactions", "transaction_log",
						 "failed_transaction_log"};
	void show(debugfs::Text& out, u32 file);

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
	static void show_file(debugfs::Text& out, ShownFile& file) { file.driver->show(out, file.which); }
	void show_state(debugfs::Text& out);
	void show_stats(debugfs::Text& out);
	void show_transactions(debugfs::Text& out);
	void show_group(debugfs::Text& out, int group);

	Mutex lock_{lock_class<"binder_cpp processes">};
	IntrusiveList<&Process::list_hook>
		processes_;  // guarded by lock_; also those that are gone, while anybody knows them
	Traffic past_ GUARDED_BY(lock_){};
	debugfs::Entry folder_;
	ShownFile shown_[kGroup];
	debugfs::Entry files_[kGroup];
	Box<Device> devices_;
	Box<Context::Name> old_names_ GUARDED_BY(lock_);
	Box<Binderfs> binderfs_;
	Box<mm::Shrinker<Driver>> shrinker_;
};

}  // namespace binder
