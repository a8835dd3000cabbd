// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The handles of a process by number: found at once, and the lowest free number is the next.

#include <cxxrt/memory.hpp>
#include <cxxrt/tree.hpp>

#include "node.hpp"

namespace binder {

/// Invariant: a number is in use if and only if its bit is set, and slots_ has its handle.
class HandleTable : Pinned {
public:
	~HandleTable();

	/// The handle with that number, or null.
	Handle* find(u32 number, const Held<Handles>&) const REQUIRES(Handles::held)
	{
		return number < slots_.size() ? slots_[number].handle : nullptr;
	}
	Handle* find(const Node& node, const Held<Handles>&) const REQUIRES(Handles::held)
	{
		return by_node_.find(&node);
	}
	/// Whether insert() would have a number from `least` on.
	bool has_room(u32 least, const Held<Handles>&) const REQUIRES(Handles::held)
	{
		return lowest_free(least) < slots_.size();
	}
	/// Gives it the lowest free number from `least` on; only with room.
	void insert(Handle& handle, u32 least, const Held<Handles>&) REQUIRES(Handles::held);
	void erase(Handle& handle, const Held<Handles>&) REQUIRES(Handles::held);
	/// Some handle, the lowest, or null.
	Handle* first(const Held<Handles>&) const REQUIRES(Handles::held);
	template <class F> void for_each(const Held<Handles>&, F&& f) const REQUIRES(Handles::held)
	{
		for (const Slot& slot : slots_) {
			if (slot.handle != nullptr)
				f(*slot.handle);
		}
	}

	struct Slot {
		Handle* handle = nullptr;
	};
	/// Room for more, made without the lock, and put in with it; what it held before goes without the lock.
	struct Room {
		Array<Slot> slots;
		Array<u64> bits;
	};
	u32 size(const Held<Handles>&) const REQUIRES(Handles::held) { return u32(slots_.size()); }
	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Room> make_room(u32 size) EXCLUDES(atomic_context);
	void grow(Room& room, const Held<Handles>&) REQUIRES(Handles::held);

private:
	u32 lowest_free(u32 least) const;
	Array<Slot> slots_;
	Array<u64> bits_;
	u32 full_words_ = 0;  // words before this one have no free bit, but for bit 0
	Tree<&Handle::by_node, &Handle::key> by_node_;
};

}  // namespace binder
