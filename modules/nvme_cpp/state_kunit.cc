// SPDX-License-Identifier: GPL-2.0
#include "state.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {
namespace {

constexpr State kAll[] = {State::New,	   State::Live,		State::Resetting, State::Connecting,
			  State::Deleting, State::DeletingNoIo, State::Dead};

/// A second copy of the rules: for each state those that may follow, as bits.
constexpr u32 bit(State state) { return 1u << u32(state); }
constexpr u32 kFollowers[] = {
	bit(State::Resetting) | bit(State::Connecting),
	bit(State::Resetting) | bit(State::Deleting),
	bit(State::Connecting) | bit(State::Deleting),
	bit(State::Live) | bit(State::Deleting),
	bit(State::DeletingNoIo) | bit(State::Dead),
	0,
	bit(State::DeletingNoIo),
};

}  // namespace

KUNIT_TEST(nvme_state, nv24_only_listed_changes_are_allowed)
{
	for (State from : kAll) {
		for (State to : kAll)
			test.expect_eq(may_follow(from, to), (kFollowers[u32(from)] & bit(to)) != 0);
	}
	return {};
}

KUNIT_TEST(nvme_state, nv24_refused_change_changes_nothing)
{
	StateMachine state;
	test.expect(!state.change(State::Live));
	test.expect(state.get() == State::New);
	test.expect(state.change(State::Connecting));
	test.expect(state.change(State::Live));
	test.expect(!state.change(State::Connecting));
	test.expect(state.get() == State::Live);
	test.expect(!state.is_terminal());
	test.expect(state.change(State::Deleting));
	test.expect(state.is_terminal());
	return {};
}

KUNIT_TEST(nvme_state, names_are_those_of_sysfs)
{
	test.expect_eq(state_name(State::Live), "live");
	test.expect_eq(state_name(State::DeletingNoIo), "deleting (no IO)");
	test.expect_eq(state_name(State::Dead), "dead");
	return {};
}

KUNIT_SUITE(nvme_state);

}  // namespace nvme
