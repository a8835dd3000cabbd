// SPDX-License-Identifier: GPL-2.0
/// \file
/// protocol.hpp says what the kernel's own header does, as far as that knows (6.12's freeze notifications are newer than Debian 12's copy).
#include <linux/android/binder.h>

#include "protocol.hpp"

namespace binder {
namespace {

template <auto Ours, auto Theirs> constexpr bool kSame = static_cast<unsigned long>(Ours) ==
							 static_cast<unsigned long>(Theirs);

static_assert(kProtocolVersion == BINDER_CURRENT_PROTOCOL_VERSION);
static_assert(sizeof(TransactionData) == sizeof(binder_transaction_data) &&
	      sizeof(TransactionDataSg) == sizeof(binder_transaction_data_sg) &&
	      sizeof(TransactionDataSecctx) == sizeof(binder_transaction_data_secctx) &&
	      sizeof(WriteRead) == sizeof(binder_write_read));
static_assert(offsetof(TransactionData, data_size) == offsetof(binder_transaction_data, data_size) &&
	      offsetof(TransactionData, offsets) == offsetof(binder_transaction_data, data.ptr.offsets) &&
	      offsetof(PtrObject, parent_offset) == offsetof(binder_buffer_object, parent_offset) &&
	      offsetof(FdArrayObject, parent_offset) == offsetof(binder_fd_array_object, parent_offset) &&
	      offsetof(FdObject, fd) == offsetof(binder_fd_object, fd));
static_assert(kSame<kTypeBinder, BINDER_TYPE_BINDER> && kSame<kTypeWeakBinder, BINDER_TYPE_WEAK_BINDER> &&
	      kSame<kTypeHandle, BINDER_TYPE_HANDLE> && kSame<kTypeWeakHandle, BINDER_TYPE_WEAK_HANDLE> &&
	      kSame<kTypeFd, BINDER_TYPE_FD> && kSame<kTypeFdArray, BINDER_TYPE_FDA> &&
	      kSame<kTypePtr, BINDER_TYPE_PTR>);
static_assert(kSame<kWriteRead, BINDER_WRITE_READ> && kSame<kSetIdleTimeout, BINDER_SET_IDLE_TIMEOUT> &&
	      kSame<kSetMaxThreads, BINDER_SET_MAX_THREADS> && kSame<kSetIdlePriority, BINDER_SET_IDLE_PRIORITY> &&
	      kSame<kSetContextMgr, BINDER_SET_CONTEXT_MGR> && kSame<kThreadExit, BINDER_THREAD_EXIT> &&
	      kSame<kVersion, BINDER_VERSION> && kSame<kGetNodeDebugInfo, BINDER_GET_NODE_DEBUG_INFO> &&
	      kSame<kGetNodeInfoForRef, BINDER_GET_NODE_INFO_FOR_REF> &&
	      kSame<kSetContextMgrExt, BINDER_SET_CONTEXT_MGR_EXT> && kSame<kFreeze, BINDER_FREEZE> &&
	      kSame<kGetFrozenInfo, BINDER_GET_FROZEN_INFO> && kSame<kGetExtendedError, BINDER_GET_EXTENDED_ERROR> &&
	      kSame<kEnableOnewaySpamDetection, BINDER_ENABLE_ONEWAY_SPAM_DETECTION>);
static_assert(kSame<kBcTransaction, BC_TRANSACTION> && kSame<kBcReply, BC_REPLY> &&
	      kSame<kBcAcquireResult, BC_ACQUIRE_RESULT> && kSame<kBcFreeBuffer, BC_FREE_BUFFER> &&
	      kSame<kBcIncrefs, BC_INCREFS> && kSame<kBcAcquire, BC_ACQUIRE> && kSame<kBcRelease, BC_RELEASE> &&
	      kSame<kBcDecrefs, BC_DECREFS> && kSame<kBcIncrefsDone, BC_INCREFS_DONE> &&
	      kSame<kBcAcquireDone, BC_ACQUIRE_DONE> && kSame<kBcRegisterLooper, BC_REGISTER_LOOPER> &&
	      kSame<kBcEnterLooper, BC_ENTER_LOOPER> && kSame<kBcExitLooper, BC_EXIT_LOOPER> &&
	      kSame<kBcRequestDeath, BC_REQUEST_DEATH_NOTIFICATION> &&
	      kSame<kBcClearDeath, BC_CLEAR_DEATH_NOTIFICATION> && kSame<kBcDeadBinderDone, BC_DEAD_BINDER_DONE> &&
	      kSame<kBcTransactionSg, BC_TRANSACTION_SG> && kSame<kBcReplySg, BC_REPLY_SG>);
static_assert(kSame<kBrError, BR_ERROR> && kSame<kBrTransaction, BR_TRANSACTION> &&
	      kSame<kBrTransactionSecctx, BR_TRANSACTION_SEC_CTX> && kSame<kBrReply, BR_REPLY> &&
	      kSame<kBrDeadReply, BR_DEAD_REPLY> && kSame<kBrTransactionComplete, BR_TRANSACTION_COMPLETE> &&
	      kSame<kBrIncrefs, BR_INCREFS> && kSame<kBrAcquire, BR_ACQUIRE> && kSame<kBrRelease, BR_RELEASE> &&
	      kSame<kBrDecrefs, BR_DECREFS> && kSame<kBrNoop, BR_NOOP> && kSame<kBrSpawnLooper, BR_SPAWN_LOOPER> &&
	      kSame<kBrDeadBinder, BR_DEAD_BINDER> && kSame<kBrClearDeathDone, BR_CLEAR_DEATH_NOTIFICATION_DONE> &&
	      kSame<kBrFailedReply, BR_FAILED_REPLY> && kSame<kBrFrozenReply, BR_FROZEN_REPLY> &&
	      kSame<kBrOnewaySpamSuspect, BR_ONEWAY_SPAM_SUSPECT>);
static_assert(kSame<kOneWay, TF_ONE_WAY> && kSame<kAcceptFds, TF_ACCEPT_FDS> && kSame<kClearBuf, TF_CLEAR_BUF> &&
	      kSame<kUpdateTxn, TF_UPDATE_TXN> && kSame<kAcceptsFds, FLAT_BINDER_FLAG_ACCEPTS_FDS> &&
	      kSame<kWantsSecctx, FLAT_BINDER_FLAG_TXN_SECURITY_CTX> &&
	      kSame<kPtrHasParent, BINDER_BUFFER_FLAG_HAS_PARENT>);

}  // namespace
}  // namespace binder
