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
constexpr u32 kMostMtu = 1500;

}  // namespace

Adapter::Adapter(net::Key, net::Device dev, Parts&& parts)
	: parts_(move(parts)), dev_(dev), hw_(parts_.bar.window()), window_(parts_.bar.window()),
	  napi_(dev, callback<&Adapter::napi_, &Adapter::poll>), tx_(dev, parts_.enabled.device().dma()),
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
	const net::Features on = Feature::ScatterGather | Feature::Checksum | Feature::Tso;
	dev_.set_features(on, on, on);
	dev_.set_filters_unicast();
	dev_.set_mtu_range(46, kMostMtu);
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
	for (u32 i = 0; i < regs::Vfta::kCount; ++i)
		window_.write_at<regs::Vfta>(i, 0);
	hw_.set_filter(0, dev_.address());
	for (u32 i = 1; i < Hardware::kFilters; ++i)
		hw_.clear_filter(i);
	for (u32 i = 0; i < regs::Mta::kCount; ++i)
		window_.write_at<regs::Mta>(i, 0);
	rctl_ = {};
	// The PHY decides on speed and duplex.
	window_.write(window_.read<Ctrl>()
			      .with<Ctrl::SetLinkUp>(true)
			      .with<Ctrl::ForceSpeed>(false)
			      .with<Ctrl::ForceDuplex>(false));
	const auto negotiating = hw_.start_autonegotiation();
	if (!negotiating.ok())
		log::warn<"%s: the PHY does not answer: %d">(dev_.name(), negotiating.error().to_c());
}

void Adapter::program_tx()
{
	window_.write(regs::Tipg{}
			      .with<regs::Tipg::BackToBack>(8)
			      .with<regs::Tipg::First>(8)
			      .with<regs::Tipg::Second>(6));
	window_.write(regs::Tidv::of(kTxDelay));
	window_.write(regs::Tadv::of(kTxAbsoluteDelay));
	window_.write(Tctl{}
			      .with<Tctl::Enable>(true)
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
	rctl_ = rctl_.with<Rctl::Broadcast>(true).with<Rctl::Enable>(true);
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
	TRY(tx_.program(window_));
	TRY(rx_.program(window_));
	program_tx();
	program_rx();
	TRY(irq_.request(TRY(vectors_.line(0)), dev_.name()));
	rx_.fill();
	napi_.enable();
	window_.write(wanted_causes());
	dev_.start_queue();
	up_ = true;
	link_dirty_.store_relaxed(1);
	watchdog_.schedule_in_ms(0);
	return {};
}

void Adapter::down()
{
	if (!exchange(up_, false))
		return;
	window_.write(rctl_.with<Rctl::Enable>(false));
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
	set_rx_mode();
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

void Adapter::set_rx_mode()
{
	const bool is_all = dev_.is_promiscuous();
	const bool is_crowded = dev_.unicast_count() > Hardware::kFilters - 1;
	const Rctl wanted = rctl_.with<Rctl::UnicastAll>(is_all || is_crowded)
				    .with<Rctl::MulticastAll>(is_all || dev_.wants_all_multicast());
	u32 filter = 1;
	if (!is_crowded)
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
	// Some devices pause for long when it is written.
	if (wanted.bits != rctl_.bits) {
		rctl_ = wanted;
		window_.write(rctl_);
	}
}

void Adapter::watch()
{
	const Link now = hw_.link();
	if (now != link_) {
		link_ = now;
		if (now.up) {
			log::info<"%s: NIC Link is Up %u Mbps %s">(dev_.name(), now.mbps(),
								   now.full_duplex ? "Full Duplex" : "Half Duplex");
			dev_.carrier_on();
		} else {
			log::info<"%s: NIC Link is Down">(dev_.name());
			dev_.carrier_off();
		}
	}
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
