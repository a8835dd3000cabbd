// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What one device is configured to be, and what power-on makes of it.
/// C side: struct nullb_device and null_validate_conf(), drivers/block/null_blk.

#include <cxxrt/blk.hpp>

namespace null_blk {
using namespace cxxrt;

/// How a request is ended.
enum class IrqMode : u8 {
	None = 0,
	Softirq = 1,
	Timer = 2,
	OfQueue = 3,  ///< in a path only: each hardware queue has its own
};

/// Which of the block layer's interfaces a disk uses. 1 was the legacy request path.
enum class QueueMode : u8 { Bio = 0, Rq = 1, Mq = 2 };

/// The attributes of a device, under the C driver's names and with its types.
/// Locks: a Device's is guarded by device_state.
struct Config {
	unsigned long size;		///< MiB
	unsigned long completion_nsec;	///< irqmode 2 only
	u32 submit_queues;
	u32 poll_queues;
	u32 home_node;	  ///< ~0 is any
	u32 queue_mode;	  ///< QueueMode
	u32 blocksize;	  ///< bytes
	u32 max_sectors;  ///< 512-byte sectors per request; 0 is the block layer's default
	u32 irqmode;	  ///< IrqMode
	u32 hw_queue_depth;
	u32 index;		      ///< set at power-on
	u32 mbps;		      ///< MiB per second; 0 is no limit
	unsigned long cache_size;     ///< MiB
	unsigned long zone_size;      ///< MiB
	unsigned long zone_capacity;  ///< MiB; 0 is zone_size
	u32 zone_nr_conv;	      ///< conventional zones, which come first
	u32 zone_max_open;	      ///< 0 is no limit
	u32 zone_max_active;	      ///< 0 is no limit
	u32 zone_append_max_sectors;  ///< 512-byte sectors; 0 has the block layer emulate appends
	bool blocking;
	bool use_per_node_hctx;
	bool memory_backed;
	bool virt_boundary;
	bool no_sched;
	bool shared_tag_bitmap;
	bool shared_tags;
	bool discard;
	bool zoned;
	bool zone_full;	 ///< sequential zones are full at power-on
	bool fua;
	bool rotational;
	bool badblocks_once;	    ///< a bad range is good after the first access
	bool badblocks_partial_io;  ///< what comes before a bad sector is transferred

	/// Corrects what power-on corrects and refuses the rest; one line names what is refused.
	/// Context: process.   Errors: EINVAL.
	Result<void> normalise();

	Node node() const { return Node{int(home_node)}; }
	IrqMode irq_mode() const { return IrqMode(irqmode); }
	bool is_bio() const { return blk::kBioDisks && queue_mode == u32(QueueMode::Bio); }
	/// Units: 512-byte sectors.
	u64 capacity() const { return u64(size) << (20 - blk::kSectorShift); }
};

/// The C driver of the kernels without bio disks has `fua`, `zone_full` and `zone_append_max_sectors`.
inline constexpr bool kHasZoneAppendLimit = !blk::kBioDisks;

/// True if `node`, as the attribute holds it, is "any" or an online node.
bool is_valid_home_node(u32 node);

}  // namespace null_blk
