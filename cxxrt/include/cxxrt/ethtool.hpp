// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What ethtool shows of a network device, and what it sets.
/// C side: include/linux/ethtool.h, include/uapi/linux/ethtool.h, helpers/net.c.
///
/// For a driver's class D (net.hpp), a struct T has static functions, each of which it may leave out:
///     void get_coalesce(D&, Coalesce&), Result<void> set_coalesce(D&, const Coalesce&)
///         get may be Result<void>, too
///     Rings get_rings(D&), Result<void> set_rings(D&, const Rings&)     `most_` counts are the device's
///     Pause get_pause(D&), Result<void> set_pause(D&, const Pause&)
///     LinkSettings get_link_settings(D&), Result<void> set_link_settings(D&, const LinkWanted&)
///     bool get_link(D&)
///     Result<void> renegotiate(D&)
///     u32 get_messages(D&), void set_messages(D&, u32)                  bits of net::Message
///     u32 get_registers(D&, u32 (&words)[kRegisters])                   returns a version; T::kRegisters; zeroed before
///     u32 eeprom_bytes(D&), u32 eeprom_magic(D&)
///     Result<void> read_eeprom(D&, u32 offset, u8* to, u32 bytes)       in range; not empty
///     Result<void> write_eeprom(D&, u32 offset, const u8* from, u32 bytes)   the same, and the magic was right
///     u32 statistic_count(D&), void name_statistics(D&, Names&), void get_statistics(D&, u64* to)
///     bool self_test(D&, Tests, u64 (&results)[kTestCount])             T::kTestNames, an array of names; false: failed
///     Result<u32> identify(D&, Identify)                                for Begin: how often a second to go on and off
///     Wake get_wake(D&), Result<void> set_wake(D&, u32 wanted)
/// Context: process; sleeps.   Locks: RTNL is held.

#include <cxxrt/net.hpp>

namespace cxxrt::ethtool {

/// How interrupts are delayed.   Units: microseconds.
struct Coalesce {
	u32 rx_us = 0;
};

/// Entries of the rings.
struct Rings {
	u32 rx = 0, tx = 0;
	u32 most_rx = 0, most_tx = 0;
};

struct Pause {
	bool negotiates = false;
	bool receives = false;
	bool sends = false;
};

/// Modes of a link, as bits.
namespace mode {
inline constexpr u32 k10Half = u32(raw::SUPPORTED_10baseT_Half);
inline constexpr u32 k10Full = u32(raw::SUPPORTED_10baseT_Full);
inline constexpr u32 k100Half = u32(raw::SUPPORTED_100baseT_Half);
inline constexpr u32 k100Full = u32(raw::SUPPORTED_100baseT_Full);
inline constexpr u32 k1000Full = u32(raw::SUPPORTED_1000baseT_Full);
inline constexpr u32 kNegotiates = u32(raw::SUPPORTED_Autoneg);
inline constexpr u32 kTwistedPair = u32(raw::SUPPORTED_TP);
inline constexpr u32 kFibre = u32(raw::SUPPORTED_FIBRE);
}  // namespace mode

enum class Duplex : u8 { Half = raw::DUPLEX_HALF, Full = raw::DUPLEX_FULL, Unknown = raw::DUPLEX_UNKNOWN };
enum class PortKind : u8 { TwistedPair = raw::PORT_TP, Fibre = raw::PORT_FIBRE };
/// Which pair is which.
enum class Mdi : u8 {
	Unknown = raw::ETH_TP_MDI_INVALID,  ///< or, of what is wanted: no wish
	Straight = raw::ETH_TP_MDI,
	Crossed = raw::ETH_TP_MDI_X,
	Auto = raw::ETH_TP_MDI_AUTO,
};

/// What a link is, and could be.
struct LinkSettings {
	u32 supported = 0, advertised = 0;  ///< bits of `mode`
	u32 mbps = kUnknownSpeed;
	Duplex duplex = Duplex::Unknown;
	PortKind port = PortKind::TwistedPair;
	u8 phy = 0;  ///< its address
	bool negotiates = false;
	Mdi mdi = Mdi::Unknown;
	Mdi mdi_wanted = Mdi::Unknown;

	static constexpr u32 kUnknownSpeed = u32(raw::SPEED_UNKNOWN);
};

/// What a user wants it to be. Anything may be in it.
struct LinkWanted {
	bool negotiates = false;
	u32 advertised = 0;  ///< bits of `mode`
	u32 mbps = 0;
	Duplex duplex = Duplex::Unknown;
	Mdi mdi = Mdi::Unknown;
};

enum class Tests : u8 { Online, Offline };

/// The state of the light that shows which port this is.
enum class Identify : u8 {
	Begin = raw::ETHTOOL_ID_ACTIVE,
	End = raw::ETHTOOL_ID_INACTIVE,
	On = raw::ETHTOOL_ID_ON,
	Off = raw::ETHTOOL_ID_OFF,
};

/// What may wake the machine, as bits.
namespace wake {
inline constexpr u32 kPhy = u32(raw::WAKE_PHY);
inline constexpr u32 kUnicast = u32(raw::WAKE_UCAST);
inline constexpr u32 kMulticast = u32(raw::WAKE_MCAST);
inline constexpr u32 kBroadcast = u32(raw::WAKE_BCAST);
inline constexpr u32 kArp = u32(raw::WAKE_ARP);
inline constexpr u32 kMagic = u32(raw::WAKE_MAGIC);
inline constexpr u32 kMagicSecure = u32(raw::WAKE_MAGICSECURE);
}  // namespace wake

struct Wake {
	u32 supported = 0;
	u32 on = 0;
};

/// Takes names, in order, as many as were promised; each is cut after 31 bytes.
class Names {
public:
	Names(u8* to, u32 count) : to_(to), left_(count) {}
	void add(const char* name)
	{
		if (left_ == 0)
			return;
		--left_;
		(void)raw::cxxrt_strscpy(reinterpret_cast<char*>(to_), name, raw::ETH_GSTRING_LEN);
		to_ += raw::ETH_GSTRING_LEN;
	}

private:
	u8* to_;
	u32 left_;
};

/// The C table for D's functions in T.
template <class T, class D> class Table {
	static D& of(raw::net_device* dev) { return net::Driver<D>::unsafe_object(dev); }

	static int get_coalesce(raw::net_device* dev, raw::ethtool_coalesce* out, raw::kernel_ethtool_coalesce*,
				raw::netlink_ext_ack*)
	{
		Coalesce now;
		if constexpr (same_as<decltype(T::get_coalesce(of(dev), now)), Result<void>>) {
			const Result<void> done = T::get_coalesce(of(dev), now);
			if (!done.ok())
				return done.to_c();
		} else {
			T::get_coalesce(of(dev), now);
		}
		out->rx_coalesce_usecs = now.rx_us;
		return 0;
	}
	static int set_coalesce(raw::net_device* dev, raw::ethtool_coalesce* in, raw::kernel_ethtool_coalesce*,
				raw::netlink_ext_ack*)
	{
		return T::set_coalesce(of(dev), Coalesce{.rx_us = in->rx_coalesce_usecs}).to_c();
	}
	static void get_rings(raw::net_device* dev, raw::ethtool_ringparam* out, raw::kernel_ethtool_ringparam*,
			      raw::netlink_ext_ack*)
	{
		const Rings now = T::get_rings(of(dev));
		out->rx_max_pending = now.most_rx;
		out->tx_max_pending = now.most_tx;
		out->rx_pending = now.rx;
		out->tx_pending = now.tx;
	}
	static int set_rings(raw::net_device* dev, raw::ethtool_ringparam* in, raw::kernel_ethtool_ringparam*,
			     raw::netlink_ext_ack*)
	{
		if (in->rx_mini_pending != 0 || in->rx_jumbo_pending != 0)
			return EINVAL.to_c();
		return T::set_rings(of(dev), Rings{.rx = in->rx_pending, .tx = in->tx_pending}).to_c();
	}
	static void get_pause(raw::net_device* dev, raw::ethtool_pauseparam* out)
	{
		const Pause now = T::get_pause(of(dev));
		out->autoneg = now.negotiates ? 1 : 0;
		out->rx_pause = now.receives ? 1 : 0;
		out->tx_pause = now.sends ? 1 : 0;
	}
	static int set_pause(raw::net_device* dev, raw::ethtool_pauseparam* in)
	{
		return T::set_pause(of(dev), Pause{.negotiates = in->autoneg != 0,
						   .receives = in->rx_pause != 0,
						   .sends = in->tx_pause != 0})
			.to_c();
	}
	static int get_link_settings(raw::net_device* dev, raw::ethtool_link_ksettings* out)
	{
		const LinkSettings now = T::get_link_settings(of(dev));
		out->base.speed = now.mbps;
		out->base.duplex = u8(now.duplex);
		out->base.port = u8(now.port);
		out->base.phy_address = now.phy;
		out->base.autoneg = u8(now.negotiates ? raw::AUTONEG_ENABLE : raw::AUTONEG_DISABLE);
		out->base.eth_tp_mdix = u8(now.mdi);
		out->base.eth_tp_mdix_ctrl = u8(now.mdi_wanted);
		raw::ethtool_convert_legacy_u32_to_link_mode(out->link_modes.supported, now.supported);
		raw::ethtool_convert_legacy_u32_to_link_mode(out->link_modes.advertising, now.advertised);
		return 0;
	}
	static int set_link_settings(raw::net_device* dev, const raw::ethtool_link_ksettings* in)
	{
		LinkWanted wanted{.negotiates = in->base.autoneg == raw::AUTONEG_ENABLE,
				  .mbps = in->base.speed,
				  .duplex = Duplex(in->base.duplex),
				  .mdi = Mdi(in->base.eth_tp_mdix_ctrl)};
		(void)raw::ethtool_convert_link_mode_to_legacy_u32(&wanted.advertised, in->link_modes.advertising);
		return T::set_link_settings(of(dev), wanted).to_c();
	}
	static u32 get_link(raw::net_device* dev) { return T::get_link(of(dev)) ? 1 : 0; }
	static int renegotiate(raw::net_device* dev) { return T::renegotiate(of(dev)).to_c(); }
	static u32 get_messages(raw::net_device* dev) { return T::get_messages(of(dev)); }
	static void set_messages(raw::net_device* dev, u32 wanted) { T::set_messages(of(dev), wanted); }
	static int registers_bytes(raw::net_device*) { return int(T::kRegisters * sizeof(u32)); }
	static void get_registers(raw::net_device* dev, raw::ethtool_regs* regs, void* to)
	{
		// SAFETY: the core gives as much memory as registers_bytes() asks for, aligned as kmalloc()'s.
		auto& words = *static_cast<u32(*)[T::kRegisters]>(to);
		for (u32& word : words)
			word = 0;
		regs->version = T::get_registers(of(dev), words);
	}
	static int eeprom_bytes(raw::net_device* dev) { return int(T::eeprom_bytes(of(dev))); }
	/// The core has checked this, too, with the same length.
	static bool is_in_eeprom(D& object, const raw::ethtool_eeprom& what)
	{
		const u32 size = T::eeprom_bytes(object);
		return what.offset <= size && what.len <= size - what.offset;
	}
	static int read_eeprom(raw::net_device* dev, raw::ethtool_eeprom* what, u8* to)
	{
		if (what->len == 0 || !is_in_eeprom(of(dev), *what))
			return EINVAL.to_c();
		what->magic = T::eeprom_magic(of(dev));
		return T::read_eeprom(of(dev), what->offset, to, what->len).to_c();
	}
	static int write_eeprom(raw::net_device* dev, raw::ethtool_eeprom* what, u8* from)
	{
		if (what->len == 0)
			return EOPNOTSUPP.to_c();
		if (what->magic != T::eeprom_magic(of(dev)))
			return EFAULT.to_c();
		if (!is_in_eeprom(of(dev), *what))
			return EINVAL.to_c();
		return T::write_eeprom(of(dev), what->offset, from, what->len).to_c();
	}
	static int count_strings(raw::net_device* dev, int set)
	{
		if constexpr (requires { T::kTestNames; })
			if (set == int(raw::ETH_SS_TEST))
				return int(kTestCount<T>);
		if constexpr (requires(D& object) { T::statistic_count(object); })
			if (set == int(raw::ETH_SS_STATS))
				return int(T::statistic_count(of(dev)));
		return EOPNOTSUPP.to_c();
	}
	static void get_strings(raw::net_device* dev, u32 set, u8* to)
	{
		if constexpr (requires { T::kTestNames; })
			if (set == u32(raw::ETH_SS_TEST)) {
				Names names{to, kTestCount<T>};
				for (const char* name : T::kTestNames)
					names.add(name);
			}
		if constexpr (requires(D& object) { T::statistic_count(object); })
			if (set == u32(raw::ETH_SS_STATS)) {
				Names names{to, T::statistic_count(of(dev))};
				T::name_statistics(of(dev), names);
			}
	}
	static void get_statistics(raw::net_device* dev, raw::ethtool_stats*, u64* to)
	{
		T::get_statistics(of(dev), to);
	}
	static void self_test(raw::net_device* dev, raw::ethtool_test* test, u64* to)
	{
		// SAFETY: the core gives room for as many as count_strings() says.
		auto& results = *reinterpret_cast<u64(*)[kTestCount<T>]>(to);
		const bool is_offline = (test->flags & u32(raw::ETH_TEST_FL_OFFLINE)) != 0;
		if (!T::self_test(of(dev), is_offline ? Tests::Offline : Tests::Online, results))
			test->flags |= u32(raw::ETH_TEST_FL_FAILED);
	}
	static int identify(raw::net_device* dev, raw::ethtool_phys_id_state state)
	{
		Result<u32> done = T::identify(of(dev), Identify(state));
		return done.ok() ? int(done.take()) : done.error().to_c();
	}
	static void get_wake(raw::net_device* dev, raw::ethtool_wolinfo* out)
	{
		const Wake now = T::get_wake(of(dev));
		out->supported = now.supported;
		out->wolopts = now.on;
	}
	static int set_wake(raw::net_device* dev, raw::ethtool_wolinfo* in)
	{
		return T::set_wake(of(dev), in->wolopts).to_c();
	}

	/// The core has cleared it; 6.1's leaves empty what is empty afterwards.
	static void get_driver(raw::net_device* dev, raw::ethtool_drvinfo* to)
	{
		(void)raw::cxxrt_strscpy(to->driver, T::driver_name(), sizeof(to->driver));
		(void)raw::cxxrt_strscpy(to->bus_info, raw::cxxrt_netdev_parent_name(dev), sizeof(to->bus_info));
	}

	template <size_t N> static constexpr u32 count_of(const char* const (&)[N]) { return N; }
	template <class U> static constexpr u32 kTestCount = count_of(U::kTestNames);

	static constexpr raw::ethtool_ops make()
	{
		raw::ethtool_ops ops{};
		if constexpr (requires { &T::driver_name; })
			ops.get_drvinfo = &get_driver;
		if constexpr (requires { &T::set_coalesce; }) {
			ops.supported_coalesce_params = raw::ETHTOOL_COALESCE_RX_USECS;
			ops.get_coalesce = &get_coalesce;
			ops.set_coalesce = &set_coalesce;
		}
		if constexpr (requires { &T::set_rings; }) {
			ops.get_ringparam = &get_rings;
			ops.set_ringparam = &set_rings;
		}
		if constexpr (requires { &T::set_pause; }) {
			ops.get_pauseparam = &get_pause;
			ops.set_pauseparam = &set_pause;
		}
		if constexpr (requires { &T::set_link_settings; }) {
			ops.get_link_ksettings = &get_link_settings;
			ops.set_link_ksettings = &set_link_settings;
		}
		if constexpr (requires { &T::get_link; })
			ops.get_link = &get_link;
		if constexpr (requires { &T::renegotiate; })
			ops.nway_reset = &renegotiate;
		if constexpr (requires { &T::set_messages; }) {
			ops.get_msglevel = &get_messages;
			ops.set_msglevel = &set_messages;
		}
		if constexpr (requires { &T::get_registers; }) {
			ops.get_regs_len = &registers_bytes;
			ops.get_regs = &get_registers;
		}
		if constexpr (requires { &T::read_eeprom; }) {
			ops.get_eeprom_len = &eeprom_bytes;
			ops.get_eeprom = &read_eeprom;
			ops.set_eeprom = &write_eeprom;
		}
		if constexpr (requires { &T::get_statistics; })
			ops.get_ethtool_stats = &get_statistics;
		if constexpr (requires { &T::self_test; })
			ops.self_test = &self_test;
		if constexpr (requires { &T::identify; })
			ops.set_phys_id = &identify;
		if constexpr (requires { &T::set_wake; }) {
			ops.get_wol = &get_wake;
			ops.set_wol = &set_wake;
		}
		ops.get_sset_count = &count_strings;
		ops.get_strings = &get_strings;
		ops.get_ts_info = &raw::ethtool_op_get_ts_info;
		return ops;
	}

public:
	static constexpr raw::ethtool_ops kOps = make();
};

/// From when the driver's device is shown, ethtool asks T.   Context: process, before Driver::add().
template <class T, class D> void attach(const net::Driver<D>& driver)
{
	driver.device().unsafe_raw()->ethtool_ops = &Table<T, D>::kOps;
}

}  // namespace cxxrt::ethtool
