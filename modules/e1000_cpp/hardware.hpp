// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The parts of the device that are not its rings: EEPROM, PHY, filters, reset.
/// C side: drivers/net/ethernet/intel/e1000/e1000_hw.c.

#include <cxxrt/net.hpp>
#include <cxxrt/time.hpp>

#include "regs.hpp"

namespace e1000 {

using Window = mmio::Window<regs::kBytes>;

/// Registers of the PHY.   Spec: IEEE 802.3 22.2.4; 8254x SDM 13.4.7.
enum class PhyReg : u8 {
	Control = 0,
	Status = 1,
	Id1 = 2,
	Id2 = 3,
	Advertise = 4,
	Partner = 5,
	GigabitControl = 9,
	GigabitStatus = 10,
};

/// What the link is, once it is up.
struct Link {
	bool up = false;
	bool full_duplex = false;
	regs::Speed speed = regs::Speed::Mb10;
	/// Units: Mbit/s.
	u32 mbps() const;
	friend bool operator==(const Link&, const Link&) = default;
};

/// Context: process; its waits sleep, and have deadlines.   Locks: the caller's.
class Hardware {
public:
	explicit Hardware(Window window) : window_(window) {}
	Window window() const { return window_; }

	/// All back to what it was after power on; no interrupts, nothing sent or received.
	void reset() EXCLUDES(atomic_context);
	/// One word.   Errors: ETIMEDOUT.
	Result<u16> read_eeprom(u32 word) EXCLUDES(atomic_context);
	/// The sum of its first 64 words is as it should be.   Errors: as read_eeprom(); EINVAL it is not.
	Result<void> check_eeprom() EXCLUDES(atomic_context);
	Result<net::MacAddress> read_address() EXCLUDES(atomic_context);
	/// Errors: ETIMEDOUT; EIO the PHY does not answer.
	Result<u16> read_phy(PhyReg reg) EXCLUDES(atomic_context);
	Result<void> write_phy(PhyReg reg, u16 value) EXCLUDES(atomic_context);
	/// Has the PHY agree with its partner on what both can do best.   Errors: as read_phy().
	Result<void> start_autonegotiation() EXCLUDES(atomic_context);
	Link link() const;

	/// Puts `addr` into filter `index` of kFilters.
	void set_filter(u32 index, const net::MacAddress& addr) const;
	void clear_filter(u32 index) const;
	/// Which of 4096 hash bits a multicast address has.
	static u32 hash_of(const net::MacAddress& addr);

	static constexpr u32 kFilters = 15;
	static constexpr u32 kEepromWords = 64;

private:
	Result<regs::Mdic> mdic(regs::Mdic command) EXCLUDES(atomic_context);
	Window window_;
};

}  // namespace e1000
