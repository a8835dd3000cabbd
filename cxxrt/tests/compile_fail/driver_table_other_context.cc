// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: A = Other; B = Device
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device {
	int queue;
};
struct Other {
	int queue;
};

struct Driver {
	using Pdu = blk::NoPdu;
	using HwQueue = int;
	using Tags = Device;
#ifdef OK
	using Context = Device;
#else
	using Context = Other;
#endif
	static blk::Status queue_rq(int&, blk::Request<>) { return blk::Status::NotSupported; }
	static Result<int*> init_hctx(Context& device, u32) { return &device.queue; }
	static blk::QueueCounts queue_counts(Device&, u32 total) { return {total, 0}; }
};

Result<Box<blk::TagSetFor<Device>>> create(Device& device)
{
	return blk::TagSet::create(blk::MqDriverTable<Device, Device>::of<Driver>(),
				   {.depth = 1, .queues = {1, 0}, .node = {}, .timeout_ms = 1000}, device);
}
