// SPDX-License-Identifier: GPL-2.0
#include "model.hpp"

namespace sim {

namespace {

// Registers that do something: 8254x SDM 13.4.
constexpr u32 kCtrl = 0x0000, kCtrlShadow = 0x0004, kStatus = 0x0008, kEecd = 0x0010, kEerd = 0x0014, kCtrlExt = 0x0018;
constexpr u32 kMdic = 0x0020, kPba = 0x1000;
constexpr u64 kMostAccesses = 20'000'000;

}  // namespace

Card* card = nullptr;

void EepromModel::seal()
{
	u16 sum = 0;
	for (u32 i = 0; i < 63; ++i)
		sum = u16(sum + words[i]);
	words[63] = u16(0xbaba - sum);
}

u32 EepromModel::address_bits() const
{
	switch (chip) {
	case EepromChip::Microwire64:
		return 6;
	case EepromChip::Spi16:
		return 16;
	default:
		return 8;
	}
}

void EepromModel::pins(bool clock, bool select, bool in)
{
	if (is_spi())
		select = !select;
	if (select != selected_) {
		selected_ = select;
		if (!select)
			end();
		else if (!is_spi())
			out_ = is_ready_;
		shift_ = 0;
		count_ = 0;
		answer_.clear();
		answered_ = 0;
	}
	if (clock && !clock_ && selected_)
		rise(in);
	clock_ = clock;
}

void EepromModel::end()
{
	if (pending_ < 0)
		return;
	if (may_write_) {
		++writes;
		words[u32(pending_)] = pending_value_;
		is_ready_ = ends_writes;
		if (is_spi())
			may_write_ = false;
	}
	pending_ = -1;
}

void EepromModel::rise(bool in)
{
	if (!answer_.empty()) {
		out_ = answered_ < answer_.size() ? answer_[answered_++] : true;
		return;
	}
	is_spi() ? spi_bit(in) : microwire_bit(in);
}

void EepromModel::microwire_bit(bool in)
{
	// Nothing begins before the start bit.
	if (count_ == 0 && !in)
		return;
	shift_ = shift_ << 1 | (in ? 1 : 0);
	++count_;
	const u32 bits = 3 + address_bits();
	if (count_ < bits)
		return;
	const u64 command = count_ == bits ? shift_ : shift_ >> (count_ - bits);
	const u32 opcode = u32(command >> address_bits() & 3);
	const u32 address = u32(command & ((1u << address_bits()) - 1));
	if (opcode == 2) {
		++reads;
		for (int bit = 15; bit >= 0; --bit)
			answer_.push_back((words[address] >> bit & 1) != 0);
		out_ = false;
	} else if (opcode == 1) {
		if (count_ == bits + 16) {
			pending_ = int(address);
			pending_value_ = u16(shift_);
		}
	} else if (opcode == 0) {
		const u32 what = address >> (address_bits() - 2);
		if (what == 3)
			may_write_ = true;
		if (what == 0)
			may_write_ = false;
	}
}

void EepromModel::spi_bit(bool in)
{
	shift_ = shift_ << 1 | (in ? 1 : 0);
	++count_;
	if (count_ < 8)
		return;
	const u32 opcode = u32(shift_ >> (count_ - 8) & 0xff);
	const u32 bits = 8 + address_bits();
	if (count_ == 8) {
		if (opcode == 5) {
			for (int bit = 7; bit >= 0; --bit)
				answer_.push_back(bit == 0 && (is_busy_for_ever || !is_ready_));
		} else if (opcode == 6) {
			may_write_ = true;
		}
	}
	if (count_ < bits)
		return;
	u32 address = u32(shift_ >> (count_ - bits) & ((1u << address_bits()) - 1));
	if (address_bits() == 8 && (opcode & 8) != 0)
		address += 256;
	if ((opcode & 7) == 3 && count_ == bits) {
		++reads;
		for (u32 byte = address; byte < address + 2; ++byte) {
			const u8 value = u8(words[byte / 2] >> (byte % 2 * 8));
			for (int bit = 7; bit >= 0; --bit)
				answer_.push_back((value >> bit & 1) != 0);
		}
	}
	if ((opcode & 7) == 2 && count_ == bits + 16) {
		pending_ = int(address / 2);
		pending_value_ = u16((shift_ & 0xff) << 8 | (shift_ >> 8 & 0xff));
	}
}

u32 PhyModel::number(u32 reg) const { return is_paged && reg > 15 && reg != 31 ? (page_ & ~0x1fu) | reg : reg; }

u16 PhyModel::read(u32 reg)
{
	reg = number(reg);
	switch (reg) {
	case 1:
		return u16(0x7949 | (has_link ? 4 : 0) | (has_negotiated ? 0x20 : 0));
	case 2:
		return u16(id >> 16);
	case 3:
		return u16(id);
	case 5:
		return partner;
	default: {
		auto found = regs.find(reg);
		return found == regs.end() ? 0 : found->second;
	}
	}
}

void PhyModel::write(u32 reg, u16 value)
{
	reg = number(reg);
	if (is_paged && reg == 31) {
		page_ = value;
		return;
	}
	written.emplace_back(reg, value);
	if (!is_paged && reg == 0 && (value & 0x8000) != 0 && forgets_clocks)
		regs[20] = 0;
	// Resets and restarts are over at once.
	if (reg == 0)
		value &= u16(~0x8200);
	regs[reg] = value;
}

u32 Card::read(u32 offset)
{
	pass(100);
	if (++accesses > kMostAccesses) {
		fail("it reads for ever");
		gone = true;
	}
	if (gone_at != 0 && --gone_at == 0)
		gone = true;
	if (gone)
		return ~0u;
	u32 value = regs[offset];
	switch (offset) {
	case kStatus:
		value = status;
		break;
	case kCtrl:
		value = (regs[kCtrl] & ~(1u << 26));
		if ((regs[kCtrl] & 1u << 24) == 0)
			value = (value & ~(1u << 20)) | (data_ ? 1u << 20 : 0);
		break;
	case kEecd: {
		const bool has_pins = eeprom.chip != EepromChip::None;
		value = regs[kEecd] & 0x47;
		if (has_pins && eeprom.out())
			value |= 8;
		if ((value & 0x40) != 0 && eeprom.grants)
			value |= 0x80;
		if (eeprom.chip == EepromChip::Microwire256)
			value |= 0x600;
		if (eeprom.chip == EepromChip::Spi16)
			value |= 0x400;
		if (eeprom.is_spi())
			value |= 0x2000;
		break;
	}
	case kPba:
		value = (regs[kPba] & 0xffff) | pba_tx << 16;
		break;
	default:
		break;
	}
	log.push_back({'r', offset, value});
	return value;
}

void Card::write(u32 offset, u32 value)
{
	pass(100);
	if (gone_at != 0 && --gone_at == 0)
		gone = true;
	if (gone)
		return;
	log.push_back({'w', offset, value});
	regs[offset] = value;
	switch (offset) {
	case kCtrl:
		ctrl(value);
		break;
	case kCtrlShadow:
		regs[kCtrlShadow] = 0;
		break;
	case kEecd:
		eeprom.pins((value & 1) != 0, (value & 2) != 0, (value & 4) != 0);
		break;
	case kEerd: {
		const u32 at = has_narrow_quick_read ? value >> 2 & 0x3fff : value >> 8 & 0xff;
		const u32 done = has_narrow_quick_read ? 2 : 0x10;
		if (!eeprom.has_quick_read)
			break;
		++eeprom.quick_reads;
		const u16 word = eeprom.is_quick_read_wrong ? u16(0x1234 + at) : eeprom.words[at];
		regs[kEerd] = u32(word) << 16 | done;
		break;
	}
	case kMdic: {
		const u32 reg = value >> 16 & 0x1f;
		const bool is_mine = (value >> 21 & 0x1f) == phy.address;
		if (phy.is_dead)
			break;
		u32 answer = value | 1u << 28;
		if (phy.fails || !is_mine)
			answer |= 1u << 30;
		else if ((value >> 26 & 3) == 2)
			answer = (answer & ~0xffffu) | phy.read(reg);
		else
			phy.write(reg, u16(value));
		regs[kMdic] = answer;
		break;
	}
	default:
		break;
	}
}

void Card::ctrl(u32 value)
{
	regs[kCtrl] = value & ~(1u << 26);
	mdio((value & 1u << 21) != 0, (value & 1u << 20) != 0, (value & 1u << 24) != 0);
}

void Card::mdio(bool clock, bool data, bool out)
{
	const bool rises = clock && !clock_;
	clock_ = clock;
	if (!rises)
		return;
	if (out) {
		reading_ = -1;
		frame_.push_back(data);
		// The last 32 bits of a write, or 14 of a read, after 32 ones.
		const auto bits = [&](size_t from, size_t count) {
			u32 value = 0;
			for (size_t i = 0; i < count; ++i)
				value = value << 1 | (frame_[from + i] ? 1 : 0);
			return value;
		};
		const size_t size = frame_.size();
		if (size >= 64 && bits(size - 64, 32) == ~0u) {
			const u32 whole = bits(size - 32, 32);
			if (whole >> 28 == 5 && (whole >> 16 & 3) == 2) {
				if ((whole >> 23 & 0x1f) == phy.address && !phy.is_dead)
					phy.write(whole >> 18 & 0x1f, u16(whole));
				frame_.clear();
				return;
			}
		}
		return;
	}
	if (reading_ < 0) {
		// Somebody has let go of the wire: a read, if there was one.
		const size_t size = frame_.size();
		reading_ = 0;
		reading_value_ = 0xffff;
		if (size >= 46) {
			u32 value = 0;
			bool has_preamble = true;
			for (size_t i = 0; i < 14; ++i)
				value = value << 1 | (frame_[size - 14 + i] ? 1 : 0);
			for (size_t i = 0; i < 32; ++i)
				has_preamble = has_preamble && frame_[size - 46 + i];
			if (has_preamble && value >> 10 == 6 && (value >> 5 & 0x1f) == phy.address && !phy.is_dead)
				reading_value_ = phy.read(value & 0x1f);
		}
		frame_.clear();
		return;
	}
	++reading_;
	data_ = reading_ <= 16 && (reading_value_ >> (16 - reading_) & 1) != 0;
}

u32 Card::read_block(u32 offset)
{
	pass(100);
	return gone ? ~0u : regs[0x80000000 + offset];
}

void Card::write_block(u32 offset, u32 value)
{
	pass(100);
	regs[0x80000000 + offset] = value;
	if (offset != 4 || (value & 1u << 31) == 0 || phy.is_dead)
		return;
	const u32 reg = value >> 16 & 0x1f;
	const bool is_mine = (value >> 21 & 0x1f) == phy.address;
	regs[0x80000004] &= ~(1u << 31);
	if ((value & 1u << 26) != 0) {
		if (is_mine)
			phy.write(reg, u16(value));
	} else {
		regs[0x80000000] = is_mine && !phy.fails ? phy.read(reg) : 1u << 31;
	}
}

void Card::port(u64 port, u32 value)
{
	if (port % 8 == 0) {
		port_address_ = value;
	} else {
		log.push_back({'p', port_address_, value});
		if (port_address_ == kCtrl)
			ctrl(value);
	}
}

std::vector<u32> Card::writes_to(u32 offset) const
{
	std::vector<u32> found;
	for (const Access& access : log) {
		if (access.kind == 'w' && access.offset == offset)
			found.push_back(access.value);
	}
	return found;
}

int Card::index_of(char kind, u32 offset, u32 mask, u32 value, int from) const
{
	for (size_t i = size_t(from); i < log.size(); ++i) {
		if (log[i].kind == kind && log[i].offset == offset && (log[i].value & mask) == value)
			return int(i);
	}
	return -1;
}

}  // namespace sim
