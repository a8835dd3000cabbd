// SPDX-License-Identifier: GPL-2.0
#include "path.hpp"

#include <cxxrt/kunit.hpp>

namespace null_blk {
namespace {

using blk::Op;
using blk::Status;
using kunit::each;

/// A request without a block layer: up to three pieces of one page, each with a value of its own.
class FakeIo {
public:
	struct Pieces {
		Segment all[3];
		u32 count;
		const Segment* begin() const { return all; }
		const Segment* end() const { return all + count; }
	};
	FakeIo(Op op, u64 sector, Page& page, u32 first, u32 second = 0, u32 third = 0)
		: op_(op),
		  sector_(sector),
		  pieces_{.all = {{.page = page, .offset = 0, .length = first},
				  {.page = page, .offset = 1024, .length = second},
				  {.page = page, .offset = 2048, .length = third}},
			  .count = 1u + (second > 0 ? 1 : 0) + (third > 0 ? 1 : 0)}
	{
	}
	Op op() const { return op_; }
	u64 sector() const { return sector_; }
	u32 bytes() const
	{
		u32 total = 0;
		for (const Segment& piece : pieces_)
			total += piece.length;
		return total;
	}
	const Pieces& segments() const { return pieces_; }

private:
	Op op_;
	u64 sector_;
	Pieces pieces_;
};

/// Each 1024 bytes hold their number, from 1.
void number_pieces(Page& page)
{
	LocalMap map{page};
	for (u32 i = 0; i < kPageSize; ++i)
		map.bytes()[i] = u8(1 + (i / 1024));
}

/// The first byte of each of `count` sectors as digits.
Result<u64> digits(PageStore& store, u64 sector, u32 count)
{
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	const Segment all{.page = *page, .offset = 0, .length = count * blk::kSectorSize};
	if (store.read(sector, all) != Status::Ok)
		return EIO;
	u64 result = 0;
	LocalMap map{*page};
	for (u32 i = 0; i < count; ++i)
		result = result * 10 + map.bytes()[size_t(i) * blk::kSectorSize];
	return result;
}

}  // namespace

KUNIT_TEST(null_blk_path, pieces_follow_each_other_on_the_disk)
{
	PageStore store;
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	number_pieces(*page);
	test.expect_eq(transfer(store, FakeIo{Op::Write, 6, *page, 512, 1024, 512}), Status::Ok);
	test.expect_eq(TRY(digits(store, 4, 8)), 122300ull);
	return {};
}

KUNIT_TEST(null_blk_path, pieces_are_read_from_where_they_are)
{
	PageStore store;
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	number_pieces(*page);
	test.expect_eq(transfer(store, FakeIo{Op::Write, 0, *page, 1024, 1024}), Status::Ok);
	zero_page_bytes(*page, 0, kPageSize);
	// Sectors 1, 2 and 3 hold 1, 2 and 2.
	test.expect_eq(transfer(store, FakeIo{Op::Read, 1, *page, 512, 512, 512}), Status::Ok);
	LocalMap map{*page};
	test.expect_eq(int(map.bytes()[0]), 1);
	test.expect_eq(int(map.bytes()[512]), 0);
	test.expect_eq(int(map.bytes()[1024]), 2);
	test.expect_eq(int(map.bytes()[2048]), 2);
	return {};
}

/// Without a cache there is nothing to flush.
KUNIT_TEST(null_blk_path, flush_moves_nothing)
{
	PageStore store;
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	number_pieces(*page);
	test.expect_eq(transfer(store, FakeIo{Op::Flush, 0, *page, 512}), Status::Ok);
	test.expect_eq(TRY(digits(store, 0, 8)), 0ull);
	return {};
}

KUNIT_TEST(null_blk_path, discard_and_zeroing_clear)
{
	for (Op op : each(Op::Discard, Op::WriteZeroes)) {
		PageStore store;
		auto page = TRY(PageBox::zeroed(Gfp::Kernel));
		number_pieces(*page);
		test.expect_eq(transfer(store, FakeIo{Op::Write, 0, *page, 1024, 1024}), Status::Ok);
		test.expect_eq(transfer(store, FakeIo{op, 1, *page, 512, 512}), Status::Ok);
		test.expect_eq(TRY(digits(store, 0, 8)), 10020000ull);
	}
	return {};
}

KUNIT_TEST(null_blk_path, zones_are_not_supported)
{
	PageStore store;
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	number_pieces(*page);
	test.expect_eq(transfer(store, FakeIo{Op::Write, 0, *page, 512}), Status::Ok);
	test.expect_eq(transfer(store, FakeIo{Op::ZoneReset, 0, *page, 512}), Status::NotSupported);
	test.expect_eq(TRY(digits(store, 0, 1)), 1ull);
	return {};
}

/// A piece that is not whole sectors ends the transfer: what came before it stays, and what comes after is not moved.
KUNIT_TEST(null_blk_path, part_of_a_sector_is_an_error)
{
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	number_pieces(*page);
	for (u32 odd : each(1u, 511u, 513u, 1000u)) {
		PageStore store;
		test.expect_eq(transfer(store, FakeIo{Op::Write, 0, *page, 512, odd, 512}), Status::IoError);
		test.expect_eq(TRY(digits(store, 0, 8)), 10000000ull);
	}
	return {};
}

KUNIT_SUITE(null_blk_path);

}  // namespace null_blk
