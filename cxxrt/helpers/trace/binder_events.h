/* SPDX-License-Identifier: GPL-2.0 */
/* The tracepoints of binder_cpp: the system, names, fields and texts of the C driver's. Three of locks never fire there either. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM binder

#if !defined(CXXRT_TRACE_BINDER_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define CXXRT_TRACE_BINDER_EVENTS_H

#include <linux/tracepoint.h>
#include <uapi/linux/android/binder.h>
#include "binder.h"

const char *cxxrt_binder_command_name(u32 cmd);
const char *cxxrt_binder_return_name(u32 cmd);

TRACE_EVENT(binder_ioctl,
	    TP_PROTO(unsigned int cmd, unsigned long arg),
	    TP_ARGS(cmd, arg),
	    TP_STRUCT__entry(
		__field(unsigned int, cmd)
		__field(unsigned long, arg)
	    ),
	    TP_fast_assign(
		__entry->cmd = cmd;
		__entry->arg = arg;
	    ),
	    TP_printk("cmd=0x%x arg=0x%lx",
		      __entry->cmd, __entry->arg)
);

DECLARE_EVENT_CLASS(binder_lock_class,
	    TP_PROTO(const char *tag),
	    TP_ARGS(tag),
	    TP_STRUCT__entry(
		__field(const char *, tag)
	    ),
	    TP_fast_assign(
		__entry->tag = tag;
	    ),
	    TP_printk("tag=%s",
		      __entry->tag)
);

DEFINE_EVENT(binder_lock_class, binder_lock, TP_PROTO(const char *tag), TP_ARGS(tag));
DEFINE_EVENT(binder_lock_class, binder_locked, TP_PROTO(const char *tag), TP_ARGS(tag));
DEFINE_EVENT(binder_lock_class, binder_unlock, TP_PROTO(const char *tag), TP_ARGS(tag));

DECLARE_EVENT_CLASS(binder_function_return_class,
	    TP_PROTO(int ret),
	    TP_ARGS(ret),
	    TP_STRUCT__entry(
		__field(int, ret)
	    ),
	    TP_fast_assign(
		__entry->ret = ret;
	    ),
	    TP_printk("ret=%d",
		      __entry->ret)
);

DEFINE_EVENT(binder_function_return_class, binder_ioctl_done, TP_PROTO(int ret), TP_ARGS(ret));
DEFINE_EVENT(binder_function_return_class, binder_write_done, TP_PROTO(int ret), TP_ARGS(ret));
DEFINE_EVENT(binder_function_return_class, binder_read_done, TP_PROTO(int ret), TP_ARGS(ret));

TRACE_EVENT(binder_wait_for_work,
	    TP_PROTO(bool proc_work, bool transaction_stack, bool thread_todo),
	    TP_ARGS(proc_work, transaction_stack, thread_todo),
	    TP_STRUCT__entry(
		__field(bool, proc_work)
		__field(bool, transaction_stack)
		__field(bool, thread_todo)
	    ),
	    TP_fast_assign(
		__entry->proc_work = proc_work;
		__entry->transaction_stack = transaction_stack;
		__entry->thread_todo = thread_todo;
	    ),
	    TP_printk("proc_work=%d transaction_stack=%d thread_todo=%d",
		      __entry->proc_work, __entry->transaction_stack, __entry->thread_todo)
);

TRACE_EVENT(binder_txn_latency_free,
	    TP_PROTO(const struct cxxrt_binder_transaction *t),
	    TP_ARGS(t),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(int, from_proc)
		__field(int, from_thread)
		__field(int, to_proc)
		__field(int, to_thread)
		__field(unsigned int, code)
		__field(unsigned int, flags)
	    ),
	    TP_fast_assign(
		__entry->debug_id = t->debug_id;
		__entry->from_proc = t->from_proc;
		__entry->from_thread = t->from_thread;
		__entry->to_proc = t->to_proc;
		__entry->to_thread = t->to_thread;
		__entry->code = t->code;
		__entry->flags = t->flags;
	    ),
	    TP_printk("transaction=%d from %d:%d to %d:%d flags=0x%x code=0x%x",
		      __entry->debug_id, __entry->from_proc, __entry->from_thread, __entry->to_proc, __entry->to_thread, __entry->flags, __entry->code)
);

TRACE_EVENT(binder_transaction,
	    TP_PROTO(const struct cxxrt_binder_transaction *t),
	    TP_ARGS(t),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(int, target_node)
		__field(int, to_proc)
		__field(int, to_thread)
		__field(int, reply)
		__field(unsigned int, code)
		__field(unsigned int, flags)
	    ),
	    TP_fast_assign(
		__entry->debug_id = t->debug_id;
		__entry->target_node = t->target_node;
		__entry->to_proc = t->to_proc;
		__entry->to_thread = t->to_thread;
		__entry->reply = t->reply;
		__entry->code = t->code;
		__entry->flags = t->flags;
	    ),
	    TP_printk("transaction=%d dest_node=%d dest_proc=%d dest_thread=%d reply=%d flags=0x%x code=0x%x",
		      __entry->debug_id, __entry->target_node, __entry->to_proc, __entry->to_thread, __entry->reply, __entry->flags, __entry->code)
);

TRACE_EVENT(binder_transaction_received,
	    TP_PROTO(int debug_id),
	    TP_ARGS(debug_id),
	    TP_STRUCT__entry(
		__field(int, debug_id)
	    ),
	    TP_fast_assign(
		__entry->debug_id = debug_id;
	    ),
	    TP_printk("transaction=%d",
		      __entry->debug_id)
);

TRACE_EVENT(binder_transaction_node_to_ref,
	    TP_PROTO(const struct cxxrt_binder_passed *t),
	    TP_ARGS(t),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(int, node_debug_id)
		__field(binder_uintptr_t, node_ptr)
		__field(int, ref_debug_id)
		__field(uint32_t, ref_desc)
	    ),
	    TP_fast_assign(
		__entry->debug_id = t->debug_id;
		__entry->node_debug_id = t->node_debug_id;
		__entry->node_ptr = t->node_ptr;
		__entry->ref_debug_id = t->dest_ref_debug_id;
		__entry->ref_desc = t->dest_ref_desc;
	    ),
	    TP_printk("transaction=%d node=%d src_ptr=0x%016llx ==> dest_ref=%d dest_desc=%d",
		      __entry->debug_id, __entry->node_debug_id, (u64)__entry->node_ptr, __entry->ref_debug_id, __entry->ref_desc)
);

TRACE_EVENT(binder_transaction_ref_to_node,
	    TP_PROTO(const struct cxxrt_binder_passed *t),
	    TP_ARGS(t),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(int, ref_debug_id)
		__field(uint32_t, ref_desc)
		__field(int, node_debug_id)
		__field(binder_uintptr_t, node_ptr)
	    ),
	    TP_fast_assign(
		__entry->debug_id = t->debug_id;
		__entry->ref_debug_id = t->src_ref_debug_id;
		__entry->ref_desc = t->src_ref_desc;
		__entry->node_debug_id = t->node_debug_id;
		__entry->node_ptr = t->node_ptr;
	    ),
	    TP_printk("transaction=%d node=%d src_ref=%d src_desc=%d ==> dest_ptr=0x%016llx",
		      __entry->debug_id, __entry->node_debug_id, __entry->ref_debug_id, __entry->ref_desc, (u64)__entry->node_ptr)
);

TRACE_EVENT(binder_transaction_ref_to_ref,
	    TP_PROTO(const struct cxxrt_binder_passed *t),
	    TP_ARGS(t),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(int, node_debug_id)
		__field(int, src_ref_debug_id)
		__field(uint32_t, src_ref_desc)
		__field(int, dest_ref_debug_id)
		__field(uint32_t, dest_ref_desc)
	    ),
	    TP_fast_assign(
		__entry->debug_id = t->debug_id;
		__entry->node_debug_id = t->node_debug_id;
		__entry->src_ref_debug_id = t->src_ref_debug_id;
		__entry->src_ref_desc = t->src_ref_desc;
		__entry->dest_ref_debug_id = t->dest_ref_debug_id;
		__entry->dest_ref_desc = t->dest_ref_desc;
	    ),
	    TP_printk("transaction=%d node=%d src_ref=%d src_desc=%d ==> dest_ref=%d dest_desc=%d",
		      __entry->debug_id, __entry->node_debug_id, __entry->src_ref_debug_id, __entry->src_ref_desc, __entry->dest_ref_debug_id, __entry->dest_ref_desc)
);

TRACE_EVENT(binder_transaction_fd_send,
	    TP_PROTO(int debug_id, int fd, size_t offset),
	    TP_ARGS(debug_id, fd, offset),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(int, fd)
		__field(size_t, offset)
	    ),
	    TP_fast_assign(
		__entry->debug_id = debug_id;
		__entry->fd = fd;
		__entry->offset = offset;
	    ),
	    TP_printk("transaction=%d src_fd=%d offset=%zu",
		      __entry->debug_id, __entry->fd, __entry->offset)
);

TRACE_EVENT(binder_transaction_fd_recv,
	    TP_PROTO(int debug_id, int fd, size_t offset),
	    TP_ARGS(debug_id, fd, offset),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(int, fd)
		__field(size_t, offset)
	    ),
	    TP_fast_assign(
		__entry->debug_id = debug_id;
		__entry->fd = fd;
		__entry->offset = offset;
	    ),
	    TP_printk("transaction=%d dest_fd=%d offset=%zu",
		      __entry->debug_id, __entry->fd, __entry->offset)
);

DECLARE_EVENT_CLASS(binder_buffer_class,
	    TP_PROTO(int debug_id, size_t data_size, size_t offsets_size, size_t extra_buffers_size),
	    TP_ARGS(debug_id, data_size, offsets_size, extra_buffers_size),
	    TP_STRUCT__entry(
		__field(int, debug_id)
		__field(size_t, data_size)
		__field(size_t, offsets_size)
		__field(size_t, extra_buffers_size)
	    ),
	    TP_fast_assign(
		__entry->debug_id = debug_id;
		__entry->data_size = data_size;
		__entry->offsets_size = offsets_size;
		__entry->extra_buffers_size = extra_buffers_size;
	    ),
	    TP_printk("transaction=%d data_size=%zd offsets_size=%zd extra_buffers_size=%zd",
		      __entry->debug_id, __entry->data_size, __entry->offsets_size, __entry->extra_buffers_size)
);

DEFINE_EVENT(binder_buffer_class, binder_transaction_alloc_buf, TP_PROTO(int debug_id, size_t data_size, size_t offsets_size, size_t extra_buffers_size), TP_ARGS(debug_id, data_size, offsets_size, extra_buffers_size));
DEFINE_EVENT(binder_buffer_class, binder_transaction_buffer_release, TP_PROTO(int debug_id, size_t data_size, size_t offsets_size, size_t extra_buffers_size), TP_ARGS(debug_id, data_size, offsets_size, extra_buffers_size));
DEFINE_EVENT(binder_buffer_class, binder_transaction_failed_buffer_release, TP_PROTO(int debug_id, size_t data_size, size_t offsets_size, size_t extra_buffers_size), TP_ARGS(debug_id, data_size, offsets_size, extra_buffers_size));
DEFINE_EVENT(binder_buffer_class, binder_transaction_update_buffer_release, TP_PROTO(int debug_id, size_t data_size, size_t offsets_size, size_t extra_buffers_size), TP_ARGS(debug_id, data_size, offsets_size, extra_buffers_size));

TRACE_EVENT(binder_update_page_range,
	    TP_PROTO(int proc, bool allocate, size_t offset, size_t size),
	    TP_ARGS(proc, allocate, offset, size),
	    TP_STRUCT__entry(
		__field(int, proc)
		__field(bool, allocate)
		__field(size_t, offset)
		__field(size_t, size)
	    ),
	    TP_fast_assign(
		__entry->proc = proc;
		__entry->allocate = allocate;
		__entry->offset = offset;
		__entry->size = size;
	    ),
	    TP_printk("proc=%d allocate=%d offset=%zu size=%zu",
		      __entry->proc, __entry->allocate, __entry->offset, __entry->size)
);

DECLARE_EVENT_CLASS(binder_lru_page_class,
	    TP_PROTO(int proc, size_t page_index),
	    TP_ARGS(proc, page_index),
	    TP_STRUCT__entry(
		__field(int, proc)
		__field(size_t, page_index)
	    ),
	    TP_fast_assign(
		__entry->proc = proc;
		__entry->page_index = page_index;
	    ),
	    TP_printk("proc=%d page_index=%zu",
		      __entry->proc, __entry->page_index)
);

DEFINE_EVENT(binder_lru_page_class, binder_alloc_lru_start, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_alloc_lru_end, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_free_lru_start, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_free_lru_end, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_alloc_page_start, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_alloc_page_end, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_unmap_user_start, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_unmap_user_end, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_unmap_kernel_start, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));
DEFINE_EVENT(binder_lru_page_class, binder_unmap_kernel_end, TP_PROTO(int proc, size_t page_index), TP_ARGS(proc, page_index));

TRACE_EVENT(binder_command,
	    TP_PROTO(uint32_t cmd),
	    TP_ARGS(cmd),
	    TP_STRUCT__entry(
		__field(uint32_t, cmd)
	    ),
	    TP_fast_assign(
		__entry->cmd = cmd;
	    ),
	    TP_printk("cmd=0x%x %s",
		      __entry->cmd, cxxrt_binder_command_name(__entry->cmd))
);

TRACE_EVENT(binder_return,
	    TP_PROTO(uint32_t cmd),
	    TP_ARGS(cmd),
	    TP_STRUCT__entry(
		__field(uint32_t, cmd)
	    ),
	    TP_fast_assign(
		__entry->cmd = cmd;
	    ),
	    TP_printk("cmd=0x%x %s",
		      __entry->cmd, cxxrt_binder_return_name(__entry->cmd))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH trace
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE binder_events
#include <trace/define_trace.h>
