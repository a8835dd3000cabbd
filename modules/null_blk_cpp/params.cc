// SPDX-License-Identifier: GPL-2.0
#include "params.hpp"

#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

namespace null_blk::params {

using module::Param;
using module::RangedParam;
using module::TextParam;

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
constinit Param<bool> discard{false};
CXXRT_PARAM(discard, "Offer discard; needs memory_backed");
constinit Param<unsigned long> cache_size{0};
CXXRT_PARAM(cache_size, "Size of the volatile write cache in MiB, 0 for none; needs memory_backed");
constinit Param<bool> fua{true};
CXXRT_PARAM_SINCE_6_12(fua, "Offer FUA writes; needs cache_size");
constinit Param<u32> mbps{0};
CXXRT_PARAM(mbps, "Most MiB per second, 0 for no limit");
constinit Param<bool> shared_tags{false};
CXXRT_PARAM(shared_tags, "One tag set for all devices, made from these parameters");
constinit Param<bool> zoned{false};
CXXRT_PARAM(zoned, "Host-managed zoned devices");
constinit Param<unsigned long> zone_size{256};
CXXRT_PARAM(zone_size, "Size of a zone in MiB, a power of two");
constinit Param<unsigned long> zone_capacity{0};
CXXRT_PARAM(zone_capacity, "Capacity of a zone in MiB, 0 for its size");
constinit Param<u32> zone_nr_conv{0};
CXXRT_PARAM(zone_nr_conv, "Number of conventional zones");
constinit Param<u32> zone_max_open{0};
CXXRT_PARAM(zone_max_open, "Most open zones, 0 for no limit");
constinit Param<u32> zone_max_active{0};
CXXRT_PARAM(zone_max_active, "Most active zones, 0 for no limit");
constinit Param<int> zone_append_max_sectors{0x7fffffff};
CXXRT_PARAM_SINCE_6_12(zone_append_max_sectors, "Longest zone append in 512-byte sectors, 0 to have appends emulated");
constinit Param<bool> zone_full{false};
CXXRT_PARAM_SINCE_6_12(zone_full, "Sequential zones are full at first");
constinit TextParam<80> timeout;
CXXRT_PARAM(timeout, "Requests that time out: <interval>,<probability>,<space>,<times>");
constinit TextParam<80> requeue;
CXXRT_PARAM(requeue, "Requests that are requeued: <interval>,<probability>,<space>,<times>");
constinit TextParam<80> init_hctx;
CXXRT_PARAM(init_hctx, "Hardware queues that fail: <interval>,<probability>,<space>,<times>");
constinit Param<bool> compat_names{false};
CXXRT_PARAM(compat_names, "Take the C driver's device, major and configfs names");

constinit FaultConfigs faults;	// read once, at load

/// Errors: EINVAL.
CXXRT_INIT Result<FaultConfig> read_fault(const char* name, const char* text)
{
	const Result<FaultConfig> fault = FaultConfig::parse(text);
	if (!fault.ok())
		log::error<"%s=%s: must be <interval>,<probability>,<space>,<times>">(name, text);
	return fault;
}

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
	if (zone_append_max_sectors.get() < 0) {
		log::error<"zone_append_max_sectors=%d: must not be negative">(zone_append_max_sectors.get());
		return EINVAL;
	}
	faults = {
		.timeout = TRY(read_fault("timeout", timeout.get())),
		.requeue = TRY(read_fault("requeue", requeue.get())),
		.init_hctx = TRY(read_fault("init_hctx", init_hctx.get())),
	};
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

const FaultConfigs& default_faults() { return faults; }

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
		.mbps = mbps.get(),
		.cache_size = cache_size.get(),
		.zone_size = zone_size.get(),
		.zone_capacity = zone_capacity.get(),
		.zone_nr_conv = zone_nr_conv.get(),
		.zone_max_open = zone_max_open.get(),
		.zone_max_active = zone_max_active.get(),
		.zone_append_max_sectors = u32(zone_append_max_sectors.get()),
		.blocking = blocking.get(),
		.use_per_node_hctx = use_per_node_hctx.get(),
		.memory_backed = memory_backed.get(),
		.virt_boundary = virt_boundary.get(),
		.no_sched = no_sched.get() != 0,
		.shared_tag_bitmap = shared_tag_bitmap.get(),
		.shared_tags = shared_tags.get(),
		.discard = discard.get(),
		.zoned = zoned.get(),
		.zone_full = zone_full.get(),
		.fua = fua.get(),
		.rotational = false,
		.badblocks_once = false,
		.badblocks_partial_io = false,
	};
}

}  // namespace null_blk::params
