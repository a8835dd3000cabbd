// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// How requests become commands, and completions the end of requests.
/// C side: nvme_queue_rq(), nvme_setup_cmd(), nvme_complete_rq(), nvme_timeout().

#include "namespace.hpp"

namespace nvme {

/// The command for an operation of the block layer, for messages.
u32 opcode_of(blk::Op op);

/// What the administrative and the I/O queues share.
struct Path {
	using Pdu = Command;
	using HwQueue = Queue;
	using Tags = Controller;

	static void commit_rqs(Queue& queue);
	static u32 poll(Queue& queue, blk::CompletionBatch batch) { return queue.poll(batch); }
	static void complete(InFlight rq);
	static blk::TimeoutResult timeout(Queue& queue, Request rq, blk::QueueKind kind);

	/// Ends `rq`, whose Command says how it went, or has it tried again.   Context: any.
	CXXRT_INLINE static void end(Queue& queue, InFlight&& rq TAKES_UNCONSUMED, blk::CompletionBatch batch)
	{
		const Request request = rq.request();
		const Command& cmd = request.pdu();
		queue.data().unmap(request);
		if (trace::nvme_complete_rq_enabled()) [[unlikely]]
			trace_end(queue, request);
		// Parked meanwhile, so that it stays in a register.
		if (!cmd.is_smooth()) [[unlikely]]
			end_unusual(move(rq).park());
		else
			batch.end(move(rq), blk::Status::Ok);
	}

protected:
	static Queue& queue_of(Request rq) { return rq.hw_queue<Queue>(); }
	/// Why a request is not taken now.
	CXXRT_COLD static blk::Status refuse(Queue& queue, Request rq);
	/// Of a request that is parked.
	CXXRT_COLD static void end_unusual(Command& parked);
	/// Tracepoints that are on.
	CXXRT_COLD static void trace_end(const Queue& queue, Request rq);
	CXXRT_COLD static void trace_setup(const Queue& queue, Request rq, const Sqe& sqe);
	/// What came with the request beside its blocks is the host's again; nothing if it is not mapped.
	static void unmap_integrity(Queue& queue, Request rq);
	/// Says where an append wrote. Other than Ok if the device cannot have.
	static blk::Status finish_append(Request rq);
	/// Builds a command that is there but for its data and its id.   Errors: as DataLists::map().
	static blk::Status build_passthrough(Queue& queue, Request rq, Sqe& sqe);
	CXXRT_INLINE static void put(Queue& queue, const Sqe& sqe, blk::Last last)
	{
		Queue::Submission submission{queue};
		submission.put(sqe);
		if (last == blk::Last::Yes)
			submission.tell();
	}
};

/// Requests of disks.
struct IoPath : Path {
	using Context = Namespace;

	CXXRT_HOT static blk::Status queue_rq(Queue& queue, Namespace& ns, Request rq, blk::Last last);
	CXXRT_INLINE static blk::Status prepare(Queue& queue, Namespace& ns, Request rq, blk::RequestFifo& batch);
	CXXRT_INLINE static void submit(Queue& queue, blk::RequestFifo& batch);
	/// Requests of such a namespace have to be looked at.
	static bool takes_one_by_one(const Namespace& ns) { return !ns.is_plain(blk::Op::Read); }
	/// The kernel's tables for it.
	static blk::MqDriverTable<Namespace, Controller> table();
	static Queue& init_queue(Controller& controller, u32 index);
	static blk::QueueCounts queue_counts(Controller& controller, u32 total);
	static blk::QueueVectors queue_vectors(Controller& controller);

private:
	/// What is neither read nor write.
	CXXRT_COLD static blk::Status queue_other(Queue& queue, Namespace& ns, Request rq, blk::Last last);
	/// True if the request has a fault, and is not offered any more, or not now.
	static bool inject(Queue& queue, Request rq);
	/// Reads and writes that are not plain, and appends.
	static blk::Status queue_special(Queue& queue, Namespace& ns, Request rq, blk::Last last);
	/// False if there is no memory to map it with now.
	static bool map_integrity(Queue& queue, Request rq);
	static Sqe zone_command(const Namespace& ns, Request rq);
};

/// Commands to the controller itself.
struct AdminPath : Path {
	using Context = Controller;

	static blk::Status queue_rq(Queue& queue, Controller& controller, Request rq, blk::Last last);
	static Queue& init_queue(Controller& controller, u32 index);
	static blk::QueueCounts queue_counts(Controller& controller, u32 total);
};

}  // namespace nvme
