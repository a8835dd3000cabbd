// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A pair of rings: commands to the device, completions from it.
/// Spec: NVMe Base 2.0, 3.3 "NVM Queue Models".
///
/// Locks: `sq_lock_` guards the submission side. The completion side has one consumer at a time: the interrupt handler,
/// which never runs twice at once; or, for a queue without one, who holds `poll_lock_`; or, while the interrupt is masked
/// or released, who did that. Nothing takes both locks.

#include <cxxrt/atomic.hpp>
#include <cxxrt/irq.hpp>
#include <cxxrt/pci.hpp>
#include <cxxrt/system.hpp>
#include <cxxrt/trace/nvme.hpp>

#include "data.hpp"

namespace nvme {

class Controller;

/// Whether a queue takes requests.
enum class QueueState : u8 {
	Down,  ///< the device does not have it: requests wait
	Live,
	Dead,  ///< it never will again: requests fail
};

/// How completions are noticed.
enum class Notice : u8 { Interrupt, Poll };

/// Words in memory that stand for a queue's doorbells, or none.
/// Spec: NVMe Base 2.0, annex B.5 "Updating Controller Doorbell Properties using a Shadow Doorbell Buffer".
struct ShadowWords {
	dma::SharedWord sq, cq;		   ///< what we have told
	dma::SharedWord sq_seen, cq_seen;  ///< the device is to be woken when we go past it

	/// Tells `value` after `before` in `told`, if there is such; whether the device has to be woken by its doorbell.
	template <dma::SharedWord ShadowWords::* told, dma::SharedWord ShadowWords::* seen>
	CXXRT_INLINE bool must_wake(u32 value, u32 before) const
	{
		return !(this->*told) || wakes(this->*told, this->*seen, value, before);
	}

private:
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as in the specification
	CXXRT_INLINE static bool wakes(dma::SharedWord told, dma::SharedWord seen, u32 value, u32 before)
	{
		// The entries before the word that speaks of them.
		dma::write_barrier();
		told.store(value);
		// And the word before we look: either the device sees it, or we see that the device does not look any more.
		dma::full_barrier();
		return u16(value - seen.load() - 1) < u16(value - before);
	}
};

/// Memory of both rings.
struct Rings {
	dma::Coherent<Sqe[]> sq;
	dma::Coherent<Cqe[]> cq;
};

class Queue : Pinned {
public:
	/// A command's id: the request's tag, and a number that is another one the next time the tag is used.
	static constexpr u32 kTagBits = 12;
	static constexpr u32 kMostTags = 1u << kTagBits;

	explicit Queue(Controller* controller);
	/// Once, before anything else.
	void set_id(u32 id) { id_ = id; }
	/// Ids of commands are their tags, for devices that want small ones: whether a completion is an old one is not known
	/// then.   Before anything else.
	void forgo_generations() { generation_step_ = 0; }

	/// Makes room for `depth` entries, of which one stays free, unless it is there already.
	/// Context: process; sleeps.   Errors: ENOMEM.   Units: `depth` 2 to 4096; `most_bytes` of one request.
	Result<void> allocate(dma::Device dev, u32 depth, u32 most_bytes, ListsAt lists) EXCLUDES(atomic_context);
	/// Empties both rings, for a device that knows nothing of them yet.
	/// Errors: EINVAL the doorbells are not in the window.   Only while down.
	Result<void> reset(const mmio::WindowBase& window, u32 doorbell_stride, Notice notice);
	/// The doorbells are in memory, too, from here on until reset(): `sq` and `cq` are what we write, and the others say how
	/// far the device has looked, and is not to be woken before.   Before it is started.
	void use_shadow(const ShadowWords& words) { shadow_ = words; }
	/// The requests that it completes. Before it is started.
	void set_tags(blk::TagTable tags) { tags_ = tags; }

	/// Takes requests from now on, and completions by interrupt on `line`, unless it is polled.
	/// Context: process; sleeps.   Errors: as irq::Handler::request().
	Result<void> start(irq::Line line, const char* name) EXCLUDES(atomic_context);
	/// Without an interrupt for a while. Nothing may be with the device.   Context: process; sleeps.
	void stop_interrupt() EXCLUDES(atomic_context) { irq_.release(); }
	/// As start().
	Result<void> restart_interrupt(irq::Line line, const char* name) EXCLUDES(atomic_context)
	{
		return irq_.request(line, name, where());
	}
	/// Does not take any, and has no interrupt, when this returns. Those offered now must have been waited for.
	/// Context: process; sleeps.
	void stop(QueueState state) EXCLUDES(atomic_context);
	/// From Down to Dead.   Context: any.
	void give_up() { state_.store_release(u32(QueueState::Dead)); }

	u32 id() const { return id_; }
	u32 depth() const { return depth_; }
	Notice notice() const { return notice_; }
	Controller& controller() const { return controller_; }
	/// What tracepoints call it.
	trace::NvmeQueue traced() const;
	DataLists& data() const { return *data_; }
	const Rings& rings() const { return rings_; }
	CXXRT_INLINE QueueState state() const { return QueueState(state_.load_relaxed()); }
	CXXRT_INLINE bool is_live() const { return state() == QueueState::Live; }

	/// The next id for the request's command.   Context: who starts it.
	CXXRT_INLINE u32 next_id(Request rq) const
	{
		Command& cmd = rq.pdu();
		cmd.id = u16(((cmd.id & ~(kMostTags - 1)) + generation_step_) | rq.tag());
		return cmd.id;
	}
	/// What next_id() will say.
	u32 upcoming_id(Request rq) const
	{
		return (((rq.pdu().id & ~(kMostTags - 1)) + generation_step_) | rq.tag()) & 0xffff;
	}
	static u32 current_id(Request rq) { return rq.pdu().id; }

	/// Commands put into the ring together. The device sees them when it is told.
	class [[nodiscard]] SCOPED_CAPABILITY Submission : Pinned {
	public:
		CXXRT_INLINE explicit Submission(Queue& queue) ACQUIRE(queue.sq_lock_) NO_THREAD_SAFETY_ANALYSIS
			: queue_(queue),
			  guard_(queue.sq_lock_)
		{
		}
		CXXRT_INLINE ~Submission() RELEASE() NO_THREAD_SAFETY_ANALYSIS = default;
		/// There is always room, and what the device was told last never looks as if nothing was new: there are fewer
		/// tags than entries.
		CXXRT_INLINE void put(const Sqe& sqe) NO_THREAD_SAFETY_ANALYSIS
		{
			Queue& q = queue_;
			const u32 tail = q.sq_tail_;
			q.rings_.sq.store(tail, sqe);
			q.sq_tail_ = tail + 1 == q.depth_ ? 0 : tail + 1;
		}
		/// Tells the device of all of them. There is one at least.
		CXXRT_INLINE void tell() NO_THREAD_SAFETY_ANALYSIS
		{
			Queue& q = queue_;
			const u32 told = exchange(q.sq_told_, q.sq_tail_);
			if (q.shadow_.must_wake<&ShadowWords::sq, &ShadowWords::sq_seen>(q.sq_tail_, told))
				q.sq_bell_.ring(q.sq_tail_);
		}
		/// The same if there may be none.
		void tell_if_new() NO_THREAD_SAFETY_ANALYSIS
		{
			if (queue_.sq_told_ != queue_.sq_tail_)
				tell();
		}

	private:
		Queue& queue_;
		Guard<SpinLock> guard_;
	};

	/// Has the device told of a command that is no request. There is room for one such at a time.
	/// Context: process.   Only while it is Live.
	void send(const Sqe& sqe)
	{
		Submission submission{*this};
		submission.put(sqe);
		submission.tell();
	}

	/// Ends what the device has completed; returns how many.   Context: any, as the only consumer.
	CXXRT_INLINE u32 reap(blk::CompletionBatch batch);
	/// Something has been completed.   Context: any; a hint.
	bool has_completions() const;
	/// The same as the only consumer, whatever the queue's notice: for when no interrupt came.
	/// Context: process; sleeps.
	u32 reap_now() EXCLUDES(atomic_context);
	/// For a polled queue.   Context: process.
	u32 poll(blk::CompletionBatch batch);
	/// What is left when it has been stopped.   Context: process.
	void drain();
	/// Ends a request that holds no memory, though the device has not completed it; nothing if it has meanwhile.
	/// Context: process; sleeps.   Only for a queue with an interrupt.
	void abandon(Request rq) EXCLUDES(atomic_context);

private:
	static irq::Runs where();
	CXXRT_HOT irq::Handled interrupted();
	/// As reap().
	CXXRT_COLD u32 reap_apart(blk::CompletionBatch batch);
	/// A tracepoint is on.
	CXXRT_COLD void trace(Request rq, u32 head) const;
	/// A completion at `head` that belongs to no request that the device has: an event, or nothing.
	CXXRT_COLD void take_other(u32 id, u32 head);

	// Read by both sides, and hardly ever written.
	Controller& controller_;
	u32 id_ = 0;
	u32 depth_ = 0;
	u32 generation_step_ = kMostTags;  // 0: ids are tags
	Rings rings_;
	blk::TagTable tags_;
	mmio::Doorbell sq_bell_, cq_bell_;
	ShadowWords shadow_;
	Box<DataLists> data_;
	Notice notice_ = Notice::Interrupt;
	Atomic<u32> state_{u32(QueueState::Down)};

	// Who submits.
	alignas(64) SpinLock sq_lock_{lock_class<"nvme Queue::sq_lock_">};
	u32 sq_tail_ GUARDED_BY(sq_lock_) = 0;
	u32 sq_told_ GUARDED_BY(sq_lock_) = 0;	// what the doorbell was written with last

	// Who reaps.
	alignas(64) u32 cq_head_ = 0;
	u32 cq_phase_ = 1;  // Base 3.3.3.2.2: entries of the first lap carry 1
	SpinLock poll_lock_{lock_class<"nvme Queue::poll_lock_">};
	log::RateLimit unknown_limit_;
	irq::Handler irq_{callback<&Queue::irq_, &Queue::interrupted>,
			  callback<&Queue::irq_, &Queue::has_completions>};  // last: it stops first
};

}  // namespace nvme
