// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/xarray.hpp>

#include <cxxrt/kunit.hpp>

#include "contexts.hpp"

namespace cxxrt::kunit {
namespace {

constexpr unsigned long kSparse[] = {0, 1, 63, 64, 4095, 4096, 1ul << 20, 1ul << 40, 1ul << 63, ~0ul - 1, ~0ul};
constexpr u32 kSparseCount = sizeof(kSparse) / sizeof(kSparse[0]);

/// Inserts into every slot from two CPUs; each slot has one winner.
class Racers : Pinned {
public:
	static constexpr u32 kSlots = 5000;
	/// Returns the number of slots that `mine` won, or -1 on an error.
	int race(int& mine)
	{
		int won = 0;
		for (u32 i = 0; i < kSlots; ++i) {
			auto held = array_.insert_or_get(i, &mine, Gfp::Kernel);
			if (!held.ok())
				return -1;
			won += held.take() == &mine ? 1 : 0;
		}
		return won;
	}
	XArray<int> array_;
	int here_ = 0, there_ = 0;
	Atomic<int> won_there_;
	StartLine line_;
	Work work_{callback<&Racers::work_, &Racers::run>};

private:
	void run()
	{
		line_.arrive();
		won_there_.store_release(race(there_));
	}
};

}  // namespace

KUNIT_TEST(cxxrt_xarray, loads_what_was_inserted)
{
	XArray<u64> array;
	u64 values[2] = {10, 20};
	test.expect(array.load(3) == nullptr);
	test.expect(TRY(array.insert_or_get(3, &values[0], Gfp::Kernel)) == &values[0]);
	test.expect(TRY(array.insert_or_get(4, &values[1], Gfp::Atomic)) == &values[1]);
	test.expect(array.load(3) == &values[0]);
	test.expect(array.load(4) == &values[1]);
	test.expect(array.load(5) == nullptr);
	return {};
}

/// The second to come gets the first one's entry.
KUNIT_TEST(cxxrt_xarray, loser_gets_the_winner)
{
	XArray<u64> array;
	u64 winner = 1, loser = 2;
	test.expect(TRY(array.insert_or_get(9, &winner, Gfp::Kernel)) == &winner);
	test.expect(TRY(array.insert_or_get(9, &loser, Gfp::Kernel)) == &winner);
	test.expect(TRY(array.insert_or_get(9, &loser, Gfp::Atomic)) == &winner);
	test.expect(array.load(9) == &winner);
	return {};
}

KUNIT_TEST(cxxrt_xarray, erases)
{
	XArray<u64> array;
	u64 value = 1, next = 2;
	test.expect(array.erase(7) == nullptr);
	TRY(array.insert_or_get(7, &value, Gfp::Kernel));
	test.expect(array.erase(7) == &value);
	test.expect(array.load(7) == nullptr);
	test.expect(array.erase(7) == nullptr);
	test.expect(TRY(array.insert_or_get(7, &next, Gfp::Kernel)) == &next);
	return {};
}

/// In order of index, whatever the order of insertion, up to the very last index.
KUNIT_TEST(cxxrt_xarray, visits_sparse_indices_in_order)
{
	XArray<u64> array;
	u64 values[kSparseCount];
	for (u32 i = kSparseCount; i-- > 0;) {
		values[i] = i;
		TRY(array.insert_or_get(kSparse[i], &values[i], Gfp::Kernel));
	}
	u32 seen = 0;
	bool in_order = true;
	array.for_each([&](unsigned long index, u64& value) {
		in_order = in_order && seen < kSparseCount && index == kSparse[seen] && value == seen;
		++seen;
	});
	test.expect_eq(seen, kSparseCount);
	test.expect(in_order);
	for (u32 i = 0; i < kSparseCount; ++i)
		test.expect(array.load(kSparse[i]) == &values[i]);
	return {};
}

KUNIT_TEST(cxxrt_xarray, erases_while_visiting)
{
	XArray<u64> array;
	u64 values[100];
	for (u32 i = 0; i < 100; ++i)
		TRY(array.insert_or_get(3ul * i, &values[i], Gfp::Kernel));
	u32 seen = 0;
	array.for_each([&](unsigned long index, u64& value) {
		++seen;
		test.expect(array.erase(index) == &value);
	});
	test.expect_eq(seen, 100u);
	array.for_each([&](unsigned long, u64&) { ++seen; });
	test.expect_eq(seen, 100u);
	return {};
}

KUNIT_TEST(cxxrt_xarray, takes_a_range_out)
{
	XArray<u32> array;
	u32 values[kSparseCount];
	for (u32 i = 0; i < kSparseCount; ++i) {
		values[i] = i;
		TRY(array.insert_or_get(kSparse[i], &values[i], Gfp::Kernel));
	}
	unsigned long index = 2;
	test.expect(array.find(index) == &values[2]);
	test.expect_eq(index, 63ul);
	index = 65;
	test.expect(array.find(index, 4094) == nullptr);
	u32 next = 2;
	array.take_range(2, 1ul << 20, [&](u32& value) { test.expect_eq(value, next++); });
	test.expect_eq(next, 7u);
	test.expect(array.load(63) == nullptr && array.load(1) == &values[1] && array.load(1ul << 40) == &values[7]);
	array.take_range(0, ~0ul, [](u32&) {});
	test.expect(array.is_empty());
	return {};
}

KUNIT_TEST(cxxrt_xarray, gives_everything_out_and_serves_on)
{
	XArray<u64> array;
	u64 value = 5;
	for (u32 i = 0; i < 1000; ++i)
		TRY(array.insert_or_get(1000ul * i, &value, Gfp::Kernel));
	u32 seen = 0;
	array.for_each([&](unsigned long, u64&) { ++seen; });
	test.expect_eq(seen, 1000u);
	u32 taken = 0;
	array.take_all([&](u64& entry) { taken += &entry == &value; });
	test.expect_eq(taken, 1000u);
	array.for_each([&](unsigned long, u64&) { ++seen; });
	test.expect_eq(seen, 1000u);
	test.expect(array.load(1000) == nullptr);
	test.expect(TRY(array.insert_or_get(1000, &value, Gfp::Kernel)) == &value);
	array.take_all([](u64&) {});
	array.take_all([&](u64&) { ++seen; });
	test.expect_eq(seen, 1000u);
	return {};
}

KUNIT_TEST(cxxrt_xarray, racing_inserts_have_one_winner)
{
	auto racers = TRY(Box<Racers>::make(Gfp::Kernel));
	Optional<u32> cpu = other_cpu();
	if (!cpu)
		return test.skip("needs two CPUs");
	racers->work_.schedule_on(*cpu);
	test.expect(racers->line_.start());
	const int won_here = racers->race(racers->here_);
	racers->work_.flush();
	test.expect(won_here >= 0);
	test.expect(racers->won_there_.load_acquire() >= 0);
	test.expect_eq(won_here + racers->won_there_.load_acquire(), int(Racers::kSlots));
	int held_here = 0;
	racers->array_.for_each([&](unsigned long, int& value) { held_here += &value == &racers->here_ ? 1 : 0; });
	test.expect_eq(held_here, won_here);
	return {};
}

/// Nothing is in the array that could not be inserted, and everything that could.
KUNIT_TEST(cxxrt_xarray, survives_failed_allocations)
{
	u64 values[kSparseCount] = {};
	test.expect_survives_failed_allocations([&]() -> Result<void> {
		XArray<u64> array;
		u32 inserted = 0;
		Result<void> result;
		for (u32 i = 0; i < kSparseCount && result.ok(); ++i) {
			const auto held = array.insert_or_get(kSparse[i], &values[i], Gfp::Kernel);
			if (held.ok())
				++inserted;
			else
				result = held.error();
		}
		u32 seen = 0;
		array.for_each([&](unsigned long, u64&) { ++seen; });
		if (seen != inserted)
			return ERANGE;
		return result;
	});
	return {};
}

KUNIT_SUITE(cxxrt_xarray);

}  // namespace cxxrt::kunit
