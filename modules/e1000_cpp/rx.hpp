// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Frames on their way in: one ring, filled and emptied by NAPI.
/// Spec: 8254x SDM 3.2.   C side: e1000_clean_rx_irq(), e1000_alloc_rx_buffers().
///
/// Locks: none; NAPI is the only user, but for allocation and the end, while it is disabled.

#include <cxxrt/net.hpp>
#include <cxxrt/xdp.hpp>

#include "bounds.hpp"
#include "hardware.hpp"
#include "moderation.hpp"
#include "tx.hpp"

namespace e1000 {

class RxRing : Pinned {
public:
	/// How the device uses buffers.
	enum class Mode : u8 {
		OneEach,   ///< 2048 bytes, of which a frame takes one
		Chained,   ///< 4096 bytes, of which a frame may take several
		Examined,  ///< 2048 bytes in a page, for programs that look at frames first
	};
	/// A frame with a VLAN tag and its check sequence, without jumbo frames.   Units: bytes.
	static constexpr u32 kFrameBytes = 1522;

	/// Programs send frames by `sender`.
	RxRing(net::Device dev, dma::Device dma, net::Napi& napi, TxRing& sender)
		: dev_(dev), dma_(dma), napi_(napi), sender_(sender)
	{
	}
	~RxRing() { release(); }
	/// What a ring lives in.
	class Memory;
	/// For one of `count` entries.   Context: process; sleeps.   Errors: ENOMEM.   Units: entries, a multiple of 8.
	/// `in_64k`: the ring crosses no boundary of 64 KiB. Buffers do not, since pages do not. `is_examined`: Mode::Examined can be.
	Result<Memory> allocate(u32 count, bool in_64k, bool is_examined) EXCLUDES(atomic_context);
	/// Lives in it from now on. It is empty.
	void adopt(Memory&& memory);
	/// Takes the buffers away from the device.
	void empty();
	void release();
	/// What is done with frames: those that are bad are received, too; the check sequence stays. It is empty.
	void configure(Mode mode, bool takes_bad, bool keeps_fcs);
	Mode mode() const { return mode_; }
	/// Takes frames up to so long that only look bad: is_tbi_frame(). 0: none.   Context: any.
	void accept_tbi(u32 most_frame_bytes) { most_tbi_bytes_.store_relaxed(most_frame_bytes); }
	/// Tells the device where it is. It is empty.
	Result<void> program(Window window);
	/// Gives the device as many buffers as there is room for.
	void fill();
	/// Receives at most `budget` frames; how many.   Context: NAPI.
	CXXRT_HOT u32 receive(u32 budget);
	/// The device has no buffer left, for want of memory.
	bool is_starved() const { return next_ == filled_; }
	/// What was received since the last call.   Context: NAPI.
	Traffic take_traffic() { return exchange(traffic_, Traffic{}); }
	/// Frames whose checksum the device found good, or bad; buffers that there was no memory for.
	u64 checksums_good() const { return checksums_good_; }
	u64 checksums_bad() const { return checksums_bad_; }
	u64 failed() const { return failed_; }
	/// The program that frames are given to in Mode::Examined.
	xdp::Slot& program() { return program_; }
	/// What programs have had done.
	struct Verdicts {
		u64 passed = 0, dropped = 0, sent = 0, redirected = 0;
	};
	const Verdicts& verdicts() const { return verdicts_; }
	/// Those that the device has counted as bad.
	const TbiCounts& tbi() const { return tbi_; }
	/// Logs a heading, and every descriptor if they are wanted.
	CXXRT_COLD void dump(bool all) const;
	/// Every descriptor, after a heading.   Locks: what keeps adopt() and release() away; NAPI may go on.
	CXXRT_COLD void show(debugfs::Text& out) const;

private:
	static constexpr u32 kHeadroom = net::PagePool::kHeadroom;
	/// The device may write 2048 bytes if it is told to take what is bad.
	static constexpr u32 kShortBytes = net::PagePool::room_for(kHeadroom, kFrameBytes);
	static constexpr u32 kRoomyBytes = net::PagePool::room_for(kHeadroom, 2048);
	static constexpr u32 kChainedBytes = kPageSize;
	static constexpr u32 kExaminedBytes = kPageSize;
	static_assert(kShortBytes <= kPageSize / 2 && kRoomyBytes <= kPageSize &&
		      net::PagePool::room_for(xdp::kHeadroom, 2048) <= kExaminedBytes);
	/// Buffers that are given to the device together.
	static constexpr u32 kBatch = 16;

	/// What reports add to a descriptor's line: it is the next to be looked at, or without a buffer.
	CXXRT_COLD const char* mark(u32 i) const;
	u32 after(u32 i) const { return i + 1 == count_ ? 0 : i + 1; }
	CXXRT_INLINE net::Skb copy(u32 i, u32 length);
	/// A bad frame is good but for its last byte.
	CXXRT_COLD bool is_tbi(u32 i, const RxResult& result, u32 written);
	/// The length of a frame that is in one buffer, with its check sequence; 0: it is not one to be received.
	CXXRT_INLINE u32 accept(u32 i, const RxResult& result);
	CXXRT_INLINE void receive_one(u32 i, const RxResult& result);
	CXXRT_INLINE void examine_one(u32 i, const RxResult& result, xdp::Program program);
	void pass(u32 i, const RxResult& result, const xdp::Received& received);
	void reflect(u32 i, xdp::Received& received, xdp::Program program);
	// Apart, or the usual mode would have to share its registers with them.
	CXXRT_NOINLINE CXXRT_HOT u32 receive_chained(u32 budget);
	CXXRT_NOINLINE u32 examine(u32 budget);
	/// What follows frames that were examined, before poll() ends.
	void end_examination();
	CXXRT_INLINE void receive_part(u32 i, const RxResult& result);
	template <Mode M> CXXRT_INLINE u32 receive_as(u32 budget);
	/// What the device says of the frame, besides its length.
	template <class Frame> CXXRT_INLINE void describe(const Frame& frame, const RxResult& result);
	void count(u32 bytes)
	{
		++frames_;
		bytes_ += bytes;
	}

	const net::Device dev_;
	const dma::Device dma_;
	net::Napi& napi_;
	net::PagePool pool_;
	dma::Coherent<RxDesc[]> ring_;
	Array<net::PagePool::Buffer> buffers_;
	mmio::Doorbell tail_;
	u32 count_ = 8;
	u32 next_ = 0;		      // to be looked at
	u32 filled_ = 0;	      // the first without a buffer
	u32 frames_ = 0, bytes_ = 0;  // since they were counted last
	Mode mode_ = Mode::OneEach;
	bool takes_bad_ = false;
	u8 fcs_bytes_ = 4;	   // at a frame's end, that the stack does not want
	bool discarding_ = false;  // the rest of a frame
	Atomic<u32> most_tbi_bytes_{0};
	u32 buffer_bytes_ = kShortBytes;
	u32 headroom_ = kHeadroom;
	u32 most_bytes_ = kFrameBytes;	// that the device may write to one buffer
	u32 copybreak_ = 0;		// up to this length frames are copied, and their buffer stays
	net::Assembly assembly_;
	Traffic traffic_;
	u64 checksums_good_ = 0, checksums_bad_ = 0, failed_ = 0;
	TbiCounts tbi_;	 // only ever more, of NAPI's; torn by nobody
	// Of programs, after what every frame needs.
	TxRing& sender_;
	xdp::Slot program_;
	xdp::Queue queue_;  // goes before its pool
	Verdicts verdicts_;
	bool has_reflected_ = false, has_redirected_ = false;  // and nobody was told yet
};

class RxRing::Memory : MoveOnly {
	friend class RxRing;
	net::PagePool pool_;
	xdp::Queue queue_;
	dma::Coherent<RxDesc[]> ring_;
	Array<net::PagePool::Buffer> buffers_;
	u32 count_ = 0;
};

}  // namespace e1000
