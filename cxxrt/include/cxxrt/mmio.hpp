// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Device registers by type: each has its offset, its width, its access and its fields.
/// C side: include/linux/io.h, include/linux/io-64-nonatomic-lo-hi.h, helpers/device.c.
/// Context: any.   Locks: none; who may write a register is the driver's affair.   Ordering: docs/ordering.md.
///
///     struct Cc : mmio::Register<Cc, u32, 0x14> {
///             using Enable = mmio::Bit<0>;
///             using Shutdown = mmio::Field<15, 14, ShutdownNotification>;
///     };
///     window.write(window.read<Cc>().with<Cc::Shutdown>(ShutdownNotification::Normal));

#include <cxxrt/error.hpp>

namespace cxxrt::mmio {

/// What software may do with a register. What is not allowed does not compile.
enum class Access : u8 { ReadWrite, ReadOnly, WriteOnly };

/// Bits `High` to `Low` of a register, as specifications print them; `V` is what they mean.
template <u32 High, u32 Low, class V = u32> struct Field {
	static_assert(High >= Low && High < 64);
	using Value = V;
	static constexpr u32 kLow = Low;
	static constexpr u32 kWidth = High - Low + 1;
	static constexpr u64 kMask = (kWidth == 64 ? ~0ull : (1ull << kWidth) - 1) << Low;
};
template <u32 At> using Bit = Field<At, At, bool>;

/// The value of a register `Self` of width `T`, `Offset` bytes into its window.
// NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility): registers are aggregates, so that Cc{} is one
template <class Self, class T, u32 Offset, Access Allowed = Access::ReadWrite> struct Register {
	static_assert(same_as<T, u32> || same_as<T, u64>);
	static_assert(Offset % sizeof(u32) == 0, "registers are aligned to 4 bytes");
	using Bits = T;
	static constexpr u32 kOffset = Offset;
	static constexpr u32 kSize = sizeof(T);
	static constexpr bool kReadable = Allowed != Access::WriteOnly;
	static constexpr bool kWritable = Allowed != Access::ReadOnly;

	T bits = 0;

	static constexpr Self of(T bits)
	{
		Self made{};
		made.bits = bits;
		return made;
	}
	template <class F> constexpr typename F::Value get() const
	{
		static_assert(F::kMask <= T(~T{0}), "the field is not in this register");
		return typename F::Value((bits & T(F::kMask)) >> F::kLow);
	}
	/// The same with another value in `F`; bits of `value` that do not fit are cut off.
	template <class F> constexpr Self with(typename F::Value value) const
	{
		static_assert(F::kMask <= T(~T{0}), "the field is not in this register");
		return of(T((bits & ~T(F::kMask)) | ((T(value) << F::kLow) & T(F::kMask))));
	}
};

/// `Count` registers of 32 bits, one after the other.
template <u32 Offset, u32 Count> struct RegisterArray {
	static_assert(Offset % sizeof(u32) == 0, "registers are aligned to 4 bytes");
	static constexpr u32 kOffset = Offset;
	static constexpr u32 kCount = Count;
};

/// One 32-bit register that is written, and never read, and that tells the device to look at memory.
class Doorbell {
public:
	constexpr Doorbell() = default;
	/// Writes `value`. Everything written to memory before is there when the device sees it.
	CXXRT_INLINE void ring(u32 value) const { raw::cxxrt_writel(value, where_); }

private:
	friend class WindowBase;
	constexpr explicit Doorbell(void* where) : where_(where) {}
	void* where_ = nullptr;
};

/// Registers somewhere in memory, borrowed.
/// Invariant: `bytes_` bytes from `base_` on are mapped.
class WindowBase {
public:
	constexpr WindowBase() = default;
	/// Units: bytes.
	u64 size() const { return bytes_; }
	/// The doorbell at `offset`, which is computed.   Errors: EINVAL beyond the window, or not aligned.
	Result<Doorbell> doorbell(u64 offset) const
	{
		if (offset % sizeof(u32) != 0 || bytes_ < sizeof(u32) || offset > bytes_ - sizeof(u32))
			return EINVAL;
		return Doorbell{base_ + offset};
	}

protected:
	constexpr WindowBase(u8* base, u64 bytes) : base_(base), bytes_(bytes) {}
	u8* base_ = nullptr;
	u64 bytes_ = 0;
};

/// The same, with at least `Size` bytes: a register beyond them does not compile.
template <u32 Size> class Window : public WindowBase {
public:
	constexpr Window() = default;
	/// Safety: `base` is mapped for `bytes` >= `Size` bytes, for as long as the window is used.
	static Window unsafe_from(void* base, u64 bytes) { return Window{static_cast<u8*>(base), bytes}; }

	/// A register of 64 bits is read as two of 32, the low one first: not every device can do more at once.
	template <class R> R read() const
	{
		static_assert(R::kReadable, "this register cannot be read");
		static_assert(R::kOffset + R::kSize <= Size, "this register is not in the window");
		// SAFETY: inside the window, see the assertion and the invariant.
		if constexpr (R::kSize == sizeof(u64)) {
			const u64 low = raw::cxxrt_readl(base_ + R::kOffset);
			return R::of(low | (u64(raw::cxxrt_readl(base_ + R::kOffset + sizeof(u32))) << 32));
		} else {
			return R::of(raw::cxxrt_readl(base_ + R::kOffset));
		}
	}
	/// As write(), for a register of 64 bits whose low half is what the device acts on.
	template <class R> void write_high_first(R value) const
	{
		static_assert(R::kWritable, "this register cannot be written");
		static_assert(R::kSize == sizeof(u64) && R::kOffset + R::kSize <= Size,
			      "this register is not in the window");
		// SAFETY: as in read().
		raw::cxxrt_writel(u32(value.bits >> 32), base_ + R::kOffset + sizeof(u32));
		raw::cxxrt_writel(u32(value.bits), base_ + R::kOffset);
	}
	/// Everything written to memory before is there when the device sees the new value. 64 bits as in read().
	template <class R> void write(R value) const
	{
		static_assert(R::kWritable, "this register cannot be written");
		static_assert(R::kOffset + R::kSize <= Size, "this register is not in the window");
		// SAFETY: as in read().
		raw::cxxrt_writel(u32(value.bits), base_ + R::kOffset);
		if constexpr (R::kSize == sizeof(u64))
			raw::cxxrt_writel(u32(value.bits >> 32), base_ + R::kOffset + sizeof(u32));
	}

	/// One of an array.   Only for i < A::kCount.
	template <class A> u32 read_at(u32 i) const
	{
		static_assert(A::kOffset + (A::kCount * sizeof(u32)) <= Size, "these registers are not in the window");
		return raw::cxxrt_readl(base_ + A::kOffset + (size_t(i) * sizeof(u32)));
	}
	template <class A> void write_at(u32 i, u32 value) const
	{
		static_assert(A::kOffset + (A::kCount * sizeof(u32)) <= Size, "these registers are not in the window");
		raw::cxxrt_writel(value, base_ + A::kOffset + (size_t(i) * sizeof(u32)));
	}

private:
	// NOLINTNEXTLINE(readability-non-const-parameter): registers are written through it
	constexpr Window(u8* base, u64 bytes) : WindowBase(base, bytes) {}
};

/// Words of a system on a chip's configuration, in the first MiB of memory, where its firmware left them.
/// Context: any.   Units: bytes; `Base` and `Size` as the chip's manual has them.
template <u32 Base, u32 Size> struct LowMemory {
	static_assert(Base % sizeof(u16) == 0 && Base + Size <= 0x100000, "this is not in the first MiB");
	/// Errors: EINVAL beyond it.
	static Result<u16> read(u32 word)
	{
		if (word >= Size / sizeof(u16))
			return EINVAL;
		// SAFETY: the first MiB is always mapped.
		return u16(raw::cxxrt_read_low_memory16(Base + (word * u32(sizeof(u16)))));
	}
	static Result<void> write(u32 word, u16 value)
	{
		if (word >= Size / sizeof(u16))
			return EINVAL;
		// SAFETY: as in read(); the chip keeps nothing else there.
		raw::cxxrt_write_low_memory16(value, Base + (word * u32(sizeof(u16))));
		return {};
	}
};

}  // namespace cxxrt::mmio
