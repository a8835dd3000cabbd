// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Power states of a controller, and the table by which it changes them by itself (APST).
/// Spec: NVMe Base 2.0, 8.15 "Power Management", 5.27.1.10 "Autonomous Power State Transition".
/// C side: nvme_configure_apst() in drivers/nvme/host/core.c, whose parameters and heuristics these are.

#include "spec.hpp"

namespace nvme {

inline constexpr u32 kMostPowerStates = 32;

/// What is kept of the states that a controller has. State 0 uses most power.
struct PowerStates {
	struct State {
		u32 entry_us, exit_us;	///< to get there, and to be working again
		bool works;		///< commands are carried out in it
	};
	/// Of those that Identify gives.
	static PowerStates of(const IdentifyController& id);

	u32 lowest;	  ///< 0: there is only one
	bool autonomous;  ///< the controller can change its state by itself
	State states[kMostPowerStates];
};

/// Base 5.27.1.10: for each state, bits 7 to 3 the one to go to, 31 to 8 after how many milliseconds without work.
struct TransitionTable {
	le64 entries[kMostPowerStates];
};
static_assert(sizeof(TransitionTable) == 256);

/// What may be slow.   Units: as in the names; 0 for the primary ones: a state is left after 50 times its latency.
struct TransitionPolicy {
	/// As the parameters say.
	static TransitionPolicy of_parameters();

	u64 primary_timeout_ms, secondary_timeout_ms;
	u64 primary_latency_us, secondary_latency_us;
	u64 most_exit_us;      ///< a state that takes longer to leave is not for it
	bool without_deepest;  ///< the device fails in it
};

TransitionTable transition_table(const PowerStates& power, const TransitionPolicy& policy);

/// Quirky devices are to change their state by themselves, too.
bool forces_transitions();
/// The platform's hint about the power of idle devices is ignored.
bool ignores_platform();

}  // namespace nvme
