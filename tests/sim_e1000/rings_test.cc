// SPDX-License-Identifier: GPL-2.0
/// \file
/// Rings: their arithmetic, their errata, and devices that say anything of what they have received or sent.
#include <cstring>

#include "fixture.hpp"
#include "net.hpp"

namespace sim {

extern u64 fail_allocation_at;
extern u32 misplaced;

namespace {

constexpr int kEnomem = -12;

class Rings : public CardTest {
protected:
	void SetUp() override
	{
		(void)take(k82540);
		stack = Net{};
	}
	void TearDown() override
	{
		drv::rx_stop();
		drv::tx_stop();
		EXPECT_EQ(stack.pages_alive, 0u);
		EXPECT_EQ(stack.frames_alive, 0u);
		CardTest::TearDown();
	}
	/// Registers that say where a ring is.
	u64 base(u32 offset) const { return u64(device->regs[offset + 4]) << 32 | device->regs[offset]; }
	u64 word(u64 ring, u32 entry, u32 which) const
	{
		u64 value = 0;
		dma_read(ring + (entry * 16) + (which * 8), &value, 8);
		return value;
	}
	void set(u64 ring, u32 entry, u64 value) { dma_write(ring + (entry * 16) + 8, &value, 8); }

	// Reception.
	void start(const drv::RxAsked& asked)
	{
		ASSERT_EQ(drv::rx_start(asked), 0);
		count = asked.entries;
		rx_ring = base(0x2800);
		drv::rx_fill();
	}
	/// The device fills the next buffer: so many bytes, of which it says `length`.
	void fill(u32 bytes, u64 length, u64 status = 3, u64 errors = 0, u8 first = 1, u64 special = 0)
	{
		std::vector<u8> data(bytes);
		for (u32 i = 0; i < bytes; ++i)
			data[i] = u8(first + i);
		if (bytes != 0)
			dma_write(word(rx_ring, at, 0), data.data(), bytes);
		set(rx_ring, at, length | status << 32 | errors << 40 | special << 48);
		at = at + 1 == count ? 0 : at + 1;
	}
	u64 rx_ring = 0;
	u32 at = 0, count = 0;

	// Transmission.
	struct Sent {
		std::vector<std::vector<u8>> pieces;
		u32 contexts = 0, descriptors = 0;
		u64 context_low = 0, context_high = 0;	// of the last
		u64 command = 0;			// of the last piece
	};
	void start_sending(int mac = k82540, bool is_pcix = false, u32 entries = 48)
	{
		ASSERT_EQ(drv::tx_start(mac, is_pcix, entries, false), 0);
		tx_ring = base(0x3800);
		tx_count = entries;
		tx_at = 0;
	}
	/// What the device was given since.
	Sent fetch()
	{
		Sent sent;
		const u32 end = device->regs[0x3818];
		for (; tx_at != end; tx_at = tx_at + 1 == tx_count ? 0 : tx_at + 1) {
			const u64 low = word(tx_ring, tx_at, 0);
			const u64 high = word(tx_ring, tx_at, 1);
			++sent.descriptors;
			if ((high & 1u << 29) != 0 && (high >> 20 & 0xf) == 0) {
				++sent.contexts;
				sent.context_low = low;
				sent.context_high = high;
				continue;
			}
			std::vector<u8> piece(high & 0xfffff & ((high & 1u << 29) != 0 ? 0xfffff : 0xffff));
			dma_read(low, piece.data(), piece.size());
			addresses.push_back(low);
			sent.pieces.push_back(piece);
			sent.command = high;
			last = tx_at;
		}
		return sent;
	}
	/// The device has sent all of it.
	void complete()
	{
		set(tx_ring, last, word(tx_ring, last, 1) | 1ull << 32);
		drv::tx_clean();
	}
	static std::vector<u8> joined(const Sent& sent)
	{
		std::vector<u8> all;
		for (const auto& piece : sent.pieces)
			all.insert(all.end(), piece.begin(), piece.end());
		return all;
	}
	static std::vector<u8> bytes(u32 count, u8 first = 1)
	{
		std::vector<u8> made(count);
		for (u32 i = 0; i < count; ++i)
			made[i] = u8(first + i);
		return made;
	}
	u64 tx_ring = 0;
	u32 tx_at = 0, tx_count = 0, last = 0;
	std::vector<u64> addresses;
};

TEST_F(Rings, Ek09EveryFrameOfEverySizeOfRing)
{
	for (u32 entries : {48u, 56u, 256u, 4096u}) {
		drv::RxAsked asked;
		asked.entries = entries;
		start(asked);
		at = 0;
		stack.received.clear();
		u32 sent = 0;
		for (u32 round = 0; round < entries * 3; ++round) {
			const u32 length = 64 + (round * 37 % 1450);
			fill(length, length, 3, 0, u8(round));
			++sent;
			if (round % 7 == 6) {
				EXPECT_EQ(drv::rx_receive(64), 7u);
			}
		}
		while (drv::rx_receive(64) != 0) {
		}
		ASSERT_EQ(stack.received.size(), sent) << entries;
		for (u32 round = 0; round < sent; ++round) {
			const auto& got = stack.received[round].bytes;
			ASSERT_EQ(got.size(), 60 + (round * 37 % 1450));
			ASSERT_EQ(got[0], u8(round));
			ASSERT_EQ(got.back(), u8(round + got.size() - 1));
		}
		EXPECT_EQ(stack.dropped, 0u);
		drv::rx_stop();
	}
}

TEST_F(Rings, Ek08NoMoreThanTheBudget)
{
	start({});
	for (int i = 0; i < 40; ++i)
		fill(100, 100);
	EXPECT_EQ(drv::rx_receive(16), 16u);
	EXPECT_EQ(stack.received.size(), 16u);
	EXPECT_EQ(drv::rx_receive(64), 24u);
	EXPECT_EQ(drv::rx_receive(64), 0u);
}

TEST_F(Rings, Ek30FramesInSeveralBuffersAreDiscardedToTheirEnd)
{
	start({});
	fill(1522, 1522, 1);
	fill(1522, 1522, 1);
	fill(100, 100, 3);
	fill(100, 100, 3, 0, 9);
	EXPECT_EQ(drv::rx_receive(64), 4u);
	ASSERT_EQ(stack.received.size(), 1u);
	EXPECT_EQ(stack.received[0].bytes[0], 9);
}

TEST_F(Rings, Ek29FramesInSeveralBuffersAreJoined)
{
	drv::RxAsked asked;
	asked.chained = true;
	start(asked);
	fill(4096, 4096, 1);
	fill(4096, 4096, 1);
	fill(830, 830, 3);
	fill(100, 100, 3, 0, 9);
	EXPECT_EQ(drv::rx_receive(64), 4u);
	ASSERT_EQ(stack.received.size(), 2u);
	EXPECT_EQ(stack.received[0].bytes.size(), 4096u + 4096 + 826);
	EXPECT_EQ(stack.received[0].fragments, 3u);
	EXPECT_EQ(stack.received[1].bytes[0], 9);
	// A check sequence that is all of the last buffer, or on both sides.
	fill(4096, 4096, 1);
	fill(4, 4, 3);
	fill(4096, 4096, 1);
	fill(2, 2, 3);
	EXPECT_EQ(drv::rx_receive(64), 4u);
	ASSERT_EQ(stack.received.size(), 4u);
	EXPECT_EQ(stack.received[2].bytes.size(), 4096u);
	EXPECT_EQ(stack.received[3].bytes.size(), 4094u);
}

/// Lengths that cannot be, errors, statuses that never end a frame: nothing is read beyond a buffer, nothing is lost.
TEST_F(Rings, HostileDescriptors)
{
	for (bool chained : {false, true}) {
		for (bool takes_bad : {false, true}) {
			drv::RxAsked asked;
			asked.chained = chained;
			asked.takes_bad = takes_bad;
			asked.tbi = 1518;
			start(asked);
			at = 0;
			u32 seed = 3;
			const u64 lengths[] = {0,    1,	   3,	 4,    5,    13,   17,	   18,	  1522,
					       1523, 2048, 2049, 4095, 4096, 4097, 0x8000, 0xffff};
			for (int round = 0; round < 4000; ++round) {
				seed = seed * 1103515245 + 12345;
				const u64 length = lengths[(seed >> 16) % std::size(lengths)];
				fill(0, length, 1 | (seed >> 8 & 0xfe), seed >> 20 % 3 == 0 ? seed >> 24 : 0, 0,
				     seed & 0xffff);
				(void)drv::rx_receive(1 + (seed >> 28));
			}
			while (drv::rx_receive(64) != 0) {
			}
			for (const auto& got : stack.received)
				EXPECT_GE(got.bytes.size(), 14u);
			// And then it works again.
			fill(100, 100, 3);
			fill(100, 100, 3, 0, 77);
			EXPECT_EQ(drv::rx_receive(64), 2u);
			EXPECT_EQ(stack.received.back().bytes[0], 77);
			EXPECT_EQ(stack.received.back().bytes.size(), 96u);
			stack.received.clear();
			drv::rx_stop();
		}
	}
}

TEST_F(Rings, HostileFrameThatNeverEnds)
{
	drv::RxAsked asked;
	asked.chained = true;
	asked.entries = 256;
	start(asked);
	for (int i = 0; i < 600; ++i) {
		fill(4096, 4096, 1);
		(void)drv::rx_receive(64);
	}
	EXPECT_TRUE(stack.received.empty());
	EXPECT_LE(stack.frames_alive, 1u);
	fill(100, 100, 3);
	fill(100, 100, 3, 0, 5);
	EXPECT_EQ(drv::rx_receive(64), 2u);
	ASSERT_EQ(stack.received.size(), 1u);
	EXPECT_EQ(stack.received[0].bytes[0], 5);
}

TEST_F(Rings, Ek59FramesThatACarrierExtensionHasSpoilt)
{
	drv::RxAsked asked;
	asked.tbi = 1518;
	start(asked);
	fill(101, 101, 3, 1, u8(0x0f - 100));  // its last byte is 0x0f
	fill(101, 101, 3, 1, 0);
	fill(101, 101, 3, 1, u8(0x0f - 100));
	EXPECT_EQ(drv::rx_receive(64), 3u);
	ASSERT_EQ(stack.received.size(), 2u);
	EXPECT_EQ(stack.received[0].bytes.size(), 96u) << "without that byte, and the check sequence";
	EXPECT_EQ(stack.dropped, 1u);
	drv::rx_stop();
	stack.received.clear();
	start({});
	at = 0;
	fill(101, 101, 3, 1, u8(0x0f - 100));
	EXPECT_EQ(drv::rx_receive(64), 1u);
	EXPECT_TRUE(stack.received.empty());
}

TEST_F(Rings, Ek59SpoiltFramesAreCountedAsGoodOnes)
{
	const auto last_is_0f = [](u32 bytes) { return u8(0x0f - (bytes - 1)); };
	drv::RxAsked asked;
	asked.tbi = 1518;
	start(asked);
	fill(101, 101, 3, 1, last_is_0f(101));
	fill(101, 101, 3, 1, 0);  // is bad
	fill(101, 101, 3, 1, last_is_0f(101));
	dma_write(word(rx_ring, at - 1, 0), "\xff\xff\xff\xff\xff\xff", 6);
	fill(1519, 1519, 3, 1, last_is_0f(1519));
	EXPECT_EQ(drv::rx_receive(64), 4u);
	ASSERT_EQ(stack.received.size(), 3u);
	const auto counted = drv::rx_correct(5, 3);
	EXPECT_EQ(counted.crc_errors, 2u);
	EXPECT_EQ(counted.oversize, 2u) << "the device takes a frame of the most bytes for longer";
	EXPECT_EQ(counted.good, 3u);
	EXPECT_EQ(counted.bytes, 100u + 100u + 1518u);
	EXPECT_EQ(counted.broadcasts, 1u);
	EXPECT_EQ(counted.multicasts, 2u);
	// What was not counted is not taken away.
	EXPECT_EQ(drv::rx_correct(1, 0).crc_errors, 0u);
	EXPECT_EQ(drv::rx_correct(1, 0).oversize, 0u);
}

TEST_F(Rings, Ek28Ek88TagsAndChecksums)
{
	start({});
	fill(100, 100, 3 | 8, 0, 1, 0xe005);
	fill(100, 100, 3 | 0x20, 0);
	fill(100, 100, 3 | 0x20, 0x20);
	fill(100, 100, 3 | 0x24, 0);
	EXPECT_EQ(drv::rx_receive(64), 4u);
	ASSERT_EQ(stack.received.size(), 4u);
	EXPECT_EQ(stack.received[0].vlan, 0xe005);
	EXPECT_FALSE(stack.received[0].checksum_is_good);
	EXPECT_TRUE(stack.received[1].checksum_is_good);
	EXPECT_FALSE(stack.received[2].checksum_is_good);
	EXPECT_FALSE(stack.received[3].checksum_is_good) << "it did not look";
}

TEST_F(Rings, Ek32ReceptionGoesOnWhenThereIsMemoryAgain)
{
	start({});
	stack.pages_left = 0;
	for (int i = 0; i < 47; ++i)
		fill(1000, 1000);
	EXPECT_EQ(drv::rx_receive(64), 47u);
	EXPECT_TRUE(drv::rx_is_starved());
	EXPECT_EQ(drv::rx_receive(64), 0u);
	stack.pages_left = ~0ull;
	EXPECT_EQ(drv::rx_receive(64), 0u);
	EXPECT_FALSE(drv::rx_is_starved());
	stack.received.clear();
	fill(1000, 1000, 3, 0, 3);
	EXPECT_EQ(drv::rx_receive(64), 1u);
	ASSERT_EQ(stack.received.size(), 1u);
	// No frames: the buffers are used again.
	stack.frames_left = 0;
	for (int i = 0; i < 100; ++i) {
		fill(i % 2 != 0 ? 100 : 1000, i % 2 != 0 ? 100 : 1000);
		EXPECT_EQ(drv::rx_receive(64), 1u);
	}
	EXPECT_EQ(stack.received.size(), 1u);
	EXPECT_EQ(stack.dropped, 100u);
}

TEST_F(Rings, Ek61RingsThatCrossABoundaryAreAllocatedAgain)
{
	for (u32 times : {0u, 1u, 2u}) {
		for (bool matters : {false, true}) {
			drv::RxAsked asked;
			asked.entries = 256;
			asked.in_64k = matters;
			misplaced = times;
			EXPECT_EQ(drv::rx_start(asked), matters && times == 2 ? kEnomem : 0);
			misplaced = 0;
			drv::rx_stop();
			misplaced = times;
			EXPECT_EQ(drv::tx_start(k82545, false, 256, matters), matters && times == 2 ? kEnomem : 0);
			misplaced = 0;
			drv::tx_stop();
		}
	}
}

TEST_F(Rings, Ek38EveryAllocationMayFail)
{
	for (u64 nth = 1; nth < 4; ++nth) {
		drv::RxAsked asked;
		fail_allocation_at = nth;
		const int rx = drv::rx_start(asked);
		const bool was_failed = fail_allocation_at == 0;
		EXPECT_EQ(rx, was_failed ? kEnomem : 0);
		drv::rx_stop();
		fail_allocation_at = nth;
		const int tx = drv::tx_start(k82540, false, 48, false);
		EXPECT_EQ(tx, fail_allocation_at == 0 ? kEnomem : 0);
		drv::tx_stop();
		fail_allocation_at = 0;
	}
}

TEST_F(Rings, Ek27ShortFramesArePadded)
{
	start_sending();
	stack.next.head = bytes(20);
	EXPECT_TRUE(drv::tx_send());
	const Sent sent = fetch();
	ASSERT_EQ(sent.pieces.size(), 1u);
	EXPECT_EQ(sent.pieces[0].size(), 60u);
	EXPECT_EQ(sent.pieces[0][59], 0);
	complete();
	EXPECT_FALSE(drv::tx_has_pending());
}

TEST_F(Rings, Ek79AContextIsSentOnlyIfItIsAnother)
{
	start_sending();
	u32 contexts = 0;
	for (int i = 0; i < 20; ++i) {
		stack.next.head = bytes(200);
		stack.next.wants_checksum = i != 10;
		EXPECT_TRUE(drv::tx_send());
		const Sent sent = fetch();
		contexts += sent.contexts;
		EXPECT_EQ(sent.command >> 41 & 1, i != 10 ? 1u : 0u);
		complete();
	}
	EXPECT_EQ(contexts, 1u);
}

TEST_F(Rings, Ek25TheEndOfASegmentedFrameIsAPieceOfItsOwn)
{
	start_sending();
	stack.next.head = bytes(3054);
	stack.next.gso_size = 1460;
	EXPECT_TRUE(drv::tx_send());
	Sent sent = fetch();
	EXPECT_EQ(sent.contexts, 1u);
	ASSERT_EQ(sent.pieces.size(), 2u);
	EXPECT_EQ(sent.pieces[1].size(), 4u);
	EXPECT_EQ(joined(sent), bytes(3054));
	complete();
	// The next in one piece is in two; those after it are not.
	for (u32 pieces : {2u, 1u, 1u}) {
		stack.next.head = bytes(500);
		EXPECT_TRUE(drv::tx_send());
		sent = fetch();
		EXPECT_EQ(sent.pieces.size(), pieces);
		EXPECT_EQ(joined(sent), bytes(500));
		complete();
	}
	// Of several fragments, the last.
	stack.next.head = bytes(54);
	stack.next.fragments = {bytes(4096, 3), bytes(3000, 7)};
	stack.next.gso_size = 1460;
	EXPECT_TRUE(drv::tx_send());
	sent = fetch();
	ASSERT_EQ(sent.pieces.size(), 4u);
	EXPECT_EQ(sent.pieces[2].size(), 2996u);
	EXPECT_EQ(sent.pieces[3].size(), 4u);
	complete();
	EXPECT_EQ(stack.frames_alive, 0u);
}

TEST_F(Rings, Ek25AfterSegmentsTheNextIsWholeWithThe82544)
{
	start_sending(k82544);
	stack.next.head = bytes(3054);
	stack.next.gso_size = 1460;
	EXPECT_TRUE(drv::tx_send());
	(void)fetch();
	complete();
	stack.next.head = bytes(500);
	EXPECT_TRUE(drv::tx_send());
	EXPECT_EQ(fetch().pieces.size(), 1u);
	complete();
}

TEST_F(Rings, Ek24PiecesAreNoLongerThanFourSegments)
{
	for (u32 gso : {88u, 500u, 1000u, 1460u}) {
		start_sending(k82540, false, 256);
		stack.next.head = bytes(54);
		stack.next.fragments = {bytes(9000, 5)};
		stack.next.gso_size = gso;
		EXPECT_TRUE(drv::tx_send());
		const Sent sent = fetch();
		for (const auto& piece : sent.pieces)
			EXPECT_LE(piece.size(), std::min(4096u, gso * 4));
		EXPECT_EQ(joined(sent).size(), 9054u);
		complete();
		EXPECT_FALSE(drv::tx_has_pending());
		drv::tx_stop();
	}
}

TEST_F(Rings, Ek24Ek95ContextsOfSegments)
{
	struct Row {
		bool is_v6;
		u32 header;
		u64 low;  // IPCSS, IPCSO, IPCSE, TUCSS, TUCSO, TUCSE
		bool sums_ip;
	};
	constexpr Row kRows[] = {
		{false, 54, 14 | 24 << 8 | 33 << 16 | 34ull << 32 | 50ull << 40, true},
		{true, 74, 14 | 24 << 8 | 54ull << 32 | 70ull << 40, false},
		// With extension headers, up to the longest header that the device knows.
		{true, 255, 14 | 24 << 8 | 235ull << 32 | 251ull << 40, false},
	};
	start_sending(k82540, false, 256);
	for (const Row& row : kRows) {
		stack.next.head = bytes(row.header);
		stack.next.fragments = {bytes(4000, 5)};
		stack.next.header_bytes = row.header;
		stack.next.gso_size = 1400;
		stack.next.is_v6 = row.is_v6;
		EXPECT_TRUE(drv::tx_send());
		const Sent sent = fetch();
		EXPECT_EQ(sent.contexts, 1u);
		EXPECT_EQ(sent.context_low, row.low);
		// DEXT, RS, TSE, TCP and, if the header has a checksum, IP.
		const u64 command = 0x2d000000ull | (row.sums_ip ? 1u << 25 : 0u);
		EXPECT_EQ(sent.context_high, 4000u | command | u64(row.header) << 40 | 1400ull << 48);
		EXPECT_EQ(sent.command >> 40 & 0xff, row.sums_ip ? 3u : 2u);
		EXPECT_EQ(joined(sent).size(), row.header + 4000u);
		complete();
	}
}

TEST_F(Rings, Ek95HeadersThatAreTooLongAreDropped)
{
	start_sending(k82540, false, 256);
	for (u32 header : {256u, 300u, 2000u}) {
		stack.sent_dropped = 0;
		stack.next.head = bytes(header);
		stack.next.fragments = {bytes(4000, 5)};
		stack.next.header_bytes = header;
		stack.next.gso_size = 1400;
		stack.next.is_v6 = true;
		EXPECT_TRUE(drv::tx_send());
		EXPECT_EQ(stack.sent_dropped, 1u);
		EXPECT_EQ(fetch().descriptors, 0u);
		EXPECT_FALSE(drv::tx_has_pending());
	}
}

TEST_F(Rings, Ek60OnPcixFirstPiecesAreShort)
{
	for (bool is_pcix : {false, true}) {
		start_sending(k82545, is_pcix);
		stack.next.head = bytes(5000);
		EXPECT_TRUE(drv::tx_send());
		const Sent sent = fetch();
		EXPECT_EQ(sent.pieces[0].size(), is_pcix ? 2015u : 4096u);
		EXPECT_EQ(joined(sent), bytes(5000));
		complete();
		drv::tx_stop();
	}
}

TEST_F(Rings, Ek60The82544OnPcixNeedsAddressBit2OfEveryLastByte)
{
	start_sending(k82544, true, 256);
	for (u32 offset = 0; offset < 16; ++offset) {
		for (u32 length : {60u, 61u, 62u, 63u, 64u, 65u, 66u, 67u, 1514u, 2016u, 5000u}) {
			stack.next.head = bytes(length);
			stack.next.offset = offset;
			stack.next.fragments = {bytes(100 + length, 9)};
			addresses.clear();
			EXPECT_TRUE(drv::tx_send());
			const Sent sent = fetch();
			std::vector<u8> expected = bytes(length);
			const auto more = bytes(100 + length, 9);
			expected.insert(expected.end(), more.begin(), more.end());
			ASSERT_EQ(joined(sent), expected);
			for (size_t i = 0; i < sent.pieces.size(); ++i) {
				const u64 end = addresses[i] + sent.pieces[i].size() - 1;
				EXPECT_TRUE((end & 4) != 0 || sent.pieces[i].size() <= 4)
					<< offset << " " << length << " " << i;
			}
			complete();
		}
	}
}

TEST_F(Rings, Ek58The82542SaysWhenAFrameWasSent)
{
	for (int mac : {int(k82542r21), int(k82543)}) {
		start_sending(mac);
		stack.next.head = bytes(100);
		EXPECT_TRUE(drv::tx_send());
		const Sent sent = fetch();
		EXPECT_EQ(sent.command >> 27 & 3, mac == k82543 ? 1u : 2u);
		complete();
		drv::tx_stop();
	}
}

TEST_F(Rings, Ek10TheQueueStopsAndWakes)
{
	start_sending(k82540, false, 64);
	u32 sent = 0;
	while (!stack.stopped) {
		stack.next.head = bytes(100);
		ASSERT_TRUE(drv::tx_send());
		ASSERT_LT(++sent, 100u);
	}
	EXPECT_EQ(sent, 64u - 24 + 1 - 1);
	(void)fetch();
	// The device has sent them all: each says so in its own descriptor.
	for (u32 i = 0; i < sent; ++i)
		set(tx_ring, i, word(tx_ring, i, 1) | 1ull << 32);
	drv::tx_clean();
	EXPECT_FALSE(stack.stopped);
	EXPECT_EQ(stack.frames_alive, 0u);
}

TEST_F(Rings, AFrameThatNeverFitsIsDropped)
{
	start_sending(k82540, false, 48);
	stack.next.head = bytes(54);
	stack.next.fragments = {bytes(30000)};
	stack.next.gso_size = 88;
	EXPECT_TRUE(drv::tx_send());
	EXPECT_EQ(stack.sent_dropped, 1u);
	EXPECT_EQ(stack.frames_alive, 0u);
	stack.next.head = bytes(100);
	EXPECT_TRUE(drv::tx_send());
	EXPECT_EQ(fetch().pieces.size(), 1u);
	complete();
}

/// A device that says at once, or out of order, that all is sent.
TEST_F(Rings, HostileCompletions)
{
	start_sending();
	for (u32 i = 0; i < 48; ++i)
		set(tx_ring, i, ~0ull);
	drv::tx_clean();
	for (int round = 0; round < 200; ++round) {
		stack.next.head = bytes(100);
		if (!drv::tx_send())
			continue;
		for (u32 i = 0; i < 48; i += 2)
			set(tx_ring, i, word(tx_ring, i, 1) | 1ull << 32);
		drv::tx_clean();
	}
	EXPECT_LE(stack.frames_alive, 48u);
}

}  // namespace
}  // namespace sim
