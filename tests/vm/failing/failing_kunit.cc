// SPDX-License-Identifier: GPL-2.0
/// \file
/// A suite that fails on purpose: tests build it, and see that it does. No part of any build.
#include <cxxrt/kunit.hpp>
#include <cxxrt/log.hpp>
#include <cxxrt/memory.hpp>

namespace cxxrt::kunit {
namespace {

/// Must be destroyed whatever fails.
class Guarded : Pinned {
public:
	~Guarded() { log::info<"the guard of unmet_expectation is gone">(); }
};

struct Lost {
	u64 number = 0x1057;
	u8 rest[1016] = {};
};

}  // namespace

KUNIT_TEST(failing, met_expectation)
{
	test.expect_eq(1, 1);
	return {};
}

KUNIT_TEST(failing, unmet_expectation)
{
	Guarded guarded;
	test.expect_eq(1, 2);
	test.expect_eq("three", "one\ntwo");
	return {};
}

KUNIT_TEST(failing, failed_try)
{
	TRY(Result<void>{ENOSPC});
	return {};
}

/// An error that nobody documented; on kernels that cannot fail allocations, just an error.
KUNIT_TEST(failing, wrong_error)
{
	test.expect_survives_failed_allocations([]() -> Result<void> {
		if (!Box<u64>::make(Gfp::Kernel).ok())
			return EIO;
		return {};
	});
	if (test.skipped() != nullptr)
		return EIO;
	return {};
}

/// Passes; kmemleak finds what is lost.
KUNIT_TEST(failing, leak)
{
	for (int i = 0; i < 10; ++i) {
		auto box = TRY(Box<Lost>::make(Gfp::Kernel));
		test.expect(box.leak() != nullptr);
	}
	return {};
}

KUNIT_TEST(failing, skipped) { return test.skip("on purpose"); }

KUNIT_SUITE(failing);

}  // namespace cxxrt::kunit
