// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Programs of users' that see frames before the stack does, and what they do with them: XDP.
/// C side: include/net/xdp.h, include/linux/filter.h, Documentation/bpf/, helpers/xdp.c.
///
/// A driver D of net::Driver has programs if it has
///     xdp::Slot& xdp_slot()                                 any: where the program is, a member
///     Result<void> begin_xdp(xdp::Refusal)                  process, RTNL held; sleeps: one is about to be attached, or to replace another
///     void end_xdp()                                        process, RTNL held; sleeps: there is none any more
///     Result<void> send_frames(xdp::Frames&)                softirq: frames that others' programs send here
/// It gives frames to the program where it would give them to the stack:
///     xdp::Received received{queue, buffer, ...};
///     switch (program.run(dev, received)) { ... }
/// and calls xdp::flush() before its poll() ends, if it has redirected any. Its Kbuild file has `<module>-trace := xdp`.

#include <cxxrt/atomic.hpp>
#include <cxxrt/net.hpp>

namespace cxxrt::xdp {

/// Room in front of a frame that programs count on.   Units: bytes.
inline constexpr u32 kHeadroom = u32(raw::XDP_PACKET_HEADROOM);

/// Tells users why something was refused.
class Refusal {
public:
	explicit Refusal(raw::netlink_ext_ack* ack) : ack_(ack) {}
	template <Literal Text> void say() const
	{
		raw::cxxrt_nl_set_err_msg(ack_, kText<Literal(KBUILD_MODNAME ": ") + Text>.text);
	}

private:
	raw::netlink_ext_ack* ack_;
};

/// What programs know of a receiving queue: number 0 of its device, whose buffers are a pool's.
/// Invariant: registered, or empty.
class Queue : MoveOnly {
public:
	Queue() = default;
	// Nobody keeps its address: frames carry a copy of what they need.
	Queue(Queue&& other) : info_(other.info_) { other.info_.reg_state = 0; }
	/// What it was before goes at once, so before its pool does.
	CXXRT_COLD Queue& operator=(Queue&& other);
	/// Context: process; sleeps. NAPI is disabled.
	~Queue() { remove(); }
	/// Registers it.   Only if it is empty.   Context: process; sleeps.   Errors: ENOMEM, ENOSPC.
	CXXRT_COLD Result<void> add(net::Device dev, const net::Napi& napi, const net::PagePool& pool)
		EXCLUDES(atomic_context);

private:
	friend class Received;
	CXXRT_COLD void remove();
	raw::xdp_rxq_info info_{};
};

/// A frame that a program sends, and the duty to send it or free it: the only owner.
class [[nodiscard]] Frame : MoveOnly {
public:
	Frame() = default;
	CXXRT_INLINE Frame(Frame&& other) : frame_(exchange(other.frame_, nullptr)) {}
	CXXRT_INLINE Frame& operator=(Frame&& other)
	{
		const Frame old{exchange(frame_, exchange(other.frame_, nullptr))};
		return *this;
	}
	/// Freed, and its memory goes back to where it came from.   Context: any.
	CXXRT_INLINE ~Frame()
	{
		if (frame_ != nullptr)
			raw::xdp_return_frame(frame_);
	}
	explicit operator bool() const { return frame_ != nullptr; }
	/// Bytes in the head, which are all unless has_fragments().
	u32 length() const { return frame_->len; }
	bool has_fragments() const { return (frame_->flags & u32(raw::XDP_FLAGS_HAS_FRAGS)) != 0; }
	/// Makes it as long as Ethernet wants, with zeroes. False if its memory ends before.
	[[nodiscard]] bool pad()
	{
		constexpr u32 kLeast = u32(raw::ETH_ZLEN);
		if (frame_->len >= kLeast) [[likely]]
			return true;
		// SAFETY: the frame lies in `frame_sz` bytes: itself, headroom, data, and at the end what the stack keeps there.
		const u32 before = u32(sizeof(raw::xdp_frame)) + frame_->headroom;
		if (before + kLeast + u32(raw::SKB_SHARED_INFO_SIZE) > frame_->frame_sz)
			return false;
		raw::memset(static_cast<u8*>(frame_->data) + frame_->len, 0, kLeast - frame_->len);
		frame_->len = u16(kLeast);
		return true;
	}
	/// Gives it to a device other than the one that received it, as dma::map(). Undone by dma::unmap().
	Result<dma::Addr> map(dma::Device dev) const
	{
		const u64 addr = raw::cxxrt_dma_map_single(dev.unsafe_raw(), frame_->data, frame_->len,
							   raw::DMA_TO_DEVICE);
		if (raw::cxxrt_dma_mapping_error(dev.unsafe_raw(), addr) != 0) [[unlikely]]
			return ENOMEM;
		return dma::Addr::unsafe_from(addr);
	}

private:
	friend class Frames;
	friend class Outgoing;
	friend class Received;
	CXXRT_INLINE explicit Frame(raw::xdp_frame* frame) : frame_(frame) {}
	raw::xdp_frame* frame_ = nullptr;
};

/// Frames that others' programs want sent: borrowed, as far as they are not taken.
class Frames : Pinned {
public:
	/// Calls `send(Frame&)` for each, which moves the frame away if it takes it. The first that it leaves is the last.
	template <class F> CXXRT_INLINE void send_each(F&& send)
	{
		while (sent_ < count_) {
			Frame frame{frames_[sent_]};
			send(frame);
			if (frame) [[unlikely]] {
				// Still the caller's, as all that follow are.
				frame.frame_ = nullptr;
				return;
			}
			++sent_;
		}
	}
	/// The device is to be told now.
	bool are_last() const { return (flags_ & u32(raw::XDP_XMIT_FLUSH)) != 0; }

private:
	template <class D> friend struct Ops;
	Frames(raw::xdp_frame** frames, int count, u32 flags) : frames_(frames), count_(count), flags_(flags) {}
	raw::xdp_frame** const frames_;
	const int count_;
	const u32 flags_;
	int sent_ = 0;
};

/// What a program wants done with a frame; its memory stays the driver's until that is done.
enum class [[nodiscard("the frame's buffer is to be used again, or given away")]] Verdict : u8 {
	Drop,
	Pass,	   ///< to the stack
	Send,	   ///< out of the device that received it
	Redirect,  ///< to wherever the program has said
};

/// A frame that was received, while a program looks at it and changes it. Its buffer stays the driver's, but for frame()
/// and redirect().   Context: NAPI's poll().
class Received : Pinned {
public:
	/// `length` bytes after `headroom` in a buffer of `bytes` bytes.
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of the memory that they describe
	CXXRT_INLINE Received(Queue& queue, net::PagePool::Buffer& buffer, u32 bytes, u32 headroom, u32 length)
		: buffer_(buffer)
	{
		raw::cxxrt_xdp_init_buff(&buff_, bytes, &queue.info_);
		raw::cxxrt_xdp_prepare_buff(&buff_, buffer.memory(), int(headroom), int(length));
	}
	/// Where it begins in its buffer, and how long it is: programs change both.   Units: bytes.
	u32 offset() const { return u32(bytes(buff_.data) - bytes(buff_.data_hard_start)); }
	u32 length() const { return u32(bytes(buff_.data_end) - bytes(buff_.data)); }
	/// What the program has left for the stack in front of it.   Units: bytes.
	u32 metadata() const { return u32(bytes(buff_.data) - bytes(buff_.data_meta)); }
	/// Makes it one to be sent, with its buffer. Nothing, and the buffer as it was, if there is no room for its description.
	CXXRT_INLINE Frame frame()
	{
		Frame made{raw::cxxrt_xdp_convert_buff_to_frame(&buff_)};
		if (made) [[likely]]
			buffer_.page = nullptr;
		return made;
	}

private:
	friend class Program;
	static const u8* bytes(const void* at) { return static_cast<const u8*>(at); }
	raw::xdp_buff buff_;
	net::PagePool::Buffer& buffer_;
};

/// A program: borrowed, one pointer, for one poll().
class Program {
public:
	explicit operator bool() const { return prog_ != nullptr; }
	/// Context: NAPI's poll().
	CXXRT_INLINE Verdict run(net::Device dev, Received& received) const
	{
		const u32 verdict = raw::cxxrt_bpf_prog_run_xdp(prog_, &received.buff_);
		switch (verdict) {
		case u32(raw::XDP_PASS):
			return Verdict::Pass;
		case u32(raw::XDP_TX):
			return Verdict::Send;
		case u32(raw::XDP_REDIRECT):
			return Verdict::Redirect;
		case u32(raw::XDP_DROP):
			return Verdict::Drop;
		default:
			complain(dev, verdict);
			return Verdict::Drop;
		}
	}
	/// Takes a frame with its buffer to where the program has said. False, and the buffer as it was, if that cannot be: it is told of.
	/// flush() has to follow.   Context: NAPI's poll().
	CXXRT_INLINE bool redirect(net::Device dev, Received& received) const
	{
		if (raw::xdp_do_redirect(dev.unsafe_raw(), &received.buff_, prog_) != 0) [[unlikely]] {
			complain(dev, u32(raw::XDP_REDIRECT));
			return false;
		}
		received.buffer_.page = nullptr;
		return true;
	}
	/// Tells who watches that a frame that was to be sent was not.
	void complain_unsent(net::Device dev) const { complain(dev, u32(raw::XDP_TX)); }

private:
	friend class Slot;
	explicit Program(raw::bpf_prog* prog) : prog_(prog) {}
	/// Of verdicts that there are not, also in the log, once.
	CXXRT_COLD void complain(net::Device dev, u32 verdict) const;
	raw::bpf_prog* prog_;
};

/// Frames that were redirected since the last call go on their way.   Context: NAPI's poll().
inline void flush() { raw::xdp_do_flush(); }

/// Where a device's program is, or none.
/// Invariant: it has a reference to it.
class Slot : Pinned {
public:
	~Slot()
	{
		if (is_attached())
			replace(nullptr);
	}
	/// Context: any.
	bool is_attached() const { return prog_.load_relaxed() != 0; }
	/// What is here now, and stays alive until the poll() ends, as it is freed after a grace period only.   Context: NAPI's poll().
	Program load() const { return Program{reinterpret_cast<raw::bpf_prog*>(prog_.load_acquire())}; }

private:
	template <class D> friend struct Ops;
	/// Takes over the caller's reference.   Context: process; RTNL held.
	void replace(raw::bpf_prog* next)
	{
		// SAFETY: bpf_prog_put() waits for those who have loaded it before it frees anything.
		const uintptr_t old = prog_.swap(reinterpret_cast<uintptr_t>(next));
		if (old != 0)
			raw::cxxrt_bpf_prog_put(reinterpret_cast<raw::bpf_prog*>(old));
	}
	Atomic<uintptr_t> prog_{0};
};

/// The stack's own lock of who sends, for those who send beside it.   Context: process or softirq; nothing in it may sleep.
class [[nodiscard]] SCOPED_CAPABILITY SendGuard : Pinned {
public:
	[[nodiscard]] explicit SendGuard(net::Device dev) ACQUIRE(atomic_context) NO_THREAD_SAFETY_ANALYSIS : dev_(dev)
	{
		raw::cxxrt_netif_tx_lock_bh(dev_.unsafe_raw());
	}
	~SendGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS { raw::cxxrt_netif_tx_unlock_bh(dev_.unsafe_raw()); }
	/// Frames were sent: nobody is to think that the device hangs.
	void note_progress() const { raw::cxxrt_txq_trans_cond_update(dev_.unsafe_raw()); }

private:
	const net::Device dev_;
};

/// What a ring has to free when it was sent: a frame of the stack's, or of a program's. One word.
class [[nodiscard]] Outgoing : MoveOnly {
public:
	constexpr Outgoing() = default;
	// SAFETY: both have an even address.
	CXXRT_INLINE Outgoing(net::Skb&& skb) : bits_(reinterpret_cast<uintptr_t>(exchange(skb.skb_, nullptr))) {}
	CXXRT_INLINE Outgoing(Frame&& frame)
		: bits_(reinterpret_cast<uintptr_t>(exchange(frame.frame_, nullptr)) | kIsFrame)
	{
	}
	CXXRT_INLINE Outgoing(Outgoing&& other) : bits_(exchange(other.bits_, 0ul)) {}
	CXXRT_INLINE Outgoing& operator=(Outgoing&& other)
	{
		const Outgoing old{exchange(bits_, exchange(other.bits_, 0ul))};
		return *this;
	}
	/// Freed as what was not sent.
	CXXRT_INLINE ~Outgoing()
	{
		if (bits_ != 0) [[unlikely]]
			drop(bits_);
	}
	/// A program's, which must not be freed with interrupts off: not by NAPI with a budget of 0, which may be netpoll's.
	bool is_program_frame() const { return (bits_ & kIsFrame) != 0; }
	/// It was sent: free it.   Context: NAPI with its budget, or any with 0.
	CXXRT_INLINE void consume(u32 budget) &&
	{
		const uintptr_t bits = exchange(bits_, 0ul);
		if ((bits & kIsFrame) != 0) [[unlikely]]
			drop(bits);
		else
			raw::napi_consume_skb(reinterpret_cast<raw::sk_buff*>(bits), int(budget));
	}

private:
	static constexpr uintptr_t kIsFrame = 1;
	CXXRT_INLINE explicit Outgoing(uintptr_t bits) : bits_(bits) {}
	CXXRT_COLD static void drop(uintptr_t bits);
	uintptr_t bits_ = 0;
};

/// What the kernel calls, of drivers that have programs.
template <class D> struct Ops {
	static int bpf(raw::net_device* dev, raw::netdev_bpf* request)
	{
		if (request->command != raw::XDP_SETUP_PROG)
			return EOPNOTSUPP.to_c();
		D& driver = net::Driver<D>::unsafe_object(dev);
		if (request->prog != nullptr) {
			const auto ready = driver.begin_xdp(Refusal{request->extack});
			if (!ready.ok())
				return ready.to_c();
		}
		// Of what was attached, the caller has given us its reference.
		driver.xdp_slot().replace(request->prog);
		if (request->prog == nullptr)
			driver.end_xdp();
		return 0;
	}
	static int xmit(raw::net_device* dev, int count, raw::xdp_frame** frames, u32 flags)
	{
		if ((flags & ~u32(raw::XDP_XMIT_FLUSH)) != 0)
			return EINVAL.to_c();
		Frames all{frames, count, flags};
		const auto done = net::Driver<D>::unsafe_object(dev).send_frames(all);
		return done.ok() ? all.sent_ : done.to_c();
	}
	static constexpr void fill(raw::net_device_ops& ops)
	{
		ops.ndo_bpf = &bpf;
		ops.ndo_xdp_xmit = &xmit;
	}
};

/// Tells users that the device has all that is here.   Before it is registered.
inline void announce(net::Device dev) { raw::cxxrt_netdev_set_xdp_features(dev.unsafe_raw()); }

}  // namespace cxxrt::xdp
