// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The request path, one instance per configuration: what a device does not have is not in its
/// instance. Chosen once, at power-on.
/// C side: null_queue_rq(), null_handle_cmd(), nullb_complete_cmd(), null_poll(), null_submit_bio().

#include "disk.hpp"

namespace null_blk {

/// Does a request that is neither a read nor a write.   As transfer().
CXXRT_COLD blk::Status transfer_none(PageStore& store, blk::Op op, u64 sector, u32 sectors);
/// Transfers all of a request.
/// Context: process; never sleeps.   Errors: Resource it would have to sleep.
template <class Request> CXXRT_HOT blk::Status transfer(PageStore& store, Request request)
{
	const blk::Op op = request.op();
	if (op != blk::Op::Read && op != blk::Op::Write) [[unlikely]]
		return transfer_none(store, op, request.sector(), request.bytes() / blk::kSectorSize);
	u64 sector = request.sector();
	for (const Segment segment : request.segments()) {
		if (segment.length % blk::kSectorSize != 0) [[unlikely]]
			return blk::Status::IoError;
		const blk::Status status = op == blk::Op::Read ? store.read(sector, segment)
							       : store.write(sector, segment);
		if (status != blk::Status::Ok) [[unlikely]]
			return status;
		sector += segment.length / blk::kSectorSize;
	}
	return blk::Status::Ok;
}

template <IrqMode Irq> struct PduOf {
	using Type = blk::NoPdu;
};
template <> struct PduOf<IrqMode::Timer> {
	using Type = TimedPdu;
};
template <> struct PduOf<IrqMode::OfQueue> {
	using Type = TimedPdu;
};

/// What does not depend on the configuration.
struct MqQueues {
	using HwQueue = null_blk::HwQueue;
	using Context = Nullb;
	using Tags = TagSpace;

	static Result<HwQueue*> init_hctx(Nullb& disk, u32 index) { return disk.init_queue(index); }
	static blk::QueueCounts queue_counts(TagSpace& tags, u32 total) { return tags.counts(total); }
	static u32 poll(HwQueue& queue, blk::CompletionBatch batch);
	/// Ends a request that nobody polled for, and one that was lost on purpose.
	CXXRT_COLD static blk::TimeoutResult timeout(HwQueue& queue, blk::Request<> request, blk::QueueKind kind);

protected:
	static void wait_for_poll(HwQueue& queue, blk::Request<> request);
	static void wait_for_poll(HwQueue& queue, blk::Plug plug);
	/// Ends a polled request that failed, or leaves it to the worker.
	CXXRT_COLD static void end_polled(HwQueue& queue, blk::Request<> request, blk::Status status);
};

template <Backing Data> struct PolledQueues : MqQueues {
	/// Data moves here and not in poll(): a request that waits for its poll has passed every check.
	CXXRT_NOINLINE static blk::Status queue_polled(HwQueue& queue, blk::Request<> request)
	{
		blk::Status status = blk::Status::Ok;
		if constexpr (Data == Backing::Any) {
			if (const auto diverted = queue.disk.divert(queue, request))
				return *diverted;
			status = queue.disk.handle(request);
		} else {
			if (queue.checks_each_request()) [[unlikely]]
				return PolledQueues<Backing::Any>::queue_polled(queue, request);
			if constexpr (Data == Backing::Memory)
				status = transfer(queue.store, request);
		}
		if (status == blk::Status::Ok) [[likely]]
			wait_for_poll(queue, request);
		else
			end_polled(queue, request, status);
		return blk::Status::Ok;
	}
	/// All that come together under one lock, where nothing has to be done for them.
	CXXRT_NOINLINE static void queue_polled_plug(HwQueue& queue, blk::Plug plug) requires(Data == Backing::None)
	{
		if (!queue.checks_each_request()) [[likely]]
			wait_for_poll(queue, plug);
	}
};

/// What is asked of a disk that may have anything, and of one with bad blocks.
template <class Pdu> CXXRT_NOINLINE blk::Status queue_any(HwQueue& queue, blk::Request<Pdu> request)
{
	if (const auto diverted = queue.disk.divert(queue, request.without_pdu()))
		return *diverted;
	blk::InFlight<Pdu> rq = request.start();
	const blk::Status status = queue.disk.handle(request.without_pdu());
	if (status == blk::Status::Ok) [[likely]] {
		if (queue.irq == IrqMode::Softirq) {
			move(rq).complete();
			return blk::Status::Ok;
		}
		// A disk of any other mode has tags without a due time.
		if constexpr (same_as<Pdu, TimedPdu>) {
			if (queue.irq == IrqMode::Timer) {
				queue.timer().add(move(rq));
				return blk::Status::Ok;
			}
		}
	}
	queue.disk.end(move(rq).without_pdu(), status);
	return blk::Status::Ok;
}

/// Multi-queue. With Backing::Any, each hardware queue has its own irqmode.
template <IrqMode Irq, Backing Data> struct MqPath : PolledQueues<Data> {
	static_assert((Irq == IrqMode::OfQueue) == (Data == Backing::Any));
	using Pdu = typename PduOf<Irq>::Type;

	/// With a batch, one of several requests that are ended together.
	template <class... Batch>
	CXXRT_INLINE static blk::Status queue_rq(HwQueue& queue, blk::Request<Pdu> request, Batch... batch)
		requires(sizeof...(Batch) == 0 || Irq == IrqMode::None)
	{
		if (Data == Backing::Any || queue.checks_each_request()) [[unlikely]]
			return queue_any(queue, request);
		blk::InFlight<Pdu> rq = request.start();
		if constexpr (Data == Backing::Memory) {
			const blk::Status status = transfer(queue.store, request.without_pdu());
			if (status != blk::Status::Ok) [[unlikely]] {
				queue.disk.end(move(rq).without_pdu(), status);
				return blk::Status::Ok;
			}
		}
		if constexpr (Irq == IrqMode::Timer)
			queue.timer().add(move(rq));
		else if constexpr (Irq == IrqMode::Softirq)
			move(rq).complete();
		else if constexpr (sizeof...(Batch) != 0)
			(batch.end(move(rq), blk::Status::Ok), ...);
		else
			move(rq).end(blk::Status::Ok);
		return blk::Status::Ok;
	}

	CXXRT_INLINE static void complete(blk::InFlight<Pdu> rq)
		requires(Irq == IrqMode::Softirq || Irq == IrqMode::OfQueue)
	{
		move(rq).end(blk::Status::Ok);
	}
};

/// Straight from the bio, on kernels that have it. Softirq completion is inline, as in C.
template <IrqMode Irq, Backing Data> struct BioPath {
	using Context = Nullb;

	CXXRT_INLINE static void submit_bio(Nullb& disk, blk::Bio bio)
	{
		// No bio may cross a zone.
		if (Data == Backing::Any && !bio.split_to_limits())
			return;
		blk::Status status = blk::Status::Ok;
		if (Data == Backing::Any || disk.checks_each_request())
			status = disk.handle(bio.view());
		else if constexpr (Data == Backing::Memory)
			status = transfer(disk.store(), bio.view());
		if (Data == Backing::Memory && status == blk::Status::Resource) [[unlikely]]
			status = disk.handle(bio.view());
		if constexpr (Irq == IrqMode::Timer)
			disk.bio_queue().submit(move(bio), status);
		else
			move(bio).end(status);
	}
};

}  // namespace null_blk
