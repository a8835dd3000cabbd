// SPDX-License-Identifier: GPL-2.0
/* TRACE_EVENT() takes C. Not part of the link-time optimisation, which loses what only sections refer to. */
#include "../prelude.h"
#include <linux/blkdev.h>
#include <linux/module.h>

/* Once, and not in each of the functions that are made of an event. */
static noinline void cxxrt_copy_disk_name(char *to, const char *from)
{
	strscpy_pad(to, from, DISK_NAME_LEN);
}

#define CREATE_TRACE_POINTS
#include "null_blk_events.h"
#include "null_blk.h"

void cxxrt_trace_nullb_zone_op(const char *disk, u32 op, u32 zone_no, u32 zone_cond)
{
	trace_nullb_zone_op(disk, op, zone_no, zone_cond);
}

void cxxrt_trace_nullb_report_zones(const char *disk, u32 nr_zones)
{
	trace_nullb_report_zones(disk, nr_zones);
}
