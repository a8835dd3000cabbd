// SPDX-License-Identifier: GPL-2.0
/* Part of the link-time optimisation, as opposed to trace/null_blk.c: a tracepoint that is off costs a no-op. */
#include "prelude.h"
#include "trace/null_blk_events.h"
#include "trace/null_blk.h"

bool cxxrt_trace_nullb_zone_op_enabled(void)
{
	return trace_nullb_zone_op_enabled();
}
