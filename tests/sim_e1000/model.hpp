// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A card in user space: registers, an EEPROM by its pins, a PHY on any bus, a clock that stands still unless somebody
/// waits. What it is comes from the manual, and not from the driver's tables.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sim {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u64 kUs = 1000;
constexpr u64 kMs = 1000 * kUs;

u64 now();
void pass(u64 ns);

enum class EepromChip { Microwire64, Microwire256, Spi8, Spi16, None };

/// Its words, and what its pins do.   Spec: 8254x SDM 5; data sheets of 93C46 and 25040.
struct EepromModel {
	EepromChip chip = EepromChip::Microwire64;
	std::vector<u16> words = std::vector<u16>(4096, 0xffff);
	bool has_quick_read = true, is_quick_read_wrong = false;
	bool grants = true, is_busy_for_ever = false, ends_writes = true;
	u64 reads = 0, quick_reads = 0, writes = 0;

	/// A right checksum.
	void seal();
	bool is_spi() const { return chip == EepromChip::Spi8 || chip == EepromChip::Spi16; }
	u32 address_bits() const;
	void pins(bool clock, bool select, bool in);
	bool out() const { return out_; }

private:
	void rise(bool in);
	void microwire_bit(bool in);
	void spi_bit(bool in);
	void end();
	bool clock_ = false, selected_ = false, out_ = true, may_write_ = false, is_ready_ = true;
	u64 shift_ = 0;
	u32 count_ = 0;
	std::vector<bool> answer_;
	size_t answered_ = 0;
	int pending_ = -1;
	u16 pending_value_ = 0;
};

/// Registers of a PHY, with pages if it is an IGP01.
struct PhyModel {
	u32 id = 0x01410c20;
	u32 address = 1;
	bool is_paged = false, is_dead = false, fails = false;
	/// A reset takes away what clocks there are (M88).
	bool forgets_clocks = true;
	bool has_link = true;
	bool has_negotiated = true;
	u16 partner = 0x45e1;  // everything up to 100, symmetric pauses
	std::map<u32, u16> regs;
	std::vector<std::pair<u32, u16>> written;

	u16 read(u32 reg);
	void write(u32 reg, u16 value);
	u32 number(u32 reg) const;

private:
	u32 page_ = 0;
};

struct Access {
	char kind;  // r, w, p (port)
	u32 offset, value;
};

struct Card {
	u16 device = 0x100e;
	u16 subsystem_vendor = 0x8086;
	u8 revision = 0;
	bool has_ports = true;
	bool has_old_offsets = false;
	bool has_narrow_quick_read = false;
	u32 status = 0x80080783;  // 1000 Mb/s, full duplex, link
	u32 pba_tx = 16;	  // KiB that PBA reports for sending
	bool gone = false;
	u64 gone_at = 0;  // the nth access from now on finds nothing
	std::map<u32, u32> regs;
	std::vector<Access> log;
	u64 accesses = 0;
	EepromModel eeprom;
	PhyModel phy;
	std::map<u32, u16> low_memory;
	// PCI.
	bool allows_mwi = false;
	u32 mmrbc = 4096;
	std::vector<std::string> pci;

	u32 read(u32 offset);
	void write(u32 offset, u32 value);
	u32 read_block(u32 offset);
	void write_block(u32 offset, u32 value);
	void port(u64 port, u32 value);
	void partner_is(u16 said) { phy.partner = said; }
	/// Values written to a register, in order.
	std::vector<u32> writes_to(u32 offset) const;
	/// Where the first write of that is in the log; -1: nowhere.
	int index_of(char kind, u32 offset, u32 mask = 0, u32 value = 0, int from = 0) const;

private:
	void ctrl(u32 value);
	void mdio(bool clock, bool data, bool out);
	bool clock_ = false, data_ = false;
	std::vector<bool> frame_;
	int reading_ = -1;
	u16 reading_value_ = 0;
	u32 port_address_ = 0;
};

extern Card* card;
void fail(const std::string& why);
std::vector<std::string>& kernel_log();
bool logged(const std::string& part);
/// Nothing is left of memory, maps, locks.
std::string leftovers();
void reset_kernel();

}  // namespace sim
