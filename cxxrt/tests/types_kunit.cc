// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>

#include "tracked.hpp"

namespace cxxrt::kunit {
namespace {

struct Outer {
	char first;
	u64 second;
	struct Inner {
		u32 a, b;
	} inner;
	u8 last[3];
};

}  // namespace

/// An absent Optional is false, a present one gives its value, and assignment changes both.
KUNIT_TEST(cxxrt_types, optional_holds_or_not)
{
	Optional<u32> empty;
	test.expect(!empty);
	Optional<u32> full{7u};
	test.expect(bool(full));
	test.expect_eq(*full, 7u);
	*full = 8;
	test.expect_eq(*full, 8u);
	full = empty;
	test.expect(!full);
	full = 0u;
	test.expect(bool(full));
	test.expect_eq(*full, 0u);
	Optional<Outer> object{Outer{.first = 'x', .second = 5, .inner = {}, .last = {}}};
	test.expect_eq(object->second, 5ull);
	return {};
}

/// An owner inside an Optional is handed on by moving.
KUNIT_TEST(cxxrt_types, optional_moves_owners)
{
	Counts counts;
	{
		Optional<Box<Tracked>> full{TRY(Box<Tracked>::make(Gfp::Kernel, counts, 3))};
		Optional<Box<Tracked>> other{move(full)};
		test.expect(bool(other));
		test.expect_eq((*other)->value(), 3);
		test.expect_eq(counts.built, 1);
		test.expect_eq(counts.destroyed, 0);
	}
	test.expect_eq(counts.destroyed, 1);
	return {};
}

KUNIT_TEST(cxxrt_types, literal_joins)
{
	constexpr auto joined = Literal("abc") + Literal("") + Literal("de");
	static_assert(decltype(joined)::kLength == 5);
	test.expect_eq(joined.text, "abcde");
	test.expect_eq(kText<Literal("abc") + Literal("de")>.text, "abcde");
	return {};
}

/// The same text is the same storage, so that names can be kept as pointers.
KUNIT_TEST(cxxrt_types, literal_has_one_storage)
{
	const char* one = kText<"storage">.text;
	const char* other = kText<Literal("stor") + Literal("age")>.text;
	test.expect(one == other);
	return {};
}

KUNIT_TEST(cxxrt_types, member_offset_is_offsetof)
{
	test.expect_eq(member_offset<&Outer::first>(), __builtin_offsetof(Outer, first));
	test.expect_eq(member_offset<&Outer::second>(), __builtin_offsetof(Outer, second));
	test.expect_eq(member_offset<&Outer::inner>(), __builtin_offsetof(Outer, inner));
	test.expect_eq(member_offset<&Outer::last>(), __builtin_offsetof(Outer, last));
	test.expect_eq(member_offset<&Outer::Inner::b>(), size_t(4));
	return {};
}

KUNIT_TEST(cxxrt_types, owner_of_finds_the_owner)
{
	Outer outer{};
	test.expect(&owner_of<&Outer::first>(outer.first) == &outer);
	test.expect(&owner_of<&Outer::second>(outer.second) == &outer);
	test.expect(&owner_of<&Outer::last>(outer.last) == &outer);
	test.expect(&owner_of<&Outer::inner>(owner_of<&Outer::Inner::b>(outer.inner.b)) == &outer);
	return {};
}

KUNIT_TEST(cxxrt_types, exchange_and_swap_move)
{
	int value = 1;
	test.expect_eq(exchange(value, 2), 1);
	test.expect_eq(value, 2);
	int other = 5;
	swap(value, other);
	test.expect_eq(value, 5);
	test.expect_eq(other, 2);
	test.expect_eq(min(2, 3), 2);
	test.expect_eq(min(3u, 2u), 2u);
	test.expect_eq(max(-2, 3), 3);
	return {};
}

KUNIT_SUITE(cxxrt_types);

}  // namespace cxxrt::kunit
