// SPDX-License-Identifier: GPL-2.0
#include "state.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

const char* state_name(State state)
{
	switch (state) {
	case State::New:
		return "new";
	case State::Live:
		return "live";
	case State::Resetting:
		return "resetting";
	case State::Connecting:
		return "connecting";
	case State::Deleting:
		return "deleting";
	case State::DeletingNoIo:
		return "deleting (no IO)";
	case State::Dead:
		return "dead";
	}
	return "unknown state";
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): from, to
bool may_follow(State from, State to)
{
	switch (to) {
	case State::Live:
		return from == State::Connecting;
	case State::Resetting:
		return from == State::New || from == State::Live;
	case State::Connecting:
		return from == State::New || from == State::Resetting;
	case State::Deleting:
		return from == State::Live || from == State::Resetting || from == State::Connecting;
	case State::DeletingNoIo:
		return from == State::Deleting || from == State::Dead;
	case State::Dead:
		return from == State::Deleting;
	case State::New:
		break;
	}
	return false;
}

bool StateMachine::change(State to)
{
	Guard guard{lock_};
	if (!may_follow(State(state_.load_relaxed()), to))
		return false;
	// Pairs with get(): what was done before the change is seen by who sees it.
	state_.store_release(u32(to));
	return true;
}

}  // namespace nvme
