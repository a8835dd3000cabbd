// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The controller's registers.   Spec: NVMe Base 2.0, 3.1.3; the section of each is given with it.

#include <cxxrt/mmio.hpp>

namespace nvme {
using namespace cxxrt;

namespace regs {

/// Everything before the doorbells.   Units: bytes.
inline constexpr u32 kRegisterBytes = 0x1000;
/// The controller's page, whatever the host's is.   Units: bytes.
inline constexpr u32 kPageShift = 12;
inline constexpr u32 kPage = 1u << kPageShift;

/// 3.1.3.1 "Controller Capabilities".
struct Cap : mmio::Register<Cap, u64, 0x00, mmio::Access::ReadOnly> {
	using MostQueueEntries = mmio::Field<15, 0>;  // of one queue, 0-based
	using Timeout = mmio::Field<31, 24>;	      // to become ready, in 500 ms
	using DoorbellStride = mmio::Field<35, 32>;   // 4 bytes << this
	using SubsystemReset = mmio::Bit<36>;
	using CommandSets = mmio::Field<44, 37>;
	using LeastPage = mmio::Field<51, 48>;	// 4 KiB << this
	using MemoryBuffer = mmio::Bit<57>;	// its registers say nothing before they are told to
	using ReadyWithMedia = mmio::Bit<59>;	// CRTO says how long that takes
	/// CommandSets: one or more sets beyond the NVM command set, chosen with Cc::CommandSets::All.
	static constexpr u32 kAllSets = 1u << 6;
};

/// 3.1.3.2 "Version".
struct Vs : mmio::Register<Vs, u32, 0x08, mmio::Access::ReadOnly> {};
/// `major`.`minor` as VS has it.
constexpr u32 version(u32 major, u32 minor) { return major << 16 | minor << 8; }

/// 3.1.3.5 "Controller Configuration".
struct Cc : mmio::Register<Cc, u32, 0x14> {
	enum class Set : u8 { Nvm = 0, All = 6, AdminOnly = 7 };
	enum class Notify : u8 { None = 0, Normal = 1, Abrupt = 2 };
	using Enable = mmio::Bit<0>;
	using CommandSets = mmio::Field<6, 4, Set>;
	using PageSize = mmio::Field<10, 7>;  // log2(bytes) - 12
	using Arbitration = mmio::Field<13, 11>;
	using Shutdown = mmio::Field<15, 14, Notify>;
	using SqEntrySize = mmio::Field<19, 16>;  // log2(bytes)
	using CqEntrySize = mmio::Field<23, 20>;
};

/// 3.1.3.6 "Controller Status".
struct Csts : mmio::Register<Csts, u32, 0x1c, mmio::Access::ReadOnly> {
	enum class Stage : u8 { Normal = 0, Ongoing = 1, Complete = 2 };
	using Ready = mmio::Bit<0>;
	using Fatal = mmio::Bit<1>;
	using Shutdown = mmio::Field<3, 2, Stage>;
	using Paused = mmio::Bit<5>;  // while new firmware takes over
	/// What a register reads as once the device is gone.
	bool is_gone() const { return bits == ~0u; }
};

/// 3.1.3.7 "NVM Subsystem Reset".
struct Nssr : mmio::Register<Nssr, u32, 0x20> {
	static constexpr u32 kReset = 0x4e564d65;  // "NVMe"
};

/// 3.1.3.8 "Admin Queue Attributes": entries, 0-based.
struct Aqa : mmio::Register<Aqa, u32, 0x24> {
	using SqEntries = mmio::Field<11, 0>;
	using CqEntries = mmio::Field<27, 16>;
};

/// 3.1.3.9, 3.1.3.10 "Admin Submission / Completion Queue Base Address".
struct Asq : mmio::Register<Asq, u64, 0x28> {};
struct Acq : mmio::Register<Acq, u64, 0x30> {};

/// 3.1.3.11 "Controller Memory Buffer Location".
struct Cmbloc : mmio::Register<Cmbloc, u32, 0x38, mmio::Access::ReadOnly> {
	using Bar = mmio::Field<2, 0>;
	using Offset = mmio::Field<31, 12>;  // in Cmbsz's units
};
/// 3.1.3.12 "Controller Memory Buffer Size".
struct Cmbsz : mmio::Register<Cmbsz, u32, 0x3c, mmio::Access::ReadOnly> {
	using Unit = mmio::Field<11, 8>;  // 4 KiB << 4 times this
	using Size = mmio::Field<31, 12>;
};
/// 3.1.3.16 "Controller Memory Buffer Memory Space Control"; the address has its lower 12 bits cut off.
struct Cmbmsc : mmio::Register<Cmbmsc, u64, 0x50> {
	/// Its low half alone, for when there is no address yet.
	struct Low : mmio::Register<Low, u32, 0x50> {
		using Capabilities = mmio::Bit<0>;
	};
	using Capabilities = mmio::Bit<0>;  // the registers above say something
	using Enable = mmio::Bit<1>;
};

/// 3.1.3.21 "Controller Ready Timeouts".
struct Crto : mmio::Register<Crto, u32, 0x68, mmio::Access::ReadOnly> {
	using WithMedia = mmio::Field<15, 0>;  // in 500 ms
};

/// PCIe transport 1.0, 3.1.2: where the doorbells of queue `id` are, the submission queue's first.
/// Units: bytes; `stride` is Cap::DoorbellStride.
constexpr u64 sq_doorbell(u32 id, u32 stride) { return 0x1000 + (u64(2 * id) * (4u << stride)); }
constexpr u64 cq_doorbell(u32 id, u32 stride) { return 0x1000 + (u64((2 * id) + 1) * (4u << stride)); }
/// The first byte after the doorbells of `queues` queues, that for administration included.
constexpr u64 doorbells_end(u32 queues, u32 stride) { return 0x1000 + (u64(2 * queues) * (4u << stride)); }

}  // namespace regs

using Window = mmio::Window<regs::kRegisterBytes>;

}  // namespace nvme
