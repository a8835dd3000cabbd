// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Requests that end when their completion time has passed (irqmode 2).
/// C side: null_cmd_end_timer() and null_cmd_timer_expired(), drivers/block/null_blk/main.c; there
/// each request has a timer of its own.

#include <cxxrt/blk.hpp>
#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>

namespace null_blk {
using namespace cxxrt;

/// What a tag carries while its request waits.
struct TimedPdu {
	u64 due;  // now_ns() when it ends
};

/// The requests that one CPU started, with one timer for all: the delay is the same for each, so they
/// fall due in order.
class alignas(64) TimerQueue {
public:
	explicit TimerQueue(Nanoseconds delay) : delay_(u64(delay.count())) {}

	/// Ends `rq` well when its time has come.
	/// Context: process.   Locks: its own, which other CPUs take only if a timer or a task moves.
	CXXRT_INLINE void add(blk::InFlight<TimedPdu>&& rq TAKES_UNCONSUMED)
	{
		add_parked(blk::Request<TimedPdu>::of(move(rq).park()));
	}

private:
	CXXRT_HOT void add_parked(blk::Request<TimedPdu> rq);
	CXXRT_HOT Restart expired();

	IrqSpinLock lock_{lock_class<"null_blk TimerQueue::lock_">};
	const u64 delay_;
	blk::RequestFifo waiting_ GUARDED_BY(lock_);  // the timer is set for the first
	HrTimer timer_{callback<&TimerQueue::timer_, &TimerQueue::expired>};
};

}  // namespace null_blk
