// SPDX-License-Identifier: GPL-2.0
/// \file
/// Tables, resets and set-up of all families. Cases are called after the rows of the parity list.
#include <cstring>

#include "fixture.hpp"

namespace sim {

void fail(const std::string& why) { ADD_FAILURE() << "at " << double(now()) / 1e9 << " s: " << why; }

namespace {

constexpr int kEio = -5;
constexpr u32 kCtrl = 0x0000, kCtrlShadow = 0x0004, kCtrlExt = 0x0018, kRctl = 0x0100, kTctl = 0x0400, kImc = 0x00d8;
constexpr u32 kVet = 0x0038, kWuc = 0x5800, kManc = 0x5820, kLedctl = 0x0e00, kTxdctl = 0x3828, kPba = 0x1000;
constexpr u32 kReset = 1u << 26, kPhyReset = 1u << 31;

using Cards = CardTest;

/// A second copy of which models there are: 8254x SDM 5.2, table 5-1, and the C driver's.
struct Expected {
	u32 device;
	Mac mac;
	bool ports, serdes;
};
const Expected kExpected[] = {
	{0x1000, k82542r20, false, false}, {0x1001, k82543, false, false},   {0x1004, k82543, false, false},
	{0x1008, k82544, true, false},	   {0x1009, k82544, true, false},    {0x100c, k82544, true, false},
	{0x100d, k82544, true, false},	   {0x100e, k82540, true, false},    {0x100f, k82545, true, false},
	{0x1010, k82546, true, false},	   {0x1011, k82545, true, false},    {0x1012, k82546, true, false},
	{0x1013, k82541, true, false},	   {0x1014, k82541, true, false},    {0x1015, k82540, true, false},
	{0x1016, k82540, true, false},	   {0x1017, k82540, true, false},    {0x1018, k82541, true, false},
	{0x1019, k82547, false, false},	   {0x101a, k82547, false, false},   {0x101d, k82546, true, false},
	{0x101e, k82540, true, false},	   {0x1026, k82545r3, false, false}, {0x1027, k82545r3, false, false},
	{0x1028, k82545r3, false, true},   {0x1075, k82547r2, false, false}, {0x1076, k82541r2, true, false},
	{0x1077, k82541r2, true, false},   {0x1078, k82541r2, true, false},  {0x1079, k82546r3, false, false},
	{0x107a, k82546r3, false, false},  {0x107b, k82546r3, false, true},  {0x107c, k82541r2, true, false},
	{0x108a, k82546r3, false, false},  {0x1099, k82546r3, false, false}, {0x10b5, k82546r3, false, false},
	{0x2e6e, kCe4100, false, false},
};

TEST_F(Cards, Ek16EveryModelHasItsFamily)
{
	ASSERT_EQ(drv::models(), std::size(kExpected));
	for (u32 i = 0; i < drv::models(); ++i) {
		const Expected& expected = kExpected[i];
		EXPECT_EQ(drv::model(i), expected.device);
		const drv::Facts facts = drv::facts(expected.device, 2);
		EXPECT_TRUE(facts.is_known) << std::hex << expected.device;
		EXPECT_EQ(facts.mac, expected.mac) << std::hex << expected.device;
		EXPECT_EQ(facts.uses_ports, expected.ports) << std::hex << expected.device;
		EXPECT_EQ(facts.is_serdes, expected.serdes) << std::hex << expected.device;
	}
	EXPECT_FALSE(drv::facts(0x1002, 0).is_known);
	EXPECT_FALSE(drv::facts(0x10d3, 0).is_known);
}

TEST_F(Cards, Ek16OfThe82542TwoRevisionsAreKnown)
{
	EXPECT_EQ(drv::facts(0x1000, 2).mac, k82542r20);
	EXPECT_EQ(drv::facts(0x1000, 3).mac, k82542r21);
	for (u32 revision : {0u, 1u, 4u, 255u})
		EXPECT_EQ(drv::facts(0x1000, revision).error, kEio) << revision;
}

/// Rows of the parity list's table of families, a second time.
TEST_F(Cards, Ek16FamiliesDifferAsTheManualSays)
{
	for (const Sample& which : kSamples) {
		const Mac mac = which.mac;
		const drv::Facts facts = drv::facts(which.device, which.revision);
		ASSERT_EQ(facts.mac, mac);
		const bool by_port = mac == k82544 || mac == k82540 || mac == k82545 || mac == k82546 ||
				     mac == k82541 || mac == k82541r2;
		const bool by_shadow = mac == k82545r3 || mac == k82546r3;
		EXPECT_EQ(facts.reset, by_port ? 1 : by_shadow ? 2 : 0) << facts.name;
		EXPECT_EQ(facts.settle_ms, mac <= k82544 ? 2u : is_igp(mac) ? 20u : 5u) << facts.name;
		EXPECT_EQ(facts.packet_kib, mac >= k82547 ? 30u : 48u) << facts.name;
		EXPECT_EQ(facts.most_descriptors, mac < k82544 ? 256u : 4096u) << facts.name;
		EXPECT_EQ(facts.has_moderation, mac >= k82540) << facts.name;
		EXPECT_EQ(facts.has_checksums, mac >= k82543) << facts.name;
		EXPECT_EQ(facts.has_segmentation, mac >= k82544 && mac != k82547) << facts.name;
		EXPECT_EQ(facts.crosses_no_64k, mac == k82545 || mac == k82546 || mac == kCe4100) << facts.name;
		EXPECT_EQ(facts.splits_pcix_tails, mac == k82544) << facts.name;
		EXPECT_EQ(facts.has_fifo_bug, mac == k82547) << facts.name;
		EXPECT_EQ(facts.accepts_tbi, mac == k82543) << facts.name;
		EXPECT_EQ(facts.phy_bus, mac <= k82542r21 ? 0
					 : mac == k82543  ? 1
					 : mac == kCe4100 ? 3
							  : 2)
			<< facts.name;
	}
}

/// 8254x SDM 13.4, and the 82542's register map, a second time.
TEST_F(Cards, Ek58RegistersThatMoved)
{
	const std::map<std::string, std::pair<u32, u32>> expected = {
		{"RDTR", {0x2820, 0x108}},  {"RDBAL", {0x2800, 0x110}}, {"RDBAH", {0x2804, 0x114}},
		{"RDLEN", {0x2808, 0x118}}, {"RDH", {0x2810, 0x120}},	{"RDT", {0x2818, 0x128}},
		{"FCRTH", {0x2168, 0x160}}, {"FCRTL", {0x2160, 0x168}}, {"TDBAL", {0x3800, 0x420}},
		{"TDBAH", {0x3804, 0x424}}, {"TDLEN", {0x3808, 0x428}}, {"TDH", {0x3810, 0x430}},
		{"TDT", {0x3818, 0x438}},   {"TIDV", {0x3820, 0x440}},	{"TDFH", {0x3410, 0x8010}},
		{"TDFT", {0x3418, 0x8018}}, {"RA", {0x5400, 0x40}},	{"MTA", {0x5200, 0x200}},
		{"VFTA", {0x5600, 0x600}},
	};
	ASSERT_EQ(drv::kMovedCount, expected.size());
	for (u32 i = 0; i < drv::kMovedCount; ++i) {
		const auto& moved = drv::kMoved[i];
		EXPECT_EQ(expected.at(moved.name), (std::pair<u32, u32>{moved.now, moved.old})) << moved.name;
	}
}

TEST_F(Cards, Ek58TheOldMapIsUsedByThe82542Alone)
{
	const u8 addr[6] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55};
	for (const Sample& which : kSamples) {
		Card& made = prepared(which.mac);
		made.log.clear();
		drv::set_filter(1, addr);
		const u32 at = made.has_old_offsets ? 0x48 : 0x5408;
		EXPECT_EQ(made.writes_to(at), std::vector<u32>{0x33221100}) << which.mac;
		EXPECT_EQ(made.writes_to(at + 4), std::vector<u32>{0x80005544}) << which.mac;
	}
}

TEST_F(Cards, Ek60ResetsGoWhereTheFamilyTakesThem)
{
	for (const Sample& which : kSamples) {
		const Mac mac = which.mac;
		Card& made = prepared(mac);
		made.log.clear();
		const u64 start = now();
		drv::reset();
		EXPECT_LE(now() - start, 200 * kMs);
		const int masked = made.index_of('w', kImc, ~0u, ~0u);
		const int stopped = made.index_of('w', kRctl);
		const int sending = made.index_of('w', kTctl, ~0u, 8);
		const bool by_port = drv::facts(which.device, which.revision).reset == 1;
		const bool by_shadow = mac == k82545r3 || mac == k82546r3;
		const int reset = made.index_of(by_port ? 'p' : 'w', by_shadow ? kCtrlShadow : kCtrl, kReset, kReset);
		ASSERT_GE(masked, 0) << mac;
		EXPECT_LT(masked, stopped) << mac;
		EXPECT_LT(stopped, sending) << mac;
		EXPECT_LT(sending, reset) << mac;
		EXPECT_EQ(made.index_of(by_port ? 'w' : 'p', kCtrl, kReset, kReset), -1) << mac;
		// Causes that were there are gone, and none come.
		EXPECT_GT(made.index_of('w', kImc, ~0u, ~0u, reset), reset) << mac;
		EXPECT_GT(made.index_of('r', 0xc0, 0, 0, reset), reset) << mac;
		const bool phy_first = mac == k82541 || mac == k82547;
		EXPECT_EQ(made.index_of('w', kCtrl, kPhyReset, kPhyReset) >= 0, phy_first) << mac;
		if (phy_first)
			EXPECT_LT(made.index_of('w', kCtrl, kPhyReset, kPhyReset), reset) << mac;
		const bool reloads = mac <= k82544;
		EXPECT_EQ(made.index_of('w', kCtrlExt, 1u << 13, 1u << 13) > reset, reloads) << mac;
		EXPECT_EQ(made.index_of('w', kManc, 1u << 13, 0) > reset, mac >= k82540) << mac;
	}
}

TEST_F(Cards, Ek60WithoutPortsTheResetGoesThroughMemory)
{
	Card& made = take(k82540);
	made.has_ports = false;
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	drv::reset();
	EXPECT_EQ(made.index_of('p', kCtrl), -1);
	EXPECT_GE(made.index_of('w', kCtrl, kReset, kReset), 0);
}

TEST_F(Cards, Ek58InvalidatesAreOffWhileThe82542IsReset)
{
	Card& made = take(k82542r20);
	made.allows_mwi = true;
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	EXPECT_EQ(drv::bring_up(1518), 0);
	// Once for the reset, once for the filters, which change while the receiver is reset.
	EXPECT_EQ(made.pci, (std::vector<std::string>{"clear_mwi", "set_mwi", "clear_mwi", "set_mwi"}));
	const int reset = made.index_of('w', kRctl, 1, 1);
	const int filter = made.index_of('w', 0x44, 1u << 31, 1u << 31);
	const int end = made.index_of('w', kRctl, 1, 0, reset);
	EXPECT_GE(reset, 0);
	EXPECT_LT(reset, filter);
	EXPECT_LT(filter, end);
	Card& other = take(k82542r21);
	other.allows_mwi = true;
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_TRUE(other.pci.empty());
	EXPECT_EQ(other.index_of('w', kRctl, 1, 1), -1);
}

TEST_F(Cards, Ek66PacketMemoryIsDividedForFrames)
{
	// 16 KiB for sending: enough for two frames of 8 KiB, with their descriptors, from PBA alone.
	for (const Sample& which : kSamples) {
		const Mac mac = which.mac;
		const bool is_split = mac >= k82545 && mac <= k82546r3;
		const u32 plain = mac >= k82547 ? 30 : 48;
		EXPECT_EQ(drv::receive_kib_of(mac, 1518, 0x100030), plain) << mac;
		EXPECT_EQ(drv::receive_kib_of(mac, 8192, 0x100030), is_split ? 40u : plain) << mac;
		EXPECT_EQ(drv::receive_kib_of(mac, 9018, 0x100030), is_split ? 40u : plain - 8) << mac;
		EXPECT_EQ(drv::receive_kib_of(mac, 16128, 0x100030), is_split ? 32u : plain - 8) << mac;
	}
	EXPECT_EQ(drv::receive_kib_of(k82545, 4018, 0x100030), 48u);
	// Whatever the device says, there is room for a frame.
	EXPECT_GE(drv::receive_kib_of(k82545, 16128, 0x00000030), 16u);
	EXPECT_LE(drv::receive_kib_of(k82545, 16128, ~0u), 64u);
}

TEST_F(Cards, Ek66WaterMarks)
{
	EXPECT_EQ(drv::high_water_of(48, 1518), 44232u);
	EXPECT_EQ(drv::high_water_of(40, 9018), 31936u & 0xfff8);
	EXPECT_EQ(drv::high_water_of(30, 1518), 27648u);
	EXPECT_EQ(drv::high_water_of(32, 16128), 16640u);
	EXPECT_EQ(drv::high_water_of(0, 16128), 0u);
	for (u32 kib = 0; kib <= 64; ++kib) {
		EXPECT_EQ(drv::high_water_of(kib, 1518) % 8, 0u);
		EXPECT_LE(drv::high_water_of(kib, 1518), kib << 10);
	}
}

TEST_F(Cards, Ek39WaterMarksAreWrittenIfPausesAreSent)
{
	Card& made = prepared(k82540);
	made.phy.has_link = false;
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(drv::flow(), 3);
	EXPECT_EQ(made.regs[0x2168], 44232u);
	EXPECT_EQ(made.regs[0x2160], 0x80000000u | 44224u);
	EXPECT_EQ(made.regs[0x0028], 0x00c28001u);
	EXPECT_EQ(made.regs[0x002c], 0x00000100u);
	EXPECT_EQ(made.regs[0x0030], 0x8808u);
	EXPECT_EQ(made.regs[0x0170], 0xffffu);
	drv::Wishes wishes;
	wishes.flow = 1;
	drv::wish(wishes);
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(made.regs[0x2168], 0u);
	EXPECT_EQ(made.regs[0x2160], 0u);
}

TEST_F(Cards, Ek39TheEepromSaysWhatIsWanted)
{
	for (auto [word, expected] : {std::pair<u16, int>{0x0000, 0}, {0x1000, 3}, {0x2000, 2}, {0x3000, 3}}) {
		Card& made = take(k82540);
		made.phy.has_link = false;
		made.eeprom.words[0x0f] = word;
		made.eeprom.seal();
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(drv::flow(), expected) << word;
	}
	// The first 82542 cannot send pauses.
	Card& made = prepared(k82542r20);
	made.status = 0;
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(drv::flow(), 1);
}

TEST_F(Cards, Ek70SetUpIsTheFamilys)
{
	for (const Sample& which : kSamples) {
		const Mac mac = which.mac;
		Card& made = prepared(mac);
		made.regs[kTxdctl] = 0x003f0000;
		made.log.clear();
		EXPECT_EQ(drv::bring_up(1518), 0) << mac;
		EXPECT_EQ(made.regs[kPba], mac >= k82547 ? 30u : 48u) << mac;
		EXPECT_EQ(made.index_of('w', kWuc, ~0u, 0) >= 0, mac >= k82544) << mac;
		// First cleared, by some; in the end the usual type.
		const bool clears = mac < k82545r3;
		EXPECT_EQ(made.index_of('w', kVet, ~0u, 0) >= 0, clears) << mac;
		EXPECT_EQ(made.regs[kVet], 0x8100u) << mac;
		EXPECT_EQ(made.regs[kTxdctl], mac >= k82540 ? 0x01010000u : 0x003f0000u) << mac;
		// Counters are cleared last, as many as there are.
		u32 counters = 0;
		for (const Access& access : made.log)
			counters += access.kind == 'r' && access.offset >= 0x4000 && access.offset < 0x4100 ? 1 : 0;
		EXPECT_EQ(counters, mac < k82543 ? 49u : mac <= k82544 ? 55u : 58u) << mac;
		EXPECT_EQ(drv::gaps(), mac <= k82542r21 ? 10u | 2u << 10 | 10u << 20 : 8u | 8u << 10 | 6u << 20) << mac;
		// No frame for the firmware to answer.
		EXPECT_FALSE(drv::passes_frames());
	}
}

TEST_F(Cards, Ek70StrictOrderOfFourPorts)
{
	for (u32 device : {0x1099u, 0x10b5u, 0x1079u}) {
		Card& made = take(k82546r3);
		made.device = u16(device);
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ((made.regs[kCtrlExt] & 1u << 17) != 0, device != 0x1079);
	}
}

TEST_F(Cards, Ek71BusesAreReadFromStatus)
{
	struct Row {
		u32 status;
		bool pcix;
		u32 mhz, bits;
	};
	const Row rows[] = {{0x0, false, 33, 32},   {0x800, false, 66, 32},  {0x1000, false, 33, 64},
			    {0x2000, true, 66, 32}, {0x6000, true, 100, 32}, {0xb000, true, 133, 64},
			    {0xe000, true, 33, 32}};
	for (const Row& row : rows) {
		Card& made = take(k82545);
		made.status |= row.status;
		drv::make();
		EXPECT_EQ(drv::is_pcix(), row.pcix) << std::hex << row.status;
		EXPECT_EQ(drv::mhz(), row.mhz) << std::hex << row.status;
		EXPECT_EQ(drv::bits(), row.bits) << std::hex << row.status;
	}
	Card& quad = take(k82546);
	quad.device = 0x101d;
	quad.status |= 0x2000;
	drv::make();
	EXPECT_EQ(drv::mhz(), 120u);
}

TEST_F(Cards, PcixReadsAreLimited)
{
	for (Mac mac : {k82545, k82545r3}) {
		Card& made = take(mac);
		made.status |= 0x2000;
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(made.mmrbc, mac == k82545 ? 2048u : 4096u);
	}
}

TEST_F(Cards, Ek60VlanWordsBeforeOddOnesAreWrittenAgain)
{
	for (Mac mac : {k82544, k82540}) {
		Card& made = prepared(mac);
		made.regs[0x5600 + (6 * 4)] = 0x1234;
		made.log.clear();
		drv::write_vlans(7, 0x5678);
		std::vector<std::pair<u32, u32>> written;
		for (const Access& access : made.log) {
			if (access.kind == 'w')
				written.emplace_back(access.offset, access.value);
		}
		using All = std::vector<std::pair<u32, u32>>;
		EXPECT_EQ(written, mac == k82544 ? (All{{0x561c, 0x5678}, {0x5618, 0x1234}}) : (All{{0x561c, 0x5678}}));
		made.log.clear();
		drv::write_vlans(6, 1);
		EXPECT_EQ(made.writes_to(0x5618), std::vector<u32>{1});
		EXPECT_EQ(made.writes_to(0x5614), std::vector<u32>{});
	}
}

TEST_F(Cards, Ek65FirmwareHasItsFramesUntilTheDriverTakesThem)
{
	for (const Sample& which : kSamples) {
		Card& made = take(which.mac);
		made.regs[kManc] = 1u << 0 | 1u << 17 | 1u << 20;
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::passes_frames(), is_igp(which.mac));
		EXPECT_EQ(drv::bring_up(1518), 0);
		if (!is_igp(which.mac))
			continue;
		EXPECT_EQ(made.regs[kManc] >> 13 & 1, 1u);
		drv::take_arp();
		EXPECT_EQ(made.regs[kManc] >> 13 & 1, 0u);
		drv::hand_back_arp();
		EXPECT_EQ(made.regs[kManc] >> 13 & 1, 1u);
	}
	// ASF firmware has the port for itself.
	Card& made = take(k82541);
	made.regs[kManc] = 1u << 0 | 1u << 1 | 1u << 17 | 1u << 20;
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	EXPECT_FALSE(drv::passes_frames());
}

TEST_F(Cards, Ek67GapsWidenWithCollisions)
{
	Card& made = prepared(k82540);
	EXPECT_EQ(drv::bring_up(1518), 0);
	made.log.clear();
	drv::adapt_gaps(500, 1000);  // too few frames
	EXPECT_EQ(made.writes_to(0x458), std::vector<u32>{});
	for (int i = 0; i < 8; ++i)
		drv::adapt_gaps(1000, 2000);
	EXPECT_EQ(made.writes_to(0x458), (std::vector<u32>{40, 50, 60, 70, 80}));
	drv::adapt_gaps(1, 2000);  // still busy
	EXPECT_EQ(made.writes_to(0x458).size(), 5u);
	drv::adapt_gaps(1, 1000);
	EXPECT_EQ(made.writes_to(0x458).back(), 0u);
	// Numbers that overflow do not count as none.
	drv::adapt_gaps(0x40000001, 5000);
	EXPECT_EQ(made.writes_to(0x458).back(), 40u);
}

TEST_F(Cards, Ek47LightsBlinkAsTheyAreWired)
{
	struct Row {
		Mac mac;
		u16 device;
		bool fiber;
		int on, off;  // pin 0; -1: LEDCTL
	};
	const Row rows[] = {
		{k82543, 0x1004, false, 1, 0}, {k82543, 0x1001, true, 1, 0},	{k82544, 0x100c, false, 0, 1},
		{k82544, 0x1009, true, 1, 0},  {k82545, 0x1011, true, 0, 1},	{k82540, 0x100e, false, -1, -1},
		{k82546, 0x1012, true, 0, 1},  {k82541, 0x1013, false, -1, -1},
	};
	for (const Row& row : rows) {
		Card& made = take(row.mac);
		made.device = row.device;
		if (row.fiber)
			made.status |= 1u << 5;
		made.regs[kLedctl] = 0x07068302;
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::bring_up(1518), 0);
		const u32 before = made.regs[kLedctl];
		EXPECT_EQ(drv::begin_blinking(), 0);
		drv::light(true);
		if (row.on >= 0) {
			EXPECT_EQ(int(made.regs[kCtrl] >> 18 & 1), row.on) << row.device;
			EXPECT_EQ(made.regs[kCtrl] >> 22 & 1, 1u);
		} else {
			// LED 2 is off and LED 3 is on, by the word's default.
			EXPECT_EQ(made.regs[kLedctl] >> 16, 0x0e0fu);
		}
		drv::light(false);
		if (row.off >= 0)
			EXPECT_EQ(int(made.regs[kCtrl] >> 18 & 1), row.off) << row.device;
		else
			EXPECT_EQ(made.regs[kLedctl] >> 16, 0x0f0fu);
		EXPECT_EQ(drv::end_blinking(), 0);
		if (row.mac >= k82540 && row.mac != k82541)
			EXPECT_EQ(made.regs[kLedctl], before);
	}
}

TEST_F(Cards, Ek12HashBits)
{
	const u8 addr[6] = {0x01, 0x00, 0x5e, 0x00, 0xab, 0xcd};
	EXPECT_EQ(drv::hash_of(addr), 0xcdau);
}

TEST_F(Cards, Ek61MemoryOnBothSidesOfABoundary)
{
	EXPECT_FALSE(drv::crosses_64k(0, 65536));
	EXPECT_TRUE(drv::crosses_64k(1, 65536));
	EXPECT_FALSE(drv::crosses_64k(0x1fff0, 16));
	EXPECT_TRUE(drv::crosses_64k(0x1fff0, 17));
	EXPECT_TRUE(drv::crosses_64k(0xffff, 2));
	EXPECT_FALSE(drv::crosses_64k(0xffff, 0));
	EXPECT_FALSE(drv::crosses_64k(0x100000000, 4096));
}

TEST_F(Cards, Ek63TheFifoOfThe82547)
{
	Card& made = take(k82547);
	for (Mac mac : {k82547, k82547r2, k82541}) {
		drv::fifo_reset(mac, 30);
		EXPECT_EQ(drv::fifo_is_used(), mac == k82547);
	}
	drv::fifo_reset(k82547, 30);
	EXPECT_EQ(drv::fifo_size(), 10u << 10);
	// Full duplex: nothing is refused, and the head goes round.
	for (int i = 0; i < 100; ++i) {
		EXPECT_TRUE(drv::fifo_admits(1514));
		drv::fifo_add(1514);
		EXPECT_LT(drv::fifo_head(), drv::fifo_size());
	}
	drv::fifo_reset(k82547, 30);
	drv::fifo_half_duplex(true);
	u32 sent = 0;
	while (drv::fifo_admits(1514)) {
		drv::fifo_add(1514);
		++sent;
		ASSERT_LT(sent, 100u);
		EXPECT_EQ(drv::fifo_head(), 1536 * sent % drv::fifo_size());
	}
	// The next would wrap by more than it may.
	EXPECT_EQ(sent, 13u);
	EXPECT_FALSE(drv::fifo_admits(60));
	// As long as something is on its way, it stays so.
	made.regs[0x3810] = 1;
	EXPECT_FALSE(drv::fifo_rewind());
	made.regs[0x3818] = 1;
	made.regs[0x3420] = 7;
	EXPECT_FALSE(drv::fifo_rewind());
	made.regs[0x3420] = 0;
	made.regs[kTctl] = 0xa;
	made.log.clear();
	EXPECT_TRUE(drv::fifo_rewind());
	EXPECT_EQ(made.writes_to(kTctl), (std::vector<u32>{0x8, 0xa}));
	for (u32 offset : {0x3410u, 0x3418u, 0x3420u, 0x3428u})
		EXPECT_EQ(made.writes_to(offset), std::vector<u32>{30u << 7});
	EXPECT_EQ(drv::fifo_head(), 0u);
	EXPECT_TRUE(drv::fifo_admits(1514));
}

/// Nothing waits for ever for a device that is not there, or goes away.
TEST_F(Cards, HostileAllOnes)
{
	for (const Sample& which : kSamples) {
		Card& made = take(which.mac);
		made.gone = true;
		drv::make();
		const u64 start = now();
		EXPECT_EQ(drv::prepare(), kEio) << which.mac;
		drv::reset();
		EXPECT_NE(drv::bring_up(1518), 0) << which.mac;
		EXPECT_FALSE(drv::check_link().up) << which.mac;
		EXPECT_LE(now() - start, 20'000 * kMs) << which.mac;
	}
}

TEST_F(Cards, HostileGoneAtAnyAccess)
{
	for (const Sample& which : kSamples) {
		Card* made = &prepared(which.mac);
		const u64 before = made->accesses;
		(void)drv::bring_up(1518);
		(void)drv::check_link();
		const u64 all = (made->accesses - before) * 2;
		const u64 step = all / 60 + 1;
		for (u64 at = 1; at < all; at += step) {
			made = &prepared(which.mac);
			made->gone_at = at;
			const u64 start = now();
			(void)drv::bring_up(1518);
			(void)drv::check_link();
			drv::retry_link();
			EXPECT_LE(now() - start, 20'000 * kMs) << which.mac << " " << at;
		}
	}
}

}  // namespace
}  // namespace sim
