// SPDX-License-Identifier: GPL-2.0
/* Part of the link-time optimisation, as opposed to trace/nvme.c: a tracepoint that is off costs a no-op. */
#include "prelude.h"
#include "trace/nvme_events.h"
#include "trace/nvme.h"

bool cxxrt_trace_nvme_async_event_enabled(void)
{
	return trace_nvme_async_event_enabled();
}

bool cxxrt_trace_nvme_complete_rq_enabled(void)
{
	return trace_nvme_complete_rq_enabled();
}

bool cxxrt_trace_nvme_setup_cmd_enabled(void)
{
	return trace_nvme_setup_cmd_enabled();
}

bool cxxrt_trace_nvme_sq_enabled(void)
{
	return trace_nvme_sq_enabled();
}
