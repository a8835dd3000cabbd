// SPDX-License-Identifier: GPL-2.0
#include "inject.hpp"

#include <cxxrt/kunit.hpp>

namespace null_blk {
namespace {

using kunit::each;

FaultConfig always(int times = -1) { return {.interval = 1, .probability = 100, .space = 0, .times = times}; }

}  // namespace

KUNIT_TEST(null_blk_inject, four_numbers_are_read)
{
	const FaultConfig fault = TRY(FaultConfig::parse("10,50,3,-1"));
	test.expect_eq(fault.interval, 10u);
	test.expect_eq(fault.probability, 50u);
	test.expect_eq(fault.space, 3u);
	test.expect_eq(fault.times, -1);
	test.expect(fault.is_on());
	test.expect(!TRY(FaultConfig::parse("")).is_on());
	test.expect(!TRY(FaultConfig::parse("1,0,0,-1")).is_on());
	test.expect(!TRY(FaultConfig::parse("1,100,0,0")).is_on());
	return {};
}

KUNIT_TEST(null_blk_inject, anything_else_is_refused)
{
	for (const char* text : each("x", "1", "1,2,3", "1,2,3,4,5", "1,2,3,4x", "1,101,0,1", "1,-1,0,1", "-1,1,0,1",
				     "1,1,-1,1", "1,1,0,-2", ",,,", "1,2,,4"))
		test.expect_error(FaultConfig::parse(text), EINVAL);
	return {};
}

KUNIT_TEST(null_blk_inject, what_is_off_never_happens)
{
	Fault fault{FaultConfig{}};
	test.expect(!fault.is_on());
	for (u32 i = 0; i < 100; ++i)
		test.expect(!fault.happens());
	return {};
}

KUNIT_TEST(null_blk_inject, happens_so_many_times)
{
	Fault fault{always(3)};
	u32 happened = 0;
	for (u32 i = 0; i < 10; ++i)
		happened += fault.happens() ? 1 : 0;
	test.expect_eq(happened, 3u);
	test.expect(!fault.is_on());
	return {};
}

KUNIT_TEST(null_blk_inject, interval_and_space_let_some_by)
{
	FaultConfig config = always();
	config.interval = 3;
	Fault third{config};
	for (u32 i = 1; i <= 9; ++i)
		test.expect_eq(third.happens(), i % 3 == 0);
	config = always();
	config.space = 5;
	Fault later{config};
	for (u32 i = 1; i <= 8; ++i)
		test.expect_eq(later.happens(), i > 4);
	return {};
}

KUNIT_TEST(null_blk_inject, probability_is_about_what_it_says)
{
	FaultConfig config = always();
	config.probability = 30;
	Fault fault{config};
	u32 happened = 0;
	for (u32 i = 0; i < 4000; ++i)
		happened += fault.happens() ? 1 : 0;
	// Twelve standard deviations around 1200.
	test.expect(happened > 850 && happened < 1550);
	return {};
}

KUNIT_SUITE(null_blk_inject);

}  // namespace null_blk
