// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Bit arrays with atomic bits, and id allocators.
/// C side: include/linux/bitmap.h, include/linux/idr.h, helpers/lib.c.

#include <cxxrt/error.hpp>
#include <cxxrt/memory.hpp>

namespace cxxrt {

/// A fixed number of bits, all clear at first, each changed atomically.
class Bitmap : MoveOnly {
public:
	Bitmap() = default;
	Bitmap(Bitmap&& other) : bits_(exchange(other.bits_, nullptr)), size_(exchange(other.size_, 0u)) {}
	Bitmap& operator=(Bitmap&& other)
	{
		swap(bits_, other.bits_);
		swap(size_, other.size_);
		return *this;
	}
	~Bitmap() { raw::bitmap_free(bits_); }

	/// Context: process; sleeps.   Errors: ENOMEM.   Units: `size` in bits.
	static Result<Bitmap> create(SleepingGfp flags, Node node, u32 size) EXCLUDES(atomic_context)
	{
		// More bits than kmalloc can give is an error of whoever asked, not of the kernel.
		const u32 gfp = flags.bits() | u32(raw::__GFP_NOWARN);
		unsigned long* bits = TRY(from_null(raw::cxxrt_bitmap_zalloc(size, gfp, node.id())));
		return Bitmap{bits, size};
	}
	u32 size() const { return size_; }
	bool test(u32 bit) const { return raw::cxxrt_test_bit(bit, bits_); }

	/// Sets some clear bit and returns it, or nothing when all are set. Acquire order.   Context: any.
	[[nodiscard("give the bit back, or it stays claimed")]] Optional<u32> try_claim()
	{
		for (;;) {
			const u32 bit = u32(raw::cxxrt_find_first_zero_bit(bits_, size_));
			if (bit >= size_)
				return {};
			if (!raw::cxxrt_test_and_set_bit_lock(bit, bits_))
				return bit;
		}
	}
	/// Clears a claimed bit. Release order: pairs with try_claim().   Context: any.
	void give_back(u32 bit) { raw::cxxrt_clear_bit_unlock(bit, bits_); }

private:
	Bitmap(unsigned long* bits, u32 size) : bits_(bits), size_(size) {}

	unsigned long* bits_ = nullptr;
	u32 size_ = 0;
};

/// Small numbers, lowest first, each to one owner at a time.
class Ida : Pinned {
public:
	Ida() { raw::cxxrt_ida_init(&ida_); }
	~Ida() { raw::ida_destroy(&ida_); }

	/// A number that goes back on destruction.
	class [[nodiscard]] Id : MoveOnly {
	public:
		/// None.
		Id() = default;
		Id(Id&& other) : ida_(exchange(other.ida_, nullptr)), value_(other.value_) {}
		Id& operator=(Id&& other)
		{
			swap(ida_, other.ida_);
			swap(value_, other.value_);
			return *this;
		}
		~Id()
		{
			if (ida_ != nullptr)
				raw::ida_free(&ida_->ida_, value_);
		}
		u32 value() const { return value_; }

	private:
		friend Ida;
		Id(Ida* ida, u32 value) : ida_(ida), value_(value) {}

		Ida* ida_ = nullptr;
		u32 value_ = 0;
	};

	/// The lowest free number from 0 to `max`.   Context: process; sleeps.   Errors: ENOMEM, ENOSPC.
	Result<Id> allocate(SleepingGfp flags, u32 max = 0x7fffffffu) EXCLUDES(atomic_context)
	{
		const int value = TRY(value_from_c(raw::ida_alloc_range(&ida_, 0, max, flags.bits())));
		return Id{this, u32(value)};
	}
	raw::ida* unsafe_raw() { return &ida_; }

private:
	raw::ida ida_;
};

}  // namespace cxxrt
