// SPDX-License-Identifier: GPL-2.0
#include "params.hpp"

#include <cxxrt/module.hpp>
#include <cxxrt/net.hpp>

#include <cxxrt/enforce.hpp>

namespace e1000 {
namespace {

/// Boards that have parameters. One more may be given, as the C driver has it; nobody uses it.
constexpr u32 kBoards = 32;
using List = module::ListParam<kBoards + 1>;

constinit List tx_descriptors;
constinit List rx_descriptors;
constinit List speed;
constinit List duplex;
constinit List advertised;
constinit List flow_control;
constinit List rx_checksums;
constinit List tx_delay;
constinit List tx_absolute_delay;
constinit List rx_delay;
constinit List rx_absolute_delay;
constinit List throttle_rate;
constinit List smart_power_down;

constexpr u32 kCopybreak = 256;
constinit module::Param<u32> copybreak_param{kCopybreak};
constinit module::Param<int> debug_param{-1};
constinit module::Param<bool> extra_statistics_param{false};
constinit module::Param<bool> bind_all_param{false};
constinit module::Param<bool> compat_names_param{false};
constinit module::Param<bool> dma64_param{false};
constinit module::Param<bool> tso6_param{false};

CXXRT_PARAM_HIDDEN_AS(TxDescriptors, tx_descriptors, "Number of transmit descriptors");
CXXRT_PARAM_HIDDEN_AS(RxDescriptors, rx_descriptors, "Number of receive descriptors");
CXXRT_PARAM_HIDDEN_AS(Speed, speed, "Speed setting");
CXXRT_PARAM_HIDDEN_AS(Duplex, duplex, "Duplex setting");
CXXRT_PARAM_HIDDEN_AS(AutoNeg, advertised, "Advertised auto-negotiation setting");
CXXRT_PARAM_HIDDEN_AS(FlowControl, flow_control, "Flow Control setting");
CXXRT_PARAM_HIDDEN_AS(XsumRX, rx_checksums, "Disable or enable Receive Checksum offload");
CXXRT_PARAM_HIDDEN_AS(TxIntDelay, tx_delay, "Transmit Interrupt Delay");
CXXRT_PARAM_HIDDEN_AS(TxAbsIntDelay, tx_absolute_delay, "Transmit Absolute Interrupt Delay");
CXXRT_PARAM_HIDDEN_AS(RxIntDelay, rx_delay, "Receive Interrupt Delay");
CXXRT_PARAM_HIDDEN_AS(RxAbsIntDelay, rx_absolute_delay, "Receive Absolute Interrupt Delay");
CXXRT_PARAM_HIDDEN_AS(InterruptThrottleRate, throttle_rate, "Interrupt Throttling Rate");
CXXRT_PARAM_HIDDEN_AS(SmartPowerDownEnable, smart_power_down, "Enable PHY smart power down");
CXXRT_PARAM_LIVE_AS(copybreak, copybreak_param, "Maximum size of packet that is copied to a new buffer on receive");
CXXRT_PARAM_HIDDEN_AS(extra_statistics, extra_statistics_param,
		      "Show more statistics than the C driver does, after its own");
CXXRT_PARAM_HIDDEN_AS(
	bind_all, bind_all_param,
	"Take every card that no driver has; else only those given by driver_override or new_id (default: no)");
CXXRT_PARAM_HIDDEN_AS(compat_names, compat_names_param, "ethtool names the C driver (default: no)");
CXXRT_PARAM_HIDDEN_AS(dma64, dma64_param,
		      "Let any card reach memory beyond 4 GiB: for emulated cards alone, others hang (default: no)");
CXXRT_PARAM_HIDDEN_AS(tso6, tso6_param, "Offer segmentation of IPv6, for ethtool -K to switch on (default: no)");
CXXRT_PARAM_HIDDEN_AS(debug, debug_param, "Debug level (0=none,...,16=all)");

/// For values that stand for "not given", wherever they come from.
constexpr int kUnset = -1;
/// Units: 1.024 us.
constexpr int kMostDelay = 0xffff;
/// Units: interrupts in a second.
constexpr int kLeastRate = 100;
constexpr int kMostRate = 100000;

/// One board's values.
class Board {
public:
	Board(pci::Device dev, u32 number) : dev_(dev.as_device()), number_(number) {}

	/// A number in a range.
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): bounds are read from left to right
	int range(const List& list, const char* name, int least, int most, int otherwise) const
	{
		const Optional<int> asked = list.get(number_);
		if (!asked || *asked == kUnset)
			return otherwise;
		if (*asked >= least && *asked <= most) {
			device::info<"%s set to %d">(dev_, name, *asked);
			return *asked;
		}
		device::info<"Invalid %s value specified (%d) using default of %d">(dev_, name, *asked, otherwise);
		return otherwise;
	}
	/// 0 or 1.
	bool flag(const List& list, const char* name, bool otherwise) const
	{
		const Optional<int> asked = list.get(number_);
		if (!asked || *asked == kUnset)
			return otherwise;
		if (*asked == 0 || *asked == 1) {
			device::info<"%s %s">(dev_, name, *asked == 1 ? "Enabled" : "Disabled");
			return *asked == 1;
		}
		device::info<"Invalid %s value specified (%d) defaulting to %s">(dev_, name, *asked,
										 otherwise ? "Enabled" : "Disabled");
		return otherwise;
	}
	/// One of a few, silently.
	template <size_t N>
	int one_of(const List& list, const char* name, const int (&good)[N], int otherwise) const
	{
		const Optional<int> asked = list.get(number_);
		if (!asked || *asked == kUnset)
			return otherwise;
		for (const int one : good) {
			if (*asked == one)
				return one;
		}
		device::info<"Invalid %s value specified (%d) parameter ignored">(dev_, name, *asked);
		return otherwise;
	}
	void read_flow(Options& options) const;
	void read_moderation(Options& options) const;
	u16 read_offers() const;
	void read_copper_link(Options& options) const;
	void read_fiber_link() const;
	device::Device dev() const { return dev_; }

private:
	void offer_only(Options& options, const char* what, u16 offers) const
	{
		device::info<"Using Autonegotiation at %s only">(dev_, what);
		options.wishes.speeds = offers;
	}
	void force(Options& options, u16 mbps, bool full_duplex) const
	{
		device::info<"Forcing to %u Mbps %s Duplex">(dev_, u32(mbps), full_duplex ? "Full" : "Half");
		options.negotiates_flow = false;
		options.wishes.negotiates = false;
		options.wishes.speeds = 0;
		options.wishes.forces_100 = mbps == 100;
		options.wishes.forces_full = full_duplex;
		// What crosses the pairs by itself needs negotiation.
		device::info<"Speed, AutoNeg and MDI-X specs are incompatible. Setting MDI-X to a compatible value.">(
			dev_);
		options.wishes.crossover = Crossover::Straight;
	}

	const device::Device dev_;
	const u32 number_;
};

void Board::read_flow(Options& options) const
{
	static constexpr const char* kTexts[] = {"Flow Control Disabled", "Flow Control Receive Only",
						 "Flow Control Transmit Only", "Flow Control Enabled"};
	const Optional<int> asked = flow_control.get(number_);
	if (!asked || *asked == kUnset)
		return;
	if (*asked >= 0 && *asked <= int(Flow::Both)) {
		device::info<"%s">(dev_, kTexts[*asked]);
		options.wishes.flow = Flow(*asked);
	} else if (*asked == int(Flow::ByEeprom)) {
		device::info<"Flow Control Hardware Default">(dev_);
	} else {
		device::info<"Invalid Flow Control value specified (%d) reading default settings from EEPROM">(dev_,
													       *asked);
	}
}

void Board::read_moderation(Options& options) const
{
	constexpr const char* kName = "Interrupt Throttling Rate (ints/sec)";
	const Optional<int> asked = throttle_rate.get(number_);
	if (!asked)
		return;
	switch (*asked) {
	case int(Moderation::kOff):
		device::info<"%s turned off">(dev_, kName);
		options.moderation = Moderation::kOff;
		return;
	case int(Moderation::kDynamic):
		device::info<"%s set to dynamic mode">(dev_, kName);
		options.moderation = Moderation::kDynamic;
		return;
	case int(Moderation::kConservative):
		device::info<"%s set to dynamic conservative mode">(dev_, kName);
		return;
	case int(Moderation::kSimple):
		device::info<"%s set to simplified (2000-8000) ints mode">(dev_, kName);
		options.moderation = Moderation::kSimple;
		return;
	default:
		break;
	}
	const int rate = range(throttle_rate, kName, kLeastRate, kMostRate, int(Moderation::kConservative));
	// The lower bits tell the modes apart. What cannot be, therefore, holds nothing back, whatever the line says.
	options.moderation = u32(rate) & ~3u;
	options.rate = u32(rate);
}

u16 Board::read_offers() const
{
	const Optional<int> asked = advertised.get(number_);
	if (!asked || *asked == kUnset)
		return speeds::kAll;
	constexpr int kBits = int(speeds::kAll);
	if (*asked <= 0 || (*asked & ~kBits) != 0) {
		device::info<"Invalid AutoNeg value specified (%d) parameter ignored">(dev_, *asked);
		return speeds::kAll;
	}
	struct Named {
		u16 bit;
		const char* name;
	};
	static constexpr Named kNames[] = {{.bit = speeds::k1000Full, .name = "1000/FD"},
					   {.bit = speeds::k100Full, .name = "100/FD"},
					   {.bit = speeds::k100Half, .name = "100/HD"},
					   {.bit = speeds::k10Full, .name = "10/FD"},
					   {.bit = speeds::k10Half, .name = "10/HD"}};
	const char* text[5] = {"", "", "", "", ""};
	const char* comma[5] = {"", "", "", "", ""};
	u32 count = 0;
	for (const Named& one : kNames) {
		if ((u16(*asked) & one.bit) == 0)
			continue;
		comma[count] = count != 0 ? ", " : "";
		text[count++] = one.name;
	}
	device::info<"AutoNeg advertising %s%s%s%s%s%s%s%s%s">(dev_, text[0], comma[1], text[1], comma[2], text[2],
							       comma[3], text[3], comma[4], text[4]);
	return u16(*asked);
}

void Board::read_copper_link(Options& options) const
{
	constexpr int kSpeeds[] = {0, 10, 100, 1000};
	constexpr int kDuplexes[] = {0, 1, 2};
	const int mbps = one_of(speed, "Speed", kSpeeds, 0);
	const int duplexes = one_of(duplex, "Duplex", kDuplexes, 0);
	const bool is_half = duplexes == 1;
	const bool is_full = duplexes == 2;
	if (advertised.get(number_) && (mbps != 0 || duplexes != 0))
		device::info<"AutoNeg specified along with Speed or Duplex, parameter ignored">(dev_);
	else
		options.wishes.speeds = read_offers();

	if (mbps == 0) {
		if (is_half) {
			device::info<"Half Duplex specified without Speed">(dev_);
			offer_only(options, "Half Duplex", speeds::k10Half | speeds::k100Half);
		} else if (is_full) {
			device::info<"Full Duplex specified without Speed">(dev_);
			offer_only(options, "Full Duplex", speeds::k10Full | speeds::k100Full | speeds::k1000Full);
		}
		return;
	}
	if (mbps == 1000) {
		if (is_half)
			device::info<"Half Duplex is not supported at 1000 Mbps">(dev_);
		else if (!is_full)
			device::info<"1000 Mbps Speed specified without Duplex">(dev_);
		offer_only(options, "1000 Mbps Full Duplex", speeds::k1000Full);
		return;
	}
	if (is_half || is_full) {
		force(options, u16(mbps), is_full);
		return;
	}
	device::info<"%d Mbps Speed specified without Duplex">(dev_, mbps);
	if (mbps == 10)
		offer_only(options, "10 Mbps", speeds::k10Half | speeds::k10Full);
	else
		offer_only(options, "100 Mbps", speeds::k100Half | speeds::k100Full);
}

void Board::read_fiber_link() const
{
	if (speed.get(number_))
		device::info<"Speed not valid for fiber adapters, parameter ignored">(dev_);
	if (duplex.get(number_))
		device::info<"Duplex not valid for fiber adapters, parameter ignored">(dev_);
	const Optional<int> asked = advertised.get(number_);
	if (asked && *asked != int(speeds::k1000Full))
		device::info<"AutoNeg other than 1000/Full is not valid for fiberadapters, parameter ignored">(dev_);
}

}  // namespace

Options read_options(pci::Device dev, u32 number, const Family& family, Media media)
{
	const Board board{dev, number};
	if (number >= kBoards)
		device::warn<"Warning: no configuration for board #%u using defaults for all values">(board.dev(),
												      number);
	const int most = family.most_descriptors;
	Options options;
	options.tx_descriptors = Options::ring_size(family, u32(board.range(tx_descriptors, "Transmit Descriptors",
									    int(Options::kLeastDescriptors), most,
									    int(Options::kDescriptors))));
	options.rx_descriptors = Options::ring_size(family, u32(board.range(rx_descriptors, "Receive Descriptors",
									    int(Options::kLeastDescriptors), most,
									    int(Options::kDescriptors))));
	options.checks_sums = board.flag(rx_checksums, "Checksum Offload", true);
	board.read_flow(options);
	options.tx_delay = u16(board.range(tx_delay, "Transmit Interrupt Delay", 0, kMostDelay, options.tx_delay));
	options.tx_absolute_delay = u16(board.range(tx_absolute_delay, "Transmit Absolute Interrupt Delay", 0,
						    kMostDelay, options.tx_absolute_delay));
	options.rx_delay = u16(board.range(rx_delay, "Receive Interrupt Delay", 0, kMostDelay, options.rx_delay));
	options.rx_absolute_delay = u16(board.range(rx_absolute_delay, "Receive Absolute Interrupt Delay", 0,
						    kMostDelay, options.rx_absolute_delay));
	board.read_moderation(options);
	// Nothing depends on it, in the C driver neither; what it says of bad values counts.
	(void)board.flag(smart_power_down, "PHY Smart Power Down", false);
	if (media == Media::Copper)
		board.read_copper_link(options);
	else
		board.read_fiber_link();
	return options;
}

u32 copybreak() { return copybreak_param.get(); }

bool shows_extra_statistics() { return extra_statistics_param.get(); }

bool binds_all() { return bind_all_param.get(); }

bool has_c_names() { return compat_names_param.get(); }

bool uses_long_addresses() { return dma64_param.get(); }

bool offers_tso6() { return tso6_param.get(); }

u32 first_messages()
{
	const int debug = debug_param.get();
	constexpr int kBits = 32;
	if (debug < 0 || debug >= kBits)
		return u32(net::Message::Driver) | u32(net::Message::Probe) | u32(net::Message::Link);
	return (1u << u32(debug)) - 1;
}

void announce()
{
	log::info<"Intel(R) PRO/1000 Network Driver">();
	if (copybreak() == 0)
		log::info<"copybreak disabled">();
	else if (copybreak() != kCopybreak)
		log::info<"copybreak enabled for packets <= %u bytes">(copybreak());
	if (uses_long_addresses())
		log::warn<"dma64=1 is for emulated cards: others hang">();
}

}  // namespace e1000
