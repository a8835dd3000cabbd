// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A card of any model, with the EEPROM and the PHY that such cards have.
#include <gtest/gtest.h>

#include <memory>

#include "bridge.hpp"
#include "model.hpp"

namespace sim {

/// The families, in the order that comparisons of the C driver rely on.
enum Mac {
	k82542r20,
	k82542r21,
	k82543,
	k82544,
	k82540,
	k82545,
	k82545r3,
	k82546,
	kCe4100,
	k82546r3,
	k82541,
	k82541r2,
	k82547,
	k82547r2
};

/// A model of each family.
struct Sample {
	Mac mac;
	u16 device;
	u8 revision;
};
inline const Sample kSamples[] = {
	{k82542r20, 0x1000, 2}, {k82542r21, 0x1000, 3}, {k82543, 0x1004, 2},   {k82544, 0x100c, 2},
	{k82540, 0x100e, 2},	{k82545, 0x100f, 1},	{k82545r3, 0x1026, 4}, {k82546, 0x1010, 1},
	{kCe4100, 0x2e6e, 0},	{k82546r3, 0x1079, 3},	{k82541, 0x1013, 0},   {k82541r2, 0x1076, 5},
	{k82547, 0x1019, 0},	{k82547r2, 0x1075, 0},
};
inline const Sample& sample(Mac mac) { return kSamples[mac]; }
inline bool is_igp(Mac mac) { return mac >= k82541; }

class CardTest : public testing::Test {
protected:
	void TearDown() override { put_away(); }
	void put_away()
	{
		drv::destroy();
		EXPECT_EQ(leftovers(), "");
		device.reset();
		card = nullptr;
	}
	Card& take(Mac mac)
	{
		put_away();
		reset_kernel();
		const Sample& which = sample(mac);
		device = std::make_unique<Card>();
		card = device.get();
		device->device = which.device;
		device->revision = which.revision;
		device->has_old_offsets = mac <= k82542r21;
		device->eeprom.words[0] = 0x5452;
		device->eeprom.words[1] = 0x1200;
		device->eeprom.words[2] = 0x5634;
		for (u32 i = 3; i < 63; ++i)
			device->eeprom.words[i] = u16(0x100 + i);
		device->eeprom.words[0x04] = 0;
		device->eeprom.words[0x0f] = 0x3400;  // pauses both ways
		device->eeprom.words[0x12] = 0;
		if (is_igp(mac)) {
			device->eeprom.chip = EepromChip::Spi8;
			device->has_narrow_quick_read = true;
			device->phy.id = 0x02a80380;
			device->phy.is_paged = true;
			for (u32 reg : {0x1172u, 0x1272u, 0x1472u, 0x1872u})
				device->phy.regs[reg] = 20 << 7;
		}
		if (mac == k82542r20 || mac == k82542r21)
			device->eeprom.has_quick_read = false;
		if (mac == k82543) {
			device->phy.id = 0x01410c50;
			device->eeprom.has_quick_read = false;
		}
		if (mac == k82544)
			device->phy.id = 0x01410c30;
		device->eeprom.seal();
		if (mac == kCe4100) {
			device->eeprom.chip = EepromChip::None;
			device->eeprom.has_quick_read = false;
			device->phy.id = 0x001cc912;
			device->phy.address = 7;
			for (u32 i = 0; i < 64; ++i)
				device->low_memory[0x60000 + (i * 2)] = device->eeprom.words[i];
		}
		return *device;
	}
	/// The same, as far as the driver has it after probe().
	Card& prepared(Mac mac)
	{
		Card& taken = take(mac);
		drv::make();
		EXPECT_EQ(drv::prepare(), 0) << mac;
		return taken;
	}
	std::unique_ptr<Card> device;
};

}  // namespace sim
