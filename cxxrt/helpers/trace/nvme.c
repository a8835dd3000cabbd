// SPDX-License-Identifier: GPL-2.0
/* TRACE_EVENT() takes C. Not part of the link-time optimisation, which loses what only sections refer to. */
#include "../prelude.h"
#include <linux/blk-mq.h>
#include <linux/module.h>
#include <linux/nvme.h>

/* Once, and not in each of the functions that are made of an event. */
static noinline void cxxrt_copy_disk_name(char *to, const struct request *rq)
{
	strscpy_pad(to, rq->q->disk ? rq->q->disk->disk_name : "", DISK_NAME_LEN);
}

#define CREATE_TRACE_POINTS
#include "nvme_events.h"

void cxxrt_trace_nvme_setup_cmd(struct request *rq, struct cxxrt_nvme_queue where, const void *command)
{
	trace_nvme_setup_cmd(rq, where, command);
}

void cxxrt_trace_nvme_complete_rq(struct request *rq, struct cxxrt_nvme_queue where, const struct cxxrt_nvme_end *end)
{
	trace_nvme_complete_rq(rq, where, end);
}

void cxxrt_trace_nvme_sq(struct request *rq, struct cxxrt_nvme_queue where, u32 head, u32 tail)
{
	trace_nvme_sq(rq, where, head, tail);
}

void cxxrt_trace_nvme_async_event(int controller, u32 result)
{
	trace_nvme_async_event(controller, result);
}

const char *cxxrt_nvme_disk_text(struct trace_seq *p, const char *name)
{
	const char *text = trace_seq_buffer_ptr(p);

	if (*name)
		trace_seq_printf(p, "disk=%s, ", name);
	trace_seq_putc(p, 0);
	return text;
}

enum kind { NUMBER, FORMAT_NUMBER, ZONE_SEND, ZONE_REPORT };

/* A part of a command's last six words: of the bytes from `at` on those bits of `mask`, above `shift`. */
struct part {
	const char *text;
	u32 mask;
	u8 at, bytes, shift, kind;
};

/* One kind of command: its parts, the last without a text. */
struct layout {
	u8 opcode;
	const struct part *parts;
};

#define FIELD(text, at, bytes) { text, ~0u, at, bytes, 0, NUMBER }
#define BITS(text, at, shift, mask) { text, mask, at, 1, shift, NUMBER }
#define PARTS(...) ((const struct part[]){ __VA_ARGS__, {} })

static const struct part cxxrt_transfer[] = {
	FIELD("slba=%llu", 0, 8), FIELD(", len=%llu", 8, 2), FIELD(", ctrl=0x%llx", 10, 2),
	FIELD(", dsmgmt=%llu", 12, 4), FIELD(", reftag=%llu", 16, 4), {}
};

static const struct layout cxxrt_admin[] = {
	{ nvme_admin_delete_sq, PARTS(FIELD("sqid=%llu", 0, 2)) },
	{ nvme_admin_create_sq, PARTS(FIELD("sqid=%llu", 0, 2), FIELD(", qsize=%llu", 2, 2),
				      FIELD(", sq_flags=0x%llx", 4, 2), FIELD(", cqid=%llu", 6, 2)) },
	{ nvme_admin_delete_cq, PARTS(FIELD("cqid=%llu", 0, 2)) },
	{ nvme_admin_create_cq, PARTS(FIELD("cqid=%llu", 0, 2), FIELD(", qsize=%llu", 2, 2),
				      FIELD(", cq_flags=0x%llx", 4, 2), FIELD(", irq_vector=%llu", 6, 2)) },
	{ nvme_admin_identify, PARTS(FIELD("cns=%llu", 0, 1), FIELD(", ctrlid=%llu", 2, 2)) },
	{ nvme_admin_set_features, PARTS(FIELD("fid=0x%llx", 0, 1), BITS(", sv=0x%llx", 3, 0, 0x8),
					 FIELD(", cdw11=0x%llx", 4, 4)) },
	{ nvme_admin_get_features, PARTS(FIELD("fid=0x%llx", 0, 1), BITS(", sel=0x%llx", 1, 0, 0x7),
					 FIELD(", cdw11=0x%llx", 4, 4)) },
	{ nvme_admin_get_lba_status, PARTS(FIELD("slba=0x%llx", 0, 8), FIELD(", mndw=0x%llx", 8, 4),
					   FIELD(", rl=0x%llx", 12, 2), FIELD(", atype=%llu", 15, 1)) },
	{ nvme_admin_format_nvm, PARTS({ "lbaf=%llu", ~0u, 0, 2, 0, FORMAT_NUMBER },
				       BITS(", mset=%llu", 0, 4, 0x1), BITS(", pi=%llu", 0, 5, 0x7),
				       BITS(", pil=%llu", 1, 0, 0x1), BITS(", ses=%llu", 1, 1, 0x7)) },
	{}
};

static const struct layout cxxrt_io[] = {
	{ nvme_cmd_read, cxxrt_transfer },
	{ nvme_cmd_write, cxxrt_transfer },
	{ nvme_cmd_write_zeroes, cxxrt_transfer },
	{ nvme_cmd_zone_append, cxxrt_transfer },
	{ nvme_cmd_dsm, PARTS(FIELD("nr=%llu", 0, 4), FIELD(", attributes=%llu", 4, 4)) },
#if CXXRT_KERNEL_6_12
	{ nvme_cmd_resv_register, PARTS(BITS("rrega=%llu", 0, 0, 0x7), BITS(", iekey=%llu", 0, 3, 0x1),
					BITS(", ptpl=%llu", 3, 6, 0x3)) },
	{ nvme_cmd_resv_acquire, PARTS(BITS("racqa=%llu", 0, 0, 0x7), BITS(", iekey=%llu", 0, 3, 0x1),
				       FIELD(", rtype=%llu", 1, 1)) },
	{ nvme_cmd_resv_release, PARTS(BITS("rrela=%llu", 0, 0, 0x7), BITS(", iekey=%llu", 0, 3, 0x1),
				       FIELD(", rtype=%llu", 1, 1)) },
	{ nvme_cmd_resv_report, PARTS(FIELD("numd=%llu", 0, 4), BITS(", eds=%llu", 4, 0, 0x1)) },
	{ nvme_cmd_zone_mgmt_send, PARTS(FIELD("slba=%llu", 0, 8), { ", zsa=%llu:%s", ~0u, 12, 1, 0, ZONE_SEND },
					 FIELD(", all=%llu", 13, 1)) },
	{ nvme_cmd_zone_mgmt_recv, PARTS(FIELD("slba=%llu", 0, 8), FIELD(", numd=%llu", 8, 4),
					 FIELD(", zra=%llu", 12, 1),
					 { ", zrasf=%llu:%s", ~0u, 13, 1, 0, ZONE_REPORT }, FIELD(", pr=%llu", 14, 1)) },
#else
	{ nvme_cmd_zone_mgmt_send, PARTS(FIELD("slba=%llu", 0, 8), FIELD(", zsa=%llu", 12, 1),
					 FIELD(", all=%llu", 13, 1)) },
	{ nvme_cmd_zone_mgmt_recv, PARTS(FIELD("slba=%llu", 0, 8), FIELD(", numd=%llu", 8, 4),
					 FIELD(", zra=%llu", 12, 1), FIELD(", zrasf=%llu", 13, 1),
					 FIELD(", pr=%llu", 14, 1)) },
#endif
	{}
};

/* What zones are to do, and which are asked for, in words. */
static const char *const cxxrt_zone_sends[] = {
	[0x01] = "close zone", [0x02] = "finish zone", [0x03] = "open zone", [0x04] = "reset zone",
	[0x05] = "offline zone", [0x10] = "set zone descriptor extension",
};
static const char *const cxxrt_zone_reports[] = {
	[0x00] = "list all zones",
	[0x01] = "list the zones in the ZSE: Empty state",
	[0x02] = "list the zones in the ZSIO: Implicitly Opened state",
	[0x03] = "list the zones in the ZSEO: Explicitly Opened state",
	[0x04] = "list the zones in the ZSC: Closed state",
	[0x05] = "list the zones in the ZSF: Full state",
	[0x06] = "list the zones in the ZSRO: Read Only state",
	[0x07] = "list the zones in the ZSO: Offline state",
	[0x09] = "list the zones that have the zone attribute",
};

static const char *cxxrt_word(u8 kind, u64 value)
{
	const char *word = NULL;

	if (kind == ZONE_SEND && value < ARRAY_SIZE(cxxrt_zone_sends))
		word = cxxrt_zone_sends[value];
	if (kind == ZONE_REPORT && value < ARRAY_SIZE(cxxrt_zone_reports))
		word = cxxrt_zone_reports[value];
	return word ? word : "reserved";
}

static void cxxrt_print_part(struct trace_seq *p, const struct part *part, const u8 *words)
{
	u64 value = 0;
	unsigned int i;

	for (i = part->bytes; i-- > 0;)
		value = value << 8 | words[part->at + i];
	if (part->mask != ~0u)
		value = value >> part->shift & part->mask;
	/* Bits 13 and 12 are upper bits of the number, as 6.12 knows. */
	if (part->kind == FORMAT_NUMBER)
		value = (CXXRT_KERNEL_6_12 ? value >> 8 & 0x30 : 0) | (value & 0xf);
	/* Those that print no word do not look at it. */
	trace_seq_printf(p, part->text, value, cxxrt_word(part->kind, value));
}

const char *cxxrt_nvme_command_text(struct trace_seq *p, int queue, u8 opcode, const u8 *words)
{
	const char *text = trace_seq_buffer_ptr(p);
	const struct layout *layout = queue ? cxxrt_io : cxxrt_admin;
	const struct part *part;

	while (layout->parts && layout->opcode != opcode)
		layout++;
	if (opcode == nvme_fabrics_command)
		trace_seq_printf(p, "specific=%*ph", 24, words);
	else if (!layout->parts)
		trace_seq_printf(p, "cdw10=%*ph", 24, words);
	for (part = layout->parts; part && part->text; part++)
		cxxrt_print_part(p, part, words);
	trace_seq_putc(p, 0);
	return text;
}
