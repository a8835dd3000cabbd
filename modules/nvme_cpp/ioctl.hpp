// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What user space asks nodes for: numbers, and the structs that go with them.
/// C side: uapi/linux/nvme_ioctl.h.

#include <cxxrt/types.hpp>

namespace nvme::ioctls {
using namespace cxxrt;

/// As the kernel composes them: direction, size, type 'N', number.   C side: asm-generic/ioctl.h.
enum class Direction : u8 { None = 0, In = 1, Out = 2, Both = 3 };
constexpr u32 number(Direction direction, u32 size, u32 nr)
{
	return u32(direction) << 30 | size << 16 | u32('N') << 8 | nr;
}

inline constexpr u32 kId = number(Direction::None, 0, 0x40);
inline constexpr u32 kReset = number(Direction::None, 0, 0x44);
inline constexpr u32 kSubsystemReset = number(Direction::None, 0, 0x45);
inline constexpr u32 kRescan = number(Direction::None, 0, 0x46);

}  // namespace nvme::ioctls
