// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Locks by context. The type says who may take the lock; a Guard is the only way to take it.
/// C side: include/linux/mutex.h, include/linux/spinlock.h, include/linux/rcupdate.h, helpers/sync.c.
///
///     Mutex          process context; sleeps
///     SpinLock       taken from one kind of context only, interrupts never take it
///     BhSpinLock     shared with softirqs
///     IrqSpinLock    shared with hard interrupts

#include <cxxrt/lockcontext.hpp>

namespace cxxrt {

/// A sleeping lock with one holder.
class CAPABILITY("mutex") Mutex : Pinned {
public:
	static constexpr bool kAtomic = false;
	explicit Mutex(LockClass cls) { raw::__mutex_init(&lock_, cls.name(), cls.unsafe_key()); }
	~Mutex() { raw::cxxrt_mutex_destroy(&lock_); }

private:
	template <class L> friend class Guard;
	friend class TryMutexGuard;
	struct State {};
	State lock() ACQUIRE()
	{
		raw::cxxrt_mutex_lock(&lock_);
		return {};
	}
	void unlock(State) RELEASE() { raw::mutex_unlock(&lock_); }
	raw::mutex lock_;
};

namespace detail {
/// What the three spinlocks share: the kernel's lock and its class.
class SpinLockBase : Pinned {
public:
	static constexpr bool kAtomic = true;

protected:
	explicit SpinLockBase(LockClass cls) { raw::cxxrt_spin_lock_init(&lock_, cls.name(), cls.unsafe_key()); }
	raw::spinlock_t lock_;
};
}  // namespace detail

/// A spinlock that no interrupt takes.
class CAPABILITY("spinlock") SpinLock : public detail::SpinLockBase {
public:
	explicit SpinLock(LockClass cls) : SpinLockBase(cls) {}

private:
	template <class L> friend class Guard;
	template <class L> friend class NestedGuard;
	struct State {};
	State lock() ACQUIRE()
	{
		raw::cxxrt_spin_lock(&lock_);
		return {};
	}
	void unlock(State) RELEASE() { raw::cxxrt_spin_unlock(&lock_); }
};

/// A spinlock that softirqs take too: they are off while it is held.
class CAPABILITY("spinlock") BhSpinLock : public detail::SpinLockBase {
public:
	explicit BhSpinLock(LockClass cls) : SpinLockBase(cls) {}

private:
	template <class L> friend class Guard;
	template <class L> friend class NestedGuard;
	struct State {};
	State lock() ACQUIRE()
	{
		raw::cxxrt_spin_lock_bh(&lock_);
		return {};
	}
	void unlock(State) RELEASE() { raw::cxxrt_spin_unlock_bh(&lock_); }
};

/// A spinlock that interrupt handlers take too: interrupts are off while it is held, and back to
/// what they were afterwards.
class CAPABILITY("spinlock") IrqSpinLock : public detail::SpinLockBase {
public:
	explicit IrqSpinLock(LockClass cls) : SpinLockBase(cls) {}

private:
	template <class L> friend class Guard;
	template <class L> friend class NestedGuard;
	struct State {
		unsigned long flags;
	};
	State lock() ACQUIRE() { return {raw::cxxrt_spin_lock_irqsave(&lock_)}; }
	void unlock(State state) RELEASE() { raw::cxxrt_spin_unlock_irqrestore(&lock_, state.flags); }
};

/// Holds a lock for a scope. Declare it as a local.
/// Context: as the lock's type says; sleeps only for Mutex. For spinlocks nothing in the scope may sleep.
template <class L> class [[nodiscard]] SCOPED_CAPABILITY Guard : Pinned {
public:
	[[nodiscard]] CXXRT_INLINE explicit Guard(L& lock) ACQUIRE(lock, atomic_context) NO_THREAD_SAFETY_ANALYSIS
		: lock_(lock),
		  state_(lock.lock())
	{
	}
	CXXRT_INLINE ~Guard() RELEASE() NO_THREAD_SAFETY_ANALYSIS { lock_.unlock(state_); }

private:
	L& lock_;
	typename L::State state_;
};

/// Holds a mutex for a scope; sleeping stays allowed.
template <> class [[nodiscard]] SCOPED_CAPABILITY Guard<Mutex> : Pinned {
public:
	[[nodiscard]] CXXRT_INLINE explicit Guard(Mutex& lock) ACQUIRE(lock)
		EXCLUDES(atomic_context) NO_THREAD_SAFETY_ANALYSIS : lock_(lock)
	{
		lock_.lock();
	}
	CXXRT_INLINE ~Guard() RELEASE() NO_THREAD_SAFETY_ANALYSIS { lock_.unlock({}); }

private:
	Mutex& lock_;
};

/// Holds a mutex for a scope if nobody else does; test it before anything else.   Context: process; never sleeps.
class [[nodiscard]] TryMutexGuard : Pinned {
public:
	[[nodiscard]] explicit TryMutexGuard(Mutex& lock) : lock_(lock), got_(raw::cxxrt_mutex_trylock(&lock.lock_)) {}
	~TryMutexGuard()
	{
		if (got_)
			raw::mutex_unlock(&lock_.lock_);
	}
	explicit operator bool() const { return got_; }

private:
	Mutex& lock_;
	bool got_;
};

/// Holds a mutex that guards more than the object it is in. The data names `role`; there must be one
/// such mutex per role at a time.
class [[nodiscard]] SCOPED_CAPABILITY RoleGuard : Pinned {
public:
	[[nodiscard]] CXXRT_INLINE RoleGuard(Mutex& lock, const Role& role) ACQUIRE(role)
		EXCLUDES(atomic_context) NO_THREAD_SAFETY_ANALYSIS : guard_(lock)
	{
		(void)role;
	}
	CXXRT_INLINE ~RoleGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS = default;

private:
	Guard<Mutex> guard_;
};

/// Holds a second spinlock while another Guard is in force.
template <class L> class [[nodiscard]] SCOPED_CAPABILITY NestedGuard : Pinned {
public:
	[[nodiscard]] CXXRT_INLINE explicit NestedGuard(L& lock) ACQUIRE(lock)
		REQUIRES(atomic_context) NO_THREAD_SAFETY_ANALYSIS : lock_(lock),
								     state_(lock.lock())
	{
	}
	CXXRT_INLINE ~NestedGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS { lock_.unlock(state_); }

private:
	L& lock_;
	typename L::State state_;
};

/// An RCU read section for a scope: what was read through it stays allocated. Nothing in it may sleep.
class [[nodiscard]] SCOPED_CAPABILITY RcuGuard : Pinned {
public:
	[[nodiscard]] CXXRT_INLINE RcuGuard() ACQUIRE(atomic_context) NO_THREAD_SAFETY_ANALYSIS
	{
		raw::cxxrt_rcu_read_lock();
	}
	CXXRT_INLINE ~RcuGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS { raw::cxxrt_rcu_read_unlock(); }
};

/// A pointer published to RCU readers.
template <class T> class RcuPointer : Pinned {
public:
	/// Context: under an RcuGuard, whose lifetime bounds the result's.
	T* load() const REQUIRES(atomic_context)
	{
		return static_cast<T*>(raw::cxxrt_rcu_dereference(const_cast<void**>(&pointer_)));
	}
	/// Orders the object's contents before the pointer. Returns the old one: free it only after
	/// rcu_synchronize().   Locks: writers serialise among themselves.
	[[nodiscard("readers are gone after rcu_synchronize(): free it then")]] T* replace(T* next)
	{
		T* old = static_cast<T*>(pointer_);
		raw::cxxrt_rcu_assign_pointer(&pointer_, next);
		return old;
	}

private:
	void* pointer_ = nullptr;
};

/// Waits until every RCU read section that began before has ended.
/// Context: process; sleeps.
inline void rcu_synchronize() EXCLUDES(atomic_context) { raw::synchronize_rcu(); }

}  // namespace cxxrt
