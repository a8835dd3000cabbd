// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/work.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>

#include "contexts.hpp"

namespace cxxrt::kunit {
namespace {

struct Seen {
	Atomic<int> entered, left, wrong_context;
	Atomic<u32> cpu;
};

/// Work that takes `takes_ms`.
class Job : Pinned {
public:
	Job(Seen& seen, u32 takes_ms) : seen_(seen), takes_ms_(takes_ms) {}

private:
	Seen& seen_;
	u32 takes_ms_;
	void run()
	{
		if (!raw::cxxrt_in_task() || raw::cxxrt_in_softirq() || raw::cxxrt_irqs_disabled())
			seen_.wrong_context.fetch_add(1);
		seen_.cpu.store_relaxed(current_cpu());
		seen_.entered.fetch_add(1);
		if (takes_ms_ > 0)
			sleep_ms(takes_ms_);
		seen_.left.fetch_add(1);
	}

public:
	Work work_{callback<&Job::work_, &Job::run>};
};

/// Two waiters for tokens, and what they did.
class Waiters : Pinned {
public:
	void put_token()
	{
		tokens_.fetch_add(1);
		queue_.wake_one();
	}
	/// A token, or nothing.
	Optional<int> take()
	{
		tries_.fetch_add(1);
		for (int have = tokens_.load_acquire(); have > 0;) {
			const int held = tokens_.compare_swap(have, have - 1);
			if (held == have)
				return have;
			have = held;
		}
		return {};
	}
	void wait()
	{
		if (*queue_.wait_for([this] { return take(); }) > 0)
			served_.fetch_add(1);
	}
	WaitQueue queue_{lock_class<"kunit waiters">};
	Atomic<int> tokens_, tries_, served_;
	Work first_{callback<&Waiters::first_, &Waiters::wait>};
	Work second_{callback<&Waiters::second_, &Waiters::wait>};
};

/// Passes a token to and fro, each wake-up from the other context.
class PingPong : Pinned {
public:
	static constexpr int kRounds = 500;
	void play(int me)
	{
		for (int i = 0; i < kRounds; ++i) {
			queue_[me].wait_for([&] { return turn_.load_acquire() == me; });
			turn_.store_release(1 - me);
			queue_[1 - me].wake_one();
		}
	}
	WaitQueue queue_[2] = {WaitQueue{lock_class<"kunit ping">}, WaitQueue{lock_class<"kunit pong">}};
	Atomic<int> turn_;
	Work work_{callback<&PingPong::work_, &PingPong::run>};

private:
	void run() { play(1); }
};

}  // namespace

KUNIT_TEST(cxxrt_work, runs_in_process_context)
{
	Seen seen;
	Job job{seen, 2};
	test.expect(job.work_.schedule());
	job.work_.flush();
	test.expect_eq(seen.entered.load_acquire(), 1);
	test.expect_eq(seen.left.load_acquire(), 1);
	test.expect_eq(seen.wrong_context.load_relaxed(), 0);
	return {};
}

KUNIT_TEST(cxxrt_work, runs_on_the_named_cpu)
{
	Seen seen;
	Job job{seen, 0};
	u32 cpus = 0;
	for (u32 cpu = 0; cpu < cpu_id_limit(); ++cpu) {
		if (!is_cpu_online(cpu))
			continue;
		++cpus;
		test.expect(job.work_.schedule_on(cpu));
		job.work_.flush();
		test.expect_eq(seen.cpu.load_relaxed(), cpu);
	}
	test.expect_eq(seen.left.load_acquire(), int(cpus));
	return {};
}

/// Scheduled twice before it begins, it runs once.
KUNIT_TEST(cxxrt_work, waits_once)
{
	Seen seen;
	Job job{seen, 0};
	bool first, second;
	{
		// Its CPU is this one, which cannot switch to the worker.
		SpinLock lock{lock_class<"kunit work">};
		Guard guard{lock};
		first = job.work_.schedule_on(current_cpu());
		second = job.work_.schedule();
	}
	job.work_.flush();
	test.expect(first);
	test.expect(!second);
	test.expect_eq(seen.left.load_acquire(), 1);
	test.expect(job.work_.schedule());
	job.work_.flush();
	test.expect_eq(seen.left.load_acquire(), 2);
	return {};
}

KUNIT_TEST(cxxrt_work, flush_without_schedule_returns)
{
	Seen seen;
	Job job{seen, 0};
	job.work_.flush();
	test.expect_eq(seen.entered.load_acquire(), 0);
	return {};
}

/// Work that runs is waited for.
KUNIT_TEST(cxxrt_work, destruction_waits)
{
	Seen seen;
	{
		Job job{seen, 20};
		job.work_.schedule();
		test.expect(wait_until([&] { return seen.entered.load_acquire() > 0; }));
	}
	test.expect_eq(seen.left.load_acquire(), 1);
	return {};
}

/// Work that has not begun is taken back.
KUNIT_TEST(cxxrt_work, destruction_cancels)
{
	Seen seen;
	int most = 0;
	for (int i = 0; i < 200; ++i) {
		const int before = seen.entered.load_acquire();
		{
			Job job{seen, 0};
			job.work_.schedule();
		}
		const int after = seen.left.load_acquire();
		test.expect_eq(after, seen.entered.load_acquire());
		most = max(most, after - before);
	}
	const int ran = seen.entered.load_acquire();
	sleep_ms(10);
	test.expect_eq(seen.entered.load_acquire(), ran);
	test.expect(most <= 1);
	return {};
}

/// A condition that holds needs no wake-up.
namespace {
/// Counts, and goes on once.
class AfterReaders : Pinned {
public:
	explicit AfterReaders(Atomic<int>& ran) : ran_(ran) {}

private:
	Atomic<int>& ran_;
	void run()
	{
		if (ran_.fetch_add(1) == 0)
			work_.schedule();
	}

public:
	RcuWork work_{callback<&AfterReaders::work_, &AfterReaders::run>};
};
}  // namespace

/// Not before readers are done; from its own function it can be scheduled again.
KUNIT_TEST(cxxrt_work, rcu_work_waits_for_readers)
{
	Atomic<int> ran{0};
	auto object = TRY(Box<AfterReaders>::make(Gfp::Kernel, ran));
	bool first, second;
	int early;
	{
		RcuGuard guard;
		first = object->work_.schedule();
		second = object->work_.schedule();
		early = ran.load_acquire();
	}
	test.expect(first && !second);
	test.expect_eq(early, 0);
	object->work_.flush();
	test.expect(ran.load_acquire() >= 1);
	object->work_.flush();
	test.expect_eq(ran.load_acquire(), 2);
	test.expect(object->work_.schedule());
	object.reset();
	test.expect_eq(ran.load_acquire(), 3);
	return {};
}

KUNIT_TEST(cxxrt_work, long_work_runs)
{
	Seen seen;
	auto job = TRY(Box<Job>::make(Gfp::Kernel, seen, 0u));
	test.expect(job->work_.schedule_long());
	job->work_.flush();
	test.expect_eq(seen.left.load_acquire(), 1);
	test.expect_eq(seen.wrong_context.load_acquire(), 0);
	return {};
}

KUNIT_TEST(cxxrt_work, wait_returns_at_once)
{
	WaitQueue queue{lock_class<"kunit wait">};
	queue.wake_one();
	test.expect_eq(*queue.wait_for([] { return Optional<int>{3}; }), 3);
	return {};
}

KUNIT_TEST(cxxrt_work, waiters_wake)
{
	auto game = TRY(Box<PingPong>::make(Gfp::Kernel));
	game->work_.schedule();
	game->play(0);
	game->work_.flush();
	test.expect_eq(game->turn_.load_acquire(), 0);
	return {};
}

/// One wake-up wakes one waiter, and the other goes on sleeping.
KUNIT_TEST(cxxrt_work, wake_one_wakes_one)
{
	auto waiters = TRY(Box<Waiters>::make(Gfp::Kernel));
	waiters->first_.schedule();
	waiters->second_.schedule();
	// Each tries before it queues, and again once queued.
	test.expect(wait_until([&] { return waiters->tries_.load_acquire() >= 4; }));
	sleep_ms(10);
	test.expect_eq(waiters->tries_.load_acquire(), 4);
	waiters->put_token();
	test.expect(wait_until([&] { return waiters->served_.load_acquire() >= 1; }));
	sleep_ms(10);
	test.expect_eq(waiters->tries_.load_acquire(), 5);
	test.expect_eq(waiters->served_.load_acquire(), 1);
	waiters->put_token();
	test.expect(wait_until([&] { return waiters->served_.load_acquire() >= 2; }));
	waiters->first_.flush();
	waiters->second_.flush();
	test.expect_eq(waiters->tries_.load_acquire(), 6);
	test.expect_eq(waiters->tokens_.load_acquire(), 0);
	return {};
}

namespace {

/// Work that is put off.
class Later : Pinned {
public:
	Atomic<int> runs_{0};

private:
	void run()
	{
		runs_.fetch_add(1);
		done_.wake_all();
	}

public:
	WaitQueue done_{lock_class<"work_kunit Later::done_">};
	DelayedWork work_{callback<&Later::work_, &Later::run>};
};

}  // namespace

KUNIT_TEST(cxxrt_work, delayed_work_runs_once_and_later)
{
	auto later = TRY(Box<Later>::make(Gfp::Kernel));
	const u64 start = now_ns();
	later->work_.schedule_in_ms(10000);
	later->work_.schedule_in_ms(20);
	test.expect(later->done_.wait_until(Deadline::in_ms(5000), [&] { return later->runs_.load_acquire() != 0; }));
	test.expect(now_ns() - start >= 15000000);
	test.expect_eq(later->runs_.load_acquire(), 1);
	return {};
}

KUNIT_TEST(cxxrt_work, cancelled_delayed_work_does_not_run)
{
	auto later = TRY(Box<Later>::make(Gfp::Kernel));
	// Long enough for who is taken off its CPU before it cancels.
	later->work_.schedule_in_ms(300);
	later->work_.cancel();
	sleep_ms(350);
	test.expect_eq(later->runs_.load_acquire(), 0);
	later->work_.schedule_in_ms(10000);
	return {};
}

KUNIT_TEST(cxxrt_work, waiting_ends_with_the_deadline)
{
	auto later = TRY(Box<Later>::make(Gfp::Kernel));
	const Deadline deadline = Deadline::in_ms(30);
	test.expect(!deadline.has_passed());
	test.expect(deadline.left_ms() > 0 && deadline.left_ms() <= 30);
	test.expect(!later->done_.wait_until(deadline, [] { return false; }));
	test.expect(deadline.has_passed());
	test.expect_eq(deadline.left_ms(), 0u);
	test.expect(later->done_.wait_until(deadline, [] { return true; }));
	return {};
}

KUNIT_SUITE(cxxrt_work);

}  // namespace cxxrt::kunit
