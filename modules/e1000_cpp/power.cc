// SPDX-License-Identifier: GPL-2.0
/// \file
/// The machine sleeps, is woken by the port, goes down; links that fail.
/// Spec: 8254x SDM 6 "Power Management", 13.6 "Wake Up Registers".
/// C side: __e1000_shutdown(), e1000_resume(), e1000_io_error_detected(), e1000_wol_exclusion().
#include "adapter.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

namespace wake = ethtool::wake;

/// 13.6.3 Wake Up Filter Control; 13.6.4 Wake Up Status; 13.6.2 Wake Up Control.
struct Wufc : regs::Register<Wufc, u32, 0x5808> {
	using Magic = regs::Bit<1>;
	using Exact = regs::Bit<2>;
	using Multicast = regs::Bit<3>;
	using Broadcast = regs::Bit<4>;
};
struct Wus : regs::Register<Wus, u32, 0x5810> {};
constexpr u32 kWakes = 1u << 1;
/// Of CTRL: it can wake without main power, and manages the PHY's power.
using WakesFromCold = regs::Bit<20>;
using ManagesPhy = regs::Bit<21>;
/// Of CTRL_EXT: the laser stays on.
using Laser = regs::Bit<7>;

// Models that say something of waking.
constexpr u16 k82542 = 0x1000;
constexpr u16 k82543Fiber = 0x1001;
constexpr u16 k82543Copper = 0x1004;
constexpr u16 k82544Fiber = 0x1009;
constexpr u16 k82545Copper = 0x100f;
constexpr u16 k82545Fiber = 0x1011;
constexpr u16 k82546Fiber = 0x1012;
constexpr u16 k82546Quad = 0x101d;
constexpr u16 k82546gbFiber = 0x107a;
constexpr u16 k82546gbPcie = 0x108a;
constexpr u16 k82546gbQuad = 0x1099;
constexpr u16 k82546gbQuadKsp3 = 0x10b5;

/// Words of the EEPROM that say whether firmware wants to be woken.
constexpr u32 kControl2 = 0x0f;
constexpr u32 kControl3PortB = 0x14;
constexpr u32 kControl3PortA = 0x24;
constexpr u16 kPowerManaged = 0x0400;
constexpr u16 kPowerManagedOf82544 = 0x0004;

/// Ports of cards with four; the first of each can wake.
constinit Atomic<u32> ports_of_four{0};

}  // namespace

void Adapter::read_eeprom_wake()
{
	u32 at = kControl3PortA;
	u16 mask = kPowerManaged;
	switch (family_.mac) {
	case Mac::I82542r20:
	case Mac::I82542r21:
	case Mac::I82543:
		mask = 0;
		break;
	case Mac::I82544:
		at = kControl2;
		mask = kPowerManagedOf82544;
		break;
	case Mac::I82546:
	case Mac::I82546r3:
		at = hw_.is_second_port() ? kControl3PortB : kControl3PortA;
		break;
	default:
		break;
	}
	if (mask != 0) {
		auto word = hw_.read_eeprom(at);
		if (word.ok() && (word.take() & mask) != 0)
			eeprom_wakes_ = wake::kMagic;
	}
	// Whatever it says.
	switch (pci().device()) {
	case k82546gbPcie:
		eeprom_wakes_ = 0;
		break;
	case k82546Fiber:
	case k82546gbFiber:
		if (hw_.is_second_port())
			eeprom_wakes_ = 0;
		break;
	case k82546gbQuadKsp3:
		is_first_of_four_ = ports_of_four.fetch_add_relaxed(1) % 4 == 0;
		if (!is_first_of_four_)
			eeprom_wakes_ = 0;
		break;
	default:
		break;
	}
	wakes_ = eeprom_wakes_;
	pci().set_wake(wakes_ != 0);
}

u32 Adapter::possible_wakes() const
{
	switch (pci().device()) {
	case k82542:
	case k82543Fiber:
	case k82543Copper:
	case k82544Fiber:
	case k82545Copper:
	case k82545Fiber:
	case k82546Quad:
	case k82546gbQuad:
	case k82546gbPcie:
		return 0;
	case k82546Fiber:
	case k82546gbFiber:
		return hw_.is_second_port() ? 0 : kAllWakes;
	case k82546gbQuadKsp3:
		return is_first_of_four_ ? kAllWakes & ~wake::kUnicast : 0;
	default:
		return hw_.is_second_port() && eeprom_wakes_ == 0 ? 0 : kAllWakes;
	}
}

bool Adapter::prepare_sleep()
{
	dev_.detach();
	Guard guard{config_lock_};
	down();
	if (wakes_ != 0) {
		program_filters();
		if ((wakes_ & wake::kMulticast) != 0)
			window_.write(window_.read<regs::Rctl>().with<regs::Rctl::MulticastAll>(true));
		if (family_.has_moderation)
			window_.write(window_.read<regs::Ctrl>().with<WakesFromCold>(true).with<ManagesPhy>(true));
		if (!hw_.is_copper())
			window_.write(window_.read<regs::CtrlExt>().with<Laser>(true));
	}
	if (family_.has_wakeup) {
		window_.write(regs::Wuc::of(wakes_ != 0 ? kWakes : 0));
		window_.write(Wufc{}.with<Wufc::Magic>((wakes_ & wake::kMagic) != 0)
				      .with<Wufc::Exact>((wakes_ & wake::kUnicast) != 0)
				      .with<Wufc::Multicast>((wakes_ & wake::kMulticast) != 0)
				      .with<Wufc::Broadcast>((wakes_ & wake::kBroadcast) != 0));
	}
	hw_.hand_back_arp();
	parts_.enabled.pause();
	return wakes_ != 0 || hw_.passes_frames_to_firmware();
}

Result<void> Adapter::suspend()
{
	pci().set_wake(prepare_sleep());
	return {};
}

Result<void> Adapter::resume()
{
	{
		Guard guard{config_lock_};
		const auto enabled = parts_.enabled.resume();
		if (!enabled.ok()) {
			log::error<"Cannot enable PCI device from suspend">();
			return enabled;
		}
		pci().end_wake();
		hw_.power_phy_up();
		reset_device();
		if (family_.has_wakeup)
			window_.write(Wus::of(~0u));
		if (opened_)
			TRY(up());
	}
	dev_.attach();
	return {};
}

void Adapter::shutdown()
{
	const bool wakes = prepare_sleep();
	if (pci::is_powering_off())
		pci().power_off(wakes);
}

pci::Recovery Adapter::error_detected(pci::Link link)
{
	dev_.detach();
	if (link == pci::Link::Lost)
		return pci::Recovery::GiveUp;
	Guard guard{config_lock_};
	down();
	parts_.enabled.pause();
	return pci::Recovery::Reset;
}

Result<void> Adapter::slot_reset()
{
	Guard guard{config_lock_};
	const auto enabled = parts_.enabled.resume();
	if (!enabled.ok()) {
		log::error<"Cannot re-enable PCI device after reset.">();
		return enabled;
	}
	pci().save_state();
	pci().end_wake();
	reset_device();
	if (family_.has_wakeup)
		window_.write(Wus::of(~0u));
	return {};
}

void Adapter::recovered()
{
	{
		Guard guard{config_lock_};
		if (opened_ && !up_ && !up().ok()) {
			log::info<"can't bring device back up after reset">();
			return;
		}
	}
	dev_.attach();
}

void Adapter::reset_prepare()
{
	dev_.detach();
	Guard guard{config_lock_};
	down();
}

void Adapter::reset_done()
{
	{
		Guard guard{config_lock_};
		reset_device();
	}
	recovered();
}

}  // namespace e1000
