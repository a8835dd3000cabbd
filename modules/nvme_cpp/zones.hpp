// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Zoned namespaces: what the device says of their zones.
/// Spec: NVMe Zoned Namespace Command Set 1.1 (ZNS).

#include <cxxrt/blk.hpp>

#include "spec.hpp"

namespace nvme {

/// ZNS 4.1.5.2, figure 48: of a format.
struct ZonedFormat {
	le64 zsze;
	u8 zdes, reserved9[7];
};

/// ZNS 4.1.5.1: what Cns::NamespaceOfSet gives for zoned namespaces.
struct IdentifyNamespaceZoned {
	le16 zoc, ozcs;
	le32 mar, mor, rrl, frl;
	u8 reserved20[2796];
	ZonedFormat lbafe[64];
	u8 vendor[256];
};
static_assert(sizeof(ZonedFormat) == 16 && sizeof(IdentifyNamespaceZoned) == 4096 &&
	      __builtin_offsetof(IdentifyNamespaceZoned, mar) == 4 &&
	      __builtin_offsetof(IdentifyNamespaceZoned, mor) == 8 &&
	      __builtin_offsetof(IdentifyNamespaceZoned, lbafe) == 2816);

/// ZNS 4.1.5.3: what Cns::ControllerOfSet gives for them.
struct IdentifyControllerZoned {
	u8 zasl, reserved1[4095];
};
static_assert(sizeof(IdentifyControllerZoned) == 4096);

/// ZNS 3.4.2.2.2, figure 37.
struct ZoneDescriptor {
	u8 zt, zs, za, zai, reserved4[4];
	le64 zcap, zslba, wp;
	u8 reserved32[32];
};
/// ZNS 3.4.2.2.1, figure 36: as much of it as a page has.
struct ZoneReport {
	le64 nr_zones;
	u8 reserved8[56];
	ZoneDescriptor zones[blk::kZonesInReport];
};
static_assert(sizeof(ZoneDescriptor) == 64 && sizeof(ZoneReport) == 4096 &&
	      __builtin_offsetof(ZoneDescriptor, zcap) == 8 && __builtin_offsetof(ZoneReport, zones) == 64);

/// ZNS 3.4.3, figure 40: what is to be done with a zone, or with all of them.
enum class ZoneAction : u8 { Close = 1, Finish = 2, Open = 3, Reset = 4 };
inline constexpr u32 kAllZones = 1u << 8;
/// ZNS 3.4.2: word 13. As many as there is room for are counted, and not as many as there are.
inline constexpr u32 kPartialReport = 1u << 16;

/// What a device says of a namespace's zones, checked. Errors: EOPNOTSUPP what it demands is not done here, or their size
/// is none that the block layer takes.
/// `most_append`: of one.   Units: 512 bytes.
Result<blk::ZoneLimits> zone_limits(const IdentifyNamespaceZoned& id, u32 format, u32 block_shift, u32 most_append);

/// How the zones of a namespace lie.   Units: 512 bytes.
struct ZoneLayout {
	u64 sectors;
	u32 zone_sectors, block_shift;
};
/// Fills `zones` with what the device says from `sector` on, which is where a zone begins; how many they are.
/// Errors: EIO it makes no sense; EINVAL it has zones of another type.
Result<u32> read_report(const ZoneReport& report, u64 sector, const ZoneLayout& layout, Array<blk::ZoneInfo>& zones);

}  // namespace nvme
