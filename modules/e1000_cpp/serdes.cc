// SPDX-License-Identifier: GPL-2.0
/// \file
/// Links without a PHY: fibre, and backplanes.
/// Spec: 8254x SDM 8.6.   C side: e1000_setup_fiber_serdes_link(), e1000_check_for_serdes_link_generic().
#include "hardware.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

using regs::Ctrl;
using regs::Rxcw;
using regs::Status;
using regs::Txcw;

namespace {

/// How long the partner is given to negotiate.   Units: milliseconds.
constexpr u32 kNegotiationMs = 500;
constexpr u16 kAmplitudeBits = 0x000f;

}  // namespace

Result<void> Hardware::set_amplitude_and_vco()
{
	if (!family_.has_serdes_words)
		return {};
	if (media_ == Media::Serdes) {
		const u16 amplitude = TRY(eeprom_.read(word::kAmplitude));
		if (amplitude != word::kBlank)
			TRY(phy_.write(PhyReg::M88Amplitude, amplitude & kAmplitudeBits));
	}
	// The oscillator's speed, for fewer bit errors.
	constexpr u16 kVcoBit8 = 0x100;
	constexpr u16 kVcoBit11 = 0x800;
	const u16 page = TRY(phy_.read(PhyReg::M88Page));
	TRY(phy_.write(PhyReg::M88Page, 5));
	TRY(phy_.change(PhyReg::M88Paged, kVcoBit8, 0));
	TRY(phy_.write(PhyReg::M88Page, 4));
	TRY(phy_.change(PhyReg::M88Paged, 0, kVcoBit11));
	return phy_.write(PhyReg::M88Page, page);
}

Result<void> Hardware::set_up_serdes()
{
	const Ctrl ctrl = window_.read<Ctrl>().with<Ctrl::LinkReset>(false);
	TRY(set_amplitude_and_vco());
	set_collision_distance();
	said_ = Txcw{}.with<Txcw::Negotiate>(true)
			.with<Txcw::FullDuplex>(true)
			// Heeding pauses cannot be said without sending them.
			.with<Txcw::Pause>(receives(flow_))
			.with<Txcw::Asymmetric>(flow_ != Flow::None);
	window_.write(said_);
	window_.write(ctrl);
	window_.flush();
	has_failed_to_negotiate_ = false;
	sleep_ms(1);

	const bool has_signal = media_ == Media::Serdes ||
				window_.read<Ctrl>().get<Ctrl::Pin1>() == family_.signal_is_high;
	if (!has_signal)
		return {};
	const Deadline deadline = Deadline::in_ms(kNegotiationMs);
	while (!window_.read<Status>().get<Status::LinkUp>()) {
		if (deadline.has_passed()) {
			// The partner may not negotiate: the link is forced, if there is anybody.
			has_failed_to_negotiate_ = true;
			check_serdes();
			break;
		}
		sleep_ms(10);
	}
	has_failed_to_negotiate_ = false;
	return {};
}

void Hardware::check_serdes()
{
	const auto ctrl = window_.read<Ctrl>();
	const auto status = window_.read<Status>();
	auto heard = window_.read<Rxcw>();
	if (status.bits == ~0u) {
		has_serdes_link_ = false;
		return;
	}
	// In step with the partner, and all that it says makes sense.
	const auto is_good = [&] {
		delay_us(10);
		heard = window_.read<Rxcw>();
		return heard.get<Rxcw::IsInStep>();
	};
	if (!status.get<Status::LinkUp>() && !heard.get<Rxcw::IsConfig>()) {
		// Nobody negotiates: the second time, the link is forced.
		if (!has_failed_to_negotiate_) {
			has_failed_to_negotiate_ = true;
			return;
		}
		window_.write(said_.with<Txcw::Negotiate>(false));
		window_.write(window_.read<Ctrl>().with<Ctrl::SetLinkUp>(true).with<Ctrl::FullDuplex>(true));
		force_flow();
	} else if (ctrl.get<Ctrl::SetLinkUp>() && heard.get<Rxcw::IsConfig>()) {
		// Somebody does again.
		window_.write(said_);
		window_.write(ctrl.with<Ctrl::SetLinkUp>(false));
		has_serdes_link_ = true;
	} else if (!window_.read<Txcw>().get<Txcw::Negotiate>()) {
		if (!is_good())
			has_serdes_link_ = false;
		else if (!heard.get<Rxcw::IsInvalid>())
			has_serdes_link_ = true;
	}
	if (window_.read<Txcw>().get<Txcw::Negotiate>()) {
		has_serdes_link_ = window_.read<Status>().get<Status::LinkUp>() && is_good() &&
				   !heard.get<Rxcw::IsInvalid>();
	}
}

}  // namespace e1000
