// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Tasks: who runs, credentials, process ids and nice values; sleeping until somebody wakes this very task; queues for
/// poll(); what a security module says.
/// C side: include/linux/sched.h, cred.h, pid.h, wait.h, poll.h, security.h, helpers/task.c.

#include <cxxrt/chardev.hpp>
#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>

namespace cxxrt::task {

/// Of the running task, as the initial namespace has it.   Context: process.
inline int current_id() { return raw::cxxrt_current_pid(); }
/// Of its thread group.
inline int current_group_id() { return raw::cxxrt_current_tgid(); }
inline bool signal_is_pending() { return raw::cxxrt_signal_pending(); }

/// A user id of the initial namespace.
class UserId {
public:
	/// None.
	constexpr UserId() = default;
	static UserId current_effective() { return UserId{raw::cxxrt_current_euid()}; }
	bool is_valid() const { return raw::cxxrt_uid_valid(id_); }
	/// As the caller's user namespace has it; ~0 where it has none.   Context: process.
	u32 seen_by_current() const { return raw::cxxrt_euid_seen_by_current(id_); }
	/// For messages.
	u32 in_initial_namespace() const { return raw::cxxrt_euid_in_init_ns(id_); }
	friend constexpr bool operator==(UserId, UserId) = default;

private:
	friend class Leader;
	constexpr explicit UserId(u32 id) : id_(id) {}
	u32 id_ = ~0u;
};

/// A counted reference to the leader of a thread group.
class [[nodiscard]] Leader : MoveOnly {
public:
	Leader() = default;
	Leader(Leader&& other) : task_(exchange(other.task_, nullptr)) {}
	Leader& operator=(Leader&& other)
	{
		swap(task_, other.task_);
		return *this;
	}
	~Leader()
	{
		if (task_ != nullptr)
			raw::cxxrt_put_task_struct(task_);
	}
	/// That of the running task.   Context: process.
	static Leader current()
	{
		Leader made;
		made.task_ = raw::cxxrt_current_group_leader();
		raw::cxxrt_get_task_struct(made.task_);
		return made;
	}
	bool is_current() const { return task_ == raw::cxxrt_current_group_leader(); }
	UserId effective_user() const { return UserId{raw::cxxrt_task_euid(task_)}; }

private:
	friend class GroupId;
	raw::task_struct* task_ = nullptr;
};

/// The id of a thread group, in every namespace; outlives the group.
class [[nodiscard]] GroupId : MoveOnly {
public:
	explicit GroupId(const Leader& leader) : pid_(raw::cxxrt_get_tgid_pid(leader.task_)) {}
	GroupId(GroupId&& other) : pid_(exchange(other.pid_, nullptr)) {}
	~GroupId()
	{
		if (pid_ != nullptr)
			raw::put_pid(pid_);
	}
	/// As the caller's namespace has it; 0 where it has none.   Context: process.
	int seen_by_current() const { return raw::cxxrt_pid_seen_by_current(pid_); }

private:
	raw::pid* pid_;
};

/// Nice values, -20 to 19.
namespace nice {
inline int current() { return raw::cxxrt_task_nice(raw::cxxrt_current()); }
/// Whether the running task may have it.
inline bool is_allowed(int value) { return raw::cxxrt_can_nice(value) != 0; }
/// The best that its limit allows; more than kMost if there is none.
inline int best_by_limit() { return int(raw::cxxrt_rlimit_best_nice()); }
inline constexpr int kMost = int(raw::MAX_NICE);
/// Without asking whether it may.   Context: process.
inline void set_current(int value) { raw::set_user_nice(raw::cxxrt_current(), value); }
}  // namespace nice

/// How the scheduler treats a task: a policy, and a priority of 1 to 99 for those of real time.
class Scheduling {
public:
	/// That of no task.
	constexpr Scheduling() = default;
	/// The running task's.   Context: process.
	static Scheduling current()
	{
		Scheduling made;
		made.policy_ = u8(raw::cxxrt_current_policy());
		made.priority_ = u8(raw::cxxrt_current_rt_priority());
		return made;
	}
	/// SCHED_FIFO or SCHED_RR.
	bool is_real_time() const { return policy_ == u8(raw::CXXRT_SCHED_FIFO) || policy_ == u8(raw::CXXRT_SCHED_RR); }
	/// SCHED_DEADLINE.
	bool has_deadline() const { return policy_ == u8(raw::CXXRT_SCHED_DEADLINE); }
	/// 0 outside of real time.
	u32 priority() const { return priority_; }
	/// As near to it as CAP_SYS_NICE or RLIMIT_RTPRIO lets the running task come: of priority 0 if not at all. Of one of real time.
	Scheduling as_permitted() const
	{
		const u32 best = raw::cxxrt_best_rt_priority();
		Scheduling made = *this;
		made.priority_ = u8(min(u32(priority_), best));
		return made;
	}
	/// For the running task, without asking whether it may; its nice value stays. No: it has the other one still.
	/// Context: process; no lock held.
	bool set_current() const EXCLUDES(atomic_context)
	{
		return raw::cxxrt_set_current_scheduling(policy_, priority_);
	}

private:
	u8 policy_ = 0;
	u8 priority_ = 0;
};

/// A task to wake once the locks are gone: it wakes it when it dies. Declare it before the guard.
class [[nodiscard]] Wakeup : MoveOnly {
public:
	/// What the scheduler is told.
	enum class Hint : u8 {
		None = 0,
		WakerSleeps = raw::CXXRT_WAKE_SYNC,  ///< soon, so that the other may run in its place
		/// The same, and the other is to run on this CPU, where it may. As WakerSleeps before Linux 6.6.
		Here = raw::CXXRT_WAKE_HERE,
	};

	Wakeup() = default;
	Wakeup(Wakeup&& other) : task_(exchange(other.task_, nullptr)), hint_(other.hint_) {}
	Wakeup& operator=(Wakeup&& other)
	{
		swap(task_, other.task_);
		swap(hint_, other.hint_);
		return *this;
	}
	CXXRT_INLINE ~Wakeup()
	{
		if (task_ != nullptr) {
			raw::cxxrt_wake_interruptible(task_, u32(hint_));
			raw::cxxrt_put_task_struct(task_);
		}
	}

private:
	friend class Sleeper;
	raw::task_struct* task_ = nullptr;
	Hint hint_ = Hint::None;
};

/// Where one task sleeps, without a queue. A lock of its owner's guards it; sleeping is:
///     { guard; if (there is work) return; sleeper.prepare(); }  Sleeper::sleep();  { guard; sleeper.end(); ... }
/// and waking, under the same lock: wakeup = sleeper.wakeup(hint).
class Sleeper : Pinned {
public:
	/// The running task is about to sleep here. Under the lock.
	CXXRT_INLINE void prepare()
	{
		task_ = raw::cxxrt_current();
		raw::cxxrt_set_sleeping_freezable();
	}
	/// Until woken, or a signal; frozen tasks stay asleep.   Context: process; sleeps.
	static void sleep() EXCLUDES(atomic_context) { raw::schedule(); }
	/// It sleeps no more, or is not to. Under the lock.
	CXXRT_INLINE void end()
	{
		task_ = nullptr;
		raw::cxxrt_set_running();
	}
	/// Under the lock: what wakes who sleeps here; nothing if nobody does.
	CXXRT_INLINE Wakeup wakeup(Wakeup::Hint hint = Wakeup::Hint::None)
	{
		Wakeup made;
		if (task_ != nullptr) {
			raw::cxxrt_get_task_struct(task_);
			made.task_ = task_;
			made.hint_ = hint;
		}
		return made;
	}

private:
	raw::task_struct* task_ = nullptr;
};

/// What poll() and epoll wait for. In an object that open files keep.
class PollQueue : Pinned {
public:
	/// What the caller of poll() hands in.
	class Table {
	public:
		Table(raw::file* file, raw::poll_table_struct* table) : file_(file), table_(table) {}

	private:
		friend class PollQueue;
		raw::file* file_;
		raw::poll_table_struct* table_;
	};
	static constexpr u32 kReadable = u32(raw::CXXRT_EPOLLIN);
	static constexpr u32 kError = u32(raw::CXXRT_EPOLLERR);

	explicit PollQueue(LockClass cls) { raw::__init_waitqueue_head(&head_, cls.name(), cls.unsafe_key()); }
	/// Has the caller told of later wake()s.   Context: process; may allocate.
	void add(const Table& table) { raw::cxxrt_poll_wait(table.file_, &head_, table.table_); }
	/// What is waited for was changed before, under a lock that pollers take.   Context: any.
	void wake()
	{
		if (raw::cxxrt_waitqueue_active(&head_))
			raw::cxxrt_wake_up_interruptible(&head_, false);
	}
	/// Sleeps until `is_met()`, a signal (ERESTARTSYS) or, unless it is 0, `timeout_ms`: whether it was met.
	/// `is_met` takes locks of its own, and does not sleep.   Context: process; sleeps.
	template <class F> Result<bool> wait(u32 timeout_ms, F&& is_met) EXCLUDES(atomic_context)
	{
		bool (*call)(void*) = [](void* f) { return (*static_cast<remove_cvref_t<F>*>(f))(); };
		if (timeout_ms == 0) {
			TRY(from_c(raw::cxxrt_wait_interruptible(&head_, call, &is_met)));
			return true;
		}
		const long left = raw::cxxrt_wait_interruptible_timeout(&head_, call, &is_met,
									long(raw::cxxrt_msecs_to_jiffies(timeout_ms)));
		if (left < 0)
			return Error{int(-left)};
		return left > 0;
	}
	/// Wakes all that wait().
	void wake_all() { raw::cxxrt_wake_up_all(&head_); }

private:
	raw::wait_queue_head head_;
};

/// Whether security modules, where there are any, can be asked about binder: mainline does not export its hooks.
inline constexpr bool kAsksSecurityModules = raw::CXXRT_ASKS_BINDER_HOOKS != 0;

/// What somebody may do: a counted reference to credentials.
class [[nodiscard]] Credentials : MoveOnly {
public:
	/// Those with which the file was opened.
	static Credentials of(chardev::File file)
	{
		return Credentials{raw::cxxrt_get_cred(file.unsafe_raw()->f_cred)};
	}
	Credentials(Credentials&& other) : cred_(exchange(other.cred_, nullptr)) {}
	~Credentials()
	{
		if (cred_ != nullptr)
			raw::cxxrt_put_cred(cred_);
	}

	/// What the security modules say; all without one, or where kAsksSecurityModules is false.   Context: process.   Errors: theirs.
	Result<void> may_manage_binder() const { return from_c(raw::cxxrt_security_binder_set_context_mgr(cred_)); }
	Result<void> may_call(const Credentials& target) const
	{
		return from_c(raw::cxxrt_security_binder_transaction(cred_, target.cred_));
	}
	Result<void> may_pass_binder(const Credentials& target) const
	{
		return from_c(raw::cxxrt_security_binder_transfer_binder(cred_, target.cred_));
	}
	const raw::cred* unsafe_raw() const { return cred_; }

private:
	explicit Credentials(const raw::cred* cred) : cred_(cred) {}
	const raw::cred* cred_;
};

/// The text by which a security module knows credentials.
class [[nodiscard]] SecurityContext : MoveOnly {
public:
	/// None.
	SecurityContext() = default;
	SecurityContext(SecurityContext&& other)
		: text_(exchange(other.text_, nullptr)), bytes_(exchange(other.bytes_, 0u))
	{
	}
	SecurityContext& operator=(SecurityContext&& other)
	{
		swap(text_, other.text_);
		swap(bytes_, other.bytes_);
		return *this;
	}
	~SecurityContext()
	{
		if (text_ != nullptr)
			raw::cxxrt_security_release_text(text_, bytes_);
	}
	/// Context: process.   Errors: the module's; EOPNOTSUPP without one.
	static Result<SecurityContext> of(const Credentials& cred)
	{
		SecurityContext made;
		TRY(from_c(raw::cxxrt_security_cred_text(cred.unsafe_raw(), &made.text_, &made.bytes_)));
		return made;
	}
	explicit operator bool() const { return text_ != nullptr; }
	const char* text() const { return text_; }
	/// Units: bytes, as the module counts them.
	u32 size() const { return bytes_; }

private:
	char* text_ = nullptr;
	u32 bytes_ = 0;
};

}  // namespace cxxrt::task
