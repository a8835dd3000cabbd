// SPDX-License-Identifier: GPL-2.0
#include "store.hpp"

#include "pages_kunit.hpp"

#include <cxxrt/atomic.hpp>
#include <cxxrt/kunit.hpp>
#include <cxxrt/system.hpp>
#include <cxxrt/time.hpp>
#include <cxxrt/work.hpp>

namespace null_blk {
namespace {

using blk::Status;
using kunit::each;
using kunit::Test;
using kunit::Where;

constexpr u64 kFar = (1ull << 41) - 8;	// the last page of the largest disk, and then some

/// Writes `value` to `length` bytes at `sector`.
Status write(PageStore& store, Pages& pages, u64 sector, u32 length, u8 value)
{
	pages.fill(value);
	return store.write(sector, pages.part(0, length));
}

/// Expects `length` bytes of `value` at `sector`.
void expect_reads(Test& test, PageStore& store, Pages& pages, u64 sector, u32 length, u8 value,
		  Where where = Where::here())
{
	pages.fill(0xee);
	test.expect_eq(store.read(sector, pages.part(0, length)), Status::Ok, where);
	test.expect(pages.holds(0, length, value), where);
	test.expect(pages.holds(length, kPageSize - length, 0xee), where);
}

/// Writes every second sector of some pages, from another CPU.
class Writer : Pinned {
public:
	static constexpr u64 kPages = 500;
	Writer(PageStore& store, Box<Pages>&& pages) : store_(store), pages_(move(pages)) {}
	Work work_{callback<&Writer::work_, &Writer::run>};
	Atomic<int> started_, failed_;

	/// Writes the odd sectors, or the even ones.
	static int write_all(PageStore& store, Pages& pages, u32 from, u8 value)
	{
		int failed = 0;
		for (u64 sector = from; sector < kPages * 8; sector += 2)
			failed += write(store, pages, sector, 512, value) == Status::Ok ? 0 : 1;
		return failed;
	}

private:
	void run()
	{
		started_.store_release(1);
		failed_.fetch_add(write_all(store_, *pages_, 1, 0xbb));
	}
	PageStore& store_;
	Box<Pages> pages_;
};

}  // namespace

KUNIT_TEST(null_blk_store, unwritten_blocks_read_as_zeroes)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	for (u64 sector : each(u64(0), u64(7), u64(8), kFar))
		expect_reads(test, store, *pages, sector, kPageSize, 0);
	return {};
}

KUNIT_TEST(null_blk_store, page_is_found_again)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	u8 value = 1;
	for (u64 sector : each(u64(0), u64(8), u64(800), kFar))
		test.expect_eq(write(store, *pages, sector, kPageSize, value++), Status::Ok);
	value = 1;
	for (u64 sector : each(u64(0), u64(8), u64(800), kFar))
		expect_reads(test, store, *pages, sector, kPageSize, value++);
	expect_reads(test, store, *pages, 16, kPageSize, 0);
	return {};
}

KUNIT_TEST(null_blk_store, last_write_counts)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	for (u8 value : each(u8(3), u8(0), u8(9))) {
		test.expect_eq(write(store, *pages, 40, kPageSize, value), Status::Ok);
		expect_reads(test, store, *pages, 40, kPageSize, value);
	}
	return {};
}

KUNIT_TEST(null_blk_store, sector_leaves_its_neighbours)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	test.expect_eq(write(store, *pages, 16, kPageSize, 0x11), Status::Ok);
	test.expect_eq(write(store, *pages, 18, 512, 0x22), Status::Ok);
	test.expect_eq(write(store, *pages, 23, 512, 0x33), Status::Ok);
	expect_reads(test, store, *pages, 16, 1024, 0x11);
	expect_reads(test, store, *pages, 18, 512, 0x22);
	expect_reads(test, store, *pages, 19, 2048, 0x11);
	expect_reads(test, store, *pages, 23, 512, 0x33);
	expect_reads(test, store, *pages, 24, 512, 0);
	return {};
}

/// A segment may begin anywhere in its page and end in the middle of another page of the store.
KUNIT_TEST(null_blk_store, segment_crosses_pages_of_the_store)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	pages->fill(0x44);
	test.expect_eq(store.write(6, pages->part(512, 2560)), Status::Ok);
	expect_reads(test, store, *pages, 0, 3072, 0);
	expect_reads(test, store, *pages, 6, 2560, 0x44);
	expect_reads(test, store, *pages, 11, 2560, 0);
	pages->fill(0xee);
	test.expect_eq(store.read(5, pages->part(1024, 2048)), Status::Ok);
	test.expect(pages->holds(0, 1024, 0xee));
	test.expect(pages->holds(1024, 512, 0));
	test.expect(pages->holds(1536, 1536, 0x44));
	test.expect(pages->holds(3072, 1024, 0xee));
	return {};
}

KUNIT_TEST(null_blk_store, empty_segment_moves_nothing)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	pages->fill(0x55);
	test.expect_eq(store.write(0, pages->part(0, 0)), Status::Ok);
	test.expect_eq(store.read(0, pages->part(0, 0)), Status::Ok);
	test.expect(pages->holds(0, kPageSize, 0x55));
	expect_reads(test, store, *pages, 0, kPageSize, 0);
	return {};
}

/// Only pages that are discarded altogether go; of others, the sectors become zeroes.
KUNIT_TEST(null_blk_store, discard_takes_whole_pages_out)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	for (u64 page = 0; page < 4; ++page)
		test.expect_eq(write(store, *pages, page * 8, kPageSize, 0x66), Status::Ok);
	store.discard(5, 14);
	test.expect(store.has(0) && !store.has(1) && store.has(2) && store.has(3));
	expect_reads(test, store, *pages, 0, 2560, 0x66);
	expect_reads(test, store, *pages, 5, 1536, 0);
	expect_reads(test, store, *pages, 8, kPageSize, 0);
	expect_reads(test, store, *pages, 16, 1536, 0);
	expect_reads(test, store, *pages, 19, 2560, 0x66);
	store.discard(25, 2);
	expect_reads(test, store, *pages, 24, 512, 0x66);
	expect_reads(test, store, *pages, 25, 1024, 0);
	expect_reads(test, store, *pages, 27, 2560, 0x66);
	store.discard_slowly(0, kFar + 8);
	test.expect(store.is_empty());
	test.expect_eq(write(store, *pages, 8, kPageSize, 0x67), Status::Ok);
	expect_reads(test, store, *pages, 8, kPageSize, 0x67);
	return {};
}

/// What was reserved is zeroes, and needs no memory to be written.
KUNIT_TEST(null_blk_store, reserved_pages_are_there)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	TRY(store.reserve(7, 10));
	test.expect(store.has(0) && store.has(1) && store.has(2) && !store.has(3));
	expect_reads(test, store, *pages, 8, kPageSize, 0);
	TRY(store.reserve(3, 0));
	return {};
}

KUNIT_TEST(null_blk_store, pages_are_taken_over_once)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	auto given = TRY(PageBox::zeroed(Gfp::Kernel));
	fill_page_bytes(*given, 0, kPageSize, 0x68);
	TRY(store.insert(3, given));
	expect_reads(test, store, *pages, 24, kPageSize, 0x68);
	auto another = TRY(PageBox::zeroed(Gfp::Kernel));
	test.expect_error(store.insert(3, another), EEXIST);
	return {};
}

/// Two writers that make the same page at once both find their data in it.
KUNIT_TEST(null_blk_store, racing_writers_share_a_page)
{
	Optional<u32> other;
	for (u32 cpu = 0; cpu < cpu_id_limit(); ++cpu) {
		if (cpu != current_cpu() && is_cpu_online(cpu))
			other = cpu;
	}
	if (!other)
		return test.skip("needs two CPUs");
	PageStore store;
	auto pages = TRY(Pages::create());
	auto its_pages = TRY(Pages::create());
	auto writer = TRY(Box<Writer>::make(Gfp::Kernel, store, move(its_pages)));
	writer->work_.schedule_on(*other);
	for (int i = 0; i < 1000 && writer->started_.load_acquire() == 0; ++i)
		sleep_ms(1);
	test.expect_eq(Writer::write_all(store, *pages, 0, 0xaa), 0);
	writer->work_.flush();
	test.expect_eq(writer->failed_.load_relaxed(), 0);
	for (u64 sector = 0; sector < Writer::kPages * 8; ++sector)
		expect_reads(test, store, *pages, sector, 512, sector % 2 == 0 ? 0xaa : 0xbb);
	return {};
}

/// Without memory a write fails, and what was written before stays.
KUNIT_TEST(null_blk_store, survives_failed_allocations)
{
	auto pages = TRY(Pages::create());
	auto back = TRY(Pages::create());
	test.expect_survives_failed_allocations(
		[&]() -> Result<void> {
			PageStore store;
			Status status = Status::Ok;
			u64 written = 0;
			for (u64 sector : each(u64(0), u64(800), kFar)) {
				status = write(store, *pages, sector, kPageSize, 0x77);
				if (status != Status::Ok)
					break;
				++written;
			}
			for (u64 sector : each(u64(0), u64(800), kFar)) {
				const u8 value = written > 0 ? 0x77 : 0;
				written -= written > 0 ? 1 : 0;
				back->fill(0xee);
				if (store.read(sector, back->all()) != Status::Ok || !back->holds(0, kPageSize, value))
					return EIO;
			}
			if (status == Status::Resource)
				return ENOSPC;
			if (status != Status::Ok)
				return EINVAL;
			return {};
		},
		ENOSPC);
	return {};
}

KUNIT_SUITE(null_blk_store);

}  // namespace null_blk
