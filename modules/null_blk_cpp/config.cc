// SPDX-License-Identifier: GPL-2.0
#include "config.hpp"

#include "params.hpp"

#include <cxxrt/system.hpp>

#include <cxxrt/enforce.hpp>

namespace null_blk {

namespace {
/// A disk cannot go before its requests have ended, so they must end in a time one can wait for.
constexpr unsigned long kLongestCompletionNsec = 60'000'000'000;
constexpr unsigned long kMostCacheMib = ~0ul >> 20;
constexpr u32 kMostMbps = 40 * 1024;
}  // namespace

bool is_valid_home_node(u32 node) { return int(node) == Node{}.id() || is_node_online(int(node)); }

Result<void> Config::normalise()
{
	if (queue_mode == u32(QueueMode::Rq)) {
		log::error<"legacy IO path is no longer available">();
		return EINVAL;
	}
	if (!blk::kBioDisks && queue_mode == u32(QueueMode::Bio)) {
		log::error<"BIO-based IO path is no longer available, using blk-mq instead.">();
		queue_mode = u32(QueueMode::Mq);
	}
	if (!blk::is_valid_block_size(blocksize)) {
		log::error<"blocksize=%u: must be a power of two from 512 to %u">(blocksize, kPageSize);
		return EINVAL;
	}
	if (size > ~0ul >> 21) {
		log::error<"size=%lu: too large">(size);
		return EINVAL;
	}
	if (max_sectors != 0 && max_sectors < blk::kLeastMaxSectors) {
		log::error<"max_sectors=%u: must be 0 or at least %u">(max_sectors, blk::kLeastMaxSectors);
		return EINVAL;
	}
	if (completion_nsec > kLongestCompletionNsec) {
		log::error<"completion_nsec=%lu: must be at most %lu">(completion_nsec, kLongestCompletionNsec);
		return EINVAL;
	}
	if (hw_queue_depth == 0) {
		log::error<"hw_queue_depth=0: must be at least 1">();
		return EINVAL;
	}
	if (use_per_node_hctx && !is_bio())
		submit_queues = online_node_count();
	else
		submit_queues = max(1u, min(submit_queues, cpu_id_limit()));
	poll_queues = min(poll_queues, params::most_poll_queues());
	// The C driver of the kernels without bio disks leaves larger numbers as they are.
	if (blk::kBioDisks)
		queue_mode = min(queue_mode, u32(QueueMode::Mq));
	irqmode = min(irqmode, u32(IrqMode::Timer));
	// It says what C would do; here, memory that takes sleep is left to a worker.
	if (memory_backed)
		blocking = true;
	else
		cache_size = 0;
	cache_size = min(cache_size, kMostCacheMib);
	mbps = is_bio() ? 0 : min(mbps, kMostMbps);
	if (discard && !memory_backed) {
		log::info<"discard option is ignored without memory backing">();
		discard = false;
	} else if (discard && zoned) {
		log::info<"discard option is ignored in zoned mode">();
		discard = false;
	}
	return {};
}

}  // namespace null_blk
