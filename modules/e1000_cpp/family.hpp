// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The cards: models by PCI id, and how the families of controllers differ. A family is a row of a table; what it does
/// that no other does is a function that the row asks for.
/// Spec: 8254x SDM.   C side: e1000_set_mac_type(), and the comparisons of mac_type all over e1000_hw.c.

#include <cxxrt/error.hpp>

namespace e1000 {
using namespace cxxrt;

/// Controllers, in the order of the families' table.
enum class Mac : u8 {
	I82542r20,
	I82542r21,
	I82543,
	I82544,
	I82540,
	I82545,
	I82545r3,
	I82546,
	Ce4100,
	I82546r3,
	I82541,
	I82541r2,
	I82547,
	I82547r2,
};
inline constexpr u32 kMacs = 14;

/// What the wire is.
enum class Media : u8 { Copper, Fiber, Serdes };
/// What a model says of it.
enum class MediaHint : u8 { ByStatus, Serdes };

/// The reset bit is written to CTRL itself, through an I/O port, or to CTRL's shadow.
enum class ResetBy : u8 { Memory, Port, Shadow };
enum class EepromKind : u8 {
	Microwire64,	 ///< 64 words
	Microwire,	 ///< 64 or 256, as EECD says
	SpiOrMicrowire,	 ///< as EECD says
	Flash,		 ///< a copy of it in memory
};
/// How EERD is laid out, which reads a word without the EEPROM's pins.
enum class Eerd : u8 {
	None,
	Wide,	 ///< done: bit 4, address: bits 15 to 8
	Narrow,	 ///< done: bit 1, address: bits 15 to 2
};
/// How the PHY's registers are reached.
enum class PhyBus : u8 {
	None,
	Pins,  ///< bit by bit
	Mdic,
	Ce4100,	 ///< a block of its own, in BAR 1
};
enum class Phy : u8 { None, M88, Igp, Rtl8211, Rtl8201 };

/// How packet memory is divided between the directions.
enum class Packets : u8 {
	Legacy,	 ///< 8 KiB more for sending if frames are longer than 8 KiB
	Split,	 ///< so that two frames fit for sending
};
/// Counters that are there.
enum class Counters : u8 { First, WithErrors, WithManagement };

/// What a family is like. All that is `false` here is so for most.
struct Family {
	Mac mac;
	const char* name;
	ResetBy reset = ResetBy::Memory;
	u8 settle_ms = 5;  // after a reset
	EepromKind eeprom = EepromKind::Microwire;
	Eerd eerd = Eerd::None;
	PhyBus phy_bus = PhyBus::Mdic;
	u32 phy_ids[3] = {};
	u8 packet_kib = 48;
	Packets packets = Packets::Legacy;
	Counters counters = Counters::WithManagement;
	u16 most_descriptors = 4096;

	// Registers.
	bool has_old_offsets : 1 = false;  // of the 82542
	bool has_checksums : 1 = true;	   // and VLANs
	bool has_segmentation : 1 = true;
	bool has_moderation : 1 = true;	     // ITR, TADV, RADV; LEDCTL, MANC, TXDCTL; the EEPROM's grant
	bool has_wakeup : 1 = true;	     // WUC, and what a gigabit-only PHY is to be told
	bool clears_vlan_type : 1 = false;   // at its first set-up
	bool reports_when_sent : 1 = false;  // RPS in descriptors, in place of RS
	// Reset.
	bool reloads_eeprom : 1 = false;  // only if it is told to
	bool resets_phy_first : 1 = false;
	bool stops_invalidates : 1 = false;  // while it is reset, and while filters change
	// Links.
	bool is_always_fiber : 1 = false;
	bool is_always_copper : 1 = false;
	bool follows_phy : 1 = false;  // the MAC is told the PHY's speed
	bool resets_phy_by_pin : 1 = false;
	bool signal_is_high : 1 = true;	    // SDP 1, when the optics have light
	bool has_serdes_words : 1 = false;  // amplitude and VCO
	bool has_class_a_word : 1 = false;
	bool accepts_tbi : 1 = false;	  // frames that a carrier extension byte has spoilt
	bool mends_polarity : 1 = false;  // at forced 10 Mb/s
	bool has_igp_script : 1 = false;
	bool is_first_igp : 1 = false;	// no automatic crossover, and its activity LED is set up
	bool has_flex_speed : 1 = false;
	bool lacks_pause_sending : 1 = false;
	bool checks_always : 1 = false;	 // the link has no interrupt
	u16 collision_distance = 63;
	// Errata.
	bool splits_pcix_tails : 1 = false;  // a buffer's last byte has address bit 2 set
	bool crosses_no_64k : 1 = false;
	bool limits_pcix_reads : 1 = true;
	bool writes_vfta_twice : 1 = false;
	bool has_fifo_bug : 1 = false;	     // half duplex: no frame may wrap in the packet memory
	bool miscounts_carrier : 1 = false;  // in full duplex
	bool has_asf : 1 = false;	     // firmware may share the port
	bool has_two_ports : 1 = false;	     // the second's address is the first's with another last bit
};

namespace phy_id {
inline constexpr u32 kM88E1000E = 0x01410c50;
inline constexpr u32 kM88E1000I = 0x01410c30;
inline constexpr u32 kM88E1011 = 0x01410c20;
inline constexpr u32 kM88E1111 = 0x01410cc0;
inline constexpr u32 kM88E1118 = 0x01410e40;
inline constexpr u32 kIgp01 = 0x02a80380;
inline constexpr u32 kRtl8211 = 0x001cc910;
inline constexpr u32 kRtl8201 = 0x00008200;
}  // namespace phy_id

namespace families {

constexpr Family i82542(Mac mac, const char* name)
{
	return {.mac = mac,
		.name = name,
		.settle_ms = 2,
		.eeprom = EepromKind::Microwire64,
		.phy_bus = PhyBus::None,
		.counters = Counters::First,
		.most_descriptors = 256,
		.has_old_offsets = true,
		.has_checksums = false,
		.has_segmentation = false,
		.has_moderation = false,
		.has_wakeup = false,
		.clears_vlan_type = true,
		.reports_when_sent = true,
		.reloads_eeprom = true,
		.stops_invalidates = mac == Mac::I82542r20,
		.is_always_fiber = true,
		.follows_phy = true,
		.resets_phy_by_pin = true,
		.signal_is_high = false,
		.lacks_pause_sending = mac == Mac::I82542r20,
		.collision_distance = 64};
}
constexpr Family i82540(Mac mac, const char* name)
{
	Family made{.mac = mac,
		    .name = name,
		    .reset = ResetBy::Port,
		    .eerd = Eerd::Wide,
		    .phy_ids = {phy_id::kM88E1011},
		    .clears_vlan_type = mac == Mac::I82540 || mac == Mac::I82545};
	if (mac != Mac::I82540)
		made.packets = Packets::Split;
	made.crosses_no_64k = mac == Mac::I82545 || mac == Mac::I82546;
	made.has_two_ports = mac == Mac::I82546 || mac == Mac::I82546r3;
	if (mac == Mac::I82545r3 || mac == Mac::I82546r3) {
		made.reset = ResetBy::Shadow;
		made.has_serdes_words = true;
		made.limits_pcix_reads = false;
		made.has_class_a_word = mac == Mac::I82545r3;
	}
	return made;
}
constexpr Family i82541(Mac mac, const char* name)
{
	const bool is_first = mac == Mac::I82541 || mac == Mac::I82547;
	const bool is_82547 = mac == Mac::I82547 || mac == Mac::I82547r2;
	Family made{.mac = mac,
		    .name = name,
		    .reset = is_82547 ? ResetBy::Memory : ResetBy::Port,
		    .settle_ms = 20,
		    .eeprom = EepromKind::SpiOrMicrowire,
		    .eerd = Eerd::Narrow,
		    .phy_ids = {phy_id::kIgp01},
		    .has_segmentation = mac != Mac::I82547,
		    .resets_phy_first = is_first,
		    .has_igp_script = true,
		    .is_first_igp = is_first,
		    .has_flex_speed = !is_first,
		    .has_fifo_bug = mac == Mac::I82547,
		    .has_asf = true};
	if (is_82547)
		made.packet_kib = 30;
	return made;
}

}  // namespace families

/// By Mac.
inline constexpr Family kFamilies[kMacs] = {
	families::i82542(Mac::I82542r20, "82542 2.0"),
	families::i82542(Mac::I82542r21, "82542 2.1"),
	{.mac = Mac::I82543,
	 .name = "82543",
	 .settle_ms = 2,
	 .eeprom = EepromKind::Microwire64,
	 .phy_bus = PhyBus::Pins,
	 .phy_ids = {phy_id::kM88E1000E},
	 .counters = Counters::WithErrors,
	 .most_descriptors = 256,
	 .has_segmentation = false,
	 .has_moderation = false,
	 .has_wakeup = false,
	 .clears_vlan_type = true,
	 .reloads_eeprom = true,
	 .follows_phy = true,
	 .resets_phy_by_pin = true,
	 .signal_is_high = false,
	 .accepts_tbi = true,
	 .mends_polarity = true,
	 .miscounts_carrier = true},
	{.mac = Mac::I82544,
	 .name = "82544",
	 .reset = ResetBy::Port,
	 .settle_ms = 2,
	 .eeprom = EepromKind::Microwire64,
	 .eerd = Eerd::Wide,
	 .phy_ids = {phy_id::kM88E1000I},
	 .counters = Counters::WithErrors,
	 .has_moderation = false,
	 .clears_vlan_type = true,
	 .reloads_eeprom = true,
	 .signal_is_high = false,
	 .mends_polarity = true,
	 .splits_pcix_tails = true,
	 .writes_vfta_twice = true},
	families::i82540(Mac::I82540, "82540"),
	families::i82540(Mac::I82545, "82545"),
	families::i82540(Mac::I82545r3, "82545 3"),
	families::i82540(Mac::I82546, "82546"),
	{.mac = Mac::Ce4100,
	 .name = "CE4100",
	 .eeprom = EepromKind::Flash,
	 .phy_bus = PhyBus::Ce4100,
	 .phy_ids = {phy_id::kRtl8211, phy_id::kRtl8201, phy_id::kM88E1118},
	 .packets = Packets::Split,
	 .is_always_copper = true,
	 .follows_phy = true,
	 .checks_always = true,
	 .crosses_no_64k = true},
	families::i82540(Mac::I82546r3, "82546 3"),
	families::i82541(Mac::I82541, "82541"),
	families::i82541(Mac::I82541r2, "82541 2"),
	families::i82541(Mac::I82547, "82547"),
	families::i82541(Mac::I82547r2, "82547 2"),
};
constexpr bool are_in_order()
{
	for (u32 i = 0; i < kMacs; ++i) {
		if (u32(kFamilies[i].mac) != i)
			return false;
	}
	return true;
}
static_assert(are_in_order());
constexpr const Family& family_of(Mac mac) { return kFamilies[u32(mac)]; }

/// A card as PCI knows it.
struct Model {
	u16 device;
	Mac mac;
	MediaHint media = MediaHint::ByStatus;
	/// Its ports are decoded, to reset it.
	bool uses_ports = false;
	/// Four ports: PCI ordering is never relaxed.
	bool is_strictly_ordered = false;
	/// Behind a bridge whose speed STATUS does not tell.
	bool is_behind_bridge = false;
};

/// All there are, in the order of their ids.
inline constexpr Model kModels[] = {
	{.device = 0x1000, .mac = Mac::I82542r20},  // or 2.1: the revision says
	{.device = 0x1001, .mac = Mac::I82543},
	{.device = 0x1004, .mac = Mac::I82543},
	{.device = 0x1008, .mac = Mac::I82544, .uses_ports = true},
	{.device = 0x1009, .mac = Mac::I82544, .uses_ports = true},
	{.device = 0x100c, .mac = Mac::I82544, .uses_ports = true},
	{.device = 0x100d, .mac = Mac::I82544, .uses_ports = true},
	{.device = 0x100e, .mac = Mac::I82540, .uses_ports = true},
	{.device = 0x100f, .mac = Mac::I82545, .uses_ports = true},
	{.device = 0x1010, .mac = Mac::I82546, .uses_ports = true},
	{.device = 0x1011, .mac = Mac::I82545, .uses_ports = true},
	{.device = 0x1012, .mac = Mac::I82546, .uses_ports = true},
	{.device = 0x1013, .mac = Mac::I82541, .uses_ports = true},
	{.device = 0x1014, .mac = Mac::I82541, .uses_ports = true},
	{.device = 0x1015, .mac = Mac::I82540, .uses_ports = true},
	{.device = 0x1016, .mac = Mac::I82540, .uses_ports = true},
	{.device = 0x1017, .mac = Mac::I82540, .uses_ports = true},
	{.device = 0x1018, .mac = Mac::I82541, .uses_ports = true},
	{.device = 0x1019, .mac = Mac::I82547},
	{.device = 0x101a, .mac = Mac::I82547},
	{.device = 0x101d, .mac = Mac::I82546, .uses_ports = true, .is_behind_bridge = true},
	{.device = 0x101e, .mac = Mac::I82540, .uses_ports = true},
	{.device = 0x1026, .mac = Mac::I82545r3},
	{.device = 0x1027, .mac = Mac::I82545r3},
	{.device = 0x1028, .mac = Mac::I82545r3, .media = MediaHint::Serdes},
	{.device = 0x1075, .mac = Mac::I82547r2},
	{.device = 0x1076, .mac = Mac::I82541r2, .uses_ports = true},
	{.device = 0x1077, .mac = Mac::I82541r2, .uses_ports = true},
	{.device = 0x1078, .mac = Mac::I82541r2, .uses_ports = true},
	{.device = 0x1079, .mac = Mac::I82546r3},
	{.device = 0x107a, .mac = Mac::I82546r3},
	{.device = 0x107b, .mac = Mac::I82546r3, .media = MediaHint::Serdes},
	{.device = 0x107c, .mac = Mac::I82541r2, .uses_ports = true},
	{.device = 0x108a, .mac = Mac::I82546r3},
	{.device = 0x1099, .mac = Mac::I82546r3, .is_strictly_ordered = true},
	{.device = 0x10b5, .mac = Mac::I82546r3, .is_strictly_ordered = true},
	{.device = 0x2e6e, .mac = Mac::Ce4100},
};
inline constexpr u32 kModelCount = sizeof(kModels) / sizeof(kModels[0]);
static_assert(kModelCount == 37);

/// Null if there is no such card.
constexpr const Model* find_model(u16 device)
{
	for (const Model& model : kModels) {
		if (model.device == device)
			return &model;
	}
	return nullptr;
}
/// The family of a card.   Errors: EIO a revision of the 82542 that nobody knows.
constexpr Result<Mac> mac_of(const Model& model, u8 revision)
{
	constexpr u8 kSecond = 2;
	constexpr u8 kThird = 3;
	if (model.mac != Mac::I82542r20)
		return model.mac;
	if (revision == kSecond)
		return Mac::I82542r20;
	if (revision == kThird)
		return Mac::I82542r21;
	return EIO;
}

}  // namespace e1000
