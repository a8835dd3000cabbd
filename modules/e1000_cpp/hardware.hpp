// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The parts of the device that are not its rings: reset, set-up, filters, links, LEDs.
/// C side: drivers/net/ethernet/intel/e1000/e1000_hw.c.
///
/// Locks: the caller's, for all that sleeps; who reads the EEPROM or a PHY's register needs none.

#include <cxxrt/atomic.hpp>
#include <cxxrt/net.hpp>
#include <cxxrt/pci.hpp>
#include <cxxrt/time.hpp>

#include "eeprom.hpp"
#include "family.hpp"
#include "phy.hpp"
#include "regs.hpp"

namespace e1000 {

/// What the link is, once it is up.
struct Link {
	bool up = false;
	bool full_duplex = false;
	regs::Speed speed = regs::Speed::Mb10;
	/// Units: Mbit/s.
	u32 mbps() const;
	friend bool operator==(const Link&, const Link&) = default;
};

/// Pause frames: those of the others are heeded, ours are sent.
enum class Flow : u8 { None = 0, Receive = 1, Send = 2, Both = 3, ByEeprom = 0xff };
constexpr bool receives(Flow flow) { return (u8(flow) & u8(Flow::Receive)) != 0; }
constexpr bool sends(Flow flow) { return (u8(flow) & u8(Flow::Send)) != 0; }
/// What becomes of pause frames, after both sides have said in registers 4 and 5 what they can.
/// `asked`: what was wanted.   Spec: IEEE 802.3 28B.3.   C side: e1000_config_fc_after_link_up().
Flow agreed_flow(u16 ours, u16 theirs, Flow asked);

/// Pairs of wires are crossed: as they have to be, or as the user has it.
enum class Crossover : u8 { Auto = 0, Straight = 1, Crossed = 2, AutoAtGigabit = 3 };
/// Who gives the clock of a gigabit link.
enum class Role : u8 { Default, Master, Slave, Auto };

/// Speeds to be negotiated about, as bits.   C side: ADVERTISE_*.
namespace speeds {
inline constexpr u16 k10Half = 0x01;
inline constexpr u16 k10Full = 0x02;
inline constexpr u16 k100Half = 0x04;
inline constexpr u16 k100Full = 0x08;
inline constexpr u16 k1000Full = 0x20;
inline constexpr u16 k10And100 = 0x0f;
inline constexpr u16 kAll = 0x2f;
}  // namespace speeds

/// What the user wants of the link.
struct Wishes {
	bool negotiates = true;
	u16 speeds = speeds::kAll;  // if it does
	bool forces_100 = false;    // if it does not
	bool forces_full = false;
	Crossover crossover = Crossover::Auto;
	Role role = Role::Default;
	Flow flow = Flow::ByEeprom;
};

/// The bus that the card says it is on.
struct Bus {
	bool is_pcix = false;
	u16 mhz = 33;
	u8 bits = 32;
};

/// What a PHY says of the cable. The numbers are the C driver's.
struct CableInfo {
	enum class Sign : u8 { No = 0, Yes = 1, Unknown = 0xff };
	u8 length = 0xff;  // classes of 50, 80, 110, 140 meters and more
	Sign has_long_distance = Sign::Unknown;
	Sign is_reversed = Sign::Unknown;
	Sign is_downshifted = Sign::Unknown;
	Sign is_not_corrected = Sign::Unknown;	// a reversed polarity
	Sign is_crossed = Sign::Unknown;
	Sign local_is_good = Sign::Unknown;
	Sign remote_is_good = Sign::Unknown;
};

/// Packet memory and its water marks.   C side: e1000_reset().
namespace packets {
/// KiB for what is received, of all. `reported` is PBA's value once the family's default was written.
u32 receive_kib(const Family& family, u32 frame_bytes, regs::Pba reported);
/// A partner is asked to pause when so many bytes are full, and to go on 8 bytes below.
u32 high_water(u32 kib, u32 frame_bytes);
}  // namespace packets

/// A frame that only looks bad: a carrier extension of the link has become its last byte.   Units: bytes.
/// C side: TBI_ACCEPT().
bool is_tbi_frame(const RxResult& result, u8 last_byte, u32 most_frame_bytes);
/// Such frames so far, which the device counts as bad ones.   C side: e1000_tbi_adjust_stats().
struct TbiCounts {
	u64 frames = 0, bytes = 0, broadcasts = 0, multicasts = 0, longest = 0;

	/// `frame` has its check sequence, and no last byte too many. Units: bytes.
	void add(const u8* frame, u32 length, u32 most_frame_bytes);
};

/// What a model and a revision are.
struct Card {
	const Model* model;
	const Family* family;
	/// Errors: EIO nothing that is known.
	static Result<Card> identify(pci::Device dev);
};

/// Context: process; its waits sleep, and have deadlines.
class Hardware : Pinned {
public:
	/// `ports` and `phy_block` as the family has them, or empty.
	Hardware(const Card& card, pci::Device dev, mmio::Window<regs::kBytes> window, const pci::Ports& ports,
		 PhyPort::Block phy_block);
	const Window& window() const { return window_; }
	const Family& family() const { return family_; }
	const Model& model() const { return model_; }
	Eeprom& eeprom() { return eeprom_; }
	PhyPort& phy() { return phy_; }
	Media media() const { return media_; }
	bool is_copper() const { return media_ == Media::Copper; }
	Bus bus() const { return bus_; }
	/// The second port of a card.
	bool is_second_port() const { return window_.read<regs::Status>().get<regs::Status::Function>() == 1; }
	/// What the user wants; takes effect with the next bring_up().
	Wishes& wishes() { return wishes_; }
	/// What was agreed on, or forced.
	Flow flow() const { return flow_; }
	/// As bring_up() found it: what the user wanted, or the EEPROM.
	Flow asked_flow() const { return asked_flow_; }
	/// Also what has to be done at once.
	void set_flow(Flow flow) { flow_ = flow; }
	u32 high_water() const { return high_water_; }
	u32 receive_kib() const { return receive_kib_; }

	/// Once, before all others.   Errors: EIO there is no device, or its PHY is nowhere; as Eeprom::prepare().
	Result<void> prepare() EXCLUDES(atomic_context);
	/// All back to what it was after power on; no interrupts, nothing sent or received.
	void reset() EXCLUDES(atomic_context);
	/// Resets it, and sets up what does not change while it is open, for frames of `frame_bytes` at most.
	/// Errors: as read_phy() and read_eeprom(), ENODEV: the link cannot be used, the rest can.
	Result<void> bring_up(u32 frame_bytes, const net::MacAddress& addr) EXCLUDES(atomic_context);
	/// A word of the EEPROM.   Errors: ETIMEDOUT, EINVAL.
	Result<u16> read_eeprom(u32 at) EXCLUDES(atomic_context) { return eeprom_.read(at); }
	/// The sum of its first 64 words is as it should be.   Errors: as read_eeprom(); EINVAL it is not.
	Result<void> check_eeprom() EXCLUDES(atomic_context) { return eeprom_.check(); }
	Result<net::MacAddress> read_address() EXCLUDES(atomic_context);
	/// Errors: ETIMEDOUT; EIO the PHY does not answer.
	Result<u16> read_phy(PhyReg reg) EXCLUDES(atomic_context) { return phy_.read(reg); }
	Result<void> write_phy(PhyReg reg, u16 value) EXCLUDES(atomic_context) { return phy_.write(reg, value); }

	// The link: hardware.cc, copper.cc, igp.cc, serdes.cc.
	/// Whatever is known of it is out of date.   Context: any.
	void note_link_change() { is_link_stale_.store_relaxed(1); }
	/// Looks at the link, and sets up the MAC for it; what it is now.
	Link check_link() EXCLUDES(atomic_context);
	/// What the device says, whether it was checked or not.   Context: any.
	Link link() const;
	/// There is no link, again: tries another role with PHYs that are known to need it.
	void retry_link() EXCLUDES(atomic_context);
	/// Has the PHY agree with its partner on what is wanted and both can do.   Errors: as read_phy().
	Result<void> start_autonegotiation() EXCLUDES(atomic_context);
	/// Makes the MAC heed and send pauses as flow() says.
	void force_flow() const;
	/// Errors: as read_phy(); EINVAL there is no copper, or no link.
	Result<CableInfo> cable_info() EXCLUDES(atomic_context);
	Result<void> reset_phy() EXCLUDES(atomic_context);
	/// By its pin: also what it negotiates.
	Result<void> reset_phy_hard() EXCLUDES(atomic_context);
	/// Copper alone, and as long as nobody else uses the port.
	void power_phy_down() EXCLUDES(atomic_context);
	void power_phy_up() EXCLUDES(atomic_context);
	/// Frames come back from the PHY, or from the transceiver: for tests. Errors: EIO it cannot be had; as read_phy().
	Result<void> start_loopback() EXCLUDES(atomic_context);
	void end_loopback() EXCLUDES(atomic_context);
	/// Frames with a bad check sequence are to be received, and may be good: is_tbi_frame().
	bool wants_bad_frames() const { return wants_bad_frames_.load_relaxed() != 0; }

	// Transmission.
	/// The gaps between frames.
	regs::Tipg gaps() const;
	void set_collision_distance() const;
	/// Widens gaps while there are many collisions.   Units: since the last call.
	void adapt_gaps(u32 collisions, u32 frames);

	// Firmware that shares the port.
	/// It is to have frames of its own while the driver does not.
	bool passes_frames_to_firmware() const { return has_pass_through_; }
	/// The driver answers ARP, or the firmware does again.
	void take_arp() const;
	void hand_back_arp() const;

	// LEDs: somebody wants to see which card it is.   Errors: as read_phy().
	Result<void> begin_blinking() EXCLUDES(atomic_context);
	void light(bool on) const;
	Result<void> end_blinking() EXCLUDES(atomic_context);

	/// Puts `addr` into filter `index` of kFilters.   Context: any.
	void set_filter(u32 index, const net::MacAddress& addr) const;
	void clear_filter(u32 index) const;
	void write_vlans(u32 index, u32 value) const;
	/// The whole table, from its end, as one family wants it.
	void write_hashes(const u32 (&hashes)[regs::Mta::kCount]) const;
	/// Which of 4096 hash bits a multicast address has.
	static u32 hash_of(const net::MacAddress& addr);
	/// Before and after filters are changed, with cards that cannot have that happen while they receive.
	void begin_filters() const EXCLUDES(atomic_context);
	void end_filters() const EXCLUDES(atomic_context);

	static constexpr u32 kFilters = 15;
	static constexpr u32 kEepromWords = Eeprom::kSummed;

private:
	enum class Dsp : u8 { Off, On, Active };

	void find_media();
	void find_bus();
	void divide_packet_memory(u32 frame_bytes);
	Result<void> set_up(const net::MacAddress& addr) EXCLUDES(atomic_context);
	Result<void> set_up_leds() EXCLUDES(atomic_context);
	Result<void> set_up_link() EXCLUDES(atomic_context);
	void clear_statistics() const;
	void light_igp_activity() const;
	void start_reset(regs::Ctrl ctrl) const;

	Result<void> set_up_copper() EXCLUDES(atomic_context);
	Result<void> find_phy() EXCLUDES(atomic_context);
	Result<void> set_up_phy() EXCLUDES(atomic_context);
	/// The MAC does what the PHY does.
	Result<void> adjust_to_link() EXCLUDES(atomic_context);
	/// As it is now.
	Result<u16> phy_status() EXCLUDES(atomic_context);
	/// Not for ever.
	Result<void> await_phy_status(u16 mask, u16 wanted) EXCLUDES(atomic_context);
	Result<void> set_up_m88() EXCLUDES(atomic_context);
	Result<void> set_up_igp() EXCLUDES(atomic_context);
	Result<void> set_up_rtl() EXCLUDES(atomic_context);
	Result<void> set_class_a() EXCLUDES(atomic_context);
	Result<void> advertise() EXCLUDES(atomic_context);
	Result<void> force_speed() EXCLUDES(atomic_context);
	Result<void> follow_phy() EXCLUDES(atomic_context);
	Result<void> resolve_flow() EXCLUDES(atomic_context);
	Result<void> mend_polarity() EXCLUDES(atomic_context);
	Result<void> check_downshift() EXCLUDES(atomic_context);
	Result<void> check_copper() EXCLUDES(atomic_context);
	Result<bool> has_copper_link() EXCLUDES(atomic_context);
	Result<void> finish_copper() EXCLUDES(atomic_context);
	bool is_forced_to_10() const { return !wishes_.negotiates && !wishes_.forces_100; }
	Result<CableInfo> m88_cable() EXCLUDES(atomic_context);
	Result<CableInfo> igp_cable() EXCLUDES(atomic_context);
	Result<void> restore_clock() EXCLUDES(atomic_context);
	Result<void> close_receiver() EXCLUDES(atomic_context);
	Result<void> loop_outside_phy() EXCLUDES(atomic_context);
	Result<void> loop_inside_phy() EXCLUDES(atomic_context);
	Result<void> loop_phy() EXCLUDES(atomic_context);

	Result<void> run_igp_script() EXCLUDES(atomic_context);
	Result<void> trim_fuses() EXCLUDES(atomic_context);
	Result<void> leave_low_power() EXCLUDES(atomic_context);
	Result<void> tune_dsp(bool has_link) EXCLUDES(atomic_context);
	Result<void> tune_gigabit() EXCLUDES(atomic_context);
	Result<void> untune(bool params) EXCLUDES(atomic_context);
	/// Units: meters, least and most.
	struct Length {
		u32 least, most;
	};
	Result<Length> cable_length() EXCLUDES(atomic_context);

	Result<void> set_up_serdes() EXCLUDES(atomic_context);
	Result<void> set_amplitude_and_vco() EXCLUDES(atomic_context);
	void check_serdes() EXCLUDES(atomic_context);

	const pci::Device dev_;
	const pci::Ports& ports_;
	const Model& model_;
	const Family& family_;
	const Window window_;
	Eeprom eeprom_;
	PhyPort phy_;
	Media media_ = Media::Copper;
	Bus bus_;
	Wishes wishes_;
	bool allows_invalidates_ = false;
	bool has_pass_through_ = false;

	// Flow control.
	Flow flow_ = Flow::None;
	Flow asked_flow_ = Flow::None;
	u32 receive_kib_ = 0;
	u32 high_water_ = 0;

	// Links.
	Atomic<u32> is_link_stale_{1};
	Atomic<u32> wants_bad_frames_{0};
	bool is_downshifted_ = false;
	Atomic<u32> is_half_after_all_{0};  // a PHY that has gone down to a lower speed
	bool has_failed_to_negotiate_ = false;
	bool has_serdes_link_ = false;
	regs::Txcw said_;
	Dsp dsp_ = Dsp::Off;
	bool has_other_equalizer_ = false;
	u32 retries_ = 0;

	// LEDs: as they are, and as they are told to be dark or light.
	regs::Ledctl led_default_, led_dark_, led_light_;
	u16 fifo_default_ = 0;

	// Gaps.
	u32 gap_ = 0;
	bool widens_gaps_ = false;
};

}  // namespace e1000
