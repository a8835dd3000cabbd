// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What the device counts, and what of it users are shown.
/// Spec: 8254x SDM 13.7 "Statistics Registers", which are zero again when they have been read.
/// C side: e1000_update_stats(), e1000_gstrings_stats.
/// Context: process.   Locks: the caller's; one at a time.

#include <cxxrt/net.hpp>

#include "family.hpp"
#include "hardware.hpp"

namespace e1000 {

/// In the order and by the names of the C driver's.
struct Counts {
	// The device's.
	u64 crc_errors, align_errors, rx_data_errors, missed, single_collisions, excess_collisions, multiple_collisions,
		late_collisions, collisions, deferred, no_carrier, extension_errors;
	u64 xon_received, xon_sent, xoff_received, xoff_sent;
	u64 good_received, broadcast_received, multicast_received, good_sent, bytes_received, bytes_sent;
	u64 no_buffer, undersize, oversize;
	u64 management_received, management_dropped, management_sent;
	u64 all_sent, multicast_sent, broadcast_sent, segmented, segmented_failed;
	// What follows from them.
	u64 length_errors, tx_errors;
	// The driver's.
	u64 send_dropped, timeouts, restarts, checksums_good, checksums_bad, allocations_failed;
	u64 none;
	// Those behind a parameter.
	u64 interrupts, contexts_kept, doorbells_kept, control_writes_kept;
	u64 xdp_passed, xdp_dropped, xdp_sent, xdp_redirected, xdp_frames;
};

class Statistics {
public:
	static constexpr u32 kNames = 46;
	static constexpr u32 kExtraNames = 9;
	/// The names, and the values to which they belong.
	struct Named {
		const char* name;
		u64 Counts::* value;
	};
	static const Named kAll[kNames + kExtraNames];

	/// Adds what the device has counted since.
	void read(Window window, const Family& family, bool is_full_duplex);
	/// Moves frames that only look bad from the bad ones to the good ones: those since the last call. After read().
	void correct(const TbiCounts& now);
	/// Shows the network device what it wants to know.
	void publish(net::Device dev) const;
	const Counts& counts() const { return counts_; }
	Counts& counts() { return counts_; }

private:
	Counts counts_{};
	TbiCounts corrected_;
};

}  // namespace e1000
