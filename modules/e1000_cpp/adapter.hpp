// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A port: its device, its network device, and what happens when it is opened and closed.
/// C side: struct e1000_adapter, e1000_main.c.
///
/// Locks: RTNL, then `config_lock_`, which keeps all apart that change the device's state or ask its PHY and its EEPROM,
/// then `filter_lock_`.
///
/// A port is opened by its user, and up while frames pass: it is opened and not up while the machine sleeps, or while its
/// link to the CPU is recovered.

#include <cxxrt/ethtool.hpp>
#include <cxxrt/pci.hpp>
#include <cxxrt/work.hpp>

#include "fifo.hpp"
#include "moderation.hpp"
#include "params.hpp"
#include "rx.hpp"
#include "stats.hpp"
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
	/// Brings up port number `board` and shows its network device.
	/// Context: process; sleeps.   Errors: ENODEV, EBUSY, EIO, ENOMEM.
	static Result<net::Driver<Adapter>> create(pci::Device dev, u32 board) EXCLUDES(atomic_context);
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
	void poll_controller();
	Result<u8> mii_phy() const;
	Result<u16> read_mii(u16 reg) EXCLUDES(atomic_context);
	Result<void> write_mii(u16 reg, u16 value) EXCLUDES(atomic_context);
	xdp::Slot& xdp_slot() { return rx_.program(); }
	Result<void> begin_xdp(xdp::Refusal why) EXCLUDES(atomic_context);
	void end_xdp() EXCLUDES(atomic_context);
	Result<void> send_frames(xdp::Frames& frames);

	// Of the PCI function: power.cc.
	Result<void> suspend() EXCLUDES(atomic_context);
	Result<void> resume() EXCLUDES(atomic_context);
	void shutdown() EXCLUDES(atomic_context);
	pci::Recovery error_detected(pci::Link link) EXCLUDES(atomic_context);
	Result<void> slot_reset() EXCLUDES(atomic_context);
	void recovered() EXCLUDES(atomic_context);
	void reset_prepare() EXCLUDES(atomic_context);
	void reset_done() EXCLUDES(atomic_context);
	/// No more traffic, as the module or the device is about to go.
	void retire() EXCLUDES(atomic_context);

	// Of debugfs: report.cc.
	/// A ring as it is at the moment, entry by entry: nothing of it moves elsewhere, or goes, meanwhile.
	/// Context: process; sleeps.   Locks: takes config_lock_.
	static void show_tx(debugfs::Text& out, Adapter& port) EXCLUDES(atomic_context);
	static void show_rx(debugfs::Text& out, Adapter& port) EXCLUDES(atomic_context);

private:
	template <class Head, class Tail, class Ring> void show_ring(debugfs::Text& out, const Ring& ring,
								     const char* which) EXCLUDES(atomic_context);
	friend struct Tools;	// ethtool.cc
	friend class SelfTest;	// selftest.cc

	static constexpr u32 kAllWakes = ethtool::wake::kUnicast | ethtool::wake::kMulticast |
					 ethtool::wake::kBroadcast | ethtool::wake::kMagic;
	/// Units: bytes. Header and check sequence.
	static constexpr u32 kOverhead = 18;
	/// Causes that are let through.
	static regs::Ims wanted_causes();

	Result<void> prepare(u32 board) EXCLUDES(atomic_context);
	/// What it is, for the log.
	void introduce() const;
	void dump_eeprom() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	/// Resets the device and sets up what does not change while it is open.
	void reset_device() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	Result<void> up() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	void down() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	/// down() and up(), or reset_device() if it is not up.
	Result<void> restart() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	void reset() EXCLUDES(atomic_context);
	/// Makes rings such that programs can look at frames, or such that they cannot. If that fails, they are as they were.
	Result<void> examine_frames(bool wanted) REQUIRES(config_lock_) EXCLUDES(atomic_context);
	void watch() EXCLUDES(atomic_context);
	void look_at_phy() EXCLUDES(atomic_context);
	void check_sending() REQUIRES(config_lock_);
	CXXRT_COLD void report_hang() REQUIRES(config_lock_);
	void read_statistics() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	void program_tx();
	void program_rx();
	void write_moderation() const;
	Result<void> change_vlan(u16 id, bool wanted) EXCLUDES(atomic_context);
	void program_filters() EXCLUDES(atomic_context);
	CXXRT_COLD net::Tx send_through_fifo(net::Skb skb);
	void empty_fifo() EXCLUDES(atomic_context);
	/// As set_rx_mode(), for cards that must not receive meanwhile.
	void change_filters() EXCLUDES(atomic_context);
	Result<void> choose_dma_mask() EXCLUDES(atomic_context);
	/// The longest frame, with its check sequence.   Units: bytes.
	u32 most_frame_bytes() const { return dev_.mtu() + kOverhead; }
	/// Writes what is wanted now, if it is something else.
	void update_rctl() REQUIRES(filter_lock_);
	/// Without what RCTL says of them. The device's lists of addresses stay as they are meanwhile.
	void program_addresses() REQUIRES(filter_lock_);
	void show_link(const Link& now) REQUIRES(config_lock_);
	const char* flow_name() const;
	/// Takes speed and duplex of a link that is not negotiated, or offers gigabit alone.   Errors: EINVAL.
	Result<void> choose_speed(u32 mbps, ethtool::Duplex duplex) REQUIRES(config_lock_);
	void read_eeprom_wake() REQUIRES(config_lock_) EXCLUDES(atomic_context);
	/// What may wake the machine by this port.   Bits of ethtool::wake.
	u32 possible_wakes() const REQUIRES(config_lock_);
	/// As somebody has written to the PHY's control register.   Errors: EINVAL.
	Result<void> follow_phy_control(u16 value) REQUIRES(config_lock_);
	/// Whether any frame is to wake the machine.
	bool prepare_sleep() EXCLUDES(atomic_context);
	bool says(net::Message kind) const { return (messages_ & u32(kind)) != 0; }
	pci::Device pci() const { return parts_.enabled.device(); }
	CXXRT_HOT u32 poll(u32 budget);
	CXXRT_HOT irq::Handled interrupted();
	CXXRT_COLD void note_link_change();

	Parts parts_;
	const net::Device dev_;
	Hardware hw_;
	const Window window_;
	const Family& family_;
	u32 messages_ = 0;  // bits of net::Message; torn by nobody
	pci::Vectors vectors_;
	net::Napi napi_;
	TxRing tx_;
	TxFifo fifo_;
	RxRing rx_;
	/// NAPI's, but while it is disabled. A setting may be changed under it: it is a word.
	Moderation moderation_;
	bool is_gigabit_ = false;  // written before the carrier is on
	BhSpinLock filter_lock_{lock_class<"e1000 Adapter::filter_lock_">};
	regs::Rctl rctl_ GUARDED_BY(filter_lock_);  // as it was written last
	u64 rctl_kept_ GUARDED_BY(filter_lock_) = 0;
	u32 vlans_[regs::Vfta::kCount] GUARDED_BY(filter_lock_) = {};
	u32 vlan_count_ GUARDED_BY(filter_lock_) = 0;
	bool receiving_ GUARDED_BY(filter_lock_) = false;
	Mutex config_lock_{lock_class<"e1000 Adapter::config_lock_">};
	Options options_;  // written under RTNL, and read where that is, or config_lock_
	bool opened_ GUARDED_BY(config_lock_) = false;
	bool up_ GUARDED_BY(config_lock_) = false;
	bool is_examined_ GUARDED_BY(config_lock_) = false;  // buffers are such that programs can look at frames
	Link link_ GUARDED_BY(config_lock_);
	CableInfo cable_ GUARDED_BY(config_lock_);
	u32 idle_errors_ GUARDED_BY(config_lock_) = 0;	   // the PHY's
	u32 receive_errors_ GUARDED_BY(config_lock_) = 0;  // and these
	u32 wakes_ GUARDED_BY(config_lock_) = 0;
	u32 eeprom_wakes_ GUARDED_BY(config_lock_) = 0;
	bool is_first_of_four_ = false;	 // ports of a card that only its first can wake by
	Statistics statistics_ GUARDED_BY(config_lock_);
	u64 simple_sent_ GUARDED_BY(config_lock_) = 0;	// as it was when the moderation was adapted last
	u64 simple_received_ GUARDED_BY(config_lock_) = 0;
	u64 sent_before_ GUARDED_BY(config_lock_) = 0;	// frames, when somebody looked last
	bool was_pending_ GUARDED_BY(config_lock_) = false;
	u32 stuck_ms_ GUARDED_BY(config_lock_) = 0;  // for how long the oldest frame has waited, at least
	Atomic<u32> timeouts_{0};
	u64 interrupts_ = 0;	    // the handler's
	bool reaches_all_ = false;  // of memory
	Work filter_work_{callback<&Adapter::filter_work_, &Adapter::change_filters>};
	DelayedWork fifo_work_{callback<&Adapter::fifo_work_, &Adapter::empty_fifo>};
	Work reset_work_{callback<&Adapter::reset_work_, &Adapter::reset>};
	DelayedWork watchdog_{callback<&Adapter::watchdog_, &Adapter::watch>};
	DelayedWork phy_work_{callback<&Adapter::phy_work_, &Adapter::look_at_phy>};
	irq::Handler irq_{callback<&Adapter::irq_, &Adapter::interrupted>};  // last: it stops first
};

/// What ethtool shows and sets.
struct Tools {
	static constexpr u32 kRegisters = 32;
	static constexpr const char* kTestNames[] = {"Register test  (offline)", "Eeprom test    (offline)",
						     "Interrupt test (offline)", "Loopback test  (offline)",
						     "Link test   (on/offline)"};
	static constexpr u32 kTests = 5;

	static const char* driver_name();
	static Result<void> get_coalesce(Adapter& port, ethtool::Coalesce& out);
	static Result<void> set_coalesce(Adapter& port, const ethtool::Coalesce& wanted);
	static ethtool::Rings get_rings(Adapter& port);
	static Result<void> set_rings(Adapter& port, const ethtool::Rings& wanted);
	static ethtool::Pause get_pause(Adapter& port);
	static Result<void> set_pause(Adapter& port, const ethtool::Pause& wanted);
	static ethtool::LinkSettings get_link_settings(Adapter& port);
	static Result<void> set_link_settings(Adapter& port, const ethtool::LinkWanted& wanted);
	static bool get_link(Adapter& port);
	static Result<void> renegotiate(Adapter& port);
	static u32 get_messages(Adapter& port);
	static void set_messages(Adapter& port, u32 wanted);
	static u32 get_registers(Adapter& port, u32 (&words)[kRegisters]);
	static u32 eeprom_bytes(Adapter& port);
	static u32 eeprom_magic(Adapter& port);
	static Result<void> read_eeprom(Adapter& port, u32 offset, u8* to, u32 bytes);
	static Result<void> write_eeprom(Adapter& port, u32 offset, const u8* from, u32 bytes);
	static u32 statistic_count(Adapter& port);
	static void name_statistics(Adapter& port, ethtool::Names& names);
	static void get_statistics(Adapter& port, u64* to);
	static bool self_test(Adapter& port, ethtool::Tests which, u64 (&results)[kTests]);
	static Result<u32> identify(Adapter& port, ethtool::Identify state);
	static ethtool::Wake get_wake(Adapter& port);
	static Result<void> set_wake(Adapter& port, u32 wanted);
};

}  // namespace e1000
