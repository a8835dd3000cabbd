// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/badblocks.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/page.hpp>

namespace cxxrt::kunit {
namespace {

/// What show() prints, compared with `want`.
Result<void> expect_shows(Test& test, const BadBlocks& list, const char* want, Where where = Where::here())
{
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	LocalMap map{*page};
	char* text = reinterpret_cast<char*>(map.bytes());
	size_t length = list.show(configfs::Buffer{text});
	test.expect_eq(text, want, where);
	for (const char* p = want; *p != '\0'; ++p)
		--length;
	test.expect_eq(length, size_t(0), where);
	return {};
}

bool overlaps(const BadBlocks& list, u64 sector, u64 sectors) { return bool(list.check(sector, sectors)); }

}  // namespace

KUNIT_TEST(cxxrt_badblocks, starts_empty)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	test.expect(!overlaps(*list, 0, 1));
	test.expect(!overlaps(*list, 0, 1ull << 40));
	TRY(expect_shows(test, *list, ""));
	return {};
}

KUNIT_TEST(cxxrt_badblocks, without_init_ends_quietly)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	list.reset();
	return {};
}

KUNIT_TEST(cxxrt_badblocks, checks_overlap)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	TRY(list->add(100, 8));
	for (u64 sector = 90; sector < 120; ++sector)
		test.expect_eq(overlaps(*list, sector, 1), sector >= 100 && sector < 108);
	test.expect(!overlaps(*list, 92, 8));
	test.expect(overlaps(*list, 92, 9));
	test.expect(overlaps(*list, 107, 8));
	test.expect(!overlaps(*list, 108, 8));
	test.expect(overlaps(*list, 0, 1ull << 40));
	test.expect(!overlaps(*list, 100, 0));
	const Optional<BadBlocks::Range> found = list->check(95, 100);
	if (test.expect(bool(found))) {
		test.expect_eq(found->first, 100ull);
		test.expect_eq(found->count, 8ull);
	}
	return {};
}

/// A check as long as the C function's int cannot say finds what is at its end.
KUNIT_TEST(cxxrt_badblocks, checks_far_away)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	const u64 far = 3ull << 31;
	TRY(list->add(far, 1));
	test.expect(overlaps(*list, 0, far + 1));
	test.expect(!overlaps(*list, 0, far));
	test.expect(overlaps(*list, far, 1));
	return {};
}

KUNIT_TEST(cxxrt_badblocks, finds_the_first)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	TRY(list->add(300, 1));
	TRY(list->add(200, 2));
	TRY(list->add(100, 3));
	const Optional<BadBlocks::Range> found = list->check(150, 1000);
	if (test.expect(bool(found))) {
		test.expect_eq(found->first, 200ull);
		test.expect_eq(found->count, 2ull);
	}
	TRY(expect_shows(test, *list, "100 3\n200 2\n300 1\n"));
	return {};
}

KUNIT_TEST(cxxrt_badblocks, merges_neighbours)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	TRY(list->add(10, 5));
	TRY(list->add(15, 5));
	TRY(list->add(12, 10));
	TRY(expect_shows(test, *list, "10 12\n"));
	return {};
}

KUNIT_TEST(cxxrt_badblocks, remove_splits)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	TRY(list->add(100, 20));
	TRY(list->remove(105, 5));
	TRY(expect_shows(test, *list, "100 5\n110 10\n"));
	test.expect(overlaps(*list, 104, 1));
	test.expect(!overlaps(*list, 105, 5));
	test.expect(overlaps(*list, 110, 1));
	TRY(list->remove(100, 5));
	TRY(list->remove(118, 100));
	TRY(expect_shows(test, *list, "110 8\n"));
	// Good sectors stay good.
	TRY(list->remove(1000, 10));
	TRY(list->remove(0, 1000));
	TRY(expect_shows(test, *list, ""));
	return {};
}

/// More than one entry of the table can say.
KUNIT_TEST(cxxrt_badblocks, long_range_is_cut_up)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	TRY(list->add(0, 1300));
	test.expect(overlaps(*list, 0, 1));
	test.expect(overlaps(*list, 512, 1));
	test.expect(overlaps(*list, 1299, 1));
	test.expect(!overlaps(*list, 1300, 1));
	TRY(list->remove(0, 1300));
	test.expect(!overlaps(*list, 0, 5000));
	TRY(list->add(700, 10));
	TRY(list->add(2000, 10));
	TRY(list->add(100, 1500));
	for (u64 sector = 0; sector < 2020; ++sector)
		test.expect_eq(overlaps(*list, sector, 1),
			       (sector >= 100 && sector < 1600) || (sector >= 2000 && sector < 2010));
	TRY(list->remove(0, 1700));
	TRY(expect_shows(test, *list, "2000 10\n"));
	return {};
}

KUNIT_TEST(cxxrt_badblocks, full_table_is_enospc)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	for (u64 i = 0; i < 512; ++i)
		TRY(list->add(i * 10, 3));
	test.expect_error(list->add(10000, 1), ENOSPC);
	test.expect(!overlaps(*list, 10000, 1));
	// A hole in the middle needs an entry more.
	test.expect_error(list->remove(11, 1), ENOSPC);
	test.expect(overlaps(*list, 11, 1));
	TRY(list->remove(20, 3));
	TRY(list->add(10000, 1));
	test.expect(overlaps(*list, 10000, 1));
	return {};
}

/// What a page cannot take is left out, by lines.
KUNIT_TEST(cxxrt_badblocks, long_table_shows_what_fits)
{
	struct Text {
		char page[raw::PAGE_SIZE];
	};
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	auto text = TRY(Box<Text>::make(Gfp::Kernel));
	TRY(list->init());
	constexpr u64 kFar = 1ull << 40;
	for (u64 i = 0; i < 500; ++i)
		TRY(list->add(kFar + (i * 10), 3));
	const size_t length = list->show(configfs::Buffer{text->page});
	test.expect(length > 4000 && length < sizeof(text->page));
	test.expect_eq(text->page[length - 1], '\n');
	test.expect_eq(text->page[length], '\0');
	return {};
}

KUNIT_TEST(cxxrt_badblocks, wrong_ranges_are_refused)
{
	auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
	TRY(list->init());
	test.expect_error(list->add(5, 0), EINVAL);
	test.expect_error(list->add(~0ull, 2), EINVAL);
	test.expect_error(list->remove(2, ~0ull), EINVAL);
	test.expect_error(list->add((1ull << 54) - 1, 2), EINVAL);
	test.expect_error(list->add(1ull << 60, 8), EINVAL);
	test.expect_error(list->add(0, 1ull << 40), ENOSPC);
	TRY(expect_shows(test, *list, ""));
	TRY(list->add((1ull << 54) - 1, 1));
	TRY(expect_shows(test, *list, "18014398509481983 1\n"));
	test.expect(!overlaps(*list, 0, 1));
	return {};
}

KUNIT_TEST(cxxrt_badblocks, survives_failed_allocations)
{
	test.expect_survives_failed_allocations([]() -> Result<void> {
		auto list = TRY(Box<BadBlocks>::make(Gfp::Kernel));
		TRY(list->init());
		return {};
	});
	return {};
}

KUNIT_SUITE(cxxrt_badblocks);

}  // namespace cxxrt::kunit
