// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The 82547's transmit FIFO, in which no frame may wrap while the link is half duplex: the device would hang.
/// Spec: 82547 specification update.   C side: e1000_82547_fifo_workaround(), e1000_82547_tx_fifo_stall_task().

#include <cxxrt/atomic.hpp>

#include "hardware.hpp"

namespace e1000 {

/// Where the next frame will be in it.   Locks: who sends is one at a time; the rest is atomic.
class TxFifo {
public:
	/// For so much memory that receives, of 40 KiB; unused with other families.   Only while nothing is sent.
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the device comes first
	void reset(const Family& family, u32 receive_kib)
	{
		size_ = family.has_fifo_bug && receive_kib < kAllKib ? (kAllKib - receive_kib) << 10 : 0;
		start_ = receive_kib << 7;
		head_ = 0;
		stalled_.store_relaxed(0);
	}
	bool is_used() const { return size_ != 0; }
	void set_half_duplex(bool is_half) { is_half_.store_relaxed(is_half ? 1 : 0); }
	/// A frame of `bytes` bytes can be sent now. If not, the queue has to stop until rewind() succeeds.
	bool admits(u32 bytes)
	{
		if (is_half_.load_relaxed() == 0)
			return true;
		if (stalled_.load_relaxed() != 0)
			return false;
		if (room_for(bytes) < kPadding + (size_ - head_))
			return true;
		stalled_.store_relaxed(1);
		return false;
	}
	/// It was given to the device.
	void add(u32 bytes)
	{
		head_ += room_for(bytes);
		if (head_ >= size_)
			head_ -= size_;
	}
	bool is_stalled() const { return stalled_.load_relaxed() != 0; }
	/// Begins anew at its start, if all has been sent: false if not yet.   Context: process; the queue is stopped.
	bool rewind(const Window& window);
	u32 head() const { return head_; }
	u32 size() const { return size_; }

private:
	static constexpr u32 kAllKib = 40;
	/// What the device puts before a frame, and what it rounds up to.
	static constexpr u32 kHeader = 16;
	static constexpr u32 kPadding = 0x3e0;
	static u32 room_for(u32 bytes) { return (bytes + kHeader + kHeader - 1) & ~(kHeader - 1); }

	u32 size_ = 0;	 // bytes
	u32 start_ = 0;	 // in units of 8 bytes
	u32 head_ = 0;	 // bytes
	Atomic<u32> is_half_{0};
	Atomic<u32> stalled_{0};
};

}  // namespace e1000
