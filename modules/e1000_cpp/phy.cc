// SPDX-License-Identifier: GPL-2.0
#include "phy.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

using regs::Ctrl;
using regs::Mdic;
using regs::PhyAnswer;
using regs::PhyCommand;

namespace {

/// Units: milliseconds.
constexpr u32 kPatienceMs = 20;
constexpr u32 kAddresses = 32;
/// The last register that is the same on every page.
constexpr u32 kLastUnpaged = 15;
constexpr u32 kRevisionBits = 0xf;

// Frames of MDIO: IEEE 802.3 22.2.4.5.
constexpr u32 kPreamble = ~0u;
constexpr u32 kStart = 1;
constexpr u32 kRead = 2;
constexpr u32 kWrite = 1;
constexpr u32 kTurnaround = 2;
/// Units: microseconds.
constexpr u32 kHalfPeriodUs = 10;

}  // namespace

Result<u16> PhyPort::by_mdic(u32 reg, bool is_write, u16 value)
{
	window_.write(Mdic{}.with<Mdic::Data>(is_write ? value : 0)
			      .with<Mdic::Reg>(reg)
			      .with<Mdic::Phy>(address_)
			      .with<Mdic::Opcode>(is_write ? Mdic::Op::Write : Mdic::Op::Read));
	const Deadline deadline = Deadline::in_ms(kPatienceMs);
	for (;;) {
		const Mdic answer = window_.read<Mdic>();
		if (answer.get<Mdic::Ready>()) {
			// Also all ones: there is no device.
			if (answer.get<Mdic::Failed>() && (!is_write || answer.bits == ~0u))
				return EIO;
			return u16(answer.get<Mdic::Data>());
		}
		if (deadline.has_passed())
			return ETIMEDOUT;
		sleep_us(20, 50);
	}
}

Result<u16> PhyPort::by_block(u32 reg, bool is_write, u16 value)
{
	block_.write(PhyCommand{}
			     .with<PhyCommand::Data>(is_write ? value : 0)
			     .with<PhyCommand::Reg>(reg)
			     .with<PhyCommand::Phy>(address_)
			     .with<PhyCommand::IsWrite>(is_write)
			     .with<PhyCommand::Go>(true));
	const Deadline deadline = Deadline::in_ms(kPatienceMs);
	while (block_.read<PhyCommand>().get<PhyCommand::Go>()) {
		if (deadline.has_passed())
			return ETIMEDOUT;
		sleep_us(20, 50);
	}
	if (is_write)
		return u16(0);
	const auto answer = block_.read<PhyAnswer>();
	if (answer.get<PhyAnswer::Failed>())
		return EIO;
	return u16(answer.get<PhyAnswer::Data>());
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the value comes first
void PhyPort::send_bits(u32 value, u32 bits) const
{
	auto ctrl = window_.read<Ctrl>().with<Ctrl::Pin2Out>(true).with<Ctrl::Pin3Out>(true);
	const auto step = [&](Ctrl next) {
		window_.write(next);
		window_.flush();
		delay_us(kHalfPeriodUs);
	};
	for (u32 bit = bits; bit-- != 0;) {
		ctrl = ctrl.with<Ctrl::Pin2>((value >> bit & 1) != 0);
		step(ctrl);
		step(ctrl.with<Ctrl::Pin3>(true));
		step(ctrl.with<Ctrl::Pin3>(false));
	}
}

u16 PhyPort::receive_bits() const
{
	auto ctrl = window_.read<Ctrl>().with<Ctrl::Pin2Out>(false).with<Ctrl::Pin2>(false);
	window_.write(ctrl);
	window_.flush();
	const auto clock = [&](bool high) {
		window_.write(ctrl.with<Ctrl::Pin3>(high));
		window_.flush();
		delay_us(kHalfPeriodUs);
	};
	// The turnaround, the data, and one more for the PHY to let go.
	clock(true);
	clock(false);
	u16 value = 0;
	for (u32 bit = 0; bit < 16; ++bit) {
		clock(true);
		ctrl = window_.read<Ctrl>();
		value = u16(value << 1 | (ctrl.get<Ctrl::Pin2>() ? 1 : 0));
		clock(false);
	}
	clock(true);
	clock(false);
	return value;
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): as the other buses
u16 PhyPort::by_pins(u32 reg, bool is_write, u16 value)
{
	send_bits(kPreamble, 32);
	if (is_write) {
		send_bits(kStart << 30 | kWrite << 28 | address_ << 23 | reg << 18 | kTurnaround << 16 | value, 32);
		return 0;
	}
	send_bits(kStart << 12 | kRead << 10 | address_ << 5 | reg, 14);
	return receive_bits();
}

Result<u16> PhyPort::transfer(u32 reg, bool is_write, u16 value)
{
	switch (family_.phy_bus) {
	case PhyBus::Mdic:
		return by_mdic(reg, is_write, value);
	case PhyBus::Ce4100:
		return by_block(reg, is_write, value);
	case PhyBus::Pins:
		return by_pins(reg, is_write, value);
	case PhyBus::None:
		break;
	}
	return EIO;
}

Result<void> PhyPort::turn_page(PhyReg reg)
{
	if (kind_ == Phy::Igp && u32(reg) > kLastUnpaged)
		TRY(transfer(number_of(PhyReg::IgpPage), true, u16(reg)));
	return {};
}

Result<u16> PhyPort::read(PhyReg reg)
{
	Guard guard{lock_};
	TRY(turn_page(reg));
	return transfer(number_of(reg), false, 0);
}

Result<void> PhyPort::write(PhyReg reg, u16 value)
{
	Guard guard{lock_};
	TRY(turn_page(reg));
	TRY(transfer(number_of(reg), true, value));
	return {};
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order in which it happens
Result<void> PhyPort::change(PhyReg reg, u16 clear, u16 set)
{
	const u16 old = TRY(read(reg));
	return write(reg, u16((old & ~clear) | set));
}

Result<void> PhyPort::detect()
{
	if (kind_ != Phy::None)
		return {};
	const u16 high = TRY(read(PhyReg::Id1));
	delay_us(20);
	const u16 low = TRY(read(PhyReg::Id2));
	id_ = u32(high) << 16 | (low & ~kRevisionBits);
	revision_ = low & kRevisionBits;
	for (const u32 known : family_.phy_ids) {
		if (known == 0 || known != id_)
			continue;
		switch (id_) {
		case phy_id::kIgp01:
			kind_ = Phy::Igp;
			return {};
		case phy_id::kRtl8211:
			kind_ = Phy::Rtl8211;
			return {};
		case phy_id::kRtl8201:
			kind_ = Phy::Rtl8201;
			return {};
		default:
			kind_ = Phy::M88;
			return {};
		}
	}
	return ENODEV;
}

Result<void> PhyPort::scan()
{
	if (family_.phy_bus != PhyBus::Ce4100)
		return {};
	for (u32 address = 0; address < kAddresses; ++address) {
		address_ = address;
		const auto id = read(PhyReg::Id2);
		if (!id.ok())
			continue;
		const u16 value = Result<u16>{id}.take();
		if (value != 0 && value != 0xff && value != 0xffff)
			return {};
	}
	return ENODEV;
}

}  // namespace e1000
