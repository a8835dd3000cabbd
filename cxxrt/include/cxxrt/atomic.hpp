// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Atomics and ordering: the kernel's own (LKMM), because what they need differs by architecture.
/// Each use names its order, and its comment the access it pairs with.
/// C side: include/linux/atomic.h, include/asm-generic/barrier.h, helpers/sync.c.
/// Context: any.

#include <cxxrt/raw.hpp>

namespace cxxrt {

/// An integer, pointer or enum of 4 or 8 bytes shared between CPUs; arithmetic is for integers only.
template <class T> class Atomic : Pinned {
	// NOLINTBEGIN(bugprone-sizeof-expression): of a pointer, if T is one
	static_assert(sizeof(T) == 4 || sizeof(T) == 8, "the kernel's atomics are int or long");
	using Cell = decltype([] {
		if constexpr (sizeof(T) == 4)
			return int{};
		else
			return long{};
	}());
	static constexpr bool kInt = sizeof(T) == 4;
	// NOLINTEND(bugprone-sizeof-expression)

public:
	constexpr Atomic() = default;
	constexpr explicit Atomic(T value) : cell_(Cell(value)) {}

	/// READ_ONCE(): no order.
	T load_relaxed() const
	{
		if constexpr (kInt)
			return T(raw::cxxrt_read_once_int(&cell_));
		else
			return T(raw::cxxrt_read_once_long(&cell_));
	}
	/// smp_load_acquire(): later accesses stay after it.
	T load_acquire() const
	{
		if constexpr (kInt)
			return T(raw::cxxrt_load_acquire_int(&cell_));
		else
			return T(raw::cxxrt_load_acquire_long(&cell_));
	}
	/// WRITE_ONCE(): no order.
	void store_relaxed(T value)
	{
		if constexpr (kInt)
			raw::cxxrt_write_once_int(&cell_, Cell(value));
		else
			raw::cxxrt_write_once_long(&cell_, Cell(value));
	}
	/// smp_store_release(): earlier accesses stay before it.
	void store_release(T value)
	{
		if constexpr (kInt)
			raw::cxxrt_store_release_int(&cell_, Cell(value));
		else
			raw::cxxrt_store_release_long(&cell_, Cell(value));
	}
	/// Adds and returns the old value; fully ordered.
	T fetch_add(T value)
	{
		if constexpr (kInt)
			return T(raw::cxxrt_fetch_add_int(&cell_, Cell(value)));
		else
			return T(raw::cxxrt_fetch_add_long(&cell_, Cell(value)));
	}
	/// Adds and returns the old value; no order: for statistics.
	T fetch_add_relaxed(T value)
	{
		if constexpr (kInt)
			return T(raw::cxxrt_fetch_add_relaxed_int(&cell_, Cell(value)));
		else
			return T(raw::cxxrt_fetch_add_relaxed_long(&cell_, Cell(value)));
	}
	/// Stores and returns the old value; fully ordered.
	T swap(T value)
	{
		if constexpr (kInt)
			return T(raw::cxxrt_xchg_int(&cell_, Cell(value)));
		else
			return T(raw::cxxrt_xchg_long(&cell_, Cell(value)));
	}
	/// Stores `value` if the cell holds `expected`; returns what it held. Fully ordered on success.
	T compare_swap(T expected, T value)
	{
		if constexpr (kInt)
			return T(raw::cxxrt_cmpxchg_int(&cell_, Cell(expected), Cell(value)));
		else
			return T(raw::cxxrt_cmpxchg_long(&cell_, Cell(expected), Cell(value)));
	}

private:
	Cell cell_{};
};

/// smp_mb(), smp_rmb(), smp_wmb().
inline void memory_barrier() { raw::cxxrt_smp_mb(); }
inline void read_barrier() { raw::cxxrt_smp_rmb(); }
inline void write_barrier() { raw::cxxrt_smp_wmb(); }

}  // namespace cxxrt
