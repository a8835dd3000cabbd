// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/time.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>

#include "contexts.hpp"

namespace cxxrt::kunit {
namespace {

constexpr u64 kMs = 1'000'000;
/// Sleeps and coarse timers count ticks, which a machine that was held up makes up for in a burst: a clock would find
/// them early then.
unsigned long now_ticks() { return raw::cxxrt_jiffies(); }

constexpr Nanoseconds kNever{3600ull * 1000 * kMs};

/// What a timer function saw; outlives the timer.
struct Seen {
	Atomic<int> entered, left, wrong_context;
	Atomic<u64> at;
	Atomic<unsigned long> at_tick;
};

/// A high-resolution timer that expires `times` times and spends `busy_ms` each time.
class HighRes : Pinned {
public:
	HighRes(Seen& seen, int times, u32 busy_ms) : seen_(seen), times_(times), busy_ms_(busy_ms) {}

private:
	Seen& seen_;
	int times_;
	u32 busy_ms_;
	Restart expired()
	{
		seen_.at.store_relaxed(now_ns());
		if (!raw::cxxrt_in_hardirq())
			seen_.wrong_context.fetch_add(1);
		const int entered = seen_.entered.fetch_add(1) + 1;
		spin_ms(busy_ms_);
		seen_.left.fetch_add(1);
		if (entered >= times_)
			return Restart::No;
		timer_.forward_now(Nanoseconds{kMs});
		return Restart::Yes;
	}

public:
	HrTimer timer_{callback<&HighRes::timer_, &HighRes::expired>};
	/// Starts the timer from the CPU it runs on, and keeps that CPU busy.
	Work work_{callback<&HighRes::work_, &HighRes::run>};

private:
	void run()
	{
		timer_.start(Nanoseconds{kMs});
		spin_ms(3);
	}
};

/// A coarse timer that may start itself again.
class Coarse : Pinned {
public:
	Coarse(Seen& seen, Restart restart, u32 busy_ms) : seen_(seen), restart_(restart), busy_ms_(busy_ms) {}

private:
	Seen& seen_;
	Restart restart_;
	u32 busy_ms_;
	void expired()
	{
		seen_.at_tick.store_relaxed(now_ticks());
		if (!raw::cxxrt_in_softirq() || raw::cxxrt_in_hardirq())
			seen_.wrong_context.fetch_add(1);
		seen_.entered.fetch_add(1);
		spin_ms(busy_ms_);
		seen_.left.fetch_add(1);
		if (restart_ == Restart::Yes)
			timer_.start_ms(1);
	}

public:
	Timer timer_{callback<&Coarse::timer_, &Coarse::expired>};
};

}  // namespace

KUNIT_TEST(cxxrt_time, nanoseconds_saturate)
{
	test.expect_eq(Nanoseconds{}.count(), 0ll);
	test.expect_eq(Nanoseconds{12345}.count(), 12345ll);
	test.expect_eq(Nanoseconds{0x7fffffffffffffffull}.count(), 0x7fffffffffffffffll);
	test.expect_eq(Nanoseconds{0x8000000000000000ull}.count(), 0x7fffffffffffffffll);
	test.expect_eq(Nanoseconds{~0ull}.count(), 0x7fffffffffffffffll);
	return {};
}

KUNIT_TEST(cxxrt_time, clock_advances_while_asleep)
{
	const u64 start = now_ns();
	const unsigned long start_tick = now_ticks();
	sleep_ms(5);
	test.expect(now_ns() > start);
	test.expect(now_ticks() - start_tick >= raw::cxxrt_msecs_to_jiffies(5));
	return {};
}

KUNIT_TEST(cxxrt_time, hrtimer_fires_once)
{
	Seen seen;
	HighRes object{seen, 1, 0};
	test.expect(!object.timer_.is_active());
	const u64 start = now_ns();
	object.timer_.start(Nanoseconds{2 * kMs});
	test.expect(wait_until([&] { return seen.left.load_acquire() > 0; }));
	test.expect(seen.at.load_relaxed() - start >= 2 * kMs);
	sleep_ms(5);
	test.expect_eq(seen.entered.load_acquire(), 1);
	test.expect_eq(seen.wrong_context.load_relaxed(), 0);
	test.expect(!object.timer_.is_active());
	object.timer_.start(Nanoseconds{0});
	test.expect(wait_until([&] { return seen.left.load_acquire() > 1; }));
	return {};
}

KUNIT_TEST(cxxrt_time, hrtimer_restarts_before_expiry)
{
	Seen seen;
	HighRes object{seen, 1, 0};
	object.timer_.start(kNever);
	test.expect(object.timer_.is_active());
	object.timer_.start(Nanoseconds{kMs});
	test.expect(wait_until([&] { return seen.left.load_acquire() > 0; }));
	sleep_ms(3);
	test.expect_eq(seen.entered.load_acquire(), 1);
	return {};
}

KUNIT_TEST(cxxrt_time, hrtimer_repeats)
{
	Seen seen;
	HighRes object{seen, 5, 0};
	const u64 start = now_ns();
	object.timer_.start(Nanoseconds{kMs});
	test.expect(wait_until([&] { return seen.left.load_acquire() >= 5; }));
	test.expect(seen.at.load_relaxed() - start >= 5 * kMs);
	sleep_ms(5);
	test.expect_eq(seen.entered.load_acquire(), 5);
	test.expect(!object.timer_.is_active());
	return {};
}

namespace {
/// Expires twice, both times when the clock says so.
class Appointments : Pinned {
public:
	u64 first = 0, second = 0;
	Atomic<u64> came_first, came_second;

private:
	Restart expired()
	{
		if (came_first.load_relaxed() == 0) {
			came_first.store_release(now_ns());
			timer_.forward_to(second);
			return Restart::Yes;
		}
		came_second.store_release(now_ns());
		return Restart::No;
	}

public:
	HrTimer timer_{callback<&Appointments::timer_, &Appointments::expired>};
};
}  // namespace

KUNIT_TEST(cxxrt_time, hrtimer_keeps_appointments)
{
	Appointments object;
	object.first = now_ns() + (3 * kMs);
	object.second = object.first + (4 * kMs);
	object.timer_.start_at(object.first);
	test.expect(wait_until([&] { return object.came_second.load_acquire() != 0; }));
	test.expect(object.came_first.load_acquire() >= object.first);
	test.expect(object.came_second.load_acquire() >= object.second);
	return {};
}

KUNIT_TEST(cxxrt_time, hrtimer_cancels)
{
	Seen seen;
	HighRes object{seen, 1, 0};
	object.timer_.cancel();
	// Long enough for who is taken off its CPU before it cancels.
	object.timer_.start(Nanoseconds{300 * kMs});
	object.timer_.cancel();
	test.expect(!object.timer_.is_active());
	sleep_ms(350);
	test.expect_eq(seen.entered.load_acquire(), 0);
	return {};
}

/// One that was to come does not, and one that runs on another CPU is waited for.
KUNIT_TEST(cxxrt_time, hrtimer_ends_with_its_object)
{
	Seen pending, running, repeating;
	{
		HighRes object{pending, 1, 0};
		object.timer_.start(Nanoseconds{300 * kMs});
	}
	Optional<u32> cpu = other_cpu();
	if (cpu) {
		HighRes object{running, 1, 10};
		object.work_.schedule_on(*cpu);
		test.expect(spin_until([&] { return running.entered.load_acquire() > 0; }, kSpinMs));
	}
	test.expect_eq(running.left.load_acquire(), running.entered.load_acquire());
	{
		HighRes object{repeating, 1 << 30, 0};
		object.timer_.start(Nanoseconds{kMs});
		test.expect(wait_until([&] { return repeating.entered.load_acquire() > 1; }));
	}
	const int fired = repeating.entered.load_acquire();
	sleep_ms(350);
	test.expect_eq(pending.entered.load_acquire(), 0);
	test.expect_eq(running.entered.load_acquire(), cpu ? 1 : 0);
	test.expect_eq(repeating.entered.load_acquire(), fired);
	return {};
}

KUNIT_TEST(cxxrt_time, timer_fires_once)
{
	Seen seen;
	Coarse object{seen, Restart::No, 0};
	const unsigned long start = now_ticks();
	object.timer_.start_ms(10);
	test.expect(wait_until([&] { return seen.left.load_acquire() > 0; }));
	test.expect(seen.at_tick.load_relaxed() - start >= raw::cxxrt_msecs_to_jiffies(10));
	sleep_ms(20);
	test.expect_eq(seen.entered.load_acquire(), 1);
	test.expect_eq(seen.wrong_context.load_relaxed(), 0);
	object.timer_.start_ms(1);
	test.expect(wait_until([&] { return seen.left.load_acquire() > 1; }));
	return {};
}

KUNIT_TEST(cxxrt_time, timer_start_moves_expiry)
{
	Seen seen;
	Coarse object{seen, Restart::No, 0};
	object.timer_.start_ms(3'600'000);
	object.timer_.start_ms(1);
	test.expect(wait_until([&] { return seen.left.load_acquire() > 0; }));
	sleep_ms(10);
	test.expect_eq(seen.entered.load_acquire(), 1);
	return {};
}

/// One that was to come does not, one that runs is waited for, one that restarts itself stays away.
KUNIT_TEST(cxxrt_time, timer_ends_with_its_object)
{
	Seen pending, repeating;
	{
		Coarse object{pending, Restart::No, 0};
		object.timer_.start_ms(300);
	}
	for (int i = 0; i < 3; ++i) {
		const int before = repeating.entered.load_acquire();
		{
			Coarse object{repeating, Restart::Yes, 1};
			object.timer_.start_ms(0);
			test.expect(wait_until([&] { return repeating.entered.load_acquire() > before + 1; }));
		}
		test.expect_eq(repeating.left.load_acquire(), repeating.entered.load_acquire());
	}
	const int fired = repeating.entered.load_acquire();
	sleep_ms(350);
	test.expect_eq(pending.entered.load_acquire(), 0);
	test.expect_eq(repeating.entered.load_acquire(), fired);
	return {};
}

KUNIT_SUITE(cxxrt_time);

}  // namespace cxxrt::kunit
