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
constexpr u32 kVlanType = 0x8100;
/// Units: bytes.
constexpr u32 kLeastMtu = 46;
constexpr u32 kMostMtu = 16110;
constexpr u32 kPlainMtu = 1500;

}  // namespace

Adapter::Adapter(net::Key, net::Device dev, Parts&& parts)
	: parts_(move(parts)),
	  dev_(dev),
	  hw_(parts_.bar.window()),
	  window_(parts_.bar.window()),
	  napi_(dev, callback<&Adapter::napi_, &Adapter::poll>),
	  tx_(dev, parts_.enabled.device().dma()),
	  rx_(dev, parts_.enabled.device().dma(), napi_)
{
}

Adapter::~Adapter()
{
	reset_work_.cancel();
	watchdog_.cancel();
}

Result<net::Driver<Adapter>> Adapter::create(pci::Device dev)
{
	pci::Enabled enabled = TRY(pci::Enabled::create(dev));
	pci::Regions regions = TRY(pci::Regions::claim(enabled, "e1000_cpp"));
	// Cards on a PCI bus hang with longer addresses.
	TRY(dev.dma().set_mask(32));
	auto bar = TRY(pci::Bar<regs::kBytes>::map(regions, 0));
	enabled.start_dma();
	Parts parts{.enabled = move(enabled), .regions = move(regions), .bar = move(bar)};
	auto driver = TRY(net::Driver<Adapter>::create(dev.dma(), move(parts)));
	TRY(driver.object().prepare());
	TRY(driver.add());
	driver.device().carrier_off();
	log::info<"%s: %s: Intel(R) PRO/1000 Network Connection">(dev.name(), driver.device().name());
	return driver;
}

Result<void> Adapter::prepare()
{
	using net::Feature;
	const net::Features offloads = Feature::ScatterGather | Feature::Checksum | Feature::Tso;
	const net::Features vlans = Feature::VlanTx | Feature::VlanFilter;
	const net::Features on = offloads | Feature::VlanRx;
	dev_.set_features(on | vlans, on | Feature::RxChecksum | Feature::RxAll | Feature::RxFcs, offloads);
	dev_.set_filters_unicast();
	dev_.set_sends_raw_fcs();
	dev_.set_mtu_range(kLeastMtu, kMostMtu);
	vectors_ = TRY(pci::Vectors::single(parts_.enabled));
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
	hw_.reset();
	window_.write(regs::Vet::of(kVlanType));
	// The PHY decides on speed and duplex.
	window_.write(window_.read<Ctrl>()
			      .with<Ctrl::SetLinkUp>(true)
			      .with<Ctrl::ForceSpeed>(false)
			      .with<Ctrl::ForceDuplex>(false)
			      .with<Ctrl::VlanMode>(dev_.features().has(net::Feature::VlanRx)));
	const auto negotiating = hw_.start_autonegotiation();
	if (!negotiating.ok())
		log::warn<"%s: the PHY does not answer: %d">(dev_.name(), negotiating.error().to_c());
}

void Adapter::program_tx()
{
	window_.write(
		regs::Tipg{}.with<regs::Tipg::BackToBack>(8).with<regs::Tipg::First>(8).with<regs::Tipg::Second>(6));
	window_.write(regs::Tidv::of(kTxDelay));
	window_.write(regs::Tadv::of(kTxAbsoluteDelay));
	window_.write(Tctl{}.with<Tctl::Enable>(true)
			      .with<Tctl::PadShort>(true)
			      .with<Tctl::CollisionThreshold>(15)
			      .with<Tctl::CollisionDistance>(63)
			      .with<Tctl::RetryLate>(true));
}

void Adapter::program_rx()
{
	window_.write(regs::Rdtr{});
	window_.write(regs::Radv::of(kRxAbsoluteDelay));
	window_.write(regs::Itr::of(1000000000 / (kMostInterrupts * 256)));
	window_.write(regs::Rxcsum{}.with<regs::Rxcsum::TcpUdp>(true));
}

void Adapter::program_filters()
{
	hw_.set_filter(0, dev_.address());
	{
		Guard guard{filter_lock_};
		for (u32 i = 0; i < regs::Vfta::kCount; ++i)
			window_.write_at<regs::Vfta>(i, vlans_[i]);
		receiving_ = true;
		rctl_ = {};
	}
	const net::AddressGuard addresses{dev_};
	NestedGuard guard{filter_lock_};
	program_addresses();
}

void Adapter::update_rctl()
{
	const bool is_all = dev_.is_promiscuous();
	const bool is_crowded = dev_.unicast_count() > Hardware::kFilters - 1;
	const bool takes_bad = dev_.features().has(net::Feature::RxAll);
	const bool is_chained = rx_.mode() == RxRing::Mode::Chained;
	const Rctl wanted = Rctl{}.with<Rctl::Enable>(receiving_)
				    .with<Rctl::Broadcast>(true)
				    .with<Rctl::StoreBad>(takes_bad)
				    .with<Rctl::PassMacControl>(takes_bad)
				    .with<Rctl::UnicastAll>(is_all || is_crowded)
				    .with<Rctl::MulticastAll>(is_all || dev_.wants_all_multicast())
				    .with<Rctl::LongFrames>(is_chained)
				    .with<Rctl::BufferSize>(is_chained ? 3 : 0)
				    .with<Rctl::BufferTimes16>(is_chained)
				    .with<Rctl::VlanFilter>(vlan_count_ != 0 && !is_all && !takes_bad);
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
	TRY(tx_.allocate(kEntries));
	TRY(rx_.allocate(kEntries));
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
		tx_.release();
		rx_.release();
	}
	watchdog_.cancel();
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
	hw_.set_filter(0, addr);
	return {};
}

Result<void> Adapter::change_mtu(u32 mtu)
{
	Guard guard{config_lock_};
	const bool was_up = up_;
	down();
	dev_.set_mtu(mtu);
	return was_up ? up() : Result<void>{};
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
	window_.write_at<regs::Vfta>(at, vlans_[at]);
	update_rctl();
	return {};
}

void Adapter::set_rx_mode()
{
	Guard guard{filter_lock_};
	program_addresses();
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
	for (u32 i = 0; i < regs::Mta::kCount; ++i)
		window_.write_at<regs::Mta>(i, hashes[i]);
	update_rctl();
}

void Adapter::show_link(const Link& now)
{
	if (now == link_)
		return;
	const bool was_up = link_.up;
	link_ = now;
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
	show_link(hw_.link());
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
	if (causes.get<regs::Icr::LinkChange>() || causes.get<regs::Icr::RxSequence>()) [[unlikely]]
		watchdog_.schedule_in_ms(0);
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
