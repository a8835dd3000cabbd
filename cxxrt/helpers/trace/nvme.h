/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_TRACE_NVME_H
#define CXXRT_HELPERS_TRACE_NVME_H
#include "../prelude.h"
CXXRT_HELPERS_BEGIN

struct cxxrt_nvme_queue {
	int controller;
	int queue;
};

struct cxxrt_nvme_end {
	u64 result;
	int id;
	u16 status;
	u8 retries;
	u8 flags;
};

bool cxxrt_trace_nvme_setup_cmd_enabled(void);
bool cxxrt_trace_nvme_complete_rq_enabled(void);
bool cxxrt_trace_nvme_sq_enabled(void);
bool cxxrt_trace_nvme_async_event_enabled(void);
void cxxrt_trace_nvme_setup_cmd(struct request *rq, struct cxxrt_nvme_queue where, const void *command);
void cxxrt_trace_nvme_complete_rq(struct request *rq, struct cxxrt_nvme_queue where, const struct cxxrt_nvme_end *end);
void cxxrt_trace_nvme_sq(struct request *rq, struct cxxrt_nvme_queue where, u32 head, u32 tail);
void cxxrt_trace_nvme_async_event(int controller, u32 result);

CXXRT_HELPERS_END
#endif
