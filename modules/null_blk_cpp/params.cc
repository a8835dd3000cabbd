// SPDX-License-Identifier: GPL-2.0
#include "params.hpp"

#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

namespace null_blk::params {

using module::Param;
using module::RangedParam;

namespace {

constinit RangedParam<0, 2> queue_mode{int(QueueMode::Mq)};
CXXRT_PARAM(queue_mode, "Block interface to use (0=bio, 1=rq, 2=multiqueue)");
constinit RangedParam<0, 2> irqmode{int(IrqMode::Softirq)};
CXXRT_PARAM(irqmode, "Completion: 0 inline, 1 softirq, 2 timer");
constinit Param<unsigned long> completion_nsec{10000};
CXXRT_PARAM(completion_nsec, "Nanoseconds until a request completes, irqmode 2");
constinit Param<int> gb{250};
CXXRT_PARAM(gb, "Size in GiB");
constinit Param<int> bs{512};
CXXRT_PARAM(bs, "Block size in bytes");
constinit Param<int> max_sectors{0};
CXXRT_PARAM(max_sectors, "Largest request in 512-byte sectors, 0 for the block layer's default");
constinit Param<u32> nr_devices{1};
CXXRT_PARAM(nr_devices, "Number of devices to create at load");
constinit Param<int> submit_queues{1};
CXXRT_PARAM(submit_queues, "Number of submission queues");
constinit Param<int> poll_queues{1};
CXXRT_PARAM(poll_queues, "Number of polled queues, also the most a configfs device may have");
constinit Param<int> home_node{-1};
CXXRT_PARAM(home_node, "NUMA node of the devices' memory, -1 for any");
constinit Param<int> hw_queue_depth{64};
CXXRT_PARAM(hw_queue_depth, "Tags per hardware queue");
constinit Param<bool> use_per_node_hctx{false};
CXXRT_PARAM(use_per_node_hctx, "One submission queue per online node");
constinit Param<int> no_sched{0};
CXXRT_PARAM(no_sched, "No I/O scheduler");
constinit Param<bool> shared_tag_bitmap{false};
CXXRT_PARAM(shared_tag_bitmap, "One tag space for all hardware queues of a device");
constinit Param<bool> blocking{false};
CXXRT_PARAM(blocking, "Dispatch may sleep");
constinit Param<bool> virt_boundary{false};
CXXRT_PARAM(virt_boundary, "No segment crosses a page boundary");
constinit Param<bool> memory_backed{false};
CXXRT_PARAM(memory_backed, "Keep the data in memory");
constinit Param<bool> compat_names{false};
CXXRT_PARAM(compat_names, "Take the C driver's device, major and configfs names");

}  // namespace

u32 most_poll_queues() { return u32(poll_queues.get()); }
u32 device_count() { return nr_devices.get(); }
bool use_compat_names() { return compat_names.get(); }

Result<void> correct()
{
	// Negative sizes count as too large, as in C, whose comparison is unsigned.
	if (bs.get() < 0 || u32(bs.get()) > kPageSize) {
		log::warn<"invalid block size">();
		log::warn<"defaults block size to %u">(kPageSize);
		bs.set(int(kPageSize));
	}
	if (home_node.get() != -1 && !is_valid_home_node(u32(home_node.get()))) {
		log::error<"invalid home_node value">();
		home_node.set(-1);
	}
	if (queue_mode.get() == int(QueueMode::Rq)) {
		log::error<"legacy IO path is no longer available">();
		return EINVAL;
	}
	if (gb.get() < 0 || poll_queues.get() < 0 || max_sectors.get() < 0 || hw_queue_depth.get() < 0) {
		log::error<"gb=%d poll_queues=%d max_sectors=%d hw_queue_depth=%d: none may be negative">(
			gb.get(), poll_queues.get(), max_sectors.get(), hw_queue_depth.get());
		return EINVAL;
	}
	const bool is_mq = !blk::kBioDisks || queue_mode.get() == int(QueueMode::Mq);
	if (is_mq && use_per_node_hctx.get()) {
		const u32 nodes = online_node_count();
		if (submit_queues.get() != int(nodes)) {
			log::warn<"submit_queues param is set to %u.">(nodes);
			submit_queues.set(int(nodes));
		}
	} else if (submit_queues.get() < 0 || u32(submit_queues.get()) > cpu_id_limit()) {
		submit_queues.set(int(cpu_id_limit()));
	} else if (submit_queues.get() == 0) {
		submit_queues.set(1);
	}
	return {};
}

Config default_config()
{
	return {
		.size = u64(gb.get()) * 1024,
		.completion_nsec = completion_nsec.get(),
		.submit_queues = u32(submit_queues.get()),
		.poll_queues = u32(poll_queues.get()),
		.home_node = u32(home_node.get()),
		.queue_mode = u32(queue_mode.get()),
		.blocksize = u32(bs.get()),
		.max_sectors = u32(max_sectors.get()),
		.irqmode = u32(irqmode.get()),
		.hw_queue_depth = u32(hw_queue_depth.get()),
		.index = 0,
		.blocking = blocking.get(),
		.use_per_node_hctx = use_per_node_hctx.get(),
		.memory_backed = memory_backed.get(),
		.virt_boundary = virt_boundary.get(),
		.no_sched = no_sched.get() != 0,
		.shared_tag_bitmap = shared_tag_bitmap.get(),
	};
}

}  // namespace null_blk::params
