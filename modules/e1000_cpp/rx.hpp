// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Frames on their way in: one ring, filled and emptied by NAPI.
/// Spec: 8254x SDM 3.2.   C side: e1000_clean_rx_irq(), e1000_alloc_rx_buffers().
///
/// Locks: none; NAPI is the only user, but for allocation and the end, while it is disabled.

#include <cxxrt/net.hpp>

#include "hardware.hpp"

namespace e1000 {

class RxRing : Pinned {
public:
	/// What the device may write into a buffer: a frame with a VLAN tag and its check sequence.   Units: bytes.
	static constexpr u32 kFrameBytes = 1522;

	RxRing(net::Device dev, dma::Device dma, net::Napi& napi) : dev_(dev), dma_(dma), napi_(napi) {}
	~RxRing() { release(); }
	/// Context: process; sleeps.   Errors: ENOMEM.   Units: entries, a multiple of 8.
	Result<void> allocate(u32 count) EXCLUDES(atomic_context);
	/// Takes the buffers away from the device.
	void empty();
	void release();
	/// Tells the device where it is. It is empty.
	Result<void> program(Window window);
	/// Gives the device as many buffers as there is room for.
	void fill();
	/// Receives at most `budget` frames; how many.   Context: NAPI.
	CXXRT_HOT u32 receive(u32 budget);

private:
	static constexpr u32 kHeadroom = net::PagePool::kHeadroom;
	static constexpr u32 kBufferBytes = net::PagePool::room_for(kHeadroom, kFrameBytes);
	static_assert(kBufferBytes <= kPageSize / 2);
	/// Shorter frames are copied, and their buffer stays.   Units: bytes.
	static constexpr u32 kCopyBreak = 256;
	/// Buffers that are given to the device together.
	static constexpr u32 kBatch = 16;

	u32 after(u32 i) const { return i + 1 == count_ ? 0 : i + 1; }
	CXXRT_INLINE net::Skb take(u32 i, u32 length);

	const net::Device dev_;
	const dma::Device dma_;
	net::Napi& napi_;
	net::PagePool pool_;
	dma::Coherent<RxDesc[]> ring_;
	Array<net::PagePool::Buffer> buffers_;
	mmio::Doorbell tail_;
	u32 count_ = 8;
	u32 next_ = 0;	  // to be looked at
	u32 filled_ = 0;  // the first without a buffer
	bool discarding_ = false;  // the rest of a frame that is too long
};

}  // namespace e1000
