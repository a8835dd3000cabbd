// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: 'D::queue_rq\(queue, rq\)' does not satisfy return-type-requirement
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
	using Context = Device;
	using Tags = Device;
#ifdef OK
	static blk::Status queue_rq(int&, blk::Request<>) { return blk::Status::NotSupported; }
#else
	static bool queue_rq(int&, blk::Request<>) { return true; }
#endif
	static Result<int*> init_hctx(Device& device, u32) { return &device.queue; }
	static blk::QueueCounts queue_counts(Device&, u32 total) { return {total, 0}; }
};

auto table() { return blk::MqDriverTable<Device, Device>::of<Driver>(); }
