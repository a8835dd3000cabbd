// SPDX-License-Identifier: GPL-2.0
/// \file
/// Version 8 of binder's protocol as user space sees it: ioctls, commands, returns, objects. 32-bit programs use the same layouts.
#pragma once

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace binder {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;

constexpr s32 kProtocolVersion = 8;

/// What a command and a return carry, and what a reply carries without target and cookie.
struct TransactionData {
	u64 target;  ///< To the kernel: handle in the low half. From it: `ptr` of the node, or 0.
	u64 cookie;
	u32 code;
	u32 flags;
	s32 sender_pid;
	u32 sender_euid;
	u64 data_size;
	u64 offsets_size;
	u64 buffer;
	u64 offsets;
};
struct TransactionDataSg {
	TransactionData data;
	u64 buffers_size;
};
struct TransactionDataSecctx {
	TransactionData data;
	u64 secctx;
};
struct PtrCookie {
	u64 ptr;
	u64 cookie;
};
struct [[gnu::packed]] HandleCookie {
	u32 handle;
	u64 cookie;
};
struct FrozenState {
	u64 cookie;
	u32 is_frozen;
	u32 reserved;
};
static_assert(sizeof(TransactionData) == 64 && sizeof(TransactionDataSg) == 72 && sizeof(HandleCookie) == 12);

/// Objects in a transaction's data; the first word says which.
enum ObjectType : u32 {
	kTypeBinder = 0x73622a85,
	kTypeWeakBinder = 0x77622a85,
	kTypeHandle = 0x73682a85,
	kTypeWeakHandle = 0x77682a85,
	kTypeFd = 0x66642a85,
	kTypeFdArray = 0x66646185,
	kTypePtr = 0x70742a85,
};
struct FlatObject {
	u32 type;
	u32 flags;
	u64 binder;  ///< `ptr` of a node, or a handle in the low half.
	u64 cookie;
};
struct FdObject {
	u32 type;
	u32 pad_flags;
	u32 fd;
	u32 pad;
	u64 cookie;
};
struct PtrObject {
	u32 type;
	u32 flags;
	u64 buffer;
	u64 length;
	u64 parent;	    ///< Index in the array of offsets.
	u64 parent_offset;  ///< Where in the parent's buffer the pointer to this one is.
};
struct FdArrayObject {
	u32 type;
	u32 pad;
	u64 num_fds;
	u64 parent;
	u64 parent_offset;
};
static_assert(sizeof(FlatObject) == 24 && sizeof(FdObject) == 24 && sizeof(PtrObject) == 40 &&
	      sizeof(FdArrayObject) == 32);

enum ObjectFlags : u32 {
	kAcceptsFds = 0x100,
	kWantsSecctx = 0x1000,
	kPtrHasParent = 1,
};
enum TransactionFlags : u32 {
	kOneWay = 0x01,
	kRootObject = 0x04,
	kStatusCode = 0x08,
	kAcceptFds = 0x10,
	kClearBuf = 0x20,
	kUpdateTxn = 0x40,
};

// Arguments of ioctls.
struct WriteRead {
	u64 write_size;
	u64 write_consumed;
	u64 write_buffer;
	u64 read_size;
	u64 read_consumed;
	u64 read_buffer;
};
struct NodeDebugInfo {
	u64 ptr;
	u64 cookie;
	u32 has_strong_ref;
	u32 has_weak_ref;
};
struct NodeInfoForRef {
	u32 handle;
	u32 strong_count;
	u32 weak_count;
	u32 reserved[3];
};
struct FreezeInfo {
	u32 pid;
	u32 enable;
	u32 timeout_ms;
};
struct FrozenStatus {
	u32 pid;
	u32 sync_recv;
	u32 async_recv;
};
struct ExtendedError {
	u32 id;
	u32 command;
	s32 param;
};

constexpr unsigned long kWriteRead = _IOWR('b', 1, WriteRead);
constexpr unsigned long kSetIdleTimeout = _IOW('b', 3, u64);
constexpr unsigned long kSetMaxThreads = _IOW('b', 5, u32);
constexpr unsigned long kSetIdlePriority = _IOW('b', 6, s32);
constexpr unsigned long kSetContextMgr = _IOW('b', 7, s32);
constexpr unsigned long kThreadExit = _IOW('b', 8, s32);
constexpr unsigned long kVersion = _IOWR('b', 9, s32);
constexpr unsigned long kGetNodeDebugInfo = _IOWR('b', 11, NodeDebugInfo);
constexpr unsigned long kGetNodeInfoForRef = _IOWR('b', 12, NodeInfoForRef);
constexpr unsigned long kSetContextMgrExt = _IOW('b', 13, FlatObject);
constexpr unsigned long kFreeze = _IOW('b', 14, FreezeInfo);
constexpr unsigned long kGetFrozenInfo = _IOWR('b', 15, FrozenStatus);
constexpr unsigned long kEnableOnewaySpamDetection = _IOW('b', 16, u32);
constexpr unsigned long kGetExtendedError = _IOWR('b', 17, ExtendedError);
static_assert(kWriteRead == 0xc0306201 && kSetContextMgrExt == 0x4018620d && kGetExtendedError == 0xc00c6211);

/// Commands, from user space to the driver.
enum Bc : u32 {
	kBcTransaction = _IOW('c', 0, TransactionData),
	kBcReply = _IOW('c', 1, TransactionData),
	kBcAcquireResult = _IOW('c', 2, s32),
	kBcFreeBuffer = _IOW('c', 3, u64),
	kBcIncrefs = _IOW('c', 4, u32),
	kBcAcquire = _IOW('c', 5, u32),
	kBcRelease = _IOW('c', 6, u32),
	kBcDecrefs = _IOW('c', 7, u32),
	kBcIncrefsDone = _IOW('c', 8, PtrCookie),
	kBcAcquireDone = _IOW('c', 9, PtrCookie),
	kBcAttemptAcquire = _IOW('c', 10, u64),
	kBcRegisterLooper = _IO('c', 11),
	kBcEnterLooper = _IO('c', 12),
	kBcExitLooper = _IO('c', 13),
	kBcRequestDeath = _IOW('c', 14, HandleCookie),
	kBcClearDeath = _IOW('c', 15, HandleCookie),
	kBcDeadBinderDone = _IOW('c', 16, u64),
	kBcTransactionSg = _IOW('c', 17, TransactionDataSg),
	kBcReplySg = _IOW('c', 18, TransactionDataSg),
	kBcRequestFreeze = _IOW('c', 19, HandleCookie),
	kBcClearFreeze = _IOW('c', 20, HandleCookie),
	kBcFreezeDone = _IOW('c', 21, u64),
};
static_assert(kBcTransaction == 0x40406300 && kBcReplySg == 0x40486312 && kBcRequestDeath == 0x400c630e);

/// Returns, from the driver to user space.
enum Br : u32 {
	kBrError = _IOR('r', 0, s32),
	kBrOk = _IO('r', 1),
	kBrTransaction = _IOR('r', 2, TransactionData),
	kBrTransactionSecctx = _IOR('r', 2, TransactionDataSecctx),
	kBrReply = _IOR('r', 3, TransactionData),
	kBrDeadReply = _IO('r', 5),
	kBrTransactionComplete = _IO('r', 6),
	kBrIncrefs = _IOR('r', 7, PtrCookie),
	kBrAcquire = _IOR('r', 8, PtrCookie),
	kBrRelease = _IOR('r', 9, PtrCookie),
	kBrDecrefs = _IOR('r', 10, PtrCookie),
	kBrNoop = _IO('r', 12),
	kBrSpawnLooper = _IO('r', 13),
	kBrDeadBinder = _IOR('r', 15, u64),
	kBrClearDeathDone = _IOR('r', 16, u64),
	kBrFailedReply = _IO('r', 17),
	kBrFrozenReply = _IO('r', 18),
	kBrOnewaySpamSuspect = _IO('r', 19),
	kBrTransactionPendingFrozen = _IO('r', 20),
	kBrFrozenBinder = _IOR('r', 21, FrozenState),
	kBrClearFreezeDone = _IOR('r', 22, u64),
};
static_assert(kBrTransaction == 0x80407202 && kBrDeadBinder == 0x8008720f && kBrFrozenBinder == 0x80107215);

}  // namespace binder
