// SPDX-License-Identifier: GPL-2.0
#include "tx.hpp"

#include <cxxrt/debugfs.hpp>

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

constexpr u32 pieces_of(u32 bytes, u32 most = TxRing::kMostBytes) { return (bytes + most - 1) / most; }

/// PCI-X: a first piece that is longer may hang the device.   Units: bytes.
constexpr u32 kMostFirst = 2015;
/// The last bytes of a frame that is segmented, or that follows one, are a piece of their own.
constexpr u32 kTail = 4;
/// No shorter piece is cut.
constexpr u32 kLeastCut = 8;
/// So many payloads of segments one piece may be.
constexpr u32 kMostPayloads = 4;

/// Where a checksum is in a header.   Units: bytes.
constexpr u32 kIpChecksumAt = 10;
constexpr u32 kTcpChecksumAt = 16;
/// The context has a byte for the header's length, and for offsets in it.   Units: bytes.
constexpr u32 kMostHeader = 0xff;

}  // namespace

Result<TxRing::Memory> TxRing::allocate(u32 count, bool in_64k)
{
	Memory made;
	made.ring_ = TRY(allocate_ring<TxDesc>(dma_, count, in_64k));
	made.entries_ = TRY(Array<Entry>::make(Gfp::Kernel, dma_.node(), count));
	made.count_ = count;
	return made;
}

void TxRing::adopt(Memory&& memory)
{
	ring_ = move(memory.ring_);
	entries_ = move(memory.entries_);
	count_ = memory.count_;
}

void TxRing::configure(const Family& family, bool is_pcix)
{
	report_ = family.reports_when_sent ? tx::kReportSent : tx::kReportStatus;
	cuts_first_ = is_pcix;
	cuts_tails_ = is_pcix && family.splits_pcix_tails;
	cuts_after_tso_ = !family.splits_pcix_tails;
	worst_case_ = cuts_tails_ ? kWorstCase + net::kMostFragments + 1 : kWorstCase;
}

void TxRing::release()
{
	if (entries_.size() != 0)
		empty();
	entries_ = {};
	ring_ = {};
}

void TxRing::empty()
{
	for (Entry& entry : entries_) {
		unmap(entry);
		entry.frame = {};
	}
	ring_.clear();
	used_.store_relaxed(0);
	cleaned_.store_relaxed(0);
	is_after_tso_ = false;
	context_low_ = 0;
	context_high_ = 0;
	dev_.reset_sent();
}

Result<void> TxRing::program(Window window)
{
	tail_ = TRY(window.doorbell<regs::Tdt>());
	window.write(regs::Tdlen::of(u32(count_ * sizeof(TxDesc))));
	window.write(regs::Tdbah::of(u32(ring_.addr().bits() >> 32)));
	window.write(regs::Tdbal::of(u32(ring_.addr().bits())));
	window.write(regs::Tdt{});
	window.write(regs::Tdh{});
	return {};
}

void TxRing::unmap(Entry& entry)
{
	if (entry.length != 0)
		dma::unmap(dma_, entry.addr, exchange(entry.length, 0u), dma::Direction::ToDevice);
}

net::Tx TxRing::refuse(net::Skb skb, u32 needed)
{
	if (needed >= count_) {
		// It will never fit.
		dev_.count_send_dropped();
		return net::Tx::taken();
	}
	dev_.stop_queue();
	return net::Tx::busy(move(skb));
}

void TxRing::take_back(u32 first, u32 end)
{
	for (u32 i = first; i != end; i = after(i))
		unmap(entries_[i]);
	// The device has not seen it.
	context_low_ = 0;
	context_high_ = 0;
	dev_.count_send_dropped();
}

Result<TxRing::Offload> TxRing::offload(const net::Skb& skb, u32& next)
{
	Offload how;
	u64 low = 0;
	u64 high = 0;
	if (skb.is_gso()) {
		TRY(skb.make_header_writable());
		const u32 ip = skb.network_offset();
		const u32 tcp = skb.transport_offset();
		how.header_bytes = tcp + skb.tcp_header_bytes();
		how.segments = skb.gso_segments();
		const bool is_v6 = skb.is_gso_v6();
		if (is_v6) {
			// Extension headers have no limit of their own.
			if (how.header_bytes > kMostHeader)
				return EINVAL;
			skb.prepare_tso6();
		} else {
			skb.prepare_tso4();
		}
		low = u64(ip) | u64(ip + kIpChecksumAt) << 8 | u64(is_v6 ? 0 : tcp - 1) << 16 | u64(tcp) << 32 |
		      u64(tcp + kTcpChecksumAt) << 40;
		high = u64(tx::kExtended | tx::kTcpSegment | tx::kTcp | (is_v6 ? 0 : tx::kIp) | tx::kReportStatus |
			   (skb.length() - how.header_bytes)) |
		       u64(how.header_bytes) << 40 | u64(skb.gso_size()) << 48;
		how.command = tx::kExtended | tx::kDataType | tx::kTcpSegment;
		how.options = tx::kTcpChecksum | (is_v6 ? 0 : tx::kIpChecksum);
	} else {
		const u32 start = skb.checksum_start();
		low = u64(start) << 32 | u64(skb.checksum_at()) << 40;
		high = u64(tx::kExtended);
		how.command = tx::kExtended | tx::kDataType;
		how.options = tx::kTcpChecksum;
		// The device still has the last one.
		if (low == context_low_ && high == context_high_) {
			++contexts_kept_;
			return how;
		}
	}
	context_low_ = low;
	context_high_ = high;
	ring_.store(next, {.low = low, .high = high});
	next = after(next);
	return how;
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of the declaration
u32 TxRing::cut(u64 addr, u32 length, u32 part, bool is_first) const
{
	if (is_first && cuts_first_)
		part = min(part, kMostFirst);
	// The device would take the rest of the bus's word for data, too.
	if (cuts_tails_ && ((addr + part - 1) & 4) == 0 && part > kTail && part <= length)
		part -= kTail;
	return part;
}

u32 TxRing::pieces_with_errata(const net::Skb& skb, u32 most_bytes) const
{
	u32 pieces = pieces_of(skb.head_length(), most_bytes) + 3;
	const u32 fragments = skb.fragments();
	for (u32 i = 0; i < fragments; ++i)
		pieces += pieces_of(skb.fragment(i).length, most_bytes);
	return cuts_tails_ ? pieces + fragments + 1 : pieces;
}

CXXRT_INLINE u32 TxRing::pieces_for(const net::Skb& skb, bool is_gso, u32& most_bytes) const
{
	// The device looks for room for so many segments before it fetches a piece.
	const bool has_small_segments = is_gso && skb.gso_size() * kMostPayloads < kMostBytes;
	if (has_small_segments || cuts_first_) [[unlikely]] {
		if (has_small_segments)
			most_bytes = max(skb.gso_size(), 1u) * kMostPayloads;
		return pieces_with_errata(skb, most_bytes) + 2;
	}
	// A context, the head, its cut end and the gap.
	u32 needed = pieces_of(skb.head_length()) + 4;
	const u32 fragments = skb.fragments();
	for (u32 i = 0; i < fragments; ++i)
		needed += pieces_of(skb.fragment(i).length);
	return needed;
}

CXXRT_INLINE TxRing::Piece TxRing::piece_of_head(bool is_gso, u32 fragments)
{
	if (is_gso) {
		is_after_tso_ = true;
		return fragments == 0 ? Piece::LastOfTso : Piece::Inner;
	}
	// An erratum: neither the end of what is segmented, nor a frame in one piece after it, may be whole.
	if (!is_after_tso_ || fragments != 0 || !cuts_after_tso_)
		return Piece::Inner;
	is_after_tso_ = false;
	return Piece::LastOfTso;
}

CXXRT_INLINE void TxRing::put(u32& next, dma::Addr addr, u32 length, const Offload& how, Piece piece, bool is_first)
{
	Entry& entry = entries_[next];
	entry.addr = addr;
	entry.length = length;
	for (;;) {
		u32 part = min(length, how.most_bytes);
		if (piece == Piece::LastOfTso && part == length && part > kLeastCut)
			part -= kTail;
		if (cuts_first_) [[unlikely]]
			part = cut(addr.bits(), length, part, is_first);
		is_first = false;
		ring_.store(next, {.low = addr.bits(), .high = u64(how.command | part) | u64(how.options) << 32});
		next = after(next);
		length -= part;
		if (length == 0) [[likely]]
			return;
		addr = addr + part;
	}
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of the declaration
CXXRT_INLINE void TxRing::end_frame(u32 next, xdp::Outgoing frame, u32 bytes, u32 packets, u32 first)
{
	const u32 last = next == 0 ? count_ - 1 : next - 1;
	const u64 high = ring_.load(last, &TxDesc::high);
	const u64 low = ring_.load(last, &TxDesc::low);
	ring_.store(last, {.low = low, .high = high | tx::kEndOfPacket | report_});

	Entry& end = entries_[last];
	end.bytes = bytes;
	end.packets = u16(packets);
	end.frame = move(frame);
	entries_[first].last = last;
	// The entries before the index: pairs with the acquire in clean().
	used_.store_release(next);
}

CXXRT_INLINE void TxRing::stop_if_full(u32 next)
{
	if (free_entries(next, cleaned_.load_relaxed()) < worst_case_) [[unlikely]] {
		dev_.stop_queue();
		// The stopped queue before the index: pairs with the barrier in clean().
		memory_barrier();
		if (free_entries(next, cleaned_.load_acquire()) >= worst_case_)
			dev_.start_queue();
	}
}

bool TxRing::has_room_for(const xdp::Frame& frame) const
{
	// Errata may cut each piece once more, and the first and the last; and the gap.
	const u32 needed = (2 * pieces_of(frame.length())) + 4;
	return free_entries(used_.load_relaxed(), cleaned_.load_acquire()) >= needed;
}

void TxRing::put_frame(xdp::Frame& frame, dma::Addr addr, bool is_mapped_here)
{
	const u32 first = used_.load_relaxed();
	const u32 bytes = frame.length();
	u32 next = first;
	const Offload how{.command = tx::kDelay | tx::kInsertFcs};
	put(next, addr, bytes, how, piece_of_head(false, 0), true);
	if (!is_mapped_here)
		entries_[first].length = 0;
	end_frame(next, move(frame), bytes, 1, first);
	++program_frames_;
	// The limit of bytes is the stack's: it is counted, and does not stop the queue.
	(void)dev_.sent(bytes, true);
	stop_if_full(next);
}

void TxRing::send_frame(xdp::Frame& frame)
{
	if (frame.has_fragments() || !frame.pad() || !has_room_for(frame))
		return;
	auto addr = frame.map(dma_);
	if (addr.ok())
		put_frame(frame, addr.take(), true);
}

void TxRing::reflect(xdp::Frame& frame, dma::Addr addr, net::PagePool& pool)
{
	if (!takes_frames_ || !frame.pad() || !has_room_for(frame))
		return;
	pool.hand_over(addr, frame.length());
	put_frame(frame, addr, false);
}

net::Tx TxRing::send(net::Skb skb)
{
	if (!skb.pad()) [[unlikely]] {
		dev_.count_send_dropped();
		return net::Tx::taken();
	}
	const u32 fragments = skb.fragments();
	const bool is_gso = skb.is_gso();
	u32 most_bytes = kMostBytes;
	const u32 needed = pieces_for(skb, is_gso, most_bytes);
	const u32 first = used_.load_relaxed();
	// Its entries are ours again: pairs with the release in clean().
	if (free_entries(first, cleaned_.load_acquire()) < needed) [[unlikely]]
		return refuse(move(skb), needed);

	u32 next = first;
	Offload how;
	if (is_gso || skb.wants_checksum()) {
		auto asked = offload(skb, next);
		if (!asked.ok()) [[unlikely]] {
			take_back(first, next);
			return net::Tx::taken();
		}
		how = asked.take();
	}
	how.command |= tx::kDelay;
	how.most_bytes = most_bytes;
	if (!skb.has_fcs())
		how.command |= tx::kInsertFcs;
	if (skb.has_vlan_tag()) {
		how.command |= tx::kVlan;
		how.options |= u32(skb.vlan_tag()) << 16;
	}
	const auto head = skb.map_head(dma_);
	if (!head.ok()) [[unlikely]] {
		take_back(first, next);
		return net::Tx::taken();
	}
	put(next, Result<dma::Addr>{head}.take(), skb.head_length(), how, piece_of_head(is_gso, fragments), true);
	for (u32 i = 0; i < fragments; ++i) {
		const Segment piece = skb.fragment(i);
		const auto addr = dma::map(dma_, piece, dma::Direction::ToDevice);
		if (!addr.ok()) [[unlikely]] {
			take_back(first, next);
			return net::Tx::taken();
		}
		put(next, Result<dma::Addr>{addr}.take(), piece.length, how,
		    is_gso && i + 1 == fragments ? Piece::LastOfTso : Piece::Inner, false);
	}
	const u32 bytes = skb.length() + ((how.segments - 1) * how.header_bytes);
	skb.note_sent();
	end_frame(next, move(skb), bytes, how.segments, first);

	const bool now = dev_.sent(bytes, net::Device::has_more());
	stop_if_full(next);
	if (now || dev_.is_sending_stopped())
		tail_.ring(next);
	else
		++doorbells_kept_;
	return net::Tx::taken();
}

void TxRing::clean(u32 budget)
{
	u32 i = cleaned_.load_relaxed();
	// The entries are there: pairs with the release in send().
	const u32 used = used_.load_acquire();
	u32 packets = 0;
	u32 bytes = 0;
	while (i != used) {
		const u32 last = entries_[i].last;
		if ((ring_.load(last, &TxDesc::high) >> 32 & tx::kDone) == 0)
			break;
		if (budget == 0 && entries_[last].frame.is_program_frame()) [[unlikely]]
			break;
		for (;;) {
			unmap(entries_[i]);
			if (i == last)
				break;
			i = after(i);
		}
		Entry& end = entries_[last];
		packets += end.packets;
		bytes += end.bytes;
		move(end.frame).consume(budget);
		i = after(i);
	}
	if (packets == 0)
		return;
	// Pairs with the acquire in send().
	cleaned_.store_release(i);
	traffic_.packets += packets;
	traffic_.bytes += bytes;
	dev_.count_sent(packets, bytes);
	dev_.completed(packets, bytes);
	// The index before the stopped queue: pairs with the barrier in send().
	memory_barrier();
	if (dev_.is_queue_stopped() && dev_.has_carrier() && free_entries(used_.load_relaxed(), i) >= kWakeAt)
		[[unlikely]] {
		dev_.wake_queue();
		++restarts_;
	}
}

TxRing::View TxRing::view() const
{
	const u32 first = cleaned_.load_relaxed();
	const u32 last = entries_[first].last;
	return {.next_to_use = used_.load_relaxed(),
		.next_to_clean = first,
		.next_to_watch = last,
		.status = u8(ring_.load(last < count_ ? last : 0, &TxDesc::high) >> 32 & 0xf)};
}

void TxRing::dump(bool all) const
{
	log::info<"TX Desc ring0 dump">();
	if (!all)
		return;
	for (u32 i = 0; i < count_; ++i) {
		const Line now = line(i);
		log::info<"T%s[0x%03x]    %016llx %016llx%s">(now.kind, i, now.low, now.high, now.mark);
	}
}

void TxRing::show(debugfs::Text& out) const
{
	out.print<"%u descriptors at %016llx, next_to_use %u, next_to_clean %u\n">(count_, ring_.addr().bits(),
										   used_.load_relaxed(),
										   cleaned_.load_relaxed());
	for (u32 i = 0; i < count_; ++i) {
		const Line now = line(i);
		out.print<"T%s[0x%03x]    %016llx %016llx%s\n">(now.kind, i, now.low, now.high, now.mark);
	}
}

TxRing::Line TxRing::line(u32 i) const
{
	const bool is_used_next = i == used_.load_relaxed();
	const char* used = is_used_next ? " NTU" : "";
	const char* cleaned = is_used_next ? " NTC/U" : " NTC";
	const u64 high = ring_.load(i, &TxDesc::high);
	return {.kind = (high & tx::kDataType) != 0 ? "d" : "c",
		.low = ring_.load(i, &TxDesc::low),
		.high = high,
		.mark = i == cleaned_.load_relaxed() ? cleaned : used};
}

}  // namespace e1000
