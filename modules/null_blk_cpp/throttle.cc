// SPDX-License-Identifier: GPL-2.0
#include "throttle.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

void Throttle::run()
{
	if (running_.load_relaxed() == 0 && running_.swap(1) == 0)
		timer_.start(kTick);
}

bool Throttle::admits(u32 bytes)
{
	run();
	if (budget_.load_relaxed() > 0) [[likely]] {
		budget_.fetch_add(-long(bytes));
		return true;
	}
	disk_.pause();
	// A tick between the look at the budget and the stop has found no stopped queue to restart, and a timer
	// that ran then may have found nothing to do and be idle now. Pairs with the barriers in tick() and lift().
	memory_barrier();
	run();
	if (budget_.load_relaxed() > 0)
		disk_.restart();
	return false;
}

void Throttle::lift()
{
	budget_.swap(kLifted);
	memory_barrier();
	disk_.restart();
}

Restart Throttle::tick()
{
	const long left = budget_.load_relaxed();
	if (left == per_tick_) {
		// Nobody came for a whole tick.
		running_.store_release(0);
		// One who came meanwhile saw a running timer: then this one goes on.
		memory_barrier();
		if (budget_.load_relaxed() == per_tick_ || running_.swap(1) != 0)
			return Restart::No;
	} else if (left < per_tick_) {
		// Besides, requests make it smaller and lift() huge: no more than a tick's is added to either.
		budget_.fetch_add(min(per_tick_, per_tick_ - left));
	}
	memory_barrier();
	if (budget_.load_relaxed() > 0)
		disk_.restart();
	timer_.forward_now(kTick);
	return Restart::Yes;
}

}  // namespace null_blk
