// SPDX-License-Identifier: GPL-2.0
/// \file
/// EEPROMs of every kind, by their pins and by the register that reads a word.
#include "fixture.hpp"

namespace sim {
namespace {

constexpr int kEinval = -22, kEtimedout = -110, kEio = -5;
using Eeproms = CardTest;

/// All that can be read is what was written there.
void expect_words(Card& made, u32 words)
{
	ASSERT_EQ(drv::eeprom_words(), int(words));
	for (u32 at : {0u, 1u, 2u, 3u, 31u, 62u, 63u, words / 2, words - 1}) {
		unsigned value = 0;
		ASSERT_EQ(drv::read_eeprom(at, value), 0) << at;
		EXPECT_EQ(value, made.eeprom.words[at]) << at;
	}
	unsigned value = 0;
	EXPECT_EQ(drv::read_eeprom(words, value), kEinval);
	EXPECT_EQ(drv::read_eeprom(~0u, value), kEinval);
}

struct Kind {
	Mac mac;
	EepromChip chip;
	u16 size_word;
	u32 words;
};
const Kind kKinds[] = {
	{k82542r20, EepromChip::Microwire64, 0, 64},  {k82543, EepromChip::Microwire64, 0, 64},
	{k82544, EepromChip::Microwire64, 0, 64},     {k82540, EepromChip::Microwire64, 0, 64},
	{k82546r3, EepromChip::Microwire256, 0, 256}, {k82541, EepromChip::Spi8, 0, 64},
	{k82541r2, EepromChip::Spi8, 1 << 10, 256},   {k82547, EepromChip::Spi16, 5 << 10, 4096},
	{k82547r2, EepromChip::Microwire256, 0, 256}, {k82541, EepromChip::Microwire64, 0, 64},
};

Card& make(CardTest*, Card& made, const Kind& kind)
{
	made.eeprom.chip = kind.chip;
	for (u32 i = 64; i < 4096; ++i)
		made.eeprom.words[i] = u16(i * 7);
	made.eeprom.words[0x12] = kind.size_word;
	made.eeprom.seal();
	return made;
}

TEST_F(Eeproms, Ek02EveryKindIsReadByItsPins)
{
	for (const Kind& kind : kKinds) {
		Card& made = make(this, take(kind.mac), kind);
		made.eeprom.has_quick_read = false;
		drv::make();
		ASSERT_EQ(drv::prepare(), 0) << kind.mac;
		EXPECT_EQ(made.eeprom.reads, 64u);
		EXPECT_EQ(made.eeprom.quick_reads, 0u);
		expect_words(made, kind.words);
		EXPECT_EQ(drv::check_eeprom(), 0);
		// Request and select are given back.
		EXPECT_EQ(made.regs[0x10] & 0x40, 0u) << kind.mac;
		EXPECT_EQ((made.regs[0x10] & 2) != 0, made.eeprom.is_spi()) << kind.mac;
	}
}

TEST_F(Eeproms, Ek77TheQuickWayIsUsedIfItIsRight)
{
	for (const Kind& kind : kKinds) {
		if (kind.mac < k82544)
			continue;
		Card& made = make(this, take(kind.mac), kind);
		drv::make();
		const u64 start = now();
		ASSERT_EQ(drv::prepare(), 0) << kind.mac;
		EXPECT_LE(now() - start, 2 * kMs) << kind.mac;
		EXPECT_EQ(made.eeprom.reads, 0u);
		EXPECT_EQ(made.eeprom.quick_reads, 64u);
		expect_words(made, kind.words);
	}
}

/// A card that has no such register, or something else there.
TEST_F(Eeproms, Ek77TheQuickWayIsNotBelievedIfTheSumIsWrong)
{
	Card& made = take(k82544);
	made.eeprom.is_quick_read_wrong = true;
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	EXPECT_EQ(made.eeprom.reads, 64u);
	expect_words(made, 64);
	EXPECT_EQ(drv::check_eeprom(), 0);
}

TEST_F(Eeproms, Ek57AWrongSum)
{
	for (Mac mac : {k82540, k82541, k82543, kCe4100}) {
		Card& made = take(mac);
		made.eeprom.words[63] = u16(made.eeprom.words[63] + 1);
		made.low_memory[0x60000 + 126] = made.eeprom.words[63];
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		EXPECT_EQ(drv::check_eeprom(), kEinval) << mac;
	}
}

TEST_F(Eeproms, Ek43WordsAreWritten)
{
	for (const Kind& kind : kKinds) {
		Card& made = make(this, take(kind.mac), kind);
		drv::make();
		ASSERT_EQ(drv::prepare(), 0);
		unsigned value = 0;
		for (u32 at : {3u, 62u, kind.words - 1}) {
			const u16 next = u16(0xc000 + at);
			EXPECT_EQ(drv::write_eeprom(at, next), 0) << kind.mac << " " << at;
			EXPECT_EQ(made.eeprom.words[at], next) << kind.mac << " " << at;
			EXPECT_EQ(drv::read_eeprom(at, value), 0);
			EXPECT_EQ(value, next);
		}
		EXPECT_EQ(made.eeprom.writes, 3u);
		EXPECT_EQ(drv::write_eeprom(kind.words, 0), kEinval);
		if (kind.words == 64)
			continue;
		EXPECT_EQ(drv::check_eeprom(), kEinval);
		EXPECT_EQ(drv::mend_checksum(), 0);
		EXPECT_EQ(drv::check_eeprom(), 0);
		u16 sum = 0;
		for (u32 i = 0; i < 64; ++i)
			sum = u16(sum + made.eeprom.words[i]);
		EXPECT_EQ(sum, 0xbaba);
	}
}

/// What is read back is what the device has, and not what was asked for.
TEST_F(Eeproms, Ek43WritesThatFail)
{
	Card& made = take(k82540);
	made.eeprom.ends_writes = false;
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	const u64 start = now();
	EXPECT_EQ(drv::write_eeprom(5, 1), kEio);
	EXPECT_LE(now() - start, 100 * kMs);
	EXPECT_EQ(made.regs[0x10] & 0x40, 0u);
	Card& spi = take(k82541);
	drv::make();
	ASSERT_EQ(drv::prepare(), 0);
	spi.eeprom.is_busy_for_ever = true;
	EXPECT_EQ(drv::write_eeprom(5, 1), kEtimedout);
	EXPECT_EQ(spi.eeprom.writes, 0u);
}

TEST_F(Eeproms, HostileNeverGranted)
{
	Card& made = take(k82540);
	made.eeprom.has_quick_read = false;
	made.eeprom.grants = false;
	drv::make();
	const u64 start = now();
	EXPECT_EQ(drv::prepare(), kEtimedout);
	EXPECT_LE(now() - start, 100 * kMs);
	EXPECT_EQ(made.regs[0x10] & 0x40, 0u);
}

TEST_F(Eeproms, HostileGarbage)
{
	u32 seed = 1;
	for (const Sample& which : kSamples) {
		for (int round = 0; round < 8; ++round) {
			Card& made = take(which.mac);
			for (u16& word : made.eeprom.words)
				word = round == 0 ? 0 : u16((seed = seed * 1103515245 + 12345) >> 16);
			if (round % 2 == 0)
				made.eeprom.seal();
			for (u32 i = 0; i < 64; ++i)
				made.low_memory[0x60000 + (i * 2)] = made.eeprom.words[i];
			drv::make();
			EXPECT_EQ(drv::prepare(), 0) << which.mac;
			EXPECT_EQ(drv::check_eeprom(), round % 2 == 0 ? 0 : kEinval) << which.mac;
			EXPECT_EQ(drv::bring_up(1518), 0) << which.mac;
			EXPECT_TRUE(drv::check_link().up) << which.mac;
		}
	}
}

TEST_F(Eeproms, Ek02TheSecondPortHasTheNextAddress)
{
	for (const Sample& which : kSamples) {
		for (u32 port : {0u, 1u}) {
			Card& made = take(which.mac);
			made.status |= port << 2;
			drv::make();
			ASSERT_EQ(drv::prepare(), 0);
			unsigned char addr[6];
			ASSERT_EQ(drv::read_address(addr), 0);
			const bool has_two = which.mac == k82546 || which.mac == k82546r3;
			const unsigned char last = u8(has_two && port == 1 ? 0x57 : 0x56);
			EXPECT_EQ(std::vector<u8>(addr, addr + 6),
				  (std::vector<u8>{0x52, 0x54, 0x00, 0x12, 0x34, last}))
				<< which.mac;
		}
	}
}

}  // namespace
}  // namespace sim
