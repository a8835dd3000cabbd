/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_TRACE_BINDER_H
#define CXXRT_HELPERS_TRACE_BINDER_H
#include "../prelude.h"
CXXRT_HELPERS_BEGIN

struct cxxrt_binder_transaction {
	int debug_id;
	int from_proc, from_thread;
	int to_proc, to_thread;
	int target_node;
	int reply;
	u32 code, flags;
};

/* A node on its way from one process to another, by its owner's pointer or by handles. */
struct cxxrt_binder_passed {
	int debug_id;
	int node_debug_id;
	u64 node_ptr;
	int src_ref_debug_id;
	u32 src_ref_desc;
	int dest_ref_debug_id;
	u32 dest_ref_desc;
};

bool cxxrt_trace_binder_alloc_lru_end_enabled(void);
bool cxxrt_trace_binder_alloc_lru_start_enabled(void);
bool cxxrt_trace_binder_alloc_page_end_enabled(void);
bool cxxrt_trace_binder_alloc_page_start_enabled(void);
bool cxxrt_trace_binder_command_enabled(void);
bool cxxrt_trace_binder_free_lru_end_enabled(void);
bool cxxrt_trace_binder_free_lru_start_enabled(void);
bool cxxrt_trace_binder_ioctl_enabled(void);
bool cxxrt_trace_binder_ioctl_done_enabled(void);
bool cxxrt_trace_binder_read_done_enabled(void);
bool cxxrt_trace_binder_return_enabled(void);
bool cxxrt_trace_binder_transaction_enabled(void);
bool cxxrt_trace_binder_transaction_alloc_buf_enabled(void);
bool cxxrt_trace_binder_transaction_buffer_release_enabled(void);
bool cxxrt_trace_binder_transaction_failed_buffer_release_enabled(void);
bool cxxrt_trace_binder_transaction_fd_recv_enabled(void);
bool cxxrt_trace_binder_transaction_fd_send_enabled(void);
bool cxxrt_trace_binder_transaction_node_to_ref_enabled(void);
bool cxxrt_trace_binder_transaction_received_enabled(void);
bool cxxrt_trace_binder_transaction_ref_to_node_enabled(void);
bool cxxrt_trace_binder_transaction_ref_to_ref_enabled(void);
bool cxxrt_trace_binder_transaction_update_buffer_release_enabled(void);
bool cxxrt_trace_binder_txn_latency_free_enabled(void);
bool cxxrt_trace_binder_unmap_kernel_end_enabled(void);
bool cxxrt_trace_binder_unmap_kernel_start_enabled(void);
bool cxxrt_trace_binder_unmap_user_end_enabled(void);
bool cxxrt_trace_binder_unmap_user_start_enabled(void);
bool cxxrt_trace_binder_update_page_range_enabled(void);
bool cxxrt_trace_binder_wait_for_work_enabled(void);
bool cxxrt_trace_binder_write_done_enabled(void);
void cxxrt_trace_binder_alloc_lru_end(int proc, u64 page_index);
void cxxrt_trace_binder_alloc_lru_start(int proc, u64 page_index);
void cxxrt_trace_binder_alloc_page_end(int proc, u64 page_index);
void cxxrt_trace_binder_alloc_page_start(int proc, u64 page_index);
void cxxrt_trace_binder_command(u32 cmd);
void cxxrt_trace_binder_free_lru_end(int proc, u64 page_index);
void cxxrt_trace_binder_free_lru_start(int proc, u64 page_index);
void cxxrt_trace_binder_ioctl(u32 cmd, u64 arg);
void cxxrt_trace_binder_ioctl_done(int ret);
void cxxrt_trace_binder_read_done(int ret);
void cxxrt_trace_binder_return(u32 cmd);
void cxxrt_trace_binder_transaction(const struct cxxrt_binder_transaction* t);
void cxxrt_trace_binder_transaction_alloc_buf(int debug_id, u64 data_size, u64 offsets_size, u64 extra_buffers_size);
void cxxrt_trace_binder_transaction_buffer_release(int debug_id, u64 data_size, u64 offsets_size,
						   u64 extra_buffers_size);
void cxxrt_trace_binder_transaction_failed_buffer_release(int debug_id, u64 data_size, u64 offsets_size,
							  u64 extra_buffers_size);
void cxxrt_trace_binder_transaction_fd_recv(int debug_id, int fd, u64 offset);
void cxxrt_trace_binder_transaction_fd_send(int debug_id, int fd, u64 offset);
void cxxrt_trace_binder_transaction_node_to_ref(const struct cxxrt_binder_passed* t);
void cxxrt_trace_binder_transaction_received(int debug_id);
void cxxrt_trace_binder_transaction_ref_to_node(const struct cxxrt_binder_passed* t);
void cxxrt_trace_binder_transaction_ref_to_ref(const struct cxxrt_binder_passed* t);
void cxxrt_trace_binder_transaction_update_buffer_release(int debug_id, u64 data_size, u64 offsets_size,
							  u64 extra_buffers_size);
void cxxrt_trace_binder_txn_latency_free(const struct cxxrt_binder_transaction* t);
void cxxrt_trace_binder_unmap_kernel_end(int proc, u64 page_index);
void cxxrt_trace_binder_unmap_kernel_start(int proc, u64 page_index);
void cxxrt_trace_binder_unmap_user_end(int proc, u64 page_index);
void cxxrt_trace_binder_unmap_user_start(int proc, u64 page_index);
void cxxrt_trace_binder_update_page_range(int proc, bool allocate, u64 offset, u64 size);
void cxxrt_trace_binder_wait_for_work(bool proc_work, bool transaction_stack, bool thread_todo);
void cxxrt_trace_binder_write_done(int ret);

CXXRT_HELPERS_END
#endif
