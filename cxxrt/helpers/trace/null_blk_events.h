/* SPDX-License-Identifier: GPL-2.0 */
/* The tracepoints of null_blk_cpp: the system, names, fields and texts of the C driver's. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nullb

#if !defined(CXXRT_TRACE_NULL_BLK_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define CXXRT_TRACE_NULL_BLK_EVENTS_H

#include <linux/blkdev.h>
#include <linux/tracepoint.h>

TRACE_EVENT(nullb_zone_op,
	    TP_PROTO(const char *disk, unsigned int op, unsigned int zone_no, unsigned int zone_cond),
	    TP_ARGS(disk, op, zone_no, zone_cond),
	    TP_STRUCT__entry(
		__array(char, disk, DISK_NAME_LEN)
		__field(unsigned int, op)
		__field(unsigned int, zone_no)
		__field(unsigned int, zone_cond)
	    ),
	    TP_fast_assign(
		cxxrt_copy_disk_name(__entry->disk, disk);
		__entry->op = op;
		__entry->zone_no = zone_no;
		__entry->zone_cond = zone_cond;
	    ),
	    TP_printk("disk=%s, req=%-15s zone_no=%u zone_cond=%-10s",
		      __entry->disk, blk_op_str((__force enum req_op)__entry->op), __entry->zone_no,
		      blk_zone_cond_str(__entry->zone_cond))
);

TRACE_EVENT(nullb_report_zones,
	    TP_PROTO(const char *disk, unsigned int nr_zones),
	    TP_ARGS(disk, nr_zones),
	    TP_STRUCT__entry(
		__array(char, disk, DISK_NAME_LEN)
		__field(unsigned int, nr_zones)
	    ),
	    TP_fast_assign(
		cxxrt_copy_disk_name(__entry->disk, disk);
		__entry->nr_zones = nr_zones;
	    ),
	    TP_printk("disk=%s, nr_zones=%u", __entry->disk, __entry->nr_zones)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH trace
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE null_blk_events
#include <trace/define_trace.h>
