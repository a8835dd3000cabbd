// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Spinlocks of a kind, the proof that one is held, and lists whose elements move only with that proof: to take an
/// element out without the lock that guards its list does not compile.
/// C side: include/linux/spinlock.h, include/linux/list.h, helpers/sync.c.
///
/// A kind says what its locks guard, in whichever object they are:
///     struct Inner { static constexpr Literal kName{"binder inner"}; static constexpr Role held; };
///     Kind<Inner> lock_;                              in each object
///     u32 count_ GUARDED_BY(Inner::held);             data of that object
///     void f(const Held<Inner>& held) REQUIRES(Inner::held);
/// Two locks of one kind are never held together: clang refuses it, and so does lockdep.

#include <cxxrt/lock.hpp>

namespace cxxrt {

template <class K> class KindGuard;
template <class K> class NestedKindGuard;
template <class K> class TryKindGuard;

/// A spinlock that no interrupt takes, of kind K.
template <class K> class Kind : Pinned {
public:
	Kind() { raw::cxxrt_spin_lock_init(&lock_, lock_class<K::kName>.name(), lock_class<K::kName>.unsafe_key()); }

private:
	friend class KindGuard<K>;
	friend class NestedKindGuard<K>;
	friend class TryKindGuard<K>;
	raw::spinlock_t lock_;
};

/// Proof that a lock of kind K is held. Only a guard is one.
template <class K> class Held : Pinned {
public:
	/// Whether it is this one.
	bool is(const Kind<K>& lock) const { return lock_ == &lock; }

private:
	template <class> friend class KindGuard;
	template <class> friend class NestedKindGuard;
	template <class> friend class TryKindGuard;
	template <class> friend class HeldHook;
	template <auto> friend class HeldList;
	CXXRT_INLINE explicit Held(Kind<K>& lock) : lock_(&lock) {}
	Kind<K>* lock_;
};

/// Holds a lock for a scope.   Context: process or softirq; nothing in the scope may sleep.
template <class K> class [[nodiscard]] SCOPED_CAPABILITY KindGuard : public Held<K> {
public:
	[[nodiscard]] CXXRT_INLINE explicit KindGuard(Kind<K>& lock)
		ACQUIRE(K::held, atomic_context) NO_THREAD_SAFETY_ANALYSIS : Held<K>(lock)
	{
		raw::cxxrt_spin_lock(&lock.lock_);
	}
	CXXRT_INLINE ~KindGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS { raw::cxxrt_spin_unlock(&this->lock_->lock_); }
};

/// Holds a lock while one of another kind is held.
template <class K> class [[nodiscard]] SCOPED_CAPABILITY NestedKindGuard : public Held<K> {
public:
	[[nodiscard]] CXXRT_INLINE explicit NestedKindGuard(Kind<K>& lock) ACQUIRE(K::held) NO_THREAD_SAFETY_ANALYSIS
		: Held<K>(lock)
	{
		raw::cxxrt_spin_lock(&lock.lock_);
	}
	CXXRT_INLINE ~NestedKindGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS
	{
		raw::cxxrt_spin_unlock(&this->lock_->lock_);
	}
};

/// As KindGuard, if nobody holds the lock; test it before anything else.
template <class K> class [[nodiscard]] TryKindGuard : public Held<K> {
public:
	[[nodiscard]] explicit TryKindGuard(Kind<K>& lock) : Held<K>(lock), got_(raw::cxxrt_spin_trylock(&lock.lock_))
	{
	}
	~TryKindGuard() { unlock(); }
	explicit operator bool() const { return got_; }
	/// Earlier than at the end.
	void unlock()
	{
		if (exchange(got_, false))
			raw::cxxrt_spin_unlock(&this->lock_->lock_);
	}

private:
	bool got_;
};

/// A member that links its object into one list at a time, of those that locks of kind K guard.
/// Invariant: linked, with the lock of its list, or neither.
template <class K> class HeldHook : Pinned {
public:
	HeldHook() = default;
	/// An object that dies linked would leave the list dangling: that is our own bug.
	~HeldHook() { raw::cxxrt_warn_on(lock_ != nullptr); }
	bool is_linked(const Held<K>&) const { return lock_ != nullptr; }
	/// Whether it is in a list that this lock guards.
	bool is_linked_under(const Held<K>& held) const { return lock_ == held.lock_; }
	/// Takes the object out of its list, if it is in one. Another lock than the list's leaves it there, with a warning.
	CXXRT_INLINE void unlink(const Held<K>& held)
	{
		if (lock_ == nullptr)
			return;
		if (lock_ != held.lock_) [[unlikely]] {
			raw::cxxrt_warn_on(true);
			return;
		}
		next_->prev_ = prev_;
		prev_->next_ = next_;
		lock_ = nullptr;
	}

private:
	template <auto Hook> friend class HeldList;
	HeldHook* next_ = nullptr;
	HeldHook* prev_ = nullptr;
	const Kind<K>* lock_ = nullptr;
};

namespace detail {
template <class T> struct KindOfHook;
template <class K> struct KindOfHook<HeldHook<K>> {
	using Type = K;
};
}  // namespace detail

/// A list of objects linked through their member `Hook`, which borrows them.
/// Invariant: every element's hook has this list's lock.
template <auto Hook> class HeldList : Pinned {
public:
	using Element = typename detail::MemberOf<Hook>::Owner;
	using HookType = typename detail::MemberOf<Hook>::Type;
	using K = typename detail::KindOfHook<HookType>::Type;

	/// `lock` guards it.
	explicit HeldList(const Kind<K>& lock) : lock_(&lock) { head_.next_ = head_.prev_ = &head_; }
	~HeldList() { raw::cxxrt_warn_on(head_.next_ != &head_); }

	bool is_empty(const Held<K>&) const { return head_.next_ == &head_; }
	/// Without the lock: a hint, which may be wrong at once.
	bool seems_empty() const
	{
		return raw::cxxrt_read_once_long(reinterpret_cast<const long*>(&head_.next_)) == long(&head_);
	}
	/// Only for an element that is in no list.
	CXXRT_INLINE void push_back(Element& element, const Held<K>& held) { link(element, *head_.prev_, held); }
	CXXRT_INLINE void push_front(Element& element, const Held<K>& held) { link(element, head_, held); }
	/// Null when empty.
	CXXRT_INLINE Element* front(const Held<K>&) const
	{
		return head_.next_ == &head_ ? nullptr : &owner_of<Hook>(*head_.next_);
	}
	/// Takes out and returns the first element, or null.
	CXXRT_INLINE Element* pop_front(const Held<K>& held)
	{
		Element* first = front(held);
		if (first != nullptr)
			(first->*Hook).unlink(held);
		return first;
	}
	/// Calls `f(Element&)` for each, until it returns true; returns that element, or null. `f` leaves the list alone.
	template <class F> Element* find(const Held<K>&, F&& f) const
	{
		for (HookType* at = head_.next_; at != &head_; at = at->next_) {
			Element& element = owner_of<Hook>(*at);
			if (f(element))
				return &element;
		}
		return nullptr;
	}
	template <class F> void for_each(const Held<K>&, F&& f) const
	{
		for (HookType* at = head_.next_; at != &head_; at = at->next_)
			f(owner_of<Hook>(*at));
	}
	/// The element after this one of the list, or null.
	Element* next(Element& element, const Held<K>&) const
	{
		HookType* at = (element.*Hook).next_;
		return at == &head_ ? nullptr : &owner_of<Hook>(*at);
	}
	/// The element before this one of the list, or null.
	Element* previous(Element& element, const Held<K>&) const
	{
		HookType* at = (element.*Hook).prev_;
		return at == &head_ ? nullptr : &owner_of<Hook>(*at);
	}
	/// Puts `element`, which is in no list, behind `before`, which is in this one.
	void insert_after(Element& before, Element& element, const Held<K>& held) { link(element, before.*Hook, held); }

private:
	CXXRT_INLINE void link(Element& element, HookType& after, const Held<K>& held)
	{
		HookType& hook = element.*Hook;
		// In a list already, or without its lock: our own bug, and the lists stay whole.
		if (hook.lock_ != nullptr || lock_ != held.lock_) [[unlikely]] {
			raw::cxxrt_warn_on(true);
			return;
		}
		hook.next_ = after.next_;
		hook.prev_ = &after;
		after.next_->prev_ = &hook;
		after.next_ = &hook;
		hook.lock_ = lock_;
	}

	mutable HookType head_;
	const Kind<K>* lock_;
};

}  // namespace cxxrt
