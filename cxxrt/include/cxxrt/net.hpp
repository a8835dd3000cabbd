// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Ethernet devices: frames, which have one owner at a time; the device and its operations; NAPI; pages that are
/// received into and recycled.
/// C side: include/linux/netdevice.h, include/linux/skbuff.h, include/net/page_pool, helpers/net.c.
///
/// A driver is a class D, of which one lives in each net_device, with
///     D(net::Key, net::Device, ...)                         context: process
///     Result<void> open()                                   process, RTNL held; sleeps
///     void stop()                                           process, RTNL held; sleeps
///     net::Tx start_xmit(net::Skb)                          softirq or process with softirqs off; one at a time
/// and, where it has them, each with RTNL held unless it says otherwise:
///     void set_rx_mode()                                    atomic: the device's lists of addresses are locked
///     Result<void> set_mac_address(const net::MacAddress&)  process
///     void tx_timeout()                                     softirq: no frame was sent for too long
///     Result<void> change_mtu(u32)                          process; sleeps; set_mtu() is its part
///     Features fix_features(Features wanted)                process: what goes together
///     Result<bool> set_features(Features wanted)            process; sleeps: true if it has set them itself, too
///     Result<void> add_vlan(u16 id), remove_vlan(u16 id)    process; sleeps
///     void poll_controller()                                interrupts off, RTNL or not: as if there had been one
///     Result<u8> mii_phy()                                  process; sleeps: the address of the PHY; and both of
///     Result<u16> read_mii(u16 reg)                         a register of it; any number may be asked for
///     Result<void> write_mii(u16 reg, u16 value)
/// and what <cxxrt/xdp.hpp> says.

#include <cxxrt/callback.hpp>
#include <cxxrt/dma.hpp>
#include <cxxrt/lockcontext.hpp>
#include <cxxrt/log.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/page.hpp>

namespace cxxrt::xdp {
class Outgoing;
class Queue;
template <class D> struct Ops;
}  // namespace cxxrt::xdp

namespace cxxrt::net {

/// A hardware address.
struct MacAddress {
	u8 bytes[6] = {};

	/// Neither multicast nor zero.
	bool is_valid() const { return raw::cxxrt_is_valid_ether_addr(bytes); }
	friend constexpr bool operator==(const MacAddress&, const MacAddress&) = default;
};

/// What a device can do for the stack. Bits of Features.   C side: NETIF_F_*, linux/netdev_features.h.
enum class Feature : u64 {
	ScatterGather = raw::NETIF_F_SG,
	Checksum = raw::NETIF_F_HW_CSUM,
	Tso = raw::NETIF_F_TSO,
	Tso6 = raw::NETIF_F_TSO6,
	HighDma = raw::NETIF_F_HIGHDMA,
	RxChecksum = raw::NETIF_F_RXCSUM,
	RxAll = raw::NETIF_F_RXALL,
	RxFcs = raw::NETIF_F_RXFCS,
	VlanRx = raw::NETIF_F_HW_VLAN_CTAG_RX,
	VlanTx = raw::NETIF_F_HW_VLAN_CTAG_TX,
	VlanFilter = raw::NETIF_F_HW_VLAN_CTAG_FILTER,
};

/// A set of them.
class Features {
public:
	constexpr Features() = default;
	constexpr Features(Feature feature) : bits_(u64(feature)) {}
	constexpr bool has(Feature feature) const { return (bits_ & u64(feature)) != 0; }
	constexpr Features operator|(Features other) const { return of(bits_ | other.bits_); }
	constexpr Features without(Features other) const { return of(bits_ & ~other.bits_); }
	constexpr u64 bits() const { return bits_; }
	static constexpr Features of(u64 bits)
	{
		Features made;
		made.bits_ = bits;
		return made;
	}
	friend constexpr bool operator==(Features, Features) = default;

private:
	u64 bits_ = 0;
};
constexpr Features operator|(Feature a, Feature b) { return Features{a} | b; }

class Device;
class Napi;

/// Kinds of a driver's messages, as bits: what users ask for by `ethtool -s ... msglvl`.   C side: NETIF_MSG_*.
// NOLINTNEXTLINE(performance-enum-size): bits of what ethtool calls a message level
enum class Message : u32 {
	Driver = raw::NETIF_MSG_DRV,
	Probe = raw::NETIF_MSG_PROBE,
	Link = raw::NETIF_MSG_LINK,
	TxError = raw::NETIF_MSG_TX_ERR,
	TxDone = raw::NETIF_MSG_TX_DONE,
	RxStatus = raw::NETIF_MSG_RX_STATUS,
	Hardware = raw::NETIF_MSG_HW,
};

/// What went wrong on the wire, and what else a device counts.
struct LinkCounters {
	u64 multicast = 0, collisions = 0;
	u64 rx_errors = 0, rx_length_errors = 0, rx_crc_errors = 0, rx_frame_errors = 0, rx_missed_errors = 0;
	u64 tx_errors = 0, tx_aborted_errors = 0, tx_window_errors = 0, tx_carrier_errors = 0;
};

/// A frame has at most as many pieces beside its head.
inline constexpr u32 kMostFragments = u32(raw::MAX_SKB_FRAGS);

/// A frame, and the duty to hand it on or free it: the only owner. What was handed on cannot be touched again.
class [[nodiscard]] Skb : MoveOnly {
public:
	constexpr Skb() = default;
	CXXRT_INLINE Skb(Skb&& other) : skb_(exchange(other.skb_, nullptr)) {}
	CXXRT_INLINE Skb& operator=(Skb&& other)
	{
		const Skb old{exchange(skb_, exchange(other.skb_, nullptr))};
		return *this;
	}
	/// Freed as one that did not get through.
	CXXRT_INLINE ~Skb()
	{
		if (skb_ != nullptr) [[unlikely]]
			drop(skb_);
	}
	CXXRT_INLINE explicit operator bool() const { return skb_ != nullptr; }

	/// Bytes in all.
	u32 length() const { return raw::cxxrt_skb_len(skb_); }
	/// Bytes in the head, which is one piece of memory.
	u32 head_length() const { return raw::cxxrt_skb_headlen(skb_); }
	u8* head() const { return raw::cxxrt_skb_data(skb_); }
	u32 fragments() const { return raw::cxxrt_skb_nr_frags(skb_); }
	/// Only for i < fragments(); it may be several pages long.
	Segment fragment(u32 i) const
	{
		const raw::skb_frag_t* frag = raw::cxxrt_skb_frag(skb_, i);
		return {.page = Page::unsafe_from(raw::cxxrt_skb_frag_page(frag)),
			.offset = raw::cxxrt_skb_frag_off(frag),
			.length = raw::cxxrt_skb_frag_size(frag)};
	}
	/// Gives the head to the device, as dma::map().
	CXXRT_INLINE Result<dma::Addr> map_head(dma::Device dev) const
	{
		const u64 addr = raw::cxxrt_dma_map_single(dev.unsafe_raw(), head(), head_length(), raw::DMA_TO_DEVICE);
		if (raw::cxxrt_dma_mapping_error(dev.unsafe_raw(), addr) != 0) [[unlikely]]
			return ENOMEM;
		return dma::Addr::unsafe_from(addr);
	}

	// Of frames to be sent.
	/// Makes it as long as Ethernet wants, with zeroes. False, and freed, if there is no memory.
	[[nodiscard]] bool pad()
	{
		if (raw::cxxrt_eth_skb_pad(skb_)) [[likely]]
			return true;
		skb_ = nullptr;
		return false;
	}
	/// The device is to fill in the checksum of what begins at checksum_start(), at checksum_at().
	bool wants_checksum() const { return raw::cxxrt_skb_wants_checksum(skb_); }
	u32 checksum_start() const { return raw::cxxrt_skb_checksum_start(skb_); }
	u32 checksum_at() const { return raw::cxxrt_skb_checksum_at(skb_); }
	/// The device is to cut it into segments.
	bool is_gso() const { return raw::cxxrt_skb_is_gso(skb_); }
	bool is_gso_v6() const { return raw::cxxrt_skb_is_gso_v6(skb_); }
	/// Payload of a segment.
	u32 gso_size() const { return raw::cxxrt_skb_gso_size(skb_); }
	u32 gso_segments() const { return raw::cxxrt_skb_gso_segs(skb_); }
	/// Its header can be written from now on.   Errors: ENOMEM.
	Result<void> make_header_writable() const { return from_c(raw::cxxrt_skb_cow_head(skb_)); }
	/// Lengths and checksums as a device wants them that computes them for each segment. Header writable.
	void prepare_tso4() const { raw::cxxrt_skb_prepare_tso4(skb_); }
	void prepare_tso6() const { raw::cxxrt_skb_prepare_tso6(skb_); }
	u32 network_offset() const { return raw::cxxrt_skb_network_offset(skb_); }
	u32 transport_offset() const { return raw::cxxrt_skb_transport_offset(skb_); }
	u32 tcp_header_bytes() const { return raw::cxxrt_skb_tcp_header_bytes(skb_); }
	/// EtherType.
	u16 protocol() const { return raw::cxxrt_skb_protocol(skb_); }
	u8 ip_protocol() const { return raw::cxxrt_skb_ip_protocol(skb_); }
	bool has_vlan_tag() const { return raw::cxxrt_skb_vlan_tag_present(skb_); }
	/// Priority and id.
	u16 vlan_tag() const { return raw::cxxrt_skb_vlan_tag_get(skb_); }
	/// It has its frame check sequence already.
	bool has_fcs() const { return raw::cxxrt_skb_no_fcs(skb_); }
	/// It is about to be sent: for those who want to know when.
	void note_sent() const { raw::cxxrt_skb_tx_timestamp(skb_); }
	/// It was sent: free it.   Context: NAPI with its budget, or any with 0.
	CXXRT_INLINE void consume(u32 budget) && { raw::napi_consume_skb(exchange(skb_, nullptr), int(budget)); }

	// Of frames that were received.
	void append(const void* data, u32 bytes) const { raw::cxxrt_skb_put_data(skb_, data, bytes); }
	/// The device found its checksum right.
	void set_checksum_good() const { raw::cxxrt_skb_checksum_is_good(skb_); }
	void set_vlan_tag(u16 tci) const { raw::cxxrt_vlan_hwaccel_put_tag(skb_, tci); }
	/// So many bytes in front of its data are what a program has left for the stack.
	void set_metadata(u32 bytes) const { raw::cxxrt_skb_metadata_set(skb_, u8(bytes)); }

private:
	template <class D> friend class Driver;
	friend class Napi;
	friend class Tx;
	friend class PagePool;
	friend class xdp::Outgoing;
	CXXRT_INLINE explicit Skb(raw::sk_buff* skb) : skb_(skb) {}
	CXXRT_COLD static void drop(raw::sk_buff* skb);
	raw::sk_buff* skb_ = nullptr;
};

/// What became of a frame that was to be sent.
class [[nodiscard]] Tx {
public:
	/// It was taken: by the device, or freed.
	CXXRT_INLINE static Tx taken() { return Tx{raw::NETDEV_TX_OK}; }
	/// There is no room: the stack has it back, and the queue is stopped.
	CXXRT_INLINE static Tx busy(Skb&& skb)
	{
		skb.skb_ = nullptr;
		return Tx{raw::NETDEV_TX_BUSY};
	}
	CXXRT_INLINE raw::netdev_tx_t to_c() const { return code_; }
	bool is_taken() const { return code_ == raw::NETDEV_TX_OK; }

private:
	CXXRT_INLINE explicit Tx(raw::netdev_tx_t code) : code_(code) {}
	raw::netdev_tx_t code_;
};

/// A network device: borrowed, one pointer.
class Device {
public:
	explicit Device(raw::net_device* dev) : dev_(dev) {}
	raw::net_device* unsafe_raw() const { return dev_; }
	const char* name() const { return dev_->name; }
	u32 mtu() const { return raw::cxxrt_netdev_mtu(dev_); }
	void set_mtu(u32 mtu) const { raw::cxxrt_netdev_set_mtu(dev_, mtu); }
	/// What users may ask for. Before it is registered.
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the range is read from left to right
	void set_mtu_range(u32 least, u32 most) const
	{
		dev_->min_mtu = least;
		dev_->max_mtu = most;
	}
	MacAddress address() const
	{
		MacAddress made;
		raw::memcpy(made.bytes, dev_->dev_addr, sizeof(made.bytes));
		return made;
	}
	/// Locks: RTNL, once it is registered.
	void set_address(const MacAddress& addr) const { raw::cxxrt_eth_hw_addr_set(dev_, addr.bytes); }

	/// What is on, what the user may switch, and what VLANs on top may have. Before it is registered.
	void set_features(Features on, Features switchable, Features vlan) const
	{
		dev_->features = on.bits();
		dev_->hw_features = switchable.bits();
		dev_->vlan_features = vlan.bits();
	}
	Features features() const { return Features::of(dev_->features); }
	/// Locks: RTNL.
	void set_features(Features now) const { dev_->features = now.bits(); }
	/// Frames without a check sequence of ours can be sent; unicast addresses beside the first are filtered.
	void set_sends_raw_fcs() const { set_flag(raw::IFF_SUPP_NOFCS); }
	void set_filters_unicast() const { set_flag(raw::IFF_UNICAST_FLT); }
	bool is_promiscuous() const { return (dev_->flags & u32(raw::IFF_PROMISC)) != 0; }
	bool wants_all_multicast() const { return (dev_->flags & u32(raw::IFF_ALLMULTI)) != 0; }

	/// Opened, or about to be.
	bool is_running() const { return raw::cxxrt_netif_running(dev_); }
	bool has_carrier() const { return raw::cxxrt_netif_carrier_ok(dev_); }
	void carrier_on() const { raw::netif_carrier_on(dev_); }
	void carrier_off() const { raw::netif_carrier_off(dev_); }
	/// The device is not to be used for a while, though it is there.
	void detach() const { raw::netif_device_detach(dev_); }
	void attach() const { raw::netif_device_attach(dev_); }

	// The queue of frames to be sent.
	void start_queue() const { raw::cxxrt_netif_start_queue(dev_); }
	void stop_queue() const { raw::cxxrt_netif_stop_queue(dev_); }
	void wake_queue() const { raw::cxxrt_netif_wake_queue(dev_); }
	bool is_queue_stopped() const { return raw::cxxrt_netif_queue_stopped(dev_); }
	/// Stopped by the driver or by the limit of bytes.
	bool is_sending_stopped() const { return raw::cxxrt_netif_xmit_stopped(dev_); }
	/// Stops it, and waits for a start_xmit() that runs.   Context: process or softirq.
	void stop_sending() const { raw::cxxrt_netif_tx_disable(dev_); }
	/// Frames given to the device: true if it has to be told now, and not with a later one.
	/// Context: start_xmit().   Units: bytes.
	CXXRT_INLINE bool sent(u32 bytes, bool more) const { return raw::cxxrt_netdev_sent_queue(dev_, bytes, more); }
	void completed(u32 packets, u32 bytes) const { raw::cxxrt_netdev_completed_queue(dev_, packets, bytes); }
	/// Nothing is with the device any more.
	void reset_sent() const { raw::cxxrt_netdev_reset_queue(dev_); }
	/// The stack has more to send at once.   Context: start_xmit().
	static bool has_more() { return raw::cxxrt_netdev_xmit_more(); }

	void count_sent(u32 packets, u32 bytes) const { raw::cxxrt_netdev_count_tx(dev_, packets, bytes); }
	void count_received(u32 packets, u32 bytes) const { raw::cxxrt_netdev_count_rx(dev_, packets, bytes); }
	/// What it counted so far. The others are what the functions above counted.   Locks: one writer at a time.
	void set_counters(const LinkCounters& now) const
	{
		raw::net_device_stats& stats = *raw::cxxrt_netdev_stats(dev_);
		stats.multicast = now.multicast;
		stats.collisions = now.collisions;
		stats.rx_errors = now.rx_errors;
		stats.rx_length_errors = now.rx_length_errors;
		stats.rx_crc_errors = now.rx_crc_errors;
		stats.rx_frame_errors = now.rx_frame_errors;
		stats.rx_missed_errors = now.rx_missed_errors;
		stats.tx_errors = now.tx_errors;
		stats.tx_aborted_errors = now.tx_aborted_errors;
		stats.tx_window_errors = now.tx_window_errors;
		stats.tx_carrier_errors = now.tx_carrier_errors;
	}
	/// Frames that were sent.
	u64 frames_sent() const { return raw::cxxrt_netdev_stats(dev_)->tx_packets; }
	/// Frames that were not sent.
	u64 send_dropped() const { return raw::cxxrt_netdev_stats(dev_)->tx_dropped; }
	void count_send_dropped() const { raw::cxxrt_netdev_count_tx_dropped(dev_); }
	void count_receive_dropped() const { raw::cxxrt_netdev_count_rx_dropped(dev_); }

	// Addresses to be received, beside the first.   Context: set_rx_mode(), or under an AddressGuard.
	u32 multicast_count() const { return raw::cxxrt_netdev_mc_count(dev_); }
	u32 unicast_count() const { return raw::cxxrt_netdev_uc_count(dev_); }
	template <class F> void for_each_multicast(F&& f) const { raw::cxxrt_netdev_for_each_mc(dev_, &visit<F>, &f); }
	template <class F> void for_each_unicast(F&& f) const { raw::cxxrt_netdev_for_each_uc(dev_, &visit<F>, &f); }

private:
	void set_flag(raw::netdev_priv_flags flag) const { dev_->priv_flags |= flag; }
	template <class F> static void visit(void* context, const u8* addr)
	{
		MacAddress made;
		raw::memcpy(made.bytes, addr, sizeof(made.bytes));
		(*static_cast<remove_reference_t<F>*>(context))(made);
	}
	raw::net_device* dev_;
};

/// As log::info() and the like, after the names of the driver and of the device's parent and its own.
template <Literal Format, class... Args> inline void info(Device dev, Args... args)
{
	log::detail::print_of<&raw::netdev_printk, "6", Format>(dev.unsafe_raw(), args...);
}
template <Literal Format, class... Args> inline void warn(Device dev, Args... args)
{
	log::detail::print_of<&raw::netdev_printk, "4", Format>(dev.unsafe_raw(), args...);
}
template <Literal Format, class... Args> inline void error(Device dev, Args... args)
{
	log::detail::print_of<&raw::netdev_printk, "3", Format>(dev.unsafe_raw(), args...);
}

/// Keeps a device's lists of addresses as they are for a scope, as set_rx_mode() has it. Nothing in it may sleep.
class [[nodiscard]] SCOPED_CAPABILITY AddressGuard : Pinned {
public:
	[[nodiscard]] explicit AddressGuard(Device dev) ACQUIRE(atomic_context) NO_THREAD_SAFETY_ANALYSIS : dev_(dev)
	{
		raw::cxxrt_netif_addr_lock_bh(dev_.unsafe_raw());
	}
	~AddressGuard() RELEASE() NO_THREAD_SAFETY_ANALYSIS { raw::cxxrt_netif_addr_unlock_bh(dev_.unsafe_raw()); }

private:
	const Device dev_;
};

/// Interrupts turned into polling, a member of the object it serves:
///     net::Napi napi_;    Napi(dev, callback<&Adapter::napi_, &Adapter::poll>)
/// where `u32 poll(u32 budget)` returns how many frames it received; if those are fewer than `budget`, it has called
/// complete() first.   Context of poll(): softirq.
/// Invariant: the function does not run while disabled, nor after the destructor.
class Napi : Pinned {
public:
	/// Context: process, before the device is registered.
	template <auto Member, auto Function> Napi(Device dev, Callback<Member, Function>)
	{
		raw::cxxrt_netif_napi_add(dev.unsafe_raw(), &napi_, &thunk<Member, Function>);
	}
	/// Context: process; sleeps.   Only while disabled.
	~Napi() EXCLUDES(atomic_context) { raw::cxxrt_netif_napi_del(&napi_); }
	void enable() { raw::napi_enable(&napi_); }
	/// Waits for a running function.   Context: process; sleeps.
	void disable() EXCLUDES(atomic_context) { raw::napi_disable(&napi_); }
	/// Has poll() run soon. `prepare()` is called if it was not to run already.   Context: any.
	template <class F> CXXRT_INLINE void schedule(F&& prepare)
	{
		if (raw::napi_schedule_prep(&napi_)) [[likely]] {
			prepare();
			raw::__napi_schedule(&napi_);
		}
	}
	/// There is nothing left to do: false if poll() is to run again all the same.   Context: poll().
	CXXRT_INLINE bool complete(u32 done) { return raw::napi_complete_done(&napi_, int(done)); }

	/// An empty frame with room for `bytes` bytes. False if there is no memory.   Context: poll().
	CXXRT_INLINE Skb alloc(u32 bytes) { return Skb{raw::cxxrt_napi_alloc_skb(&napi_, bytes)}; }
	/// Gives a received frame to the stack.   Context: poll().
	CXXRT_INLINE void receive(Skb&& skb, Device dev)
	{
		raw::sk_buff* frame = exchange(skb.skb_, nullptr);
		raw::cxxrt_skb_set_protocol(frame, dev.unsafe_raw());
		(void)raw::napi_gro_receive(&napi_, frame);
	}

private:
	friend class PagePool;
	friend class Assembly;
	friend class xdp::Queue;
	template <auto Member, auto Function> CXXRT_HOT static int thunk(raw::napi_struct* napi, int budget)
	{
		auto& owner = owner_of<Member>(owner_of<&Napi::napi_>(*napi));
		return int((owner.*Function)(u32(budget)));
	}
	raw::napi_struct napi_{};
};

/// Memory that frames are received into. A buffer is part of a page that stays mapped for the device, and comes back
/// when the stack has freed the frame.   Locks: none; one user, the NAPI function or who keeps it from running.
class PagePool : MoveOnly {
public:
	PagePool() = default;
	PagePool(PagePool&& other) : pool_(exchange(other.pool_, nullptr)), dev_(other.dev_) {}
	/// What it was before goes at once.
	PagePool& operator=(PagePool&& other)
	{
		PagePool taken{move(other)};
		swap(pool_, taken.pool_);
		swap(dev_, taken.dev_);
		return *this;
	}
	/// Buffers that the stack still has keep what they need. Its Napi is disabled.   Context: process.
	~PagePool()
	{
		if (pool_ != nullptr)
			raw::page_pool_destroy(pool_);
	}
	/// With room for `pages` pages that wait to be used again. The device writes at most a page. `direction`: Both, if what it has
	/// written is also to be sent from there.
	/// Context: process; sleeps.   Errors: ENOMEM; EINVAL.
	static Result<PagePool> create(dma::Device dev, Napi& napi, u32 pages,
				       dma::Direction direction = dma::Direction::FromDevice) EXCLUDES(atomic_context)
	{
		auto* pool = TRY(
			from_err_ptr(raw::cxxrt_page_pool_create(dev.unsafe_raw(), &napi.napi_, dev.node().id(), pages,
								 u32(kPageSize), raw::dma_data_direction(direction))));
		return PagePool{pool, dev.unsafe_raw()};
	}
	explicit operator bool() const { return pool_ != nullptr; }

	/// Part of a page, owned. Goes back to the pool unless a frame was built of it.
	struct Buffer {
		raw::page* page = nullptr;
		u32 offset = 0;

		explicit operator bool() const { return page != nullptr; }
		/// Where the device finds it.
		dma::Addr addr() const
		{
			return dma::Addr::unsafe_from(raw::cxxrt_page_pool_get_dma_addr(page) + offset);
		}
		u8* memory() const { return static_cast<u8*>(raw::cxxrt_page_address(page)) + offset; }
	};
	/// `bytes` bytes, half a page or a whole one, for a device that reaches 4 GiB.   Context: any; never sleeps.
	/// False if there is no memory.
	CXXRT_INLINE Buffer alloc_low(u32 bytes)
	{
		Buffer made;
		made.page = raw::page_pool_alloc_frag(pool_, &made.offset, bytes,
						      u32(raw::GFP_ATOMIC | raw::__GFP_NOWARN | raw::GFP_DMA32));
		return made;
	}
	/// The device has written: bytes `from` to before `from + length` can be read.
	CXXRT_INLINE void sync(const Buffer& buffer, u32 from, u32 length)
	{
		raw::cxxrt_dma_sync_for_cpu(dev_, (buffer.addr() + from).bits(), length, raw::DMA_FROM_DEVICE);
	}
	/// The device may write there again.
	CXXRT_INLINE void reuse(const Buffer& buffer, u32 from, u32 length)
	{
		raw::cxxrt_dma_sync_for_device(dev_, (buffer.addr() + from).bits(), length, raw::DMA_FROM_DEVICE);
	}
	/// The device may read `length` bytes at `addr`, which is in a buffer of a pool of both directions.
	CXXRT_INLINE void hand_over(dma::Addr addr, u32 length)
	{
		raw::cxxrt_dma_sync_for_device(dev_, addr.bits(), length, raw::DMA_BIDIRECTIONAL);
	}
	/// Context: process, while NAPI is disabled.
	void give_back(Buffer& buffer)
	{
		if (raw::page* page = exchange(buffer.page, nullptr))
			raw::cxxrt_page_pool_put(pool_, page, false);
	}
	/// A frame around the buffer of `bytes` bytes, whose data are `length` bytes after `headroom`. False if there is no
	/// memory, and the buffer is as it was.   Context: NAPI's poll().
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of the memory that they describe
	CXXRT_INLINE Skb build(Buffer& buffer, u32 bytes, u32 headroom, u32 length)
	{
		Skb made{raw::napi_build_skb(buffer.memory(), bytes)};
		if (!made) [[unlikely]]
			return made;
		raw::cxxrt_skb_mark_for_recycle(made.skb_);
		raw::cxxrt_skb_reserve(made.skb_, headroom);
		(void)raw::skb_put(made.skb_, length);
		buffer.page = nullptr;
		return made;
	}
	/// Bytes of a buffer for `bytes` bytes of data after `headroom`, with what the stack keeps behind them.
	static constexpr u32 room_for(u32 headroom, u32 bytes)
	{
		constexpr u32 kLine = 64;
		return ((headroom + bytes + kLine - 1) & ~(kLine - 1)) + u32(raw::SKB_SHARED_INFO_SIZE);
	}
	/// What the stack likes to have in front of a frame.
	static constexpr u32 kHeadroom = u32(raw::NET_SKB_PAD + raw::NET_IP_ALIGN);

private:
	friend class xdp::Queue;
	PagePool(raw::page_pool* pool, raw::device* dev) : pool_(pool), dev_(dev) {}
	raw::page_pool* pool_ = nullptr;
	raw::device* dev_ = nullptr;
};

/// A frame in several buffers, put together for NAPI's poll().   Context: poll().
class [[nodiscard]] Assembly : MoveOnly {
public:
	Assembly() = default;
	Assembly(Assembly&& other) : napi_(other.napi_), skb_(exchange(other.skb_, nullptr)) {}
	Assembly& operator=(Assembly&& other)
	{
		swap(napi_, other.napi_);
		swap(skb_, other.skb_);
		return *this;
	}
	~Assembly()
	{
		if (skb_ != nullptr)
			raw::cxxrt_napi_free_frags(napi_);
	}
	/// False if there is no memory.
	static Assembly begin(Napi& napi)
	{
		raw::sk_buff* skb = raw::napi_get_frags(&napi.napi_);
		// From the first buffer on: what is taken off again goes back to the pool, too.
		if (skb != nullptr) [[likely]]
			raw::cxxrt_skb_mark_for_recycle(skb);
		return Assembly{&napi.napi_, skb};
	}
	explicit operator bool() const { return skb_ != nullptr; }
	u32 fragments() const { return raw::cxxrt_skb_nr_frags(skb_); }
	/// `length` bytes of the buffer, which is `bytes` long, from `from` on.   Only for fragments() < kMostFragments.
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as above
	CXXRT_INLINE void add(PagePool::Buffer& buffer, u32 from, u32 length, u32 bytes)
	{
		// NOLINTNEXTLINE(readability-suspicious-call-argument): `bytes` is what the kernel calls `truesize`
		raw::cxxrt_skb_add_rx_frag(skb_, fragments(), exchange(buffer.page, nullptr), buffer.offset + from,
					   length, bytes);
	}
	/// Bytes so far.
	u32 length() const { return raw::cxxrt_skb_len(skb_); }
	void set_checksum_good() const { raw::cxxrt_skb_checksum_is_good(skb_); }
	void set_vlan_tag(u16 tci) const { raw::cxxrt_vlan_hwaccel_put_tag(skb_, tci); }
	/// Takes `bytes` bytes off its end.
	void cut(u32 bytes) const { raw::cxxrt_skb_cut(skb_, bytes); }
	/// Gives it to the stack.
	CXXRT_INLINE void receive() &&
	{
		skb_ = nullptr;
		(void)raw::napi_gro_frags(napi_);
	}

private:
	Assembly(raw::napi_struct* napi, raw::sk_buff* skb) : napi_(napi), skb_(skb) {}
	raw::napi_struct* napi_ = nullptr;
	raw::sk_buff* skb_ = nullptr;
};

/// Passed to constructors that only Driver calls.
class Key {
	template <class D> friend class Driver;
	Key() = default;
};

/// A net_device and the D in it. Destroyed, it is taken from the stack first.
template <class D> class [[nodiscard]] Driver : MoveOnly {
public:
	Driver(Driver&& other) : dev_(exchange(other.dev_, nullptr)), registered_(other.registered_) {}
	~Driver() EXCLUDES(atomic_context)
	{
		if (dev_ == nullptr)
			return;
		if (registered_)
			raw::unregister_netdev(dev_);
		object().~D();
		raw::free_netdev(dev_);
	}
	/// Context: process; sleeps.   Errors: ENOMEM.
	template <class... Args> static Result<Driver> create(dma::Device parent, Args&&... args)
		EXCLUDES(atomic_context)
	{
		static_assert(alignof(D) <= 64);
		raw::net_device* dev = TRY(from_null(raw::cxxrt_alloc_etherdev(sizeof(D))));
		raw::cxxrt_set_netdev_dev(dev, parent.unsafe_raw());
		dev->netdev_ops = &kOps;
		dev->watchdog_timeo = 0;
		new (raw::cxxrt_netdev_priv(dev)) D(Key{}, Device{dev}, forward<Args>(args)...);
		return Driver{dev};
	}
	/// Shows it to users. From here on, its operations are called.
	/// Context: process; sleeps.   Errors: as register_netdev().
	Result<void> add() EXCLUDES(atomic_context)
	{
		TRY(from_c(raw::register_netdev(dev_)));
		registered_ = true;
		return {};
	}
	Device device() const { return Device{dev_}; }
	D& object() const { return of(dev_); }
	/// Safety: `dev` is one of a Driver<D>.
	static D& unsafe_object(raw::net_device* dev) { return of(dev); }

private:
	explicit Driver(raw::net_device* dev) : dev_(dev) {}
	static D& of(raw::net_device* dev) { return *static_cast<D*>(raw::cxxrt_netdev_priv(dev)); }

	static int open(raw::net_device* dev) { return of(dev).open().to_c(); }
	static int stop(raw::net_device* dev)
	{
		of(dev).stop();
		return 0;
	}
	CXXRT_HOT static raw::netdev_tx_t start_xmit(raw::sk_buff* skb, raw::net_device* dev)
	{
		return of(dev).start_xmit(Skb{skb}).to_c();
	}
	static void set_rx_mode(raw::net_device* dev) { of(dev).set_rx_mode(); }
	static int set_mac_address(raw::net_device* dev, void* sockaddr)
	{
		MacAddress addr;
		raw::memcpy(addr.bytes, raw::cxxrt_sockaddr_data(sockaddr), sizeof(addr.bytes));
		if (!addr.is_valid())
			return EADDRNOTAVAIL.to_c();
		return of(dev).set_mac_address(addr).to_c();
	}
	static void tx_timeout(raw::net_device* dev, u32) { of(dev).tx_timeout(); }
	static raw::netdev_features_t fix_features(raw::net_device* dev, raw::netdev_features_t wanted)
	{
		return of(dev).fix_features(Features::of(wanted)).bits();
	}
	static int set_features(raw::net_device* dev, raw::netdev_features_t wanted)
	{
		auto done = of(dev).set_features(Features::of(wanted));
		return done.ok() ? int(done.take()) : done.error().to_c();
	}
	static int add_vlan(raw::net_device* dev, raw::__be16, u16 id) { return of(dev).add_vlan(id).to_c(); }
	static int remove_vlan(raw::net_device* dev, raw::__be16, u16 id) { return of(dev).remove_vlan(id).to_c(); }
	static int change_mtu(raw::net_device* dev, int mtu) { return of(dev).change_mtu(u32(mtu)).to_c(); }

	static void poll_controller(raw::net_device* dev) { of(dev).poll_controller(); }
	static int ioctl(raw::net_device* dev, raw::ifreq* request, int command)
	{
		raw::mii_ioctl_data& data = *raw::cxxrt_if_mii(request);
		if (command == int(raw::SIOCGMIIPHY)) {
			Result<u8> phy = of(dev).mii_phy();
			if (!phy.ok())
				return phy.error().to_c();
			data.phy_id = phy.take();
			return 0;
		}
		if (command == int(raw::SIOCGMIIREG)) {
			Result<u16> value = of(dev).read_mii(data.reg_num);
			if (!value.ok())
				return value.error().to_c();
			data.val_out = value.take();
			return 0;
		}
		if (command == int(raw::SIOCSMIIREG))
			return of(dev).write_mii(data.reg_num, data.val_in).to_c();
		return EOPNOTSUPP.to_c();
	}

	static constexpr void set_poll_controller(auto& ops)
	{
		if constexpr (requires { ops.ndo_poll_controller; })
			ops.ndo_poll_controller = &poll_controller;
	}
	static constexpr raw::net_device_ops make_ops()
	{
		raw::net_device_ops ops{};
		ops.ndo_open = &open;
		ops.ndo_stop = &stop;
		ops.ndo_start_xmit = &start_xmit;
		ops.ndo_validate_addr = &raw::eth_validate_addr;
		if constexpr (requires(D& object) { object.set_rx_mode(); })
			ops.ndo_set_rx_mode = &set_rx_mode;
		if constexpr (requires(D& object, const MacAddress& addr) { object.set_mac_address(addr); })
			ops.ndo_set_mac_address = &set_mac_address;
		if constexpr (requires(D& object) { object.tx_timeout(); })
			ops.ndo_tx_timeout = &tx_timeout;
		if constexpr (requires(D& object) { object.change_mtu(0u); })
			ops.ndo_change_mtu = &change_mtu;
		if constexpr (requires(D& object) { object.fix_features(Features{}); })
			ops.ndo_fix_features = &fix_features;
		if constexpr (requires(D& object) { object.set_features(Features{}); })
			ops.ndo_set_features = &set_features;
		if constexpr (requires(D& object) { object.add_vlan(u16{}); }) {
			ops.ndo_vlan_rx_add_vid = &add_vlan;
			ops.ndo_vlan_rx_kill_vid = &remove_vlan;
		}
		if constexpr (requires(D& object) { object.mii_phy(); })
			ops.ndo_eth_ioctl = &ioctl;
		// Not every kernel has it.
		if constexpr (requires(D& object) { object.poll_controller(); })
			set_poll_controller(ops);
		if constexpr (requires(D& object) { object.xdp_slot(); })
			xdp::Ops<D>::fill(ops);
		return ops;
	}
	static constexpr raw::net_device_ops kOps = make_ops();

	raw::net_device* dev_;
	bool registered_ = false;
};

}  // namespace cxxrt::net
