// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A sparse array of pointers, indexed by unsigned long. Readers take no lock.
/// C side: include/linux/xarray.h, helpers/lib.c.

#include <cxxrt/error.hpp>
#include <cxxrt/memory.hpp>

namespace cxxrt {

namespace detail {
/// As XArray's, for any T.
Result<void*> insert_or_get(raw::xarray& array, unsigned long index, void* entry, u32 flags);
}  // namespace detail

/// Borrowed pointers to T by index.
/// Locks: load() takes the RCU read lock, writers the array's own spinlock.
template <class T> class XArray : Pinned {
public:
	XArray() { raw::cxxrt_xa_init_flags(&array_, 0); }
	~XArray() { raw::xa_destroy(&array_); }

	/// The entry at `index`, or null.   Context: any. The caller knows that the object stays.
	T* load(unsigned long index) const { return static_cast<T*>(raw::xa_load(unsafe_raw(), index)); }

	/// Context: any.
	bool is_empty() const { return array_.xa_head == nullptr; }
	/// Stores `entry` if the slot is empty; returns what the slot holds afterwards.
	/// Context: process; sleeps.   Errors: ENOMEM.
	CXXRT_INLINE Result<T*> insert_or_get(unsigned long index, T* entry, SleepingGfp flags) EXCLUDES(atomic_context)
	{
		return insert(index, entry, flags.bits());
	}
	/// Context: process; never sleeps. Not from interrupts: the array's lock leaves them on.   Errors: ENOMEM.
	CXXRT_INLINE Result<T*> insert_or_get(unsigned long index, T* entry, AtomicGfp flags)
	{
		return insert(index, entry, flags.bits());
	}
	/// Empties the slot and returns what it held, or null.   Context: process; never sleeps.
	T* erase(unsigned long index) { return static_cast<T*>(raw::xa_erase(&array_, index)); }

	/// Calls `f(index, T&)` for every entry, in order.
	template <class F> void for_each(F&& f) const
	{
		unsigned long index = 0;
		void* entry = raw::xa_find(unsafe_raw(), &index, ~0ul, kPresent);
		while (entry != nullptr) {
			f(index, *static_cast<T*>(entry));
			entry = raw::xa_find_after(unsafe_raw(), &index, ~0ul, kPresent);
		}
	}
	/// The first entry from `index` to `last`, or null; sets `index` to where it is.   As load().
	T* find(unsigned long& index, unsigned long last = ~0ul) const
	{
		return static_cast<T*>(raw::xa_find(unsafe_raw(), &index, last, kPresent));
	}
	/// Takes out the entries from `first` to `last`, in order, and calls `f(T&)` on each.
	/// Context: process; never sleeps.
	template <class F> void take_range(unsigned long first, unsigned long last, F&& f)
	{
		unsigned long index = first;
		while (raw::xa_find(&array_, &index, last, kPresent) != nullptr) {
			// Another may have been faster.
			if (void* entry = raw::xa_erase(&array_, index))
				f(*static_cast<T*>(entry));
		}
	}
	/// Takes out every entry, in order, and calls `f(T&)` on each.
	/// Context: process; sleeps, so that a large array does not hold up the CPU.   Locks: no other user.
	template <class F> void take_all(F&& f) EXCLUDES(atomic_context)
	{
		unsigned long index = 0;
		u32 taken = 0;
		while (void* entry = raw::xa_find(&array_, &index, ~0ul, kPresent)) {
			raw::xa_erase(&array_, index);
			f(*static_cast<T*>(entry));
			if (++taken % 1024 == 0)
				raw::cxxrt_cond_resched();
		}
	}

private:
	static constexpr u32 kPresent = u32(raw::XA_PRESENT);
	raw::xarray* unsafe_raw() const { return const_cast<raw::xarray*>(&array_); }
	CXXRT_INLINE Result<T*> insert(unsigned long index, T* entry, u32 flags)
	{
		void* held = TRY(detail::insert_or_get(array_, index, entry, flags));
		return static_cast<T*>(held);
	}

	raw::xarray array_;
};

}  // namespace cxxrt
