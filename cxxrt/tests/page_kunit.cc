// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/page.hpp>

#include <cxxrt/kunit.hpp>

namespace cxxrt::kunit {
namespace {

/// True if all bytes of a part of `page` are `value`.
bool is_filled(Page& page, u32 offset, u32 length, u8 value)
{
	LocalMap map{page};
	for (u32 i = offset; i < offset + length; ++i) {
		if (map.bytes()[i] != value)
			return false;
	}
	return true;
}

void fill(Page& page, u8 value)
{
	LocalMap map{page};
	for (u32 i = 0; i < kPageSize; ++i)
		map.bytes()[i] = value;
	flush_dcache(page);
}

}  // namespace

/// Also a page that was used before.
KUNIT_TEST(cxxrt_page, starts_zeroed)
{
	for (int i = 0; i < 20; ++i) {
		auto page = TRY(PageBox::zeroed(Gfp::Kernel));
		auto other = TRY(PageBox::zeroed(Gfp::Atomic, Node{0}));
		test.expect(is_filled(*page, 0, kPageSize, 0));
		test.expect(is_filled(*other, 0, kPageSize, 0));
		fill(*page, 0xa5);
		fill(*other, 0x5a);
	}
	return {};
}

KUNIT_TEST(cxxrt_page, moves_leaks_and_adopts)
{
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	fill(*page, 7);
	Page* object = &*page;
	PageBox moved{move(page)};
	test.expect(&*moved == object);
	test.expect(moved.leak() == object);
	PageBox adopted = PageBox::adopt(*object);
	test.expect(is_filled(*adopted, 0, kPageSize, 7));
	return {};
}

/// As memory.gives_much_memory_back.
KUNIT_TEST(cxxrt_page, gives_many_pages_back)
{
	for (int i = 0; i < 1000; ++i) {
		auto page = TRY(PageBox::zeroed(Gfp::Kernel));
		LocalMap map{*page};
		test.expect_eq(u32(map.bytes()[0]), 0u);
	}
	return {};
}

KUNIT_TEST(cxxrt_page, copies_only_the_range)
{
	auto from = TRY(PageBox::zeroed(Gfp::Kernel));
	auto to = TRY(PageBox::zeroed(Gfp::Kernel));
	fill(*from, 0x11);
	copy_page_bytes(*to, 100, *from, 3000, 512);
	test.expect(is_filled(*to, 0, 100, 0));
	test.expect(is_filled(*to, 100, 512, 0x11));
	test.expect(is_filled(*to, 612, kPageSize - 612, 0));
	{
		LocalMap map{*from};
		map.bytes()[0] = 1;
		map.bytes()[kPageSize - 1] = 2;
	}
	copy_page_bytes(*to, 0, *from, 0, kPageSize);
	LocalMap map{*to};
	test.expect_eq(u32(map.bytes()[0]), 1u);
	test.expect_eq(u32(map.bytes()[1]), 0x11u);
	test.expect_eq(u32(map.bytes()[kPageSize - 1]), 2u);
	return {};
}

KUNIT_TEST(cxxrt_page, zeroes_only_the_range)
{
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	fill(*page, 0xff);
	zero_page_bytes(*page, kPageSize - 10, 10);
	zero_page_bytes(*page, 0, 1);
	zero_page_bytes(*page, 50, 0);
	test.expect(is_filled(*page, 0, 1, 0));
	test.expect(is_filled(*page, 1, kPageSize - 11, 0xff));
	test.expect(is_filled(*page, kPageSize - 10, 10, 0));
	return {};
}

KUNIT_TEST(cxxrt_page, copy_has_the_bytes)
{
	auto page = TRY(PageBox::zeroed(Gfp::Kernel));
	fill_page_bytes(*page, 0, kPageSize, 0x31);
	fill_page_bytes(*page, 100, 10, 0x32);
	auto copy = TRY(PageBox::copy_of(*page, Gfp::NoWait));
	test.expect(is_filled(*copy, 0, 100, 0x31));
	test.expect(is_filled(*copy, 100, 10, 0x32));
	test.expect(is_filled(*copy, 110, kPageSize - 110, 0x31));
	return {};
}

/// The list owns its pages, and frees those that are left.
KUNIT_TEST(cxxrt_page, list_frees_what_it_has)
{
	PageList from;
	test.expect(from.is_empty());
	for (u32 i = 0; i < 5; ++i)
		from.push_back(TRY(PageBox::zeroed(Gfp::Kernel)));
	PageList to;
	from.splice_to(to);
	test.expect(from.is_empty() && !to.is_empty());
	u32 freed = 0;
	to.free_all([&] { ++freed; });
	test.expect_eq(freed, 5u);
	test.expect(to.is_empty());
	from.push_back(TRY(PageBox::zeroed(Gfp::Kernel)));
	return {};
}

KUNIT_TEST(cxxrt_page, survives_failed_allocations)
{
	test.expect_survives_failed_allocations([] { return PageBox::zeroed(Gfp::Kernel); });
	test.expect_survives_failed_allocations([] { return PageBox::zeroed(Gfp::Atomic, Node{0}); });
	return {};
}

KUNIT_SUITE(cxxrt_page);

}  // namespace cxxrt::kunit
