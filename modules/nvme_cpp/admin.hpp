// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Commands to the controller itself, one at a time for who sends them.
/// Spec: NVMe Base 2.0, 5 "Admin Command Set".

#include "queue.hpp"

namespace nvme {

/// What came of a command that the device has ended.
struct Completion {
	Status status;
	u32 result;  ///< word 0
};

/// Invariant: the controller outlives it.
class Admin : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// Entries of the queue: a tag for each but one, which is never used, and one for events.
	static constexpr u32 kDepth = 32;
	static constexpr u32 kTags = kDepth - 2;

	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Box<Admin>> create(Controller& controller) EXCLUDES(atomic_context);
	explicit Admin(Key) {}

	blk::TagSetFor<Controller>& tags() { return *tags_; }
	/// For commands of user space.
	blk::QueueView queue() const { return queue_.view(); }
	/// As blk::DriverQueue's.
	Result<void> set_most(u32 sectors, u32 segments) EXCLUDES(atomic_context)
	{
		return queue_.set_most(sectors, segments);
	}
	/// Before a request that carries `sqe`, which stays where it is.
	static void prepare(Command& cmd, const Sqe& sqe);

	/// Sends a command and waits until it has ended, for as long as admin_timeout at most.
	/// Context: process; sleeps.   Errors: EIO the device does not take or end commands; ENOMEM, ENODEV.
	Result<Completion> run(const Sqe& sqe) EXCLUDES(atomic_context);
	/// The same with memory from the heap that the device fills; its type has no bytes but those.
	/// Errors: as run(); EIO also if the device says no, ENOENT if it will say so again.
	template <class T> Result<Box<T>> read(const Sqe& sqe) EXCLUDES(atomic_context)
	{
		Box<T> data = TRY(Box<T>::make(Gfp::Kernel));
		const Completion done = TRY(execute(sqe, data.get(), sizeof(T)));
		if (!done.status.ok())
			return done.status.is_final() ? ENOENT : EIO;
		return data;
	}
	/// The same with memory from the heap that the device reads.   As run().
	Result<Completion> write(const Sqe& sqe, void* memory, u32 bytes) EXCLUDES(atomic_context)
	{
		return execute(sqe, memory, bytes, blk::Transfer::ToDevice);
	}
	/// The same with memory from the heap that the device reads.   Errors: as run().
	template <class T> Result<Completion> run_with(const Sqe& sqe, T& data) EXCLUDES(atomic_context)
	{
		return execute(sqe, &data, sizeof(T), blk::Transfer::ToDevice);
	}
	/// `set` is a command set's number, for those that have one each.   As read().
	template <class T> Result<Box<T>> identify(Cns what, u32 nsid = 0, u32 set = 0) EXCLUDES(atomic_context)
	{
		return read<T>({.opcode = u8(AdminOp::Identify), .nsid = nsid, .cdw10 = u32(what), .cdw11 = set << 24});
	}

	/// What a log page says of the whole controller.   As read(). Only whole words.
	template <class T> Result<Box<T>> log_page(LogPage page) EXCLUDES(atomic_context)
	{
		static_assert(sizeof(T) % 4 == 0 && sizeof(T) <= 65536);
		return read<T>({.opcode = u8(AdminOp::GetLogPage),
				.nsid = ~0u,
				.cdw10 = u32(page) | (u32(sizeof(T)) / 4 - 1) << 16});
	}
	/// `value` is word 11. What word 0 of the completion says.
	/// Errors: as run(); EIO also if the device says no.
	Result<u32> set_feature(Feature feature, u32 value) EXCLUDES(atomic_context);
	Result<u32> get_feature(Feature feature, u32 value) EXCLUDES(atomic_context);

	/// Asks for as many I/O queues; how many there may be, at most that. None, with a line, if the device says no.
	/// Errors: as run().
	Result<u32> set_queue_count(u32 count, const char* name) EXCLUDES(atomic_context);
	/// Errors: as run(); EIO also if the device says no.
	Result<void> create_cq(const Queue& queue, u32 vector) EXCLUDES(atomic_context);
	/// `priority` as word 11 has it.
	Result<void> create_sq(const Queue& queue, u32 priority) EXCLUDES(atomic_context);
	Result<void> delete_queue(AdminOp op, u32 id) EXCLUDES(atomic_context);
	/// Gives the device the pages that stand for doorbells: ours, and its.   Errors: as create_cq().
	Result<void> configure_doorbells(dma::Addr shadow, dma::Addr seen) EXCLUDES(atomic_context);
	/// Has the device asked to end a command; does not wait. False if there is no tag for that.   Context: process.
	template <void (*done)(Command&)> bool try_abort(const Sqe& sqe) EXCLUDES(atomic_context)
	{
		auto rq = blk::OwnRequest<Command>::alloc(queue_, blk::Transfer::FromDevice, blk::Wait::No);
		if (!rq.ok())
			return false;
		auto own = rq.take();
		Sqe& kept = kept_[own.tag() % kTags];
		kept = sqe;
		prepare(own.pdu(), kept);
		move(own).template start<done>();
		return true;
	}

private:
	Result<Completion> execute(const Sqe& sqe, void* memory, u32 bytes,
				   blk::Transfer transfer = blk::Transfer::FromDevice) EXCLUDES(atomic_context);

	Array<Sqe> kept_;  // by tag: commands that nobody waits for
	Box<blk::TagSetFor<Controller>> tags_;
	blk::DriverQueue queue_;
};

}  // namespace nvme
