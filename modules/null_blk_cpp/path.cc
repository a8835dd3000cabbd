// SPDX-License-Identifier: GPL-2.0
#include "path.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Status;

blk::Status transfer_none(PageStore& store, blk::Op op, u64 sector, u32 sectors)
{
	switch (op) {
	case blk::Op::Flush:
		// Without a cache there is nothing to flush.
		return Status::Ok;
	case blk::Op::Discard:
	case blk::Op::WriteZeroes:
		if (sectors > kLongDiscard)
			return Status::Resource;
		store.discard(sector, sectors);
		return Status::Ok;
	default:
		return Status::NotSupported;
	}
}

void MqQueues::wait_for_poll(HwQueue& queue, blk::Request<> request)
{
	Guard guard{queue.poll_lock};
	// Started under the lock: a timeout then finds the request in the list, or completed.
	queue.poll_list.push_back(request.start());
}

void MqQueues::end_polled(HwQueue& queue, blk::Request<> request, Status status)
{
	blk::RequestList started;
	blk::RequestList ending;
	{
		Guard guard{queue.poll_lock};
		// To the timeout it goes from not started to ended: it is never in the queue's list.
		started.push_back(request.start());
		started.begin_completion(ending);
	}
	queue.disk.fail(ending.pop_front(), status);
}

u32 MqQueues::poll(HwQueue& queue, blk::CompletionBatch batch)
{
	blk::RequestList due;
	{
		Guard guard{queue.poll_lock};
		queue.poll_list.begin_completion(due);
	}
	u32 ended = 0;
	for (; !due.is_empty(); ++ended)
		batch.end(due.pop_front(), Status::Ok);
	return ended;
}

blk::TimeoutResult MqQueues::timeout(HwQueue& queue, blk::Request<> request, blk::QueueKind kind)
{
	blk::RequestList late;
	{
		Guard guard{queue.poll_lock};
		if (queue.lost.contains(request))
			late.push_back(queue.lost.remove(request));
		// Everything else but a polled request ends by itself: a slow transfer, or a long
		// completion_nsec, is not a lost request.
		else if (kind != blk::QueueKind::Polled)
			return blk::TimeoutResult::Restart;
		// poll() has it and will end it, or has ended it already.
		else if (!request.is_in_flight())
			return blk::TimeoutResult::Done;
		else
			late.push_back(queue.poll_list.remove(request));
	}
	log::info<"rq %p timed out">(request.id());
	late.pop_front().end(Status::Timeout);
	return blk::TimeoutResult::Done;
}

namespace {

/// Each path under a short name: with both, what is called through the tables would have names that
/// are too long for objtool.
template <u32 Number> struct Path : MqPath<IrqMode(Number / 3), Backing(Number % 3)> {};
template <IrqMode Irq, Backing Data> using PathOf = Path<u32(Irq) * 3 + u32(Data)>;

/// Calls `f` with the configuration as template arguments: the only place that asks for it.
template <class F> auto with_path(IrqMode irq, Backing backing, F&& f)
{
	const auto with_backing = [&]<Backing Data>() {
		switch (irq) {
		case IrqMode::None:
			return f.template operator()<IrqMode::None, Data>();
		case IrqMode::Softirq:
			return f.template operator()<IrqMode::Softirq, Data>();
		default:
			return f.template operator()<IrqMode::Timer, Data>();
		}
	};
	switch (backing) {
	case Backing::None:
		return with_backing.template operator()<Backing::None>();
	case Backing::Memory:
		return with_backing.template operator()<Backing::Memory>();
	default:
		return with_backing.template operator()<Backing::Any>();
	}
}

}  // namespace

TagSpace::Table mq_path(IrqMode irq, Backing backing)
{
	if (irq == IrqMode::OfQueue)
		return TagSpace::Table::of<PathOf<IrqMode::OfQueue, Backing::Any>>();
	return with_path(irq, backing,
			 []<IrqMode Irq, Backing Data> { return TagSpace::Table::of<PathOf<Irq, Data>>(); });
}

blk::BioDriverTable<Nullb> bio_path(IrqMode irq, Backing backing)
{
	return with_path(irq, backing, []<IrqMode Irq, Backing Data> {
		return blk::BioDriverTable<Nullb>::of<BioPath<Irq, Data>>();
	});
}

}  // namespace null_blk
