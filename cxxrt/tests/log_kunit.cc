// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/log.hpp>

#include <cxxrt/kunit.hpp>

namespace cxxrt::kunit {

/// Ten lines, and then silence; a second limit is not concerned.
KUNIT_TEST(cxxrt_log, rate_limit_allows_ten)
{
	log::RateLimit limit, other;
	for (int i = 0; i < 10; ++i)
		test.expect(limit.allows());
	for (int i = 0; i < 10; ++i)
		test.expect(!limit.allows());
	test.expect(other.allows());
	return {};
}

/// What the VM suite looks for in the log: every level and form, with the module's prefix.
KUNIT_TEST(cxxrt_log, prints_every_form)
{
	log::info<"log forms %d %u %x %ld %lu %lx %lld %llu %llx %s %5d %%">(-1, 4294967295u, 255u, -2l, ~0ul, 0x10ul,
									     s64(-3), ~0ull, 0x20ull, "text", 42);
	log::warn<"log warns">();
	log::error<"log reports %s">("errors");
	log::RateLimit limit;
	for (int i = 0; i < 30; ++i)
		log::warn_limited<"log limits">(limit);
	return {};
}

KUNIT_SUITE(cxxrt_log);

}  // namespace cxxrt::kunit
