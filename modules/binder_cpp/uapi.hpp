// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What user space reads and writes: the binder protocol, version 8 (64-bit structs, whoever asks).
/// C side: include/uapi/linux/android/binder.h.

#include <cxxrt/system.hpp>
#include <cxxrt/user.hpp>

namespace binder {

using namespace cxxrt;

inline constexpr s32 kProtocolVersion = 8;

/// As asm-generic/ioctl.h puts codes together: 1 in, 2 out, 3 both.
constexpr u32 code(u32 direction, char type, u32 number, u32 size)
{
	return direction << 30 | size << 16 | u32(u8(type)) << 8 | number;
}
/// The number of a code.
constexpr u32 number_of(u32 code) { return code & 0xff; }

/// An object in a buffer, in front of the rest of it.
enum class ObjectType : u32 {
	Binder = 0x73622a85,
	WeakBinder = 0x77622a85,
	Handle = 0x73682a85,
	WeakHandle = 0x77682a85,
	Fd = 0x66642a85,
	FdArray = 0x66646185,
	Pointer = 0x70742a85,
};
struct FlatObject {
	u32 type, flags;
	u64 binder;  ///< or the handle, in the lower half
	u64 cookie;
	static constexpr u32 kMinNice = 0xff;
	static constexpr u32 kAcceptsFds = 0x100;
	static constexpr u32 kInheritsRt = 0x800;  ///< Android's; mainline does not know it
	static constexpr u32 kWantsSecurityContext = 0x1000;
};
struct FdObject {
	u32 type, pad_flags;
	u32 fd, pad;
	u64 cookie;
};
struct FdArrayObject {
	u32 type, pad;
	u64 count, parent, parent_offset;
};
struct PointerObject {
	u32 type, flags;
	u64 buffer, length, parent, parent_offset;
	static constexpr u32 kHasParent = 1;
};
static_assert(sizeof(FlatObject) == 24 && sizeof(FdObject) == 24 && sizeof(FdArrayObject) == 32 &&
	      sizeof(PointerObject) == 40);

/// BINDER_CTL_ADD, of binderfs's binder-control. C side: include/uapi/linux/android/binderfs.h.
struct DeviceRequest {
	char name[256];	 ///< its end is that of the text
	u32 major, minor;
};
static_assert(sizeof(DeviceRequest) == 264);
inline constexpr u32 kAddDevice = code(3, 'b', 1, sizeof(DeviceRequest));

/// BC_TRANSACTION, BR_TRANSACTION, BC_REPLY, BR_REPLY.
struct TransactionData {
	u64 target;  ///< a handle, in the lower half, or a node's address
	u64 cookie;
	u32 code, flags;
	s32 sender_pid;
	u32 sender_euid;
	u64 data_size, offsets_size, buffer, offsets;
	static constexpr u32 kOneWay = 0x1;
	static constexpr u32 kAcceptFds = 0x10;
	static constexpr u32 kClearBuffer = 0x20;
	static constexpr u32 kUpdate = 0x40;
};
struct TransactionDataSg {
	TransactionData data;
	u64 buffers_size;
};
static_assert(sizeof(TransactionData) == 64 && sizeof(TransactionDataSg) == 72);

struct WriteRead {
	u64 write_size, write_consumed, write_buffer, read_size, read_consumed, read_buffer;
};
/// Packed: the cookie follows at once.
struct HandleCookie {
	u32 handle, cookie_low, cookie_high;
	u64 cookie() const { return u64(cookie_high) << 32 | cookie_low; }
};
struct PointerCookie {
	u64 pointer, cookie;
};
struct NodeDebugInfo {
	u64 pointer, cookie;
	u32 has_strong, has_weak;
};
struct NodeInfoForRef {
	u32 handle, strong_count, weak_count, reserved[3];
};
struct FreezeInfo {
	u32 pid, enable, timeout_ms;
};
struct FrozenInfo {
	u32 pid, sync_received, async_received;
};
struct ExtendedError {
	u32 id, command;
	s32 error;
};
static_assert(sizeof(WriteRead) == 48 && sizeof(HandleCookie) == 12 && sizeof(PointerCookie) == 16 &&
	      sizeof(NodeDebugInfo) == 24 && sizeof(NodeInfoForRef) == 24);

namespace request {
inline constexpr u32 kWriteRead = code(3, 'b', 1, sizeof(WriteRead));
inline constexpr u32 kSetMaxThreads = code(1, 'b', 5, 4);
inline constexpr u32 kSetContextManager = code(1, 'b', 7, 4);
inline constexpr u32 kThreadExit = code(1, 'b', 8, 4);
inline constexpr u32 kVersion = code(3, 'b', 9, 4);
inline constexpr u32 kGetNodeDebugInfo = code(3, 'b', 11, sizeof(NodeDebugInfo));
inline constexpr u32 kGetNodeInfoForRef = code(3, 'b', 12, sizeof(NodeInfoForRef));
inline constexpr u32 kSetContextManagerExt = code(1, 'b', 13, sizeof(FlatObject));
inline constexpr u32 kFreeze = code(1, 'b', 14, sizeof(FreezeInfo));
inline constexpr u32 kGetFrozenInfo = code(3, 'b', 15, sizeof(FrozenInfo));
inline constexpr u32 kEnableSpamDetection = code(1, 'b', 16, 4);
inline constexpr u32 kGetExtendedError = code(3, 'b', 17, sizeof(ExtendedError));
}  // namespace request

/// What user space commands.
namespace bc {
inline constexpr u32 kTransaction = code(1, 'c', 0, sizeof(TransactionData));
inline constexpr u32 kReply = code(1, 'c', 1, sizeof(TransactionData));
inline constexpr u32 kAcquireResult = code(1, 'c', 2, 4);
inline constexpr u32 kFreeBuffer = code(1, 'c', 3, 8);
inline constexpr u32 kIncRefs = code(1, 'c', 4, 4);
inline constexpr u32 kAcquire = code(1, 'c', 5, 4);
inline constexpr u32 kRelease = code(1, 'c', 6, 4);
inline constexpr u32 kDecRefs = code(1, 'c', 7, 4);
inline constexpr u32 kIncRefsDone = code(1, 'c', 8, sizeof(PointerCookie));
inline constexpr u32 kAcquireDone = code(1, 'c', 9, sizeof(PointerCookie));
inline constexpr u32 kAttemptAcquire = code(1, 'c', 10, 8);
inline constexpr u32 kRegisterLooper = code(0, 'c', 11, 0);
inline constexpr u32 kEnterLooper = code(0, 'c', 12, 0);
inline constexpr u32 kExitLooper = code(0, 'c', 13, 0);
inline constexpr u32 kRequestDeath = code(1, 'c', 14, sizeof(HandleCookie));
inline constexpr u32 kClearDeath = code(1, 'c', 15, sizeof(HandleCookie));
inline constexpr u32 kDeadBinderDone = code(1, 'c', 16, 8);
inline constexpr u32 kTransactionSg = code(1, 'c', 17, sizeof(TransactionDataSg));
inline constexpr u32 kReplySg = code(1, 'c', 18, sizeof(TransactionDataSg));
// Since 6.12.
inline constexpr u32 kRequestFreeze = code(1, 'c', 19, sizeof(HandleCookie));
inline constexpr u32 kClearFreeze = code(1, 'c', 20, sizeof(HandleCookie));
inline constexpr u32 kFreezeDone = code(1, 'c', 21, 8);
inline constexpr u32 kCount = kSince6_12 ? 22 : 19;
}  // namespace bc

/// What the driver returns.
namespace br {
inline constexpr u32 kError = code(2, 'r', 0, 4);
inline constexpr u32 kOk = code(0, 'r', 1, 0);
inline constexpr u32 kTransaction = code(2, 'r', 2, sizeof(TransactionData));
inline constexpr u32 kTransactionSecCtx = code(2, 'r', 2, sizeof(TransactionDataSg));
inline constexpr u32 kReply = code(2, 'r', 3, sizeof(TransactionData));
inline constexpr u32 kDeadReply = code(0, 'r', 5, 0);
inline constexpr u32 kTransactionComplete = code(0, 'r', 6, 0);
inline constexpr u32 kIncRefs = code(2, 'r', 7, sizeof(PointerCookie));
inline constexpr u32 kAcquire = code(2, 'r', 8, sizeof(PointerCookie));
inline constexpr u32 kRelease = code(2, 'r', 9, sizeof(PointerCookie));
inline constexpr u32 kDecRefs = code(2, 'r', 10, sizeof(PointerCookie));
inline constexpr u32 kNoop = code(0, 'r', 12, 0);
inline constexpr u32 kSpawnLooper = code(0, 'r', 13, 0);
inline constexpr u32 kDeadBinder = code(2, 'r', 15, 8);
inline constexpr u32 kClearDeathDone = code(2, 'r', 16, 8);
inline constexpr u32 kFailedReply = code(0, 'r', 17, 0);
inline constexpr u32 kFrozenReply = code(0, 'r', 18, 0);
inline constexpr u32 kSpamSuspect = code(0, 'r', 19, 0);
// Since 6.12.
inline constexpr u32 kPendingFrozen = code(0, 'r', 20, 0);
inline constexpr u32 kFrozenBinder = code(2, 'r', 21, 16);
inline constexpr u32 kClearFreezeDone = code(2, 'r', 22, 8);
inline constexpr u32 kCount = kSince6_12 ? 23 : 20;
/// The longest of all, with its code.   Units: bytes.
inline constexpr u32 kLongest = 4 + sizeof(TransactionDataSg);
}  // namespace br

}  // namespace binder

template <> inline constexpr bool cxxrt::kFromBytes<binder::FlatObject> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::TransactionData> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::TransactionDataSg> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::WriteRead> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::HandleCookie> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::PointerCookie> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::NodeDebugInfo> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::NodeInfoForRef> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::FreezeInfo> = true;
template <> inline constexpr bool cxxrt::kFromBytes<binder::FrozenInfo> = true;
