// SPDX-License-Identifier: GPL-2.0
/// \file
/// The PHY inside of the 82541 and 82547: its script, its signal processor, its speeds.
/// C side: e1000_phy_init_script(), e1000_config_dsp_after_link_change(), e1000_smartspeed().
#include "hardware.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

constexpr PhyReg kGains[] = {PhyReg::IgpGainA, PhyReg::IgpGainB, PhyReg::IgpGainC, PhyReg::IgpGainD};
constexpr PhyReg kParams[] = {PhyReg::IgpParamA, PhyReg::IgpParamB, PhyReg::IgpParamC, PhyReg::IgpParamD};
constexpr u16 kParamIndex = 0xc000;
constexpr u16 kParamSign = 0x8000;
constexpr u16 kEqualizerUsual = 0x002a;
constexpr u16 kEqualizerOther = 0x0069;
constexpr u16 kForceGigabit = 0x0140;
constexpr u16 kRestartNegotiation = 0x3300;
constexpr u16 kTransmitterOff = 0x0003;
/// Of IgpPortConfig, IgpPortControl, IgpFifo.
constexpr u16 kSmartSpeed = 1u << 7;
constexpr u16 kAutoCrossover = 1u << 12;
constexpr u16 kCrossed = 1u << 13;
constexpr u16 kFlexSpeed = 1u << 4;

/// A pair's gain, to the length of the cable.   Units: meters.
constexpr u8 kLengths[] = {
	5,   5,	  5,   5,   5,	 5,   5,   5,	5,   5,	  5,   5,   5,	 5,   5,   5,	5,   10,  10,  10,  10,	 10,
	10,  10,  20,  20,  20,	 20,  20,  25,	25,  25,  25,  25,  25,	 25,  30,  30,	30,  30,  40,  40,  40,	 40,
	40,  40,  40,  40,  40,	 50,  50,  50,	50,  50,  50,  50,  60,	 60,  60,  60,	60,  60,  60,  60,  60,	 70,
	70,  70,  70,  70,  70,	 80,  80,  80,	80,  80,  80,  90,  90,	 90,  90,  90,	90,  90,  90,  90,  100, 100,
	100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 110, 110, 110, 110, 110, 110, 110, 110, 110, 110,
	110, 110, 110, 110, 110, 110, 110, 110, 120, 120, 120, 120, 120, 120, 120, 120, 120, 120,
};
constexpr u32 kLengthCount = sizeof(kLengths);
static_assert(kLengthCount == 128);
constexpr u32 kLengthRange = 10;
constexpr u32 kLongMeters = 50;
constexpr u32 kPairs = 4;

/// Milliseconds that idle errors are counted for: if there are none, and if there are.
constexpr u32 kIdleShort = 20;
constexpr u32 kIdleLong = 100;
constexpr u32 kManyIdleErrors = 5;

/// Checks without a link after which another role is tried, and after which all begins anew.
constexpr u32 kRetryRole = 3;
constexpr u32 kMostRetries = 15;

struct Step {
	u16 reg;
	u16 value;
};
constexpr Step kFirstSteps[] = {
	{.reg = 0x1f95, .value = 0x0001}, {.reg = 0x1f71, .value = 0xbd21}, {.reg = 0x1f79, .value = 0x0018},
	{.reg = 0x1f30, .value = 0x1600}, {.reg = 0x1f31, .value = 0x0014}, {.reg = 0x1f32, .value = 0x161c},
	{.reg = 0x1f94, .value = 0x0003}, {.reg = 0x1f96, .value = 0x003f}, {.reg = 0x2010, .value = 0x0008},
};
constexpr Step kSecondSteps[] = {{.reg = 0x1f73, .value = 0x0099}};

template <size_t N> Result<void> play(PhyPort& phy, const Step (&steps)[N]) EXCLUDES(atomic_context)
{
	for (const Step& step : steps)
		TRY(phy.write(PhyReg(step.reg), step.value));
	return {};
}

}  // namespace

Result<void> Hardware::run_igp_script()
{
	if (!family_.has_igp_script)
		return {};
	sleep_ms(20);
	// Its registers are on pages, of which others know nothing.
	TRY(phy_.detect());
	const u16 transmitter = TRY(phy_.read(PhyReg::IgpTransmitter));
	TRY(phy_.write(PhyReg::IgpTransmitter, kTransmitterOff));
	sleep_ms(20);
	TRY(phy_.write(PhyReg::Control, kForceGigabit));
	sleep_ms(5);
	TRY(family_.is_first_igp ? play(phy_, kFirstSteps) : play(phy_, kSecondSteps));
	TRY(phy_.write(PhyReg::Control, kRestartNegotiation));
	sleep_ms(20);
	TRY(phy_.write(PhyReg::IgpTransmitter, transmitter));
	if (family_.has_fifo_bug)
		return trim_fuses();
	return {};
}

Result<void> Hardware::trim_fuses()
{
	constexpr u16 spare_is_used = 1u << 8;
	constexpr u16 poly_bits = 0xf000;
	constexpr u16 fine_bits = 0x0f80;
	constexpr u16 coarse_bits = 0x0070;
	constexpr u32 coarse_limit = 0x40;
	constexpr u32 coarse_step = 0x10;
	constexpr u32 fine_step = 0x80;
	constexpr u32 fine_large_step = 0x500;
	constexpr u16 by_software = 2;
	if ((TRY(phy_.read(PhyReg::IgpSpareFuses)) & spare_is_used) != 0)
		return {};
	const u16 fuses = TRY(phy_.read(PhyReg::IgpFuses));
	u32 fine = fuses & fine_bits;
	u32 coarse = fuses & coarse_bits;
	if (coarse > coarse_limit) {
		coarse -= coarse_step;
		fine -= fine_step;
	} else if (coarse == coarse_limit) {
		fine -= fine_large_step;
	}
	TRY(phy_.write(PhyReg::IgpFuseControl, u16((fuses & poly_bits) | (fine & fine_bits) | (coarse & coarse_bits))));
	return phy_.write(PhyReg::IgpFuseBypass, by_software);
}

Result<void> Hardware::leave_low_power()
{
	// Speeds are chosen without saving power, whatever the card does while the machine sleeps.
	if (family_.has_flex_speed)
		return phy_.change(PhyReg::IgpFifo, kFlexSpeed, 0);
	return {};
}

Result<void> Hardware::set_up_igp()
{
	TRY(reset_phy());
	// The MAC sets it up from the EEPROM.
	sleep_ms(15);
	using regs::Ledctl;
	window_.write(Ledctl::of((window_.read<Ledctl>().bits & 0xfffff0ff) | 0x07000300));
	TRY(leave_low_power());
	dsp_ = family_.is_first_igp ? Dsp::Off : Dsp::On;
	if (family_.is_first_igp)
		wishes_.crossover = Crossover::Straight;
	u16 how = 0;
	if (wishes_.crossover == Crossover::Crossed)
		how = kCrossed;
	else if (wishes_.crossover != Crossover::Straight)
		how = kAutoCrossover;
	// With automatic crossing, the other bit stays as it is.
	const u16 cleared = how == kAutoCrossover ? kAutoCrossover : u16(kAutoCrossover | kCrossed);
	TRY(phy_.change(PhyReg::IgpPortControl, cleared, how));
	if (!wishes_.negotiates)
		return {};
	has_other_equalizer_ = false;
	if (wishes_.speeds == speeds::k1000Full) {
		// There is no lower speed to go down to.
		TRY(phy_.change(PhyReg::IgpPortConfig, kSmartSpeed, 0));
		TRY(phy_.change(PhyReg::GigabitControl, phy::kMasterIsFixed, 0));
	}
	switch (wishes_.role) {
	case Role::Master:
		return phy_.change(PhyReg::GigabitControl, 0, phy::kMasterIsFixed | phy::kIsMaster);
	case Role::Slave:
		return phy_.change(PhyReg::GigabitControl, phy::kIsMaster, phy::kMasterIsFixed);
	case Role::Auto:
		return phy_.change(PhyReg::GigabitControl, phy::kMasterIsFixed, 0);
	case Role::Default:
		break;
	}
	return {};
}

Result<Hardware::Length> Hardware::cable_length()
{
	u32 sum = 0;
	u32 least = kLengthCount;
	for (const PhyReg reg : kGains) {
		const u32 gain = TRY(phy_.read(reg)) >> 7;
		if (gain == 0 || gain >= kLengthCount - 1)
			return EIO;
		sum += gain;
		least = min(least, gain);
	}
	// Of short cables, the pair that seems shortest is left out.
	const u32 average = sum < kPairs * kLongMeters ? (sum - least) / (kPairs - 1) : sum / kPairs;
	const u32 meters = kLengths[average];
	return Length{.least = meters > kLengthRange ? meters - kLengthRange : 0, .most = meters + kLengthRange};
}

Result<void> Hardware::tune_gigabit()
{
	const Length length = TRY(cable_length());
	if (dsp_ != Dsp::On)
		return {};
	if (length.least >= kLongMeters) {
		for (const PhyReg reg : kParams)
			TRY(phy_.change(reg, kParamIndex, 0));
		dsp_ = Dsp::Active;
		return {};
	}
	// A short one: idle errors say whether the usual equalizer will do.
	u32 errors = 0;
	(void)TRY(phy_.read(PhyReg::GigabitStatus));
	for (u32 ms = 0; ms < (errors != 0 ? kIdleLong : kIdleShort); ++ms) {
		sleep_ms(1);
		errors += TRY(phy_.read(PhyReg::GigabitStatus)) & phy::kIdleErrors;
		if (errors > kManyIdleErrors) {
			has_other_equalizer_ = true;
			return phy_.write(PhyReg::IgpEqualizer, kEqualizerOther);
		}
	}
	return {};
}

Result<void> Hardware::untune(bool params)
{
	const u16 transmitter = TRY(phy_.read(PhyReg::IgpTransmitter));
	TRY(phy_.write(PhyReg::IgpTransmitter, kTransmitterOff));
	sleep_ms(20);
	TRY(phy_.write(PhyReg::Control, kForceGigabit));
	if (params) {
		for (const PhyReg reg : kParams)
			TRY(phy_.change(reg, kParamIndex, kParamSign));
	} else {
		TRY(phy_.write(PhyReg::IgpEqualizer, kEqualizerUsual));
	}
	TRY(phy_.write(PhyReg::Control, kRestartNegotiation));
	sleep_ms(20);
	return phy_.write(PhyReg::IgpTransmitter, transmitter);
}

Result<void> Hardware::tune_dsp(bool has_link)
{
	if (phy_.kind() != Phy::Igp)
		return {};
	if (has_link)
		return link().speed == regs::Speed::Mb1000 ? tune_gigabit() : Result<void>{};
	if (dsp_ == Dsp::Active) {
		TRY(untune(true));
		dsp_ = Dsp::On;
	}
	if (has_other_equalizer_) {
		TRY(untune(false));
		has_other_equalizer_ = false;
	}
	return {};
}

void Hardware::retry_link()
{
	if (phy_.kind() != Phy::Igp || !wishes_.negotiates || (wishes_.speeds & speeds::k1000Full) == 0)
		return;
	const auto again = [&](u16 clear, u16 set) -> Result<void> {
		TRY(phy_.change(PhyReg::GigabitControl, clear, set));
		return start_autonegotiation();
	};
	if (retries_ == 0) {
		// They do not agree on who gives the clock; the first read may be of the past.
		for (u32 looks = 0; looks < 2; ++looks) {
			const auto status = phy_.read(PhyReg::GigabitStatus);
			if (!status.ok() || (Result<u16>{status}.take() & phy::kMasterFault) == 0)
				return;
		}
		const auto control = phy_.read(PhyReg::GigabitControl);
		if (!control.ok() || (Result<u16>{control}.take() & phy::kMasterIsFixed) == 0)
			return;
		++retries_;
		again(phy::kMasterIsFixed, 0).ignore("it is tried again");
		return;
	}
	if (retries_ == kRetryRole)
		again(0, phy::kMasterIsFixed).ignore("it is tried again");
	if (retries_++ == kMostRetries)
		retries_ = 0;
}

}  // namespace e1000
