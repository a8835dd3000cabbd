// SPDX-License-Identifier: GPL-2.0
#include "config.hpp"

#include "params.hpp"

#include <cxxrt/kunit.hpp>
#include <cxxrt/system.hpp>

namespace null_blk {
namespace {

using kunit::each;
using kunit::Test;
using kunit::Where;

/// One that power-on leaves as it is.
constexpr Config kGood{
	.size = 4,
	.completion_nsec = 10000,
	.submit_queues = 1,
	.poll_queues = 0,
	.home_node = ~0u,
	.queue_mode = u32(QueueMode::Mq),
	.blocksize = 512,
	.max_sectors = 0,
	.irqmode = u32(IrqMode::Softirq),
	.hw_queue_depth = 64,
	.index = 3,
	.blocking = false,
	.use_per_node_hctx = false,
	.memory_backed = false,
	.virt_boundary = false,
	.no_sched = false,
	.shared_tag_bitmap = false,
};

/// What power-on makes of kGood with one value changed.   Errors: as Config::normalise().
template <class T> Result<Config> with(T Config::* field, T value)
{
	Config config = kGood;
	config.*field = value;
	TRY(config.normalise());
	return config;
}

/// Power-on leaves the value as it is.
template <class T> Result<void> expect_kept(Test& test, T Config::* field, T value, Where where = Where::here())
{
	const Config config = TRY(with(field, value));
	test.expect_eq(config.*field, value, where);
	return {};
}

template <class T> struct Change {
	T from, to;
};

/// Power-on corrects the value.
template <class T>
Result<void> expect_corrected(Test& test, T Config::* field, Change<T> change, Where where = Where::here())
{
	const Config config = TRY(with(field, change.from));
	test.expect_eq(config.*field, change.to, where);
	return {};
}

}  // namespace

KUNIT_TEST(null_blk_config, plain_values_are_kept)
{
	TRY(expect_kept(test, &Config::size, 0ul));
	TRY(expect_kept(test, &Config::blocksize, 4096u));
	TRY(expect_kept(test, &Config::max_sectors, 8u));
	TRY(expect_kept(test, &Config::hw_queue_depth, 1u));
	TRY(expect_kept(test, &Config::completion_nsec, 0ul));
	TRY(expect_kept(test, &Config::index, 99u));
	for (u32 mode : each(0u, 1u, 2u))
		TRY(expect_kept(test, &Config::irqmode, mode));
	for (bool Config::* flag :
	     each(&Config::blocking, &Config::virt_boundary, &Config::no_sched, &Config::shared_tag_bitmap)) {
		TRY(expect_kept(test, flag, true));
		TRY(expect_kept(test, flag, false));
	}
	return {};
}

KUNIT_TEST(null_blk_config, largest_values_are_kept)
{
	TRY(expect_kept(test, &Config::size, ~0ul >> 21));
	TRY(expect_kept(test, &Config::completion_nsec, 60'000'000'000ul));
	TRY(expect_kept(test, &Config::submit_queues, cpu_id_limit()));
	TRY(expect_kept(test, &Config::poll_queues, params::most_poll_queues()));
	return {};
}

KUNIT_TEST(null_blk_config, what_no_disk_can_be_is_refused)
{
	test.expect_error(with(&Config::queue_mode, u32(QueueMode::Rq)), EINVAL);
	test.expect_error(with(&Config::size, (~0ul >> 21) + 1), EINVAL);
	test.expect_error(with(&Config::size, ~0ul), EINVAL);
	test.expect_error(with(&Config::completion_nsec, 60'000'000'001ul), EINVAL);
	test.expect_error(with(&Config::hw_queue_depth, 0u), EINVAL);
	for (u32 size : each(0u, 1u, 256u, 513u, 1000u, 8192u, ~0u))
		test.expect_error(with(&Config::blocksize, size), EINVAL);
	for (u32 sectors = 1; sectors < blk::kLeastMaxSectors; ++sectors)
		test.expect_error(with(&Config::max_sectors, sectors), EINVAL);
	return {};
}

KUNIT_TEST(null_blk_config, queues_are_one_to_as_many_as_cpus)
{
	TRY(expect_corrected(test, &Config::submit_queues, Change<u32>{0u, 1u}));
	TRY(expect_corrected(test, &Config::submit_queues, Change<u32>{cpu_id_limit() + 1, cpu_id_limit()}));
	TRY(expect_corrected(test, &Config::submit_queues, Change<u32>{~0u, cpu_id_limit()}));
	TRY(expect_corrected(test, &Config::poll_queues, Change<u32>{~0u, params::most_poll_queues()}));
	return {};
}

KUNIT_TEST(null_blk_config, queue_per_node_replaces_the_number)
{
	Config config = kGood;
	config.submit_queues = 77;
	config.use_per_node_hctx = true;
	TRY(config.normalise());
	test.expect_eq(config.submit_queues, online_node_count());
	return {};
}

/// A bio disk has its queues by itself.
KUNIT_TEST(null_blk_config, queue_per_node_is_for_requests)
{
	if (!blk::kBioDisks)
		return test.skip("this kernel's null_blk has no bio disks");
	Config config = kGood;
	config.queue_mode = u32(QueueMode::Bio);
	config.submit_queues = 1;
	config.use_per_node_hctx = true;
	TRY(config.normalise());
	test.expect_eq(config.submit_queues, 1u);
	return {};
}

KUNIT_TEST(null_blk_config, unknown_modes_become_the_last)
{
	TRY(expect_corrected(test, &Config::irqmode, Change<u32>{3u, u32(IrqMode::Timer)}));
	TRY(expect_corrected(test, &Config::irqmode, Change<u32>{~0u, u32(IrqMode::Timer)}));
	// The C driver of kernels without bio disks leaves the number as it is.
	const u32 unknown = blk::kBioDisks ? u32(QueueMode::Mq) : 7;
	TRY(expect_corrected(test, &Config::queue_mode, Change<u32>{7u, unknown}));
	return {};
}

KUNIT_TEST(null_blk_config, bio_mode_is_a_kernels_choice)
{
	const Config config = TRY(with(&Config::queue_mode, u32(QueueMode::Bio)));
	test.expect_eq(config.queue_mode, u32(blk::kBioDisks ? QueueMode::Bio : QueueMode::Mq));
	test.expect_eq(config.is_bio(), blk::kBioDisks);
	test.expect(!TRY(with(&Config::queue_mode, u32(QueueMode::Mq))).is_bio());
	return {};
}

/// Making a page may sleep.
KUNIT_TEST(null_blk_config, memory_makes_it_blocking)
{
	const Config config = TRY(with(&Config::memory_backed, true));
	test.expect(config.memory_backed);
	test.expect(config.blocking);
	return {};
}

KUNIT_TEST(null_blk_config, units_and_types)
{
	Config config = kGood;
	test.expect_eq(config.capacity(), 8192ull);
	config.size = ~0ul >> 21;
	test.expect_eq(config.capacity(), u64(config.size) * 2048);
	test.expect_eq(config.node().id(), -1);
	config.home_node = 0;
	test.expect_eq(config.node().id(), 0);
	test.expect_eq(config.irq_mode(), IrqMode::Softirq);
	return {};
}

KUNIT_TEST(null_blk_config, home_node_is_any_or_online)
{
	test.expect(is_valid_home_node(~0u));
	test.expect(is_valid_home_node(0));
	for (u32 node : each(1023u, 65536u, 0x7fffffffu, 0x80000000u, ~0u - 1))
		test.expect(!is_valid_home_node(node));
	return {};
}

/// The C driver's.
KUNIT_TEST(null_blk_config, defaults)
{
	TRY(params::correct());
	Config config = params::default_config();
	test.expect_eq(config.size, 250ul * 1024);
	test.expect_eq(config.completion_nsec, 10000ul);
	test.expect_eq(config.submit_queues, 1u);
	test.expect_eq(config.poll_queues, 1u);
	test.expect_eq(config.home_node, ~0u);
	test.expect_eq(config.queue_mode, u32(QueueMode::Mq));
	test.expect_eq(config.blocksize, 512u);
	test.expect_eq(config.max_sectors, 0u);
	test.expect_eq(config.irqmode, u32(IrqMode::Softirq));
	test.expect_eq(config.hw_queue_depth, 64u);
	test.expect(!config.blocking && !config.use_per_node_hctx && !config.memory_backed && !config.virt_boundary &&
		    !config.no_sched && !config.shared_tag_bitmap);
	TRY(config.normalise());
	test.expect_eq(params::device_count(), 1u);
	test.expect(!params::use_compat_names());
	return {};
}

KUNIT_SUITE(null_blk_config);

}  // namespace null_blk
