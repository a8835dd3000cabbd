// SPDX-License-Identifier: GPL-2.0
#include "namespace.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {
namespace {

constexpr ControllerLimits kController{
	.most_bytes = 128 << 10,
	.most_zero_sectors = 256,
	.most_discard_blocks = 0,
	.most_discard_ranges = 256,
	.atomic_blocks = 1,
	.can_discard = true,
	.has_write_cache = true,
};

/// A namespace of 1,000 blocks of `1 << shift` bytes.
Result<Box<IdentifyNamespace>> make_id(u32 shift)
{
	auto id = TRY(Box<IdentifyNamespace>::make(Gfp::Kernel));
	*id = {};
	id->nsze = 1000ull;
	id->ncap = 1000ull;
	id->lbaf[0].lbads = u8(shift);
	return id;
}

}  // namespace

KUNIT_TEST(nvme_namespace, size_and_limits)
{
	for (u32 shift : kunit::each(9u, 12u)) {
		auto id = TRY(make_id(shift));
		const auto geometry = TRY(Geometry::read(*id, kController));
		test.expect_eq(geometry->block_shift, shift);
		test.expect_eq(geometry->sectors, 1000ull << (shift - 9));
		test.expect_eq(geometry->limits.logical_block_size, 1u << shift);
		test.expect_eq(geometry->limits.physical_block_size, 1u << shift);
		test.expect_eq(geometry->limits.max_hw_sectors, 256u);
		test.expect_eq(geometry->limits.max_segments, 33u);
		test.expect_eq(geometry->limits.virt_boundary_mask, 4095ull);
		test.expect(geometry->limits.write_cache && geometry->limits.fua && !geometry->read_only);
	}
	return {};
}

/// Blocks that the block layer has no use for, or with metadata: the disk is there, and empty.
KUNIT_TEST(nvme_namespace, nv46_blocks_of_no_use_have_no_room)
{
	for (u32 shift : kunit::each(0u, 8u, 13u, 64u, 255u)) {
		auto id = TRY(make_id(shift));
		const auto geometry = TRY(Geometry::read(*id, kController));
		test.expect_eq(geometry->sectors, 0ull);
		test.expect_eq(geometry->limits.logical_block_size, 512u);
	}
	auto id = TRY(make_id(9));
	id->lbaf[0].ms = 8;
	id->flbas = IdentifyNamespace::kExtended;
	const auto geometry = TRY(Geometry::read(*id, kController));
	test.expect_eq(geometry->sectors, 0ull);
	return {};
}

/// What an untrusted device may say.
KUNIT_TEST(nvme_namespace, nonsense_is_refused)
{
	auto id = TRY(make_id(9));
	id->flbas = 1;
	test.expect_error(Geometry::read(*id, kController), EINVAL);
	id->flbas = 0x60;  // of no meaning with less than 16 formats
	test.expect(Geometry::read(*id, kController).ok());
	id->nlbaf = 255;
	id->lbaf[48].lbads = 12;
	const auto high = TRY(Geometry::read(*id, kController));
	test.expect_eq(high->block_shift, 12u);
	id->flbas = 0;
	id->nsze = ~0ull;
	test.expect_error(Geometry::read(*id, kController), EINVAL);
	id->ncap = 0ull;
	test.expect_error(Geometry::read(*id, kController), ENODEV);
	return {};
}

KUNIT_TEST(nvme_namespace, nv19_discard_limits)
{
	auto id = TRY(make_id(12));
	ControllerLimits controller = kController;
	const auto any = TRY(Geometry::read(*id, controller));
	test.expect_eq(any->limits.max_discard_sectors, blk::kMostSectors);
	controller.most_discard_blocks = 100;
	const auto limited = TRY(Geometry::read(*id, controller));
	test.expect_eq(limited->limits.max_discard_sectors, 800u);
	controller.most_discard_blocks = ~0u;
	const auto large = TRY(Geometry::read(*id, controller));
	test.expect_eq(large->limits.max_discard_sectors, blk::kMostSectors);
	controller.can_discard = false;
	controller.most_discard_blocks = 0;
	const auto none = TRY(Geometry::read(*id, controller));
	test.expect_eq(none->limits.max_discard_sectors, 0u);
	return {};
}

/// A physical block is what is written whole or not at all, and a power of two.
KUNIT_TEST(nvme_namespace, physical_block_is_atomic)
{
	auto id = TRY(make_id(9));
	ControllerLimits controller = kController;
	id->nsfeat = IdentifyNamespace::kPreferredSizes;
	id->npwg = 15;
	id->nows = 99;
	const auto narrow = TRY(Geometry::read(*id, controller));
	test.expect_eq(narrow->limits.physical_block_size, 512u);
	test.expect_eq(narrow->limits.io_min, 16u * 512);
	test.expect_eq(narrow->limits.io_opt, 100u * 512);
	controller.atomic_blocks = 65536;
	const auto wide = TRY(Geometry::read(*id, controller));
	test.expect_eq(wide->limits.physical_block_size, 16u * 512);
	id->nsfeat |= IdentifyNamespace::kOwnAtomicity;
	id->nawupf = 6;
	const auto own = TRY(Geometry::read(*id, controller));
	test.expect_eq(own->limits.physical_block_size, 2048u);
	id->nabo = 1;
	const auto offset = TRY(Geometry::read(*id, controller));
	test.expect_eq(offset->limits.physical_block_size, 512u);
	id->noiob = 256;
	id->nsattr = IdentifyNamespace::kReadOnly;
	const auto chunked = TRY(Geometry::read(*id, controller));
	test.expect_eq(chunked->limits.chunk_sectors, 256u);
	test.expect(chunked->read_only);
	return {};
}

/// What is written whole or not at all; a boundary that the block layer cannot work with leaves nothing.
KUNIT_TEST(nvme_namespace, nv77_atomic_writes)
{
	auto id = TRY(make_id(12));
	ControllerLimits controller = kController;
	controller.atomic_blocks = 7;
	const auto whole = TRY(Geometry::read(*id, controller));
	test.expect_eq(whole->limits.atomic.max, 7u * 4096);
	test.expect_eq(whole->limits.atomic.unit_min, 4096u);
	test.expect_eq(whole->limits.atomic.unit_max, 4u * 4096);
	test.expect_eq(whole->limits.atomic.boundary, 0u);
	id->nsfeat = IdentifyNamespace::kOwnAtomicity;
	id->nawupf = 15;
	struct {
		u16 nabspf, noiob;
		u32 max, boundary;
	}
	// NOLINTBEGIN(modernize-use-designated-initializers): a table
	const cases[] = {{31, 0, 65536, 131072},
			 {31, 64, 65536, 131072},
			 {31, 16, 0, 0},
			 {30, 0, 0, 0},
			 {65535, 0, 65536, 1u << 28}};
	// NOLINTEND(modernize-use-designated-initializers)
	for (const auto& want : cases) {
		id->nabspf = want.nabspf;
		id->noiob = want.noiob;
		const auto own = TRY(Geometry::read(*id, controller));
		test.expect_eq(own->limits.atomic.max, want.max);
		test.expect_eq(own->limits.atomic.boundary, want.boundary);
	}
	id->nawupf = 65535;
	id->nabspf = 0;
	const auto most = TRY(Geometry::read(*id, controller));
	test.expect_eq(most->limits.atomic.max, 1u << 28);
	id->nabo = 1;
	const auto offset = TRY(Geometry::read(*id, controller));
	test.expect_eq(offset->limits.atomic.max, 0u);
	return {};
}

/// As the namespace says now, and not as it said before.
KUNIT_TEST(nvme_namespace, nv87_zeroes_deallocate)
{
	auto id = TRY(make_id(9));
	for (u32 dlfeat : kunit::each(0u, 1u, 8u, 9u, 0xau, 0xfu, 0x19u)) {
		id->dlfeat = u8(dlfeat);
		const auto found = TRY(Geometry::read(*id, kController));
		test.expect_eq(found->zeroes_deallocate, kSince6_12 && (dlfeat & 0xf) == 9);
	}
	return {};
}

/// Zones that cannot be used leave a disk that cannot be opened; without appends they are read only.
KUNIT_TEST(nvme_namespace, nv48_zoned)
{
	auto id = TRY(make_id(12));
	auto zoned = TRY(Box<IdentifyNamespaceZoned>::make(Gfp::Kernel));
	*zoned = {};
	zoned->lbafe[0].zsze = 256ull;
	id->noiob = 8;
	NamespaceExtras extras{.zoned = zoned.get(), .most_append_sectors = 64};
	extras.identity.set = CommandSet::Zoned;
	const auto good = TRY(Geometry::read(*id, kController, extras));
	test.expect(!good->hidden && !good->read_only);
	test.expect_eq(good->limits.zones.zone_sectors, 2048u);
	test.expect_eq(good->limits.chunk_sectors, 0u);
	extras.most_append_sectors = 0;
	test.expect(TRY(Geometry::read(*id, kController, extras))->read_only);
	zoned->zoc = 2;
	const auto hidden = TRY(Geometry::read(*id, kController, extras));
	test.expect(hidden->hidden);
	test.expect_eq(hidden->sectors, 0ull);
	extras.zoned = nullptr;
	test.expect_error(Geometry::read(*id, kController, extras), EINVAL);
	return {};
}

/// What is wrong with a controller changes the limits of its namespaces.
KUNIT_TEST(nvme_namespace, nv38_quirks)
{
	auto id = TRY(make_id(9));
	id->noiob = 8;
	ControllerLimits controller = kController;
	const auto plain = TRY(Geometry::read(*id, controller));
	test.expect_eq(plain->limits.chunk_sectors, 8u);
	test.expect_eq(plain->limits.max_write_zeroes_sectors, 256u);
	test.expect(!plain->discard_zeroes);
	controller.prefers_stripes = true;
	controller.discard_zeroes = true;
	const auto striped = TRY(Geometry::read(*id, controller));
	test.expect_eq(striped->limits.chunk_sectors, 256u);
	test.expect_eq(striped->limits.max_write_zeroes_sectors, blk::kMostSectors);
	test.expect(striped->discard_zeroes);
	controller.can_discard = false;
	controller.most_bytes = 96 << 10;
	const auto neither = TRY(Geometry::read(*id, controller));
	test.expect(!neither->discard_zeroes);
	test.expect_eq(neither->limits.chunk_sectors, 8u);
	return {};
}

KUNIT_SUITE(nvme_namespace);

}  // namespace nvme
