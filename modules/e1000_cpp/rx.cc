// SPDX-License-Identifier: GPL-2.0
#include "rx.hpp"

#include <cxxrt/debugfs.hpp>

#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

/// The check sequence at a frame's end, which the stack does not want.   Units: bytes.
constexpr u32 kFcsBytes = 4;
/// No frame without a header is one.
constexpr u32 kLeastBytes = 14 + kFcsBytes;

}  // namespace

Result<RxRing::Memory> RxRing::allocate(u32 count, bool in_64k, bool is_examined)
{
	Memory made;
	made.ring_ = TRY(allocate_ring<RxDesc>(dma_, count, in_64k));
	made.buffers_ = TRY(Array<net::PagePool::Buffer>::make(Gfp::Kernel, dma_.node(), count));
	// Last, as nothing is in them yet: they must not go while NAPI runs.
	made.pool_ = TRY(net::PagePool::create(dma_, napi_, count,
					       is_examined ? dma::Direction::Both : dma::Direction::FromDevice));
	if (is_examined)
		TRY(made.queue_.add(dev_, napi_, made.pool_));
	made.count_ = count;
	return made;
}

void RxRing::adopt(Memory&& memory)
{
	queue_ = move(memory.queue_);
	pool_ = move(memory.pool_);
	ring_ = move(memory.ring_);
	buffers_ = move(memory.buffers_);
	count_ = memory.count_;
	next_ = 0;
	filled_ = 0;
}

void RxRing::empty()
{
	for (net::PagePool::Buffer& buffer : buffers_)
		pool_.give_back(buffer);
	if (ring_)
		ring_.clear();
	next_ = 0;
	filled_ = 0;
	discarding_ = false;
	assembly_ = {};
}

void RxRing::release()
{
	empty();
	buffers_ = {};
	ring_ = {};
	queue_ = xdp::Queue{};
	pool_ = {};
}

void RxRing::configure(Mode mode, bool takes_bad, bool keeps_fcs)
{
	mode_ = mode;
	takes_bad_ = takes_bad;
	fcs_bytes_ = keeps_fcs ? 0 : kFcsBytes;
	if (mode == Mode::Chained) {
		buffer_bytes_ = kChainedBytes;
		headroom_ = 0;
		most_bytes_ = kChainedBytes;
		return;
	}
	most_bytes_ = takes_bad ? 2048 : kFrameBytes;
	if (mode == Mode::Examined) {
		buffer_bytes_ = kExaminedBytes;
		headroom_ = xdp::kHeadroom;
	} else {
		buffer_bytes_ = takes_bad ? kRoomyBytes : kShortBytes;
		headroom_ = kHeadroom;
	}
}

Result<void> RxRing::program(Window window)
{
	tail_ = TRY(window.doorbell<regs::Rdt>());
	window.write(regs::Rdlen::of(u32(count_ * sizeof(RxDesc))));
	window.write(regs::Rdbah::of(u32(ring_.addr().bits() >> 32)));
	window.write(regs::Rdbal::of(u32(ring_.addr().bits())));
	window.write(regs::Rdt{});
	window.write(regs::Rdh{});
	return {};
}

void RxRing::fill()
{
	u32 i = filled_;
	// One stays free, or a full ring would look like an empty one.
	while (after(i) != next_) {
		net::PagePool::Buffer& buffer = buffers_[i];
		if (!buffer) {
			buffer = pool_.alloc_low(buffer_bytes_);
			if (!buffer) [[unlikely]] {
				++failed_;
				break;
			}
		}
		ring_.store(i, {.addr = (buffer.addr() + headroom_).wire(), .result = 0ull});
		i = after(i);
	}
	if (i == filled_)
		return;
	filled_ = i;
	tail_.ring(i);
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as everywhere, the index comes first
CXXRT_INLINE net::Skb RxRing::copy(u32 i, u32 length)
{
	const net::PagePool::Buffer& buffer = buffers_[i];
	net::Skb skb = napi_.alloc(length);
	if (skb) [[likely]]
		skb.append(buffer.memory() + headroom_, length);
	pool_.reuse(buffer, headroom_, length);
	return skb;
}

template <class Frame> CXXRT_INLINE void RxRing::describe(const Frame& frame, const RxResult& result)
{
	if (!result.ignores_checksum()) {
		if (result.has_bad_tcp_checksum()) [[unlikely]] {
			++checksums_bad_;
		} else if (result.has_tcp_checksum()) {
			frame.set_checksum_good();
			++checksums_good_;
		}
	}
	if (result.has_vlan())
		frame.set_vlan_tag(result.special());
}

bool RxRing::is_tbi(u32 i, const RxResult& result, u32 written)
{
	const u32 most = most_tbi_bytes_.load_relaxed();
	if (most == 0 || written == 0 || written > most_bytes_)
		return false;
	const net::PagePool::Buffer& buffer = buffers_[i];
	pool_.sync(buffer, headroom_, written);
	const u8* frame = buffer.memory() + headroom_;
	if (!is_tbi_frame(result, frame[written - 1], most))
		return false;
	tbi_.add(frame, written - 1, most);
	return true;
}

CXXRT_INLINE u32 RxRing::accept(u32 i, const RxResult& result)
{
	if (!result.is_last() || discarding_) [[unlikely]] {
		discarding_ = !result.is_last();
		return 0;
	}
	u32 written = result.length();
	bool is_bad = false;
	if (result.is_bad() && !takes_bad_) [[unlikely]] {
		is_bad = !is_tbi(i, result, written);
		--written;
	}
	if (is_bad || written < kLeastBytes || written > most_bytes_) [[unlikely]] {
		dev_.count_receive_dropped();
		return 0;
	}
	return written;
}

CXXRT_INLINE void RxRing::receive_one(u32 i, const RxResult& result)
{
	const u32 written = accept(i, result);
	if (written == 0) [[unlikely]]
		return;
	const u32 length = written - fcs_bytes_;
	pool_.sync(buffers_[i], headroom_, length);
	net::Skb skb = length <= copybreak_ ? copy(i, length)
					    : pool_.build(buffers_[i], buffer_bytes_, headroom_, length);
	if (!skb) [[unlikely]] {
		dev_.count_receive_dropped();
		return;
	}
	describe(skb, result);
	count(length);
	napi_.receive(move(skb), dev_);
}

void RxRing::pass(u32 i, const RxResult& result, const xdp::Received& received)
{
	net::PagePool::Buffer& buffer = buffers_[i];
	const u32 from = received.offset();
	const u32 length = received.length();
	const u32 metadata = received.metadata();
	net::Skb skb;
	if (length <= copybreak_ && metadata == 0) {
		skb = napi_.alloc(length);
		if (skb) [[likely]]
			skb.append(buffer.memory() + from, length);
		pool_.reuse(buffer, 0, buffer_bytes_);
	} else {
		skb = pool_.build(buffer, buffer_bytes_, from, length);
		if (skb && metadata != 0)
			skb.set_metadata(metadata);
	}
	if (!skb) [[unlikely]] {
		dev_.count_receive_dropped();
		return;
	}
	describe(skb, result);
	napi_.receive(move(skb), dev_);
}

void RxRing::reflect(u32 i, xdp::Received& received, xdp::Program program)
{
	const dma::Addr addr = buffers_[i].addr() + received.offset();
	xdp::Frame frame = received.frame();
	if (frame) {
		const xdp::SendGuard guard{dev_};
		sender_.reflect(frame, addr, pool_);
		if (!frame) {
			++verdicts_.sent;
			has_reflected_ = true;
			return;
		}
	} else {
		pool_.reuse(buffers_[i], 0, buffer_bytes_);
	}
	program.complain_unsent(dev_);
	++verdicts_.dropped;
}

CXXRT_INLINE void RxRing::examine_one(u32 i, const RxResult& result, xdp::Program program)
{
	const u32 written = accept(i, result);
	if (written == 0) [[unlikely]]
		return;
	const u32 length = written - fcs_bytes_;
	pool_.sync(buffers_[i], headroom_, length);
	count(length);
	xdp::Received received{queue_, buffers_[i], buffer_bytes_, headroom_, length};
	// The last program may be gone already, and its ring still there.
	switch (program ? program.run(dev_, received) : xdp::Verdict::Pass) {
	case xdp::Verdict::Pass:
		++verdicts_.passed;
		pass(i, result, received);
		return;
	case xdp::Verdict::Send:
		reflect(i, received, program);
		return;
	case xdp::Verdict::Redirect:
		if (program.redirect(dev_, received)) {
			++verdicts_.redirected;
			has_redirected_ = true;
			return;
		}
		break;
	case xdp::Verdict::Drop:
		break;
	}
	++verdicts_.dropped;
	// The program may have written anywhere in it.
	pool_.reuse(buffers_[i], 0, buffer_bytes_);
}

void RxRing::end_examination()
{
	if (exchange(has_reflected_, false)) {
		const xdp::SendGuard guard{dev_};
		if (sender_.takes_frames())
			sender_.ring_doorbell();
		guard.note_progress();
	}
	if (exchange(has_redirected_, false))
		xdp::flush();
}

CXXRT_INLINE void RxRing::receive_part(u32 i, const RxResult& result)
{
	const u32 written = result.length();
	if (discarding_) [[unlikely]] {
		discarding_ = !result.is_last();
		return;
	}
	const bool is_bad = written == 0 || written > most_bytes_ ||
			    (result.is_last() && result.is_bad() && !takes_bad_);
	const bool is_first = !assembly_;
	if (is_bad || (!is_first && assembly_.fragments() >= net::kMostFragments)) [[unlikely]] {
		assembly_ = {};
		discarding_ = !result.is_last();
		dev_.count_receive_dropped();
		return;
	}
	pool_.sync(buffers_[i], headroom_, written);
	if (is_first && result.is_last() && written <= copybreak_ + fcs_bytes_ && written >= kLeastBytes) {
		const u32 length = written - fcs_bytes_;
		net::Skb skb = copy(i, length);
		if (!skb) [[unlikely]] {
			dev_.count_receive_dropped();
			return;
		}
		describe(skb, result);
		count(length);
		napi_.receive(move(skb), dev_);
		return;
	}
	if (is_first)
		assembly_ = net::Assembly::begin(napi_);
	if (!assembly_) [[unlikely]] {
		discarding_ = !result.is_last();
		dev_.count_receive_dropped();
		return;
	}
	assembly_.add(buffers_[i], headroom_, written, buffer_bytes_);
	if (!result.is_last())
		return;
	if (assembly_.length() < kLeastBytes) [[unlikely]] {
		assembly_ = {};
		dev_.count_receive_dropped();
		return;
	}
	if (fcs_bytes_ != 0)
		assembly_.cut(fcs_bytes_);
	describe(assembly_, result);
	count(assembly_.length());
	move(assembly_).receive();
}

template <RxRing::Mode M> CXXRT_INLINE u32 RxRing::receive_as(u32 budget)
{
	u32 done = 0;
	u32 unfilled = 0;
	while (done < budget && next_ != filled_) {
		const RxResult result{ring_.load(next_, &RxDesc::result)};
		if (!result.is_done())
			break;
		// The device's word before its data.
		dma::read_barrier();
		const u32 i = next_;
		next_ = after(i);
		++done;
		if constexpr (M == Mode::OneEach)
			receive_one(i, result);
		else if constexpr (M == Mode::Examined)
			examine_one(i, result, program_.load());
		else
			receive_part(i, result);
		if (++unfilled >= kBatch) {
			fill();
			unfilled = 0;
		}
	}
	if constexpr (M == Mode::Examined)
		end_examination();
	// Also where there was no memory the last time.
	if (unfilled != 0 || next_ == filled_)
		fill();
	if (const u32 frames = exchange(frames_, 0u); frames != 0) {
		const u32 bytes = exchange(bytes_, 0u);
		traffic_.packets += frames;
		traffic_.bytes += bytes;
		dev_.count_received(frames, bytes);
	}
	return done;
}

u32 RxRing::receive(u32 budget)
{
	copybreak_ = copybreak();
	if (mode_ == Mode::OneEach) [[likely]]
		return receive_as<Mode::OneEach>(budget);
	return mode_ == Mode::Chained ? receive_chained(budget) : examine(budget);
}

u32 RxRing::receive_chained(u32 budget) { return receive_as<Mode::Chained>(budget); }

u32 RxRing::examine(u32 budget) { return receive_as<Mode::Examined>(budget); }

void RxRing::dump(bool all) const
{
	log::info<"RX Desc ring dump">();
	if (!all)
		return;
	for (u32 i = 0; i < count_; ++i)
		log::info<"R[0x%03x]     %016llx %016llx%s">(i, ring_.load(i, &RxDesc::addr),
							     ring_.load(i, &RxDesc::result), mark(i));
}

void RxRing::show(debugfs::Text& out) const
{
	out.print<"%u descriptors at %016llx, next_to_use %u, next_to_clean %u\n">(count_, ring_.addr().bits(), filled_,
										   next_);
	for (u32 i = 0; i < count_; ++i)
		out.print<"R[0x%03x]     %016llx %016llx%s\n">(i, ring_.load(i, &RxDesc::addr),
							       ring_.load(i, &RxDesc::result), mark(i));
}

const char* RxRing::mark(u32 i) const
{
	if (i == filled_)
		return " NTU";
	return i == next_ ? " NTC" : "";
}

}  // namespace e1000
