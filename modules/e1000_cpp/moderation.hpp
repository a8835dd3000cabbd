// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// How often the device may interrupt, and how that follows what passes through it.
/// Spec: 8254x SDM 13.4.18 "Interrupt Throttling".   C side: e1000_update_itr(), e1000_set_itr().
/// Context: any.   Locks: none; adapt() is NAPI's, the others are called while it does not run.

#include <cxxrt/types.hpp>

namespace e1000 {
using namespace cxxrt;

/// What passed in one direction since the last interrupt.
struct Traffic {
	u32 packets = 0;
	u32 bytes = 0;
};

class Moderation {
public:
	// Settings; larger ones are interrupts in a second.
	static constexpr u32 kOff = 0;
	static constexpr u32 kDynamic = 1;
	static constexpr u32 kConservative = 3;	 // never as often as kDynamic may
	static constexpr u32 kSimple = 4;	 // between 2000 and 8000, by which direction is used more

	/// Units: interrupts in a second, for larger settings.
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): what is to be, and where it begins
	void configure(u32 setting, u32 rate)
	{
		setting_ = setting;
		rate_ = rate;
	}
	u32 setting() const { return setting_; }
	bool is_adaptive() const { return setting_ == kDynamic || setting_ == kConservative; }
	/// As ITR has it; 0 does not hold interrupts back.   Units: 256 ns.
	u32 interval() const { return setting_ == kOff ? 0 : interval_of(rate_); }
	/// What comes of the last interval's traffic. True if interval() is another now.
	bool adapt(Traffic sent, Traffic received, bool is_gigabit);
	/// The same for kSimple, of the bytes that passed in 2 s.
	bool adapt_simple(u64 sent_bytes, u64 received_bytes);

	/// Units: interrupts in a second; 256 ns.
	static constexpr u32 interval_of(u32 rate)
	{
		constexpr u32 kNs = 1000000000;
		constexpr u32 kUnit = 256;
		return rate == 0 ? 0 : kNs / (rate * kUnit);
	}
	/// At the start of those that adapt.
	static constexpr u32 kFirstRate = 20000;

private:
	/// What traffic wants.
	enum class Latency : u8 { Lowest, Low, Bulk };
	static Latency follow(Latency now, Traffic traffic);
	bool set_rate(u32 rate);

	u32 setting_ = kConservative;
	u32 rate_ = kFirstRate;
	u8 wishes_for_more_ = 0;  // intervals in a row that wanted more
	Latency sending_ = Latency::Lowest, receiving_ = Latency::Lowest;
};

}  // namespace e1000
