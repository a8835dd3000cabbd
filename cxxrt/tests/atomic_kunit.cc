// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/atomic.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>

#include "contexts.hpp"

namespace cxxrt::kunit {
namespace {

enum class State : u32 { Idle = 0, Busy = 7, Gone = 0x80000001u };
enum class Wide : u64 { None = 0, High = 0x8000000000000001ull };

/// Every operation on the values `a`, `b` and `a + b`.
template <class T> void expect_operations(Test& test, T a, T b, T sum, Where where = Where::here())
{
	Atomic<T> zero;
	test.expect_eq(zero.load_relaxed(), T(0), where);
	Atomic<T> cell{a};
	test.expect_eq(cell.load_relaxed(), a, where);
	test.expect_eq(cell.load_acquire(), a, where);
	cell.store_relaxed(b);
	test.expect_eq(cell.load_acquire(), b, where);
	cell.store_release(a);
	test.expect_eq(cell.load_relaxed(), a, where);
	test.expect_eq(cell.fetch_add(b), a, where);
	test.expect_eq(cell.load_relaxed(), sum, where);
	cell.store_relaxed(b);
	test.expect_eq(cell.fetch_add_relaxed(a), b, where);
	test.expect_eq(cell.load_relaxed(), sum, where);
	test.expect_eq(cell.swap(a), sum, where);
	test.expect_eq(cell.compare_swap(b, sum), a, where);
	test.expect_eq(cell.load_relaxed(), a, where);
	test.expect_eq(cell.compare_swap(a, b), a, where);
	test.expect_eq(cell.load_relaxed(), b, where);
}

template <class T> class Adder : Pinned {
public:
	static constexpr int kTimes = 100000;
	void add()
	{
		for (int i = 0; i < kTimes; ++i) {
			ordered_.fetch_add(T(1));
			relaxed_.fetch_add_relaxed(T(1));
			for (T seen = swapped_.load_relaxed();;) {
				const T held = swapped_.compare_swap(seen, T(seen + 1));
				if (held == seen)
					break;
				seen = held;
			}
		}
	}
	Atomic<T> ordered_, relaxed_, swapped_;
	StartLine line_;
	Work work_{callback<&Adder::work_, &Adder::run>};

private:
	void run()
	{
		line_.arrive();
		add();
	}
};

template <class T> Result<void> expect_no_loss(Test& test)
{
	auto adder = TRY(Box<Adder<T>>::make(Gfp::Kernel));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	adder->work_.schedule_on(*cpu);
	test.expect(adder->line_.start());
	adder->add();
	adder->work_.flush();
	test.expect_eq(adder->ordered_.load_relaxed(), T(2 * Adder<T>::kTimes));
	test.expect_eq(adder->relaxed_.load_relaxed(), T(2 * Adder<T>::kTimes));
	test.expect_eq(adder->swapped_.load_relaxed(), T(2 * Adder<T>::kTimes));
	return {};
}

/// Sends numbered messages through a flag with release and acquire.
class Channel : Pinned {
public:
	static constexpr int kMessages = 2000;
	int receive()
	{
		int wrong = 0;
		for (int i = 1; i <= kMessages; ++i) {
			if (!spin_until([&] { return sent_.load_acquire() >= i; }, kSpinMs))
				return -1;
			if (payload_[i - 1] != i)
				++wrong;
		}
		return wrong;
	}
	int payload_[kMessages] = {};
	Atomic<int> sent_;
	StartLine line_;
	Work work_{callback<&Channel::work_, &Channel::run>};

private:
	void run()
	{
		line_.arrive();
		for (int i = 1; i <= kMessages; ++i) {
			payload_[i - 1] = i;
			// Pairs with the acquire in receive(): the payload comes first.
			sent_.store_release(i);
		}
	}
};

}  // namespace

KUNIT_TEST(cxxrt_atomic, four_bytes)
{
	expect_operations<int>(test, 5, 7, 12);
	expect_operations<int>(test, -5, -7, -12);
	expect_operations<int>(test, -1, 1, 0);
	expect_operations<int>(test, int(0x80000000u), 1, int(0x80000001u));
	expect_operations<u32>(test, 0xfffffffeu, 1u, 0xffffffffu);
	expect_operations<u32>(test, 0xffffffffu, 2u, 1u);
	return {};
}

KUNIT_TEST(cxxrt_atomic, eight_bytes)
{
	expect_operations<long>(test, 5, 0x100000000, 0x100000005);
	expect_operations<long>(test, -5, -0x100000000, -0x100000005);
	expect_operations<s64>(test, -1, 1, 0);
	expect_operations<u64>(test, 0xfffffffffffffffeull, 1ull, ~0ull);
	expect_operations<u64>(test, ~0ull, 2ull, 1ull);
	expect_operations<unsigned long>(test, 1ul << 63, 1ul, (1ul << 63) + 1);
	return {};
}

KUNIT_TEST(cxxrt_atomic, enums_and_pointers)
{
	Atomic<State> state{State::Busy};
	test.expect_eq(state.swap(State::Gone), State::Busy);
	test.expect_eq(state.load_acquire(), State::Gone);
	test.expect_eq(state.compare_swap(State::Gone, State::Idle), State::Gone);
	test.expect_eq(state.load_relaxed(), State::Idle);
	Atomic<Wide> wide{Wide::None};
	wide.store_release(Wide::High);
	test.expect_eq(wide.load_acquire(), Wide::High);
	int target = 0;
	Atomic<int*> pointer{nullptr};
	test.expect(pointer.compare_swap(nullptr, &target) == nullptr);
	test.expect(pointer.load_acquire() == &target);
	return {};
}

KUNIT_TEST(cxxrt_atomic, four_bytes_lose_no_increment) { return expect_no_loss<u32>(test); }
KUNIT_TEST(cxxrt_atomic, eight_bytes_lose_no_increment) { return expect_no_loss<u64>(test); }

KUNIT_TEST(cxxrt_atomic, release_publishes_to_acquire)
{
	auto channel = TRY(Box<Channel>::make(Gfp::Kernel));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	channel->work_.schedule_on(*cpu);
	test.expect(channel->line_.start());
	test.expect_eq(channel->receive(), 0);
	channel->work_.flush();
	return {};
}

/// They compile to the machine's own; that they order is not seen on x86 by a test this short.
KUNIT_TEST(cxxrt_atomic, barriers_run)
{
	memory_barrier();
	read_barrier();
	write_barrier();
	return {};
}

KUNIT_SUITE(cxxrt_atomic);

}  // namespace cxxrt::kunit
