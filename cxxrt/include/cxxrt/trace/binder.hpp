// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The tracepoints of the trace system "binder". The module says `<module>-trace := binder`. One that is off costs a no-op; where its
/// arguments cost something, ask first whether it is on.
/// C side: helpers/trace/binder.c; drivers/android/binder_trace.h.
/// Context: any.

#include <cxxrt/raw.hpp>

#include "trace/binder.h"

namespace cxxrt::trace {

using BinderTransaction = raw::cxxrt_binder_transaction;
using BinderPassed = raw::cxxrt_binder_passed;

CXXRT_INLINE void binder_alloc_lru_end(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_alloc_lru_end_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_alloc_lru_end(proc, page_index);
}
CXXRT_INLINE void binder_alloc_lru_start(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_alloc_lru_start_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_alloc_lru_start(proc, page_index);
}
CXXRT_INLINE void binder_alloc_page_end(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_alloc_page_end_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_alloc_page_end(proc, page_index);
}
CXXRT_INLINE void binder_alloc_page_start(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_alloc_page_start_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_alloc_page_start(proc, page_index);
}
CXXRT_INLINE void binder_command(u32 cmd)
{
	if (raw::cxxrt_trace_binder_command_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_command(cmd);
}
CXXRT_INLINE void binder_free_lru_end(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_free_lru_end_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_free_lru_end(proc, page_index);
}
CXXRT_INLINE void binder_free_lru_start(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_free_lru_start_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_free_lru_start(proc, page_index);
}
CXXRT_INLINE void binder_ioctl(u32 cmd, u64 arg)
{
	if (raw::cxxrt_trace_binder_ioctl_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_ioctl(cmd, arg);
}
CXXRT_INLINE void binder_ioctl_done(int ret)
{
	if (raw::cxxrt_trace_binder_ioctl_done_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_ioctl_done(ret);
}
CXXRT_INLINE void binder_read_done(int ret)
{
	if (raw::cxxrt_trace_binder_read_done_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_read_done(ret);
}
CXXRT_INLINE void binder_return(u32 cmd)
{
	if (raw::cxxrt_trace_binder_return_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_return(cmd);
}
CXXRT_INLINE bool binder_transaction_enabled() { return raw::cxxrt_trace_binder_transaction_enabled(); }
CXXRT_INLINE void binder_transaction(const BinderTransaction& t) { raw::cxxrt_trace_binder_transaction(&t); }
CXXRT_INLINE void binder_transaction_alloc_buf(u32 debug_id, u64 data_size, u64 offsets_size, u64 extra_buffers_size)
{
	if (raw::cxxrt_trace_binder_transaction_alloc_buf_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_transaction_alloc_buf(int(debug_id), data_size, offsets_size,
							      extra_buffers_size);
}
CXXRT_INLINE void binder_transaction_buffer_release(u32 debug_id, u64 data_size, u64 offsets_size,
						    u64 extra_buffers_size)
{
	if (raw::cxxrt_trace_binder_transaction_buffer_release_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_transaction_buffer_release(int(debug_id), data_size, offsets_size,
								   extra_buffers_size);
}
CXXRT_INLINE void binder_transaction_failed_buffer_release(u32 debug_id, u64 data_size, u64 offsets_size,
							   u64 extra_buffers_size)
{
	if (raw::cxxrt_trace_binder_transaction_failed_buffer_release_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_transaction_failed_buffer_release(int(debug_id), data_size, offsets_size,
									  extra_buffers_size);
}
CXXRT_INLINE void binder_transaction_fd_recv(u32 debug_id, int fd, u64 offset)
{
	if (raw::cxxrt_trace_binder_transaction_fd_recv_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_transaction_fd_recv(int(debug_id), fd, offset);
}
CXXRT_INLINE void binder_transaction_fd_send(u32 debug_id, int fd, u64 offset)
{
	if (raw::cxxrt_trace_binder_transaction_fd_send_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_transaction_fd_send(int(debug_id), fd, offset);
}
CXXRT_INLINE bool binder_transaction_node_to_ref_enabled()
{
	return raw::cxxrt_trace_binder_transaction_node_to_ref_enabled();
}
CXXRT_INLINE void binder_transaction_node_to_ref(const BinderPassed& t)
{
	raw::cxxrt_trace_binder_transaction_node_to_ref(&t);
}
CXXRT_INLINE void binder_transaction_received(u32 debug_id)
{
	if (raw::cxxrt_trace_binder_transaction_received_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_transaction_received(int(debug_id));
}
CXXRT_INLINE bool binder_transaction_ref_to_node_enabled()
{
	return raw::cxxrt_trace_binder_transaction_ref_to_node_enabled();
}
CXXRT_INLINE void binder_transaction_ref_to_node(const BinderPassed& t)
{
	raw::cxxrt_trace_binder_transaction_ref_to_node(&t);
}
CXXRT_INLINE bool binder_transaction_ref_to_ref_enabled()
{
	return raw::cxxrt_trace_binder_transaction_ref_to_ref_enabled();
}
CXXRT_INLINE void binder_transaction_ref_to_ref(const BinderPassed& t)
{
	raw::cxxrt_trace_binder_transaction_ref_to_ref(&t);
}
CXXRT_INLINE void binder_transaction_update_buffer_release(u32 debug_id, u64 data_size, u64 offsets_size,
							   u64 extra_buffers_size)
{
	if (raw::cxxrt_trace_binder_transaction_update_buffer_release_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_transaction_update_buffer_release(int(debug_id), data_size, offsets_size,
									  extra_buffers_size);
}
CXXRT_INLINE bool binder_txn_latency_free_enabled() { return raw::cxxrt_trace_binder_txn_latency_free_enabled(); }
CXXRT_INLINE void binder_txn_latency_free(const BinderTransaction& t) { raw::cxxrt_trace_binder_txn_latency_free(&t); }
CXXRT_INLINE void binder_unmap_kernel_end(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_unmap_kernel_end_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_unmap_kernel_end(proc, page_index);
}
CXXRT_INLINE void binder_unmap_kernel_start(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_unmap_kernel_start_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_unmap_kernel_start(proc, page_index);
}
CXXRT_INLINE void binder_unmap_user_end(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_unmap_user_end_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_unmap_user_end(proc, page_index);
}
CXXRT_INLINE void binder_unmap_user_start(int proc, u64 page_index)
{
	if (raw::cxxrt_trace_binder_unmap_user_start_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_unmap_user_start(proc, page_index);
}
CXXRT_INLINE void binder_update_page_range(int proc, bool allocate, u64 offset, u64 size)
{
	if (raw::cxxrt_trace_binder_update_page_range_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_update_page_range(proc, allocate, offset, size);
}
CXXRT_INLINE bool binder_wait_for_work_enabled() { return raw::cxxrt_trace_binder_wait_for_work_enabled(); }
CXXRT_INLINE void binder_wait_for_work(bool proc_work, bool transaction_stack, bool thread_todo)
{
	raw::cxxrt_trace_binder_wait_for_work(proc_work, transaction_stack, thread_todo);
}
CXXRT_INLINE void binder_write_done(int ret)
{
	if (raw::cxxrt_trace_binder_write_done_enabled()) [[unlikely]]
		raw::cxxrt_trace_binder_write_done(ret);
}

}  // namespace cxxrt::trace
