// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What a controller may be doing, and what may follow.

#include <cxxrt/atomic.hpp>
#include <cxxrt/lock.hpp>

namespace nvme {
using namespace cxxrt;

enum class State : u8 {
	New,	       ///< probed, and nothing else
	Live,	       ///< takes requests
	Resetting,     ///< being brought down
	Connecting,    ///< being brought up
	Deleting,      ///< on its way out; requests under way may end
	DeletingNoIo,  ///< none does
	Dead,	       ///< the device does not answer: all requests fail
};

/// As sysfs spells it.
const char* state_name(State state);
/// Whether `to` may follow `from`.
bool may_follow(State from, State to);

/// The state of one controller.   Context: any.
class StateMachine : Pinned {
public:
	State get() const { return State(state_.load_acquire()); }
	/// No request will ever reach the device again.
	bool is_terminal() const
	{
		const State now = get();
		return now == State::Deleting || now == State::DeletingNoIo || now == State::Dead;
	}
	/// False, and no change, if that may not follow. Whoever gets true is the one to act on it.
	[[nodiscard]] bool change(State to);

private:
	IrqSpinLock lock_{lock_class<"nvme StateMachine::lock_">};
	Atomic<u32> state_{u32(State::New)};  // written under lock_; read without it, with acquire order
};

}  // namespace nvme
