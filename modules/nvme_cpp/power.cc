// SPDX-License-Identifier: GPL-2.0
#include "power.hpp"

#include "controller.hpp"
#include "params.hpp"

#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

constinit module::Param<unsigned long> default_ps_max_latency_us{100000};
CXXRT_PARAM_LIVE_AS(default_ps_max_latency_us, default_ps_max_latency_us,
		    "Power states that take longer to leave are not used; 0: none is");
constinit module::Param<bool> force_apst{false};
CXXRT_PARAM_LIVE_AS(force_apst, force_apst,
		    "Have devices change their power state by themselves that are known not to do well with it");
constinit module::Param<unsigned long> apst_primary_timeout_ms{100};
CXXRT_PARAM_LIVE_AS(apst_primary_timeout_ms, apst_primary_timeout_ms,
		    "Milliseconds without work until a state is entered that is left quickly");
constinit module::Param<unsigned long> apst_secondary_timeout_ms{2000};
CXXRT_PARAM_LIVE_AS(apst_secondary_timeout_ms, apst_secondary_timeout_ms,
		    "Milliseconds without work until one is entered that is not");
constinit module::Param<unsigned long> apst_primary_latency_tol_us{15000};
CXXRT_PARAM_LIVE_AS(apst_primary_latency_tol_us, apst_primary_latency_tol_us,
		    "Microseconds to enter and leave it that are quick");
constinit module::Param<unsigned long> apst_secondary_latency_tol_us{100000};
CXXRT_PARAM_LIVE_AS(apst_secondary_latency_tol_us, apst_secondary_latency_tol_us,
		    "Microseconds that are not, and not too many");
constinit module::Param<bool> noacpi{false};
CXXRT_PARAM(noacpi, "Ignore what the platform says of the power of idle devices");

/// Feature numbers, Base 5.27.1, figure 317; and Base 5.15.
constexpr u32 kPowerManagement = 0x02;
constexpr u32 kTransitions = 0x0c;
constexpr u8 kGetFeatures = 0x0a;

}  // namespace

TransitionPolicy TransitionPolicy::of_parameters()
{
	return {
		.primary_timeout_ms = apst_primary_timeout_ms.get(),
		.secondary_timeout_ms = apst_secondary_timeout_ms.get(),
		.primary_latency_us = apst_primary_latency_tol_us.get(),
		.secondary_latency_us = apst_secondary_latency_tol_us.get(),
		.most_exit_us = default_ps_max_latency_us.get(),
		.without_deepest = false,
	};
}

bool forces_transitions() { return force_apst.get(); }
bool ignores_platform() { return noacpi.get(); }

PowerStates PowerStates::of(const IdentifyController& id)
{
	PowerStates power{};
	power.lowest = id.npss;
	power.autonomous = (id.apsta & 1) != 0;
	for (u32 i = 0; i < kMostPowerStates; ++i) {
		const PowerDescriptor& state = id.psd[i];
		power.states[i] = {.entry_us = state.enlat.get(),
				   .exit_us = state.exlat.get(),
				   .works = (state.flags & PowerDescriptor::kNotOperational) == 0};
	}
	return power;
}

TransitionTable transition_table(const PowerStates& power, const TransitionPolicy& policy)
{
	TransitionTable table{};
	const bool by_class = policy.primary_timeout_ms != 0 && policy.primary_latency_us != 0;
	u64 target = 0;
	// Of the two classes, the slower one is for deeper states, and each is for one state.
	u32 last_class = ~0u;
	for (u32 state = power.lowest + 1; state-- > 0;) {
		const PowerStates::State& here = power.states[state];
		if (target != 0)
			table.entries[state] = target;
		if ((state == power.lowest && policy.without_deepest) || here.works ||
		    here.exit_us > policy.most_exit_us)
			continue;
		const u64 both_us = u64(here.entry_us) + here.exit_us;
		u64 idle_ms = 0;
		if (!by_class) {
			// At most two percent of the time for changing.
			constexpr u64 kMostIdleMs = (1u << 24) - 1;
			idle_ms = min((both_us + 19) / 20, kMostIdleMs);
		} else if (both_us <= policy.primary_latency_us) {
			if (last_class == 1)
				continue;
			last_class = 1;
			idle_ms = policy.primary_timeout_ms;
		} else if (policy.secondary_timeout_ms != 0 && both_us <= policy.secondary_latency_us) {
			if (last_class <= 2)
				continue;
			last_class = 2;
			idle_ms = policy.secondary_timeout_ms;
		} else {
			continue;
		}
		target = (u64(state) << 3) | (idle_ms << 8);
	}
	return table;
}

void Controller::find_platform_quirks()
{
	if (!ignores_platform() && !has(Quirk::NeverSimpleSuspend) && parts_.enabled.device().wants_power_off()) {
		log::info<"%s: platform quirk: setting simple suspend">(name());
		quirks_ |= u64(Quirk::SimpleSuspend);
	}
}

Result<void> Controller::set_up_power(const IdentifyController& id)
{
	power_ = PowerStates::of(id);
	if (has(Quirk::NoApst) && power_.autonomous) {
		power_.autonomous = forces_transitions();
		if (power_.autonomous)
			log::warn<"%s: forcibly allowing APST due to nvme_core.force_apst -- use at your own risk">(
				name());
	}
	if (most_exit_us_.load_relaxed() == kDefaultLatency)
		most_exit_us_.store_relaxed(TransitionPolicy::of_parameters().most_exit_us);
	// What it did before the reset is over, and so it is told, too, that it must not.
	return (id.apsta & 1) != 0 ? set_transitions() : Result<void>{};
}

Result<void> Controller::set_transitions()
{
	if (power_.lowest >= kMostPowerStates) {
		log::warn<"%s: NPSS is invalid; not using APST">(name());
		power_.lowest = 0;
		return {};
	}
	TransitionPolicy policy = TransitionPolicy::of_parameters();
	policy.most_exit_us = most_exit_us_.load_relaxed();
	policy.without_deepest = has(Quirk::NoDeepestPowerState);
	const bool on = power_.autonomous && policy.most_exit_us != 0;
	auto table = TRY(
		Box<TransitionTable>::make(Gfp::Kernel, on ? transition_table(power_, policy) : TransitionTable{}));
	const Completion done = TRY(
		admin_->write({.opcode = u8(AdminOp::SetFeatures), .cdw10 = kTransitions, .cdw11 = on ? 1u : 0},
			      table.get(), sizeof(*table)));
	if (!done.status.ok())
		log::error<"%s: failed to set APST feature (%d)">(name(), int(done.status.bits()));
	return {};
}

void Controller::set_most_latency(u64 us)
{
	if (most_exit_us_.swap(us) == us || state_.get() != State::Live || !can_change_power())
		return;
	set_transitions().ignore("the next reset sets them, too");
}

Result<u32> Controller::power_state()
{
	const Completion done = TRY(admin_->run({.opcode = kGetFeatures, .cdw10 = kPowerManagement}));
	if (!done.status.ok())
		return EIO;
	return done.result;
}

Result<bool> Controller::set_power_state(u32 state)
{
	const Completion done = TRY(
		admin_->run({.opcode = u8(AdminOp::SetFeatures), .cdw10 = kPowerManagement, .cdw11 = state}));
	return done.status.ok();
}

Result<void> Controller::suspend(pci::Sleep how)
{
	const pci::Device dev = parts_.enabled.device();
	saved_power_state_ = kNoPowerState;
	// Whoever takes the power of the device, it is not us who tells it to use less.
	if (how == pci::Sleep::Simple || pci::suspends_by_firmware() || power_.lowest == 0 || !dev.saves_link_power() ||
	    has(Quirk::SimpleSuspend))
		return sleep_without_power();
	{
		Guard guard{stop_lock_};
		if (!up_ || state_.get() != State::Live)
			return EBUSY;
		if (io_tags_ && !exchange(io_quiesced_, true))
			io_tags_->quiesce();
	}
	const Result<void> asleep = sleep_with_power();
	// Unless it is being reset: then that is who resumes.
	Guard guard{stop_lock_};
	if (up_ && state_.get() == State::Live)
		resume_io();
	return asleep;
}

Result<void> Controller::sleep_without_power()
{
	// A controller that is dead sleeps, too.
	if (state_.is_terminal())
		return {};
	return begin_reset(Down::Sleep);
}

Result<void> Controller::sleep_with_power()
{
	const pci::Device dev = parts_.enabled.device();
	const Deadline deadline = Deadline::in_ms(params::io_timeout_ms());
	while (io_tags_ && io_tags_->in_flight() != 0) {
		if (deadline.has_passed())
			return EBUSY;
		sleep_ms(2);
	}
	saved_power_state_ = TRY(power_state());
	dev.save_state();
	const Result<bool> is_set = set_power_state(power_.lowest);
	if (is_set.ok() && Result<bool>{is_set}.take())
		return {};
	saved_power_state_ = kNoPowerState;
	dev.forget_saved_state();
	if (!is_set.ok())
		return is_set.error();
	return begin_reset(Down::Sleep);
}

void Controller::wake_up()
{
	if (saved_power_state_ != kNoPowerState && state_.get() == State::Live) {
		const Result<bool> is_set = set_power_state(exchange(saved_power_state_, kNoPowerState));
		if (is_set.ok() && Result<bool>{is_set}.take())
			return;
		if (!begin_reset(Down::Reset).ok())
			return;
	}
	schedule_reset();
}

}  // namespace nvme
