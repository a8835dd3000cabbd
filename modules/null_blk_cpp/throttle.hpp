// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Holds a disk to a number of MiB per second.
/// C side: null_handle_throttled(), nullb_bwtimer_fn(), drivers/block/null_blk/main.c.

#include <cxxrt/atomic.hpp>
#include <cxxrt/blk.hpp>
#include <cxxrt/time.hpp>

namespace null_blk {
using namespace cxxrt;

/// Fifty times a second the disk gets a budget. A request is let in while any of it is left, and may
/// run it into debt, which later ticks pay: so one that is larger than a tick's budget gets in, too.
/// Invariant: the disk outlives it; stop() comes before the disk stops existing.
class Throttle : Pinned {
public:
	/// Units: `mbps` in MiB per second, at least 1.
	Throttle(blk::Disk& disk, u32 mbps)
		: disk_(disk), per_tick_(long(kMiB / kTicksPerSecond) * long(mbps)), budget_(per_tick_)
	{
	}

	/// True if a request of so many bytes may go on; if not, the disk's queues are stopped until more
	/// may.   Context: queue_rq.   Locks: none.
	bool admits(u32 bytes);
	/// From now on every request may go on.   Context: process.
	void lift();
	/// Context: process; sleeps. No request is offered any more.
	void stop() EXCLUDES(atomic_context) { timer_.cancel(); }

private:
	static constexpr u32 kMiB = 1u << 20;
	static constexpr u32 kTicksPerSecond = 50;
	static constexpr Nanoseconds kTick{1'000'000'000 / kTicksPerSecond};
	static constexpr long kLifted = 1l << 62;
	void run();
	Restart tick();

	blk::Disk& disk_;
	const long per_tick_;
	Atomic<long> budget_;	  // bytes; below zero is debt
	Atomic<int> running_{0};  // the timer
	HrTimer timer_{callback<&Throttle::timer_, &Throttle::tick>};
};

}  // namespace null_blk
