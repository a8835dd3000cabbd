// SPDX-License-Identifier: GPL-2.0
#include "zones.hpp"

#include "pages_kunit.hpp"
#include "params.hpp"

#include <cxxrt/kunit.hpp>

namespace null_blk {
namespace {

using blk::Op;
using blk::Status;
using blk::ZoneCondition;
using kunit::each;
using kunit::Test;
using kunit::Where;

constexpr u64 kZone = 2048;  // sectors

/// Eight zones of 1 MiB, the first of which is conventional.
Config eight_zones()
{
	Config config = params::default_config();
	config.size = 8;
	config.blocksize = 512;
	config.memory_backed = true;
	config.zoned = true;
	config.zone_size = 1;
	config.zone_capacity = 0;
	config.zone_nr_conv = 1;
	config.zone_max_open = config.zone_max_active = 0;
	return config;
}

/// What zones need of a disk.
class Disk : Pinned {
public:
	static Result<Box<Disk>> create(const Config& config)
	{
		auto disk = TRY(Box<Disk>::make(Gfp::Kernel, config));
		TRY(disk->bad.list.init());
		disk->zones = TRY(Zones::create(disk->config, disk->medium, "kunit"));
		return disk;
	}
	explicit Disk(const Config& from) : config(from), medium(config, store, bad) {}

	/// Asks for something without data.
	Status ask(Op op, u64 sector, u32 sectors = 0)
	{
		Io io{{.op = op,
		       .fua = false,
		       .sectors = sectors,
		       .sector = sector,
		       .segments = blk::Segments::of_one(nullptr)}};
		const Status status = zones->handle(io);
		written_at = io.sector;
		return status;
	}
	Config config;
	PageStore store;
	BadSectors bad;
	Medium medium;
	Box<Zones> zones;
	u64 written_at = 0;
};

/// Only for a zone that there is.
blk::ZoneInfo look(Disk& disk, u32 number)
{
	blk::ZoneBatch batch;
	disk.zones->report(number * kZone, {.most = 1, .told = 0}, batch);
	return batch[0];
}
void expect_zone(Test& test, Disk& disk, u32 number, ZoneCondition condition, u64 written, Where where = Where::here())
{
	const blk::ZoneInfo zone = look(disk, number);
	test.expect_eq(zone.condition, condition, where);
	test.expect_eq(zone.write_pointer, (number * kZone) + written, where);
}

}  // namespace

KUNIT_TEST(null_blk_zones, bad_geometry_is_refused)
{
	const auto refused = [&](auto&& change) -> Result<void> {
		Config config = eight_zones();
		change(config);
		test.expect_error(Disk::create(config), EINVAL);
		return {};
	};
	TRY(refused([](Config& c) { c.zone_size = 0; }));
	TRY(refused([](Config& c) { c.zone_size = 3; }));
	TRY(refused([](Config& c) { c.zone_size = 16; }));
	TRY(refused([](Config& c) { c.zone_size = 1ul << 21, c.size = 1ul << 22; }));
	TRY(refused([](Config& c) { c.zone_capacity = 2; }));
	TRY(refused([](Config& c) { c.zone_size = 4, c.zone_capacity = 3, c.size = 9; }));
	return {};
}

KUNIT_TEST(null_blk_zones, limits_that_say_nothing_are_corrected)
{
	Config config = eight_zones();
	config.zone_nr_conv = 9;
	test.expect_eq(TRY(Disk::create(config))->config.zone_nr_conv, 7u);
	config = eight_zones();
	config.zone_max_active = 7;
	config.zone_max_open = 7;
	auto disk = TRY(Disk::create(config));
	test.expect_eq(disk->config.zone_max_active, 0u);
	test.expect_eq(disk->config.zone_max_open, 0u);
	config.zone_max_active = 2;
	test.expect_eq(TRY(Disk::create(config))->config.zone_max_open, 2u);
	test.expect_eq(TRY(Disk::create(eight_zones()))->config.zone_append_max_sectors, u32(kZone));
	return {};
}

KUNIT_TEST(null_blk_zones, writes_are_at_the_write_pointer)
{
	auto disk = TRY(Disk::create(eight_zones()));
	expect_zone(test, *disk, 0, ZoneCondition::NotWritePointer, kZone);
	test.expect_eq(disk->ask(Op::Write, 100, 8), Status::Ok);
	test.expect_eq(disk->ask(Op::Write, kZone + 8, 8), Status::IoError);
	expect_zone(test, *disk, 1, ZoneCondition::Empty, 0);
	test.expect_eq(disk->ask(Op::Write, kZone, 8), Status::Ok);
	expect_zone(test, *disk, 1, ZoneCondition::ImplicitlyOpen, 8);
	test.expect_eq(disk->ask(Op::Write, kZone, 8), Status::IoError);
	test.expect_eq(disk->ask(Op::Write, kZone + 8, u32(kZone)), Status::IoError);
	test.expect_eq(disk->ask(Op::Write, kZone + 8, u32(kZone) - 8), Status::Ok);
	expect_zone(test, *disk, 1, ZoneCondition::Full, kZone);
	test.expect_eq(disk->ask(Op::Write, 2 * kZone, 0), Status::Ok);
	return {};
}

KUNIT_TEST(null_blk_zones, appends_say_where_they_went)
{
	auto disk = TRY(Disk::create(eight_zones()));
	test.expect_eq(disk->ask(Op::ZoneAppend, 0, 8), Status::IoError);
	for (u64 written : each(u64(0), u64(8), u64(16))) {
		test.expect_eq(disk->ask(Op::ZoneAppend, 2 * kZone, 8), Status::Ok);
		test.expect_eq(disk->written_at, (2 * kZone) + written);
	}
	expect_zone(test, *disk, 2, ZoneCondition::ImplicitlyOpen, 24);
	return {};
}

KUNIT_TEST(null_blk_zones, conditions_change_as_asked)
{
	auto disk = TRY(Disk::create(eight_zones()));
	const u64 zone = 3 * kZone;
	test.expect_eq(disk->ask(Op::ZoneClose, zone), Status::IoError);
	for (u32 twice = 0; twice < 2; ++twice)
		test.expect_eq(disk->ask(Op::ZoneOpen, zone), Status::Ok);
	expect_zone(test, *disk, 3, ZoneCondition::ExplicitlyOpen, 0);
	test.expect_eq(disk->ask(Op::ZoneClose, zone), Status::Ok);
	expect_zone(test, *disk, 3, ZoneCondition::Empty, 0);
	test.expect_eq(disk->ask(Op::Write, zone, 8), Status::Ok);
	for (u32 twice = 0; twice < 2; ++twice)
		test.expect_eq(disk->ask(Op::ZoneClose, zone), Status::Ok);
	expect_zone(test, *disk, 3, ZoneCondition::Closed, 8);
	for (u32 twice = 0; twice < 2; ++twice)
		test.expect_eq(disk->ask(Op::ZoneFinish, zone), Status::Ok);
	expect_zone(test, *disk, 3, ZoneCondition::Full, kZone);
	test.expect_eq(disk->ask(Op::ZoneOpen, zone), Status::IoError);
	for (u32 twice = 0; twice < 2; ++twice)
		test.expect_eq(disk->ask(Op::ZoneReset, zone), Status::Ok);
	expect_zone(test, *disk, 3, ZoneCondition::Empty, 0);
	for (Op op : each(Op::ZoneOpen, Op::ZoneClose, Op::ZoneFinish, Op::ZoneReset))
		test.expect_eq(disk->ask(op, 0), Status::IoError);
	return {};
}

/// With two open and three active: one that is open by a write makes room, one that was asked for does not.
KUNIT_TEST(null_blk_zones, limits_are_kept)
{
	Config config = eight_zones();
	config.zone_max_open = 2;
	config.zone_max_active = 3;
	auto disk = TRY(Disk::create(config));
	test.expect_eq(disk->ask(Op::Write, 1 * kZone, 8), Status::Ok);
	test.expect_eq(disk->ask(Op::Write, 2 * kZone, 8), Status::Ok);
	test.expect_eq(disk->ask(Op::Write, 3 * kZone, 8), Status::Ok);
	expect_zone(test, *disk, 1, ZoneCondition::Closed, 8);
	test.expect_eq(disk->ask(Op::Write, 4 * kZone, 8), Status::ZoneActiveResource);
	test.expect_eq(disk->ask(Op::ZoneFinish, 1 * kZone), Status::ZoneOpenResource);
	test.expect_eq(disk->ask(Op::ZoneReset, 1 * kZone), Status::Ok);
	test.expect_eq(disk->ask(Op::ZoneOpen, 4 * kZone), Status::Ok);
	expect_zone(test, *disk, 2, ZoneCondition::Closed, 8);
	test.expect_eq(disk->ask(Op::ZoneReset, 2 * kZone), Status::Ok);
	test.expect_eq(disk->ask(Op::ZoneOpen, 5 * kZone), Status::Ok);
	expect_zone(test, *disk, 3, ZoneCondition::Closed, 8);
	test.expect_eq(disk->ask(Op::ZoneReset, 3 * kZone), Status::Ok);
	test.expect_eq(disk->ask(Op::Write, 6 * kZone, 8), Status::ZoneOpenResource);
	test.expect_eq(disk->ask(Op::ZoneResetAll, 0), Status::Ok);
	for (u32 zone = 1; zone < 8; ++zone)
		expect_zone(test, *disk, zone, ZoneCondition::Empty, 0);
	test.expect_eq(disk->ask(Op::Write, 6 * kZone, 8), Status::Ok);
	return {};
}

KUNIT_TEST(null_blk_zones, dead_zones_are_left_alone)
{
	auto disk = TRY(Disk::create(eight_zones()));
	const u64 zone = 2 * kZone;
	for (ZoneCondition condition : each(ZoneCondition::ReadOnly, ZoneCondition::Offline)) {
		TRY(disk->zones->set_condition(zone + 5, condition));
		test.expect_eq(look(*disk, 2).condition, condition);
		test.expect_eq(look(*disk, 2).write_pointer, ~0ull);
		test.expect_eq(disk->ask(Op::Read, zone, 0),
			       condition == ZoneCondition::ReadOnly ? Status::Ok : Status::IoError);
		for (Op op :
		     each(Op::Write, Op::ZoneAppend, Op::ZoneOpen, Op::ZoneClose, Op::ZoneFinish, Op::ZoneReset))
			test.expect_eq(disk->ask(op, zone, 8), Status::IoError);
		test.expect_eq(disk->ask(Op::ZoneResetAll, 0), Status::Ok);
		test.expect_eq(look(*disk, 2).condition, condition);
		TRY(disk->zones->set_condition(zone, condition));
		expect_zone(test, *disk, 2, ZoneCondition::Empty, 0);
	}
	test.expect_error(disk->zones->set_condition(0, ZoneCondition::Offline), EINVAL);
	test.expect_error(disk->zones->set_condition(8 * kZone, ZoneCondition::Offline), EINVAL);
	test.expect_error(disk->zones->set_condition(~0ull, ZoneCondition::Offline), EINVAL);
	return {};
}

/// A zone that becomes read-only no longer counts as open.
KUNIT_TEST(null_blk_zones, dead_zones_do_not_count)
{
	Config config = eight_zones();
	config.zone_max_open = 1;
	auto disk = TRY(Disk::create(config));
	test.expect_eq(disk->ask(Op::ZoneOpen, kZone), Status::Ok);
	test.expect_eq(disk->ask(Op::ZoneOpen, 2 * kZone), Status::ZoneOpenResource);
	TRY(disk->zones->set_condition(kZone, ZoneCondition::ReadOnly));
	test.expect_eq(disk->ask(Op::ZoneOpen, 2 * kZone), Status::Ok);
	return {};
}

KUNIT_TEST(null_blk_zones, report_ends_with_the_disk)
{
	auto disk = TRY(Disk::create(eight_zones()));
	blk::ZoneBatch batch;
	test.expect_eq(disk->zones->report(0, {.most = 100, .told = 0}, batch), 8u);
	test.expect_eq(disk->zones->report(0, {.most = 3, .told = 0}, batch), 3u);
	test.expect_eq(disk->zones->report(0, {.most = 3, .told = 2}, batch), 1u);
	test.expect_eq(batch[0].start, 2 * kZone);
	test.expect_eq(disk->zones->report(0, {.most = 100, .told = 8}, batch), 0u);
	test.expect_eq(disk->zones->report((7 * kZone) + 1, {.most = 100, .told = 0}, batch), 1u);
	test.expect_eq(disk->zones->report(8 * kZone, {.most = 100, .told = 0}, batch), 0u);
	test.expect_eq(disk->zones->report(~0ull, {.most = 100, .told = 0}, batch), 0u);
	return {};
}

KUNIT_TEST(null_blk_zones, survive_failed_allocations)
{
	test.expect_survives_failed_allocations([] { return Disk::create(eight_zones()); });
	return {};
}

KUNIT_SUITE(null_blk_zones);

}  // namespace null_blk
