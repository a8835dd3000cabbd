// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The request path, one instance per configuration: what a device does not have is not in its
/// instance. Chosen once, at power-on.
/// C side: null_queue_rq(), null_handle_cmd(), nullb_complete_cmd(), null_poll(), null_submit_bio().

#include "disk.hpp"

namespace null_blk {

/// Whether a device keeps data.
enum class Backing : u8 { None, Memory };

/// Transfers all of a request or bio.   Context: process; may sleep.
template <class Io> CXXRT_HOT blk::Status transfer(PageStore& store, Io io) EXCLUDES(atomic_context)
{
	const blk::Op op = io.op();
	// Without a cache there is nothing to flush.
	if (op == blk::Op::Flush)
		return blk::Status::Ok;
	u64 sector = io.sector();
	for (const Segment segment : io.segments()) {
		if (segment.length % blk::kSectorSize != 0) [[unlikely]]
			return blk::Status::IoError;
		const blk::Status status = store.transfer(op, sector, segment);
		if (status != blk::Status::Ok)
			return status;
		sector += segment.length / blk::kSectorSize;
	}
	return blk::Status::Ok;
}

/// A tag that remembers how its request went until it is ended elsewhere.
struct StatusPdu {
	blk::Status status;
};

/// A tag with a timer of its own, set up once and started by each request.
class TimerPdu : Pinned {
public:
	blk::Status status = blk::Status::Ok;
	HrTimer timer{callback<&TimerPdu::timer, &TimerPdu::expired>};

private:
	Restart expired()
	{
		blk::InFlight<TimerPdu>::unpark(*this).end(status);
		return Restart::No;
	}
};

template <IrqMode Irq, Backing Data> struct PduOf {
	using Type = blk::NoPdu;
};
template <> struct PduOf<IrqMode::Softirq, Backing::Memory> {
	using Type = StatusPdu;
};
template <Backing Data> struct PduOf<IrqMode::Timer, Data> {
	using Type = TimerPdu;
};

/// What does not depend on the configuration.
struct MqQueues {
	using HwQueue = null_blk::HwQueue;
	using Context = Nullb;

	static Result<HwQueue*> init_hctx(Nullb& disk, u32 index) { return &disk.hw_queue(index); }
	static blk::QueueCounts queue_counts(Nullb& disk, u32 total) { return disk.counts(total); }
	static u32 poll(HwQueue& queue, blk::CompletionBatch batch);
	/// Ends a request that nobody polled for.
	static blk::TimeoutResult timeout(HwQueue& queue, blk::Request<> request, blk::QueueKind kind);

protected:
	static void wait_for_poll(HwQueue& queue, blk::Request<> request);
	static void fail_polled(HwQueue& queue, blk::Request<> request, blk::Status status);
};

template <Backing Data> struct PolledQueues : MqQueues {
	/// Data moves here and not in poll(), which runs inside an RCU read section and must not sleep.
	CXXRT_NOINLINE static blk::Status queue_polled(HwQueue& queue, blk::Request<> request)
	{
		if constexpr (Data == Backing::Memory) {
			const blk::Status status = transfer(queue.store, request);
			if (status != blk::Status::Ok) {
				fail_polled(queue, request, status);
				return blk::Status::Ok;
			}
		}
		wait_for_poll(queue, request);
		return blk::Status::Ok;
	}
};

/// Multi-queue. Without backing nothing in it can sleep, fail or time out.
template <IrqMode Irq, Backing Data> struct MqPath : PolledQueues<Data> {
	using Pdu = typename PduOf<Irq, Data>::Type;

	CXXRT_INLINE static blk::Status queue_rq(HwQueue& queue, blk::Request<Pdu> request)
	{
		blk::InFlight<Pdu> rq = request.start();
		blk::Status status = blk::Status::Ok;
		if constexpr (Data == Backing::Memory)
			status = transfer(queue.store, request.without_pdu());

		if constexpr (Irq == IrqMode::None) {
			move(rq).end(status);
		} else if constexpr (Irq == IrqMode::Softirq) {
			if constexpr (Data == Backing::Memory)
				request.pdu().status = status;
			move(rq).complete();
		} else {
			Pdu& pdu = move(rq).park();
			pdu.status = status;
			pdu.timer.start(queue.completion_time);
		}
		return blk::Status::Ok;
	}

	CXXRT_INLINE static void complete(blk::InFlight<Pdu> rq) requires(Irq == IrqMode::Softirq)
	{
		if constexpr (Data == Backing::Memory) {
			const blk::Status status = rq.request().pdu().status;
			move(rq).end(status);
		} else {
			move(rq).end(blk::Status::Ok);
		}
	}
};

/// Straight from the bio, on kernels that have it. Softirq completion is inline, as in C.
template <IrqMode Irq, Backing Data> struct BioPath {
	using Context = Nullb;

	CXXRT_INLINE static void submit_bio(Nullb& disk, blk::Bio bio)
	{
		blk::Status status = blk::Status::Ok;
		if constexpr (Data == Backing::Memory)
			status = transfer(disk.store(), bio.view());
		if constexpr (Irq == IrqMode::Timer)
			disk.bio_queue().submit(move(bio), status);
		else
			move(bio).end(status);
	}
};

}  // namespace null_blk
