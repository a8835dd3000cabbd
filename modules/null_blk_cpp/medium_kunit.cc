// SPDX-License-Identifier: GPL-2.0
#include "medium.hpp"

#include "params.hpp"

#include <cxxrt/kunit.hpp>

namespace null_blk {
namespace {

using blk::Op;
using blk::Status;
using kunit::each;

class Disk : Pinned {
public:
	static Result<Box<Disk>> create(const Config& config)
	{
		auto disk = TRY(Box<Disk>::make(Gfp::Kernel, config));
		TRY(disk->bad.list.init());
		TRY(disk->medium.build(config));
		return disk;
	}
	explicit Disk(const Config& config) : medium(config, store, bad) {}
	PageStore store;
	BadSectors bad;
	Medium medium;
};

Config in_memory()
{
	Config config = params::default_config();
	config.memory_backed = true;
	config.cache_size = 0;
	config.blocksize = 1024;
	return config;
}

Io ask(Op op, u64 sector, u32 sectors)
{
	return {{.op = op,
		 .fua = false,
		 .sectors = sectors,
		 .sector = sector,
		 .segments = blk::Segments::of_one(nullptr)}};
}

}  // namespace

/// Any request that touches a bad sector fails as a whole; the others do not.
KUNIT_TEST(null_blk_medium, bad_sectors_fail_requests)
{
	auto disk = TRY(Disk::create(in_memory()));
	TRY(disk->bad.list.add(100, 4));
	test.expect_eq(disk->medium.access(ask(Op::Read, 96, 8)).status, Status::Ok);
	disk->bad.in_use.store_relaxed(1);
	for (Op op : each(Op::Read, Op::Write, Op::Discard, Op::WriteZeroes)) {
		const Access access = disk->medium.access(ask(op, 96, 8));
		test.expect_eq(access.status, Status::IoError);
		test.expect_eq(access.sectors, 0u);
		test.expect_eq(disk->medium.access(ask(op, 92, 8)).status, Status::Ok);
		test.expect_eq(disk->medium.access(ask(op, 104, 8)).status, Status::Ok);
	}
	test.expect_eq(disk->medium.access(ask(Op::Flush, 100, 0)).status, Status::Ok);
	return {};
}

/// Whole blocks before the bad sector are moved, and a bad range may be bad once.
KUNIT_TEST(null_blk_medium, bad_sectors_may_fail_a_part_or_once)
{
	Config config = in_memory();
	config.badblocks_partial_io = true;
	auto disk = TRY(Disk::create(config));
	disk->bad.in_use.store_relaxed(1);
	TRY(disk->bad.list.add(101, 1));
	test.expect_eq(disk->medium.access(ask(Op::Read, 96, 8)).sectors, 4u);
	test.expect_eq(disk->medium.access(ask(Op::Read, 100, 8)).sectors, 0u);
	config.badblocks_once = true;
	auto once = TRY(Disk::create(config));
	once->bad.in_use.store_relaxed(1);
	TRY(once->bad.list.add(101, 1));
	test.expect_eq(once->medium.access(ask(Op::Read, 96, 8)).status, Status::IoError);
	test.expect_eq(once->medium.access(ask(Op::Read, 96, 8)).status, Status::Ok);
	return {};
}

/// What takes long, or sleeps, is to be prepared first.
KUNIT_TEST(null_blk_medium, long_discards_are_prepared)
{
	for (Op op : each(Op::Discard, Op::WriteZeroes)) {
		auto disk = TRY(Disk::create(in_memory()));
		TRY(disk->store.reserve(0, 64));
		Io io = ask(op, 0, kLongDiscard + 8);
		test.expect_eq(disk->medium.access(io).status, Status::Resource);
		test.expect(!disk->store.is_empty());
		TRY(disk->medium.prepare(io, io.sector));
		test.expect(disk->store.is_empty());
		io.prepared = true;
		test.expect_eq(disk->medium.access(io).status, Status::Ok);
	}
	return {};
}

KUNIT_TEST(null_blk_medium, flush_of_a_cache_is_prepared)
{
	Config config = in_memory();
	config.cache_size = 1;
	auto disk = TRY(Disk::create(config));
	test.expect(disk->medium.has_cache());
	Io flush = ask(Op::Flush, 0, 0);
	test.expect_eq(disk->medium.access(flush).status, Status::Ok);
	TRY(disk->medium.prepare(ask(Op::Write, 0, 8), 0));
	test.expect_eq(disk->medium.access(flush).status, Status::Resource);
	TRY(disk->medium.prepare(flush, 0));
	flush.prepared = true;
	test.expect_eq(disk->medium.access(flush).status, Status::Ok);
	return {};
}

KUNIT_TEST(null_blk_medium, without_data_there_is_nothing_to_do)
{
	Config config = in_memory();
	config.memory_backed = false;
	auto disk = TRY(Disk::create(config));
	test.expect(!disk->medium.keeps_data());
	for (Op op : each(Op::Read, Op::Write, Op::Discard))
		test.expect_eq(disk->medium.access(ask(op, 0, kLongDiscard + 8)).status, Status::Ok);
	test.expect_eq(disk->medium.access(ask(Op::Flush, 0, 0)).status, Status::Ok);
	return {};
}

KUNIT_SUITE(null_blk_medium);

}  // namespace null_blk
