// SPDX-License-Identifier: GPL-2.0
#include "queue.hpp"

#include "controller.hpp"
#include "params.hpp"
#include "path.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

// Here and not in the header: what the interrupt calls is compiled where it is named, for speed and not for size.
CXXRT_COLD Queue::Queue(Controller* controller) : controller_(*controller)
{
#ifndef __clang__  // which asks for standard layout
	// Who submits, who reaps, and what both read and neither writes have cache lines of their own.
	static_assert(__builtin_offsetof(Queue, sq_lock_) % 64 == 0 && __builtin_offsetof(Queue, cq_head_) % 64 == 0);
	static_assert(__builtin_offsetof(Queue, state_) < __builtin_offsetof(Queue, sq_lock_));
	static_assert(__builtin_offsetof(Queue, sq_told_) < __builtin_offsetof(Queue, cq_head_));
#endif
	static_assert(alignof(Queue) == 64);
}

irq::Runs Queue::where() { return params::threaded_interrupts() ? irq::Runs::InThread : irq::Runs::InInterrupt; }

CXXRT_COLD Result<void> Queue::allocate(dma::Device dev, u32 depth, u32 most_bytes, ListsAt lists)
{
	if (depth_ == depth)
		return {};
	Rings rings;
	rings.sq = TRY(dma::Coherent<Sqe[]>::alloc(dev, depth, Gfp::Kernel));
	rings.cq = TRY(dma::Coherent<Cqe[]>::alloc(dev, depth, Gfp::Kernel));
	data_ = TRY(DataLists::create(dev, depth - 1, most_bytes, lists));
	rings_ = move(rings);
	depth_ = depth;
	return {};
}

CXXRT_COLD Result<void> Queue::reset(const mmio::WindowBase& window, u32 doorbell_stride, Notice notice)
{
	sq_bell_ = TRY(window.doorbell(regs::sq_doorbell(id_, doorbell_stride)));
	cq_bell_ = TRY(window.doorbell(regs::cq_doorbell(id_, doorbell_stride)));
	shadow_ = {};
	{
		Guard guard{sq_lock_};
		sq_tail_ = 0;
		sq_told_ = 0;
	}
	notice_ = notice;
	// Somebody may still be polling.
	Guard guard{poll_lock_};
	cq_head_ = 0;
	cq_phase_ = 1;
	rings_.cq.clear();
	return {};
}

CXXRT_COLD Result<void> Queue::start(irq::Line line, const char* name)
{
	if (notice_ == Notice::Interrupt)
		TRY(irq_.request(line, name, where()));
	state_.store_release(u32(QueueState::Live));
	return {};
}

CXXRT_COLD void Queue::stop(QueueState state)
{
	if (this->state() != QueueState::Dead)
		state_.store_release(u32(state));
	irq_.release();
}

namespace {

/// Of Cqe::id_status.
constexpr u32 kPhaseAt = 16;
constexpr u32 kPhase = 1u << kPhaseAt;

}  // namespace

bool Queue::has_completions() const { return (rings_.cq.load(cq_head_, &Cqe::id_status) >> 16 & 1) == cq_phase_; }

CXXRT_INLINE u32 Queue::reap(blk::CompletionBatch batch)
{
	u32 head = cq_head_;
	u32 phase = cq_phase_ << kPhaseAt;
	auto entry = rings_.cq.at(head);
	u32 id_status = entry.load(&Cqe::id_status);
	if (((id_status ^ phase) & kPhase) != 0)
		return 0;
	// The device cannot have more, unless it does not care how far we are.
	u32 left = depth_;
	do {
		// The phase before the rest of the entry, and before the data: both came before it.
		dma::read_barrier();
		const u32 id = id_status & 0xffff;
		const bool known = tags_.find<Command>(id & (kMostTags - 1), [&](Request rq) CXXRT_INLINE_LAMBDA {
			if (!rq.is_in_flight() || current_id(rq) != id) [[unlikely]]
				return false;
			Command& cmd = rq.pdu();
			cmd.status = Status{id_status >> 17};
			// Few ask for it, and a question would take longer than the answer.
			cmd.result = entry.load(&Cqe::result);
			if (trace::nvme_sq_enabled()) [[unlikely]]
				trace(rq, head);
			InFlight::unpark(cmd).complete_or(
				[&](InFlight&& here) CXXRT_INLINE_LAMBDA { Path::end(*this, move(here), batch); });
			return true;
		});
		if (!known) [[unlikely]]
			take_other(id, head);
		entry.advance();
		if (++head == depth_) [[unlikely]] {
			head = 0;
			phase ^= kPhase;
			entry = rings_.cq.at(0);
		}
		if (--left == 0) [[unlikely]]
			break;
		id_status = entry.load(&Cqe::id_status);
	} while (((id_status ^ phase) & kPhase) == 0);
	const u32 before = exchange(cq_head_, head);
	cq_phase_ = phase >> kPhaseAt;
	if (shadow_.must_wake<&ShadowWords::cq, &ShadowWords::cq_seen>(head, before))
		cq_bell_.ring(head);
	return depth_ - left;
}

u32 Queue::reap_apart(blk::CompletionBatch batch) { return reap(batch); }

irq::Handled Queue::interrupted()
{
	blk::EndingBatch ending;
	return reap(ending.batch()) != 0 ? irq::Handled::Yes : irq::Handled::No;
}

u32 Queue::poll(blk::CompletionBatch batch)
{
	if (!has_completions())
		return 0;
	Guard guard{poll_lock_};
	return reap(batch);
}

CXXRT_COLD u32 Queue::reap_now()
{
	blk::EndingBatch ending;
	u32 found = 0;
	if (notice_ == Notice::Poll) {
		found = poll(ending.batch());
	} else if (irq_.is_requested()) {
		irq_.with_masked([&] { found = reap_apart(ending.batch()); });
	}
	return found;
}

CXXRT_COLD void Queue::drain()
{
	if (depth_ == 0)
		return;
	blk::EndingBatch ending;
	Guard guard{poll_lock_};
	(void)reap_apart(ending.batch());
}

void Queue::abandon(Request rq)
{
	if (!irq_.is_requested())
		return;
	irq_.with_masked([&] {
		{
			blk::EndingBatch ending;
			(void)reap_apart(ending.batch());
		}
		if (!rq.is_in_flight())
			return;
		rq.pdu().status = kCancelled;
		InFlight::unpark(rq.pdu()).complete();
	});
}

trace::NvmeQueue Queue::traced() const { return {.controller = controller_.number(), .queue = id_}; }

// The tail may change meanwhile: it is what it is when it is looked at.
CXXRT_COLD void Queue::trace(Request rq, u32 head) const NO_THREAD_SAFETY_ANALYSIS
{
	trace::nvme_sq(rq, traced(), rings_.cq.load(head).sq_head.get(), sq_tail_);
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as everywhere, the id comes first
void Queue::take_other(u32 id, u32 head)
{
	if (id_ == 0 && id == Events::kCommandId) {
		const Cqe entry = rings_.cq.load(head);
		if (controller_.event(Status{entry.id_status.get() >> 17}, u32(entry.result.get())))
			return;
	}
	log::warn_limited<"%s: invalid id %u completed on queue %u">(unknown_limit_, controller_.name(), id, id_);
}

}  // namespace nvme
