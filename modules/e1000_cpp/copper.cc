// SPDX-License-Identifier: GPL-2.0
/// \file
/// Links with a PHY.
/// Spec: 8254x SDM 8.5, 11; IEEE 802.3 22, 28, 40.   C side: e1000_setup_copper_link(), e1000_check_for_link().
#include "hardware.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

using regs::Ctrl;
using regs::CtrlExt;
using regs::Speed;

namespace {

// Of M88Control.
constexpr u16 kM88Uncorrected = 1u << 1;
constexpr u16 kM88Energy = 1u << 3;
constexpr u16 kM88Crossover = 3u << 5;
constexpr u16 kM88Crossed = 1u << 5;
constexpr u16 kM88AutoAtGigabit = 2u << 5;
constexpr u16 kM88LongDistance = 1u << 7;
constexpr u16 kM88CarrierOnSend = 1u << 11;
// Of M88Status.
constexpr u16 kM88IsReversed = 1u << 1;
constexpr u16 kM88IsDownshifted = 1u << 5;
constexpr u16 kM88IsCrossed = 1u << 6;
constexpr u16 kM88IsFull = 1u << 13;
constexpr u32 kM88SpeedAt = 14;
// Of M88ExtendedControl.
constexpr u16 kM88Clock25 = 0x0070;
constexpr u16 kM88Downshifts = 0x0f00;
constexpr u16 kM88OneDownshift = 0x0100;
constexpr u16 kM88DownshiftCount = 0x0e00;
constexpr u16 kM88FiveDownshifts = 0x0800;
/// The page that is left open in a loopback.
constexpr u16 kM88LoopPage = 0x001a;
/// The first revision that needs none of it.
constexpr u32 kM88Revision4 = 4;
constexpr u32 kM88Revision2 = 2;

// Of IgpPortControl.
constexpr u16 kIgpAutoCrossover = 1u << 12;
constexpr u16 kIgpCrossed = 1u << 13;
// Of IgpPortStatus.
constexpr u16 kIgpIsReversed = 1u << 1;
constexpr u16 kIgpIsCrossed = 1u << 11;
constexpr u16 kIgpSpeeds = 0xc000;
constexpr u16 kIgpGigabit = 0xc000;
constexpr u16 kIgpPolarities = 0x0078;
// Of IgpHealth.
constexpr u16 kIgpIsDownshifted = 1u << 15;

constexpr u16 kRtlIsFull = 1u << 8;
constexpr u16 kRtlIs100 = 1u << 13;
constexpr u16 kPhyClassA = 1u << 15;

/// Units: meters.
constexpr u32 kLengthClasses[] = {50, 80, 110, 140};

constexpr u32 kLooksForLink = 10;
/// Units: 100 milliseconds.
constexpr u32 kForceTries = 20;
constexpr u16 kSpeeds = phy::k10Half | phy::k10Full | phy::k100Half | phy::k100Full;

constexpr CableInfo::Sign sign(u16 bits) { return bits != 0 ? CableInfo::Sign::Yes : CableInfo::Sign::No; }

}  // namespace

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as both sides' registers are called
Flow agreed_flow(u16 ours, u16 theirs, Flow asked)
{
	const bool we_pause = (ours & phy::kPause) != 0;
	const bool we_send = (ours & phy::kAsymmetric) != 0;
	const bool they_pause = (theirs & phy::kPause) != 0;
	const bool they_send = (theirs & phy::kAsymmetric) != 0;
	if (we_pause && they_pause)
		return asked == Flow::Both ? Flow::Both : Flow::Receive;
	if (!we_pause && we_send && they_pause && they_send)
		return Flow::Send;
	if (we_pause && we_send && !they_pause && they_send)
		return Flow::Receive;
	// A partner that says nothing may send pauses all the same.
	return asked == Flow::None || asked == Flow::Send ? Flow::None : Flow::Receive;
}

Result<void> Hardware::reset_phy_hard()
{
	if (family_.resets_phy_by_pin) {
		auto pins = window_.read<CtrlExt>().with<CtrlExt::Pin4Out>(true).with<CtrlExt::Pin4>(false);
		window_.write(pins);
		window_.flush();
		sleep_ms(10);
		pins = pins.with<CtrlExt::Pin4>(true);
		window_.write(pins);
		window_.flush();
	} else {
		const auto ctrl = window_.read<Ctrl>();
		window_.write(ctrl.with<Ctrl::PhyReset>(true));
		window_.flush();
		sleep_ms(10);
		window_.write(ctrl);
		window_.flush();
	}
	sleep_us(150, 200);
	light_igp_activity();
	// It sets itself up from the EEPROM.
	sleep_ms(10);
	return {};
}

Result<void> Hardware::reset_phy()
{
	if (phy_.kind() == Phy::Igp) {
		TRY(reset_phy_hard());
		return run_igp_script();
	}
	TRY(phy_.change(PhyReg::Control, 0, phy::kReset));
	delay_us(1);
	return {};
}

Result<void> Hardware::set_class_a()
{
	if (!family_.has_class_a_word || !is_copper())
		return {};
	const u16 value = TRY(eeprom_.read(word::kPhyClass));
	if (value == word::kBlank || (value & kPhyClassA) == 0)
		return {};
	TRY(phy_.write(PhyReg::M88Page, 0x000b));
	return phy_.write(PhyReg::M88Paged, 0x8104);
}

Result<u16> Hardware::phy_status()
{
	// The first read may say that the link was lost once.
	(void)TRY(phy_.read(PhyReg::Status));
	return phy_.read(PhyReg::Status);
}

Result<void> Hardware::find_phy()
{
	const bool is_forced = family_.resets_phy_by_pin;
	window_.write(window_.read<Ctrl>()
			      .with<Ctrl::SetLinkUp>(true)
			      .with<Ctrl::ForceSpeed>(is_forced)
			      .with<Ctrl::ForceDuplex>(is_forced));
	if (is_forced)
		TRY(reset_phy_hard());
	TRY(phy_.detect());
	TRY(set_class_a());
	if (family_.has_serdes_words)
		TRY(phy_.change(PhyReg::M88Control, 0, kM88Energy));
	return {};
}

Result<void> Hardware::set_up_phy()
{
	switch (phy_.kind()) {
	case Phy::Igp:
		return set_up_igp();
	case Phy::M88:
		return set_up_m88();
	case Phy::Rtl8211:
	case Phy::Rtl8201:
		return set_up_rtl();
	case Phy::None:
		break;
	}
	return ENODEV;
}

Result<void> Hardware::adjust_to_link()
{
	if (family_.follows_phy)
		TRY(follow_phy());
	else
		set_collision_distance();
	return resolve_flow();
}

Result<void> Hardware::set_up_copper()
{
	TRY(find_phy());
	TRY(set_up_phy());
	TRY(wishes_.negotiates ? start_autonegotiation() : force_speed());
	// The link may be there already.
	for (u32 tries = 0; tries < kLooksForLink; ++tries) {
		if ((TRY(phy_status()) & phy::kHasLink) != 0) {
			TRY(adjust_to_link());
			tune_dsp(true).ignore("the link is there, and worse than it could be");
			break;
		}
		delay_us(10);
	}
	return {};
}

Result<void> Hardware::set_up_m88()
{
	u16 how = 0;
	switch (wishes_.crossover) {
	case Crossover::Straight:
		break;
	case Crossover::Crossed:
		how = kM88Crossed;
		break;
	case Crossover::AutoAtGigabit:
		how = kM88AutoAtGigabit;
		break;
	case Crossover::Auto:
		how = kM88Crossover;
		break;
	}
	TRY(phy_.change(PhyReg::M88Control, kM88Crossover | kM88Uncorrected, u16(how | kM88CarrierOnSend)));
	if (phy_.revision() < kM88Revision4) {
		if (phy_.revision() == kM88Revision2 && phy_.id() == phy_id::kM88E1111)
			TRY(phy_.change(PhyReg::M88ExtendedControl, kM88DownshiftCount,
					kM88Clock25 | kM88FiveDownshifts));
		else
			TRY(phy_.change(PhyReg::M88ExtendedControl, kM88Downshifts, kM88Clock25 | kM88OneDownshift));
	}
	return reset_phy();
}

Result<void> Hardware::set_up_rtl()
{
	using regs::CtlAux;
	if (phy_.kind() == Phy::Rtl8201) {
		window_.write(window_.read<CtlAux>().with<CtlAux::IsRmii>(true));
		window_.flush();
		window_.write(window_.read<CtlAux>().with<CtlAux::IgnoresJk>(true).with<CtlAux::NeedsJk>(false));
		window_.flush();
	}
	return reset_phy();
}

Result<void> Hardware::advertise()
{
	u16 offered = wishes_.speeds & speeds::kAll;
	if (offered == 0)
		offered = speeds::kAll;
	const bool is_slow = phy_.kind() == Phy::Rtl8201;
	if (is_slow)
		offered &= speeds::k10And100;
	wishes_.speeds = offered;
	u16 said = 0;
	if ((offered & speeds::k10Half) != 0)
		said |= phy::k10Half;
	if ((offered & speeds::k10Full) != 0)
		said |= phy::k10Full;
	if ((offered & speeds::k100Half) != 0)
		said |= phy::k100Half;
	if ((offered & speeds::k100Full) != 0)
		said |= phy::k100Full;
	// Heeding pauses cannot be said without sending them.
	if (receives(flow_))
		said |= phy::kPause;
	if (flow_ != Flow::None)
		said |= phy::kAsymmetric;
	TRY(phy_.change(PhyReg::Advertise, kSpeeds | phy::kPause | phy::kAsymmetric, said));
	if (is_slow)
		return {};
	// Half duplex at this speed is not for this device.
	const u16 gigabit = (offered & speeds::k1000Full) != 0 ? phy::k1000Full : 0;
	return phy_.change(PhyReg::GigabitControl, phy::k1000Half | phy::k1000Full, gigabit);
}

Result<void> Hardware::start_autonegotiation()
{
	TRY(advertise());
	TRY(phy_.change(PhyReg::Control, 0, phy::kNegotiate | phy::kRestart));
	note_link_change();
	return {};
}

Result<void> Hardware::force_speed()
{
	flow_ = Flow::None;
	const bool is_full = wishes_.forces_full;
	const bool is_100 = wishes_.forces_100;
	auto ctrl = window_.read<Ctrl>()
			    .with<Ctrl::ForceSpeed>(true)
			    .with<Ctrl::ForceDuplex>(true)
			    .with<Ctrl::AutoSpeed>(false)
			    .with<Ctrl::FullDuplex>(is_full)
			    .with<Ctrl::SpeedSelect>(is_100 ? Speed::Mb100 : Speed::Mb10);
	u16 control = TRY(phy_.read(PhyReg::Control));
	control &= u16(~(phy::kNegotiate | phy::kFullDuplex | phy::kSpeed1000 | phy::kSpeed100));
	if (is_full)
		control |= phy::kFullDuplex;
	if (is_100)
		control |= phy::kSpeed100;
	set_collision_distance();
	window_.write(ctrl);
	// Crossing pairs by itself needs negotiation.
	if (phy_.kind() == Phy::M88) {
		TRY(phy_.change(PhyReg::M88Control, kM88Crossover, 0));
		control |= phy::kReset;
	} else if (phy_.kind() == Phy::Igp) {
		TRY(phy_.change(PhyReg::IgpPortControl, kIgpAutoCrossover | kIgpCrossed, 0));
	}
	TRY(phy_.write(PhyReg::Control, control));
	delay_us(1);
	if (phy_.kind() != Phy::M88)
		return {};
	// What the reset took away.
	TRY(phy_.change(PhyReg::M88ExtendedControl, 0, kM88Clock25));
	TRY(phy_.change(PhyReg::M88Control, 0, kM88CarrierOnSend));
	if (family_.mends_polarity && is_forced_to_10())
		return mend_polarity();
	return {};
}

Result<void> Hardware::follow_phy()
{
	auto ctrl =
		window_.read<Ctrl>().with<Ctrl::ForceSpeed>(true).with<Ctrl::ForceDuplex>(true).with<Ctrl::InvertLoss>(
			false);
	if (phy_.kind() == Phy::Rtl8201) {
		const u16 control = TRY(phy_.read(PhyReg::Control));
		ctrl = ctrl.with<Ctrl::FullDuplex>((control & kRtlIsFull) != 0)
			       .with<Ctrl::SpeedSelect>((control & kRtlIs100) != 0 ? Speed::Mb100 : Speed::Mb10);
	} else {
		constexpr Speed all[] = {Speed::Mb10, Speed::Mb100, Speed::Mb1000, Speed::Mb10};
		const u16 status = TRY(phy_.read(PhyReg::M88Status));
		ctrl = ctrl.with<Ctrl::FullDuplex>((status & kM88IsFull) != 0)
			       .with<Ctrl::SpeedSelect>(all[status >> kM88SpeedAt]);
	}
	set_collision_distance();
	window_.write(ctrl);
	return {};
}

Result<void> Hardware::resolve_flow()
{
	if (!wishes_.negotiates) {
		force_flow();
		return {};
	}
	if ((TRY(phy_status()) & phy::kHasNegotiated) == 0)
		return {};
	const u16 ours = TRY(phy_.read(PhyReg::Advertise));
	const u16 theirs = TRY(phy_.read(PhyReg::Partner));
	flow_ = link().full_duplex ? agreed_flow(ours, theirs, asked_flow_) : Flow::None;
	force_flow();
	return {};
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): a mask and what is behind it
Result<void> Hardware::await_phy_status(u16 mask, u16 wanted)
{
	for (u32 tries = 0; tries < kForceTries; ++tries) {
		if ((TRY(phy_status()) & mask) == wanted)
			break;
		sleep_ms(100);
	}
	return {};
}

Result<void> Hardware::mend_polarity()
{
	// The PHY's transmitter is off, so that the partner's link is lost.
	TRY(phy_.write(PhyReg::M88Page, 0x0019));
	TRY(phy_.write(PhyReg::M88Paged, 0xffff));
	TRY(phy_.write(PhyReg::M88Page, 0x0000));
	TRY(await_phy_status(u16(~phy::kHasLink), 0));
	sleep_ms(1000);
	// And on again, step by step.
	TRY(phy_.write(PhyReg::M88Page, 0x0019));
	constexpr u16 steps[] = {0xfff0, 0xff00, 0x0000};
	for (const u16 value : steps) {
		sleep_ms(50);
		TRY(phy_.write(PhyReg::M88Paged, value));
	}
	TRY(phy_.write(PhyReg::M88Page, 0x0000));
	return await_phy_status(phy::kHasLink, phy::kHasLink);
}

Result<void> Hardware::check_downshift()
{
	is_downshifted_ = false;
	is_half_after_all_.store_relaxed(0);
	if (phy_.kind() == Phy::M88)
		is_downshifted_ = (TRY(phy_.read(PhyReg::M88Status)) & kM88IsDownshifted) != 0;
	if (phy_.kind() != Phy::Igp)
		return {};
	is_downshifted_ = (TRY(phy_.read(PhyReg::IgpHealth)) & kIgpIsDownshifted) != 0;
	if (!is_downshifted_)
		return {};
	// The status has the duplex of the speed that they meant to have.
	bool is_half = (TRY(phy_.read(PhyReg::Expansion)) & phy::kPartnerNegotiates) == 0;
	if (!is_half) {
		const u16 theirs = TRY(phy_.read(PhyReg::Partner));
		const Speed speed = link().speed;
		is_half = (speed == Speed::Mb100 && (theirs & phy::k100Full) == 0) ||
			  (speed == Speed::Mb10 && (theirs & phy::k10Full) == 0);
	}
	is_half_after_all_.store_relaxed(is_half ? 1 : 0);
	return {};
}

Result<bool> Hardware::has_copper_link()
{
	const bool has_link = (TRY(phy_status()) & phy::kHasLink) != 0;
	if (!has_link)
		tune_dsp(false).ignore("there is no link to be tuned");
	return has_link;
}

Result<void> Hardware::finish_copper()
{
	check_downshift().ignore("it changes what is reported");
	if (family_.mends_polarity && is_forced_to_10()) {
		// The link goes away and comes back: that is not news.
		const auto causes = window_.read<regs::Ims>();
		window_.write(regs::Imc::of(~0u));
		mend_polarity().ignore("the link is as it was");
		const auto pending = window_.read<regs::Icr>();
		window_.write(regs::Ics::of(pending.bits).with<regs::Ics::LinkChange>(false));
		window_.write(causes);
	}
	if (!wishes_.negotiates)
		return {};
	tune_dsp(true).ignore("the link is there, and worse than it could be");
	TRY(adjust_to_link());
	if (family_.accepts_tbi)
		wants_bad_frames_.store_relaxed(link().speed == Speed::Mb1000 ? 1 : 0);
	return {};
}

void Hardware::power_phy_down()
{
	if (!is_copper() || !family_.has_moderation || window_.read<regs::Manc>().get<regs::Manc::Smbus>())
		return;
	phy_.change(PhyReg::Control, 0, phy::kPowerDown).ignore("it keeps its power");
	sleep_ms(1);
}

void Hardware::power_phy_up()
{
	if (is_copper())
		phy_.change(PhyReg::Control, phy::kPowerDown, 0).ignore("that there is no link shows");
}

Result<CableInfo> Hardware::cable_info()
{
	if (!is_copper())
		return EINVAL;
	if ((TRY(phy_status()) & phy::kHasLink) == 0)
		return EINVAL;
	switch (phy_.kind()) {
	case Phy::Igp:
		return igp_cable();
	case Phy::M88:
		return m88_cable();
	default:
		return CableInfo{};
	}
}

Result<CableInfo> Hardware::m88_cable()
{
	CableInfo info;
	info.is_downshifted = sign(is_downshifted_ ? 1 : 0);
	const u16 control = TRY(phy_.read(PhyReg::M88Control));
	info.has_long_distance = sign(control & kM88LongDistance);
	info.is_not_corrected = sign(control & kM88Uncorrected);
	const u16 status = TRY(phy_.read(PhyReg::M88Status));
	info.is_reversed = sign(status & kM88IsReversed);
	info.is_crossed = sign(status & kM88IsCrossed);
	if (status >> kM88SpeedAt == u16(Speed::Mb1000)) {
		info.length = u8(status >> 7 & 7);
		const u16 gigabit = TRY(phy_.read(PhyReg::GigabitStatus));
		info.local_is_good = sign(gigabit & phy::kLocalIsGood);
		info.remote_is_good = sign(gigabit & phy::kRemoteIsGood);
	}
	return info;
}

Result<CableInfo> Hardware::igp_cable()
{
	CableInfo info;
	info.is_downshifted = sign(is_downshifted_ ? 1 : 0);
	info.has_long_distance = CableInfo::Sign::No;
	info.is_not_corrected = CableInfo::Sign::No;
	const u16 status = TRY(phy_.read(PhyReg::IgpPortStatus));
	info.is_crossed = sign(status & kIgpIsCrossed);
	info.is_reversed = sign(status & kIgpIsReversed);
	if ((status & kIgpSpeeds) != kIgpGigabit)
		return info;
	info.is_reversed = sign(TRY(phy_.read(PhyReg::IgpPolarity)) & kIgpPolarities);
	const u16 gigabit = TRY(phy_.read(PhyReg::GigabitStatus));
	info.local_is_good = sign(gigabit & phy::kLocalIsGood);
	info.remote_is_good = sign(gigabit & phy::kRemoteIsGood);
	const Length length = TRY(cable_length());
	const u32 average = (length.least + length.most) / 2;
	info.length = 0;
	for (const u32 limit : kLengthClasses)
		info.length += average > limit ? 1 : 0;
	return info;
}

Result<void> Hardware::restore_clock()
{
	TRY(phy_.change(PhyReg::M88ExtendedControl, 0, kM88Clock25));
	return phy_.change(PhyReg::M88Control, 0, kM88CarrierOnSend);
}

Result<void> Hardware::close_receiver()
{
	TRY(phy_.write(PhyReg::M88Page, 0x001f));
	TRY(phy_.write(PhyReg::M88Paged, 0x8ffc));
	TRY(phy_.write(PhyReg::M88Page, kM88LoopPage));
	return phy_.write(PhyReg::M88Paged, 0x8ff0);
}

Result<void> Hardware::loop_outside_phy()
{
	window_.write(window_.read<Ctrl>()
			      .with<Ctrl::InvertLoss>(true)
			      .with<Ctrl::ForceSpeed>(true)
			      .with<Ctrl::ForceDuplex>(true)
			      .with<Ctrl::SpeedSelect>(Speed::Mb1000)
			      .with<Ctrl::FullDuplex>(true));
	TRY(phy_.change(PhyReg::M88Control, kM88Crossover, 0));
	TRY(reset_phy());
	TRY(restore_clock());
	TRY(phy_.write(PhyReg::Control, phy::kReset | phy::kFullDuplex));
	sleep_us(500, 600);
	TRY(restore_clock());
	TRY(close_receiver());
	TRY(phy_.change(PhyReg::Control, 0, phy::kLoopback));
	TRY(restore_clock());
	// It takes some PHYs more than one attempt.
	const u16 control = TRY(phy_.read(PhyReg::Control));
	const u16 clock = TRY(phy_.read(PhyReg::M88ExtendedControl));
	const u16 page = TRY(phy_.read(PhyReg::M88Page));
	const bool is_done = control == (phy::kLoopback | phy::kFullDuplex) && clock == kM88Clock25 &&
			     page == kM88LoopPage;
	return is_done ? Result<void>{} : Result<void>{EIO};
}

Result<void> Hardware::loop_phy()
{
	constexpr u32 attempts = 11;
	if (family_.phy_bus == PhyBus::Mdic)
		return loop_inside_phy();
	if (family_.phy_bus != PhyBus::Pins)
		return phy_.change(PhyReg::Control, 0, phy::kLoopback);
	for (u32 tries = 0; tries < attempts; ++tries) {
		if (loop_outside_phy().ok())
			return {};
	}
	return EIO;
}

Result<void> Hardware::loop_inside_phy()
{
	wishes_.negotiates = false;
	const bool is_m88 = phy_.kind() == Phy::M88;
	if (is_m88) {
		// No crossing, and a reset for it to take effect.
		TRY(phy_.write(PhyReg::M88Control, 0x0808));
		TRY(phy_.write(PhyReg::Control, 0x9140));
		TRY(phy_.write(PhyReg::Control, 0x8140));
	}
	TRY(phy_.write(PhyReg::Control, phy::kLoopback | phy::kFullDuplex | phy::kSpeed1000));
	auto ctrl = window_.read<Ctrl>()
			    .with<Ctrl::ForceSpeed>(true)
			    .with<Ctrl::ForceDuplex>(true)
			    .with<Ctrl::SpeedSelect>(Speed::Mb1000)
			    .with<Ctrl::FullDuplex>(true);
	if (is_copper() && is_m88)
		ctrl = ctrl.with<Ctrl::InvertLoss>(true);
	else if (!window_.read<regs::Status>().get<regs::Status::FullDuplex>())
		ctrl = ctrl.with<Ctrl::InvertLoss>(true).with<Ctrl::SetLinkUp>(true);
	window_.write(ctrl);
	// Its receiver does not listen to the wire.
	if (is_m88)
		TRY(close_receiver());
	sleep_us(500, 600);
	return {};
}

Result<void> Hardware::start_loopback()
{
	using regs::Rctl;
	constexpr u32 transceiver = 3;
	const bool has_phy_behind = family_.packets == Packets::Split && family_.phy_bus == PhyBus::Mdic;
	if (is_copper() || has_phy_behind)
		return loop_phy();
	window_.write(window_.read<Rctl>().with<Rctl::Loopback>(transceiver));
	return {};
}

void Hardware::end_loopback()
{
	using regs::Rctl;
	window_.write(window_.read<Rctl>().with<Rctl::Loopback>(0));
	wishes_.negotiates = true;
	const auto control = phy_.read(PhyReg::Control);
	if (!control.ok() || (Result<u16>{control}.take() & phy::kLoopback) == 0)
		return;
	if (phy_.change(PhyReg::Control, phy::kLoopback, 0).ok())
		reset_phy().ignore("the next bring_up() does it again");
}

}  // namespace e1000
