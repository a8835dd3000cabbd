// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A port: its device, its network device, and what happens when it is opened and closed.
/// C side: struct e1000_adapter, e1000_main.c.
///
/// Locks: RTNL, then `config_lock_`, which keeps up() and down() apart, then `filter_lock_`.

#include <cxxrt/pci.hpp>
#include <cxxrt/work.hpp>

#include "fifo.hpp"
#include "rx.hpp"
#include "tx.hpp"

namespace e1000 {

/// What a port has of the PCI function.
struct Parts {
	Card card;
	pci::Enabled enabled;
	pci::Regions regions;
	pci::Ports ports;  // to reset it, if its family is reset so
	pci::Bar<regs::kBytes> bar;
	pci::Bar<regs::kPhyBlockBytes> phy_bar;	 // of the CE4100
};

class Adapter : Pinned {
public:
	/// Brings up a port and shows its network device.
	/// Context: process; sleeps.   Errors: ENODEV, EBUSY, EIO, ENOMEM.
	static Result<net::Driver<Adapter>> create(pci::Device dev) EXCLUDES(atomic_context);
	Adapter(net::Key, net::Device dev, Parts&& parts);
	~Adapter();

	// Of the network device.
	Result<void> open() EXCLUDES(atomic_context);
	void stop() EXCLUDES(atomic_context);
	net::Tx start_xmit(net::Skb skb)
	{
		if (fifo_.is_used()) [[unlikely]]
			return send_through_fifo(move(skb));
		return tx_.send(move(skb));
	}
	void set_rx_mode();
	Result<void> set_mac_address(const net::MacAddress& addr);
	void tx_timeout();
	Result<void> change_mtu(u32 mtu) EXCLUDES(atomic_context);
	net::Features fix_features(net::Features wanted) const;
	Result<bool> set_features(net::Features wanted) EXCLUDES(atomic_context);
	Result<void> add_vlan(u16 id) EXCLUDES(atomic_context) { return change_vlan(id, true); }
	Result<void> remove_vlan(u16 id) EXCLUDES(atomic_context) { return change_vlan(id, false); }

private:
	static constexpr u32 kEntries = 256;
	/// Units: bytes. Header and check sequence.
	static constexpr u32 kOverhead = 18;
	/// Causes that are let through.
	static regs::Ims wanted_causes();

	Result<void> prepare() EXCLUDES(atomic_context);
	/// Resets the device and sets up what does not change while it is open.
	void reset_device() EXCLUDES(atomic_context);
	Result<void> up() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	void down() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	void reset() EXCLUDES(atomic_context);
	void watch() EXCLUDES(atomic_context);
	CXXRT_COLD net::Tx send_through_fifo(net::Skb skb);
	void empty_fifo() EXCLUDES(atomic_context);
	/// As set_rx_mode(), for cards that must not receive meanwhile.
	void change_filters() EXCLUDES(atomic_context);
	Result<void> choose_dma_mask() EXCLUDES(atomic_context);
	/// The longest frame, with its check sequence.   Units: bytes.
	u32 most_frame_bytes() const { return dev_.mtu() + kOverhead; }
	void program_tx();
	void program_rx();
	Result<void> change_vlan(u16 id, bool wanted) EXCLUDES(atomic_context);
	void program_filters() EXCLUDES(atomic_context);
	/// Writes what is wanted now, if it is something else.
	void update_rctl() REQUIRES(filter_lock_);
	/// Without what RCTL says of them. The device's lists of addresses stay as they are meanwhile.
	void program_addresses() REQUIRES(filter_lock_);
	void show_link(const Link& now);
	CXXRT_HOT u32 poll(u32 budget);
	CXXRT_HOT irq::Handled interrupted();

	Parts parts_;
	const net::Device dev_;
	Hardware hw_;
	Window window_;
	Link link_;
	pci::Vectors vectors_;
	net::Napi napi_;
	TxRing tx_;
	TxFifo fifo_;
	RxRing rx_;
	BhSpinLock filter_lock_{lock_class<"e1000 Adapter::filter_lock_">};
	regs::Rctl rctl_ GUARDED_BY(filter_lock_);  // as it was written last
	u32 vlans_[regs::Vfta::kCount] GUARDED_BY(filter_lock_) = {};
	u32 vlan_count_ GUARDED_BY(filter_lock_) = 0;
	bool receiving_ GUARDED_BY(filter_lock_) = false;
	Mutex config_lock_{lock_class<"e1000 Adapter::config_lock_">};
	bool up_ GUARDED_BY(config_lock_) = false;
	bool reaches_all_ = false;  // of memory
	Work reset_work_{callback<&Adapter::reset_work_, &Adapter::reset>};
	Work filter_work_{callback<&Adapter::filter_work_, &Adapter::change_filters>};
	DelayedWork fifo_work_{callback<&Adapter::fifo_work_, &Adapter::empty_fifo>};
	DelayedWork watchdog_{callback<&Adapter::watchdog_, &Adapter::watch>};
	irq::Handler irq_{callback<&Adapter::irq_, &Adapter::interrupted>};  // last: it stops first
};

}  // namespace e1000
