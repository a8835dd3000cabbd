// SPDX-License-Identifier: GPL-2.0
#include "adapter.hpp"

#include <cxxrt/log.hpp>

#include <cxxrt/enforce.hpp>

namespace e1000 {

using regs::Ctrl;
using regs::Rctl;
using regs::Tctl;

namespace {

/// Units: milliseconds.
constexpr u32 kWatchMs = 2000;
/// Units of TIDV and TADV.
constexpr u32 kTxDelay = 8;
constexpr u32 kTxAbsoluteDelay = 32;
constexpr u32 kRxAbsoluteDelay = 8;
/// Interrupts in a second.
constexpr u32 kMostInterrupts = 20000;
/// CTRL's address, and what is written there.   Units: bytes.
constexpr u64 kPortBytes = 8;
constexpr u16 kVmwareModel = 0x100f;
constexpr u16 kVmware = 0x15ad;
/// Units: bytes.
constexpr u32 kLeastMtu = 46;
constexpr u32 kMostMtu = 16110;
constexpr u32 kPlainMtu = 1500;

}  // namespace

Adapter::Adapter(net::Key, net::Device dev, Parts&& parts)
	: parts_(move(parts)),
	  dev_(dev),
	  hw_(parts_.card, parts_.enabled.device(), parts_.bar.window(), parts_.ports, parts_.phy_bar.window()),
	  window_(hw_.window()),
	  napi_(dev, callback<&Adapter::napi_, &Adapter::poll>),
	  tx_(dev, parts_.enabled.device().dma()),
	  rx_(dev, parts_.enabled.device().dma(), napi_)
{
}

Adapter::~Adapter()
{
	filter_work_.cancel();
	reset_work_.cancel();
	fifo_work_.cancel();
	watchdog_.cancel();
}

Result<net::Driver<Adapter>> Adapter::create(pci::Device dev)
{
	const auto known = Card::identify(dev);
	if (!known.ok()) {
		log::error<"%s: Unknown MAC Type: device %x, revision %u">(dev.name(), dev.device(), dev.revision());
		return known.error();
	}
	const Card card = TRY(known);
	const bool uses_ports = card.model->uses_ports;
	pci::Enabled enabled = TRY(
		pci::Enabled::create(dev, uses_ports ? pci::Decode::MemoryAndPorts : pci::Decode::Memory));
	pci::Regions regions = TRY(pci::Regions::claim(enabled, "e1000_cpp"));
	pci::Ports ports;
	if (uses_ports)
		ports = TRY(pci::Ports::claim(enabled, "e1000_cpp", kPortBytes));
	auto bar = TRY(pci::Bar<regs::kBytes>::map(regions, 0));
	pci::Bar<regs::kPhyBlockBytes> phy_bar;
	if (card.family->phy_bus == PhyBus::Ce4100)
		phy_bar = TRY(pci::Bar<regs::kPhyBlockBytes>::map(regions, 1));
	enabled.start_dma();
	Parts parts{.card = card,
		    .enabled = move(enabled),
		    .regions = move(regions),
		    .ports = move(ports),
		    .bar = move(bar),
		    .phy_bar = move(phy_bar)};
	auto driver = TRY(net::Driver<Adapter>::create(dev.dma(), move(parts)));
	TRY(driver.object().prepare());
	TRY(driver.add());
	driver.device().carrier_off();
	log::info<"%s: %s: Intel(R) PRO/1000 Network Connection">(dev.name(), driver.device().name());
	return driver;
}

Result<void> Adapter::choose_dma_mask()
{
	const dma::Device dma = parts_.enabled.device().dma();
	// Cards on a bus that is not PCI-X hang with longer addresses.
	reaches_all_ = hw_.bus().is_pcix && dma.set_mask(64).ok();
	return reaches_all_ ? Result<void>{} : dma.set_mask(32);
}

Result<void> Adapter::prepare()
{
	using net::Feature;
	TRY(choose_dma_mask());
	const Family& family = hw_.family();
	const net::Features offloads = Feature::ScatterGather | Feature::Checksum | Feature::Tso;
	const net::Features high = reaches_all_ ? net::Features{Feature::HighDma} : net::Features{};
	net::Features switchable;
	net::Features vlans;
	if (family.has_checksums) {
		switchable = Feature::ScatterGather | Feature::Checksum | Feature::VlanRx;
		vlans = Feature::VlanTx | Feature::VlanFilter;
	}
	if (family.has_segmentation)
		switchable = switchable | Feature::Tso;
	dev_.set_features(switchable | vlans | high, switchable | Feature::RxChecksum | Feature::RxAll | Feature::RxFcs,
			  offloads | high);
	// VMware's has no room for them.
	if (hw_.model().device != kVmwareModel || parts_.enabled.device().subsystem_vendor() != kVmware)
		dev_.set_filters_unicast();
	dev_.set_sends_raw_fcs();
	dev_.set_mtu_range(kLeastMtu, kMostMtu);
	vectors_ = TRY(pci::Vectors::single(parts_.enabled));
	TRY(hw_.prepare());
	hw_.reset();
	const auto sum = hw_.check_eeprom();
	if (!sum.ok() && sum.error() != EINVAL)
		return EIO;
	net::MacAddress addr;
	if (sum.ok())
		addr = TRY(hw_.read_address());
	else
		log::error<"%s: The EEPROM Checksum Is Not Valid">(parts_.enabled.device().name());
	if (!addr.is_valid())
		log::error<"%s: Invalid MAC Address">(parts_.enabled.device().name());
	dev_.set_address(addr);
	reset_device();
	return {};
}

void Adapter::reset_device()
{
	const auto done = hw_.bring_up(most_frame_bytes(), dev_.address());
	if (!done.ok())
		log::error<"%s: Hardware Error: %d">(dev_.name(), done.error().to_c());
	fifo_.reset(hw_.family(), hw_.receive_kib());
	window_.write(window_.read<Ctrl>().with<Ctrl::VlanMode>(dev_.features().has(net::Feature::VlanRx)));
}

void Adapter::program_tx()
{
	window_.write(hw_.gaps());
	window_.write(regs::Tidv::of(kTxDelay));
	if (hw_.family().has_moderation)
		window_.write(regs::Tadv::of(kTxAbsoluteDelay));
	window_.write(Tctl{}.with<Tctl::Enable>(true)
			      .with<Tctl::PadShort>(true)
			      .with<Tctl::CollisionThreshold>(15)
			      .with<Tctl::CollisionDistance>(hw_.family().collision_distance)
			      .with<Tctl::RetryLate>(true));
}

void Adapter::program_rx()
{
	window_.write(regs::Rdtr{});
	if (hw_.family().has_moderation) {
		window_.write(regs::Radv::of(kRxAbsoluteDelay));
		window_.write(regs::Itr::of(1000000000 / (kMostInterrupts * 256)));
	}
	if (hw_.family().has_checksums)
		window_.write(regs::Rxcsum{}.with<regs::Rxcsum::TcpUdp>(true));
}

void Adapter::program_filters()
{
	hw_.begin_filters();
	hw_.set_filter(0, dev_.address());
	{
		Guard guard{filter_lock_};
		for (u32 i = 0; i < regs::Vfta::kCount; ++i)
			hw_.write_vlans(i, vlans_[i]);
	}
	{
		const net::AddressGuard addresses{dev_};
		NestedGuard guard{filter_lock_};
		program_addresses();
	}
	hw_.end_filters();
	if (hw_.family().stops_invalidates) {
		// The receiver was reset for it.
		rx_.program(window_).ignore("the window is there");
		program_rx();
	}
	Guard guard{filter_lock_};
	receiving_ = true;
	rctl_ = {};
	update_rctl();
}

void Adapter::change_filters()
{
	Guard guard{config_lock_};
	if (!up_)
		return;
	napi_.disable();
	{
		Guard filters{filter_lock_};
		receiving_ = false;
		update_rctl();
	}
	hw_.begin_filters();
	rx_.empty();
	hw_.end_filters();
	program_filters();
	rx_.fill();
	napi_.enable();
	window_.write(wanted_causes());
}

void Adapter::update_rctl()
{
	const bool is_all = dev_.is_promiscuous();
	const bool is_crowded = dev_.unicast_count() > Hardware::kFilters - 1;
	const bool takes_all = dev_.features().has(net::Feature::RxAll);
	const bool takes_bad = takes_all || hw_.wants_bad_frames();
	const bool is_chained = rx_.mode() == RxRing::Mode::Chained;
	const Rctl wanted = Rctl{}.with<Rctl::Enable>(receiving_)
				    .with<Rctl::Broadcast>(true)
				    .with<Rctl::StoreBad>(takes_bad)
				    .with<Rctl::PassMacControl>(takes_all)
				    .with<Rctl::UnicastAll>(is_all || is_crowded)
				    .with<Rctl::MulticastAll>(is_all || dev_.wants_all_multicast())
				    .with<Rctl::LongFrames>(is_chained)
				    .with<Rctl::BufferSize>(is_chained ? 3 : 0)
				    .with<Rctl::BufferTimes16>(is_chained)
				    .with<Rctl::VlanFilter>(vlan_count_ != 0 && !is_all && !takes_all);
	// Some devices pause for long when it is written.
	if (wanted.bits == rctl_.bits)
		return;
	rctl_ = wanted;
	window_.write(rctl_);
}

regs::Ims Adapter::wanted_causes()
{
	return regs::Ims{}
		.with<regs::Ims::TxDone>(true)
		.with<regs::Ims::LinkChange>(true)
		.with<regs::Ims::RxSequence>(true)
		.with<regs::Ims::RxLow>(true)
		.with<regs::Ims::RxTimer>(true);
}

Result<void> Adapter::up()
{
	const net::Features features = dev_.features();
	rx_.configure(dev_.mtu() > kPlainMtu ? RxRing::Mode::Chained : RxRing::Mode::OneEach,
		      features.has(net::Feature::RxAll), features.has(net::Feature::RxFcs));
	hw_.take_arp();
	tx_.configure(hw_.family(), hw_.bus().is_pcix);
	TRY(tx_.program(window_));
	TRY(rx_.program(window_));
	program_tx();
	program_rx();
	const irq::Line line = TRY(vectors_.line(0));
	TRY(irq_.request(line, dev_.name()));
	program_filters();
	rx_.fill();
	napi_.enable();
	window_.write(wanted_causes());
	dev_.start_queue();
	up_ = true;
	watchdog_.schedule_in_ms(0);
	return {};
}

void Adapter::down()
{
	if (!exchange(up_, false))
		return;
	{
		Guard guard{filter_lock_};
		receiving_ = false;
		update_rctl();
	}
	dev_.stop_sending();
	window_.write(Tctl{}.with<Tctl::PadShort>(true));
	window_.write(regs::Imc::of(~0u));
	// What is being sent or received ends.
	sleep_ms(10);
	napi_.disable();
	irq_.release();
	link_ = {};
	dev_.carrier_off();
	reset_device();
	tx_.empty();
	rx_.empty();
}

Result<void> Adapter::open()
{
	Guard guard{config_lock_};
	dev_.carrier_off();
	TRY(tx_.allocate(kEntries, hw_.family().crosses_no_64k));
	TRY(rx_.allocate(kEntries, hw_.family().crosses_no_64k));
	hw_.power_phy_up();
	const auto done = up();
	if (!done.ok()) {
		tx_.release();
		rx_.release();
		return done;
	}
	return {};
}

void Adapter::stop()
{
	{
		Guard guard{config_lock_};
		down();
		hw_.power_phy_down();
		tx_.release();
		rx_.release();
	}
	watchdog_.cancel();
	fifo_work_.cancel();
}

void Adapter::reset()
{
	Guard guard{config_lock_};
	if (!up_)
		return;
	log::error<"%s: Reset adapter">(dev_.name());
	down();
	const auto done = up();
	if (!done.ok())
		log::error<"%s: cannot be used after a reset: %d">(dev_.name(), done.error().to_c());
}

void Adapter::tx_timeout() { (void)reset_work_.schedule(); }

Result<void> Adapter::set_mac_address(const net::MacAddress& addr)
{
	dev_.set_address(addr);
	if (hw_.family().stops_invalidates)
		(void)filter_work_.schedule();
	else
		hw_.set_filter(0, addr);
	return {};
}

Result<void> Adapter::change_mtu(u32 mtu)
{
	Guard guard{config_lock_};
	// The 82542 has no long frames.
	if (hw_.family().has_old_offsets && mtu > kPlainMtu)
		return EINVAL;
	const bool was_up = up_;
	// Packet memory is divided anew for it.
	dev_.set_mtu(mtu);
	if (!was_up) {
		reset_device();
		return {};
	}
	down();
	return up();
}

net::Features Adapter::fix_features(net::Features wanted) const
{
	// One bit of the device is for both directions.
	return wanted.has(net::Feature::VlanRx) ? wanted | net::Feature::VlanTx : wanted.without(net::Feature::VlanTx);
}

Result<bool> Adapter::set_features(net::Features wanted)
{
	using net::Feature;
	Guard guard{config_lock_};
	const u64 changed = wanted.bits() ^ dev_.features().bits();
	const auto changes = net::Features::of(changed);
	if (changes.has(Feature::VlanRx))
		window_.write(window_.read<Ctrl>().with<Ctrl::VlanMode>(wanted.has(Feature::VlanRx)));
	if (!changes.has(Feature::RxAll) && !changes.has(Feature::RxFcs) && !changes.has(Feature::RxChecksum))
		return false;
	const bool was_up = up_;
	down();
	dev_.set_features(wanted);
	if (was_up)
		TRY(up());
	return true;
}

Result<void> Adapter::change_vlan(u16 id, bool wanted)
{
	Guard guard{filter_lock_};
	const u32 at = id >> 5 & (regs::Vfta::kCount - 1);
	const u32 bit = 1u << (id & 31);
	if (((vlans_[at] & bit) != 0) == wanted)
		return {};
	vlans_[at] ^= bit;
	vlan_count_ += wanted ? 1 : ~0u;
	hw_.write_vlans(at, vlans_[at]);
	update_rctl();
	return {};
}

void Adapter::set_rx_mode()
{
	if (hw_.family().stops_invalidates) {
		(void)filter_work_.schedule();
		return;
	}
	Guard guard{filter_lock_};
	program_addresses();
	update_rctl();
}

void Adapter::program_addresses()
{
	u32 filter = 1;
	if (dev_.unicast_count() < Hardware::kFilters)
		dev_.for_each_unicast([&](const net::MacAddress& addr) { hw_.set_filter(filter++, addr); });
	u32 hashes[regs::Mta::kCount] = {};
	dev_.for_each_multicast([&](const net::MacAddress& addr) {
		if (filter < Hardware::kFilters) {
			hw_.set_filter(filter++, addr);
			return;
		}
		const u32 hash = Hardware::hash_of(addr);
		hashes[hash >> 5 & 127] |= 1u << (hash & 31);
	});
	while (filter < Hardware::kFilters)
		hw_.clear_filter(filter++);
	hw_.write_hashes(hashes);
}

net::Tx Adapter::send_through_fifo(net::Skb skb)
{
	const u32 bytes = skb.length();
	if (!fifo_.admits(bytes)) {
		dev_.stop_queue();
		fifo_work_.schedule_in_ms(1);
		return net::Tx::busy(move(skb));
	}
	net::Tx sent = tx_.send(move(skb));
	if (sent.is_taken())
		fifo_.add(bytes);
	return sent;
}

void Adapter::empty_fifo()
{
	if (!fifo_.is_stalled())
		return;
	if (fifo_.rewind(window_))
		dev_.wake_queue();
	else
		fifo_work_.schedule_in_ms(1);
}

void Adapter::show_link(const Link& now)
{
	if (now == link_)
		return;
	const bool was_up = link_.up;
	link_ = now;
	fifo_.set_half_duplex(now.up && !now.full_duplex);
	if (now.up) {
		log::info<"%s: NIC Link is Up %u Mbps %s">(dev_.name(), now.mbps(),
							   now.full_duplex ? "Full Duplex" : "Half Duplex");
		dev_.carrier_on();
	} else if (was_up) {
		log::info<"%s: NIC Link is Down">(dev_.name());
		dev_.carrier_off();
	}
}

void Adapter::watch()
{
	Guard guard{config_lock_};
	if (!up_)
		return;
	show_link(hw_.check_link());
	if (!link_.up)
		hw_.retry_link();
	rx_.accept_tbi(hw_.wants_bad_frames() ? most_frame_bytes() : 0);
	{
		Guard filters{filter_lock_};
		update_rctl();
	}
	// What the device has does not go out any more, and nobody tells.
	if (!link_.up && tx_.has_pending())
		(void)reset_work_.schedule();
	// There was no memory for buffers: NAPI is to try again.
	if (rx_.is_starved())
		window_.write(regs::Ics{}.with<regs::Ics::RxLow>(true));
	watchdog_.schedule_in_ms(kWatchMs);
}

irq::Handled Adapter::interrupted()
{
	const auto causes = window_.read<regs::Icr>();
	if (causes.bits == 0)
		return irq::Handled::No;
	if (causes.get<regs::Icr::LinkChange>() || causes.get<regs::Icr::RxSequence>()) [[unlikely]] {
		hw_.note_link_change();
		watchdog_.schedule_in_ms(0);
	}
	// No flush: reading the causes has taken the line away, and an interrupt too many does no harm.
	napi_.schedule([&] { window_.write(regs::Imc::of(~0u)); });
	return irq::Handled::Yes;
}

u32 Adapter::poll(u32 budget)
{
	tx_.clean(budget);
	const u32 done = budget != 0 ? rx_.receive(budget) : 0;
	if (done < budget && napi_.complete(done))
		window_.write(wanted_causes());
	return done;
}

}  // namespace e1000
