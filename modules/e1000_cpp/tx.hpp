// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Frames on their way out: one ring, filled by start_xmit() and cleaned by NAPI.
/// Spec: 8254x SDM 3.3, 3.4, 3.5.   C side: e1000_xmit_frame(), e1000_clean_tx_irq().
///
/// Locks: none of its own. Who fills is one at a time, by the stack's lock (xdp::SendGuard); who cleans is NAPI. Each has its index, and
/// reads the other's: `cleaned_` is stored with release order, and loaded with acquire order before its entries are
/// used again.

#include <cxxrt/atomic.hpp>
#include <cxxrt/net.hpp>
#include <cxxrt/xdp.hpp>

#include "bounds.hpp"
#include "hardware.hpp"
#include "moderation.hpp"

namespace cxxrt::debugfs {
class Text;
}  // namespace cxxrt::debugfs

namespace e1000 {

class TxRing : Pinned {
public:
	/// Bytes that one descriptor describes.
	static constexpr u32 kMostBytes = 4096;
	/// Room that the next frame may need: a descriptor for each page of it, its head and its context, and the gap.
	static constexpr u32 kWorstCase = net::kMostFragments + 7;
	/// Free descriptors from which on the stack is asked for more.
	static constexpr u32 kWakeAt = 32;

	TxRing(net::Device dev, dma::Device dma) : dev_(dev), dma_(dma) {}
	~TxRing() { release(); }
	/// What a ring lives in.
	class Memory;
	/// For one of `count` entries.   Context: process; sleeps.   Errors: ENOMEM.   Units: entries, a multiple of 8.
	/// `in_64k`: the ring crosses no boundary of 64 KiB.
	Result<Memory> allocate(u32 count, bool in_64k) EXCLUDES(atomic_context);
	/// Lives in it from now on. It is empty.
	void adopt(Memory&& memory);
	/// Which errata it has to work around. It is empty.
	void configure(const Family& family, bool is_pcix);
	/// Takes it away from the device and drops what is in it. Nobody fills or cleans.
	void empty();
	void release();
	/// Tells the device where it is. It is empty.
	Result<void> program(Window window);

	/// As net's start_xmit().
	CXXRT_HOT net::Tx send(net::Skb skb);
	/// Frames of programs are taken from now on, or no more. Under a SendGuard, as all that follows of them.
	void take_frames(bool wanted) { takes_frames_ = wanted; }
	bool takes_frames() const { return takes_frames_; }
	/// Takes a frame that another device has received, if it can: the device is told by ring_doorbell().
	void send_frame(xdp::Frame& frame);
	/// The same of one that this port has received, into memory at `addr` that both directions are mapped for.
	void reflect(xdp::Frame& frame, dma::Addr addr, net::PagePool& pool);
	/// Tells the device of frames that it was given.
	void ring_doorbell() { tail_.ring(used_.load_relaxed()); }
	/// Frees what has been sent.   Context: NAPI.
	CXXRT_HOT void clean(u32 budget);
	/// What was sent since the last call.   Context: NAPI.
	Traffic take_traffic() { return exchange(traffic_, Traffic{}); }
	/// How often the queue was started again, contexts were the device's already, doorbells were not rung.
	u64 restarts() const { return restarts_; }
	u64 contexts_kept() const { return contexts_kept_; }
	u64 doorbells_kept() const { return doorbells_kept_; }
	/// Frames of programs that were given to the device.
	u64 program_frames() const { return program_frames_; }
	/// What a report of a device that does not send any more says.
	struct View {
		u32 next_to_use, next_to_clean, next_to_watch;
		u8 status;
	};
	View view() const;
	/// Logs a heading, and every descriptor if they are wanted.
	CXXRT_COLD void dump(bool all) const;
	/// Every descriptor, after a heading.   Locks: what keeps adopt() and release() away; others may fill and clean it.
	CXXRT_COLD void show(debugfs::Text& out) const;
	/// There are frames that the device has not sent yet.
	bool has_pending() const { return used_.load_relaxed() != cleaned_.load_relaxed(); }

private:
	struct Entry {
		xdp::Outgoing frame;  // of a frame's last descriptor
		dma::Addr addr;	      // null: nothing to unmap
		u32 length = 0;
		u32 last = 0;	// of a frame's first descriptor: the index of its last
		u32 bytes = 0;	// of the last: on the wire
		u16 packets = 0;
	};

	u32 free_entries(u32 used, u32 cleaned) const { return (cleaned > used ? 0 : count_) + cleaned - used - 1; }
	u32 after(u32 i) const { return i + 1 == count_ ? 0 : i + 1; }
	/// A descriptor, as reports have it.
	struct Line {
		const char* kind;
		u64 low, high;
		const char* mark;  // of the next to be cleaned, or used
	};
	CXXRT_COLD Line line(u32 i) const;
	/// What a frame asks the device to do with it, and how it has to be cut for that.
	struct Offload {
		u32 command = 0;       // of the lower half of its descriptors
		u32 options = 0;       // of the upper half
		u32 header_bytes = 0;  // repeated in each segment
		u32 segments = 1;
		u32 most_bytes = kMostBytes;  // of a descriptor
	};
	/// The end of a frame's data, which is cut differently.
	enum class Piece : u8 { Inner, LastOfTso };
	/// How many of `length` bytes the next descriptor describes; `is_first` of the frame.
	CXXRT_COLD u32 cut(u64 addr, u32 length, u32 part, bool is_first) const;
	/// Puts the context that the frame needs, if the device does not have it.   Errors: ENOMEM, EINVAL.
	Result<Offload> offload(const net::Skb& skb, u32& next);
	CXXRT_COLD net::Tx refuse(net::Skb skb, u32 needed);
	/// Whether a frame that a program sends has room, in one piece or cut.
	bool has_room_for(const xdp::Frame& frame) const;
	/// Puts it. It has room.
	void put_frame(xdp::Frame& frame, dma::Addr addr, bool is_mapped_here);
	/// Ends a frame of `bytes` bytes on the wire, whose descriptors are those before `next`, and gives it to the device.
	CXXRT_INLINE void end_frame(u32 next, xdp::Outgoing frame, u32 bytes, u32 packets, u32 first);
	/// After a frame was put and counted: stops the queue if there is no room for the next.
	CXXRT_INLINE void stop_if_full(u32 next);
	/// Undoes what was put from `first` on; the device has not seen it.
	CXXRT_COLD void take_back(u32 first, u32 end);
	void unmap(Entry& entry);
	/// Puts the descriptors of one piece of data that is mapped.
	CXXRT_INLINE void put(u32& next, dma::Addr addr, u32 length, const Offload& how, Piece piece, bool is_first);
	/// Descriptors that a frame needs at most, and how many bytes each may have.
	CXXRT_INLINE u32 pieces_for(const net::Skb& skb, bool is_gso, u32& most_bytes) const;
	CXXRT_INLINE Piece piece_of_head(bool is_gso, u32 fragments);
	/// The same, for all that is cut.
	CXXRT_COLD u32 pieces_with_errata(const net::Skb& skb, u32 most_bytes) const;

	const net::Device dev_;
	const dma::Device dma_;
	dma::Coherent<TxDesc[]> ring_;
	Array<Entry> entries_;
	mmio::Doorbell tail_;
	u32 count_ = 8;
	u32 worst_case_ = kWorstCase;
	u32 report_ = tx::kReportStatus;
	bool cuts_first_ = false;     // on PCI-X: the first piece is short
	bool cuts_tails_ = false;     // the 82544 on PCI-X: a last byte's address has bit 2 set
	bool cuts_after_tso_ = true;  // a frame in one piece after one that was segmented
	// Who fills.
	alignas(64) Atomic<u32> used_{0};
	bool is_after_tso_ = false;
	bool takes_frames_ = false;
	u64 context_low_ = 0, context_high_ = 0;  // the last context that the device was given for a checksum
	u64 contexts_kept_ = 0, doorbells_kept_ = 0, program_frames_ = 0;
	// Who cleans.
	alignas(64) Atomic<u32> cleaned_{0};
	Traffic traffic_;
	u64 restarts_ = 0;
};

class TxRing::Memory : MoveOnly {
	friend class TxRing;
	dma::Coherent<TxDesc[]> ring_;
	Array<Entry> entries_;
	u32 count_ = 0;
};

}  // namespace e1000
