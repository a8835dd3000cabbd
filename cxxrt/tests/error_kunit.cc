// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/error.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>

#include "tracked.hpp"

namespace cxxrt::kunit {
namespace {

Result<Tracked> make_tracked(Counts& counts, int value)
{
	if (value < 0)
		return ERANGE;
	return Tracked{counts, value};
}

/// Counts what runs before and after a TRY.
Result<int> sum_of_two(Counts& counts, int a, int b, int& reached)
{
	reached = 1;
	Tracked first = TRY(make_tracked(counts, a));
	reached = 2;
	Tracked second = TRY(make_tracked(counts, b));
	reached = 3;
	return first.value() + second.value();
}

Result<void> check_even(int value)
{
	if (value % 2 != 0)
		return EINVAL;
	return {};
}

Result<int> half(int value)
{
	TRY(check_even(value));
	return value / 2;
}

Result<int> quarter(int value)
{
	const int halved = TRY(half(value));
	return half(halved);
}

/// The optimiser must not see through these.
[[gnu::noinline]] void* opaque(long value)
{
	asm("" : "+r"(value));
	return reinterpret_cast<void*>(value);
}

}  // namespace

KUNIT_TEST(cxxrt_error, number_is_a_valid_errno)
{
	test.expect_eq(Error{1}.number(), 1);
	test.expect_eq(Error{4095}.number(), 4095);
	test.expect_eq(ENOMEM.number(), 12);
	test.expect_eq(ENOMEM.to_c(), -12);
	for (int wrong : each(0, -1, -12, 4096, 0x7fffffff))
		test.expect_eq(Error{wrong}, EINVAL);
	return {};
}

KUNIT_TEST(cxxrt_error, result_holds_a_value_or_an_error)
{
	Result<u64> good{~0ull};
	test.expect(good.ok() && bool(good));
	test.expect_eq(good.take(), ~0ull);
	Result<u64> bad{ENOSPC};
	test.expect(!bad.ok() && !bool(bad));
	test.expect_eq(bad.error(), ENOSPC);
	Result<void> done;
	test.expect_eq(done.to_c(), 0);
	Result<void> failed{EBUSY};
	test.expect_eq(failed.to_c(), -16);
	test.expect_eq(failed.error(), EBUSY);
	return {};
}

KUNIT_TEST(cxxrt_error, try_returns_early)
{
	test.expect_eq(TRY(quarter(12)), 3);
	test.expect_error(quarter(6), EINVAL);
	test.expect_error(half(3), EINVAL);
	return {};
}

/// What was built before the failing TRY is destroyed, what comes after it never runs.
KUNIT_TEST(cxxrt_error, try_destroys_what_was_built)
{
	Counts counts;
	int reached = 0;
	test.expect_error(sum_of_two(counts, 1, -1, reached), ERANGE);
	test.expect_eq(reached, 2);
	test.expect_eq(counts.live(), 0);
	test.expect_eq(counts.ended, 1);
	test.expect_error(sum_of_two(counts, -1, 1, reached), ERANGE);
	test.expect_eq(reached, 1);
	test.expect_eq(counts.live(), 0);
	test.expect_eq(counts.ended, 1);
	return {};
}

/// A value that a Result and TRY pass on ends exactly once, however often it moves.
KUNIT_TEST(cxxrt_error, moved_values_end_once)
{
	Counts counts;
	int reached = 0;
	test.expect_eq(TRY(sum_of_two(counts, 3, 4, reached)), 7);
	test.expect_eq(reached, 3);
	test.expect_eq(counts.live(), 0);
	test.expect_eq(counts.ended, 2);
	{
		Result<Tracked> one = make_tracked(counts, 5);
		Result<Tracked> other{move(one)};
		test.expect(other.ok());
		test.expect_eq(other.take().value(), 5);
	}
	test.expect_eq(counts.live(), 0);
	test.expect_eq(counts.ended, 3);
	return {};
}

/// A Result that is dropped destroys its value; a moved error stays an error and destroys nothing.
KUNIT_TEST(cxxrt_error, dropped_result_ends_its_value)
{
	Counts counts;
	{
		auto kept = make_tracked(counts, 1);
		test.expect(kept.ok());
		test.expect_eq(counts.live(), 1);
	}
	test.expect_eq(counts.live(), 0);
	test.expect_eq(counts.ended, 1);
	make_tracked(counts, 2).ignore("the test counts its end");
	test.expect_eq(counts.live(), 0);
	test.expect_eq(counts.ended, 2);
	{
		Result<Tracked> bad = make_tracked(counts, -1);
		Result<Tracked> moved{move(bad)};
		test.expect_error(moved, ERANGE);
	}
	test.expect_eq(counts.built, counts.destroyed);
	test.expect_eq(counts.ended, 2);
	return {};
}

KUNIT_TEST(cxxrt_error, c_codes_convert)
{
	test.expect(from_c(0).ok());
	test.expect(from_c(3).ok());
	test.expect_error(from_c(-28), ENOSPC);
	test.expect_eq(TRY(value_from_c(5)), 5);
	test.expect_error(value_from_c(-12), ENOMEM);
	// No errno, but a failure all the same.
	test.expect_error(from_c(-100000), EINVAL);
	return {};
}

KUNIT_TEST(cxxrt_error, c_pointers_convert)
{
	int target = 0;
	test.expect(TRY(from_err_ptr(&target)) == &target);
	test.expect_error(from_err_ptr(opaque(-12)), ENOMEM);
	test.expect_error(from_err_ptr(opaque(-1)), EPERM);
	test.expect_error(from_err_ptr(opaque(-4095)), Error{4095});
	test.expect(from_err_ptr(opaque(-4096)).ok());
	test.expect(from_err_ptr(opaque(0)).ok());
	test.expect(TRY(from_null(&target)) == &target);
	test.expect_error(from_null(opaque(0)), ENOMEM);
	return {};
}

KUNIT_SUITE(cxxrt_error);

}  // namespace cxxrt::kunit
