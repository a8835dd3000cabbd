// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What users may set for each port when the module is loaded.
/// C side: e1000_param.c.

#include <cxxrt/pci.hpp>

#include "hardware.hpp"
#include "moderation.hpp"

namespace e1000 {

/// All of a port's, of the values that it may have.
struct Options {
	static constexpr u32 kLeastDescriptors = 48;
	static constexpr u32 kDescriptors = 256;
	/// Units of the device's lengths of rings.
	static constexpr u32 kDescriptorMultiple = 8;

	u32 tx_descriptors = kDescriptors;
	u32 rx_descriptors = kDescriptors;
	bool checks_sums = true;
	bool negotiates_flow = true;
	/// Units: 1.024 us.
	u16 tx_delay = 8, tx_absolute_delay = 32, rx_delay = 0, rx_absolute_delay = 8;
	u32 moderation = Moderation::kConservative;
	/// Units: interrupts in a second.
	u32 rate = Moderation::kFirstRate;
	Wishes wishes;

	/// `count` as a ring of the family may be long.
	static constexpr u32 ring_size(const Family& family, u32 count)
	{
		const u32 in_range = min(max(count, kLeastDescriptors), u32(family.most_descriptors));
		return (in_range + kDescriptorMultiple - 1) / kDescriptorMultiple * kDescriptorMultiple;
	}
};

/// What was asked for board number `number`, with a line for each value that was, and the default for what cannot be.
/// Context: process.
Options read_options(pci::Device dev, u32 number, const Family& family, Media media);

/// For the PCI core, and for programs.
inline constexpr const char* kDriverName = "e1000_cpp";

/// Frames up to this length are copied, and their buffer stays.   Context: any; it may change at any time.   Units: bytes.
u32 copybreak();
/// Also what the C driver does not count.
bool shows_extra_statistics();
/// Cards that no driver has are taken, without being asked to.
bool binds_all();
/// What programs are told of the driver is what C tells them.
bool has_c_names();
/// Any card is given addresses beyond 4 GiB, as emulated ones take them.
bool uses_long_addresses();
/// Users may have segments of IPv6 made by the device.
bool offers_tso6();
/// Kinds of messages, as net::Message's bits, that ports begin with.
u32 first_messages();
/// Says what is unusual. Once, when the module is loaded.
void announce();

}  // namespace e1000
