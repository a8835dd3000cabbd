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
		{.status = S::Ok, .first = 0, .last = 0},
		{.status = S::NotSupported, .first = 0x001, .last = 0x002},
		{.status = S::NotSupported, .first = 0x00b, .last = 0x00b},
		{.status = S::Target, .first = 0x021, .last = 0x021},
		{.status = S::Target, .first = 0x080, .last = 0x080},
		{.status = S::NoSpace, .first = 0x081, .last = 0x081},
		{.status = S::Target, .first = 0x082, .last = 0x082},
		{.status = S::Reservation, .first = 0x083, .last = 0x083},
		{.status = S::NotSupported, .first = 0x180, .last = 0x180},
		{.status = S::Protection, .first = 0x181, .last = 0x181},
		{.status = S::Medium, .first = 0x182, .last = 0x182},
		{.status = S::ZoneActiveResource, .first = 0x1bd, .last = 0x1bd},
		{.status = S::ZoneOpenResource, .first = 0x1be, .last = 0x1be},
		{.status = S::Medium, .first = 0x280, .last = 0x281},
		{.status = S::Protection, .first = 0x282, .last = 0x284},
		{.status = S::Medium, .first = 0x285, .last = 0x287},
		{.status = S::Transport, .first = 0x370, .last = 0x370},
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

/// Which delay is to pass is between the code and MORE.
KUNIT_TEST(nvme_status, nv69_retry_delays)
{
	for (u32 which : kunit::each(0u, 1u, 2u, 3u)) {
		test.expect_eq(Status{0x0282 | which << 11}.retry_delay(), which);
		test.expect_eq(Status{0x67ff | which << 11}.retry_delay(), which);
	}
	return {};
}

KUNIT_SUITE(nvme_status);

}  // namespace nvme
