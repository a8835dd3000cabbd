// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Nodes, which a process owns, and handles, by which others know them.
///
/// What is counted of a node, as user space sees it, is guarded by its owner's Inner lock, for ever: the owner's memory
/// stays for as long as there are nodes of it. References to a node (Ref<Node>) keep its memory only.

#include <cxxrt/memory.hpp>
#include <cxxrt/task.hpp>
#include <cxxrt/tree.hpp>

#include "kinds.hpp"
#include "uapi.hpp"

namespace binder {

class Handle;
class Node;
class Process;
class Thread;

/// Something to do for a thread, in one list at a time; its lists are guarded by the Inner lock of whose they are.
class WorkItem : Pinned {
public:
	enum class What : u8 {
		Transaction,
		Complete,	  ///< sent
		CompletePending,  ///< sent to who is frozen
		CompleteSpam,	  ///< sent, and it looks like spam
		ReturnError,
		Node,
		DeadBinder,	     ///< a notification of death, which its handle owns
		DeadBinderAndClear,  ///< the same, which nobody owns but its list
		ClearDeath,
		FrozenBinder,  ///< a notification of freezing, which its handle owns
		ClearFreeze,   ///< its end, which nobody owns but its list
	};
	explicit WorkItem(What what) : what(what) {}

	HeldHook<Inner> hook;
	What what;  ///< guarded as the hook, once it was in a list
};
using Todo = HeldList<&WorkItem::hook>;

/// The work as what it is; its `what` says so.
template <class T, class W> T& as(W& work)
{
	// NOLINTNEXTLINE(cppcoreguidelines-pro-type-static-cast-downcast): there are no virtual functions to find out by
	return static_cast<T&>(work);
}

/// What comes after the locks are gone. Declare it before their guards.
struct After : Pinned {
	Ref<Node> node;	 ///< that is no more
	task::Wakeup wakeup;
};

enum class Strength : u8 { Weak, Strong };

/// A request to be told when the owner of a handle's node dies.
class Death : public WorkItem {
public:
	explicit Death(u64 cookie) : WorkItem(What::DeadBinder), cookie(cookie) {}
	const u64 cookie;
};

/// A request to be told when that is frozen, and when it is not any more.
class Freeze : public WorkItem {
public:
	explicit Freeze(u64 cookie) : WorkItem(What::FrozenBinder), cookie(cookie) {}
	const u64 cookie;
	// Guarded by the Inner lock of who asked.
	bool is_frozen = false;
	bool is_sent = false;  ///< delivered, and not acknowledged
	bool resend = false;   ///< there is news since
};

/// By which a process knows a node of another.
/// Invariant: in the holder's table, under its number and its node, and among its node's handles, while it counts.
class Handle : Pinned {
public:
	Handle(Process& holder, Ref<Node>&& node, u32 id);
	~Handle();

	const Ref<Node> node;
	Process& holder;  ///< which outlives it
	const u32 id;
	u32 number GUARDED_BY(Handles::held) = 0;
	u32 strong GUARDED_BY(Handles::held) = 0;
	u32 weak GUARDED_BY(Handles::held) = 0;
	TreeHook by_node;
	HeldHook<Watchers> watch_hook;
	/// Both are the handle's until it is cleared. Guarded by the node's watchers_lock; an empty one is filled, and the
	/// other way round, with the holder's Inner lock, too.
	Box<Death> death;
	Box<Freeze> freeze;
	static const Node* key(const Handle& handle) { return handle.node.get(); }
};

/// Something that a process offers to others.
/// Invariant: in its owner's tree while anybody counts it, or user space was told that somebody does.
class Node : public RefCounted, public WorkItem {
public:
	Node(Process& owner, const FlatObject& object, u32 id);
	~Node();

	Process& owner() const { return *owner_; }
	const u64 address;
	const u64 cookie;
	const u32 id;
	const int min_nice;
	const bool inherits_rt;
	const bool accepts_fds;
	const bool wants_security_context;
	static u64 key(const Node& node) { return node.address; }

	/// Counts once more. `notify` is the thread of the owner that tells user space, where it has to be told.
	/// Errors: EINVAL nobody would tell it.
	Result<void> count(Strength strength, const Held<Inner>& held, Thread* notify) REQUIRES(Inner::held);
	void uncount(Strength strength, const Held<Inner>& held, After& after) REQUIRES(Inner::held);
	/// The same for the first and the last strong count of a handle.
	Result<void> count_handle(const Held<Inner>& held, Thread* notify, Strength strength) REQUIRES(Inner::held);
	void uncount_handle(const Held<Inner>& held, After& after) REQUIRES(Inner::held);
	/// It is in its owner's tree.
	void list(const Held<Inner>&) REQUIRES(Inner::held) { is_listed_ = true; }
	/// A handle came to be, or is no more.
	void add_handle(const Held<Inner>&) REQUIRES(Inner::held) { ++handles_; }
	void remove_handle(const Held<Inner>& held, After& after) REQUIRES(Inner::held);
	/// Keeps the node from going while it is looked at.
	void pin(const Held<Inner>&) REQUIRES(Inner::held) { ++pins_; }
	void unpin(const Held<Inner>& held, After& after) REQUIRES(Inner::held);
	bool is_strong(const Held<Inner>&) const REQUIRES(Inner::held)
	{
		return strong_by_handles_ + local_strong_ != 0;
	}
	/// The context manager's: user space knows it already.
	void make_manager(const Held<Inner>&) REQUIRES(Inner::held);
	/// What user space calls INCREFS_DONE and ACQUIRE_DONE.   Errors: EINVAL nothing waited for it.
	Result<void> acknowledge(Strength strength, const Held<Inner>& held, After& after) REQUIRES(Inner::held);
	/// Which of BR_INCREFS and the others are due now, and how many.
	u32 report(u32 (&commands)[4], const Held<Inner>& held, After& after) REQUIRES(Inner::held);
	/// Its owner goes; it was in its tree, and pinned.
	void bury(const Held<Inner>& held) REQUIRES(Inner::held);

	u32 strong_count(const Held<Inner>&) const REQUIRES(Inner::held) { return local_strong_ + strong_by_handles_; }
	u32 weak_count(const Held<Inner>&) const REQUIRES(Inner::held) { return local_weak_; }
	bool user_has_strong(const Held<Inner>&) const REQUIRES(Inner::held) { return has_strong_; }
	bool user_has_weak(const Held<Inner>&) const REQUIRES(Inner::held) { return has_weak_; }

	/// Guards the handles on it, which stay, with their holders, while they are in here.
	Kind<Watchers> watchers_lock;
	HeldList<&Handle::watch_hook> watchers;

	TreeHook by_address;
	HeldHook<Inner> dead_hook;		       ///< of those whose owner is gone
	bool is_dead GUARDED_BY(Inner::held) = false;  ///< also read with watchers_lock, which is held when it is set
	bool has_async GUARDED_BY(Inner::held) = false;
	Todo async_todo;  ///< oneway calls that wait for the one before

	struct Counts {
		u32 strong_by_handles, local_strong, local_weak, handles, pins;
		bool has_strong, has_weak;
	};
	Counts counts(const Held<Inner>&) const REQUIRES(Inner::held)
	{
		return {
			.strong_by_handles = strong_by_handles_,
			.local_strong = local_strong_,
			.local_weak = local_weak_,
			.handles = handles_,
			.pins = pins_,
			.has_strong = has_strong_,
			.has_weak = has_weak_,
		};
	}

private:
	void settle(const Held<Inner>& held, After& after) REQUIRES(Inner::held);
	void tell_later(Thread* notify, const Held<Inner>& held) REQUIRES(Inner::held);

	const Ref<Process> owner_;
	u32 strong_by_handles_ GUARDED_BY(Inner::held) = 0;
	u32 local_strong_ GUARDED_BY(Inner::held) = 0;
	u32 local_weak_ GUARDED_BY(Inner::held) = 0;
	u32 handles_ GUARDED_BY(Inner::held) = 0;
	u32 pins_ GUARDED_BY(Inner::held) = 0;
	// What user space was told, and has not acknowledged.
	bool has_strong_ GUARDED_BY(Inner::held) = false;
	bool has_weak_ GUARDED_BY(Inner::held) = false;
	bool pending_strong_ GUARDED_BY(Inner::held) = false;
	bool pending_weak_ GUARDED_BY(Inner::held) = false;
	bool is_listed_ GUARDED_BY(Inner::held) = false;  // in the tree, or among the dead
};

}  // namespace binder
