// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Registers and descriptors.
/// Spec: PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (8254x), 13 "Register
/// Descriptions", 3.2 and 3.3 "Receive/Transmit Descriptors". Offsets are those of the 82543 and later.

#include <cxxrt/endian.hpp>
#include <cxxrt/mmio.hpp>

namespace e1000 {
using namespace cxxrt;

namespace regs {

using mmio::Access;
using mmio::Bit;
using mmio::Field;
using mmio::Register;

/// All of BAR 0.   Units: bytes.
inline constexpr u32 kBytes = 0x20000;

enum class Speed : u8 { Mb10 = 0, Mb100 = 1, Mb1000 = 2, Mb1000Too = 3 };

/// 13.4.1 Device Control.
struct Ctrl : Register<Ctrl, u32, 0x0000> {
	using FullDuplex = Bit<0>;
	using LinkReset = Bit<3>;
	using AutoSpeed = Bit<5>;
	using SetLinkUp = Bit<6>;
	using SpeedSelect = Field<9, 8, Speed>;
	using ForceSpeed = Bit<11>;
	using ForceDuplex = Bit<12>;
	using Reset = Bit<26>;
	using ReceivePause = Bit<27>;
	using SendPause = Bit<28>;
	using VlanMode = Bit<30>;
};
/// 13.4.2 Device Status.
struct Status : Register<Status, u32, 0x0008, Access::ReadOnly> {
	using FullDuplex = Bit<0>;
	using LinkUp = Bit<1>;
	using Function = Field<3, 2>;
	using IsTbi = Bit<5>;
	using LinkSpeed = Field<7, 6, Speed>;
	using Is66Mhz = Bit<11>;
	using Is64Bit = Bit<12>;
	using IsPciX = Bit<13>;
	using PciXSpeed = Field<15, 14>;
};
/// 13.4.4 EEPROM Read: one word, without the bits of EECD.
struct Eerd : Register<Eerd, u32, 0x0014> {
	using Start = Bit<0>;
	using Done = Bit<4>;
	using Address = Field<15, 8>;
	using Data = Field<31, 16>;
};
/// 13.4.6 MDI Control.
struct Mdic : Register<Mdic, u32, 0x0020> {
	enum class Op : u8 { Write = 1, Read = 2 };
	using Data = Field<15, 0>;
	using Reg = Field<20, 16>;
	using Phy = Field<25, 21>;
	using Opcode = Field<27, 26, Op>;
	using Ready = Bit<28>;
	using Failed = Bit<30>;
};
/// 13.4.17 to 13.4.22: causes of interrupts.
// NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility): registers are aggregates
template <class Self, u32 Offset, Access Allowed> struct Causes : Register<Self, u32, Offset, Allowed> {
	using TxDone = Bit<0>;
	using LinkChange = Bit<2>;
	using RxSequence = Bit<3>;
	using RxLow = Bit<4>;
	using RxOverrun = Bit<6>;
	using RxTimer = Bit<7>;
};
/// Reading it takes the causes away.
struct Icr : Causes<Icr, 0x00c0, Access::ReadOnly> {};
struct Ics : Causes<Ics, 0x00c8, Access::WriteOnly> {};
struct Ims : Causes<Ims, 0x00d0, Access::ReadWrite> {};
struct Imc : Causes<Imc, 0x00d8, Access::WriteOnly> {};
/// 13.4.18 Interrupt Throttling.   Units: 256 ns between interrupts.
struct Itr : Register<Itr, u32, 0x00c4> {};
/// 13.4.8 to 13.4.11: flow control.
struct Fcal : Register<Fcal, u32, 0x0028> {};
struct Fcah : Register<Fcah, u32, 0x002c> {};
struct Fct : Register<Fct, u32, 0x0030> {};
struct Fcttv : Register<Fcttv, u32, 0x0170> {};
struct Fcrtl : Register<Fcrtl, u32, 0x2160> {};
struct Fcrth : Register<Fcrth, u32, 0x2168> {};
/// 13.4.13 VLAN EtherType.
struct Vet : Register<Vet, u32, 0x0038> {};

/// 13.4.22 Receive Control.
struct Rctl : Register<Rctl, u32, 0x0100> {
	using Enable = Bit<1>;
	using StoreBad = Bit<2>;
	using UnicastAll = Bit<3>;
	using MulticastAll = Bit<4>;
	using LongFrames = Bit<5>;
	using HashBits = Field<13, 12>;
	using Broadcast = Bit<15>;
	using BufferSize = Field<17, 16>;
	using VlanFilter = Bit<18>;
	using PassMacControl = Bit<23>;
	using BufferTimes16 = Bit<25>;
};
struct Rdbal : Register<Rdbal, u32, 0x2800> {};
struct Rdbah : Register<Rdbah, u32, 0x2804> {};
struct Rdlen : Register<Rdlen, u32, 0x2808> {};
struct Rdh : Register<Rdh, u32, 0x2810> {};
struct Rdt : Register<Rdt, u32, 0x2818> {};
struct Rdtr : Register<Rdtr, u32, 0x2820> {};
struct Radv : Register<Radv, u32, 0x282c> {};
/// 13.4.44 Receive Checksum Control.
struct Rxcsum : Register<Rxcsum, u32, 0x5000> {
	using TcpUdp = Bit<9>;
};

/// 13.4.33 Transmit Control.
struct Tctl : Register<Tctl, u32, 0x0400> {
	using Enable = Bit<1>;
	using PadShort = Bit<3>;
	using CollisionThreshold = Field<11, 4>;
	using CollisionDistance = Field<21, 12>;
	using RetryLate = Bit<24>;
};
/// 13.4.34 Transmit Inter Packet Gap.
struct Tipg : Register<Tipg, u32, 0x0410> {
	using BackToBack = Field<9, 0>;
	using First = Field<19, 10>;
	using Second = Field<29, 20>;
};
struct Tdbal : Register<Tdbal, u32, 0x3800> {};
struct Tdbah : Register<Tdbah, u32, 0x3804> {};
struct Tdlen : Register<Tdlen, u32, 0x3808> {};
struct Tdh : Register<Tdh, u32, 0x3810> {};
struct Tdt : Register<Tdt, u32, 0x3818> {};
/// Units: 1.024 us.
struct Tidv : Register<Tidv, u32, 0x3820> {};
struct Tadv : Register<Tadv, u32, 0x382c> {};
struct Txdctl : Register<Txdctl, u32, 0x3828> {};
/// 13.4.46 Packet Buffer Allocation.   Units: KiB.
struct Pba : Register<Pba, u32, 0x1000> {};
/// 13.6 Wake Up Control; 13.4.32 Management Control.
struct Wuc : Register<Wuc, u32, 0x5800> {};
struct Manc : Register<Manc, u32, 0x5820> {
	using ArpRequest = Bit<13>;
};

/// 13.5.1 to 13.5.3: filters.
struct Mta : mmio::RegisterArray<0x5200, 128> {};
struct Ra : mmio::RegisterArray<0x5400, 32> {};
struct Vfta : mmio::RegisterArray<0x5600, 128> {};
inline constexpr u32 kAddressValid = 1u << 31;

}  // namespace regs

/// 3.2.3 Receive descriptor: where the device is to write, and then an RxResult.
struct RxDesc {
	le64 addr;
	le64 result;
};
static_assert(sizeof(RxDesc) == 16);

/// What the device says of a buffer that it has filled: the second half of the descriptor, read once.
class RxResult {
public:
	static constexpr u64 kDone = 1ull << 32;
	explicit RxResult(u64 bits) : bits_(bits) {}
	bool is_done() const { return (bits_ & kDone) != 0; }
	bool is_last() const { return (bits_ >> 33 & 1) != 0; }
	/// The device did not look at checksums.
	bool ignores_checksum() const { return (bits_ >> 34 & 1) != 0; }
	bool has_vlan() const { return (bits_ >> 35 & 1) != 0; }
	bool has_tcp_checksum() const { return (bits_ >> 37 & 1) != 0; }
	u32 length() const { return u32(bits_ & 0xffff); }
	u16 special() const { return u16(bits_ >> 48); }
	/// CRC, symbol, sequence, carrier extension or data.
	bool is_bad() const { return (bits_ >> 40 & 0x97) != 0; }
	bool has_bad_tcp_checksum() const { return (bits_ >> 45 & 1) != 0; }

private:
	u64 bits_;
};

/// 3.3.3, 3.3.6, 3.3.7 Transmit descriptors, as two words: the address or what a context says, and the rest.
struct TxDesc {
	le64 low;
	le64 high;
};
static_assert(sizeof(TxDesc) == 16);

namespace tx {
inline constexpr u32 kEndOfPacket = 1u << 24;
inline constexpr u32 kInsertFcs = 1u << 25;
inline constexpr u32 kTcpSegment = 1u << 26;
inline constexpr u32 kReportStatus = 1u << 27;
inline constexpr u32 kExtended = 1u << 29;
inline constexpr u32 kVlan = 1u << 30;
inline constexpr u32 kDelay = 1u << 31;
inline constexpr u32 kDataType = 1u << 20;
/// Of a context: TCP, and IPv4.
inline constexpr u32 kTcp = 1u << 24;
inline constexpr u32 kIp = 1u << 25;
/// Of the upper half: insert the IP's, the TCP's or UDP's checksum.
inline constexpr u32 kIpChecksum = 1u << 8;
inline constexpr u32 kTcpChecksum = 1u << 9;
inline constexpr u32 kDone = 1u << 0;
}  // namespace tx

}  // namespace e1000
