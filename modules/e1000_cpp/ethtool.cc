// SPDX-License-Identifier: GPL-2.0
/// \file
/// What ethtool shows of a port and sets.   C side: e1000_ethtool.c.
#include "adapter.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

/// Bounds of what interrupts may be delayed by.   Units: microseconds.
constexpr u32 kLeastUs = 10;
constexpr u32 kMostUs = 10000;
constexpr u32 kUsInSecond = 1000000;
/// How often a second the LED goes on.
constexpr u32 kBlinks = 2;

}  // namespace

const char* Tools::driver_name() { return has_c_names() ? "e1000" : kDriverName; }

Result<void> Tools::get_coalesce(Adapter& port, ethtool::Coalesce& out)
{
	if (port.family_.mac < Mac::I82545)
		return EOPNOTSUPP;
	const u32 setting = port.moderation_.setting();
	out.rx_us = setting <= Moderation::kSimple ? setting : kUsInSecond / setting;
	return {};
}

Result<void> Tools::set_coalesce(Adapter& port, const ethtool::Coalesce& wanted)
{
	constexpr u32 kNoMode = 2;
	if (port.family_.mac < Mac::I82545)
		return EOPNOTSUPP;
	const u32 us = wanted.rx_us;
	const bool is_mode = us <= Moderation::kSimple && us != kNoMode;
	if (!is_mode && (us < kLeastUs || us > kMostUs))
		return EINVAL;
	Guard guard{port.config_lock_};
	// NAPI has it.
	if (port.up_)
		port.napi_.disable();
	if (is_mode)
		port.moderation_.configure(us, Moderation::kFirstRate);
	else
		port.moderation_.configure((kUsInSecond / us) & ~3u, kUsInSecond / us);
	if (port.up_)
		port.napi_.enable();
	port.write_moderation();
	// For an interrupt meanwhile.
	if (port.up_)
		port.window_.write(regs::Ics{}.with<regs::Ics::RxLow>(true));
	return {};
}

ethtool::Rings Tools::get_rings(Adapter& port)
{
	return {.rx = port.options_.rx_descriptors,
		.tx = port.options_.tx_descriptors,
		.most_rx = port.family_.most_descriptors,
		.most_tx = port.family_.most_descriptors};
}

Result<void> Tools::set_rings(Adapter& port, const ethtool::Rings& wanted)
{
	const u32 tx = Options::ring_size(port.family_, wanted.tx);
	const u32 rx = Options::ring_size(port.family_, wanted.rx);
	Guard guard{port.config_lock_};
	if (port.opened_) {
		// The old ones serve until the new ones are there.
		auto tx_memory = TRY(port.tx_.allocate(tx, port.family_.crosses_no_64k));
		auto rx_memory = TRY(port.rx_.allocate(rx, port.family_.crosses_no_64k, port.is_examined_));
		const bool was_up = port.up_;
		port.down();
		port.tx_.adopt(move(tx_memory));
		port.rx_.adopt(move(rx_memory));
		port.options_.tx_descriptors = tx;
		port.options_.rx_descriptors = rx;
		return was_up ? port.up() : Result<void>{};
	}
	port.options_.tx_descriptors = tx;
	port.options_.rx_descriptors = rx;
	return {};
}

ethtool::Pause Tools::get_pause(Adapter& port)
{
	return {.negotiates = port.options_.negotiates_flow,
		.receives = receives(port.hw_.flow()),
		.sends = sends(port.hw_.flow())};
}

Result<void> Tools::set_pause(Adapter& port, const ethtool::Pause& wanted)
{
	Guard guard{port.config_lock_};
	port.options_.negotiates_flow = wanted.negotiates;
	const auto flow = Flow((wanted.receives ? u8(Flow::Receive) : 0) | (wanted.sends ? u8(Flow::Send) : 0));
	port.hw_.wishes().flow = flow;
	// Without a PHY the link says it.
	if (wanted.negotiates || port.hw_.media() == Media::Fiber)
		return port.restart();
	port.hw_.set_flow(flow);
	port.hw_.force_flow();
	return {};
}

ethtool::LinkSettings Tools::get_link_settings(Adapter& port)
{
	namespace mode = ethtool::mode;
	Guard guard{port.config_lock_};
	const Wishes& wishes = port.hw_.wishes();
	const bool is_copper = port.hw_.is_copper();
	ethtool::LinkSettings now;
	if (is_copper) {
		now.supported = mode::k10Half | mode::k10Full | mode::k100Half | mode::k100Full | mode::k1000Full |
				mode::kNegotiates | mode::kTwistedPair;
		now.advertised = mode::kTwistedPair | (wishes.negotiates ? mode::kNegotiates | wishes.speeds : 0);
		now.port = ethtool::PortKind::TwistedPair;
	} else {
		now.supported = mode::k1000Full | mode::kFibre | mode::kNegotiates;
		now.advertised = now.supported;
		now.port = ethtool::PortKind::Fibre;
	}
	const Link link = port.hw_.link();
	if (link.up) {
		now.mbps = link.mbps();
		now.duplex = link.full_duplex ? ethtool::Duplex::Full : ethtool::Duplex::Half;
	}
	now.negotiates = wishes.negotiates || port.hw_.media() == Media::Fiber;
	if (is_copper && port.dev_.has_carrier())
		now.mdi = port.cable_.is_crossed == CableInfo::Sign::No ? ethtool::Mdi::Straight
									: ethtool::Mdi::Crossed;
	now.mdi_wanted = wishes.crossover == Crossover::Auto ? ethtool::Mdi::Auto : ethtool::Mdi(u8(wishes.crossover));
	return now;
}

Result<void> Tools::set_link_settings(Adapter& port, const ethtool::LinkWanted& wanted)
{
	using ethtool::Mdi;
	Guard guard{port.config_lock_};
	if (wanted.mdi != Mdi::Unknown) {
		if (!port.hw_.is_copper())
			return EOPNOTSUPP;
		if (wanted.mdi != Mdi::Straight && wanted.mdi != Mdi::Crossed && wanted.mdi != Mdi::Auto)
			return EINVAL;
		// Some cannot have both.
		if (wanted.mdi != Mdi::Auto && !wanted.negotiates) {
			if (port.says(net::Message::Driver))
				net::error<
					"forcing MDI/MDI-X state is not supported when link speed and/or duplex are "
					"forced">(port.dev_);
			return EINVAL;
		}
	}
	Wishes& wishes = port.hw_.wishes();
	if (wanted.negotiates) {
		wishes.negotiates = true;
		const u16 asked = u16(wanted.advertised & speeds::kAll);
		const u16 possible = port.hw_.is_copper() ? speeds::kAll : speeds::k1000Full;
		wishes.speeds = (asked & possible) != 0 ? u16(asked & possible) : possible;
	} else {
		TRY(port.choose_speed(wanted.mbps, wanted.duplex));
	}
	if (wanted.mdi == Mdi::Auto)
		wishes.crossover = Crossover::Auto;
	else if (wanted.mdi != Mdi::Unknown)
		wishes.crossover = Crossover(u8(wanted.mdi));
	return port.restart();
}

bool Tools::get_link(Adapter& port)
{
	Guard guard{port.config_lock_};
	// Nobody tells of changes while it is down.
	if (!port.dev_.has_carrier())
		port.hw_.note_link_change();
	return port.hw_.check_link().up;
}

Result<void> Tools::renegotiate(Adapter& port)
{
	Guard guard{port.config_lock_};
	return port.up_ ? port.restart() : Result<void>{};
}

u32 Tools::get_messages(Adapter& port) { return port.messages_; }
void Tools::set_messages(Adapter& port, u32 wanted) { port.messages_ = wanted; }

u32 Tools::get_registers(Adapter& port, u32 (&words)[kRegisters])
{
	Guard guard{port.config_lock_};
	const Window& window = port.window_;
	Hardware& hw = port.hw_;
	const auto phy_word = [&](PhyReg reg) -> u32 {
		auto value = hw.read_phy(reg);
		return value.ok() ? value.take() : 0;
	};
	words[0] = window.read<regs::Ctrl>().bits;
	words[1] = window.read<regs::Status>().bits;
	words[2] = window.read<regs::Rctl>().bits;
	words[3] = window.read<regs::Rdlen>().bits;
	words[4] = window.read<regs::Rdh>().bits;
	words[5] = window.read<regs::Rdt>().bits;
	words[6] = window.read<regs::Rdtr>().bits;
	words[7] = window.read<regs::Tctl>().bits;
	words[8] = window.read<regs::Tdlen>().bits;
	words[9] = window.read<regs::Tdh>().bits;
	words[10] = window.read<regs::Tdt>().bits;
	words[11] = window.read<regs::Tidv>().bits;
	// Numbers of the C driver's: 0 for the 88E1000, 0xff for none.
	const Phy kind = hw.phy().kind();
	words[12] = kind == Phy::None ? 0xff : u32(kind) - u32(Phy::M88);
	if (kind == Phy::Igp) {
		words[13] = phy_word(PhyReg::IgpGainA);
		words[14] = phy_word(PhyReg::IgpGainB);
		words[15] = phy_word(PhyReg::IgpGainC);
		words[16] = phy_word(PhyReg::IgpGainD);
		words[18] = phy_word(PhyReg::IgpPortStatus);
		words[19] = phy_word(PhyReg::IgpPolarity);
		words[23] = words[18];
	} else {
		words[13] = phy_word(PhyReg::M88Status);
		words[17] = phy_word(PhyReg::M88Control);
		words[18] = words[13];
		words[20] = words[17];
		words[22] = port.receive_errors_;
		words[23] = words[13];
	}
	words[21] = port.idle_errors_;
	words[24] = phy_word(PhyReg::GigabitStatus);
	words[25] = words[24];
	if (port.family_.has_moderation && hw.is_copper())
		words[26] = window.read<regs::Manc>().bits;
	return 1u << 24 | u32(port.pci().revision()) << 16 | port.pci().device();
}

u32 Tools::eeprom_bytes(Adapter& port) { return port.hw_.eeprom().words() * u32(sizeof(u16)); }
u32 Tools::eeprom_magic(Adapter& port) { return port.pci().vendor() | u32(port.pci().device()) << 16; }

Result<void> Tools::read_eeprom(Adapter& port, u32 offset, u8* to, u32 bytes)
{
	Guard guard{port.config_lock_};
	for (u32 at = offset; at < offset + bytes; ++at) {
		const u16 value = TRY(port.hw_.read_eeprom(at / 2));
		*to++ = u8(at % 2 == 0 ? value : value >> 8);
		// One reading is enough for both halves.
		if (at % 2 == 0 && at + 1 < offset + bytes) {
			*to++ = u8(value >> 8);
			++at;
		}
	}
	return {};
}

Result<void> Tools::write_eeprom(Adapter& port, u32 offset, const u8* from, u32 bytes)
{
	Guard guard{port.config_lock_};
	Eeprom& eeprom = port.hw_.eeprom();
	const u32 first = offset / 2;
	const u32 end = offset + bytes;
	for (u32 word = first; word * 2 < end; ++word) {
		const u32 low = word * 2;
		const bool has_low = low >= offset;
		const bool has_high = low + 1 < end;
		// The other half of a word stays as it is.
		u16 value = has_low && has_high ? u16(0) : TRY(eeprom.read(word));
		if (has_low)
			value = u16((value & 0xff00) | *from++);
		if (has_high)
			value = u16((value & 0x00ff) | *from++ << 8);
		TRY(eeprom.write(word, value));
	}
	if (first <= word::kChecksum)
		return eeprom.mend_checksum();
	return {};
}

u32 Tools::statistic_count(Adapter&)
{
	return Statistics::kNames + (shows_extra_statistics() ? Statistics::kExtraNames : 0);
}

void Tools::name_statistics(Adapter& port, ethtool::Names& names)
{
	const u32 count = statistic_count(port);
	for (u32 i = 0; i < count; ++i)
		names.add(Statistics::kAll[i].name);
}

void Tools::get_statistics(Adapter& port, u64* to)
{
	Guard guard{port.config_lock_};
	port.read_statistics();
	Counts& counts = port.statistics_.counts();
	counts.send_dropped = port.dev_.send_dropped();
	counts.timeouts = port.timeouts_.load_relaxed();
	counts.restarts = port.tx_.restarts();
	counts.checksums_good = port.rx_.checksums_good();
	counts.checksums_bad = port.rx_.checksums_bad();
	counts.allocations_failed = port.rx_.failed();
	counts.interrupts = port.interrupts_;
	counts.contexts_kept = port.tx_.contexts_kept();
	counts.doorbells_kept = port.tx_.doorbells_kept();
	const RxRing::Verdicts& verdicts = port.rx_.verdicts();
	counts.xdp_passed = verdicts.passed;
	counts.xdp_dropped = verdicts.dropped;
	counts.xdp_sent = verdicts.sent;
	counts.xdp_redirected = verdicts.redirected;
	counts.xdp_frames = port.tx_.program_frames();
	{
		Guard filters{port.filter_lock_};
		counts.control_writes_kept = port.rctl_kept_;
	}
	const u32 count = statistic_count(port);
	for (u32 i = 0; i < count; ++i)
		to[i] = counts.*Statistics::kAll[i].value;
}

Result<u32> Tools::identify(Adapter& port, ethtool::Identify state)
{
	Guard guard{port.config_lock_};
	switch (state) {
	case ethtool::Identify::Begin:
		TRY(port.hw_.begin_blinking());
		return kBlinks;
	case ethtool::Identify::On:
		port.hw_.light(true);
		break;
	case ethtool::Identify::Off:
		port.hw_.light(false);
		break;
	case ethtool::Identify::End:
		TRY(port.hw_.end_blinking());
		break;
	}
	return 0u;
}

ethtool::Wake Tools::get_wake(Adapter& port)
{
	Guard guard{port.config_lock_};
	const u32 possible = port.possible_wakes();
	if (!port.pci().can_wake()) {
		// The C driver shows what there would be.
		return {.supported = possible != 0 ? Adapter::kAllWakes : 0, .on = 0};
	}
	return {.supported = possible, .on = port.wakes_};
}

Result<void> Tools::set_wake(Adapter& port, u32 wanted)
{
	namespace wake = ethtool::wake;
	if ((wanted & (wake::kPhy | wake::kArp | wake::kMagicSecure)) != 0)
		return EOPNOTSUPP;
	Guard guard{port.config_lock_};
	const u32 possible = port.pci().can_wake() ? port.possible_wakes() : 0;
	if (possible == 0)
		return wanted != 0 ? Result<void>{EOPNOTSUPP} : Result<void>{};
	if ((wanted & wake::kUnicast) != 0 && (possible & wake::kUnicast) == 0) {
		if (port.says(net::Message::Driver))
			net::error<"Interface does not support directed (unicast) frame wake-up packets">(port.dev_);
		return EOPNOTSUPP;
	}
	port.wakes_ = wanted & Adapter::kAllWakes;
	port.pci().set_wake(port.wakes_ != 0);
	return {};
}

}  // namespace e1000
