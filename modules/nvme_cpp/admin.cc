// SPDX-License-Identifier: GPL-2.0
#include "admin.hpp"

#include "controller.hpp"
#include "params.hpp"
#include "path.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

Result<Box<Admin>> Admin::create(Controller& controller)
{
	auto admin = TRY(Box<Admin>::make(Gfp::Kernel, Key{}));
	const blk::TagSetConfig config{
		.depth = kTags,
		.queues = {},
		.node = controller.dma().node(),
		.timeout_ms = params::admin_timeout_ms(),
		.no_scheduler = true,
	};
	using Table = blk::MqDriverTable<Controller, Controller>;
	admin->kept_ = TRY(Array<Sqe>::make(Gfp::Kernel, Node{}, kTags));
	admin->tags_ = TRY(blk::TagSet::create(Table::of<AdminPath>(), config, controller));
	admin->queue_ = TRY(blk::DriverQueue::create(*admin->tags_, regs::kPage - 1, controller));
	return admin;
}

void Admin::prepare(Command& cmd, const Sqe& sqe)
{
	cmd.passthrough = &sqe;
	cmd.result = 0;
	cmd.status = {};
	cmd.retries = 0;
	cmd.aborted = false;
}

Result<Completion> Admin::execute(const Sqe& sqe, void* memory, u32 bytes, blk::Transfer transfer)
{
	auto rq = TRY(blk::OwnRequest<Command>::alloc(queue_, transfer, blk::Wait::Yes));
	Command& cmd = rq.pdu();
	prepare(cmd, sqe);
	if (bytes != 0)
		TRY(rq.map(memory, bytes));
	const blk::Status ended = rq.execute();
	// Refused, or cancelled: the device has not said anything.
	if ((ended != blk::Status::Ok && cmd.status.ok()) || cmd.status.type() == kCancelled.type())
		return EIO;
	return Completion{.status = cmd.status, .result = u32(cmd.result)};
}

Result<Completion> Admin::run(const Sqe& sqe) { return execute(sqe, nullptr, 0); }

Result<u32> Admin::set_queue_count(u32 count, const char* name)
{
	const Completion done = TRY(run({
		.opcode = u8(AdminOp::SetFeatures),
		.cdw10 = u32(Feature::QueueCount),
		.cdw11 = (count - 1) | (count - 1) << 16,
	}));
	if (!done.status.ok()) {
		log::error<"%s: Could not set queue count (%u)">(name, done.status.bits());
		return 0u;
	}
	const u32 sqs = (done.result & 0xffff) + 1;
	const u32 cqs = (done.result >> 16) + 1;
	const u32 granted = sqs < cqs ? sqs : cqs;
	return granted < count ? granted : count;
}

namespace {

/// A command that does one thing or fails.
Result<u32> result_or_eio(Result<Completion> done)
{
	const Completion completion = TRY(done);
	if (!completion.status.ok())
		return EIO;
	return completion.result;
}

Result<void> done_or_eio(Result<Completion> done)
{
	TRY(result_or_eio(done));
	return {};
}

}  // namespace

Result<u32> Admin::set_feature(Feature feature, u32 value)
{
	return result_or_eio(run({.opcode = u8(AdminOp::SetFeatures), .cdw10 = u32(feature), .cdw11 = value}));
}

Result<u32> Admin::get_feature(Feature feature, u32 value)
{
	return result_or_eio(run({.opcode = u8(AdminOp::GetFeatures), .cdw10 = u32(feature), .cdw11 = value}));
}

Result<void> Admin::create_cq(const Queue& queue, u32 vector)
{
	return done_or_eio(run({
		.opcode = u8(AdminOp::CreateCq),
		.prp1 = queue.rings().cq.addr().wire(),
		.cdw10 = queue.id() | (queue.depth() - 1) << 16,
		.cdw11 = kPhysicallyContiguous |
			 (queue.notice() == Notice::Interrupt ? kInterruptsEnabled | vector << 16 : 0),
	}));
}

Result<void> Admin::create_sq(const Queue& queue, u32 priority)
{
	return done_or_eio(run({
		.opcode = u8(AdminOp::CreateSq),
		.prp1 = queue.rings().sq.addr().wire(),
		.cdw10 = queue.id() | (queue.depth() - 1) << 16,
		.cdw11 = kPhysicallyContiguous | priority | queue.id() << 16,
	}));
}

Result<void> Admin::delete_queue(AdminOp op, u32 id) { return done_or_eio(run({.opcode = u8(op), .cdw10 = id})); }

Result<void> Admin::configure_doorbells(dma::Addr shadow, dma::Addr seen)
{
	return done_or_eio(run({
		.opcode = u8(AdminOp::DoorbellBufferConfig),
		.prp1 = shadow.wire(),
		.prp2 = seen.wire(),
	}));
}

}  // namespace nvme
