// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Registers and descriptors.
/// Spec: PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (8254x), 13 "Register
/// Descriptions", 3.2 and 3.3 "Receive/Transmit Descriptors". Offsets are those of the 82543 and later; where the 82542
/// has a register elsewhere, kOldOffset says so.

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
	using InvertLoss = Bit<7>;
	using SpeedSelect = Field<9, 8, Speed>;
	using ForceSpeed = Bit<11>;
	using ForceDuplex = Bit<12>;
	/// Pins that software drives (data, and direction: out): an LED, light, a PHY's MDIO and MDC.
	using Pin0 = Bit<18>;
	using Pin1 = Bit<19>;
	using Pin2 = Bit<20>;
	using Pin3 = Bit<21>;
	using Pin0Out = Bit<22>;
	using Pin2Out = Bit<24>;
	using Pin3Out = Bit<25>;
	using Reset = Bit<26>;
	using ReceivePause = Bit<27>;
	using SendPause = Bit<28>;
	using VlanMode = Bit<30>;
	using PhyReset = Bit<31>;
};
/// The same, where some cards take their reset.
struct CtrlShadow : Register<CtrlShadow, u32, 0x0004> {};
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
/// 13.4.3 EEPROM/Flash Control: its pins.
struct Eecd : Register<Eecd, u32, 0x0010> {
	using Clock = Bit<0>;
	using Select = Bit<1>;
	using In = Bit<2>;   // of the EEPROM
	using Out = Bit<3>;  // of the EEPROM
	using Request = Bit<6>;
	using Grant = Bit<7>;
	using Size = Bit<9>;
	using AddressBits = Bit<10>;
	using IsSpi = Bit<13>;
};
/// 13.4.4 EEPROM Read: one word, without the pins. There are two layouts.
struct EerdWide : Register<EerdWide, u32, 0x0014> {
	using Start = Bit<0>;
	using Done = Bit<4>;
	using Address = Field<15, 8>;
	using Data = Field<31, 16>;
};
struct EerdNarrow : Register<EerdNarrow, u32, 0x0014> {
	using Start = Bit<0>;
	using Done = Bit<1>;
	using Address = Field<15, 2>;
	using Data = Field<31, 16>;
};
/// 13.4.5 Extended Device Control.
struct CtrlExt : Register<CtrlExt, u32, 0x0018> {
	using Pins4To7Out = Field<11, 8>;
	using Pin4 = Bit<4>;
	using Pin4Out = Bit<8>;
	using ReloadEeprom = Bit<13>;
	using StrictOrder = Bit<17>;
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
/// The CE4100's PHY bus, in BAR 1.   Units: bytes.
inline constexpr u32 kPhyBlockBytes = 8;
struct PhyAnswer : Register<PhyAnswer, u32, 0x0000, Access::ReadOnly> {
	using Data = Field<15, 0>;
	using Failed = Bit<31>;
};
struct PhyCommand : Register<PhyCommand, u32, 0x0004> {
	using Data = Field<15, 0>;
	using Reg = Field<20, 16>;
	using Phy = Field<25, 21>;
	using IsWrite = Bit<26>;
	using Go = Bit<31>;
};
/// The CE4100's: how its PHY is wired.
struct CtlAux : Register<CtlAux, u32, 0x00e0> {
	using IsRmii = Bit<0>;
	using NeedsJk = Bit<1>;
	using IgnoresJk = Bit<2>;
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
struct Fcrtl : Register<Fcrtl, u32, 0x2160> {
	static constexpr u32 kOldOffset = 0x0168;
	using Threshold = Field<15, 0>;
	using SendXon = Bit<31>;
};
struct Fcrth : Register<Fcrth, u32, 0x2168> {
	static constexpr u32 kOldOffset = 0x0160;
};
/// 13.4.14, 13.4.15: what is said and heard when links are negotiated without a PHY.
struct Txcw : Register<Txcw, u32, 0x0178> {
	using FullDuplex = Bit<5>;
	using Pause = Bit<7>;
	using Asymmetric = Bit<8>;
	using Negotiate = Bit<31>;
};
struct Rxcw : Register<Rxcw, u32, 0x0180, Access::ReadOnly> {
	using IsInvalid = Bit<27>;
	using IsConfig = Bit<29>;
	using IsInStep = Bit<30>;
};
/// 13.4.16 LED Control: a byte each.
struct Ledctl : Register<Ledctl, u32, 0x0e00> {
	using Mode0 = Field<3, 0>;
	using Invert0 = Bit<6>;
	using Blink0 = Bit<7>;
	using Byte1 = Field<11, 8>;
};
/// 13.4.35 Adaptive IFS Throttle.
struct Ait : Register<Ait, u32, 0x0458> {};
/// 13.4.13 VLAN EtherType.
struct Vet : Register<Vet, u32, 0x0038> {};

/// 13.4.22 Receive Control.
struct Rctl : Register<Rctl, u32, 0x0100> {
	using Reset = Bit<0>;
	using Enable = Bit<1>;
	using StoreBad = Bit<2>;
	using UnicastAll = Bit<3>;
	using MulticastAll = Bit<4>;
	using LongFrames = Bit<5>;
	using Loopback = Field<7, 6>;
	using HashBits = Field<13, 12>;
	using Broadcast = Bit<15>;
	using BufferSize = Field<17, 16>;
	using VlanFilter = Bit<18>;
	using PassMacControl = Bit<23>;
	using BufferTimes16 = Bit<25>;
};
struct Rdbal : Register<Rdbal, u32, 0x2800> {
	static constexpr u32 kOldOffset = 0x0110;
};
struct Rdbah : Register<Rdbah, u32, 0x2804> {
	static constexpr u32 kOldOffset = 0x0114;
};
struct Rdlen : Register<Rdlen, u32, 0x2808> {
	static constexpr u32 kOldOffset = 0x0118;
};
struct Rdh : Register<Rdh, u32, 0x2810> {
	static constexpr u32 kOldOffset = 0x0120;
};
struct Rdt : Register<Rdt, u32, 0x2818> {
	static constexpr u32 kOldOffset = 0x0128;
};
struct Rdtr : Register<Rdtr, u32, 0x2820> {
	static constexpr u32 kOldOffset = 0x0108;
};
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
struct Tdbal : Register<Tdbal, u32, 0x3800> {
	static constexpr u32 kOldOffset = 0x0420;
};
struct Tdbah : Register<Tdbah, u32, 0x3804> {
	static constexpr u32 kOldOffset = 0x0424;
};
struct Tdlen : Register<Tdlen, u32, 0x3808> {
	static constexpr u32 kOldOffset = 0x0428;
};
struct Tdh : Register<Tdh, u32, 0x3810> {
	static constexpr u32 kOldOffset = 0x0430;
};
struct Tdt : Register<Tdt, u32, 0x3818> {
	static constexpr u32 kOldOffset = 0x0438;
};
/// Units: 1.024 us.
struct Tidv : Register<Tidv, u32, 0x3820> {
	static constexpr u32 kOldOffset = 0x0440;
};
struct Tadv : Register<Tadv, u32, 0x382c> {};
struct Txdctl : Register<Txdctl, u32, 0x3828> {
	using WriteBackAt = Field<21, 16>;
	using ByDescriptors = Bit<24>;
};
/// Where the transmit FIFO's ends are in packet memory. Saved: as the packet under way found them.
struct Tdfh : Register<Tdfh, u32, 0x3410> {
	static constexpr u32 kOldOffset = 0x8010;
};
struct Tdft : Register<Tdft, u32, 0x3418> {
	static constexpr u32 kOldOffset = 0x8018;
};
struct Tdfhs : Register<Tdfhs, u32, 0x3420> {};
struct Tdfts : Register<Tdfts, u32, 0x3428> {};
/// 13.4.46 Packet Buffer Allocation.   Units: KiB.
struct Pba : Register<Pba, u32, 0x1000> {
	using Receive = Field<15, 0>;
	using Send = Field<31, 16>;
};
/// 13.6 Wake Up Control; 13.4.32 Management Control.
struct Wuc : Register<Wuc, u32, 0x5800> {};
struct Manc : Register<Manc, u32, 0x5820> {
	using Smbus = Bit<0>;
	using Asf = Bit<1>;
	using ArpRequest = Bit<13>;
	using ReceivesTco = Bit<17>;
	using FiltersAddress = Bit<20>;
};
/// 13.7 Statistics. Reading one clears it.
struct Statistics : mmio::RegisterArray<0x4000, 64> {};
/// Which of them are there, a bit each: in every family; in the 82543 and later; in the 82540 and later.
inline constexpr u64 kFirstStatistics = 0x3fff1f3dfffd55f5;
inline constexpr u64 kErrorStatistics = 0xc00000000000a00a;
inline constexpr u64 kManagementStatistics = 7ull << 45;

/// 13.5.1 to 13.5.3: filters.
struct Mta : mmio::RegisterArray<0x5200, 128> {
	static constexpr u32 kOldOffset = 0x0200;
};
struct Ra : mmio::RegisterArray<0x5400, 32> {
	static constexpr u32 kOldOffset = 0x0040;
};
struct Vfta : mmio::RegisterArray<0x5600, 128> {
	static constexpr u32 kOldOffset = 0x0600;
};
inline constexpr u32 kAddressValid = 1u << 31;

/// All that is shown when a device hangs.
struct Everything : mmio::RegisterArray<0, 0x8400 / sizeof(u32)> {};

/// A register where the 82542 has it.
template <class R> struct AtOldOffset : Register<AtOldOffset<R>, u32, R::kOldOffset> {};
template <class A> struct ArrayAtOldOffset : mmio::RegisterArray<A::kOldOffset, A::kCount> {};

}  // namespace regs

/// The registers of a card, wherever it has them. Where a register never moved, this costs nothing.
class Window {
	using Mapped = mmio::Window<regs::kBytes>;
	template <class R> static constexpr bool kMoved = requires { R::kOldOffset; };

public:
	constexpr Window() = default;
	Window(Mapped mapped, bool has_old_offsets = false) : mapped_(mapped), is_old_(has_old_offsets) {}

	/// As mmio::Window's functions of these names.
	template <class R> R read() const
	{
		if constexpr (kMoved<R>) {
			if (is_old_) [[unlikely]]
				return R::of(mapped_.read<regs::AtOldOffset<R>>().bits);
		}
		return mapped_.read<R>();
	}
	template <class R> void write(R value) const
	{
		if constexpr (kMoved<R>) {
			if (is_old_) [[unlikely]] {
				mapped_.write(regs::AtOldOffset<R>::of(value.bits));
				return;
			}
		}
		mapped_.write(value);
	}
	template <class A> u32 read_at(u32 i) const
	{
		if constexpr (kMoved<A>) {
			if (is_old_) [[unlikely]]
				return mapped_.read_at<regs::ArrayAtOldOffset<A>>(i);
		}
		return mapped_.read_at<A>(i);
	}
	/// What is at `offset`, in the 82542 at `old_offset`, for those who only look.   Units: bytes.
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as everywhere, the old one comes last
	u32 peek(u32 offset, u32 old_offset) const
	{
		return mapped_.read_at<regs::Everything>((is_old_ ? old_offset : offset) / sizeof(u32));
	}
	template <class A> void write_at(u32 i, u32 value) const
	{
		if constexpr (kMoved<A>) {
			if (is_old_) [[unlikely]] {
				mapped_.write_at<regs::ArrayAtOldOffset<A>>(i, value);
				return;
			}
		}
		mapped_.write_at<A>(i, value);
	}
	/// The doorbell of a ring.   Errors: EINVAL there is nothing mapped.
	template <class R> Result<mmio::Doorbell> doorbell() const
	{
		return mapped_.doorbell(is_old_ ? R::kOldOffset : R::kOffset);
	}
	/// Everything written before has reached the device.
	void flush() const { (void)mapped_.read<regs::Status>(); }

private:
	Mapped mapped_;
	bool is_old_ = false;
};

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
	/// Nothing but its check sequence is wrong.
	bool has_only_bad_fcs() const { return (bits_ >> 40 & 0x97) == 1; }
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
/// The 82542's: it has been sent, and not only fetched.
inline constexpr u32 kReportSent = 1u << 28;
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
