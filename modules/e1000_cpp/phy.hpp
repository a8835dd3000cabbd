// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The PHY's registers, whichever bus they are on, and which PHY it is.
/// Spec: IEEE 802.3 22.2.4; 8254x SDM 13.4.7.   C side: e1000_read_phy_reg(), e1000_detect_gig_phy().
///
/// Locks: one of its own, for the bus and for the page that registers are on.

#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>

#include "family.hpp"
#include "regs.hpp"

namespace e1000 {

/// Registers of every PHY, and those of some whose numbers have a page in front.
enum class PhyReg : u16 {
	Control = 0,
	Status = 1,
	Id1 = 2,
	Id2 = 3,
	Advertise = 4,
	Partner = 5,
	Expansion = 6,
	GigabitControl = 9,
	GigabitStatus = 10,
	// Of the 88E1000 and its kin.
	M88Control = 16,
	M88Status = 17,
	M88ExtendedControl = 20,
	M88Amplitude = 26,
	M88Page = 29,
	M88Paged = 30,
	// Of the IGP01.
	IgpPortConfig = 16,
	IgpPortStatus = 17,
	IgpPortControl = 18,
	IgpHealth = 19,
	IgpFifo = 20,
	IgpPage = 31,
	IgpPolarity = 0x00b4,
	IgpParamA = 0x1171,
	IgpGainA = 0x1172,
	IgpParamB = 0x1271,
	IgpGainB = 0x1272,
	IgpParamC = 0x1471,
	IgpGainC = 0x1472,
	IgpParamD = 0x1871,
	IgpGainD = 0x1872,
	IgpEqualizer = 0x1f35,
	IgpFuses = 0x20d0,
	IgpSpareFuses = 0x20d1,
	IgpFuseControl = 0x20dc,
	IgpFuseBypass = 0x20de,
	IgpTransmitter = 0x2f5b,
};

/// Bits of them.   Spec: IEEE 802.3 22.2.4.1, 28.2.4.1, 40.5.1.1; 8254x SDM 13.4.7.1.
namespace phy {
// Control.
inline constexpr u16 kSpeed1000 = 1u << 6;
inline constexpr u16 kFullDuplex = 1u << 8;
inline constexpr u16 kRestart = 1u << 9;
inline constexpr u16 kPowerDown = 1u << 11;
inline constexpr u16 kNegotiate = 1u << 12;
inline constexpr u16 kSpeed100 = 1u << 13;
inline constexpr u16 kLoopback = 1u << 14;
inline constexpr u16 kReset = 1u << 15;
// Status.
inline constexpr u16 kHasLink = 1u << 2;
inline constexpr u16 kHasNegotiated = 1u << 5;
// Advertise and Partner.
inline constexpr u16 k10Half = 1u << 5;
inline constexpr u16 k10Full = 1u << 6;
inline constexpr u16 k100Half = 1u << 7;
inline constexpr u16 k100Full = 1u << 8;
inline constexpr u16 kPause = 1u << 10;
inline constexpr u16 kAsymmetric = 1u << 11;
// Expansion.
inline constexpr u16 kPartnerNegotiates = 1u << 0;
// GigabitControl.
inline constexpr u16 k1000Half = 1u << 8;
inline constexpr u16 k1000Full = 1u << 9;
inline constexpr u16 kIsMaster = 1u << 11;
inline constexpr u16 kMasterIsFixed = 1u << 12;
// GigabitStatus.
inline constexpr u16 kIdleErrors = 0xff;
inline constexpr u16 kRemoteIsGood = 1u << 12;
inline constexpr u16 kLocalIsGood = 1u << 13;
inline constexpr u16 kMasterFault = 1u << 15;
}  // namespace phy

/// Context: process; its waits sleep, and have deadlines.
/// Errors of all that read or write: ETIMEDOUT; EIO the PHY does not answer.
class PhyPort : Pinned {
public:
	using Block = mmio::Window<regs::kPhyBlockBytes>;
	PhyPort(Window window, Block block, const Family& family) : window_(window), block_(block), family_(family) {}

	Result<u16> read(PhyReg reg) EXCLUDES(atomic_context);
	Result<void> write(PhyReg reg, u16 value) EXCLUDES(atomic_context);
	/// Takes away `clear`, and adds `set`.
	Result<void> change(PhyReg reg, u16 clear, u16 set) EXCLUDES(atomic_context);
	/// Finds out what it is, once.   Also ENODEV: nothing that belongs to the family.
	Result<void> detect() EXCLUDES(atomic_context);
	/// Finds its address on the bus, where that differs between boards.   Also ENODEV.
	Result<void> scan() EXCLUDES(atomic_context);
	Phy kind() const { return kind_; }
	u32 id() const { return id_; }
	u32 revision() const { return revision_; }

private:
	Result<u16> transfer(u32 reg, bool is_write, u16 value) REQUIRES(lock_) EXCLUDES(atomic_context);
	Result<u16> by_mdic(u32 reg, bool is_write, u16 value) EXCLUDES(atomic_context);
	Result<u16> by_block(u32 reg, bool is_write, u16 value) EXCLUDES(atomic_context);
	u16 by_pins(u32 reg, bool is_write, u16 value);
	void send_bits(u32 value, u32 bits) const;
	u16 receive_bits() const;
	Result<void> turn_page(PhyReg reg) REQUIRES(lock_) EXCLUDES(atomic_context);
	static u32 number_of(PhyReg reg) { return u32(reg) & 0x1f; }

	const Window window_;
	const Block block_;
	const Family& family_;
	Mutex lock_{lock_class<"e1000 PhyPort::lock_">};
	Phy kind_ = Phy::None;
	u32 id_ = 0;
	u32 revision_ = 0;
	u32 address_ = 1;
};

}  // namespace e1000
