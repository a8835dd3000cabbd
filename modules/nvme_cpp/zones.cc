// SPDX-License-Identifier: GPL-2.0
#include "zones.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// ZNS 3.4.2.2.2: bits 3 to 0 of `zt`: to be written in order.
constexpr u32 kSequential = 2;

/// `count` is 0's based; all ones is no limit.
u32 limit_of(le32 count) { return count.get() + 1; }

/// The conditions that the block layer has names for have the same numbers.
bool is_known(blk::ZoneCondition condition)
{
	using enum blk::ZoneCondition;
	switch (condition) {
	case Empty:
	case ImplicitlyOpen:
	case ExplicitlyOpen:
	case Closed:
	case ReadOnly:
	case Full:
	case Offline:
		return true;
	default:
		return false;
	}
}

}  // namespace

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): all of them come from Identify
Result<blk::ZoneLimits> zone_limits(const IdentifyNamespaceZoned& id, u32 format, u32 block_shift, u32 most_append)
{
	const u64 blocks = id.lbafe[format].zsze.get();
	const u32 shift = block_shift - blk::kSectorShift;
	if (id.zoc.get() != 0 || blocks == 0 || (blocks & (blocks - 1)) != 0 || blocks > (u64(1) << 31) >> shift)
		return EOPNOTSUPP;
	const u32 open = limit_of(id.mor);
	const u32 active = limit_of(id.mar);
	return blk::ZoneLimits{
		.zone_sectors = u32(blocks << shift),
		.max_append_sectors = most_append,
		// Open zones are active ones.
		.max_open = active != 0 && open > active ? active : open,
		.max_active = active,
	};
}

Result<u32> read_report(const ZoneReport& report, u64 sector, const ZoneLayout& layout, Array<blk::ZoneInfo>& zones)
{
	const u32 shift = layout.block_shift - blk::kSectorShift;
	const u64 room = min(u64(blk::kZonesInReport), u64(zones.size()));
	const u64 count = min(report.nr_zones.get(), room);
	u32 found = 0;
	for (; found < count && sector < layout.sectors; ++found) {
		const ZoneDescriptor& zone = report.zones[found];
		if ((zone.zt & 0xf) != kSequential)
			return EINVAL;
		const u64 capacity = zone.zcap.get();
		const auto condition = blk::ZoneCondition(zone.zs >> 4);
		if (zone.zslba.get() != sector >> shift || capacity > layout.zone_sectors >> shift ||
		    !is_known(condition))
			return EIO;
		// What it says of those that cannot be written has no meaning.
		const u64 written = zone.wp.get() - zone.zslba.get();
		const bool is_within = written <= layout.zone_sectors >> shift;
		zones[found] = {
			.start = sector,
			.length = layout.zone_sectors,
			.capacity = capacity << shift,
			.write_pointer = condition == blk::ZoneCondition::Full || !is_within
						 ? sector + layout.zone_sectors
						 : sector + (written << shift),
			.conventional = false,
			.condition = condition,
		};
		sector += layout.zone_sectors;
	}
	return found;
}

}  // namespace nvme
