// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What user space asks nodes for: numbers, and the structs that go with them.
/// C side: uapi/linux/nvme_ioctl.h.

#include <cxxrt/user.hpp>

namespace nvme::ioctls {
using namespace cxxrt;

/// ADMIN_CMD and IO_CMD, and commands of io_uring but for the last field, which those leave alone.
struct Passthrough {
	u8 opcode, flags;
	u16 reserved2;
	u32 nsid, cdw2, cdw3;
	u64 metadata, addr;
	u32 metadata_bytes;
	u32 bytes;  ///< or the number of iovecs
	u32 cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
	u32 timeout_ms;
	u32 result;
};
static_assert(sizeof(Passthrough) == 72 && __builtin_offsetof(Passthrough, nsid) == 4 &&
	      __builtin_offsetof(Passthrough, metadata) == 16 && __builtin_offsetof(Passthrough, addr) == 24 &&
	      __builtin_offsetof(Passthrough, metadata_bytes) == 32 && __builtin_offsetof(Passthrough, bytes) == 36 &&
	      __builtin_offsetof(Passthrough, cdw10) == 40 && __builtin_offsetof(Passthrough, timeout_ms) == 64 &&
	      __builtin_offsetof(Passthrough, result) == 68);

/// ADMIN64_CMD, IO64_CMD and IO64_CMD_VEC: a result of 64 bits after the same.
inline constexpr u32 kPassthrough64Bytes = 80;
inline constexpr u32 kResult64 = 72;

/// SUBMIT_IO, without the padding at its end that 32-bit programs don't have.
struct SubmitIo {
	u8 opcode, flags;
	u16 control, blocks, reserved6;
	u64 metadata, addr, first;
	u32 dsmgmt, reftag;
	u16 apptag, appmask;
	u32 padding;

	static constexpr u32 kBytes = 44;
	/// `control`: the device makes and checks protection information itself.
	static constexpr u32 kActs = 1u << 13;
};
static_assert(sizeof(SubmitIo) == 48 && __builtin_offsetof(SubmitIo, metadata) == 8 &&
	      __builtin_offsetof(SubmitIo, first) == 24 && __builtin_offsetof(SubmitIo, dsmgmt) == 32 &&
	      __builtin_offsetof(SubmitIo, appmask) == 42 && __builtin_offsetof(SubmitIo, padding) == SubmitIo::kBytes);

/// As the kernel composes them: direction, size, type 'N', number.   C side: asm-generic/ioctl.h.
enum class Direction : u8 { None = 0, In = 1, Out = 2, Both = 3 };
constexpr u32 number(Direction direction, u32 size, u32 nr)
{
	return u32(direction) << 30 | size << 16 | u32('N') << 8 | nr;
}

inline constexpr u32 kId = number(Direction::None, 0, 0x40);
inline constexpr u32 kAdminCmd = number(Direction::Both, sizeof(Passthrough), 0x41);
inline constexpr u32 kSubmitIo = number(Direction::In, sizeof(SubmitIo), 0x42);
inline constexpr u32 kSubmitIo32 = number(Direction::In, SubmitIo::kBytes, 0x42);
inline constexpr u32 kIoCmd = number(Direction::Both, sizeof(Passthrough), 0x43);
inline constexpr u32 kReset = number(Direction::None, 0, 0x44);
inline constexpr u32 kSubsystemReset = number(Direction::None, 0, 0x45);
inline constexpr u32 kRescan = number(Direction::None, 0, 0x46);
inline constexpr u32 kAdmin64Cmd = number(Direction::Both, kPassthrough64Bytes, 0x47);
inline constexpr u32 kIo64Cmd = number(Direction::Both, kPassthrough64Bytes, 0x48);
inline constexpr u32 kIo64CmdVec = number(Direction::Both, kPassthrough64Bytes, 0x49);
/// Of io_uring.
inline constexpr u32 kUringIo = number(Direction::Both, sizeof(Passthrough), 0x80);
inline constexpr u32 kUringIoVec = number(Direction::Both, sizeof(Passthrough), 0x81);
inline constexpr u32 kUringAdmin = number(Direction::Both, sizeof(Passthrough), 0x82);
inline constexpr u32 kUringAdminVec = number(Direction::Both, sizeof(Passthrough), 0x83);

}  // namespace nvme::ioctls

template <> inline constexpr bool cxxrt::kFromBytes<nvme::ioctls::Passthrough> = true;
template <> inline constexpr bool cxxrt::kFromBytes<nvme::ioctls::SubmitIo> = true;
