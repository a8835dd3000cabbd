/* SPDX-License-Identifier: GPL-2.0 */
/* The tracepoints of nvme_cpp: the system, names, fields and texts of the C driver's. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvme

#if !defined(CXXRT_TRACE_NVME_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define CXXRT_TRACE_NVME_EVENTS_H

#include <linux/blk-integrity.h>
#include <linux/blk-mq.h>
#include <linux/nvme.h>
#include <linux/tracepoint.h>
#include <linux/trace_seq.h>
#include "nvme.h"

const char *cxxrt_nvme_disk_text(struct trace_seq *p, const char *name);
const char *cxxrt_nvme_command_text(struct trace_seq *p, int queue, u8 opcode, const u8 *words);

TRACE_EVENT(nvme_setup_cmd,
	    TP_PROTO(struct request *rq, struct cxxrt_nvme_queue where, const struct nvme_command *cmd),
	    TP_ARGS(rq, where, cmd),
	    TP_STRUCT__entry(
		__array(char, disk, DISK_NAME_LEN)
		__field(int, ctrl_id)
		__field(int, qid)
		__field(u8, opcode)
		__field(u8, flags)
		__field(u8, fctype)
		__field(u16, cid)
		__field(u32, nsid)
		__field(bool, metadata)
		__array(u8, cdw10, 24)
	    ),
	    TP_fast_assign(
		cxxrt_copy_disk_name(__entry->disk, rq);
		__entry->ctrl_id = where.controller;
		__entry->qid = where.queue;
		__entry->opcode = cmd->common.opcode;
		__entry->flags = cmd->common.flags;
		__entry->fctype = cmd->fabrics.fctype;
		__entry->cid = cmd->common.command_id;
		__entry->nsid = le32_to_cpu(cmd->common.nsid);
		__entry->metadata = !!blk_integrity_rq(rq);
		memcpy(__entry->cdw10, &cmd->common.cdws, sizeof(__entry->cdw10));
	    ),
	    TP_printk("nvme%d: %sqid=%d, cmdid=%u, nsid=%u, flags=0x%x, meta=0x%x, cmd=(%s %s)",
		      __entry->ctrl_id, cxxrt_nvme_disk_text(p, __entry->disk), __entry->qid, __entry->cid,
		      __entry->nsid, __entry->flags, __entry->metadata,
		      show_opcode_name(__entry->qid, __entry->opcode, __entry->fctype),
		      cxxrt_nvme_command_text(p, __entry->qid, __entry->opcode, __entry->cdw10))
);

TRACE_EVENT(nvme_complete_rq,
	    TP_PROTO(struct request *rq, struct cxxrt_nvme_queue where, const struct cxxrt_nvme_end *end),
	    TP_ARGS(rq, where, end),
	    TP_STRUCT__entry(
		__array(char, disk, DISK_NAME_LEN)
		__field(int, ctrl_id)
		__field(int, qid)
		__field(int, cid)
		__field(u64, result)
		__field(u8, retries)
		__field(u8, flags)
		__field(u16, status)
	    ),
	    TP_fast_assign(
		cxxrt_copy_disk_name(__entry->disk, rq);
		__entry->ctrl_id = where.controller;
		__entry->qid = where.queue;
		__entry->cid = end->id;
		__entry->result = end->result;
		__entry->retries = end->retries;
		__entry->flags = end->flags;
		__entry->status = end->status;
	    ),
	    TP_printk("nvme%d: %sqid=%d, cmdid=%u, res=%#llx, retries=%u, flags=0x%x, status=%#x",
		      __entry->ctrl_id, cxxrt_nvme_disk_text(p, __entry->disk), __entry->qid, __entry->cid,
		      __entry->result, __entry->retries, __entry->flags, __entry->status)
);

#define cxxrt_event_name(event) { event, #event }

TRACE_EVENT(nvme_async_event,
	    TP_PROTO(int ctrl_id, u32 result),
	    TP_ARGS(ctrl_id, result),
	    TP_STRUCT__entry(
		__field(int, ctrl_id)
		__field(u32, result)
	    ),
	    TP_fast_assign(
		__entry->ctrl_id = ctrl_id;
		__entry->result = result;
	    ),
	    TP_printk("nvme%d: NVME_AEN=%#08x [%s]", __entry->ctrl_id, __entry->result,
		      __print_symbolic(__entry->result & 0x7,
				       cxxrt_event_name(NVME_AER_ERROR),
				       cxxrt_event_name(NVME_AER_SMART),
				       cxxrt_event_name(NVME_AER_NOTICE),
				       cxxrt_event_name(NVME_AER_CSS),
				       cxxrt_event_name(NVME_AER_VS)))
);

#undef cxxrt_event_name

TRACE_EVENT(nvme_sq,
	    TP_PROTO(struct request *rq, struct cxxrt_nvme_queue where, u16 sq_head, u16 sq_tail),
	    TP_ARGS(rq, where, sq_head, sq_tail),
	    TP_STRUCT__entry(
		__field(int, ctrl_id)
		__array(char, disk, DISK_NAME_LEN)
		__field(int, qid)
		__field(u16, sq_head)
		__field(u16, sq_tail)
	    ),
	    TP_fast_assign(
		__entry->ctrl_id = where.controller;
		cxxrt_copy_disk_name(__entry->disk, rq);
		__entry->qid = where.queue;
		__entry->sq_head = sq_head;
		__entry->sq_tail = sq_tail;
	    ),
	    TP_printk("nvme%d: %sqid=%d, head=%u, tail=%u", __entry->ctrl_id,
		      cxxrt_nvme_disk_text(p, __entry->disk), __entry->qid, __entry->sq_head, __entry->sq_tail)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH trace
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE nvme_events
#include <trace/define_trace.h>
