/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_TRACE_NULL_BLK_H
#define CXXRT_HELPERS_TRACE_NULL_BLK_H
#include "../prelude.h"
CXXRT_HELPERS_BEGIN

bool cxxrt_trace_nullb_zone_op_enabled(void);
void cxxrt_trace_nullb_zone_op(const char *disk, u32 op, u32 zone_no, u32 zone_cond);
void cxxrt_trace_nullb_report_zones(const char *disk, u32 nr_zones);

CXXRT_HELPERS_END
#endif
