// SPDX-License-Identifier: GPL-2.0
#include "moderation.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

// Interrupts in a second, by what traffic wants. What follow() compares with depends on them.
constexpr u32 kRates[] = {70000, 20000, 4000};
/// For slower links.
constexpr u32 kSlowRate = 4000;
/// Units: bytes a packet: those of large frames and of segments that the device cuts.
constexpr u32 kJumbo = 8000;
/// Intervals in a row that want more interrupts, before there are more: those of a stream differ, and each change is a write.
constexpr u32 kPatience = 3;

}  // namespace

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a table in words
Moderation::Latency Moderation::follow(Latency now, Traffic traffic)
{
	if (traffic.packets == 0)
		return now;
	const u32 average = traffic.bytes / traffic.packets;
	switch (now) {
	case Latency::Lowest:
		if (average > kJumbo)
			return Latency::Bulk;
		return traffic.packets < 5 && traffic.bytes > 512 ? Latency::Low : now;
	case Latency::Low:
		if (traffic.bytes > 10000) {
			if (average > kJumbo || traffic.packets < 10 || average > 1200)
				return Latency::Bulk;
			return traffic.packets > 35 ? Latency::Lowest : now;
		}
		if (average > 2000)
			return Latency::Bulk;
		return traffic.packets <= 2 && traffic.bytes < 512 ? Latency::Lowest : now;
	case Latency::Bulk:
		if (traffic.bytes > 25000)
			return traffic.packets > 35 ? Latency::Low : now;
		return traffic.bytes < 6000 ? Latency::Low : now;
	}
	return now;
}

bool Moderation::set_rate(u32 rate)
{
	const u32 wishes = rate > rate_ ? wishes_for_more_ + 1 : 0;
	wishes_for_more_ = u8(min(wishes, kPatience));
	if (rate == rate_ || (rate > rate_ && wishes < kPatience))
		return false;
	// Rather too few of them: more come in steps.
	const u32 step = rate_ + (rate / 4);
	rate_ = rate > rate_ && step < rate ? step : rate;
	return true;
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): sending comes first, as everywhere
bool Moderation::adapt(Traffic sent, Traffic received, bool is_gigabit)
{
	if (!is_gigabit)
		return set_rate(kSlowRate);
	sending_ = follow(sending_, sent);
	receiving_ = follow(receiving_, received);
	if (setting_ == kConservative) {
		if (sending_ == Latency::Lowest)
			sending_ = Latency::Low;
		if (receiving_ == Latency::Lowest)
			receiving_ = Latency::Low;
	}
	return set_rate(kRates[u32(sending_ > receiving_ ? sending_ : receiving_)]);
}

bool Moderation::adapt_simple(u64 sent_bytes, u64 received_bytes)
{
	constexpr u64 kUnit = 10000;
	constexpr u32 kLeast = 2000;
	constexpr u32 kRange = 6000;
	const u64 all = (sent_bytes + received_bytes) / kUnit;
	const u64 more = sent_bytes > received_bytes ? sent_bytes - received_bytes : received_bytes - sent_bytes;
	const u32 rate = all == 0 ? kLeast + kRange : u32((more / kUnit * kRange / all) + kLeast);
	if (rate == rate_)
		return false;
	rate_ = rate;
	return true;
}

}  // namespace e1000
