// SPDX-License-Identifier: GPL-2.0
#include "hardware.hpp"

#include <cxxrt/log.hpp>

#include <cxxrt/enforce.hpp>

namespace e1000 {

using regs::Ctrl;
using regs::CtrlExt;
using regs::Ledctl;
using regs::Manc;
using regs::Rctl;
using regs::Status;
using regs::Tctl;

namespace {

/// 8254x SDM 14.5: what pauses are sent to, and their type.
constexpr u32 kPauseAddressLow = 0x00c28001;
constexpr u32 kPauseAddressHigh = 0x00000100;
constexpr u32 kPauseType = 0x8808;
constexpr u32 kPauseTime = 0xffff;
constexpr u32 kVlanType = 0x8100;
/// Of the EEPROM's second control word.
constexpr u16 kWordPauses = 0x3000;
constexpr u16 kWordAsymmetric = 0x2000;
constexpr u16 kWordPins = 0x00f0;
/// PCI-X reads longer than that hang some cards.   Units: bytes.
constexpr u32 kMostPcixRead = 2048;
/// Units: bytes. A frame with its header and check sequence; a descriptor.
constexpr u32 kPlainFrame = 1518;
constexpr u32 kLongFrame = 8192;
constexpr u32 kFcs = 4;
constexpr u32 kDescriptor = 16;
/// What there is at most, whatever the device says.   Units: KiB.
constexpr u32 kMostPacketKib = 64;

// LEDs: 8254x SDM 13.4.16, 5.6.
constexpr u32 kLedIsOn = 0xe;
constexpr u32 kLedIsOff = 0xf;
constexpr u16 kUsualLeds = 0x8911;
constexpr u32 kIgpLeds = 0x07000300;
constexpr u32 kIgpLedsKept = 0xfffff0ff;

// Gaps between frames when there are collisions.   C side: IFS_*.
constexpr u32 kLeastGap = 40;
constexpr u32 kMostGap = 80;
constexpr u32 kGapStep = 10;
constexpr u32 kCollisionRatio = 4;
constexpr u32 kBusyFrames = 1000;

constexpr u32 round_up_kib(u32 bytes) { return (bytes + 1023) / 1024; }

}  // namespace

u32 Link::mbps() const
{
	constexpr u32 all[] = {10, 100, 1000, 1000};
	return all[u32(speed)];
}

u32 packets::receive_kib(const Family& family, u32 frame_bytes, regs::Pba reported)
{
	u32 kib = family.packet_kib;
	if (family.packets == Packets::Legacy)
		return frame_bytes > kLongFrame ? kib - 8 : kib;
	if (frame_bytes <= kPlainFrame)
		return kib;
	kib = min(reported.get<regs::Pba::Receive>(), kMostPacketKib);
	const u32 to_send = reported.get<regs::Pba::Send>();
	// Two frames have to fit, with their descriptors in place of check sequences.
	const u32 wanted = round_up_kib((frame_bytes + kDescriptor - kFcs) * 2);
	if (to_send < wanted && wanted - to_send < kib) {
		kib -= wanted - to_send;
		kib &= ~7u;
		kib = max(kib, round_up_kib(frame_bytes));
	}
	return kib;
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): their units are in their names
u32 packets::high_water(u32 kib, u32 frame_bytes)
{
	const u32 all = kib << 10;
	const u32 without_frame = all > frame_bytes ? all - frame_bytes : 0;
	return min(all * 9 / 10, without_frame) & 0xfff8;
}

bool is_tbi_frame(const RxResult& result, u8 last_byte, u32 most_frame_bytes)
{
	constexpr u8 kCarrierExtension = 0x0f;
	constexpr u32 kLeastFrame = 64;
	constexpr u32 kTag = 4;
	if (!result.has_only_bad_fcs() || last_byte != kCarrierExtension)
		return false;
	const u32 length = result.length();
	return result.has_vlan() ? length > kLeastFrame - kTag && length <= most_frame_bytes + 1
				 : length > kLeastFrame && length <= most_frame_bytes + kTag + 1;
}

void TbiCounts::add(const u8* frame, u32 length, u32 most_frame_bytes)
{
	constexpr u8 kGroup = 1;  // of an address's first byte
	u8 all = 0xff;
	for (u32 i = 0; i < sizeof(net::MacAddress::bytes); ++i)
		all &= frame[i];
	++frames;
	bytes += length;
	if (all == 0xff)
		++broadcasts;
	else if ((frame[0] & kGroup) != 0)
		++multicasts;
	if (length == most_frame_bytes)
		++longest;
}

Result<Card> Card::identify(pci::Device dev)
{
	const Model* model = find_model(dev.device());
	if (model == nullptr)
		return EIO;
	const Mac mac = TRY(mac_of(*model, dev.revision()));
	return Card{.model = model, .family = &family_of(mac)};
}

Hardware::Hardware(const Card& card, pci::Device dev, mmio::Window<regs::kBytes> window, const pci::Ports& ports,
		   PhyPort::Block phy_block)
	: dev_(dev),
	  ports_(ports),
	  model_(*card.model),
	  family_(*card.family),
	  window_(window, card.family->has_old_offsets),
	  eeprom_(window_, family_),
	  phy_(window_, phy_block, family_),
	  allows_invalidates_(dev.allows_invalidates())
{
	find_media();
	find_bus();
}

void Hardware::find_media()
{
	if (model_.media == MediaHint::Serdes)
		media_ = Media::Serdes;
	else if (family_.is_always_fiber)
		media_ = Media::Fiber;
	else if (family_.is_always_copper)
		media_ = Media::Copper;
	else
		media_ = window_.read<Status>().get<Status::IsTbi>() ? Media::Fiber : Media::Copper;
}

void Hardware::find_bus()
{
	// The 82542 does not say.
	if (family_.has_old_offsets)
		return;
	constexpr u16 pcix_mhz[] = {66, 100, 133, 33};
	const auto status = window_.read<Status>();
	bus_.is_pcix = status.get<Status::IsPciX>();
	bus_.bits = status.get<Status::Is64Bit>() ? 64 : 32;
	if (model_.is_behind_bridge)
		bus_.mhz = bus_.is_pcix ? 120 : 66;
	else if (bus_.is_pcix)
		bus_.mhz = pcix_mhz[status.get<Status::PciXSpeed>()];
	else
		bus_.mhz = status.get<Status::Is66Mhz>() ? 66 : 33;
}

Result<void> Hardware::prepare()
{
	// All ones: it is gone.
	if (window_.read<Status>().bits == ~0u)
		return EIO;
	window_.write(regs::Imc::of(~0u));
	if (family_.has_asf) {
		const auto manc = window_.read<Manc>();
		has_pass_through_ = manc.get<Manc::ReceivesTco>() && manc.get<Manc::FiltersAddress>() &&
				    manc.get<Manc::Smbus>() && !manc.get<Manc::Asf>();
	}
	TRY(eeprom_.prepare());
	return phy_.scan();
}

void Hardware::start_reset(Ctrl ctrl) const
{
	ctrl = ctrl.with<Ctrl::Reset>(true);
	switch (family_.reset) {
	case ResetBy::Port:
		// Through memory, the card would not acknowledge a write of 64 bits that the bridge makes of it.
		if (ports_) {
			// Which register, and its value.
			ports_.write(0, Ctrl::kOffset).ignore("there are as many ports as claimed");
			ports_.write(4, ctrl.bits).ignore("as above");
			return;
		}
		break;
	case ResetBy::Shadow:
		window_.write(regs::CtrlShadow::of(ctrl.bits));
		return;
	case ResetBy::Memory:
		break;
	}
	window_.write(ctrl);
}

void Hardware::light_igp_activity() const
{
	if (family_.is_first_igp)
		window_.write(Ledctl::of((window_.read<Ledctl>().bits & kIgpLedsKept) | kIgpLeds));
}

void Hardware::reset()
{
	if (family_.stops_invalidates)
		dev_.forbid_invalidates();
	window_.write(regs::Imc::of(~0u));
	window_.write(Rctl{});
	window_.write(Tctl{}.with<Tctl::PadShort>(true));
	window_.flush();
	wants_bad_frames_.store_relaxed(0);
	// What is on the bus ends by itself: 8254x SDM 14.1.
	sleep_ms(10);
	const auto ctrl = window_.read<Ctrl>();
	if (family_.resets_phy_first) {
		window_.write(ctrl.with<Ctrl::PhyReset>(true));
		window_.flush();
		sleep_ms(5);
	}
	start_reset(ctrl);
	if (family_.reloads_eeprom) {
		delay_us(10);
		window_.write(window_.read<CtrlExt>().with<CtrlExt::ReloadEeprom>(true));
		window_.flush();
	}
	sleep_ms(family_.settle_ms);
	if (family_.has_moderation)
		window_.write(window_.read<Manc>().with<Manc::ArpRequest>(false));
	if (family_.resets_phy_first) {
		run_igp_script().ignore("the PHY is looked for later, and complained of");
		light_igp_activity();
	}
	window_.write(regs::Imc::of(~0u));
	(void)window_.read<regs::Icr>();
	if (family_.stops_invalidates && allows_invalidates_)
		dev_.allow_invalidates().ignore("they were allowed before");
}

void Hardware::divide_packet_memory(u32 frame_bytes)
{
	regs::Pba reported;
	if (family_.packets == Packets::Split && frame_bytes > kPlainFrame) {
		window_.write(regs::Pba::of(family_.packet_kib));
		reported = window_.read<regs::Pba>();
	}
	receive_kib_ = packets::receive_kib(family_, frame_bytes, reported);
	window_.write(regs::Pba::of(receive_kib_));
	high_water_ = packets::high_water(receive_kib_, frame_bytes);
}

Result<void> Hardware::bring_up(u32 frame_bytes, const net::MacAddress& addr)
{
	divide_packet_memory(frame_bytes);
	reset();
	if (family_.has_wakeup)
		window_.write(regs::Wuc{});
	const auto done = set_up(addr);
	// A PHY that is told about gigabit alone must not save power.
	if (family_.has_wakeup && wishes_.negotiates && wishes_.speeds == speeds::k1000Full)
		window_.write(window_.read<Ctrl>().with<Ctrl::Pin3>(false));
	window_.write(regs::Vet::of(kVlanType));
	gap_ = 0;
	widens_gaps_ = false;
	window_.write(regs::Ait{});
	hand_back_arp();
	if (window_.read<Status>().bits == ~0u)
		return EIO;
	return done;
}

Result<void> Hardware::set_up(const net::MacAddress& addr)
{
	TRY(set_up_leds());
	find_media();
	if (family_.clears_vlan_type)
		window_.write(regs::Vet{});
	for (u32 i = 0; i < regs::Vfta::kCount; ++i)
		window_.write_at<regs::Vfta>(i, 0);
	begin_filters();
	set_filter(0, addr);
	for (u32 i = 1; i < kFilters; ++i)
		clear_filter(i);
	end_filters();
	for (u32 i = 0; i < regs::Mta::kCount; ++i)
		window_.write_at<regs::Mta>(i, 0);
	window_.flush();
	if (bus_.is_pcix && family_.limits_pcix_reads)
		dev_.limit_pcix_reads(kMostPcixRead).ignore("the bus works, if slower");
	const auto linked = set_up_link();
	if (family_.has_moderation)
		window_.write(window_.read<regs::Txdctl>()
				      .with<regs::Txdctl::WriteBackAt>(1)
				      .with<regs::Txdctl::ByDescriptors>(true));
	// Errors count wildly while there is no link.
	clear_statistics();
	if (model_.is_strictly_ordered)
		window_.write(window_.read<CtrlExt>().with<CtrlExt::StrictOrder>(true));
	return linked;
}

Result<void> Hardware::set_up_link()
{
	Flow asked = wishes_.flow;
	if (asked == Flow::ByEeprom) {
		const u16 pauses = TRY(eeprom_.read(word::kControl2)) & kWordPauses;
		asked = pauses == 0 ? Flow::None : Flow::Both;
		if (pauses == kWordAsymmetric)
			asked = Flow::Send;
	}
	if (family_.lacks_pause_sending)
		asked = Flow(u8(asked) & u8(Flow::Receive));
	asked_flow_ = asked;
	flow_ = asked;
	// The pin that says whether there is light must be an input.
	if (family_.resets_phy_by_pin && !family_.has_old_offsets) {
		const u32 pins = TRY(eeprom_.read(word::kControl2)) & kWordPins;
		window_.write(CtrlExt::of(pins << 4));
	}
	is_link_stale_.store_relaxed(1);
	const auto linked = is_copper() ? set_up_copper() : set_up_serdes();

	window_.write(regs::Fct::of(kPauseType));
	window_.write(regs::Fcah::of(kPauseAddressHigh));
	window_.write(regs::Fcal::of(kPauseAddressLow));
	window_.write(regs::Fcttv::of(kPauseTime));
	if (sends(flow_)) {
		window_.write(
			regs::Fcrtl{}.with<regs::Fcrtl::Threshold>(high_water_ - 8).with<regs::Fcrtl::SendXon>(true));
		window_.write(regs::Fcrth::of(high_water_));
	} else {
		window_.write(regs::Fcrtl{});
		window_.write(regs::Fcrth{});
	}
	return linked;
}

Result<net::MacAddress> Hardware::read_address()
{
	net::MacAddress addr;
	for (u32 at = 0; at < 3; ++at) {
		const u16 value = TRY(eeprom_.read(word::kAddress + at));
		addr.bytes[size_t(2) * at] = u8(value);
		addr.bytes[(size_t(2) * at) + 1] = u8(value >> 8);
	}
	if (family_.has_two_ports && is_second_port())
		addr.bytes[5] ^= 1;
	return addr;
}

void Hardware::clear_statistics() const
{
	u64 known = regs::kFirstStatistics;
	if (family_.counters != Counters::First)
		known |= regs::kErrorStatistics;
	if (family_.counters == Counters::WithManagement)
		known |= regs::kManagementStatistics;
	for (u32 i = 0; i < regs::Statistics::kCount; ++i) {
		if ((known >> i & 1) != 0)
			(void)window_.read_at<regs::Statistics>(i);
	}
}

Link Hardware::link() const
{
	const auto status = window_.read<Status>();
	// All ones: there is no device.
	if (status.bits == ~0u)
		return {};
	Link now{
		.up = status.get<Status::LinkUp>(),
		.full_duplex = true,
		.speed = regs::Speed::Mb1000,
	};
	if (media_ == Media::Serdes)
		now.up = has_serdes_link_;
	if (!family_.has_old_offsets) {
		now.full_duplex = status.get<Status::FullDuplex>() && is_half_after_all_.load_relaxed() == 0;
		now.speed = status.get<Status::LinkSpeed>();
		if (now.speed == regs::Speed::Mb1000Too)
			now.speed = regs::Speed::Mb1000;
	}
	return now;
}

Link Hardware::check_link()
{
	bool is_up = false;
	// All ones: it is gone.
	if (window_.read<Status>().bits == ~0u) {
		note_link_change();
		return {};
	}
	switch (media_) {
	case Media::Copper: {
		if (family_.checks_always)
			note_link_change();
		// Who says so meanwhile is heard the next time.
		if (is_link_stale_.swap(0) != 0) {
			const auto looked = has_copper_link();
			const bool has_link = looked.ok() && Result<bool>{looked}.take();
			if (has_link)
				finish_copper().ignore("the link is there, if not as it should be");
			else
				note_link_change();
		}
		is_up = is_link_stale_.load_relaxed() == 0;
		break;
	}
	case Media::Fiber:
		check_serdes();
		is_up = link().up;
		break;
	case Media::Serdes:
		check_serdes();
		is_up = has_serdes_link_;
		break;
	}
	Link now = link();
	now.up = is_up;
	if (is_up)
		retries_ = 0;
	return now;
}

void Hardware::force_flow() const
{
	window_.write(window_.read<Ctrl>()
			      .with<Ctrl::ReceivePause>(receives(flow_))
			      .with<Ctrl::SendPause>(sends(flow_) && !family_.lacks_pause_sending));
}

regs::Tipg Hardware::gaps() const
{
	using regs::Tipg;
	if (family_.has_old_offsets)
		return Tipg{}.with<Tipg::BackToBack>(10).with<Tipg::First>(2).with<Tipg::Second>(10);
	return Tipg{}.with<Tipg::BackToBack>(is_copper() ? 8 : 9).with<Tipg::First>(8).with<Tipg::Second>(6);
}

void Hardware::set_collision_distance() const
{
	window_.write(window_.read<Tctl>().with<Tctl::CollisionDistance>(family_.collision_distance));
	window_.flush();
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of the declaration
void Hardware::adapt_gaps(u32 collisions, u32 frames)
{
	if (u64(collisions) * kCollisionRatio > frames) {
		if (frames <= kBusyFrames)
			return;
		widens_gaps_ = true;
		if (gap_ < kMostGap) {
			gap_ = gap_ == 0 ? kLeastGap : gap_ + kGapStep;
			window_.write(regs::Ait::of(gap_));
		}
	} else if (widens_gaps_ && frames <= kBusyFrames) {
		gap_ = 0;
		widens_gaps_ = false;
		window_.write(regs::Ait{});
	}
}

void Hardware::take_arp() const
{
	if (has_pass_through_)
		window_.write(window_.read<Manc>().with<Manc::ArpRequest>(false));
}

void Hardware::hand_back_arp() const
{
	if (has_pass_through_)
		window_.write(window_.read<Manc>().with<Manc::ArpRequest>(true));
}

Result<void> Hardware::set_up_leds()
{
	if (!family_.has_moderation)
		return {};
	led_default_ = window_.read<Ledctl>();
	u16 all = TRY(eeprom_.read(word::kLeds));
	if (all == 0 || all == word::kBlank)
		all = kUsualLeds;
	u32 dark = led_default_.bits;
	u32 light = led_default_.bits;
	for (u32 led = 0; led < 4; ++led) {
		// 1 to 9: each of dark and light is as it was, on or off.
		const u32 how = all >> (led * 4) & 0xf;
		if (how == 0 || how > 9)
			continue;
		constexpr u32 modes[] = {0, kLedIsOn, kLedIsOff};
		const u32 first = modes[(how - 1) / 3];
		const u32 second = modes[(how - 1) % 3];
		const u32 shift = led * 8;
		if (first != 0)
			dark = (dark & ~(0xffu << shift)) | first << shift;
		if (second != 0)
			light = (light & ~(0xffu << shift)) | second << shift;
	}
	led_dark_ = Ledctl::of(dark);
	led_light_ = Ledctl::of(light);
	return {};
}

Result<void> Hardware::begin_blinking()
{
	if (!family_.has_moderation)
		return {};
	if (family_.has_igp_script) {
		constexpr u16 kSmartPowerDown = 0x20;
		fifo_default_ = TRY(phy_.read(PhyReg::IgpFifo));
		TRY(phy_.write(PhyReg::IgpFifo, fifo_default_ & ~kSmartPowerDown));
	}
	if (media_ == Media::Fiber) {
		led_default_ = window_.read<Ledctl>();
		window_.write(led_default_.with<Ledctl::Invert0>(false).with<Ledctl::Blink0>(false).with<Ledctl::Mode0>(
			kLedIsOff));
	} else if (is_copper()) {
		window_.write(led_dark_);
	}
	return {};
}

void Hardware::light(bool on) const
{
	if (family_.has_moderation && is_copper()) {
		window_.write(on ? led_light_ : led_dark_);
		return;
	}
	// The pin is low for light with the 82544's copper, and with the optics of those after it.
	const bool is_inverted = family_.has_moderation ? media_ == Media::Fiber
							: family_.mac == Mac::I82544 && media_ != Media::Fiber;
	auto ctrl = window_.read<Ctrl>();
	if (!family_.has_moderation || media_ == Media::Fiber)
		ctrl = ctrl.with<Ctrl::Pin0>(on != is_inverted).with<Ctrl::Pin0Out>(true);
	window_.write(ctrl);
}

Result<void> Hardware::end_blinking()
{
	if (!family_.has_moderation)
		return {};
	if (family_.has_igp_script)
		TRY(phy_.write(PhyReg::IgpFifo, fifo_default_));
	window_.write(led_default_);
	return {};
}

void Hardware::set_filter(u32 index, const net::MacAddress& addr) const
{
	const u8* b = addr.bytes;
	window_.write_at<regs::Ra>(2 * index, u32(b[0]) | u32(b[1]) << 8 | u32(b[2]) << 16 | u32(b[3]) << 24);
	window_.write_at<regs::Ra>((2 * index) + 1, u32(b[4]) | u32(b[5]) << 8 | regs::kAddressValid);
}

void Hardware::clear_filter(u32 index) const
{
	// The valid bit is in the upper half.
	window_.write_at<regs::Ra>((2 * index) + 1, 0);
	window_.write_at<regs::Ra>(2 * index, 0);
}

void Hardware::write_vlans(u32 index, u32 value) const
{
	if (family_.writes_vfta_twice && index % 2 != 0) {
		// The word before it may change with it.
		const u32 before = window_.read_at<regs::Vfta>(index - 1);
		window_.write_at<regs::Vfta>(index, value);
		window_.flush();
		window_.write_at<regs::Vfta>(index - 1, before);
		return;
	}
	window_.write_at<regs::Vfta>(index, value);
}

void Hardware::write_hashes(const u32 (&hashes)[regs::Mta::kCount]) const
{
	for (u32 i = regs::Mta::kCount; i-- != 0;)
		window_.write_at<regs::Mta>(i, hashes[i]);
}

u32 Hardware::hash_of(const net::MacAddress& addr)
{
	// Bits 47 to 36 of the address, as the filter is set up.
	return (u32(addr.bytes[4]) >> 4) | (u32(addr.bytes[5]) << 4);
}

void Hardware::begin_filters() const
{
	if (!family_.stops_invalidates)
		return;
	dev_.forbid_invalidates();
	window_.write(window_.read<Rctl>().with<Rctl::Reset>(true));
	window_.flush();
	sleep_ms(5);
}

void Hardware::end_filters() const
{
	if (!family_.stops_invalidates)
		return;
	window_.write(window_.read<Rctl>().with<Rctl::Reset>(false));
	window_.flush();
	sleep_ms(1);
	if (allows_invalidates_)
		dev_.allow_invalidates().ignore("they were allowed before");
}

}  // namespace e1000
