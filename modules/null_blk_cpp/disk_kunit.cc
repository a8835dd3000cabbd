// SPDX-License-Identifier: GPL-2.0
#include "disk.hpp"

#include "params.hpp"

#include <cxxrt/kunit.hpp>

namespace null_blk {
namespace {

using kunit::each;

constexpr const char* kName = "null_blk_kunit";

/// What a disk needs of its device.
class Device : Pinned {
public:
	static Result<Box<Device>> create()
	{
		auto major = TRY(blk::Major::create(kName));
		auto device = TRY(Box<Device>::make(Gfp::Kernel, move(major)));
		TRY(device->bad_.list.init());
		return device;
	}
	explicit Device(blk::Major&& major) : major_(move(major)) {}

	Config config = params::default_config();

	Result<Box<Nullb>> power_on()
	{
		TRY(config.normalise());
		auto id = TRY(indexes_.allocate(Gfp::Kernel));
		const Source source{.store = store_, .bad = bad_, .faults = faults_, .shared = nullptr};
		return Nullb::create(config, source, kName, major_.number(), move(id));
	}

private:
	blk::Major major_;
	Ida indexes_;
	PageStore store_;
	BadSectors bad_;
	Faults faults_{FaultConfigs{}};
};

Result<Box<Device>> make_device(QueueMode mode, IrqMode irq, bool memory_backed)
{
	auto device = TRY(Device::create());
	device->config.size = 1;
	device->config.queue_mode = u32(mode);
	device->config.irqmode = u32(irq);
	device->config.memory_backed = memory_backed;
	device->config.completion_nsec = 1000;
	return device;
}

}  // namespace

/// Data along each path: path_kunit.cc, and in a guest.
KUNIT_TEST(null_blk_disk, every_path_comes_and_goes)
{
	for (QueueMode mode : each(QueueMode::Mq, QueueMode::Bio)) {
		for (IrqMode irq : each(IrqMode::None, IrqMode::Softirq, IrqMode::Timer)) {
			for (bool memory : each(false, true)) {
				auto device = TRY(make_device(mode, irq, memory));
				auto disk = TRY(device->power_on());
				test.expect_eq(disk->name(), kName);
				test.expect_eq(disk->index(), 0u);
			}
		}
	}
	return {};
}

/// The tag set may get fewer queues than were asked for; then it has one, and none to poll.
KUNIT_TEST(null_blk_disk, queues_are_as_configured_or_one)
{
	auto device = TRY(make_device(QueueMode::Mq, IrqMode::None, false));
	device->config.submit_queues = cpu_id_limit();
	device->config.poll_queues = 1;
	TRY(device->config.normalise());
	auto tags = TRY(TagSpace::create(device->config, mq_path(IrqMode::OfQueue, Backing::Any)));
	const blk::QueueCounts all = tags->counts(cpu_id_limit() + 1);
	test.expect_eq(all.submit, cpu_id_limit());
	test.expect_eq(all.poll, 1u);
	const blk::QueueCounts less = tags->counts(cpu_id_limit() + 2);
	test.expect_eq(less.submit, 1u);
	test.expect_eq(less.poll, 0u);
	return {};
}

KUNIT_TEST(null_blk_disk, bio_queue_needs_a_command)
{
	test.expect_error(BioQueue::create(Node{}, 0, Nanoseconds{0}), EINVAL);
	auto queue = TRY(BioQueue::create(Node{}, 1, Nanoseconds{0}));
	test.expect(bool(queue));
	return {};
}

KUNIT_TEST(null_blk_disk, bio_queue_survives_failed_allocations)
{
	test.expect_survives_failed_allocations([] { return BioQueue::create(Node{}, 64, Nanoseconds{1000}); });
	return {};
}

KUNIT_TEST(null_blk_disk, survives_failed_allocations)
{
	auto device = TRY(make_device(QueueMode::Mq, IrqMode::Timer, true));
	test.expect_survives_failed_allocations([&] { return device->power_on(); });
	return {};
}

KUNIT_TEST(null_blk_disk, bio_disk_survives_failed_allocations)
{
	if (!blk::kBioDisks)
		return test.skip("this kernel's null_blk has no bio disks");
	auto device = TRY(make_device(QueueMode::Bio, IrqMode::Timer, true));
	test.expect_survives_failed_allocations([&] { return device->power_on(); });
	return {};
}

KUNIT_SUITE(null_blk_disk);

}  // namespace null_blk
