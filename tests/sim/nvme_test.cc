// SPDX-License-Identifier: GPL-2.0
/// \file
/// nvme_cpp and controllers that do what QEMU's cannot. Cases are called after the rows of the parity list.
#include <gtest/gtest.h>

#include <cstring>

#include "device.hpp"

namespace sim {

void fail(const std::string& why) { ADD_FAILURE() << "at " << double(now()) / 1e9 << " s: " << why; }

namespace {

constexpr int kOk = 0;
constexpr u32 kReset = 0x14;  // CC
const std::string kDisk = "nvmecpp0n1";

/// Page-aligned data.
struct Buffer {
	explicit Buffer(u64 bytes, u8 fill = 0) : memory(bytes + (2 * kPage), fill) {}
	u8* at(u64 offset = 0) { return &memory[((kPage - (u64(memory.data()) % kPage)) % kPage) + offset]; }
	std::vector<u8> memory;
};

/// A loaded module and a controller that it may have.
class Nvme : public testing::Test {
protected:
	void SetUp() override { begin(); }
	void TearDown() override { end(); }
	void begin()
	{
		reset_machine();
		device = std::make_unique<Device>();
		ASSERT_EQ(load(), 0);
	}
	void end()
	{
		unload();
		run_for(120 * kSecond);
		EXPECT_EQ(leftovers(), "");
		device.reset();
	}
	void again()
	{
		end();
		begin();
	}
	/// Writes and reads so many sectors from `first` on; false if an error was reported or the data is not the same.
	static bool round_trip(u64 first = 0, u32 bytes = kPage, u8 fill = 0x5a)
	{
		Buffer out(bytes, fill);
		Buffer in(bytes);
		return transfer(kDisk, Op::Write, first, bytes, out.at()) == kOk &&
		       transfer(kDisk, Op::Read, first, bytes, in.at()) == kOk &&
		       std::memcmp(out.at(), in.at(), bytes) == 0;
	}
	/// Has the device ignore the first `count` reads and writes.
	void ignore_io(u32 count)
	{
		device->answer = [count](u32 queue, const Sqe&) mutable {
			Answer said;
			if (queue != 0 && count > 0) {
				--count;
				said.drop = true;
			}
			return said;
		};
	}
	std::unique_ptr<Device> device;
};

TEST_F(Nvme, Nv12DataComesBack)
{
	ASSERT_EQ(probe(), 0);
	ASSERT_EQ(disks(), std::vector<std::string>{kDisk});
	for (u32 bytes : {512u, 4096u, 8192u, 12288u, 131072u, 524288u}) {
		EXPECT_TRUE(round_trip(8, bytes, u8(bytes >> 9)));
		Buffer in(bytes + kPage);
		EXPECT_EQ(transfer(kDisk, Op::Read, 0, bytes, in.at(512)), kOk);
	}
}

TEST_F(Nvme, Nv06RegistersAreWrittenInOrder)
{
	ASSERT_EQ(probe(), 0);
	std::vector<u32> order;
	std::vector<u32> configurations;
	for (auto [offset, value] : device->written) {
		if (offset >= 0x1000)
			continue;
		order.push_back(offset);
		if (offset == kReset)
			configurations.push_back(value);
	}
	EXPECT_EQ(order, (std::vector<u32>{0x14, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x14, 0x14}));
	EXPECT_EQ(configurations, (std::vector<u32>{0, 0x460000, 0x460001}));
}

TEST_F(Nvme, Nv07NeverReadyIsGivenUpInTime)
{
	device->config.ready_after = kNever;
	device->config.timeout = 5;
	const u64 start = now();
	EXPECT_EQ(probe(), -19);
	EXPECT_GE(now() - start, 3 * kSecond);
	EXPECT_LE(now() - start, 3 * kSecond + 100 * kMs);
	EXPECT_TRUE(logged("Device not ready; aborting initialisation, CSTS=0x0"));
}

TEST_F(Nvme, Nv07ReadyForEverIsGivenUpInTime)
{
	ASSERT_EQ(probe(), 0);
	device->config.not_ready_after = 1000 * kSecond;
	ignore_io(1);
	const u64 start = now();
	EXPECT_NE(transfer(kDisk, Op::Read, 0, kPage, Buffer(kPage).at()), kOk);
	EXPECT_LE(now() - start, 65 * kSecond);
	EXPECT_TRUE(logged("Device not ready; aborting reset, CSTS=0x1"));
}

TEST_F(Nvme, Nv07TheLongerOfTwoTimeoutsHolds)
{
	device->config.ready_with_media = true;
	device->config.crto = 20;
	device->config.ready_after = 9 * kSecond;
	EXPECT_EQ(probe(), 0);
	again();
	// The register says less than CAP, and is not believed.
	device->config.ready_with_media = true;
	device->config.timeout = 20;
	device->config.crto = 1;
	device->config.ready_after = 9 * kSecond;
	EXPECT_EQ(probe(), 0);
}

TEST_F(Nvme, FatalWhileComingUp)
{
	device->config.ready_with_failure = true;
	EXPECT_NE(probe(), 0);
	EXPECT_EQ(disks().size(), 0u);
}

TEST_F(Nvme, SmallQueues)
{
	for (u32 mqes : {1u, 2u, 3u, 63u}) {
		device->config.mqes = mqes;
		ASSERT_EQ(probe(), 0);
		for (int i = 0; i < 10; ++i)
			EXPECT_TRUE(round_trip());
		again();
	}
	device->config.mqes = 0;
	EXPECT_EQ(probe(), -19);
	EXPECT_TRUE(logged("queues of 1 entries are of no use"));
}

TEST_F(Nvme, PagesLargerThanOurs)
{
	device->config.least_page = 1;
	EXPECT_EQ(probe(), -19);
	EXPECT_TRUE(logged("Minimum device page size 8192 too large for host (4096)"));
}

TEST_F(Nvme, DoorbellsFarApart)
{
	device->config.stride = 4;
	EXPECT_EQ(probe(), 0);
	EXPECT_TRUE(round_trip());
	again();
	// As many queues as there is room for: 4096 bytes are two doorbells of 2048 bytes, the administrative queue's.
	device->config.stride = 9;
	device->config.bar_bytes = 8192;
	EXPECT_EQ(probe(), 0);
	EXPECT_TRUE(logged("IO queues not created"));
}

TEST_F(Nvme, Nv55QueueCountIsRefused)
{
	device->config.queue_count_status = 0x4006;
	EXPECT_EQ(probe(), 0);
	EXPECT_TRUE(logged("Could not set queue count (16390)"));
	EXPECT_TRUE(logged("IO queues not created"));
	EXPECT_EQ(disks().size(), 0u);
}

TEST_F(Nvme, Nv55QueueCountTimesOut)
{
	device->answer = [](u32 queue, const Sqe& sqe) {
		return Answer{.drop = queue == 0 && sqe.opcode == 9 && (sqe.cdw10 & 0xff) == 7};
	};
	const u64 start = now();
	EXPECT_NE(probe(), 0);
	EXPECT_LE(now() - start, 70 * kSecond);
}

TEST_F(Nvme, Nv56QueueCreationFailsPartWay)
{
	machine().cpus = 4;
	for (auto member : {&Config::refuse_sq, &Config::refuse_cq}) {
		for (u32 bad = 1; bad <= 4; ++bad) {
			machine().cpus = 4;
			device->config.*member = bad;
			ASSERT_EQ(probe(), 0);
			EXPECT_EQ(disks().size(), bad == 1 ? 0u : 1u);
			if (bad > 1) {
				EXPECT_TRUE(round_trip());
				EXPECT_TRUE(logged(std::to_string(bad - 1) + "/0/0 default/read/poll queues"));
			}
			again();
		}
	}
}

TEST_F(Nvme, Nv56FewerQueuesAfterAReset)
{
	machine().cpus = 4;
	ASSERT_EQ(probe(), 0);
	for (u32 queues : {2u, 4u, 1u, 3u}) {
		device->config.io_queues = queues;
		ignore_io(1);
		// What waits for a queue that is no more fails, as with the C driver.
		(void)round_trip();
		run_for(1 * kSecond);
		EXPECT_TRUE(round_trip());
		EXPECT_TRUE(logged(std::to_string(queues) + "/0/0 default/read/poll queues"));
	}
}

TEST_F(Nvme, Nv22MissedInterruptIsNoticed)
{
	ASSERT_EQ(probe(), 0);
	device->answer = [](u32 queue, const Sqe&) { return Answer{.interrupts = queue == 0}; };
	const u64 start = now();
	EXPECT_EQ(transfer(kDisk, Op::Read, 0, kPage, Buffer(kPage).at()), kOk);
	EXPECT_GE(now() - start, 30 * kSecond);
	EXPECT_LE(now() - start, 31 * kSecond);
	EXPECT_TRUE(logged("timeout, completion polled"));
	EXPECT_FALSE(logged("aborting"));
}

TEST_F(Nvme, Nv21LadderTakesItsTime)
{
	ASSERT_TRUE(set_param("io_timeout", "3"));
	ASSERT_EQ(probe(), 0);
	// The abort, which ends nothing, and the second timeout.
	ignore_io(1);
	const u64 start = now();
	EXPECT_EQ(transfer(kDisk, Op::Read, 0, kPage, Buffer(kPage).at()), kOk);
	EXPECT_GE(now() - start, 6 * kSecond);
	EXPECT_LE(now() - start, 6 * kSecond + 200 * kMs);
	EXPECT_EQ(device->count(0, 0x08), 1u);
	EXPECT_TRUE(logged("Abort status: 0x0"));
	EXPECT_TRUE(logged("timeout, reset controller"));
}

TEST_F(Nvme, Nv64AbortsAreLimited)
{
	for (u32 acl : {0u, 3u}) {
		device->config.acl = acl;
		ASSERT_TRUE(set_param("io_timeout", "3"));
		ASSERT_EQ(probe(), 0);
		// Aborts are not answered, either.
		device->answer = [](u32 queue, const Sqe& sqe) {
			return Answer{.drop = queue != 0 || sqe.opcode == 8};
		};
		Buffer data(kPage);
		std::vector<std::shared_ptr<Io>> all;
		run([&] {
			for (int i = 0; i < 10; ++i)
				all.push_back(submit(kDisk, Op::Read, 0, 512, data.at()));
		});
		run_for(4 * kSecond);
		EXPECT_EQ(device->count(0, 0x08), acl + 1);
		device->answer = nullptr;
		run_for(20 * kSecond);
		for (auto& io : all)
			EXPECT_TRUE(io->done && io->status == kOk);
		again();
	}
}

TEST_F(Nvme, Nv63FatalStatusResetsAtOnce)
{
	ASSERT_EQ(probe(), 0);
	ignore_io(1);
	run([&] {
		Buffer data(kPage);
		auto io = submit(kDisk, Op::Read, 0, kPage, data.at());
		device->fatal = true;
		wait_until("I/O", [&] { return io->done; });
		EXPECT_EQ(io->status, kOk);
	});
	EXPECT_TRUE(logged("controller is down; will reset: CSTS=0x3, PCI_STATUS=0x10"));
	EXPECT_EQ(device->count(0, 0x08), 0u);
}

TEST_F(Nvme, Nv65TimeoutWhileComingUpAgain)
{
	ASSERT_EQ(probe(), 0);
	// After the reset, nothing is answered any more: the first command of bring_up() times out.
	device->answer = [](u32 queue, const Sqe& sqe) { return Answer{.drop = queue != 0 || sqe.opcode == 6}; };
	const u64 start = now();
	EXPECT_NE(transfer(kDisk, Op::Read, 0, kPage, Buffer(kPage).at()), kOk);
	EXPECT_LE(now() - start, 200 * kSecond);
	EXPECT_TRUE(logged("timeout, disable controller"));
	EXPECT_TRUE(logged("Disabling device after reset failure"));
	EXPECT_EQ(capacity(kDisk), 0u);
}

TEST_F(Nvme, Nv80BogusCompletionsAreIgnored)
{
	ASSERT_EQ(probe(), 0);
	Buffer data(kPage);
	run([&] {
		for (u32 id : {0u, 1u, 5u, 0xfffu, 0xffffu, 0x1000u}) {
			device->complete(1, id, 0);
			device->complete(0, id, 0x4002);
		}
	});
	run_for(1 * kMs);
	EXPECT_TRUE(logged("invalid id 65535 completed on queue 1"));
	EXPECT_TRUE(logged("invalid id 4095 completed on queue 0"));
	EXPECT_TRUE(round_trip());
	EXPECT_TRUE(round_trip(64));
}

TEST_F(Nvme, Nv80CompletedTwice)
{
	ASSERT_EQ(probe(), 0);
	device->answer = [](u32, const Sqe&) { return Answer{.times = 2}; };
	for (int i = 0; i < 100; ++i)
		EXPECT_TRUE(round_trip(u64(i), 512));
	EXPECT_TRUE(logged("invalid id"));
}

TEST_F(Nvme, Nv80AnotherGenerationWhileInFlight)
{
	ASSERT_EQ(probe(), 0);
	device->answer = [this](u32 queue, const Sqe& sqe) {
		if (queue != 0)
			device->complete(queue, u32(sqe.id ^ 0x3000), 0x4281);
		return Answer{};
	};
	EXPECT_TRUE(round_trip());
	EXPECT_TRUE(logged("invalid id"));
}

TEST_F(Nvme, EntriesOfTheLapBeforeAreNotTaken)
{
	ASSERT_EQ(probe(), 0);
	Buffer data(kPage);
	device->answer = [this](u32 queue, const Sqe& sqe) {
		if (queue != 0)
			device->stale_entry(queue, sqe.id);
		return Answer{};
	};
	for (int i = 0; i < 2500; ++i)
		ASSERT_EQ(transfer(kDisk, Op::Read, 0, 512, data.at()), kOk);
	EXPECT_FALSE(logged("invalid id"));
}

TEST_F(Nvme, Nv21EveryOrderOfTimeoutAndCompletion)
{
	ASSERT_TRUE(set_param("io_timeout", "1"));
	ASSERT_EQ(probe(), 0);
	Buffer data(kPage);
	// Around the first timeout, the abort, and the second timeout with its reset, microsecond by microsecond.
	for (u64 base : {1 * kSecond, 2 * kSecond}) {
		for (u64 step = 0; step <= 60; ++step) {
			bool first = true;
			device->answer = [&](u32 queue, const Sqe&) {
				Answer said;
				if (queue != 0 && std::exchange(first, false))
					said.delay = base - (20 * kUs) + (step * (step > 40 ? 50 * kUs : kUs));
				return said;
			};
			ASSERT_EQ(transfer(kDisk, Op::Read, 0, 512, data.at()), kOk) << base << " " << step;
		}
	}
	device->answer = nullptr;
	EXPECT_TRUE(round_trip());
}

TEST_F(Nvme, Nv21EveryOrderShuffled)
{
	for (u32 seed = 1; seed <= 60; ++seed) {
		ASSERT_TRUE(set_param("io_timeout", "1"));
		ASSERT_EQ(probe(), 0);
		shuffle(seed);
		u32 number = seed;
		// Some are late, some are dropped, some come twice.
		device->answer = [number](u32 queue, const Sqe&) mutable {
			number = (number * 1103515245) + 12345;
			Answer said;
			said.delay = (number >> 16) % 3 == 0 ? (990 * kMs) + ((number >> 8) % 20 * kMs) : 20 * kUs;
			said.drop = queue != 0 && (number >> 20) % 16 == 0;
			said.times = (number >> 24) % 8 == 0 ? 2 : 1;
			return said;
		};
		Buffer data(kPage);
		std::vector<std::shared_ptr<Io>> all;
		run([&] {
			for (int i = 0; i < 20; ++i)
				all.push_back(submit(kDisk, i % 3 == 0 ? Op::Write : Op::Read, 0, 512, data.at()));
		});
		run_for(300 * kSecond);
		for (auto& io : all)
			EXPECT_TRUE(io->done) << "seed " << seed;
		shuffle(0);
		again();
	}
}

TEST_F(Nvme, Nv32ShutdownThatNeverCompletes)
{
	ASSERT_EQ(probe(), 0);
	device->config.shutdown_after = kNever;
	const u64 start = now();
	remove();
	EXPECT_GE(now() - start, 5 * kSecond);
	EXPECT_LE(now() - start, 5 * kSecond + 100 * kMs);
	EXPECT_TRUE(logged("Device shutdown incomplete; abort shutdown"));
}

TEST_F(Nvme, Nv32ShutdownTakesAsLongAsTheDeviceSays)
{
	device->config.rtd3e_us = 8500000;
	ASSERT_EQ(probe(), 0);
	device->config.shutdown_after = 8 * kSecond;
	remove();
	EXPECT_TRUE(device->was_shut_down());
	EXPECT_FALSE(logged("incomplete"));
}

/// Whatever access finds no device any more: no task waits for ever, and nothing is left.
TEST_F(Nvme, Nv61GoneAtEveryAccessWhileComingUp)
{
	u64 n = 0;
	for (bool reached = true; reached; again()) {
		device->gone_at = ++n;
		const u64 start = now();
		const int error = probe();
		run_for(100 * kSecond);
		reached = device->is_gone();
		EXPECT_LE(disks().size(), error == 0 ? 1u : 0u);
		remove();
		EXPECT_LE(now() - start, 400 * kSecond) << "at access " << n;
	}
	EXPECT_GT(n, 40u);
}

TEST_F(Nvme, Nv61GoneAtEveryAccessUnderIo)
{
	ASSERT_TRUE(set_param("io_timeout", "2"));
	for (u64 n = 1; n < 120; ++n) {
		ASSERT_EQ(probe(), 0);
		ignore_io(3);
		Buffer data(kPage);
		std::vector<std::shared_ptr<Io>> all;
		device->gone_at = device->accesses + n;
		run([&] {
			for (int i = 0; i < 6; ++i)
				all.push_back(submit(kDisk, Op::Read, 0, 512, data.at()));
		});
		run_for(400 * kSecond);
		for (auto& io : all)
			EXPECT_TRUE(io->done) << "at access " << n;
		remove();
		EXPECT_EQ(disks().size(), 0u);
		again();
		ASSERT_TRUE(set_param("io_timeout", "2"));
	}
}

TEST_F(Nvme, Nv61GoneAtEveryAccessWhileRemoved)
{
	for (u64 n = 1; n < 60; ++n) {
		ASSERT_EQ(probe(), 0);
		Buffer data(kPage);
		device->answer = [](u32 queue, const Sqe&) {
			return Answer{.delay = queue != 0 ? 50 * kMs : 20 * kUs};
		};
		device->gone_at = device->accesses + n;
		std::vector<std::shared_ptr<Io>> all;
		run([&] {
			for (int i = 0; i < 4; ++i)
				all.push_back(submit(kDisk, Op::Write, 0, 512, data.at()));
			const u64 start = now();
			remove();
			EXPECT_LE(now() - start, 200 * kSecond) << "at access " << n;
			for (auto& io : all)
				EXPECT_TRUE(io->done);
		});
		again();
	}
}

/// Every allocation, map and tag set on the way up fails in its turn: an error, and nothing is left.
TEST_F(Nvme, EveryAllocationFailsWhileComingUp)
{
	u64 n = 0;
	for (bool reached = true; reached; again()) {
		machine().fail_allocation_at = ++n;
		const int error = probe();
		reached = machine().fail_allocation_at == 0;
		EXPECT_TRUE(error == 0 || error == -12 || error == -5 || error == -19) << n << ": " << error;
		machine().fail_allocation_at = 0;
		remove();
	}
	EXPECT_GT(n, 30u);
}

TEST_F(Nvme, EveryAllocationFailsInAReset)
{
	u64 n = 0;
	for (bool reached = true; reached; again()) {
		ASSERT_TRUE(set_param("io_timeout", "1"));
		ASSERT_EQ(probe(), 0);
		ignore_io(1);
		machine().fail_allocation_at = ++n;
		(void)transfer(kDisk, Op::Read, 0, 512, Buffer(kPage).at());
		run_for(1 * kSecond);
		reached = machine().fail_allocation_at == 0;
		machine().fail_allocation_at = 0;
	}
	EXPECT_GT(n, 5u);
}

constexpr u32 kFrozen = 2, kLost = 3, kCanRecover = 2, kNeedReset = 3, kDisconnect = 4;

TEST_F(Nvme, Nv60LinkIsRecovered)
{
	ASSERT_EQ(probe(), 0);
	EXPECT_EQ(error_detected(1), kCanRecover);
	Buffer data(kPage);
	for (int i = 0; i < 3; ++i) {
		std::vector<std::shared_ptr<Io>> all;
		ignore_io(4);
		run([&] {
			for (int n = 0; n < 4; ++n)
				all.push_back(submit(kDisk, Op::Read, 0, 512, data.at()));
		});
		EXPECT_EQ(error_detected(kFrozen), kNeedReset);
		EXPECT_FALSE(all[0]->done);
		run_for(10 * kSecond);
		slot_reset();
		run_for(1 * kSecond);
		for (auto& io : all)
			EXPECT_TRUE(io->done && io->status == kOk);
		EXPECT_TRUE(round_trip());
	}
	EXPECT_TRUE(logged("frozen state error detected, reset controller"));
	EXPECT_TRUE(logged("restart after slot reset"));
	// Long after: nothing thinks that it was not recovered.
	run_for(100 * kSecond);
	EXPECT_TRUE(round_trip());
	EXPECT_EQ(error_detected(kLost), kDisconnect);
}

TEST_F(Nvme, Nv85LinkThatIsNotRecoveredFailsRequestsInTime)
{
	ASSERT_EQ(probe(), 0);
	ignore_io(1);
	Buffer data(kPage);
	std::shared_ptr<Io> io;
	run([&] { io = submit(kDisk, Op::Read, 0, 512, data.at()); });
	EXPECT_EQ(error_detected(kFrozen), kNeedReset);
	device->pull_out();
	const u64 start = now();
	run([&] { wait_until("I/O", [&] { return io->done; }); });
	EXPECT_NE(io->status, kOk);
	EXPECT_LE(now() - start, 61 * kSecond);
	run_for(1 * kSecond);
	EXPECT_EQ(capacity(kDisk), 0u);
}

TEST_F(Nvme, Nv85DeviceThatDoesNotComeBackWithItsLink)
{
	ASSERT_EQ(probe(), 0);
	EXPECT_EQ(error_detected(kFrozen), kNeedReset);
	slot_reset(false);
	run_for(10 * kSecond);
	EXPECT_NE(transfer(kDisk, Op::Read, 0, 512, Buffer(kPage).at()), kOk);
	EXPECT_TRUE(logged("Disabling device after reset failure: -19"));
}

TEST_F(Nvme, Nv60FunctionResetUnderIo)
{
	ASSERT_EQ(probe(), 0);
	Buffer data(kPage);
	for (int i = 0; i < 20; ++i) {
		std::vector<std::shared_ptr<Io>> all;
		run([&] {
			for (int n = 0; n < 6; ++n)
				all.push_back(submit(kDisk, Op::Read, 0, 512, data.at()));
			compute(u64(i) * 3 * kUs);
			function_reset();
			wait_until("I/O", [&] {
				for (auto& io : all) {
					if (!io->done)
						return false;
				}
				return true;
			});
		});
		for (auto& io : all)
			EXPECT_EQ(io->status, kOk);
	}
	EXPECT_TRUE(round_trip());
}

TEST_F(Nvme, Nv60LinkFailsAtAnyTime)
{
	for (u32 seed = 1; seed <= 40; ++seed) {
		ASSERT_TRUE(set_param("io_timeout", "1"));
		ASSERT_EQ(probe(), 0);
		shuffle(seed);
		ignore_io(seed % 5);
		Buffer data(kPage);
		std::vector<std::shared_ptr<Io>> all;
		run([&] {
			for (int n = 0; n < 6; ++n)
				all.push_back(submit(kDisk, Op::Read, 0, 512, data.at()));
		});
		run_for((900 * kMs) + (u64(seed) * 60 * kMs));
		if (error_detected(kFrozen) == kNeedReset)
			slot_reset(seed % 7 != 0);
		run_for(300 * kSecond);
		for (auto& io : all)
			EXPECT_TRUE(io->done) << "seed " << seed;
		shuffle(0);
		again();
	}
}

/// Four states, two of which are at rest, as a usual drive has them.
void give_states(Config& config)
{
	config.npss = 4;
	config.apsta = 1;
	config.states = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {4000, 6000, 1}, {5000, 44000, 1}};
}

TEST_F(Nvme, Nv58TransitionsAreSet)
{
	give_states(device->config);
	ASSERT_EQ(probe(), 0);
	ASSERT_EQ(device->transitions.size(), 1u);
	std::vector<u64> expected(32);
	// To state 3 after 100 ms, from there to state 4 after 2000 ms.
	expected[0] = expected[1] = expected[2] = (3 << 3) | (100 << 8);
	expected[3] = (4 << 3) | (2000 << 8);
	EXPECT_EQ(device->transitions[0], expected);
	again();
	give_states(device->config);
	ASSERT_TRUE(set_param("default_ps_max_latency_us", "10000"));
	ASSERT_EQ(probe(), 0);
	expected[3] = 0;
	EXPECT_EQ(device->transitions.at(0), expected);
	again();
	give_states(device->config);
	ASSERT_TRUE(set_param("default_ps_max_latency_us", "0"));
	ASSERT_EQ(probe(), 0);
	EXPECT_TRUE(device->transitions.at(0).empty());
	again();
	ASSERT_EQ(probe(), 0);
	EXPECT_TRUE(device->transitions.empty());
}

TEST_F(Nvme, Nv58UserSpaceLimitsTheLatency)
{
	ASSERT_EQ(probe(), 0);
	EXPECT_FALSE(set_latency_tolerance(10000));
	again();
	give_states(device->config);
	ASSERT_EQ(probe(), 0);
	// As it was.
	EXPECT_TRUE(set_latency_tolerance(100000));
	EXPECT_EQ(device->transitions.size(), 1u);
	EXPECT_TRUE(set_latency_tolerance(10000));
	ASSERT_EQ(device->transitions.size(), 2u);
	EXPECT_EQ(device->transitions[1][0], (3u << 3) | (100u << 8));
	EXPECT_EQ(device->transitions[1][3], 0u);
	EXPECT_TRUE(set_latency_tolerance(0));
	ASSERT_EQ(device->transitions.size(), 3u);
	EXPECT_TRUE(device->transitions[2].empty());
	EXPECT_TRUE(set_latency_tolerance(-1));
	ASSERT_EQ(device->transitions.size(), 4u);
	EXPECT_EQ(device->transitions[3][3], (4u << 3) | (2000u << 8));
	// It stays after a reset.
	EXPECT_TRUE(set_latency_tolerance(0));
	function_reset();
	EXPECT_TRUE(device->transitions.back().empty());
	EXPECT_EQ(device->transitions.size(), 6u);
}

/// Of a set of commands that nobody here knows: a disk that nobody sees, and a character device.
TEST_F(Nvme, Nv49UnknownCommandSet)
{
	device->config.all_sets = true;
	device->config.set = 1;
	ASSERT_EQ(probe(), 0);
	EXPECT_EQ(disks(), std::vector<std::string>{kDisk});
	EXPECT_TRUE(is_hidden(kDisk));
	EXPECT_TRUE(has_device("ngcpp0n1"));
	EXPECT_TRUE(logged("block device for nsid 1 not supported (csi 1)"));
	again();
	device->config.all_sets = true;
	ASSERT_EQ(probe(), 0);
	EXPECT_FALSE(is_hidden(kDisk));
	EXPECT_TRUE(round_trip());
	// It has become another one.
	device->config.set = 1;
	function_reset();
	run_for(kSecond);
	EXPECT_TRUE(is_hidden(kDisk));
	EXPECT_TRUE(logged("identifiers changed for nsid 1"));
}

// As in quirks.hpp.
constexpr u64 kSharedTags = 1u << 13, kNoIdList = 1u << 15, kNoGenerations = 1u << 17, kListsAt512 = 1u << 22;

TEST_F(Nvme, Nv37DeviceWithoutListOfIds)
{
	device->config.id_list_status = 0x4002;
	ASSERT_EQ(probe(), 0);
	EXPECT_TRUE(disks().empty());
	again();
	device->config.id_list_status = 0x4002;
	machine().quirks = kNoIdList;
	ASSERT_EQ(probe(), 0);
	EXPECT_TRUE(round_trip());
	for (const auto& [queue, sqe] : device->commands)
		EXPECT_FALSE(queue == 0 && sqe.opcode == 6 && (sqe.cdw10 & 0xff) == 3);
}

/// Every id is a tag, also the second time.
TEST_F(Nvme, Nv37DeviceThatWantsSmallIds)
{
	machine().quirks = kNoGenerations;
	ASSERT_EQ(probe(), 0);
	for (u32 i = 0; i < 40; ++i)
		ASSERT_TRUE(round_trip(8 * i));
	for (const auto& [queue, sqe] : device->commands)
		EXPECT_LT(sqe.id, 1024);
}

/// One I/O queue, and no id of it is one of the administrative queue's.
TEST_F(Nvme, Nv37DeviceWithOneSetOfIds)
{
	machine().quirks = kSharedTags;
	ASSERT_EQ(probe(), 0);
	for (u32 i = 0; i < 40; ++i)
		ASSERT_TRUE(round_trip(8 * i));
	for (const auto& [queue, sqe] : device->commands) {
		EXPECT_LE(queue, 1u);
		EXPECT_EQ((sqe.id & 0xfff) < 32, queue == 0);
	}
	again();
	machine().quirks = kSharedTags;
	ASSERT_TRUE(set_param("io_queue_depth", "8"));
	ASSERT_EQ(probe(), 0);
	EXPECT_TRUE(logged("IO queue depth clamped to 34"));
	EXPECT_TRUE(round_trip());
}

TEST_F(Nvme, Nv37ListsThatBeginAtMultiplesOf512)
{
	for (const u64 quirks : {u64(0), kListsAt512}) {
		machine().quirks = quirks;
		ASSERT_EQ(probe(), 0);
		std::vector<std::shared_ptr<Io>> all;
		Buffer data(64 * kPage);
		u32 at_256 = 0;
		for (u32 i = 0; i < 12; ++i)
			all.push_back(submit(kDisk, Op::Write, 0, 16 * kPage, data.at()));
		run_for(kSecond);
		for (const auto& io : all)
			EXPECT_EQ(io->status, kOk);
		for (const auto& [queue, sqe] : device->commands) {
			if (queue != 0 && sqe.opcode == 1)
				at_256 += sqe.prp2 % 512 != 0 ? 1 : 0;
		}
		EXPECT_EQ(at_256 == 0, quirks == kListsAt512);
		again();
	}
}

TEST_F(Nvme, Nv59WithoutPowerItIsShutDown)
{
	// Each of the four reasons alone.
	for (int reason = 0; reason < 5; ++reason) {
		give_states(device->config);
		machine().saves_link_power = reason != 0;
		machine().firmware_suspends = reason == 1;
		machine().wants_power_off = reason == 2;
		if (reason == 3)
			device->config.npss = 0;
		ASSERT_EQ(probe(), 0);
		EXPECT_EQ(suspend(reason == 4), 0);
		EXPECT_TRUE(device->was_shut_down()) << reason;
		EXPECT_FALSE(reason != 4 && device->power_state != 0);
		device->plug_in();
		EXPECT_EQ(resume(reason == 4), 0);
		EXPECT_TRUE(round_trip());
		again();
	}
}

TEST_F(Nvme, Nv59WithPowerItGoesToItsLowestState)
{
	give_states(device->config);
	machine().saves_link_power = true;
	ASSERT_EQ(probe(), 0);
	device->power_state = 1;
	EXPECT_EQ(suspend(), 0);
	EXPECT_FALSE(device->was_shut_down());
	EXPECT_TRUE(machine().keeps_power_state);
	EXPECT_EQ(device->power_state, 4u);
	EXPECT_EQ(resume(), 0);
	EXPECT_EQ(device->power_state, 1u);
	EXPECT_TRUE(round_trip());
	EXPECT_FALSE(logged("reset"));
	// A device that refuses is shut down, and comes back.
	device->power_status = 0x4002;
	EXPECT_EQ(suspend(), 0);
	EXPECT_TRUE(device->was_shut_down());
	EXPECT_FALSE(machine().keeps_power_state);
	device->plug_in();
	EXPECT_EQ(resume(), 0);
	EXPECT_TRUE(round_trip());
	// One that has lost its state is reset.
	device->power_status = 0;
	EXPECT_EQ(suspend(), 0);
	device->power_status = 0x4002;
	EXPECT_EQ(resume(), 0);
	run_for(1 * kSecond);
	EXPECT_TRUE(round_trip());
}

TEST_F(Nvme, Nv59RequestsUnderWayAreNotLost)
{
	for (u64 step = 0; step < 40; ++step) {
		ASSERT_EQ(probe(), 0);
		device->answer = [](u32 queue, const Sqe&) {
			return Answer{.delay = queue != 0 ? 30 * kMs : 20 * kUs};
		};
		Buffer data(kPage);
		std::vector<std::shared_ptr<Io>> all;
		run([&] {
			for (int n = 0; n < 6; ++n)
				all.push_back(submit(kDisk, Op::Write, 0, 512, data.at()));
			compute(step * kMs);
			EXPECT_EQ(suspend(), 0);
			EXPECT_TRUE(device->was_shut_down());
			device->plug_in();
			EXPECT_EQ(resume(), 0);
		});
		run_for(1 * kSecond);
		for (auto& io : all)
			EXPECT_TRUE(io->done && io->status == kOk) << step;
		again();
	}
}

TEST_F(Nvme, Nv61GoneAtEveryAccessAsleepAndAwake)
{
	for (u64 n = 1; n < 80; ++n) {
		give_states(device->config);
		machine().saves_link_power = n % 2 == 0;
		ASSERT_EQ(probe(), 0);
		device->gone_at = device->accesses + n;
		const u64 start = now();
		(void)suspend();
		(void)resume();
		run_for(200 * kSecond);
		EXPECT_LE(now() - start, 600 * kSecond);
		again();
	}
}

TEST_F(Nvme, Nv75MemoryBufferIsAnnouncedAndTakenBack)
{
	device->config.buffer_bytes = 64 << 20;
	device->config.buffer_is_hidden = true;
	ASSERT_EQ(probe(), 0);
	std::vector<std::pair<u32, u32>> seen;
	for (auto write : device->written) {
		if (write.first == 0x50 || write.first == 0x54)
			seen.push_back(write);
	}
	// The low half last: what it says is about all of it.
	const std::vector<std::pair<u32, u32>> expected = {{0x50, 1}, {0x54, 0x30}, {0x50, 3}, {0x54, 0}, {0x50, 0}};
	EXPECT_EQ(seen, expected);
	EXPECT_TRUE(logged("failed to register the CMB"));
	EXPECT_TRUE(round_trip());
}

}  // namespace
}  // namespace sim
