// SPDX-License-Identifier: GPL-2.0
#include "identity.hpp"

#include <cxxrt/kunit.hpp>
#include <cxxrt/memory.hpp>

namespace nvme {
namespace {

using Ids = Identity::Ids;

/// Puts a descriptor at `at`, with `fill` in each byte of its id; where it ends.
// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as the struct has them
u32 put(IdentifierList& list, u32 at, u32 type, u32 length, u32 fill)
{
	list.bytes[at] = u8(type);
	list.bytes[at + 1] = u8(length);
	for (u32 i = 0; i < length && at + 4 + i < sizeof(list.bytes); ++i)
		list.bytes[at + 4 + i] = u8(fill);
	return at + 4 + length;
}

}  // namespace

KUNIT_TEST(nvme_identity, ids_and_command_set_are_found)
{
	auto list = TRY(Box<IdentifierList>::make(Gfp::Kernel));
	*list = {};
	u32 at = put(*list, 0, 3, 16, 0x33);
	at = put(*list, at, 200, 7, 0x77);  // of a kind that nobody knows
	at = put(*list, at, 1, 8, 0x11);
	at = put(*list, at, 4, 1, 2);
	(void)put(*list, at, 2, 16, 0x22);
	Identity found;
	test.expect(TRY(found.take(*list, Ids::Good)));
	test.expect(found.set == CommandSet::Zoned);
	test.expect_eq(u32(found.uuid[15]), 0x33u);
	test.expect_eq(u32(found.eui64[0]), 0x11u);
	test.expect_eq(u32(found.nguid[0]), 0x22u);

	Identity bogus;
	test.expect(TRY(bogus.take(*list, Ids::Bogus)));
	test.expect(bogus.set == CommandSet::Zoned);
	test.expect_eq(u32(bogus.uuid[15] | bogus.eui64[0] | bogus.nguid[0]), 0u);
	test.expect(!(bogus == found));
	return {};
}

/// What an untrusted device may say: lengths that are none, and descriptors that go beyond the end.
KUNIT_TEST(nvme_identity, lengths_are_checked)
{
	auto list = TRY(Box<IdentifierList>::make(Gfp::Kernel));
	for (u32 type : kunit::each(1u, 2u, 3u, 4u)) {
		*list = {};
		(void)put(*list, put(*list, 0, 4, 1, 2), type, 5, 0xff);
		Identity found;
		test.expect_error(found.take(*list, Ids::Good), EINVAL);
		test.expect(found.set == CommandSet::Zoned);
	}
	*list = {};
	Identity none;
	test.expect(!TRY(none.take(*list, Ids::Good)));
	for (u8& byte : list->bytes)
		byte = 0xff;
	test.expect(!TRY(none.take(*list, Ids::Good)));
	// The last descriptor ends where the list does, or one byte later.
	*list = {};
	u32 at = 0;
	while (at + 4 + 255 <= 4096 - 20)
		at = put(*list, at, 200, 255, 0);
	at = put(*list, at, 200, 4096 - 20 - at - 4, 0);
	test.expect_eq(at, 4096u - 20);
	(void)put(*list, at, 3, 16, 0x55);
	Identity last;
	test.expect(!TRY(last.take(*list, Ids::Good)));
	test.expect_eq(u32(last.uuid[15]), 0x55u);
	*list = {};
	at = 0;
	while (at + 4 + 255 <= 4096 - 19)
		at = put(*list, at, 200, 255, 0);
	at = put(*list, at, 200, 4096 - 19 - at - 4, 0);
	(void)put(*list, at, 3, 16, 0x55);
	Identity beyond;
	test.expect(!TRY(beyond.take(*list, Ids::Good)));
	test.expect_eq(u32(beyond.uuid[0]), 0u);
	return {};
}

KUNIT_TEST(nvme_identity, older_ids_fill_gaps)
{
	auto id = TRY(Box<IdentifyNamespace>::make(Gfp::Kernel));
	*id = {};
	id->eui64[7] = 1;
	id->nguid[15] = 2;
	Identity found;
	found.nguid[0] = 9;
	found.take_missing(*id, Ids::Good);
	test.expect_eq(u32(found.eui64[7]), 1u);
	test.expect_eq(u32(found.nguid[0]), 9u);
	test.expect_eq(u32(found.nguid[15]), 0u);
	Identity bogus;
	bogus.take_missing(*id, Ids::Bogus);
	test.expect(bogus == Identity{});
	return {};
}

KUNIT_SUITE(nvme_identity);

}  // namespace nvme
