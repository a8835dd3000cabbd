// SPDX-License-Identifier: GPL-2.0
#include "protection.hpp"

#include <cxxrt/kunit.hpp>
#include <cxxrt/system.hpp>

namespace nvme {
namespace {

using Guard = Metadata::Guard;
using Offset = Metadata::Offset;

/// A namespace whose format 0 has `bytes` beside each block, protected so.
struct Sample {
	Box<IdentifyNamespace> id;
	Box<IdentifyNamespaceNvm> extra;

	static Result<Sample> make(u32 bytes, u8 dps)
	{
		auto id = TRY(Box<IdentifyNamespace>::make(Gfp::Kernel));
		auto extra = TRY(Box<IdentifyNamespaceNvm>::make(Gfp::Kernel));
		*id = {};
		*extra = {};
		id->lbaf[0] = {.ms = u16(bytes), .lbads = 9, .rp = 0};
		id->dps = dps;
		return Sample{.id = move(id), .extra = move(extra)};
	}
	Metadata plain(Offset offset = Offset::Used) const { return Metadata::read(*id, 0, nullptr, offset); }
	Metadata of_format(u32 bits) const
	{
		extra->elbaf[0] = bits;
		return Metadata::read(*id, 0, extra.get(), Offset::Used);
	}
};

}  // namespace

/// Every type, and those that there are not: 8 bytes beside each block are all protection, wherever they say it is.
KUNIT_TEST(nvme_protection, nv44_types)
{
	for (u32 dps : kunit::each(0u, 1u, 2u, 3u, 4u, 7u, 9u, 0xf8u)) {
		const Sample sample = TRY(Sample::make(8, u8(dps)));
		const u32 type = dps & 7;
		const Metadata found = sample.plain();
		test.expect_eq(u32(found.type), type <= 3 ? type : 0u);
		test.expect_eq(found.bytes, 8u);
		test.expect_eq(found.offset, 0u);
		test.expect(found.is_usable() && found.has_own_memory());
		test.expect_eq(found.is_all_protection(), type >= 1 && type <= 3);
		const blk::Integrity integrity = found.integrity();
		test.expect_eq(integrity.tuple_bytes, 8u);
		test.expect_eq(u32(integrity.guard), u32(type >= 1 && type <= 3 ? Guard::Crc16 : Guard::None));
		test.expect_eq(integrity.has_reference, type == 1 || type == 2);
		constexpr u32 tag_bytes[] = {0, 2, 2, 6};
		test.expect_eq(u32(integrity.tag_bytes), type <= 3 ? tag_bytes[type] : 0);
	}
	return {};
}

/// The format says which guard; with a storage tag, of 32 bits, or of kinds that nobody knows, there is none.
KUNIT_TEST(nvme_protection, nv44_guards_and_storage_tags)
{
	const Sample sample = TRY(Sample::make(16, 9));
	test.expect_eq(u32(sample.of_format(0).guard), u32(Guard::Crc16));
	const Metadata wide = sample.of_format(2 << 7);
	test.expect_eq(u32(wide.guard), u32(Guard::Crc64));
	test.expect(wide.is_all_protection());
	test.expect_eq(wide.integrity().tag_bytes, 2u);
	for (u32 bits : kunit::each(1u, 0x7fu, 1u << 7, 2u << 7 | 16, 3u << 7)) {
		const Metadata none = sample.of_format(bits);
		test.expect_eq(u32(none.type), 0u);
		test.expect_eq(none.protection_bytes(), 0u);
		test.expect(none.has_own_memory());
	}
	// A qualified kind counts only where the namespace says that it has such.
	sample.extra->pic = IdentifyNamespaceNvm::kQualified;
	test.expect_eq(u32(sample.of_format(3 << 7 | 2 << 9).guard), u32(kSince6_12 ? Guard::Crc64 : Guard::None));
	test.expect_eq(u32(sample.of_format(3 << 7 | 0xf << 9).type), 0u);
	// 64 bits of guard do not fit.
	const Sample narrow = TRY(Sample::make(8, 9));
	test.expect_eq(u32(narrow.of_format(2 << 7).type), 0u);
	return {};
}

KUNIT_TEST(nvme_protection, nv45_protection_elsewhere)
{
	const Sample first = TRY(Sample::make(64, 9));
	test.expect_eq(first.plain(Offset::Ignored).offset, 0u);
	test.expect_eq(u32(first.plain(Offset::Ignored).type), 1u);
	const Sample last = TRY(Sample::make(64, 1));
	test.expect_eq(last.plain().offset, 56u);
	test.expect_eq(last.plain().integrity().offset, 56u);
	test.expect_eq(u32(last.plain(Offset::Ignored).type), 0u);
	test.expect_eq(last.plain(Offset::Ignored).offset, 0u);
	test.expect_eq(last.of_format(2 << 7).offset, 48u);
	return {};
}

/// What follows the data, or is longer than the block layer takes, is of use only where the device takes it away.
KUNIT_TEST(nvme_protection, nv46_what_can_be_carried)
{
	for (u32 bytes : kunit::each(0u, 1u, 8u, 255u, 256u, 65535u)) {
		const Sample sample = TRY(Sample::make(bytes, 1));
		const Metadata apart = sample.plain();
		test.expect_eq(apart.has_own_memory(), bytes >= 1 && bytes <= 255);
		test.expect_eq(apart.is_usable(), bytes <= 255);
		sample.id->flbas = IdentifyNamespace::kExtended;
		const Metadata behind = sample.plain();
		test.expect(!behind.has_own_memory());
		test.expect_eq(behind.is_usable(), bytes == 0 || bytes == 8);
		test.expect_eq(behind.integrity().tuple_bytes, 0u);
	}
	return {};
}

/// Words 3, 12 and 14 as the C driver has them.
KUNIT_TEST(nvme_protection, nv44_command_words)
{
	constexpr u64 block = 0x123456789abcdef0;
	const Metadata one{.bytes = 8, .extended = false, .type = 1, .guard = Guard::Crc16, .offset = 0};
	const ProtectionWords carried = one.words(block, true, false);
	test.expect_eq(carried.word12, 0x14000000u);
	test.expect_eq(carried.word14, 0x9abcdef0u);
	test.expect_eq(carried.word3, 0u);
	test.expect_eq(one.words(block, false, false).word12, 0x34000000u);
	test.expect_eq(one.words(block, true, true).word12, 0x16000000u);
	test.expect_eq(one.words_for_zeroes(block).word12, 0x20000000u);
	test.expect_eq(one.words_for_zeroes(block).word14, 0x9abcdef0u);

	Metadata three = one;
	three.type = 3;
	test.expect_eq(three.words(block, true, true).word12, 0x10000000u);
	test.expect_eq(three.words(block, true, false).word14, 0u);
	test.expect_eq(three.words_for_zeroes(block).word14, 0u);

	const Metadata wide{.bytes = 16, .extended = false, .type = 2, .guard = Guard::Crc64, .offset = 0};
	test.expect_eq(wide.words(block, true, false).word14, 0x9abcdef0u);
	test.expect_eq(wide.words(block, true, false).word3, 0x5678u);

	const Metadata none{.bytes = 8, .extended = false, .type = 0, .guard = Guard::Crc16, .offset = 0};
	test.expect_eq(none.words(block, true, false).word12, 0u);
	test.expect_eq(none.words_for_zeroes(block).word12, 0u);
	return {};
}

KUNIT_SUITE(nvme_protection);

}  // namespace nvme
