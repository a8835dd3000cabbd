// SPDX-License-Identifier: GPL-2.0
#include "moderation.hpp"

#include <cxxrt/kunit.hpp>

#include "params.hpp"

namespace e1000 {
namespace {

constexpr u32 kLowest = 70000;
constexpr u32 kLow = 20000;
constexpr u32 kBulk = 4000;

Moderation made(u32 setting)
{
	Moderation moderation;
	moderation.configure(setting, Moderation::kFirstRate);
	return moderation;
}

/// Adapts until nothing changes.
u32 settled(Moderation& moderation, Traffic sent, Traffic received)
{
	for (u32 i = 0; i < 20; ++i)
		(void)moderation.adapt(sent, received, true);
	return moderation.interval();
}

constexpr Traffic kPing{.packets = 1, .bytes = 98};
constexpr Traffic kStream{.packets = 3, .bytes = 45000};  // segments of TCP, which the device cuts
constexpr Traffic kNone;

/// EK-36: few small frames want no delay, which the conservative mode does not go as far as.
KUNIT_TEST(e1000_moderation, pings_are_answered_at_once)
{
	auto dynamic = made(Moderation::kDynamic);
	test.expect_eq(settled(dynamic, kPing, kPing), Moderation::interval_of(kLowest));
	auto conservative = made(Moderation::kConservative);
	test.expect_eq(settled(conservative, kPing, kPing), Moderation::interval_of(kLow));
	return {};
}

/// EK-36: the direction that wants fewer interrupts is heeded.
KUNIT_TEST(e1000_moderation, streams_want_few_interrupts)
{
	auto moderation = made(Moderation::kDynamic);
	(void)settled(moderation, kPing, kPing);
	test.expect_eq(settled(moderation, kNone, kStream), Moderation::interval_of(kBulk));
	test.expect_eq(settled(moderation, kPing, kStream), Moderation::interval_of(kBulk));
	return {};
}

/// EK-36: more interrupts come in steps of a quarter of what is wanted, once three intervals in a row have wanted them; fewer at once.
KUNIT_TEST(e1000_moderation, rates_rise_in_steps)
{
	auto moderation = made(Moderation::kDynamic);
	test.expect_eq(settled(moderation, kNone, kStream), Moderation::interval_of(kBulk));
	constexpr Traffic kFew{.packets = 2, .bytes = 3000};
	for (u32 i = 0; i < 2; ++i)
		test.expect_eq(moderation.adapt(kNone, kFew, true), false);
	test.expect_eq(moderation.adapt(kNone, kFew, true), true);
	test.expect_eq(moderation.interval(), Moderation::interval_of(kBulk + (kLow / 4)));
	test.expect_eq(moderation.adapt(kNone, kFew, true), true);
	test.expect_eq(moderation.interval(), Moderation::interval_of(kBulk + (kLow / 2)));
	return {};
}

/// EK-75: a stream whose intervals differ does not have the rate written again and again.
KUNIT_TEST(e1000_moderation, streams_that_waver_keep_their_rate)
{
	auto moderation = made(Moderation::kDynamic);
	(void)settled(moderation, kNone, kStream);
	for (u32 i = 0; i < 10; ++i) {
		test.expect_eq(moderation.adapt(kNone, {.packets = 2, .bytes = 3000}, true), false);
		test.expect_eq(moderation.adapt(kNone, kStream, true), false);
	}
	test.expect_eq(moderation.interval(), Moderation::interval_of(kBulk));
	return {};
}

/// EK-36: slow links have one rate.
KUNIT_TEST(e1000_moderation, slow_links_have_one_rate)
{
	auto moderation = made(Moderation::kDynamic);
	test.expect_eq(moderation.adapt(kPing, kPing, false), true);
	test.expect_eq(moderation.interval(), Moderation::interval_of(kBulk));
	test.expect_eq(moderation.adapt(kStream, kStream, false), false);
	return {};
}

/// EK-36: in the simple mode as many go each way as they use the wire differently.
KUNIT_TEST(e1000_moderation, simple_mode_looks_at_both_directions)
{
	auto moderation = made(Moderation::kSimple);
	constexpr u64 kBytes = 100000000;
	(void)moderation.adapt_simple(kBytes, kBytes);
	test.expect_eq(moderation.interval(), Moderation::interval_of(2000));
	(void)moderation.adapt_simple(kBytes, 0);
	test.expect_eq(moderation.interval(), Moderation::interval_of(8000));
	(void)moderation.adapt_simple(0, 0);
	test.expect_eq(moderation.interval(), Moderation::interval_of(8000));
	return {};
}

/// EK-17, EK-38: rings are as long as the family has them, in eights.
KUNIT_TEST(e1000_options, rings_are_rounded)
{
	const Family& old = family_of(Mac::I82543);
	const Family& usual = family_of(Mac::I82540);
	test.expect_eq(Options::ring_size(usual, 0), 48u);
	test.expect_eq(Options::ring_size(usual, 49), 56u);
	test.expect_eq(Options::ring_size(usual, ~0u), 4096u);
	test.expect_eq(Options::ring_size(old, 4096), 256u);
	return {};
}

KUNIT_SUITE(e1000_moderation);
KUNIT_SUITE(e1000_options);

}  // namespace
}  // namespace e1000
