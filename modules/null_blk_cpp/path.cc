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

void MqQueues::wait_for_poll(HwQueue& queue, blk::Plug plug)
{
	Guard guard{queue.poll_lock};
	do
		queue.poll_list.push_back(plug.take().start());
	while (plug.has_for(queue));
}

void MqQueues::end_polled(HwQueue& queue, blk::Request<> request, Status status)
{
	blk::RequestList started;
	blk::RequestChain ending = [&] {
		Guard guard{queue.poll_lock};
		// To the timeout it goes from not started to ended: it is never in the queue's list.
		started.push_back(request.start());
		return started.begin_completion();
	}();
	queue.disk.end(ending.pop_front(), status);
}

u32 MqQueues::poll(HwQueue& queue, blk::CompletionBatch batch)
{
	blk::RequestChain due = [&] {
		Guard guard{queue.poll_lock};
		return queue.poll_list.begin_completion();
	}();
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
template <IrqMode Irq, Backing Data> using PathOf = Path<(u32(Irq) * 3) + u32(Data)>;

/// Calls `f` with the irqmode as template argument.
template <class F> auto with_irq_mode(IrqMode irq, F&& f)
{
	switch (irq) {
	case IrqMode::None:
		return f.template operator()<IrqMode::None>();
	case IrqMode::Softirq:
		return f.template operator()<IrqMode::Softirq>();
	default:
		return f.template operator()<IrqMode::Timer>();
	}
}

}  // namespace

// The only places that ask for the configuration.

TagSpace::Table mq_path(IrqMode irq, Backing backing)
{
	if (backing == Backing::Any)
		return TagSpace::Table::of<PathOf<IrqMode::OfQueue, Backing::Any>>();
	return with_irq_mode(irq, [=]<IrqMode Irq> {
		return backing == Backing::Memory ? TagSpace::Table::of<PathOf<Irq, Backing::Memory>>()
						  : TagSpace::Table::of<PathOf<Irq, Backing::None>>();
	});
}

blk::BioDriverTable<Nullb> bio_path(IrqMode irq, Backing backing)
{
	using Table = blk::BioDriverTable<Nullb>;
	return with_irq_mode(irq, [=]<IrqMode Irq> {
		switch (backing) {
		case Backing::None:
			return Table::of<BioPath<Irq, Backing::None>>();
		case Backing::Memory:
			return Table::of<BioPath<Irq, Backing::Memory>>();
		default:
			return Table::of<BioPath<Irq, Backing::Any>>();
		}
	});
}

}  // namespace null_blk
