// SPDX-License-Identifier: GPL-2.0
#include "stats.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

/// All of them, by their place.
struct CounterRegs : mmio::RegisterArray<0x4000, 64> {};

struct Counter {
	u16 offset;
	u64 Counts::* value;
	Counters since = Counters::First;  // which families have it
	bool is_wide = false;		   // its upper half follows, and takes both away
};

/// 13.7.1 to 13.7.67. What nobody is shown is not read.
constexpr Counter kCounters[] = {
	{.offset = 0x4000, .value = &Counts::crc_errors},
	{.offset = 0x4004, .value = &Counts::align_errors, .since = Counters::WithErrors},
	{.offset = 0x400c, .value = &Counts::rx_data_errors, .since = Counters::WithErrors},
	{.offset = 0x4010, .value = &Counts::missed},
	{.offset = 0x4014, .value = &Counts::single_collisions},
	{.offset = 0x4018, .value = &Counts::excess_collisions},
	{.offset = 0x401c, .value = &Counts::multiple_collisions},
	{.offset = 0x4020, .value = &Counts::late_collisions},
	{.offset = 0x4028, .value = &Counts::collisions},
	{.offset = 0x4030, .value = &Counts::deferred},
	{.offset = 0x4034, .value = &Counts::no_carrier, .since = Counters::WithErrors},
	{.offset = 0x403c, .value = &Counts::extension_errors, .since = Counters::WithErrors},
	{.offset = 0x4048, .value = &Counts::xon_received},
	{.offset = 0x404c, .value = &Counts::xon_sent},
	{.offset = 0x4050, .value = &Counts::xoff_received},
	{.offset = 0x4054, .value = &Counts::xoff_sent},
	{.offset = 0x4074, .value = &Counts::good_received},
	{.offset = 0x4078, .value = &Counts::broadcast_received},
	{.offset = 0x407c, .value = &Counts::multicast_received},
	{.offset = 0x4080, .value = &Counts::good_sent},
	{.offset = 0x4088, .value = &Counts::bytes_received, .is_wide = true},
	{.offset = 0x4090, .value = &Counts::bytes_sent, .is_wide = true},
	{.offset = 0x40a0, .value = &Counts::no_buffer},
	{.offset = 0x40a4, .value = &Counts::undersize},
	{.offset = 0x40ac, .value = &Counts::oversize},
	{.offset = 0x40b4, .value = &Counts::management_received, .since = Counters::WithManagement},
	{.offset = 0x40b8, .value = &Counts::management_dropped, .since = Counters::WithManagement},
	{.offset = 0x40bc, .value = &Counts::management_sent, .since = Counters::WithManagement},
	{.offset = 0x40d4, .value = &Counts::all_sent},
	{.offset = 0x40f0, .value = &Counts::multicast_sent},
	{.offset = 0x40f4, .value = &Counts::broadcast_sent},
	{.offset = 0x40f8, .value = &Counts::segmented, .since = Counters::WithErrors},
	{.offset = 0x40fc, .value = &Counts::segmented_failed, .since = Counters::WithErrors},
};

}  // namespace

constexpr Statistics::Named Statistics::kAll[] = {
	{.name = "rx_packets", .value = &Counts::good_received},
	{.name = "tx_packets", .value = &Counts::good_sent},
	{.name = "rx_bytes", .value = &Counts::bytes_received},
	{.name = "tx_bytes", .value = &Counts::bytes_sent},
	{.name = "rx_broadcast", .value = &Counts::broadcast_received},
	{.name = "tx_broadcast", .value = &Counts::broadcast_sent},
	{.name = "rx_multicast", .value = &Counts::multicast_received},
	{.name = "tx_multicast", .value = &Counts::multicast_sent},
	{.name = "rx_errors", .value = &Counts::rx_data_errors},
	{.name = "tx_errors", .value = &Counts::tx_errors},
	{.name = "tx_dropped", .value = &Counts::send_dropped},
	{.name = "multicast", .value = &Counts::multicast_received},
	{.name = "collisions", .value = &Counts::collisions},
	{.name = "rx_length_errors", .value = &Counts::length_errors},
	{.name = "rx_over_errors", .value = &Counts::none},
	{.name = "rx_crc_errors", .value = &Counts::crc_errors},
	{.name = "rx_frame_errors", .value = &Counts::align_errors},
	{.name = "rx_no_buffer_count", .value = &Counts::no_buffer},
	{.name = "rx_missed_errors", .value = &Counts::missed},
	{.name = "tx_aborted_errors", .value = &Counts::excess_collisions},
	{.name = "tx_carrier_errors", .value = &Counts::no_carrier},
	{.name = "tx_fifo_errors", .value = &Counts::none},
	{.name = "tx_heartbeat_errors", .value = &Counts::none},
	{.name = "tx_window_errors", .value = &Counts::late_collisions},
	{.name = "tx_abort_late_coll", .value = &Counts::late_collisions},
	{.name = "tx_deferred_ok", .value = &Counts::deferred},
	{.name = "tx_single_coll_ok", .value = &Counts::single_collisions},
	{.name = "tx_multi_coll_ok", .value = &Counts::multiple_collisions},
	{.name = "tx_timeout_count", .value = &Counts::timeouts},
	{.name = "tx_restart_queue", .value = &Counts::restarts},
	{.name = "rx_long_length_errors", .value = &Counts::oversize},
	{.name = "rx_short_length_errors", .value = &Counts::undersize},
	{.name = "rx_align_errors", .value = &Counts::align_errors},
	{.name = "tx_tcp_seg_good", .value = &Counts::segmented},
	{.name = "tx_tcp_seg_failed", .value = &Counts::segmented_failed},
	{.name = "rx_flow_control_xon", .value = &Counts::xon_received},
	{.name = "rx_flow_control_xoff", .value = &Counts::xoff_received},
	{.name = "tx_flow_control_xon", .value = &Counts::xon_sent},
	{.name = "tx_flow_control_xoff", .value = &Counts::xoff_sent},
	{.name = "rx_long_byte_count", .value = &Counts::bytes_received},
	{.name = "rx_csum_offload_good", .value = &Counts::checksums_good},
	{.name = "rx_csum_offload_errors", .value = &Counts::checksums_bad},
	{.name = "alloc_rx_buff_failed", .value = &Counts::allocations_failed},
	{.name = "tx_smbus", .value = &Counts::management_sent},
	{.name = "rx_smbus", .value = &Counts::management_received},
	{.name = "dropped_smbus", .value = &Counts::management_dropped},
	// Those that the C driver does not have.
	{.name = "interrupts", .value = &Counts::interrupts},
	{.name = "tx_contexts_kept", .value = &Counts::contexts_kept},
	{.name = "tx_doorbells_kept", .value = &Counts::doorbells_kept},
	{.name = "rx_control_writes_kept", .value = &Counts::control_writes_kept},
	{.name = "rx_xdp_passed", .value = &Counts::xdp_passed},
	{.name = "rx_xdp_dropped", .value = &Counts::xdp_dropped},
	{.name = "rx_xdp_sent", .value = &Counts::xdp_sent},
	{.name = "rx_xdp_redirected", .value = &Counts::xdp_redirected},
	{.name = "tx_xdp_frames", .value = &Counts::xdp_frames},
};

void Statistics::read(Window window, const Family& family, bool is_full_duplex)
{
	for (const Counter& counter : kCounters) {
		if (counter.since > family.counters)
			continue;
		const u32 at = (counter.offset - CounterRegs::kOffset) / sizeof(u32);
		u64 fresh = window.read_at<CounterRegs>(at);
		if (counter.is_wide)
			fresh |= u64(window.read_at<CounterRegs>(at + 1)) << 32;
		counts_.*counter.value += fresh;
	}
	if (family.miscounts_carrier && is_full_duplex)
		counts_.no_carrier = 0;
	// The device's own sum of these is wrong on some.
	counts_.length_errors = counts_.undersize + counts_.oversize;
	counts_.tx_errors = counts_.excess_collisions + counts_.late_collisions;
}

void Statistics::correct(const TbiCounts& now)
{
	const TbiCounts before = exchange(corrected_, now);
	const u64 frames = now.frames - before.frames;
	if (frames == 0)
		return;
	// What the device has not counted is not taken away.
	counts_.crc_errors -= min(counts_.crc_errors, frames);
	counts_.oversize -= min(counts_.oversize, now.longest - before.longest);
	counts_.length_errors = counts_.undersize + counts_.oversize;
	counts_.good_received += frames;
	counts_.bytes_received += now.bytes - before.bytes;
	counts_.broadcast_received += now.broadcasts - before.broadcasts;
	counts_.multicast_received += now.multicasts - before.multicasts;
}

void Statistics::publish(net::Device dev) const
{
	const Counts& now = counts_;
	dev.set_counters({
		.multicast = now.multicast_received,
		.collisions = now.collisions,
		.rx_errors = now.rx_data_errors + now.crc_errors + now.align_errors + now.undersize + now.oversize +
			     now.extension_errors,
		.rx_length_errors = now.length_errors,
		.rx_crc_errors = now.crc_errors,
		.rx_frame_errors = now.align_errors,
		.rx_missed_errors = now.missed,
		.tx_errors = now.tx_errors,
		.tx_aborted_errors = now.excess_collisions,
		.tx_window_errors = now.late_collisions,
		.tx_carrier_errors = now.no_carrier,
	});
}

}  // namespace e1000
