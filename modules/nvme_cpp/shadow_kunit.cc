// SPDX-License-Identifier: GPL-2.0
#include "queue.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {
namespace {

/// A queue's words, where the test is the device.
struct Words {
	le32 told, seen;
	bool tell(u32 value, u32 before)
	{
		const ShadowWords words{.sq = dma::SharedWord::unsafe_from(&told),
					.cq = {},
					.sq_seen = dma::SharedWord::unsafe_from(&seen),
					.cq_seen = {}};
		return words.must_wake<&ShadowWords::sq, &ShadowWords::sq_seen>(value, before);
	}
};

}  // namespace

KUNIT_TEST(nvme_shadow, without_words_the_device_is_woken_each_time)
{
	const ShadowWords none;
	test.expect((none.must_wake<&ShadowWords::sq, &ShadowWords::sq_seen>(1, 0)));
	return {};
}

KUNIT_TEST(nvme_shadow, a_device_that_is_behind_is_not_woken)
{
	// It has seen up to 3 when it looked last, and looks on.
	Words device{.told = 5u, .seen = 3u};
	test.expect(!device.tell(6, 5));
	test.expect_eq(device.told.get(), 6u);
	return {};
}

KUNIT_TEST(nvme_shadow, a_device_that_has_seen_all_is_woken)
{
	Words device{.told = 5u, .seen = 5u};
	test.expect(device.tell(6, 5));
	device.seen = 6u;
	test.expect(device.tell(9, 6));
	// It wants to be woken past 7, in the middle of what is told.
	device = {.told = 6u, .seen = 7u};
	test.expect(device.tell(9, 6));
	return {};
}

KUNIT_TEST(nvme_shadow, what_wraps_is_told_as_all_else)
{
	Words device{.told = 1020u, .seen = 1020u};
	test.expect(device.tell(2, 1020));
	device = {.told = 1022u, .seen = 1023u};
	test.expect(device.tell(2, 1022));
	device = {.told = 1022u, .seen = 1000u};
	test.expect(!device.tell(2, 1022));
	test.expect_eq(device.told.get(), 2u);
	return {};
}

KUNIT_SUITE(nvme_shadow);

}  // namespace nvme
