// SPDX-License-Identifier: GPL-2.0
#include "power.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {
namespace {

/// The C driver's defaults.
constexpr TransitionPolicy kDefault{.primary_timeout_ms = 100,
				    .secondary_timeout_ms = 2000,
				    .primary_latency_us = 15000,
				    .secondary_latency_us = 100000,
				    .most_exit_us = 100000,
				    .without_deepest = false};

/// Three states that work, and then two that do not.
// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): two states, one after the other
constexpr PowerStates usual(u32 entry3, u32 exit3, u32 entry4, u32 exit4)
{
	PowerStates power{};
	power.lowest = 4;
	power.autonomous = true;
	for (u32 i = 0; i < 3; ++i)
		power.states[i].works = true;
	power.states[3] = {.entry_us = entry3, .exit_us = exit3, .works = false};
	power.states[4] = {.entry_us = entry4, .exit_us = exit4, .works = false};
	return power;
}

constexpr u64 to(u64 state, u64 ms) { return state << 3 | ms << 8; }

/// Entries 0 to 4 of the table as given, and no other.
CXXRT_NOINLINE bool is_table(const PowerStates& power, const TransitionPolicy& policy, u64 first, u64 third, u64 fourth)
{
	const TransitionTable table = transition_table(power, policy);
	const u64 expected[] = {first, first, first, third, fourth};
	for (u32 i = 0; i < kMostPowerStates; ++i) {
		if (table.entries[i].get() != (i < 5 ? expected[i] : 0))
			return false;
	}
	return true;
}

}  // namespace

KUNIT_TEST(nvme_power, quick_states_come_early_and_slow_ones_late)
{
	static constexpr PowerStates power = usual(4000, 6000, 5000, 44000);
	test.expect_eq(is_table(power, kDefault, to(3, 100), to(4, 2000), 0), true);
	return {};
}

/// Each class is for one state, the deepest.
KUNIT_TEST(nvme_power, of_two_quick_states_the_deeper_is_entered)
{
	static constexpr PowerStates power = usual(1000, 2000, 5000, 5000);
	test.expect_eq(is_table(power, kDefault, to(4, 100), to(4, 100), 0), true);
	return {};
}

KUNIT_TEST(nvme_power, states_that_are_too_slow_are_not_entered)
{
	static constexpr PowerStates power = usual(4000, 6000, 5000, 100001);
	test.expect_eq(is_table(power, kDefault, to(3, 100), 0, 0), true);
	TransitionPolicy strict = kDefault;
	strict.most_exit_us = 5999;
	test.expect_eq(is_table(power, strict, 0, 0, 0), true);
	// Slow to enter and to leave together.
	static constexpr PowerStates both = usual(4000, 6000, 60000, 50000);
	test.expect_eq(is_table(both, kDefault, to(3, 100), 0, 0), true);
	return {};
}

KUNIT_TEST(nvme_power, the_deepest_state_can_be_left_out)
{
	static constexpr PowerStates power = usual(4000, 6000, 5000, 44000);
	TransitionPolicy policy = kDefault;
	policy.without_deepest = true;
	test.expect_eq(is_table(power, policy, to(3, 100), 0, 0), true);
	return {};
}

/// A fiftieth of the time, at most 2^24 - 1 ms.
KUNIT_TEST(nvme_power, without_classes_the_time_follows_from_the_latency)
{
	TransitionPolicy policy = kDefault;
	policy.primary_timeout_ms = 0;
	policy.most_exit_us = ~0ull;
	static constexpr PowerStates even = usual(4000, 6000, 5000, 44001);
	test.expect_eq(is_table(even, policy, to(3, 500), to(4, 2451), 0), true);
	static constexpr PowerStates slow = usual(4000, 6000, 0xffffffff, 0xffffffff);
	test.expect_eq(is_table(slow, policy, to(3, 500), to(4, 0xffffff), 0), true);
	return {};
}

KUNIT_TEST(nvme_power, without_a_second_class_slow_states_are_left_out)
{
	TransitionPolicy policy = kDefault;
	policy.secondary_timeout_ms = 0;
	static constexpr PowerStates power = usual(4000, 6000, 5000, 44000);
	test.expect_eq(is_table(power, policy, to(3, 100), 0, 0), true);
	return {};
}

KUNIT_SUITE(nvme_power);

}  // namespace nvme
