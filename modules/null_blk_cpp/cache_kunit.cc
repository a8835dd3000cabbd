// SPDX-License-Identifier: GPL-2.0
#include "cache.hpp"

#include "pages_kunit.hpp"

#include <cxxrt/kunit.hpp>

namespace null_blk {
namespace {

using blk::Status;
using kunit::each;
using kunit::Test;
using kunit::Where;

constexpr u64 kRoom = 64ull * kPageSize;

/// Writes `value` to `length` bytes at `sector`.
Status write(Cache& cache, Pages& pages, u64 sector, u32 length, u8 value, bool fua = false)
{
	pages.fill(value);
	return cache.write(sector, pages.part(0, length), fua);
}

/// Expects `length` bytes of `value` at `sector` of a Cache or a PageStore.
template <class From>
void expect_reads(Test& test, From& from, Pages& pages, u64 sector, u32 length, u8 value, Where where = Where::here())
{
	pages.fill(0xee);
	test.expect_eq(from.read(sector, pages.part(0, length)), Status::Ok, where);
	test.expect(pages.holds(0, length, value), where);
}

}  // namespace

KUNIT_TEST(null_blk_cache, what_is_written_is_read_but_not_stored)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	{
		Cache cache{store, kRoom};
		test.expect_eq(write(cache, *pages, 3, 1024, 0x11), Status::Ok);
		expect_reads(test, cache, *pages, 3, 1024, 0x11);
		expect_reads(test, cache, *pages, 0, 1536, 0);
		expect_reads(test, cache, *pages, 5, 1536, 0);
		expect_reads(test, store, *pages, 3, 1024, 0);
		test.expect_eq(cache.used(), u64(kPageSize));
	}
	// The power went.
	test.expect(store.is_empty());
	return {};
}

/// Whatever is newer: of a page, some sectors are in the cache, others in the store.
KUNIT_TEST(null_blk_cache, sectors_come_from_where_they_are_newer)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	pages->fill(0x22);
	test.expect_eq(store.write(0, pages->all()), Status::Ok);
	Cache cache{store, kRoom};
	test.expect_eq(write(cache, *pages, 2, 512, 0x33), Status::Ok);
	pages->fill(0);
	test.expect_eq(cache.read(0, pages->all()), Status::Ok);
	test.expect(pages->holds(0, 1024, 0x22));
	test.expect(pages->holds(1024, 512, 0x33));
	test.expect(pages->holds(1536, 2560, 0x22));
	return {};
}

KUNIT_TEST(null_blk_cache, flush_stores_everything)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	pages->fill(0x44);
	test.expect_eq(store.write(8, pages->all()), Status::Ok);
	Cache cache{store, kRoom};
	test.expect_eq(write(cache, *pages, 0, kPageSize, 0x55), Status::Ok);  // a page that moves
	test.expect_eq(write(cache, *pages, 9, 512, 0x66), Status::Ok);	       // a sector that is copied
	test.expect_eq(write(cache, *pages, 20, 512, 0x77), Status::Ok);       // part of a page that moves
	TRY(cache.flush());
	test.expect(cache.is_empty());
	test.expect_eq(cache.used(), 0ull);
	expect_reads(test, store, *pages, 0, kPageSize, 0x55);
	expect_reads(test, store, *pages, 8, 512, 0x44);
	expect_reads(test, store, *pages, 9, 512, 0x66);
	expect_reads(test, store, *pages, 10, 3072, 0x44);
	expect_reads(test, store, *pages, 16, 2048, 0);
	expect_reads(test, store, *pages, 20, 512, 0x77);
	expect_reads(test, cache, *pages, 20, 512, 0x77);
	TRY(cache.flush());
	return {};
}

/// A write that is safe at once takes the place of what the cache has.
KUNIT_TEST(null_blk_cache, fua_writes_go_to_the_store)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	Cache cache{store, kRoom};
	test.expect_eq(write(cache, *pages, 0, 1024, 0x11), Status::Ok);
	test.expect_eq(write(cache, *pages, 0, 512, 0x22, true), Status::Ok);
	expect_reads(test, cache, *pages, 0, 512, 0x22);
	expect_reads(test, cache, *pages, 1, 512, 0x11);
	expect_reads(test, store, *pages, 0, 512, 0x22);
	expect_reads(test, store, *pages, 1, 512, 0);
	test.expect_eq(write(cache, *pages, 1, 512, 0x33, true), Status::Ok);
	test.expect(cache.is_empty());
	test.expect_eq(cache.used(), 0ull);
	TRY(cache.flush());
	expect_reads(test, store, *pages, 0, 512, 0x22);
	expect_reads(test, store, *pages, 1, 512, 0x33);
	return {};
}

KUNIT_TEST(null_blk_cache, is_never_larger_than_it_may_be)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	Cache cache{store, kRoom};
	for (u32 round = 0; round < 2; ++round) {
		for (u64 page = 0; page < 200; ++page) {
			test.expect_eq(write(cache, *pages, page * 8, kPageSize, u8(page + round)), Status::Ok);
			test.expect(cache.used() <= kRoom);
		}
		for (u64 page = 0; page < 200; ++page)
			expect_reads(test, cache, *pages, page * 8, kPageSize, u8(page + round));
	}
	test.expect(!store.is_empty());
	return {};
}

KUNIT_TEST(null_blk_cache, discard_forgets_both)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	Cache cache{store, kRoom};
	for (u64 page = 0; page < 4; ++page) {
		test.expect_eq(write(cache, *pages, page * 8, kPageSize, 0x11, true), Status::Ok);
		test.expect_eq(write(cache, *pages, page * 8, kPageSize, 0x22), Status::Ok);
	}
	cache.discard(3, 16);
	expect_reads(test, cache, *pages, 0, 1536, 0x22);
	expect_reads(test, cache, *pages, 3, 2560, 0);
	expect_reads(test, cache, *pages, 8, kPageSize, 0);
	expect_reads(test, cache, *pages, 16, 1536, 0);
	expect_reads(test, cache, *pages, 19, 2560, 0x22);
	cache.discard(0, 0);
	cache.discard_slowly(0, 1ull << 40);
	test.expect(cache.is_empty() && store.is_empty());
	test.expect_eq(cache.used(), 0ull);
	return {};
}

KUNIT_TEST(null_blk_cache, reserved_sectors_read_as_they_are)
{
	PageStore store;
	auto pages = TRY(Pages::create());
	Cache cache{store, kRoom};
	test.expect_eq(write(cache, *pages, 8, kPageSize, 0x11, true), Status::Ok);
	TRY(cache.reserve(4, 100, false));
	expect_reads(test, cache, *pages, 8, kPageSize, 0x11);
	expect_reads(test, cache, *pages, 16, kPageSize, 0);
	TRY(cache.reserve(0, 100ull * 8, false));
	test.expect(cache.used() <= kRoom);
	TRY(cache.flush());
	test.expect_eq(cache.used(), 0ull);
	test.expect(store.has(1) && !store.has(2));
	TRY(cache.reserve(16, 8, true));
	test.expect(store.has(2));
	return {};
}

KUNIT_TEST(null_blk_cache, survives_failed_allocations)
{
	auto pages = TRY(Pages::create());
	test.expect_survives_failed_allocations(
		[&]() -> Result<void> {
			PageStore store;
			Cache cache{store, 2ull * kPageSize};
			for (u64 page : each(u64(0), u64(9), u64(1000))) {
				if (write(cache, *pages, page * 8, kPageSize, 0x11) != Status::Ok)
					return ENOSPC;
			}
			return {};
		},
		ENOSPC);
	test.expect_survives_failed_allocations([&]() -> Result<void> {
		PageStore store;
		Cache cache{store, 2ull * kPageSize};
		TRY(cache.reserve(0, 32, false));
		return cache.flush();
	});
	return {};
}

KUNIT_SUITE(null_blk_cache);

}  // namespace null_blk
