// SPDX-License-Identifier: GPL-2.0
#include "zones.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {
namespace {

constexpr ZoneLayout kLayout{.sectors = 100ull * 2048, .zone_sectors = 2048, .block_shift = 12};

/// A report of `count` empty zones of 256 blocks, of which 192 can be written.
Result<Box<ZoneReport>> make_report(u32 count)
{
	auto report = TRY(Box<ZoneReport>::make(Gfp::Kernel));
	*report = {};
	report->nr_zones = u64(count);
	for (u32 i = 0; i < blk::kZonesInReport; ++i) {
		ZoneDescriptor& zone = report->zones[i];
		zone.zt = 2;
		zone.zs = u8(u32(blk::ZoneCondition::Empty) << 4);
		zone.zcap = 192ull;
		zone.zslba = 256ull * i;
		zone.wp = 256ull * i;
	}
	return report;
}

}  // namespace

/// Sizes that are no power of two, or that the block layer cannot count, and what is demanded of the host.
KUNIT_TEST(nvme_zones, nv48_zones_that_are_refused)
{
	auto id = TRY(Box<IdentifyNamespaceZoned>::make(Gfp::Kernel));
	*id = {};
	for (u64 blocks : kunit::each(0ull, 3ull, 255ull, 1ull << 30, 1ull << 63, ~0ull)) {
		id->lbafe[5].zsze = blocks;
		test.expect_error(zone_limits(*id, 5, 12, 8), EOPNOTSUPP);
	}
	id->lbafe[5].zsze = 256ull;
	test.expect(zone_limits(*id, 5, 12, 8).ok());
	id->zoc = 1;
	test.expect_error(zone_limits(*id, 5, 12, 8), EOPNOTSUPP);
	return {};
}

/// Counts are 0's based, all ones is no limit, and there are no more open than active ones.
KUNIT_TEST(nvme_zones, nv47_limits)
{
	auto id = TRY(Box<IdentifyNamespaceZoned>::make(Gfp::Kernel));
	*id = {};
	id->lbafe[0].zsze = 256ull;
	struct {
		u32 mor, mar, open, active;
	}
	// NOLINTNEXTLINE(modernize-use-designated-initializers): a table
	const cases[] = {{7, 11, 8, 12}, {~0u, ~0u, 0, 0}, {7, ~0u, 8, 0}, {11, 7, 8, 8}, {~0u, 7, 0, 8}};
	for (const auto& want : cases) {
		id->mor = want.mor;
		id->mar = want.mar;
		const blk::ZoneLimits found = TRY(zone_limits(*id, 0, 12, 64));
		test.expect_eq(found.max_open, want.open);
		test.expect_eq(found.max_active, want.active);
		test.expect_eq(found.zone_sectors, 2048u);
		test.expect_eq(found.max_append_sectors, 64u);
	}
	return {};
}

KUNIT_TEST(nvme_zones, nv47_report)
{
	auto report = TRY(make_report(3));
	report->zones[1].zs = u8(u32(blk::ZoneCondition::ImplicitlyOpen) << 4);
	report->zones[1].wp = 256ull + 10;
	report->zones[2].zs = u8(u32(blk::ZoneCondition::Full) << 4);
	report->zones[2].wp = ~0ull;
	auto zones = TRY(Array<blk::ZoneInfo>::make(Gfp::Kernel, Node{}, blk::kZonesInReport));
	test.expect_eq(TRY(read_report(*report, 0, kLayout, zones)), 3u);
	test.expect_eq(zones[0].write_pointer, 0ull);
	test.expect_eq(zones[0].capacity, 192ull * 8);
	test.expect_eq(zones[1].start, 2048ull);
	test.expect_eq(zones[1].write_pointer, 2048ull + 80);
	test.expect_eq(zones[2].write_pointer, 3ull * 2048);
	return {};
}

/// What an untrusted device may say: more zones than there is room for or than there are, others than those asked for,
/// larger ones, of other types or in no state.
KUNIT_TEST(nvme_zones, nv47_nonsense_in_a_report)
{
	auto report = TRY(make_report(0));
	auto zones = TRY(Array<blk::ZoneInfo>::make(Gfp::Kernel, Node{}, blk::kZonesInReport));
	test.expect_eq(TRY(read_report(*report, 0, kLayout, zones)), 0u);
	report->nr_zones = ~0ull;
	test.expect_eq(TRY(read_report(*report, 0, kLayout, zones)), blk::kZonesInReport);
	for (u32 i = 0; i < blk::kZonesInReport; ++i)
		report->zones[i].zslba = 256ull * (98 + i);
	test.expect_eq(TRY(read_report(*report, 98ull * 2048, kLayout, zones)), 2u);
	test.expect_error(read_report(*report, 0, kLayout, zones), EIO);

	report = TRY(make_report(2));
	report->zones[1].zcap = 257ull;
	test.expect_error(read_report(*report, 0, kLayout, zones), EIO);
	report->zones[1].zcap = ~0ull;
	test.expect_error(read_report(*report, 0, kLayout, zones), EIO);
	report->zones[1].zcap = 256ull;
	report->zones[1].wp = 0ull;  // before its beginning
	test.expect_eq(TRY(read_report(*report, 0, kLayout, zones)), 2u);
	test.expect_eq(zones[1].write_pointer, 2ull * 2048);
	report->zones[1].zs = 0x50;
	test.expect_error(read_report(*report, 0, kLayout, zones), EIO);
	report->zones[0].zt = 1;
	test.expect_error(read_report(*report, 0, kLayout, zones), EINVAL);
	return {};
}

KUNIT_SUITE(nvme_zones);

}  // namespace nvme
