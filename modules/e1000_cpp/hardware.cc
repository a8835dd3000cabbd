// SPDX-License-Identifier: GPL-2.0
#include "hardware.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

using regs::Ctrl;
using regs::Eerd;
using regs::Mdic;

namespace {

/// What all words of an EEPROM add up to, the last of which sees to that.
constexpr u16 kEepromSum = 0xbaba;
/// The PHY's address on the management bus.
constexpr u32 kPhy = 1;
/// Units: microseconds.
constexpr u32 kPatienceMs = 20;

// Bits of the PHY's registers: IEEE 802.3 22.2.4.1, 28.2.4.1.3, 40.5.1.1.
constexpr u16 kAutonegotiate = 1u << 12;
constexpr u16 kRestart = 1u << 9;
constexpr u16 kCan10And100 = 0x01e0;
constexpr u16 kCanPause = 0x0c00;
constexpr u16 kCanGigabit = 0x0200;
constexpr u16 kGigabitSpeeds = 0x0300;

}  // namespace

u32 Link::mbps() const
{
	constexpr u32 all[] = {10, 100, 1000, 1000};
	return all[u32(speed)];
}

void Hardware::reset()
{
	window_.write(regs::Imc::of(~0u));
	window_.write(regs::Rctl{});
	window_.write(regs::Tctl{}.with<regs::Tctl::PadShort>(true));
	// What is on the bus ends by itself: 8254x SDM 14.1.
	sleep_ms(10);
	window_.write(window_.read<Ctrl>().with<Ctrl::Reset>(true));
	// The EEPROM is read again.
	sleep_ms(5);
	window_.write(regs::Manc::of(window_.read<regs::Manc>().bits).with<regs::Manc::ArpRequest>(false));
	window_.write(regs::Imc::of(~0u));
	(void)window_.read<regs::Icr>();
}

Result<u16> Hardware::read_eeprom(u32 word)
{
	window_.write(Eerd{}.with<Eerd::Address>(word).with<Eerd::Start>(true));
	const Deadline deadline = Deadline::in_ms(kPatienceMs);
	for (;;) {
		const Eerd answer = window_.read<Eerd>();
		if (answer.get<Eerd::Done>())
			return u16(answer.get<Eerd::Data>());
		if (deadline.has_passed())
			return ETIMEDOUT;
		sleep_us(5, 10);
	}
}

Result<void> Hardware::check_eeprom()
{
	u16 sum = 0;
	for (u32 word = 0; word < kEepromWords; ++word)
		sum = u16(sum + TRY(read_eeprom(word)));
	if (sum != kEepromSum)
		return EINVAL;
	return {};
}

Result<net::MacAddress> Hardware::read_address()
{
	net::MacAddress addr;
	for (u32 word = 0; word < 3; ++word) {
		const u16 value = TRY(read_eeprom(word));
		addr.bytes[size_t(2) * word] = u8(value);
		addr.bytes[(size_t(2) * word) + 1] = u8(value >> 8);
	}
	// The second port of two has the next address.
	if (window_.read<regs::Status>().get<regs::Status::Function>() == 1)
		addr.bytes[5] ^= 1;
	return addr;
}

Result<Mdic> Hardware::mdic(Mdic command)
{
	window_.write(command);
	const Deadline deadline = Deadline::in_ms(kPatienceMs);
	for (;;) {
		const Mdic answer = window_.read<Mdic>();
		if (answer.get<Mdic::Failed>())
			return EIO;
		if (answer.get<Mdic::Ready>())
			return answer;
		if (deadline.has_passed())
			return ETIMEDOUT;
		sleep_us(20, 50);
	}
}

Result<u16> Hardware::read_phy(PhyReg reg)
{
	const Mdic answer = TRY(
		mdic(Mdic{}.with<Mdic::Reg>(u32(reg)).with<Mdic::Phy>(kPhy).with<Mdic::Opcode>(Mdic::Op::Read)));
	return u16(answer.get<Mdic::Data>());
}

Result<void> Hardware::write_phy(PhyReg reg, u16 value)
{
	TRY(mdic(Mdic{}.with<Mdic::Data>(value).with<Mdic::Reg>(u32(reg)).with<Mdic::Phy>(kPhy).with<Mdic::Opcode>(
		Mdic::Op::Write)));
	return {};
}

Result<void> Hardware::start_autonegotiation()
{
	const u16 advertise = TRY(read_phy(PhyReg::Advertise));
	const u16 gigabit = TRY(read_phy(PhyReg::GigabitControl));
	TRY(write_phy(PhyReg::Advertise, advertise | kCan10And100 | kCanPause));
	// Half duplex at this speed is not for this device.
	TRY(write_phy(PhyReg::GigabitControl, u16((gigabit & ~kGigabitSpeeds) | kCanGigabit)));
	const u16 control = TRY(read_phy(PhyReg::Control));
	TRY(write_phy(PhyReg::Control, control | kAutonegotiate | kRestart));
	return {};
}

Link Hardware::link() const
{
	const auto status = window_.read<regs::Status>();
	return {
		.up = status.get<regs::Status::LinkUp>(),
		.full_duplex = status.get<regs::Status::FullDuplex>(),
		.speed = status.get<regs::Status::LinkSpeed>(),
	};
}

void Hardware::set_filter(u32 index, const net::MacAddress& addr) const
{
	const u8* b = addr.bytes;
	window_.write_at<regs::Ra>(2 * index, u32(b[0]) | u32(b[1]) << 8 | u32(b[2]) << 16 | u32(b[3]) << 24);
	window_.write_at<regs::Ra>((2 * index) + 1, u32(b[4]) | u32(b[5]) << 8 | regs::kAddressValid);
}

void Hardware::clear_filter(u32 index) const
{
	// The valid bit is in the upper half.
	window_.write_at<regs::Ra>((2 * index) + 1, 0);
	window_.write_at<regs::Ra>(2 * index, 0);
}

u32 Hardware::hash_of(const net::MacAddress& addr)
{
	// Bits 47 to 36 of the address, as the filter is set up.
	return (u32(addr.bytes[4]) >> 4) | (u32(addr.bytes[5]) << 4);
}

}  // namespace e1000
