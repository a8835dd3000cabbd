// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Deferred work in process context, and waiting.
/// C side: include/linux/workqueue.h, include/linux/wait.h, helpers/time.c, helpers/sync.c.

#include <cxxrt/atomic.hpp>
#include <cxxrt/callback.hpp>
#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>

namespace cxxrt {

/// Work for a kernel thread, a member of the object it serves; its function is `void f()`:
///     Work work_{callback<&Device::work_, &Device::run>};
/// Invariant: the function does not run after the destructor.
class Work : Pinned {
public:
	template <auto Member, auto Function> explicit Work(Callback<Member, Function>)
	{
		raw::cxxrt_init_work(&work_, &thunk<Member, Function>, "cxxrt::Work", &key<Member>);
	}
	/// Context: process; waits for a running function.
	~Work() EXCLUDES(atomic_context) { raw::cxxrt_end_work(&work_); }
	/// Runs it soon, once; false if it was waiting to run already.   Context: any.
	bool schedule() { return raw::cxxrt_schedule_work(&work_); }
	/// The same on any CPU, where it may take as long as it likes.
	bool schedule_long() { return raw::cxxrt_schedule_long_work(&work_); }
	/// The same on one CPU.   Only for an online CPU, which the caller knows to stay so.
	bool schedule_on(u32 cpu) { return raw::cxxrt_schedule_work_on(int(cpu), &work_); }
	/// Waits until it has run, if it was scheduled.   Context: process; sleeps.
	void flush() EXCLUDES(atomic_context) { raw::flush_work(&work_); }
	/// Forgets it if it has not begun, and waits for a running function.   Context: process; sleeps.
	void cancel() EXCLUDES(atomic_context) { raw::cancel_work_sync(&work_); }

private:
	template <auto Member> static inline constinit raw::lock_class_key key{};
	template <auto Member, auto Function> static void thunk(raw::work_struct* work)
	{
		(owner_of<Member>(owner_of<&Work::work_>(*work)).*Function)();
	}
	raw::work_struct work_;
};

/// As Work, run some time later. Not for objects on a stack.
/// Invariant: the function does not run after the destructor.
class DelayedWork : Pinned {
public:
	template <auto Member, auto Function> explicit DelayedWork(Callback<Member, Function>)
	{
		raw::cxxrt_init_delayed_work(&work_, &thunk<Member, Function>, "cxxrt::DelayedWork", &key<Member>);
	}
	/// Context: process; waits for a running function.
	~DelayedWork() EXCLUDES(atomic_context) { raw::cxxrt_end_delayed_work(&work_); }
	/// Runs it once, `ms` milliseconds from now; if it waits to run already, then instead of that.   Context: any.
	void schedule_in_ms(u32 ms) { raw::cxxrt_mod_delayed_work(&work_, ms); }
	/// Forgets it if it has not begun, and waits for a running function.   Context: process; sleeps.
	void cancel() EXCLUDES(atomic_context) { raw::cancel_delayed_work_sync(&work_); }

private:
	template <auto Member> static inline constinit raw::lock_class_key key{};
	template <auto Member, auto Function> static void thunk(raw::work_struct* work)
	{
		auto& delayed = owner_of<&raw::delayed_work::work>(*work);
		(owner_of<Member>(owner_of<&DelayedWork::work_>(delayed)).*Function)();
	}
	raw::delayed_work work_;
};

/// As Work, run when every RCU read section that began before schedule() has ended.
class RcuWork : Pinned {
public:
	template <auto Member, auto Function> explicit RcuWork(Callback<Member, Function>)
	{
		raw::cxxrt_init_rcu_work(&work_, &thunk<Member, Function>, "cxxrt::RcuWork", &key<Member>);
	}
	/// Waits until it has run, if it was scheduled; the function does not schedule it then.
	/// Context: process; sleeps.
	~RcuWork() EXCLUDES(atomic_context) { raw::cxxrt_end_rcu_work(&work_); }
	/// False if it was waiting to run already.   Context: any.
	bool schedule() { return raw::cxxrt_queue_rcu_work(&work_); }
	/// Waits until it has run, if it was scheduled.   Context: process; sleeps.
	void flush() EXCLUDES(atomic_context) { raw::flush_rcu_work(&work_); }

private:
	template <auto Member> static inline constinit raw::lock_class_key key{};
	template <auto Member, auto Function> static void thunk(raw::work_struct* work)
	{
		(owner_of<Member>(owner_of<&RcuWork::work_>(owner_of<&raw::rcu_work::work>(*work))).*Function)();
	}
	raw::rcu_work work_;
};

/// Sleepers and those who wake them.
class WaitQueue : Pinned {
public:
	explicit WaitQueue(LockClass cls) { raw::__init_waitqueue_head(&head_, cls.name(), cls.unsafe_key()); }

	/// Wakes one exclusive waiter. The condition must have been changed before, with release order
	/// or a full barrier.   Context: any.
	void wake_one()
	{
		// Pairs with the barrier in prepare_to_wait: the condition is seen, or the sleeper is.
		memory_barrier();
		raw::cxxrt_wake_up(&head_);
	}
	/// Wakes all waiters.   As wake_one().
	void wake_all()
	{
		// Pairs with the barrier in prepare_to_wait: the condition is seen, or the sleeper is.
		memory_barrier();
		raw::cxxrt_wake_up_all(&head_);
	}
	/// Sleeps, uninterruptibly, until `is_met()` or the deadline; returns whether it was met.
	/// Context: process; sleeps.
	template <class F> bool wait_until(Deadline deadline, F&& is_met) EXCLUDES(atomic_context)
	{
		raw::wait_queue_entry entry;
		raw::cxxrt_init_wait(&entry);
		bool met = false;
		for (;;) {
			raw::cxxrt_prepare_to_wait(&head_, &entry);
			met = is_met();
			const u32 left_ms = deadline.left_ms();
			if (met || left_ms == 0)
				break;
			raw::schedule_timeout(long(raw::cxxrt_msecs_to_jiffies(left_ms)));
		}
		raw::finish_wait(&head_, &entry);
		return met;
	}
	/// Sleeps, uninterruptibly and as I/O wait, until `take()` gives a true value; returns it.
	/// Context: process; sleeps without a deadline: whoever holds what is waited for has one.
	template <class F> auto wait_for(F&& take) EXCLUDES(atomic_context)
	{
		auto value = take();
		if (value)
			return value;
		raw::wait_queue_entry entry;
		raw::cxxrt_init_wait(&entry);
		for (;;) {
			raw::cxxrt_prepare_to_wait_exclusive(&head_, &entry);
			value = take();
			if (value)
				break;
			raw::io_schedule();
		}
		raw::finish_wait(&head_, &entry);
		return value;
	}

private:
	raw::wait_queue_head head_;
};

}  // namespace cxxrt
