// SPDX-License-Identifier: GPL-2.0
/* Part of the link-time optimisation, as opposed to trace/binder.c: a tracepoint that is off costs a no-op. */
#include "prelude.h"
#include "trace/binder_events.h"
#include "trace/binder.h"

bool cxxrt_trace_binder_alloc_lru_end_enabled(void) { return trace_binder_alloc_lru_end_enabled(); }

bool cxxrt_trace_binder_alloc_lru_start_enabled(void) { return trace_binder_alloc_lru_start_enabled(); }

bool cxxrt_trace_binder_alloc_page_end_enabled(void) { return trace_binder_alloc_page_end_enabled(); }

bool cxxrt_trace_binder_alloc_page_start_enabled(void) { return trace_binder_alloc_page_start_enabled(); }

bool cxxrt_trace_binder_command_enabled(void) { return trace_binder_command_enabled(); }

bool cxxrt_trace_binder_free_lru_end_enabled(void) { return trace_binder_free_lru_end_enabled(); }

bool cxxrt_trace_binder_free_lru_start_enabled(void) { return trace_binder_free_lru_start_enabled(); }

bool cxxrt_trace_binder_ioctl_enabled(void) { return trace_binder_ioctl_enabled(); }

bool cxxrt_trace_binder_ioctl_done_enabled(void) { return trace_binder_ioctl_done_enabled(); }

bool cxxrt_trace_binder_read_done_enabled(void) { return trace_binder_read_done_enabled(); }

bool cxxrt_trace_binder_return_enabled(void) { return trace_binder_return_enabled(); }

bool cxxrt_trace_binder_transaction_enabled(void) { return trace_binder_transaction_enabled(); }

bool cxxrt_trace_binder_transaction_alloc_buf_enabled(void) { return trace_binder_transaction_alloc_buf_enabled(); }

bool cxxrt_trace_binder_transaction_buffer_release_enabled(void)
{
	return trace_binder_transaction_buffer_release_enabled();
}

bool cxxrt_trace_binder_transaction_failed_buffer_release_enabled(void)
{
	return trace_binder_transaction_failed_buffer_release_enabled();
}

bool cxxrt_trace_binder_transaction_fd_recv_enabled(void) { return trace_binder_transaction_fd_recv_enabled(); }

bool cxxrt_trace_binder_transaction_fd_send_enabled(void) { return trace_binder_transaction_fd_send_enabled(); }

bool cxxrt_trace_binder_transaction_node_to_ref_enabled(void) { return trace_binder_transaction_node_to_ref_enabled(); }

bool cxxrt_trace_binder_transaction_received_enabled(void) { return trace_binder_transaction_received_enabled(); }

bool cxxrt_trace_binder_transaction_ref_to_node_enabled(void) { return trace_binder_transaction_ref_to_node_enabled(); }

bool cxxrt_trace_binder_transaction_ref_to_ref_enabled(void) { return trace_binder_transaction_ref_to_ref_enabled(); }

bool cxxrt_trace_binder_transaction_update_buffer_release_enabled(void)
{
	return trace_binder_transaction_update_buffer_release_enabled();
}

bool cxxrt_trace_binder_txn_latency_free_enabled(void) { return trace_binder_txn_latency_free_enabled(); }

bool cxxrt_trace_binder_unmap_kernel_end_enabled(void) { return trace_binder_unmap_kernel_end_enabled(); }

bool cxxrt_trace_binder_unmap_kernel_start_enabled(void) { return trace_binder_unmap_kernel_start_enabled(); }

bool cxxrt_trace_binder_unmap_user_end_enabled(void) { return trace_binder_unmap_user_end_enabled(); }

bool cxxrt_trace_binder_unmap_user_start_enabled(void) { return trace_binder_unmap_user_start_enabled(); }

bool cxxrt_trace_binder_update_page_range_enabled(void) { return trace_binder_update_page_range_enabled(); }

bool cxxrt_trace_binder_wait_for_work_enabled(void) { return trace_binder_wait_for_work_enabled(); }

bool cxxrt_trace_binder_write_done_enabled(void) { return trace_binder_write_done_enabled(); }
