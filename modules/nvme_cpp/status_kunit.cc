// SPDX-License-Identifier: GPL-2.0
#include "status.hpp"

#include <cxxrt/kunit.hpp>
#include <cxxrt/system.hpp>

namespace nvme {
namespace {

using S = blk::Status;

/// Everything that is not an I/O error, once more.
S expected(u32 what)
{
	struct Row {
		S status;
		u32 first, last;
	};
	constexpr Row rows[] = {
		{S::Ok, 0, 0},
		{S::NotSupported, 0x001, 0x002},
		{S::NotSupported, 0x00b, 0x00b},
		{S::Target, 0x021, 0x021},
		{S::Target, 0x080, 0x080},
		{S::NoSpace, 0x081, 0x081},
		{S::Target, 0x082, 0x082},
		{S::Reservation, 0x083, 0x083},
		{S::NotSupported, 0x180, 0x180},
		{S::Protection, 0x181, 0x181},
		{S::Medium, 0x182, 0x182},
		{S::ZoneActiveResource, 0x1bd, 0x1bd},
		{S::ZoneOpenResource, 0x1be, 0x1be},
		{S::Medium, 0x280, 0x281},
		{S::Protection, 0x282, 0x284},
		{S::Medium, 0x285, 0x287},
		{S::Transport, 0x370, 0x370},
	};
	if (what == 0x183 && !kSince6_12)
		return S::NotSupported;
	for (const Row& row : rows) {
		if (what >= row.first && what <= row.last)
			return row.status;
	}
	return S::IoError;
}

}  // namespace

KUNIT_TEST(nvme_status, nv69_every_code_has_its_error)
{
	for (u32 what = 0; what < 0x800; ++what) {
		if (!test.expect_eq(block_status(Status{what}), expected(what)))
			log::error<"status 0x%x">(what);
	}
	return {};
}

/// Bits beyond type and code say what to do, and not what happened.
KUNIT_TEST(nvme_status, advice_is_no_error)
{
	const Status status{0x6281};
	test.expect(status.is_final());
	test.expect(status.has_more());
	test.expect_eq(status.what(), 0x281u);
	test.expect_eq(status.type(), 2u);
	test.expect_eq(status.code(), 0x81u);
	test.expect_eq(block_status(status), S::Medium);
	test.expect(!Status{0x1281}.is_final());
	test.expect(Status{0}.ok());
	test.expect(!Status{0x8001}.is_final());
	return {};
}

KUNIT_SUITE(nvme_status);

}  // namespace nvme
