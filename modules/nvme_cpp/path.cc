// SPDX-License-Identifier: GPL-2.0
#include "path.hpp"

#include "controller.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

using blk::Op;

void Path::commit_rqs(Queue& queue)
{
	Queue::Submission submission{queue};
	submission.tell_if_new();
}

void Path::complete(InFlight rq)
{
	const Request request = rq.request();
	blk::EndingBatch ending;
	end(queue_of(request), move(rq), ending.batch());
}

blk::TimeoutResult Path::timeout(Queue& queue, Request rq, blk::QueueKind)
{
	return queue.controller().timed_out(queue, rq);
}

CXXRT_COLD blk::Status Path::refuse(Queue& queue, Request rq)
{
	Command& cmd = rq.pdu();
	// A reset is under way: it is offered again, unless who sent it wants to know at once.
	if (queue.state() == QueueState::Down && !rq.is_passthrough() && !rq.is_once_only())
		return blk::Status::Resource;
	const bool is_dead = queue.state() == QueueState::Dead;
	cmd.status = kPathError;
	cmd.retries = 0;
	cmd.aborted = false;
	return is_dead ? blk::Status::IoError : blk::Status::Transport;
}

namespace {

/// A line about a request that failed for good, as the C driver writes it.
void report(Namespace& ns, Request rq, Status status)
{
	log::warn_limited<"%s: I/O Cmd(0x%x) @ LBA %llu, %u blocks, I/O Error (sct 0x%x / sc 0x%x) %s%s">(
		ns.error_limit(), ns.name(), opcode_of(rq.op()), rq.sector() >> (ns.block_shift() - blk::kSectorShift),
		rq.bytes() >> ns.block_shift(), status.type(), status.code(), status.has_more() ? "MORE " : "",
		status.is_final() ? "DNR " : "");
}

/// The same about a command of user space, or of the driver's own, if root wants that.
void report_passthrough(Queue& queue, Request rq, Status status)
{
	Controller& controller = queue.controller();
	Namespace* ns = queue.id() != 0 ? &rq.context<Namespace>() : nullptr;
	if (ns != nullptr ? !ns->logs_passthrough_errors() : !controller.logs_passthrough_errors())
		return;
	const Sqe& sqe = *rq.pdu().passthrough;
	log::RateLimit& limit = ns != nullptr ? ns->error_limit() : controller.user_limit();
	if (limit.allows())
		log::error<
			"%s: %s Cmd(0x%x), I/O Error (sct 0x%x / sc 0x%x) %s%scdw10=0x%x cdw11=0x%x cdw12=0x%x cdw13=0x%x "
			"cdw14=0x%x cdw15=0x%x">(ns != nullptr ? ns->name() : controller.name(),
						 ns != nullptr ? "I/O" : "Admin", u32(sqe.opcode), status.type(),
						 status.code(), status.has_more() ? "MORE " : "",
						 status.is_final() ? "DNR " : "", sqe.cdw10.get(), sqe.cdw11.get(),
						 sqe.cdw12.get(), sqe.cdw13.get(), sqe.cdw14.get(), sqe.cdw15.get());
}

}  // namespace

CXXRT_COLD void Path::trace_end(const Queue& queue, Request rq)
{
	const Command& cmd = rq.pdu();
	trace::nvme_complete_rq(rq, queue.traced(),
				{
					.result = rq.is_passthrough() ? cmd.result : 0,
					.id = Queue::current_id(rq),
					.status = cmd.status.bits(),
					.retries = cmd.retries,
					.flags = cmd.status == kCancelled ? 1u : 0,
				});
}

CXXRT_COLD void Path::trace_setup(const Queue& queue, Request rq, const Sqe& sqe)
{
	trace::nvme_setup_cmd(rq, queue.traced(), sqe);
}

void Path::end_unusual(Command& parked)
{
	InFlight rq = InFlight::unpark(parked);
	const Request request = rq.request();
	Command& cmd = parked;
	const Status status = cmd.status;
	unmap_integrity(queue_of(request), request);
	const blk::Status finished = cmd.appends ? finish_append(request) : blk::Status::Ok;
	if (!status.ok() && !status.is_final() && !request.is_once_only() && !request.is_passthrough() &&
	    cmd.retries < params::max_retries()) {
		++cmd.retries;
		cmd.aborted = false;
		move(rq).requeue_after(queue_of(request).controller().retry_delay_ms(status));
		return;
	}
	cmd.retries = 0;
	cmd.aborted = false;
	if (!status.ok() && request.is_passthrough())
		report_passthrough(queue_of(request), request, status);
	else if (!status.ok() && !request.is_quiet())
		report(request.context<Namespace>(), request, status);
	move(rq).end(status.ok() ? finished : block_status(status));
}

blk::Status Path::build_passthrough(Queue& queue, Request rq, Sqe& sqe)
{
	Command& cmd = rq.pdu();
	sqe = *cmd.passthrough;
	if (rq.bytes() == 0)
		return blk::Status::Ok;
	const blk::Status status = queue.data().map(rq, DataLists::direction_of(rq));
	sqe.flags |= cmd.flags;
	sqe.prp1 = cmd.first.wire();
	sqe.prp2 = cmd.second;
	return status;
}

namespace {

/// Words 12 and 13 of a read or write beyond its length; by value, so that a command is not built in memory twice.
struct Flags {
	u32 word12, word13;
};
CXXRT_NOINLINE Flags flags_of(Request rq)
{
	return {
		.word12 = (rq.is_fua() ? kFua : 0) | (rq.wants_quick_error() ? kLimitedRetry : 0),
		.word13 = rq.is_readahead() ? kPrefetch : 0,
	};
}

/// A tracepoint is on: the command is built once more for it, so that it need not be in memory when none is.
CXXRT_COLD void trace_transfer(const Namespace& ns, Request rq)
{
	const Flags flags = flags_of(rq);
	const Sqe sqe = ns.command(rq, rq.op() == Op::Write ? IoOp::Write : IoOp::Read,
				   rq.hw_queue<Queue>().upcoming_id(rq), flags.word12, flags.word13);
	trace::nvme_setup_cmd(rq, rq.hw_queue<Queue>().traced(), sqe);
}

CXXRT_INLINE Sqe transfer_command(const Queue& queue, const Namespace& ns, Request rq)
{
	if (trace::nvme_setup_cmd_enabled()) [[unlikely]]
		trace_transfer(ns, rq);
	const Flags flags = rq.is_plain() ? Flags{} : flags_of(rq);
	static_assert(u32(IoOp::Write) == u32(IoOp::Read) - 1);
	const auto op = IoOp(u32(IoOp::Read) - u32(rq.sends_data()));
	return ns.command(rq, op, queue.next_id(rq), flags.word12, flags.word13);
}

CXXRT_INLINE bool is_transfer(Op op) { return op == Op::Read || op == Op::Write; }

/// The command is made with the lock held: what is not made before does not have to be kept meanwhile.
CXXRT_INLINE void put_transfer(Queue& queue, const Namespace& ns, Request rq, blk::Last last)
{
	Queue::Submission submission{queue};
	submission.put(transfer_command(queue, ns, rq));
	if (last == blk::Last::Yes)
		submission.tell();
}

Sqe zero_command(const Namespace& ns, Request rq)
{
	const bool deallocates = ns.zeroes_deallocate() && !rq.keeps_allocation();
	const ProtectionWords words = ns.metadata().words_for_zeroes(rq.sector() >>
								     (ns.block_shift() - blk::kSectorShift));
	Sqe sqe = ns.command(rq, IoOp::WriteZeroes, 0, words.word12 | (deallocates ? kZeroesDeallocate : 0), 0);
	sqe.prp1 = 0ull;
	sqe.prp2 = 0ull;
	sqe.cdw3 = words.word3;
	sqe.cdw14 = words.word14;
	return sqe;
}

}  // namespace

u32 opcode_of(Op op)
{
	switch (op) {
	case Op::Write:
		return u32(IoOp::Write);
	case Op::Read:
		return u32(IoOp::Read);
	case Op::Discard:
		return u32(IoOp::DatasetManagement);
	case Op::WriteZeroes:
		return u32(IoOp::WriteZeroes);
	case Op::ZoneAppend:
		return u32(IoOp::ZoneAppend);
	case Op::ZoneOpen:
	case Op::ZoneClose:
	case Op::ZoneFinish:
	case Op::ZoneReset:
	case Op::ZoneResetAll:
		return u32(IoOp::ZoneSend);
	default:
		return u32(IoOp::Flush);
	}
}

blk::Status IoPath::queue_other(Queue& queue, Namespace& ns, Request rq, blk::Last last)
{
	if (ns.injects() && !rq.is_passthrough() && inject(queue, rq))
		return blk::Status::Ok;
	Sqe sqe;
	u32 ranges = 0;
	blk::Status status = blk::Status::Ok;
	const Op op = rq.op() == Op::WriteZeroes && ns.discard_zeroes() ? Op::Discard : rq.op();
	switch (op) {
	case Op::Flush:
		sqe = {.opcode = u8(IoOp::Flush), .nsid = ns.nsid()};
		break;
	case Op::Discard:
		status = queue.data().map_ranges(rq, ns.block_shift(), ranges);
		sqe = {.opcode = u8(IoOp::DatasetManagement),
		       .nsid = ns.nsid(),
		       .prp1 = rq.pdu().first.wire(),
		       .cdw10 = ranges - 1,
		       .cdw11 = kDeallocate};
		break;
	case Op::WriteZeroes:
		sqe = zero_command(ns, rq);
		break;
	case Op::Read:
	case Op::Write:
	case Op::ZoneAppend:
		return queue_special(queue, ns, rq, last);
	case Op::ZoneOpen:
	case Op::ZoneClose:
	case Op::ZoneFinish:
	case Op::ZoneReset:
	case Op::ZoneResetAll:
		sqe = zone_command(ns, rq);
		break;
	case Op::DriverIn:
	case Op::DriverOut:
		status = build_passthrough(queue, rq, sqe);
		break;
	default:
		return blk::Status::NotSupported;
	}
	if (status != blk::Status::Ok)
		return status;
	InFlight started = rq.start();
	sqe.command_id = u16(queue.next_id(rq));
	if (trace::nvme_setup_cmd_enabled()) [[unlikely]]
		trace_setup(queue, rq, sqe);
	put(queue, sqe, last);
	(void)move(started).park();
	return blk::Status::Ok;
}

blk::Status IoPath::queue_rq(Queue& queue, Namespace& ns, Request rq, blk::Last last)
{
	if (!queue.is_live()) [[unlikely]]
		return refuse(queue, rq);
	const Op op = rq.op();
	if (!ns.is_plain(op)) [[unlikely]]
		return queue_other(queue, ns, rq, last);
	const blk::Status status = queue.data().map(rq, DataLists::direction_of(rq));
	if (status != blk::Status::Ok) [[unlikely]]
		return status;
	InFlight started = rq.start();
	put_transfer(queue, ns, rq, last);
	(void)move(started).park();
	return blk::Status::Ok;
}

CXXRT_INLINE blk::Status IoPath::prepare(Queue& queue, Namespace&, Request rq, blk::RequestFifo& batch)
{
	const Op op = rq.op();
	// What is left over is offered to queue_rq(), one by one.
	if (!queue.is_live() || !is_transfer(op)) [[unlikely]]
		return blk::Status::Resource;
	const blk::Status status = queue.data().map(rq, DataLists::direction_of(rq));
	if (status != blk::Status::Ok) [[unlikely]]
		return status;
	batch.push_back(rq.start());
	return blk::Status::Ok;
}

CXXRT_INLINE void IoPath::submit(Queue& queue, blk::RequestFifo& batch)
{
	// They are of one disk.
	const Namespace& ns = batch.front<Command>().context<Namespace>();
	Queue::Submission submission{queue};
	batch.take_all<Command>([&](InFlight&& started) CXXRT_INLINE_LAMBDA {
		const Request rq = started.request();
		submission.put(transfer_command(queue, ns, rq));
		(void)move(started).park();
	});
	submission.tell();
}

blk::MqDriverTable<Namespace, Controller> IoPath::table()
{
	return blk::MqDriverTable<Namespace, Controller>::of<IoPath>();
}

Queue& IoPath::init_queue(Controller& controller, u32 index) { return controller.io_queue(index); }
blk::QueueCounts IoPath::queue_counts(Controller& controller, u32) { return controller.counts(); }
blk::QueueVectors IoPath::queue_vectors(Controller& controller) { return controller.io_vectors(); }

CXXRT_COLD blk::Status AdminPath::queue_rq(Queue& queue, Controller&, Request rq, blk::Last last)
{
	if (!queue.is_live())
		return refuse(queue, rq);
	Sqe sqe;
	const blk::Status status = build_passthrough(queue, rq, sqe);
	if (status != blk::Status::Ok)
		return status;
	InFlight started = rq.start();
	sqe.command_id = u16(queue.next_id(rq));
	if (trace::nvme_setup_cmd_enabled()) [[unlikely]]
		trace_setup(queue, rq, sqe);
	put(queue, sqe, last);
	(void)move(started).park();
	return blk::Status::Ok;
}

Queue& AdminPath::init_queue(Controller& controller, u32) { return controller.admin_queue(); }
blk::QueueCounts AdminPath::queue_counts(Controller&, u32) { return {}; }

}  // namespace nvme
