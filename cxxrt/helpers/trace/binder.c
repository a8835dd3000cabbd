// SPDX-License-Identifier: GPL-2.0
/* TRACE_EVENT() takes C. Not part of the link-time optimisation, which loses what only sections refer to. */
#include "../prelude.h"
#include <linux/module.h>
#include <uapi/linux/android/binder.h>

static const char* const commands[] = {
	"BC_TRANSACTION",
	"BC_REPLY",
	"BC_ACQUIRE_RESULT",
	"BC_FREE_BUFFER",
	"BC_INCREFS",
	"BC_ACQUIRE",
	"BC_RELEASE",
	"BC_DECREFS",
	"BC_INCREFS_DONE",
	"BC_ACQUIRE_DONE",
	"BC_ATTEMPT_ACQUIRE",
	"BC_REGISTER_LOOPER",
	"BC_ENTER_LOOPER",
	"BC_EXIT_LOOPER",
	"BC_REQUEST_DEATH_NOTIFICATION",
	"BC_CLEAR_DEATH_NOTIFICATION",
	"BC_DEAD_BINDER_DONE",
	"BC_TRANSACTION_SG",
	"BC_REPLY_SG",
	"BC_REQUEST_FREEZE_NOTIFICATION",
	"BC_CLEAR_FREEZE_NOTIFICATION",
	"BC_FREEZE_NOTIFICATION_DONE",
};

static const char* const returns[] = {
	"BR_ERROR",
	"BR_OK",
	"BR_TRANSACTION",
	"BR_REPLY",
	"BR_ACQUIRE_RESULT",
	"BR_DEAD_REPLY",
	"BR_TRANSACTION_COMPLETE",
	"BR_INCREFS",
	"BR_ACQUIRE",
	"BR_RELEASE",
	"BR_DECREFS",
	"BR_ATTEMPT_ACQUIRE",
	"BR_NOOP",
	"BR_SPAWN_LOOPER",
	"BR_FINISHED",
	"BR_DEAD_BINDER",
	"BR_CLEAR_DEATH_NOTIFICATION_DONE",
	"BR_FAILED_REPLY",
	"BR_FROZEN_REPLY",
	"BR_ONEWAY_SPAM_SUSPECT",
	"BR_TRANSACTION_PENDING_FROZEN",
	"BR_FROZEN_BINDER",
	"BR_CLEAR_FREEZE_NOTIFICATION_DONE",
};

const char* cxxrt_binder_command_name(u32 cmd);
const char* cxxrt_binder_command_name(u32 cmd)
{
	return _IOC_NR(cmd) < ARRAY_SIZE(commands) ? commands[_IOC_NR(cmd)] : "unknown";
}

const char* cxxrt_binder_return_name(u32 cmd);
const char* cxxrt_binder_return_name(u32 cmd)
{
	return _IOC_NR(cmd) < ARRAY_SIZE(returns) ? returns[_IOC_NR(cmd)] : "unknown";
}

#define CREATE_TRACE_POINTS
#include "binder_events.h"
#include "binder.h"

void cxxrt_trace_binder_alloc_lru_end(int proc, u64 page_index) { trace_binder_alloc_lru_end(proc, page_index); }

void cxxrt_trace_binder_alloc_lru_start(int proc, u64 page_index) { trace_binder_alloc_lru_start(proc, page_index); }

void cxxrt_trace_binder_alloc_page_end(int proc, u64 page_index) { trace_binder_alloc_page_end(proc, page_index); }

void cxxrt_trace_binder_alloc_page_start(int proc, u64 page_index) { trace_binder_alloc_page_start(proc, page_index); }

void cxxrt_trace_binder_command(u32 cmd) { trace_binder_command(cmd); }

void cxxrt_trace_binder_free_lru_end(int proc, u64 page_index) { trace_binder_free_lru_end(proc, page_index); }

void cxxrt_trace_binder_free_lru_start(int proc, u64 page_index) { trace_binder_free_lru_start(proc, page_index); }

void cxxrt_trace_binder_ioctl(u32 cmd, u64 arg) { trace_binder_ioctl(cmd, arg); }

void cxxrt_trace_binder_ioctl_done(int ret) { trace_binder_ioctl_done(ret); }

void cxxrt_trace_binder_read_done(int ret) { trace_binder_read_done(ret); }

void cxxrt_trace_binder_return(u32 cmd) { trace_binder_return(cmd); }

void cxxrt_trace_binder_transaction(const struct cxxrt_binder_transaction* t) { trace_binder_transaction(t); }

void cxxrt_trace_binder_transaction_alloc_buf(int debug_id, u64 data_size, u64 offsets_size, u64 extra_buffers_size)
{
	trace_binder_transaction_alloc_buf(debug_id, data_size, offsets_size, extra_buffers_size);
}

void cxxrt_trace_binder_transaction_buffer_release(int debug_id, u64 data_size, u64 offsets_size,
						   u64 extra_buffers_size)
{
	trace_binder_transaction_buffer_release(debug_id, data_size, offsets_size, extra_buffers_size);
}

void cxxrt_trace_binder_transaction_failed_buffer_release(int debug_id, u64 data_size, u64 offsets_size,
							  u64 extra_buffers_size)
{
	trace_binder_transaction_failed_buffer_release(debug_id, data_size, offsets_size, extra_buffers_size);
}

void cxxrt_trace_binder_transaction_fd_recv(int debug_id, int fd, u64 offset)
{
	trace_binder_transaction_fd_recv(debug_id, fd, offset);
}

void cxxrt_trace_binder_transaction_fd_send(int debug_id, int fd, u64 offset)
{
	trace_binder_transaction_fd_send(debug_id, fd, offset);
}

void cxxrt_trace_binder_transaction_node_to_ref(const struct cxxrt_binder_passed* t)
{
	trace_binder_transaction_node_to_ref(t);
}

void cxxrt_trace_binder_transaction_received(int debug_id) { trace_binder_transaction_received(debug_id); }

void cxxrt_trace_binder_transaction_ref_to_node(const struct cxxrt_binder_passed* t)
{
	trace_binder_transaction_ref_to_node(t);
}

void cxxrt_trace_binder_transaction_ref_to_ref(const struct cxxrt_binder_passed* t)
{
	trace_binder_transaction_ref_to_ref(t);
}

void cxxrt_trace_binder_transaction_update_buffer_release(int debug_id, u64 data_size, u64 offsets_size,
							  u64 extra_buffers_size)
{
	trace_binder_transaction_update_buffer_release(debug_id, data_size, offsets_size, extra_buffers_size);
}

void cxxrt_trace_binder_txn_latency_free(const struct cxxrt_binder_transaction* t) { trace_binder_txn_latency_free(t); }

void cxxrt_trace_binder_unmap_kernel_end(int proc, u64 page_index) { trace_binder_unmap_kernel_end(proc, page_index); }

void cxxrt_trace_binder_unmap_kernel_start(int proc, u64 page_index)
{
	trace_binder_unmap_kernel_start(proc, page_index);
}

void cxxrt_trace_binder_unmap_user_end(int proc, u64 page_index) { trace_binder_unmap_user_end(proc, page_index); }

void cxxrt_trace_binder_unmap_user_start(int proc, u64 page_index) { trace_binder_unmap_user_start(proc, page_index); }

void cxxrt_trace_binder_update_page_range(int proc, bool allocate, u64 offset, u64 size)
{
	trace_binder_update_page_range(proc, allocate, offset, size);
}

void cxxrt_trace_binder_wait_for_work(bool proc_work, bool transaction_stack, bool thread_todo)
{
	trace_binder_wait_for_work(proc_work, transaction_stack, thread_todo);
}

void cxxrt_trace_binder_write_done(int ret) { trace_binder_write_done(ret); }
