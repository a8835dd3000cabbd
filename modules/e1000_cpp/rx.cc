// SPDX-License-Identifier: GPL-2.0
#include "rx.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

/// The check sequence at a frame's end, which the stack does not want.   Units: bytes.
constexpr u32 kFcsBytes = 4;
constexpr u32 kLeastBytes = 14 + kFcsBytes;

}  // namespace

Result<void> RxRing::allocate(u32 count)
{
	pool_ = TRY(net::PagePool::create(dma_, napi_, count));
	ring_ = TRY(dma::Coherent<RxDesc[]>::alloc(dma_, count, Gfp::Kernel));
	buffers_ = TRY(Array<net::PagePool::Buffer>::make(Gfp::Kernel, dma_.node(), count));
	count_ = count;
	next_ = 0;
	filled_ = 0;
	return {};
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
}

void RxRing::release()
{
	empty();
	buffers_ = {};
	ring_ = {};
	pool_ = {};
}

Result<void> RxRing::program(Window window)
{
	tail_ = TRY(window.doorbell(regs::Rdt::kOffset));
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
			buffer = pool_.alloc_low(kBufferBytes);
			if (!buffer) [[unlikely]]
				break;
		}
		ring_.store(i, {.addr = (buffer.addr() + kHeadroom).wire(), .result = 0ull});
		i = after(i);
	}
	if (i == filled_)
		return;
	filled_ = i;
	tail_.ring(i);
}

CXXRT_INLINE net::Skb RxRing::take(u32 i, u32 length)
{
	net::PagePool::Buffer& buffer = buffers_[i];
	pool_.sync(buffer, kHeadroom, length);
	if (length <= kCopyBreak) {
		net::Skb skb = napi_.alloc(length);
		if (skb) [[likely]]
			skb.append(buffer.memory() + kHeadroom, length);
		pool_.reuse(buffer, kHeadroom, length);
		return skb;
	}
	return pool_.build(buffer, kBufferBytes, kHeadroom, length);
}

u32 RxRing::receive(u32 budget)
{
	u32 done = 0;
	u32 frames = 0;
	u32 bytes = 0;
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
		++unfilled;
		const u32 length = result.length();
		if (!result.is_last() || discarding_) [[unlikely]] {
			discarding_ = !result.is_last();
		} else if (result.is_bad() || length < kLeastBytes || length > kFrameBytes) [[unlikely]] {
			dev_.count_receive_dropped();
		} else {
			net::Skb skb = take(i, length - kFcsBytes);
			if (!skb) [[unlikely]] {
				dev_.count_receive_dropped();
			} else {
				if (!result.ignores_checksum() && result.has_tcp_checksum() && !result.has_bad_tcp_checksum())
					skb.set_checksum_good();
				if (result.has_vlan())
					skb.set_vlan_tag(result.special());
				++frames;
				bytes += length - kFcsBytes;
				napi_.receive(move(skb), dev_);
			}
		}
		if (unfilled >= kBatch) {
			fill();
			unfilled = 0;
		}
	}
	if (unfilled != 0)
		fill();
	if (frames != 0)
		dev_.count_received(frames, bytes);
	return done;
}

}  // namespace e1000
