// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What one open file has: a process, its threads, the nodes it owns, the handles it holds, and its memory.

#include <cxxrt/list.hpp>
#include <cxxrt/misc.hpp>
#include <cxxrt/xarray.hpp>

#include "logfile.hpp"
#include "buffers.hpp"
#include "handles.hpp"
#include "node.hpp"
#include "stats.hpp"
#include "thread.hpp"

namespace binder {

class Context;
class Driver;

/// A file that shows something of the driver's; see Driver::File.
struct ShownFile {
	Driver* driver;
	u32 which;
};

class Process : public RefCounted {
public:
	static Result<Ref<Process>> open(Context& context, chardev::File file);
	Process(Context& context, chardev::File file);
	~Process() EXCLUDES(atomic_context);

	// What the file's operations call.
	long ioctl(chardev::File file, u32 command, UserAddress argument) EXCLUDES(atomic_context);
	Result<void> mmap(mm::Area area) EXCLUDES(atomic_context);
	u32 poll(task::PollQueue::Table table) EXCLUDES(atomic_context);
	void flush();
	void released() EXCLUDES(atomic_context);
	/// Nobody can read what was sent to it.   Context: any that may take its locks.
	void unmapped();

	Context& context() const { return *context_; }
	const int group;  ///< id of the thread group, in the initial namespace
	const task::GroupId group_id;
	const task::Credentials credentials;
	const int default_nice;
	task::UserId effective_user() const { return leader_.effective_user(); }

	// --- nodes ---
	/// The node with that address, pinned; null if there is none.
	Node* pin_node(u64 address);
	void unpin(Node& node);
	/// The node for an object of this process, pinned; a new one if there was none.   Errors: ENOMEM.
	Result<Node*> pin_node_for(const FlatObject& object) EXCLUDES(atomic_context);
	/// Takes it out of the tree, or from among the dead.
	Ref<Node> forget(Node& node, const Held<Inner>& held) REQUIRES(Inner::held);
	/// The first node whose address is greater.
	NodeDebugInfo node_after(u64 address);

	// --- handles ---
	struct HandleInfo {
		u32 id, number, strong, weak;
	};
	/// The node of a handle, of a strong one if that is wanted.   Errors: EINVAL.
	Result<Ref<Node>> node_of(u32 number, Strength strength);
	/// The same, pinned, and the handle's id.
	Result<Ref<Node>> pin_node_of(u32 number, Strength strength, u32& id);
	/// Counts a handle of a node; makes one if there was none.   Errors: ENOMEM; EINVAL.
	Result<HandleInfo> count_node(Node& node, Strength strength, Thread* notify) EXCLUDES(atomic_context);
	/// Counts a handle there is.   Errors: EINVAL.
	Result<HandleInfo> count_handle(u32 number, Strength strength);
	/// Counts it down, once.   Errors: EINVAL there is none.
	Result<void> uncount_handle(u32 number, Strength strength) EXCLUDES(atomic_context);

	// --- work ---
	/// Puts work for any thread.
	task::Wakeup queue(WorkItem& work, const Held<Inner>& held) REQUIRES(Inner::held);
	/// What wakes some thread that waits for work, or who polls.
	task::Wakeup wake_one(const Held<Inner>& held, task::Wakeup::Hint hint = task::Wakeup::Hint::None)
		REQUIRES(Inner::held);
	/// A call has arrived, for `to` or for any thread. Yes: `kOk`, and for oneway calls kPendingFrozen; no: what the sender gets.
	/// If so, its buffer has the node.
	u32 accept(Transaction& transaction, Ref<Node>& target, Thread* to, After& after, Box<Transaction>& superseded);
	/// Gives back the delivered buffer at a user address, and all that it holds; `thread` is who does it.   Errors: as Buffers::claim().
	Result<void> free_buffer(u64 address, Thread& thread) EXCLUDES(atomic_context);
	/// Why a buffer goes: its process gave it back, could not get it, or another call came in its place.
	enum class Release : u8 { Given, Undelivered, Superseded };
	/// Gives back a buffer, and all that it holds; `thread` is who does it.
	void release_buffer(Buffer& buffer, Thread* thread, Release why) EXCLUDES(atomic_context);
	/// What the objects of a buffer hold, those whose offsets are before `end`.
	void release_objects(Buffer& buffer, u64 end, Thread* thread, bool failed) EXCLUDES(atomic_context);
	/// The transaction's files, if any, may come to it. No: nobody could learn their numbers; and a file that waits for who is
	/// only kept by other files that wait would wait for ever.
	bool accepts_files_of(const Transaction& transaction, const Held<Inner>& held) REQUIRES(Inner::held)
	{
		return !transaction.files || accepts_files(held);
	}
	/// One transaction less is on its way.
	void uncount_outstanding(const Held<Inner>&) REQUIRES(Inner::held);
	/// Puts the end of a list of work to rest.
	void cancel_all(Todo& list) EXCLUDES(atomic_context);

	// --- freezing ---
	Result<void> freeze(const FreezeInfo& info) EXCLUDES(atomic_context);
	bool is_busy(const Held<Inner>& held) REQUIRES(Inner::held);

	/// What a thread did that is gone.
	void count_past(const Traffic& traffic, const Held<Inner>&) REQUIRES(Inner::held) { past_.add(traffic); }

	void show(debugfs::Text& out, bool all);
	void show_stats(debugfs::Text& out);
	/// Nodes that others still know, though this process is gone.
	void show_dead(debugfs::Text& out, bool& any);

	Kind<Handles> handles_lock;
	Kind<Inner> inner;
	HandleTable handles GUARDED_BY(Handles::held);

	XArray<Thread> threads;	 ///< by id; each only makes its own, and holds a reference here
	Todo todo{inner};
	Todo delivered_deaths{inner};
	Todo delivered_freezes{inner};
	HeldList<&Thread::waiting_hook> waiting{inner};	 ///< the last to come first
	Atomic<u32> is_dead;				 ///< written with Inner
	bool is_frozen GUARDED_BY(Inner::held) = false;
	bool sync_received GUARDED_BY(Inner::held) = false;
	bool async_received GUARDED_BY(Inner::held) = false;
	int outstanding GUARDED_BY(Inner::held) = 0;
	u32 max_threads GUARDED_BY(Inner::held) = 0;
	u32 requested GUARDED_BY(Inner::held) = 0;
	u32 started GUARDED_BY(Inner::held) = 0;
	Atomic<u32> may_ask_for_thread;	 ///< a hint without the lock: user space may start one more
	/// After each change of the three above.
	void threads_changed(const Held<Inner>&) REQUIRES(Inner::held)
	{
		may_ask_for_thread.store_relaxed(requested == 0 && started < max_threads ? 1 : 0);
	}
	bool detects_spam GUARDED_BY(Inner::held) = false;
	bool was_sent_files GUARDED_BY(Inner::held) = false;
	task::PollQueue pollers{lock_class<"binder_cpp poll">};
	task::PollQueue freeze_waiters{lock_class<"binder_cpp freeze">};
	Buffers buffers{*this};

	/// Of the driver's list of all; guarded by its lock.
	ListHook list_hook;
	bool is_released = false;  ///< the same
	bool is_first = false;	   ///< of its thread group, when it was opened
	/// Where a mount shows it, until it is released.
	void show_as(LogFile file) { log_file_ = move(file); }

private:
	Result<Thread*> current_thread() EXCLUDES(atomic_context);
	Result<Thread*> new_thread(int id) EXCLUDES(atomic_context);
	/// All but reading and writing.
	Result<void> other_request(Thread*& thread, u32 command, UserAddress argument) EXCLUDES(atomic_context);
	Result<void> set_frozen(UserAddress argument) EXCLUDES(atomic_context);
	void tell_of_freezing(bool is_frozen) EXCLUDES(atomic_context);
	Box<Handle> detach_handle(Handle& handle, const Held<Handles>& held, After& after) REQUIRES(Handles::held);
	void release_node(Node& node) EXCLUDES(atomic_context);
	bool accepts_files(const Held<Inner>&) REQUIRES(Inner::held);
	friend class Driver;

	Ref<Context> context_;
	task::Leader leader_;  // until it is released
	Tree<&Node::by_address, &Node::key> nodes_ GUARDED_BY(Inner::held);
	HeldList<&Node::dead_hook> dead_nodes_{inner};
	Traffic past_ GUARDED_BY(Inner::held){};  // of threads that are gone
	debugfs::Entry file_;
	LogFile log_file_;
	ShownFile shown_{};
};

}  // namespace binder
