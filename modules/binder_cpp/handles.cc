// SPDX-License-Identifier: GPL-2.0
#include "handles.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

namespace {
constexpr u32 kBits = 64;
}  // namespace

HandleTable::~HandleTable() = default;

u32 HandleTable::lowest_free(u32 least) const
{
	if (least == 0 && bits_.size() != 0 && (bits_[0] & 1) == 0)
		return 0;
	for (u32 i = full_words_; i < bits_.size(); ++i) {
		// Number 0 is for who asks for it.
		const u64 taken = bits_[i] | (i == 0 ? 1u : 0u);
		if (taken != ~u64(0))
			return (i * kBits) + u32(__builtin_ctzll(~taken));
	}
	return ~0u;
}

void HandleTable::insert(Handle& handle, u32 least, const Held<Handles>&)
{
	const u32 number = lowest_free(least);
	handle.number = number;
	slots_[number].handle = &handle;
	bits_[number / kBits] |= u64(1) << (number % kBits);
	by_node_.insert(handle);
	while (full_words_ < bits_.size() && (bits_[full_words_] | (full_words_ == 0 ? 1u : 0u)) == ~u64(0))
		++full_words_;
}

void HandleTable::erase(Handle& handle, const Held<Handles>&)
{
	const u32 number = handle.number;
	slots_[number].handle = nullptr;
	bits_[number / kBits] &= ~(u64(1) << (number % kBits));
	if (number != 0)
		full_words_ = min(full_words_, number / kBits);
	by_node_.erase(handle);
}

Handle* HandleTable::first(const Held<Handles>&) const
{
	for (u32 i = 0; i < bits_.size(); ++i) {
		if (bits_[i] != 0)
			return slots_[(i * kBits) + u32(__builtin_ctzll(bits_[i]))].handle;
	}
	return nullptr;
}

Result<HandleTable::Room> HandleTable::make_room(u32 size)
{
	const u32 next = size == 0 ? kBits : size * 2;
	Room room;
	room.slots = TRY(Array<Slot>::make(Gfp::Kernel, cxxrt::Node{}, next));
	room.bits = TRY(Array<u64>::make(Gfp::Kernel, cxxrt::Node{}, next / kBits, u64(0)));
	return room;
}

void HandleTable::grow(Room& room, const Held<Handles>&)
{
	// Somebody else may have been faster.
	if (room.slots.size() <= slots_.size())
		return;
	for (size_t i = 0; i < slots_.size(); ++i)
		room.slots[i] = slots_[i];
	for (size_t i = 0; i < bits_.size(); ++i)
		room.bits[i] = bits_[i];
	swap(slots_, room.slots);
	swap(bits_, room.bits);
}

}  // namespace binder
