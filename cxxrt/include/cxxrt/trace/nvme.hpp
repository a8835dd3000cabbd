// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The tracepoints of the trace system "nvme". The module says `<module>-trace := nvme`. Whoever is on a hot path asks first
/// whether one is on, which costs a no-op while it is not, and calls what it then needs out of line.
/// C side: helpers/trace/nvme.c; drivers/nvme/host/trace.h.
/// Context: any.

#include <cxxrt/blk.hpp>

#include "trace/nvme.h"

namespace cxxrt::trace {

/// Of a request: the controller's number, and its queue's.
struct NvmeQueue {
	u32 controller, queue;
	raw::cxxrt_nvme_queue unsafe_raw() const { return {.controller = int(controller), .queue = int(queue)}; }
};

/// How a command ended.
struct NvmeEnd {
	u64 result;
	u32 id;
	u32 status;
	u32 retries;
	u32 flags;  ///< bit 0: cancelled; 1: it is user space's
};

CXXRT_INLINE bool nvme_setup_cmd_enabled() { return raw::cxxrt_trace_nvme_setup_cmd_enabled(); }
CXXRT_INLINE bool nvme_complete_rq_enabled() { return raw::cxxrt_trace_nvme_complete_rq_enabled(); }
CXXRT_INLINE bool nvme_sq_enabled() { return raw::cxxrt_trace_nvme_sq_enabled(); }

/// A command of 64 bytes, as it is about to be sent.
template <class Pdu, class Command> void nvme_setup_cmd(blk::Request<Pdu> rq, NvmeQueue where, const Command& command)
{
	static_assert(sizeof(Command) == 64);
	raw::cxxrt_trace_nvme_setup_cmd(rq.unsafe_raw(), where.unsafe_raw(), &command);
}

/// A request has ended, or is about to be tried again.
template <class Pdu> void nvme_complete_rq(blk::Request<Pdu> rq, NvmeQueue where, const NvmeEnd& end)
{
	const raw::cxxrt_nvme_end made{
		.result = end.result,
		.id = int(end.id),
		.status = u16(end.status),
		.retries = u8(end.retries),
		.flags = u8(end.flags),
	};
	raw::cxxrt_trace_nvme_complete_rq(rq.unsafe_raw(), where.unsafe_raw(), &made);
}

/// How far the device has read commands, `head`, and how far there are any, `tail`.
template <class Pdu> void nvme_sq(blk::Request<Pdu> rq, NvmeQueue where, u32 head, u32 tail)
{
	raw::cxxrt_trace_nvme_sq(rq.unsafe_raw(), where.unsafe_raw(), head, tail);
}

/// An asynchronous event.
inline void nvme_async_event(u32 controller, u32 result)
{
	if (raw::cxxrt_trace_nvme_async_event_enabled()) [[unlikely]]
		raw::cxxrt_trace_nvme_async_event(int(controller), result);
}

}  // namespace cxxrt::trace
