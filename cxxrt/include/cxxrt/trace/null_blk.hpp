// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The tracepoints of the trace system "nullb". The module says `<module>-trace := null_blk`.
/// C side: helpers/trace/null_blk.c; drivers/block/null_blk/trace.h.
/// Context: any.

#include <cxxrt/blk.hpp>

#include "trace/null_blk.h"

namespace cxxrt::trace {

/// A zone was written to, or its condition was changed on request.
inline void nullb_zone_op(const char* disk, blk::Op op, u32 zone, blk::ZoneCondition condition)
{
	if (raw::cxxrt_trace_nullb_zone_op_enabled()) [[unlikely]]
		raw::cxxrt_trace_nullb_zone_op(disk, u32(op), zone, u32(condition));
}

/// Zones were asked for.
inline void nullb_report_zones(const char* disk, u32 zones) { raw::cxxrt_trace_nullb_report_zones(disk, zones); }

}  // namespace cxxrt::trace
