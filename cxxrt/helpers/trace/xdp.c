// SPDX-License-Identifier: GPL-2.0
/* The kernel's own tracepoint. Not part of the link-time optimisation, which keeps a reference to it in modules that do not use it. */
#include "../prelude.h"
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <net/xdp.h>
#include "../xdp.h"

void cxxrt_trace_xdp_exception(const struct net_device *dev, const struct bpf_prog *prog, u32 act)
{
	trace_xdp_exception(dev, prog, act);
}
