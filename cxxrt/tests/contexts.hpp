// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Waiting with a deadline, and a second CPU to work on.
/// C side: none.

#include <cxxrt/system.hpp>
#include <cxxrt/time.hpp>
#include <cxxrt/work.hpp>

namespace cxxrt::kunit {

/// How long something may take that takes no time: emulated machines are slow.
inline constexpr u32 kPatienceMs = 30000;
/// Longer without sleep, and the kernel calls a CPU stuck.
inline constexpr u32 kSpinMs = 5000;

/// True once `condition()` is; false after `kPatienceMs`.   Context: process; sleeps.
template <class F> bool wait_until(F&& condition)
{
	const u64 end = now_ns() + (kPatienceMs * 1'000'000ull);
	while (!condition()) {
		if (now_ns() > end)
			return false;
		sleep_ms(1);
	}
	return true;
}

/// The same without sleeping, for at most `ms`.   Context: any.
template <class F> bool spin_until(F&& condition, u32 ms)
{
	const u64 end = now_ns() + (ms * 1'000'000ull);
	while (!condition()) {
		if (now_ns() > end)
			return false;
		raw::cxxrt_cpu_relax();
	}
	return true;
}
inline void spin_ms(u32 ms)
{
	spin_until([] { return false; }, ms);
}

/// Where a test and its worker on another CPU meet, so that what they do next happens at once.
class StartLine : Pinned {
public:
	/// Context: process, the test; sleeps until the worker is there. False if it does not come.
	bool start()
	{
		const bool came = wait_until([this] { return arrived_.load_acquire() > 0; });
		arrived_.fetch_add(1);
		return came;
	}
	/// Context: process, the worker; does not sleep, so that no time passes between the two starts.
	void arrive()
	{
		arrived_.fetch_add(1);
		spin_until([this] { return arrived_.load_acquire() > 1; }, kSpinMs);
	}

private:
	Atomic<int> arrived_;
};

/// An online CPU other than this one.   Context: any; preemption is off if the answer matters.
inline Optional<u32> other_cpu()
{
	const u32 here = current_cpu();
	for (u32 cpu = 0; cpu < cpu_id_limit(); ++cpu) {
		if (cpu != here && is_cpu_online(cpu))
			return cpu;
	}
	return {};
}

}  // namespace cxxrt::kunit
