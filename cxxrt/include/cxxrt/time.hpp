// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Durations, high-resolution timers, and coarse timers.
/// C side: include/linux/hrtimer.h, include/linux/timer.h, helpers/time.c.

#include <cxxrt/callback.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/lockcontext.hpp>

namespace cxxrt {

/// A span of time in nanoseconds, at most about 292 years.
class Nanoseconds {
public:
	constexpr Nanoseconds() = default;
	/// Longer spans than the clock can hold become the longest one.
	constexpr explicit Nanoseconds(u64 ns) : ns_(ns > kMax ? s64(kMax) : s64(ns)) {}
	constexpr s64 count() const { return ns_; }

private:
	static constexpr u64 kMax = 0x7fffffffffffffffull;
	s64 ns_ = 0;
};

/// The monotonic clock.   Context: any.
inline u64 now_ns() { return raw::cxxrt_ktime_get_ns(); }

/// A moment after which waiting ends.   Context: any.   Units: milliseconds.
class Deadline {
public:
	static Deadline in_ms(u64 ms) { return Deadline{now_ns() + (ms * 1000000)}; }
	bool has_passed() const { return now_ns() >= at_; }
	/// Until it passes, rounded up; 0 once it has.
	u32 left_ms() const
	{
		const u64 now = now_ns();
		return now >= at_ ? 0 : u32((at_ - now + 999999) / 1000000);
	}

private:
	explicit Deadline(u64 at) : at_(at) {}
	u64 at_;
};

/// What a timer function decides about its timer, as the kernel reads it.
enum class Restart : u32 {  // NOLINT(performance-enum-size): as wide as what the kernel is given
	No = raw::HRTIMER_NORESTART,
	Yes = raw::HRTIMER_RESTART,
};

/// A one-shot timer in hard-interrupt context, a member of the object it serves:
///     HrTimer timer_{callback<&Command::timer_, &Command::expired>};
/// where `Restart expired()`; for Restart::Yes it has called forward_now() or forward_to() first.
/// Invariant: the function does not run after the destructor.
class HrTimer : Pinned {
public:
	template <auto Member, auto Function> explicit HrTimer(Callback<Member, Function>)
	{
		raw::cxxrt_hrtimer_setup(&timer_, &thunk<Member, Function>);
	}
	/// Waits for a running function.   Context: process, not the function itself.
	~HrTimer() EXCLUDES(atomic_context) { raw::cxxrt_end_hrtimer(&timer_); }

	/// Expires once, `delay` from now. Restarts a timer that has not expired yet.   Context: any.
	CXXRT_INLINE void start(Nanoseconds delay) { raw::cxxrt_hrtimer_start(&timer_, delay.count()); }
	/// Expires once, when now_ns() has reached `ns`. As start().
	CXXRT_INLINE void start_at(u64 ns) { raw::cxxrt_hrtimer_start_at(&timer_, ns); }
	/// Stops it and waits for a running function.   Context: process.
	void cancel() EXCLUDES(atomic_context) { raw::hrtimer_cancel(&timer_); }
	bool is_active() const { return raw::hrtimer_active(&timer_); }
	/// From the function only: the next expiry is when now_ns() has reached `ns`.
	void forward_to(u64 ns) { raw::cxxrt_hrtimer_set_expiry(&timer_, ns); }
	/// From the function only: the next expiry is the first multiple of `period` after now.
	void forward_now(Nanoseconds period) { raw::cxxrt_hrtimer_forward_now(&timer_, period.count()); }

private:
	template <auto Member, auto Function>
	CXXRT_HOT static raw::hrtimer_restart thunk(raw::hrtimer* timer)
	{
		auto& owner = owner_of<Member>(owner_of<&HrTimer::timer_>(*timer));
		const Restart restart = (owner.*Function)();
		return raw::hrtimer_restart(restart);
	}
	raw::hrtimer timer_;
};

/// A coarse timer in softirq context, a member of the object it serves; its function is `void f()`.
/// Invariant: the function does not run after the destructor, even if it restarts the timer.
class Timer : Pinned {
public:
	template <auto Member, auto Function> explicit Timer(Callback<Member, Function>)
	{
		raw::cxxrt_timer_setup(&timer_, &thunk<Member, Function>, "cxxrt::Timer", &key<Member>);
	}
	/// Waits for a running function.   Context: process.
	~Timer() EXCLUDES(atomic_context) { raw::cxxrt_end_timer(&timer_); }
	/// Expires once, `ms` milliseconds from now, rounded up to a tick.   Context: any.
	void start_ms(u32 ms) { raw::mod_timer(&timer_, raw::cxxrt_jiffies() + raw::cxxrt_msecs_to_jiffies(ms)); }

private:
	template <auto Member> static inline constinit raw::lock_class_key key{};
	template <auto Member, auto Function> static void thunk(raw::timer_list* timer)
	{
		(owner_of<Member>(owner_of<&Timer::timer_>(*timer)).*Function)();
	}
	raw::timer_list timer_;
};

/// Lets the CPU do something else if there is need; for long loops.   Context: process; may sleep.
inline void let_others_run() EXCLUDES(atomic_context) { raw::cxxrt_cond_resched(); }
/// Context: process; sleeps at least `ms` milliseconds.
inline void sleep_ms(u32 ms) EXCLUDES(atomic_context) { raw::msleep(ms); }
/// Context: process; sleeps at least `least` microseconds, and hardly more than `most`.
inline void sleep_us(u32 least, u32 most) EXCLUDES(atomic_context) { raw::cxxrt_usleep_range(least, most); }

/// Keeps the CPU for at least `us` microseconds: where sleeping would take much longer than that.   Context: any.
inline void delay_us(u32 us) { raw::cxxrt_udelay(us); }

}  // namespace cxxrt
