// SPDX-License-Identifier: GPL-2.0
/// \file
/// Links: PHYs of every kind on every bus, and those without.
#include "fixture.hpp"

namespace sim {
namespace {

constexpr int kEinval = -22, kEio = -5, kEnodev = -19, kEtimedout = -110;
constexpr u32 kCtrl = 0x0000, kTxcw = 0x0178, kRxcw = 0x0180, kTctl = 0x0400;
constexpr u32 kFull = 1u << 0, kLinkReset = 1u << 3, kSetLinkUp = 1u << 6, kForceSpeed = 1u << 11,
	      kForceDuplex = 1u << 12;
constexpr u32 kHeedsPause = 1u << 27, kSendsPause = 1u << 28;
constexpr u32 kIsTbi = 1u << 5, kHasLink = 1u << 1;
enum { kNone, kReceive, kSend, kBoth };
using Copper = CardTest;

u32 count_written(const Card& made, u32 reg, u16 value)
{
	u32 found = 0;
	for (auto [at, what] : made.phy.written)
		found += at == reg && what == value ? 1 : 0;
	return found;
}
int index_of(const Card& made, u32 reg, u16 value)
{
	for (size_t i = 0; i < made.phy.written.size(); ++i) {
		if (made.phy.written[i] == std::pair<u32, u16>{reg, value})
			return int(i);
	}
	return -1;
}

TEST_F(Copper, Ek03EveryPhyIsReachedOnItsBus)
{
	for (const Sample& which : kSamples) {
		if (which.mac <= k82542r21)
			continue;
		Card& made = prepared(which.mac);
		made.phy.regs[7] = 0x1234;
		unsigned value = 0;
		ASSERT_EQ(drv::read_phy(7, value), 0) << which.mac;
		EXPECT_EQ(value, 0x1234u) << which.mac;
		ASSERT_EQ(drv::write_phy(7, 0xa5c3), 0);
		EXPECT_EQ(made.phy.regs[7], 0xa5c3) << which.mac;
		made.phy.regs[0x15] = 0xffff;
		ASSERT_EQ(drv::read_phy(0x15, value), 0);
		EXPECT_EQ(value, 0xffffu) << which.mac;
	}
}

TEST_F(Copper, Ek64ThePhyIsLookedForOnTheWholeBus)
{
	for (u32 address : {0u, 7u, 31u}) {
		Card& made = take(kCe4100);
		made.phy.address = address;
		drv::make();
		EXPECT_EQ(drv::prepare(), 0) << address;
		EXPECT_EQ(drv::bring_up(1518), 0);
	}
	Card& made = take(kCe4100);
	made.phy.address = 40;
	drv::make();
	EXPECT_EQ(drv::prepare(), kEnodev);
}

TEST_F(Copper, Ek64PhysOfTheCe4100)
{
	struct Row {
		u32 id;
		int kind;
		bool rmii;
	};
	for (const Row& row : {Row{0x001cc912, 3, false}, Row{0x00008203, 4, true}, Row{0x01410e42, 1, false}}) {
		Card& made = take(kCe4100);
		made.phy.id = row.id;
		made.phy.regs[0] = 0x2100;
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::bring_up(1518), 0) << std::hex << row.id;
		EXPECT_EQ(drv::phy_kind(), row.kind);
		EXPECT_EQ((made.regs[0xe0] & 1) != 0, row.rmii);
		EXPECT_EQ((made.regs[0xe0] >> 1 & 3) == 2, row.rmii);
		// The MAC goes as fast as the PHY.
		EXPECT_EQ(made.regs[kCtrl] & (kForceSpeed | kForceDuplex), kForceSpeed | kForceDuplex);
		if (row.kind == 4) {
			EXPECT_EQ(made.regs[kCtrl] >> 8 & 3, 1u);
			EXPECT_EQ(count_written(made, 9, 0x0200), 0u);
		}
	}
}

TEST_F(Copper, PhysOfOtherFamiliesAreRefused)
{
	for (Mac mac : {k82543, k82544, k82540, k82545r3, k82541}) {
		Card& made = take(mac);
		made.phy.id = 0x02a80390;
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::bring_up(1518), kEnodev) << mac;
		EXPECT_EQ(drv::phy_kind(), 0);
	}
}

TEST_F(Copper, Ek62PagesAreTurned)
{
	Card& made = prepared(k82541);
	EXPECT_EQ(drv::bring_up(1518), 0);
	unsigned value = 0;
	made.phy.regs[0x1f35] = 0x2a;
	made.phy.regs[0x0015] = 0x77;
	EXPECT_EQ(drv::read_phy(0x1f35, value), 0);
	EXPECT_EQ(value, 0x2au);
	EXPECT_EQ(drv::read_phy(0x15, value), 0);
	EXPECT_EQ(value, 0x77u);
	// Below 16, they are the same on all pages.
	EXPECT_EQ(drv::write_phy(9, 0x0300), 0);
	EXPECT_EQ(made.phy.regs[9], 0x0300);
}

TEST_F(Copper, Ek62TheScript)
{
	using All = std::vector<std::pair<u32, u16>>;
	const All first = {{0x2f5b, 0x0003}, {0x0000, 0x0140}, {0x1f95, 0x0001}, {0x1f71, 0xbd21}, {0x1f79, 0x0018},
			   {0x1f30, 0x1600}, {0x1f31, 0x0014}, {0x1f32, 0x161c}, {0x1f94, 0x0003}, {0x1f96, 0x003f},
			   {0x2010, 0x0008}, {0x0000, 0x3300}, {0x2f5b, 0x4321}};
	const All second = {{0x2f5b, 0x0003}, {0x0000, 0x0140}, {0x1f73, 0x0099}, {0x0000, 0x3300}, {0x2f5b, 0x4321}};
	for (Mac mac : {k82541, k82547, k82541r2, k82547r2}) {
		Card& made = prepared(mac);
		made.phy.regs[0x2f5b] = 0x4321;
		made.phy.regs[0x20d1] = 0x0100;
		EXPECT_EQ(drv::bring_up(1518), 0);
		const All& expected = mac == k82541 || mac == k82547 ? first : second;
		// At the reset, with the first ones; and when the PHY was reset.
		const u32 times = mac == k82541 || mac == k82547 ? 2 : 1;
		u32 found = 0;
		const auto& written = made.phy.written;
		for (size_t i = 0; i + expected.size() <= written.size(); ++i)
			found += std::equal(expected.begin(), expected.end(), written.begin() + long(i)) ? 1 : 0;
		EXPECT_EQ(found, times) << mac;
		EXPECT_EQ(made.phy.regs[0x2f5b], 0x4321);
	}
}

TEST_F(Copper, Ek62FusesOfThe82547)
{
	struct Row {
		u16 spare, fuses;
		int expected;
	};
	const Row rows[] = {
		{0x0100, 0xf050, -1},	   // somebody has trimmed it
		{0x0000, 0xa650, 0xa5c0},  // coarse above the limit: both a step down
		{0x0000, 0xa640, 0xa140},  // at it: fine by ten
		{0x0000, 0xa630, 0xa630},
	};
	for (const Row& row : rows) {
		Card& made = prepared(k82547);
		made.phy.regs[0x20d1] = row.spare;
		made.phy.regs[0x20d0] = row.fuses;
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(made.phy.regs.count(0x20dc) != 0, row.expected >= 0);
		if (row.expected >= 0) {
			EXPECT_EQ(made.phy.regs[0x20dc], row.expected) << std::hex << row.fuses;
			EXPECT_EQ(made.phy.regs[0x20de], 2);
		}
	}
	Card& other = prepared(k82547r2);
	other.phy.regs[0x20d0] = 0xa650;
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(other.phy.regs.count(0x20dc), 0u);
}

TEST_F(Copper, Ek62LongCablesAreTunedForAndUntuned)
{
	Card& made = prepared(k82541r2);
	for (u32 reg : {0x1172u, 0x1272u, 0x1472u, 0x1872u})
		made.phy.regs[reg] = 80 << 7;
	for (u32 reg : {0x1171u, 0x1271u, 0x1471u, 0x1871u})
		made.phy.regs[reg] = 0xd234;
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_TRUE(drv::check_link().up);
	for (u32 reg : {0x1171u, 0x1271u, 0x1471u, 0x1871u})
		EXPECT_EQ(made.phy.regs[reg], 0x1234) << std::hex << reg;
	made.phy.has_link = false;
	drv::note_link_change();
	EXPECT_FALSE(drv::check_link().up);
	for (u32 reg : {0x1171u, 0x1271u, 0x1471u, 0x1871u})
		EXPECT_EQ(made.phy.regs[reg], 0x9234) << std::hex << reg;
	drv::Cable cable;
	EXPECT_EQ(drv::cable(cable), kEinval);
}

TEST_F(Copper, Ek62ShortCablesWithErrorsGetTheOtherEqualizer)
{
	for (u16 errors : {0, 3}) {
		Card& made = prepared(k82541r2);
		made.phy.regs[10] = errors;
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(made.phy.regs[0x1f35], errors != 0 ? 0x69 : 0);
		made.phy.has_link = false;
		drv::note_link_change();
		EXPECT_FALSE(drv::check_link().up);
		EXPECT_EQ(made.phy.regs[0x1f35], errors != 0 ? 0x2a : 0);
	}
}

TEST_F(Copper, HostileGainsOutOfTheTable)
{
	for (u32 gain : {0u, 127u, 300u, 511u}) {
		Card& made = prepared(k82541r2);
		for (u32 reg : {0x1172u, 0x1272u, 0x1472u, 0x1872u})
			made.phy.regs[reg] = u16(gain << 7);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_TRUE(drv::check_link().up);
		made.phy.regs[0x11] = 0xc000;
		drv::Cable cable;
		EXPECT_EQ(drv::cable(cable), kEio);
	}
}

TEST_F(Copper, Ek62AnotherRoleIsTriedIfThereIsNoLink)
{
	Card& made = prepared(k82541);
	made.phy.has_link = false;
	EXPECT_EQ(drv::bring_up(1518), 0);
	made.phy.regs[9] = 0x1200;
	drv::retry_link();
	EXPECT_EQ(made.phy.regs[9], 0x1200) << "there was no fault";
	made.phy.regs[10] = 0x8000;
	made.phy.written.clear();
	drv::retry_link();
	EXPECT_EQ(made.phy.regs[9] & 0x1000, 0);
	EXPECT_EQ(made.phy.written.back().first, 0u);
	EXPECT_EQ(made.phy.written.back().second & 0x1200, 0x1200) << "it was not negotiated again";
	drv::retry_link();
	drv::retry_link();
	EXPECT_EQ(made.phy.regs[9] & 0x1000, 0);
	drv::retry_link();
	EXPECT_EQ(made.phy.regs[9] & 0x1000, 0x1000);
	// After 15 rounds it begins anew.
	made.phy.regs[9] = 0x1200;
	for (int i = 0; i < 12; ++i)
		drv::retry_link();
	EXPECT_EQ(made.phy.regs[9] & 0x1000, 0x1000);
	drv::retry_link();
	EXPECT_EQ(made.phy.regs[9] & 0x1000, 0);
	// Others have no such thing.
	Card& m88 = prepared(k82540);
	m88.phy.has_link = false;
	EXPECT_EQ(drv::bring_up(1518), 0);
	m88.phy.regs[9] = 0x1200;
	m88.phy.regs[10] = 0x8000;
	for (int i = 0; i < 20; ++i)
		drv::retry_link();
	EXPECT_EQ(m88.phy.regs[9], 0x1200);
}

TEST_F(Copper, Ek40WhatIsNegotiatedAbout)
{
	struct Row {
		u32 speeds;
		int flow;
		u16 advertise, gigabit;
	};
	const Row rows[] = {{0x2f, kBoth, 0x0de1, 0x0200},    {0x2f, kNone, 0x01e1, 0x0200},
			    {0x2f, kReceive, 0x0de1, 0x0200}, {0x2f, kSend, 0x09e1, 0x0200},
			    {0x20, kNone, 0x0001, 0x0200},    {0x01, kNone, 0x0021, 0},
			    {0x0a, kNone, 0x0141, 0},	      {0x10, kNone, 0x01e1, 0x0200},
			    {0, kNone, 0x01e1, 0x0200}};
	for (Mac mac : {k82543, k82540, k82541}) {
		for (const Row& row : rows) {
			Card& made = prepared(mac);
			made.phy.has_link = false;
			made.phy.regs[4] = 0x0de1;
			made.phy.regs[9] = 0x0300;
			drv::Wishes wishes;
			wishes.speeds = row.speeds;
			wishes.flow = row.flow;
			drv::wish(wishes);
			EXPECT_EQ(drv::bring_up(1518), 0);
			EXPECT_EQ(made.phy.regs[4], row.advertise) << mac << " " << row.speeds << " " << row.flow;
			EXPECT_EQ(made.phy.regs[9] & 0x0300, row.gigabit) << mac << " " << row.speeds;
			EXPECT_EQ(made.phy.written.back(), (std::pair<u32, u16>{0, u16(made.phy.regs[0] | 0x0200)}));
		}
	}
}

TEST_F(Copper, Ek40ForcedSpeeds)
{
	for (bool is_100 : {false, true}) {
		for (bool is_full : {false, true}) {
			for (Mac mac : {k82545, k82541}) {
				Card& made = prepared(mac);
				drv::Wishes wishes;
				wishes.negotiates = false;
				wishes.forces_100 = is_100;
				wishes.forces_full = is_full;
				drv::wish(wishes);
				made.phy.regs[0] = 0x1140;
				EXPECT_EQ(drv::bring_up(1518), 0);
				EXPECT_EQ(drv::flow(), kNone);
				EXPECT_EQ(made.regs[kCtrl] >> 8 & 3, is_100 ? 1u : 0u);
				EXPECT_EQ((made.regs[kCtrl] & kFull) != 0, is_full);
				EXPECT_EQ(made.regs[kCtrl] & (kForceSpeed | kForceDuplex), kForceSpeed | kForceDuplex);
				EXPECT_EQ(made.phy.regs[0], u16((is_100 ? 0x2000 : 0) | (is_full ? 0x0100 : 0))) << mac;
			}
		}
	}
}

TEST_F(Copper, Ek60PolarityIsMendedAtForced10)
{
	for (Mac mac : {k82543, k82544, k82540}) {
		Card& made = prepared(mac);
		drv::Wishes wishes;
		wishes.negotiates = false;
		drv::wish(wishes);
		EXPECT_EQ(drv::bring_up(1518), 0);
		const bool mends = mac != k82540;
		EXPECT_EQ(count_written(made, 30, 0xfff0), mends ? 1u : 0u) << mac;
		made.regs[0xd0] = 0x9d;
		made.regs[0xc0] = 0x05;
		const u64 start = now();
		EXPECT_TRUE(drv::check_link().up);
		EXPECT_LE(now() - start, 6000 * kMs);
		EXPECT_EQ(count_written(made, 30, 0xfff0), mends ? 2u : 0u) << mac;
		if (mends) {
			EXPECT_LT(index_of(made, 30, 0xffff), index_of(made, 30, 0xfff0));
			EXPECT_LT(index_of(made, 30, 0xfff0), index_of(made, 30, 0xff00));
			// The link that went is not news; the rest is.
			EXPECT_EQ(made.regs[0xc8], 1u);
			EXPECT_EQ(made.regs[0xd0], 0x9du);
		}
		made.phy.written.clear();
		EXPECT_TRUE(drv::check_link().up);
		EXPECT_TRUE(made.phy.written.empty()) << "nothing has changed";
	}
}

TEST_F(Copper, Ek39WhatPartnersAgreeOn)
{
	// IEEE 802.3 table 28B-3: our pause and direction, theirs, what was asked for, what comes of it.
	const u16 pause = 0x400, asym = 0x800;
	struct Row {
		u16 ours, theirs;
		int asked, expected;
	};
	const Row rows[] = {
		{0, 0, kNone, kNone},
		{0, u16(pause | asym), kNone, kNone},
		{u16(pause | asym), pause, kBoth, kBoth},
		{u16(pause | asym), u16(pause | asym), kBoth, kBoth},
		{u16(pause | asym), pause, kReceive, kReceive},
		{u16(pause | asym), asym, kBoth, kReceive},
		{asym, u16(pause | asym), kSend, kSend},
		{asym, pause, kSend, kNone},
		{asym, asym, kSend, kNone},
		{u16(pause | asym), 0, kBoth, kReceive},
		{u16(pause | asym), 0, kReceive, kReceive},
	};
	for (const Row& row : rows)
		EXPECT_EQ(drv::agreed_flow(row.ours, row.theirs, row.asked), row.expected)
			<< row.ours << " " << row.theirs << " " << row.asked;
}

TEST_F(Copper, Ek39PausesAreWhatWasAgreedOn)
{
	Card& made = prepared(k82540);
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_TRUE(drv::check_link().up);
	EXPECT_EQ(drv::flow(), kBoth);
	EXPECT_EQ(made.regs[kCtrl] & (kHeedsPause | kSendsPause), kHeedsPause | kSendsPause);
	// Half duplex has none.
	made.status &= ~1u;
	drv::note_link_change();
	EXPECT_TRUE(drv::check_link().up);
	EXPECT_EQ(drv::flow(), kNone);
	EXPECT_EQ(made.regs[kCtrl] & (kHeedsPause | kSendsPause), 0u);
	// The next partner may be another one.
	made.status |= 1u;
	made.partner_is(0x0801);
	drv::note_link_change();
	EXPECT_TRUE(drv::check_link().up);
	EXPECT_EQ(drv::flow(), kReceive);
	EXPECT_EQ(made.regs[kCtrl] & (kHeedsPause | kSendsPause), kHeedsPause);
}

TEST_F(Copper, Ek11LinksGoAndCome)
{
	for (const Sample& which : kSamples) {
		if (which.mac <= k82542r21)
			continue;
		Card& made = prepared(which.mac);
		made.phy.has_link = false;
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_FALSE(drv::check_link().up) << which.mac;
		made.phy.has_link = true;
		const drv::LinkIs link = drv::check_link();
		EXPECT_TRUE(link.up) << which.mac;
		EXPECT_EQ(link.mbps, 1000u);
		EXPECT_TRUE(link.full);
		// Without news, the PHY is not asked; with news, it is.
		made.phy.has_link = false;
		EXPECT_EQ(drv::check_link().up, which.mac != kCe4100) << which.mac;
		drv::note_link_change();
		EXPECT_FALSE(drv::check_link().up) << which.mac;
		EXPECT_EQ(made.regs[kTctl] >> 12 & 0x3ff, 63u);
	}
}

TEST_F(Copper, Ek62ADownshiftedLinkMayBeHalfDuplex)
{
	Card& made = prepared(k82541);
	made.status = 0x80080743;  // 100 Mb/s, full duplex
	made.phy.regs[0x13] = 0x8000;
	made.phy.regs[6] = 1;
	made.partner_is(0x0081);  // half duplex alone
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_FALSE(drv::check_link().full);
	EXPECT_EQ(drv::flow(), kNone);
	made.partner_is(0x0181);
	drv::note_link_change();
	EXPECT_TRUE(drv::check_link().full);
	made.phy.regs[6] = 0;
	drv::note_link_change();
	EXPECT_FALSE(drv::check_link().full);
}

TEST_F(Copper, Ek59BadFramesAreWantedAtGigabitByThe82543Alone)
{
	for (Mac mac : {k82543, k82544}) {
		Card& made = prepared(mac);
		made.phy.regs[17] = 0xac00;
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_FALSE(drv::wants_bad_frames());
		EXPECT_TRUE(drv::check_link().up);
		EXPECT_EQ(drv::wants_bad_frames(), mac == k82543);
		if (mac == k82543)
			EXPECT_EQ(made.regs[kCtrl] >> 8 & 3, 2u) << "the MAC goes as fast as the PHY";
		made.status = 0x80080743;
		drv::note_link_change();
		EXPECT_TRUE(drv::check_link().up);
		EXPECT_FALSE(drv::wants_bad_frames());
	}
}

TEST_F(Copper, Ek59WhichBadFramesAreGood)
{
	// Length, status and errors, as the descriptor has them.
	const auto result = [](u64 length, u64 status, u64 errors) { return length | status << 32 | errors << 40; };
	EXPECT_TRUE(drv::is_tbi_frame(result(65, 3, 1), 0x0f, 1518));
	EXPECT_FALSE(drv::is_tbi_frame(result(64, 3, 1), 0x0f, 1518));
	EXPECT_TRUE(drv::is_tbi_frame(result(61, 0xb, 1), 0x0f, 1518));
	EXPECT_FALSE(drv::is_tbi_frame(result(60, 0xb, 1), 0x0f, 1518));
	EXPECT_TRUE(drv::is_tbi_frame(result(1523, 3, 1), 0x0f, 1518));
	EXPECT_FALSE(drv::is_tbi_frame(result(1524, 3, 1), 0x0f, 1518));
	EXPECT_TRUE(drv::is_tbi_frame(result(1519, 0xb, 1), 0x0f, 1518));
	EXPECT_FALSE(drv::is_tbi_frame(result(1520, 0xb, 1), 0x0f, 1518));
	EXPECT_FALSE(drv::is_tbi_frame(result(100, 3, 1), 0x0e, 1518));
	for (u64 errors : {0u, 2u, 3u, 5u, 0x11u, 0x81u})
		EXPECT_FALSE(drv::is_tbi_frame(result(100, 3, errors), 0x0f, 1518)) << errors;
	EXPECT_TRUE(drv::is_tbi_frame(result(100, 3, 0x21), 0x0f, 1518)) << "a TCP checksum is another matter";
}

TEST_F(Copper, Ek40CrossoverOfPairs)
{
	struct Row {
		int wish;
		u16 m88, igp;
	};
	for (const Row& row :
	     {Row{0, 0x0060, 0x1000}, Row{1, 0x0000, 0x0000}, Row{2, 0x0020, 0x2000}, Row{3, 0x0040, 0x1000}}) {
		drv::Wishes wishes;
		wishes.crossover = row.wish;
		Card* made = &prepared(k82540);
		drv::wish(wishes);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(made->phy.regs[16] & 0x0060, row.m88);
		made = &prepared(k82541r2);
		drv::wish(wishes);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(made->phy.regs[18] & 0x3000, row.igp);
	}
	// The first of them cannot cross by itself.
	Card& made = prepared(k82541);
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(made.phy.regs[18] & 0x3000, 0);
}

TEST_F(Copper, Ek43ClassAIsSetUpFromTheEeprom)
{
	for (u16 word : {u16(0x8000), u16(0x0000), u16(0xffff)}) {
		Card& made = take(k82545r3);
		made.eeprom.words[7] = word;
		made.eeprom.seal();
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(count_written(made, 30, 0x8104), word == 0x8000 ? 1u : 0u);
	}
}

TEST_F(Copper, HostilePhyThatNeverAnswers)
{
	for (const Sample& which : kSamples) {
		if (which.mac <= k82542r21)
			continue;
		Card& made = take(which.mac);
		made.phy.is_dead = true;
		drv::make();
		const u64 start = now();
		const int done = drv::prepare();
		EXPECT_EQ(done, which.mac == kCe4100 ? kEnodev : 0);
		const int up = drv::bring_up(1518);
		EXPECT_TRUE(up == kEtimedout || up == kEnodev || up == kEio) << which.mac << " " << up;
		// By pins, a bus that nobody drives reads as ones.
		if (which.mac != k82543)
			EXPECT_FALSE(drv::check_link().up) << which.mac;
		drv::retry_link();
		drv::power_phy(false);
		drv::power_phy(true);
		(void)drv::start_loopback();
		drv::end_loopback();
		EXPECT_LE(now() - start, 5000 * kMs) << which.mac;
	}
}

TEST_F(Copper, HostilePhyThatSaysAnything)
{
	u32 seed = 7;
	for (const Sample& which : kSamples) {
		for (int round = 0; round < 10; ++round) {
			Card& made = prepared(which.mac);
			const u32 id = made.phy.id;
			for (u32 reg = 0; reg < 0x2fff; ++reg)
				made.phy.regs[reg] = u16((seed = seed * 1103515245 + 12345) >> 16);
			made.phy.id = id;
			made.phy.partner = u16(seed >> 8);
			made.status = (seed & 0x7fffffff) & ~kIsTbi;
			const u64 start = now();
			(void)drv::bring_up(1518);
			(void)drv::check_link();
			drv::Cable cable;
			(void)drv::cable(cable);
			EXPECT_LE(now() - start, 10'000 * kMs) << which.mac;
		}
	}
}

TEST_F(Copper, Ek48PhysArePoweredDownAndUp)
{
	for (const Sample& which : kSamples) {
		if (which.mac <= k82542r21)
			continue;
		Card& made = prepared(which.mac);
		EXPECT_EQ(drv::bring_up(1518), 0);
		drv::power_phy(false);
		EXPECT_EQ((made.phy.regs[0] & 0x800) != 0, which.mac >= k82540) << which.mac;
		drv::power_phy(true);
		EXPECT_EQ(made.phy.regs[0] & 0x800, 0);
		// Somebody else uses it.
		made.regs[0x5820] |= 1;
		drv::power_phy(false);
		EXPECT_EQ(made.phy.regs[0] & 0x800, 0);
	}
}

TEST_F(Copper, Ek46Loopbacks)
{
	for (Mac mac : {k82540, k82545r3}) {
		Card& made = prepared(mac);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(drv::start_loopback(), 0);
		EXPECT_EQ(made.phy.regs[0], 0x4140);
		EXPECT_EQ(made.regs[kCtrl] >> 8 & 3, 2u);
		EXPECT_NE(made.regs[kCtrl] & 1u << 7, 0u);
		drv::end_loopback();
		EXPECT_EQ(made.phy.regs[0] & 0x4000, 0);
	}
	// The 82543's PHY may need more than one attempt, and no more than eleven.
	Card& made = prepared(k82543);
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(drv::start_loopback(), 0);
	EXPECT_EQ(made.phy.regs[0], 0x4100);
	drv::end_loopback();
	EXPECT_EQ(drv::bring_up(1518), 0);
	made.phy.regs[20] = 0x8000;
	made.phy.forgets_clocks = false;
	EXPECT_EQ(drv::start_loopback(), kEio);
	// Without a PHY, the transceiver does it.
	Card& fiber = take(k82543);
	fiber.device = 0x1001;
	fiber.status |= kIsTbi;
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(drv::start_loopback(), 0);
	EXPECT_EQ(fiber.regs[0x100] >> 6 & 3, 3u);
	drv::end_loopback();
	EXPECT_EQ(fiber.regs[0x100] >> 6 & 3, 0u);
}

using Serdes = CardTest;

TEST_F(Serdes, Ek68WhatIsSaidWithoutAPhy)
{
	for (auto [flow, said] : {std::pair<int, u32>{kNone, 0x80000020},
				  {kReceive, 0x800001a0},
				  {kSend, 0x80000120},
				  {kBoth, 0x800001a0}}) {
		Card& made = take(k82545);
		made.device = 0x1011;
		made.status |= kIsTbi;
		made.regs[kCtrl] = kLinkReset;
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::media(), 1);
		drv::Wishes wishes;
		wishes.flow = flow;
		drv::wish(wishes);
		EXPECT_EQ(drv::bring_up(1518), 0);
		EXPECT_EQ(made.regs[kTxcw], said);
		EXPECT_EQ(made.regs[kCtrl] & kLinkReset, 0u);
		EXPECT_EQ(drv::gaps() & 0x3ff, 9u);
	}
}

/// Light is high or low; without any, nobody waits.
TEST_F(Serdes, Ek68LightIsWhereTheFamilyHasIt)
{
	for (auto [mac, device, high] :
	     {std::tuple<Mac, u16, bool>{k82543, 0x1001, false}, {k82544, 0x1009, false}, {k82545, 0x1011, true}}) {
		for (bool pin : {false, true}) {
			Card& made = take(mac);
			made.device = device;
			made.status = (made.status | kIsTbi) & ~kHasLink;
			made.regs[kCtrl] = pin ? 1u << 19 : 0;
			drv::make();
			ASSERT_EQ(drv::prepare(), 0);
			const u64 start = now();
			EXPECT_EQ(drv::bring_up(1518), 0);
			EXPECT_EQ(now() - start > 500 * kMs, pin == high) << mac << pin;
			EXPECT_LE(now() - start, 1000 * kMs);
		}
	}
}

TEST_F(Serdes, Ek68APartnerThatDoesNotNegotiateIsForced)
{
	Card& made = take(k82545);
	made.device = 0x1011;
	made.status = (made.status | kIsTbi) & ~kHasLink;
	made.regs[kCtrl] = 0;  // no light yet
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_FALSE(drv::check_link().up);
	EXPECT_EQ(made.regs[kTxcw] >> 31, 1u) << "the first time, it waits";
	EXPECT_FALSE(drv::check_link().up);
	EXPECT_EQ(made.regs[kTxcw] >> 31, 0u);
	EXPECT_EQ(made.regs[kCtrl] & (kSetLinkUp | kFull), kSetLinkUp | kFull);
	EXPECT_EQ(made.regs[kCtrl] & (kHeedsPause | kSendsPause), kHeedsPause | kSendsPause);
	made.status |= kHasLink;
	made.regs[kRxcw] = 1u << 30;
	EXPECT_TRUE(drv::check_link().up);
	// It negotiates after all.
	made.regs[kRxcw] = 1u << 30 | 1u << 29;
	EXPECT_TRUE(drv::check_link().up);
	EXPECT_EQ(made.regs[kTxcw] >> 31, 1u);
	EXPECT_EQ(made.regs[kCtrl] & kSetLinkUp, 0u);
}

TEST_F(Serdes, Ek68ABackplanesLinkNeedsSyncAndSense)
{
	Card& made = take(k82546r3);
	made.device = 0x107b;
	made.eeprom.words[6] = 0x0007;
	made.eeprom.seal();
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	EXPECT_EQ(drv::media(), 2);
	made.phy.regs[29] = 3;
	EXPECT_EQ(drv::bring_up(1518), 0);
	EXPECT_EQ(made.phy.regs[26], 7) << "amplitude";
	EXPECT_EQ(made.phy.regs[29], 3) << "the page is as it was";
	EXPECT_EQ(count_written(made, 29, 5), 1u);
	EXPECT_EQ(count_written(made, 29, 4), 1u);
	made.regs[kRxcw] = 0;
	EXPECT_FALSE(drv::check_link().up);
	made.regs[kRxcw] = 1u << 30;
	EXPECT_TRUE(drv::check_link().up);
	made.regs[kRxcw] = 1u << 30 | 1u << 27;
	EXPECT_FALSE(drv::check_link().up);
	made.regs[kRxcw] = 1u << 30;
	EXPECT_TRUE(drv::check_link().up);
	made.gone = true;
	EXPECT_FALSE(drv::check_link().up);
}

}  // namespace
}  // namespace sim
