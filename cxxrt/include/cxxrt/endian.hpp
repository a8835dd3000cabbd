// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Integers in the byte order of a device, for structs that it reads and writes.
/// C side: include/linux/byteorder/generic.h.
/// Context: any.

#include <cxxrt/raw.hpp>

namespace cxxrt {

/// An unsigned integer whose least significant byte comes first. Converted where it is read or written, and nowhere
/// else: there is no arithmetic on it.
template <class T> class LittleEndian {
	static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "only x86 so far: convert here for others");

public:
	constexpr LittleEndian() = default;
	constexpr LittleEndian(T value) : bits_(value) {}
	constexpr T get() const { return bits_; }
	friend constexpr bool operator==(LittleEndian, LittleEndian) = default;

private:
	T bits_ = 0;
};

using le16 = LittleEndian<u16>;
using le32 = LittleEndian<u32>;
using le64 = LittleEndian<u64>;

static_assert(sizeof(le16) == 2 && sizeof(le32) == 4 && sizeof(le64) == 8 && kTriviallyCopyable<le64>);

}  // namespace cxxrt
