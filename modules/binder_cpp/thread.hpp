// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A thread of a process, as far as it ever made a call of ours: what it has to do, and which calls it is in.

#include "node.hpp"
#include "stats.hpp"
#include "transaction.hpp"

namespace binder {

class Process;

/// "What you sent is on its way."
class Completion : public WorkItem {
public:
	Completion() : WorkItem(What::Complete) {}
};

/// A failure that the thread is still to be told.
class ReturnError : public WorkItem {
public:
	ReturnError() : WorkItem(What::ReturnError) {}
	u32 command = br::kOk;
};

/// Why something was not sent.
struct Failure {
	u32 command;	///< what the sender gets
	s32 error = 0;	///< negative; 0 is none
	u32 line = 0;
};

/// Bits as debugfs shows them.
namespace looper {
inline constexpr u32 kRegistered = 0x01;
inline constexpr u32 kEntered = 0x02;
inline constexpr u32 kExited = 0x04;
inline constexpr u32 kInvalid = 0x08;
inline constexpr u32 kWaiting = 0x10;
inline constexpr u32 kPoll = 0x20;
}  // namespace looper

/// Takes over a nice value, as far as the running task may.
void set_nice(int value);

class Thread : public RefCounted {
public:
	Thread(Process& process, int id);
	~Thread();

	Process& process() const { return *process_; }
	const int id;

	/// Context: process, this thread's; sleeps.
	Result<void> write_read(UserAddress argument, bool may_wait) EXCLUDES(atomic_context);
	ExtendedError take_extended_error();
	/// Takes the thread apart, whose last call this is.
	u32 release() EXCLUDES(atomic_context);

	/// Puts work for this thread; it is woken, or its poll().   Locks: its process's.
	task::Wakeup queue(WorkItem& work, const Held<Inner>& held, task::Wakeup::Hint hint = task::Wakeup::Hint::None)
		REQUIRES(Inner::held);
	/// Tells this thread, which runs, that its reply is on its way; without a lock, where nothing else is to be told before.
	void queue_own(Box<Completion>&& completion);
	/// Whether there is such a completion.
	bool has_own_completion() const { return own_completion_.load_relaxed() != nullptr; }
	/// The same as queue(), for when it does something else anyway.
	void queue_deferred(WorkItem& work, const Held<Inner>& held) REQUIRES(Inner::held);
	bool has_work(const Held<Inner>& held, bool process_work) const REQUIRES(Inner::held);
	/// In no call, and nothing of its own to do.
	bool is_idle(const Held<Inner>& held) const REQUIRES(Inner::held)
	{
		return stack == nullptr && todo.is_empty(held) && !has_own_completion();
	}

	/// A number for a call.
	u32 next_id();
	/// A record for a call, from what this thread has left over.   Context: process, this thread's.   Errors: ENOMEM.
	Result<Box<Transaction>> new_transaction();
	void keep(Box<Transaction>&& spare);

	HeldHook<Inner> waiting_hook;  ///< waits for work of the process
	task::Sleeper sleeper;	       ///< guarded by Inner
	Todo todo;
	bool process_todo GUARDED_BY(Inner::held) = false;  ///< todo deserves a wakeup
	bool is_dead GUARDED_BY(Inner::held) = false;
	Transaction* stack GUARDED_BY(Inner::held) =
		nullptr;  ///< the innermost call; only this thread makes it another than null
	ReturnError reply_error GUARDED_BY(Inner::held);  ///< of a call
	ExtendedError extended_error GUARDED_BY(Inner::held){.id = 0, .command = br::kOk, .error = 0};
	Atomic<u32> looper_bits;
	Atomic<u32> must_return;
	Traffic traffic{};  ///< written by this thread alone

private:
	friend class Sending;
	struct Batch;

	Result<void> write(UserAddress buffer, u64 size, u64& consumed) EXCLUDES(atomic_context);
	Result<void> read(UserAddress buffer, u64 size, u64& consumed, bool may_wait) EXCLUDES(atomic_context);
	Result<u64> command(u32 what, UserAddress payload) EXCLUDES(atomic_context);
	Result<void> change_count(u32 what, u32 number);
	void acknowledge(u32 what, const PointerCookie& named);
	void death_command(u32 what, const HandleCookie& target);
	void dead_binder_done(u64 cookie);
	Result<void> freeze_command(u32 what, const HandleCookie& target);
	Result<void> freeze_done(u64 cookie);
	void register_looper();
	void transact(const TransactionData& data, bool is_reply, u64 extra_size) EXCLUDES(atomic_context);
	/// Tells the thread of a failure at once.
	void set_return_error(u32 command, const Held<Inner>& held) REQUIRES(Inner::held);
	Transaction* take_work(Batch& batch, bool process_work, u64 room, const Held<Inner>& held, After& after)
		REQUIRES(Inner::held);
	/// Hands a call or reply to user space.   Errors: EFAULT; the transaction is undone then. Yes: it was delivered, or its
	/// sender told.
	Result<void> deliver(Box<Transaction>&& transaction, UserAddress user, u64& at, Batch& batch, bool& delivered);
	Result<Box<Completion>> new_completion();
	void keep(Box<Completion>&& spare);
	void spawn_and_leftovers(const Held<Inner>& held, After& after, Batch& batch) REQUIRES(Inner::held);

	/// Before the lock is let go, and Sleeper::sleep().
	void prepare_to_wait(bool process_work, const Held<Inner>& held) REQUIRES(Inner::held);
	void list_completion(Box<Completion>&& completion, bool first);
	/// Whether a wait for any work finds the thread as user space is to see it then.
	bool is_settled() const;
	/// It is a looper that serves no call, and is to return for work only.
	bool waits_for_any() const;
	/// Returns what queue_own() put; no: the locked list has it now.
	bool take_own_completion(Batch& batch, u64 room);

	const Ref<Process> process_;
	Atomic<Completion*> own_completion_;  // this thread's own; before everything in todo
	ReturnError return_error_;	      // this thread's own, but for its hook
	Box<Transaction> spare_transactions_[2];
	Box<Completion> spare_completions_[2];
	u32 next_id_ = 0, ids_left_ = 0;
};

}  // namespace binder
