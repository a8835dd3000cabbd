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
constexpr u32 kPhyWatchMs = 2000;
/// For how long the oldest frame may wait.   Units: milliseconds; the latter at 10 Mb/s.
constexpr u32 kSendMs = 1000;
constexpr u32 kSlowSendMs = 16000;
/// Units: bytes.
constexpr u32 kLeastMtu = 46;
constexpr u32 kMostMtu = 16110;
constexpr u32 kPlainMtu = 1500;
/// CTRL's address, and what is written there.   Units: bytes.
constexpr u64 kPortBytes = 8;
/// Of STATUS: the partner has asked for a pause.
using SendingPaused = regs::Bit<4>;
constexpr u16 kVmware = 0x15ad;
constexpr u16 k82545EmCopper = 0x100f;

}  // namespace

Adapter::Adapter(net::Key, net::Device dev, Parts&& parts)
	: parts_(move(parts)),
	  dev_(dev),
	  hw_(parts_.card, parts_.enabled.device(), parts_.bar.window(), parts_.ports, parts_.phy_bar.window()),
	  window_(hw_.window()),
	  family_(hw_.family()),
	  messages_(first_messages()),
	  napi_(dev, callback<&Adapter::napi_, &Adapter::poll>),
	  tx_(dev, parts_.enabled.device().dma()),
	  rx_(dev, parts_.enabled.device().dma(), napi_, tx_)
{
}

Adapter::~Adapter()
{
	retire();
	hw_.reset_phy_hard().ignore("it may be gone");
}

void Adapter::retire()
{
	reset_work_.cancel();
	filter_work_.cancel();
	fifo_work_.cancel();
	watchdog_.cancel();
	phy_work_.cancel();
}

Result<net::Driver<Adapter>> Adapter::create(pci::Device dev, u32 board)
{
	const auto known = Card::identify(dev);
	if (!known.ok()) {
		log::error<"%s: Unknown MAC Type: device %x, revision %u">(dev.name(), dev.device(), dev.revision());
		return known.error();
	}
	const Card card = TRY(known);
	pci::Enabled enabled = TRY(
		pci::Enabled::create(dev, card.model->uses_ports ? pci::Decode::MemoryAndPorts : pci::Decode::Memory));
	pci::Regions regions = TRY(pci::Regions::claim(enabled, "e1000_cpp"));
	pci::Ports ports;
	if (card.model->uses_ports)
		ports = TRY(pci::Ports::claim(enabled, "e1000_cpp", kPortBytes));
	auto bar = TRY(pci::Bar<regs::kBytes>::map(regions, 0));
	pci::Bar<regs::kPhyBlockBytes> phy_bar;
	if (card.family->phy_bus == PhyBus::Ce4100)
		phy_bar = TRY(pci::Bar<regs::kPhyBlockBytes>::map(regions, 1));
	enabled.start_dma();
	// For after a reset by others.
	dev.save_state();
	Parts parts{.card = card,
		    .enabled = move(enabled),
		    .regions = move(regions),
		    .ports = move(ports),
		    .bar = move(bar),
		    .phy_bar = move(phy_bar)};
	auto driver = TRY(net::Driver<Adapter>::create(dev.dma(), move(parts)));
	Adapter& port = driver.object();
	TRY(port.prepare(board));
	ethtool::attach<Tools>(driver);
	TRY(driver.add());
	port.introduce();
	return driver;
}

void Adapter::introduce() const
{
	dev_.carrier_off();
	if (!says(net::Message::Probe))
		return;
	const Bus bus = hw_.bus();
	const net::MacAddress addr = dev_.address();
	const u8* b = addr.bytes;
	net::info<"(PCI%s:%dMHz:%d-bit) %02x:%02x:%02x:%02x:%02x:%02x">(dev_, bus.is_pcix ? "-X" : "", int(bus.mhz),
									int(bus.bits), b[0], b[1], b[2], b[3], b[4],
									b[5]);
	net::info<"Intel(R) PRO/1000 Network Connection">(dev_);
}

Result<void> Adapter::choose_dma_mask()
{
	const dma::Device dma = parts_.enabled.device().dma();
	// Cards on a bus that is not PCI-X hang with longer addresses, unless they are emulated.
	reaches_all_ = (hw_.bus().is_pcix || uses_long_addresses()) && dma.set_mask(64).ok();
	return reaches_all_ ? Result<void>{} : dma.set_mask(32);
}

Result<void> Adapter::prepare(u32 board)
{
	using net::Feature;
	Guard guard{config_lock_};
	TRY(choose_dma_mask());
	net::Features switchable;
	net::Features fixed;
	if (family_.has_checksums) {
		switchable = Feature::ScatterGather | Feature::Checksum | Feature::VlanRx;
		fixed = Feature::VlanTx | Feature::VlanFilter;
	}
	net::Features off = Feature::RxChecksum | Feature::RxAll | Feature::RxFcs;
	net::Features vlan = Feature::ScatterGather | Feature::Checksum | Feature::Tso;
	if (family_.has_segmentation) {
		switchable = switchable | Feature::Tso;
		if (offers_tso6()) {
			off = off | Feature::Tso6;
			vlan = vlan | Feature::Tso6;
		}
	}
	if (reaches_all_) {
		fixed = fixed | Feature::HighDma;
		vlan = vlan | Feature::HighDma;
	}
	dev_.set_features(switchable | fixed, switchable | off, vlan);
	// VMware's device has no more than one.
	if (pci().device() != k82545EmCopper || pci().subsystem_vendor() != kVmware)
		dev_.set_filters_unicast();
	dev_.set_sends_raw_fcs();
	if (!family_.has_fifo_bug)
		xdp::announce(dev_);
	dev_.set_mtu_range(kLeastMtu, kMostMtu);
	vectors_ = TRY(pci::Vectors::single(parts_.enabled));
	TRY(hw_.prepare());
	hw_.reset();
	const auto sum = hw_.check_eeprom();
	if (!sum.ok() && sum.error() != EINVAL)
		return EIO;
	net::MacAddress addr;
	if (sum.ok()) {
		addr = TRY(hw_.read_address());
	} else {
		if (says(net::Message::Probe))
			device::error<"The EEPROM Checksum Is Not Valid">(pci().as_device());
		dump_eeprom();
	}
	if (!addr.is_valid() && says(net::Message::Probe))
		device::error<"Invalid MAC Address">(pci().as_device());
	dev_.set_address(addr);
	options_ = read_options(pci(), board, family_, hw_.media());
	hw_.wishes() = options_.wishes;
	moderation_.configure(options_.moderation, options_.rate);
	read_eeprom_wake();
	reset_device();
	return {};
}

void Adapter::dump_eeprom()
{
	constexpr u32 kWords = Hardware::kEepromWords;
	u8 bytes[size_t(2) * kWords];
	u16 sum = 0;
	u16 last = 0;
	for (u32 i = 0; i < kWords; ++i) {
		auto word = hw_.read_eeprom(i);
		if (!word.ok())
			return;
		last = word.take();
		bytes[size_t(2) * i] = u8(last);
		bytes[(size_t(2) * i) + 1] = u8(last >> 8);
		if (i + 1 < kWords)
			sum = u16(sum + last);
	}
	log::error<"/*********************/">();
	log::error<"Current EEPROM Checksum : 0x%04x">(last);
	log::error<"Calculated              : 0x%04x">(u16(Eeprom::kSum - sum));
	log::error<"Offset    Values">();
	log::error<"========  ======">();
	log::dump(bytes, sizeof(bytes));
	log::error<
		"The MAC address is zero until one is set (ip link set ... address), and the device cannot be opened.">();
	log::error<"This is not a fault of software: the EEPROM, or the image in it, is damaged.">();
	log::error<"/*********************/">();
}

void Adapter::reset_device()
{
	const auto done = hw_.bring_up(most_frame_bytes(), dev_.address());
	if (!done.ok())
		device::error<"Hardware Error (%d)">(pci().as_device(), done.error().to_c());
	fifo_.reset(family_, hw_.receive_kib());
	window_.write(window_.read<Ctrl>().with<Ctrl::VlanMode>(dev_.features().has(net::Feature::VlanRx)));
	auto cable = hw_.cable_info();
	cable_ = cable.ok() ? cable.take() : CableInfo{};
	hw_.hand_back_arp();
}

void Adapter::program_tx()
{
	window_.write(hw_.gaps());
	window_.write(regs::Tidv::of(options_.tx_delay));
	if (family_.has_moderation)
		window_.write(regs::Tadv::of(options_.tx_absolute_delay));
	// Sending begins when there is a link.
	window_.write(Tctl{}.with<Tctl::PadShort>(true)
			      .with<Tctl::CollisionThreshold>(15)
			      .with<Tctl::CollisionDistance>(family_.collision_distance)
			      .with<Tctl::RetryLate>(true));
}

void Adapter::write_moderation() const
{
	if (family_.has_moderation)
		window_.write(regs::Itr::of(moderation_.interval()));
}

void Adapter::program_rx()
{
	window_.write(regs::Rdtr::of(options_.rx_delay));
	if (family_.has_moderation)
		window_.write(regs::Radv::of(options_.rx_absolute_delay));
	write_moderation();
	if (family_.has_checksums)
		window_.write(regs::Rxcsum{}.with<regs::Rxcsum::TcpUdp>(options_.checks_sums));
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
	const bool takes_bad = dev_.features().has(net::Feature::RxAll) || hw_.wants_bad_frames();
	const bool passes_control = dev_.features().has(net::Feature::RxAll);
	const bool is_chained = rx_.mode() == RxRing::Mode::Chained;
	const Rctl wanted = Rctl{}.with<Rctl::Enable>(receiving_)
				    .with<Rctl::Broadcast>(true)
				    .with<Rctl::StoreBad>(takes_bad)
				    .with<Rctl::PassMacControl>(passes_control)
				    .with<Rctl::UnicastAll>(is_all || is_crowded)
				    .with<Rctl::MulticastAll>(is_all || dev_.wants_all_multicast())
				    .with<Rctl::LongFrames>(is_chained)
				    .with<Rctl::BufferSize>(is_chained ? 3 : 0)
				    .with<Rctl::BufferTimes16>(is_chained)
				    .with<Rctl::VlanFilter>(vlan_count_ != 0 && !is_all && !passes_control);
	// Some devices pause for long when it is written.
	if (wanted.bits == rctl_.bits) {
		++rctl_kept_;
		return;
	}
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
	const auto whole = is_examined_ ? RxRing::Mode::Examined : RxRing::Mode::OneEach;
	rx_.configure(dev_.mtu() > kPlainMtu ? RxRing::Mode::Chained : whole, features.has(net::Feature::RxAll),
		      features.has(net::Feature::RxFcs));
	hw_.take_arp();
	tx_.configure(family_, hw_.bus().is_pcix);
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
	dev_.wake_queue();
	if (!family_.has_fifo_bug) {
		const xdp::SendGuard guard{dev_};
		tx_.take_frames(true);
	}
	up_ = true;
	was_pending_ = false;
	stuck_ms_ = 0;
	hw_.note_link_change();
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
	{
		const xdp::SendGuard guard{dev_};
		tx_.take_frames(false);
	}
	window_.write(window_.read<Tctl>().with<Tctl::Enable>(false));
	window_.write(regs::Imc::of(~0u));
	// What is being sent or received ends.
	sleep_ms(10);
	// After sending has ended: watch() would start it again.
	dev_.carrier_off();
	napi_.disable();
	irq_.release();
	read_statistics();
	link_ = {};
	is_gigabit_ = false;
	reset_device();
	tx_.empty();
	rx_.empty();
}

Result<void> Adapter::restart()
{
	if (!up_) {
		reset_device();
		return {};
	}
	down();
	const auto done = up();
	if (!done.ok())
		net::error<"cannot be used after a reset: %d">(dev_, done.error().to_c());
	return done;
}

Result<void> Adapter::open()
{
	Guard guard{config_lock_};
	dev_.carrier_off();
	tx_.adopt(TRY(tx_.allocate(options_.tx_descriptors, family_.crosses_no_64k)));
	auto memory = rx_.allocate(options_.rx_descriptors, family_.crosses_no_64k, is_examined_);
	if (!memory.ok()) {
		tx_.release();
		return memory.error();
	}
	rx_.adopt(memory.take());
	hw_.power_phy_up();
	const auto done = up();
	if (!done.ok()) {
		net::error<"Unable to allocate interrupt Error: %d">(dev_, done.error().to_c());
		hw_.power_phy_down();
		tx_.release();
		rx_.release();
		reset_device();
		return done;
	}
	opened_ = true;
	return {};
}

void Adapter::stop()
{
	{
		Guard guard{config_lock_};
		down();
		opened_ = false;
		if (wakes_ == 0)
			hw_.power_phy_down();
		tx_.release();
		rx_.release();
	}
	watchdog_.cancel();
	fifo_work_.cancel();
	phy_work_.cancel();
}

void Adapter::reset()
{
	Guard guard{config_lock_};
	if (!up_)
		return;
	if (says(net::Message::Driver))
		net::error<"Reset adapter">(dev_);
	restart().ignore("it has said so");
}

void Adapter::tx_timeout()
{
	(void)timeouts_.fetch_add_relaxed(1);
	(void)reset_work_.schedule();
}

Result<void> Adapter::set_mac_address(const net::MacAddress& addr)
{
	dev_.set_address(addr);
	if (family_.stops_invalidates)
		(void)filter_work_.schedule();
	else
		hw_.set_filter(0, addr);
	return {};
}

Result<void> Adapter::change_mtu(u32 mtu)
{
	Guard guard{config_lock_};
	if (family_.has_old_offsets && mtu > kPlainMtu) {
		if (says(net::Message::Probe))
			net::error<"Jumbo Frames not supported.">(dev_);
		return EINVAL;
	}
	if (mtu > kPlainMtu && rx_.program().is_attached()) {
		net::warn<"XDP: the MTU stays at %u or less while a program is attached">(dev_, kPlainMtu);
		return EINVAL;
	}
	const bool was_up = up_;
	down();
	dev_.set_mtu(mtu);
	if (was_up)
		return up();
	reset_device();
	return {};
}

Result<void> Adapter::examine_frames(bool wanted)
{
	if (is_examined_ == wanted)
		return {};
	if (!opened_) {
		is_examined_ = wanted;
		return {};
	}
	// The old ones serve until the new ones are there.
	auto memory = TRY(rx_.allocate(options_.rx_descriptors, family_.crosses_no_64k, wanted));
	const bool was_up = up_;
	down();
	rx_.adopt(move(memory));
	is_examined_ = wanted;
	return was_up ? up() : Result<void>{};
}

Result<void> Adapter::begin_xdp(xdp::Refusal why)
{
	Guard guard{config_lock_};
	if (family_.has_fifo_bug) {
		why.say<"XDP: not with this card, whose frames are sent one by one">();
		return EOPNOTSUPP;
	}
	if (dev_.mtu() > kPlainMtu) {
		why.say<"XDP: the MTU is more than 1500">();
		return EINVAL;
	}
	const auto done = examine_frames(true);
	if (!done.ok())
		why.say<"XDP: no memory for the rings">();
	return done;
}

void Adapter::end_xdp()
{
	Guard guard{config_lock_};
	examine_frames(false).ignore("frames pass without a program, too");
}

Result<void> Adapter::send_frames(xdp::Frames& frames)
{
	const xdp::SendGuard guard{dev_};
	if (!tx_.takes_frames() || !dev_.has_carrier())
		return ENETDOWN;
	frames.send_each([&](xdp::Frame& frame) { tx_.send_frame(frame); });
	if (frames.are_last()) {
		tx_.ring_doorbell();
		guard.note_progress();
	}
	return {};
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
	if (changes.has(Feature::RxChecksum))
		options_.checks_sums = wanted.has(Feature::RxChecksum);
	if (was_up)
		TRY(up());
	else
		reset_device();
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
	if (family_.stops_invalidates) {
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

const char* Adapter::flow_name() const
{
	const auto ctrl = window_.read<Ctrl>();
	if (ctrl.get<Ctrl::ReceivePause>())
		return ctrl.get<Ctrl::SendPause>() ? "RX/TX" : "RX";
	return ctrl.get<Ctrl::SendPause>() ? "TX" : "None";
}

void Adapter::show_link(const Link& now)
{
	const bool was_up = link_.up;
	if (now.up == was_up)
		return;
	fifo_.set_half_duplex(now.up && !now.full_duplex);
	if (now.up) {
		link_ = now;
		is_gigabit_ = now.speed == regs::Speed::Mb1000 || now.speed == regs::Speed::Mb1000Too;
		log::info<"%s NIC Link is Up %u Mbps %s, Flow Control: %s">(dev_.name(), now.mbps(),
									    now.full_duplex ? "Full Duplex"
											    : "Half Duplex",
									    flow_name());
		window_.write(window_.read<Tctl>().with<Tctl::Enable>(true));
		dev_.carrier_on();
	} else {
		link_ = {};
		is_gigabit_ = false;
		log::info<"%s NIC Link is Down">(dev_.name());
		dev_.carrier_off();
	}
	phy_work_.schedule_in_ms(kPhyWatchMs);
}

void Adapter::look_at_phy()
{
	Guard guard{config_lock_};
	if (!up_)
		return;
	auto cable = hw_.cable_info();
	cable_ = cable.ok() ? cable.take() : CableInfo{};
}

void Adapter::read_statistics()
{
	// What the device counts without a link is no traffic, and it may be gone.
	if (!link_.up || pci().is_offline())
		return;
	Counts& counts = statistics_.counts();
	const u64 collisions = counts.collisions;
	const u64 frames = counts.all_sent;
	statistics_.read(window_, family_, link_.full_duplex);
	statistics_.correct(rx_.tbi());
	hw_.adapt_gaps(u32(counts.collisions - collisions), u32(counts.all_sent - frames));
	if (hw_.is_copper()) {
		if (auto status = hw_.read_phy(PhyReg::GigabitStatus); is_gigabit_ && status.ok())
			idle_errors_ += status.take() & phy::kIdleErrors;
		constexpr auto kM88Errors = PhyReg(21);
		if (family_.mac <= Mac::I82546 && hw_.phy().kind() == Phy::M88) {
			if (auto errors = hw_.read_phy(kM88Errors); errors.ok())
				receive_errors_ += errors.take();
		}
	}
	statistics_.publish(dev_);
}

void Adapter::check_sending()
{
	const u64 sent = dev_.frames_sent();
	const bool is_pending = tx_.has_pending();
	const bool is_paused = window_.read<regs::Status>().get<SendingPaused>();
	const bool is_stuck = is_pending && was_pending_ && sent == sent_before_ && !is_paused;
	was_pending_ = is_pending;
	sent_before_ = sent;
	stuck_ms_ = is_stuck ? stuck_ms_ + kWatchMs : 0;
	if (stuck_ms_ <= (link_.speed == regs::Speed::Mb10 ? kSlowSendMs : kSendMs))
		return;
	if (says(net::Message::Driver))
		report_hang();
	// The stack sees that nothing is sent, and has the device reset: in so long after the queue was stopped, on 6.12.
	if (!dev_.is_queue_stopped())
		dev_.stop_queue();
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
	read_statistics();
	// What the device has does not go out any more, and nobody tells.
	if (!link_.up && tx_.has_pending()) {
		(void)timeouts_.fetch_add_relaxed(1);
		(void)reset_work_.schedule();
		return;
	}
	if (moderation_.setting() == Moderation::kSimple) {
		const Counts& counts = statistics_.counts();
		const u64 sent = counts.bytes_sent - exchange(simple_sent_, counts.bytes_sent);
		const u64 received = counts.bytes_received - exchange(simple_received_, counts.bytes_received);
		if (moderation_.adapt_simple(sent, received))
			write_moderation();
	}
	// There was no memory for buffers: NAPI is to try again.
	if (rx_.is_starved())
		window_.write(regs::Ics{}.with<regs::Ics::RxLow>(true));
	if (link_.up)
		check_sending();
	watchdog_.schedule_in_ms(kWatchMs);
}

void Adapter::note_link_change()
{
	hw_.note_link_change();
	watchdog_.schedule_in_ms(0);
}

irq::Handled Adapter::interrupted()
{
	const auto causes = window_.read<regs::Icr>();
	if (causes.bits == 0)
		return irq::Handled::No;
	++interrupts_;
	if (causes.get<regs::Icr::LinkChange>() || causes.get<regs::Icr::RxSequence>()) [[unlikely]]
		note_link_change();
	// No flush: reading the causes has taken the line away, and an interrupt too many does no harm.
	napi_.schedule([&] { window_.write(regs::Imc::of(~0u)); });
	return irq::Handled::Yes;
}

u32 Adapter::poll(u32 budget)
{
	tx_.clean(budget);
	const u32 done = budget != 0 ? rx_.receive(budget) : 0;
	if (done < budget && napi_.complete(done)) {
		if (moderation_.is_adaptive() && family_.has_moderation &&
		    moderation_.adapt(tx_.take_traffic(), rx_.take_traffic(), is_gigabit_))
			write_moderation();
		window_.write(wanted_causes());
	}
	return done;
}

void Adapter::poll_controller()
{
	if (irq_.is_requested())
		irq_.call_now();
}

Result<void> Adapter::choose_speed(u32 mbps, ethtool::Duplex duplex)
{
	const bool is_full = duplex == ethtool::Duplex::Full;
	const bool is_known = is_full || duplex == ethtool::Duplex::Half;
	const bool is_slow = mbps == 10 || mbps == 100;
	// Gigabit is always negotiated, and never in half duplex; fibre does nothing else.
	if (!is_known || (hw_.media() == Media::Fiber && is_slow && !is_full) ||
	    (!is_slow && (mbps != 1000 || !is_full))) {
		if (says(net::Message::Probe))
			net::error<"Unsupported Speed/Duplex configuration">(dev_);
		return EINVAL;
	}
	Wishes& wishes = hw_.wishes();
	wishes.negotiates = !is_slow;
	if (is_slow) {
		wishes.forces_100 = mbps == 100;
		wishes.forces_full = is_full;
	} else {
		wishes.speeds = speeds::k1000Full;
	}
	// What crosses the pairs can only be had with negotiation.
	wishes.crossover = Crossover::Auto;
	return {};
}

Result<u8> Adapter::mii_phy() const
{
	if (!hw_.is_copper())
		return EOPNOTSUPP;
	return u8(0);
}

Result<u16> Adapter::read_mii(u16 reg)
{
	constexpr u16 kRegisters = 0x1f;
	if (!hw_.is_copper())
		return EOPNOTSUPP;
	Guard guard{config_lock_};
	auto value = hw_.read_phy(PhyReg(reg & kRegisters));
	if (!value.ok())
		return EIO;
	return value.take();
}

Result<void> Adapter::follow_phy_control(u16 value)
{
	if ((value & phy::kNegotiate) != 0) {
		hw_.wishes().negotiates = true;
		hw_.wishes().speeds = speeds::kAll;
		return {};
	}
	const u32 slow = (value & phy::kSpeed100) != 0 ? 100 : 10;
	return choose_speed((value & phy::kSpeed1000) != 0 ? 1000 : slow,
			    (value & phy::kFullDuplex) != 0 ? ethtool::Duplex::Full : ethtool::Duplex::Half);
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as everywhere, the register comes first
Result<void> Adapter::write_mii(u16 reg, u16 value)
{
	constexpr u16 kRegisters = 0x1f;
	if (!hw_.is_copper())
		return EOPNOTSUPP;
	if (reg > kRegisters)
		return EFAULT;
	Guard guard{config_lock_};
	const auto which = PhyReg(reg);
	if (!hw_.write_phy(which, value).ok())
		return EIO;
	if (which == PhyReg::Control && (value & phy::kPowerDown) == 0) {
		TRY(follow_phy_control(value));
		return restart();
	}
	if ((which == PhyReg::M88Control || which == PhyReg::M88ExtendedControl) && !hw_.reset_phy().ok())
		return EIO;
	return {};
}

}  // namespace e1000
