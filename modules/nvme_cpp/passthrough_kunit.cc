// SPDX-License-Identifier: GPL-2.0
#include "passthrough.hpp"

#include <cxxrt/kunit.hpp>
#include <cxxrt/system.hpp>

namespace nvme {

/// A second copy of what uapi/linux/nvme_ioctl.h makes of them.
KUNIT_TEST(nvme_passthrough, numbers_are_the_kernels)
{
	test.expect_eq(ioctls::kId, 0x4e40u);
	test.expect_eq(ioctls::kAdminCmd, 0xc0484e41u);
	test.expect_eq(ioctls::kSubmitIo, 0x40304e42u);
	test.expect_eq(ioctls::kSubmitIo32, 0x402c4e42u);
	test.expect_eq(ioctls::kIoCmd, 0xc0484e43u);
	test.expect_eq(ioctls::kReset, 0x4e44u);
	test.expect_eq(ioctls::kSubsystemReset, 0x4e45u);
	test.expect_eq(ioctls::kRescan, 0x4e46u);
	test.expect_eq(ioctls::kAdmin64Cmd, 0xc0504e47u);
	test.expect_eq(ioctls::kIo64Cmd, 0xc0504e48u);
	test.expect_eq(ioctls::kIo64CmdVec, 0xc0504e49u);
	test.expect_eq(ioctls::kUringIo, 0xc0484e80u);
	test.expect_eq(ioctls::kUringAdminVec, 0xc0484e83u);
	return {};
}

/// Format and Sanitize run alone whatever the log says, and without one.
KUNIT_TEST(nvme_passthrough, nv41_effects_that_are_known_without_a_log)
{
	auto log = TRY(Box<EffectsLog>::make(Gfp::Kernel));
	*log = {};
	const EffectsLog* const logs[] = {nullptr, log.get()};
	for (const EffectsLog* from : logs) {
		test.expect_eq(Effects::of_admin(from, 0x80), 0x70006u);
		test.expect_eq(Effects::of_admin(from, 0x84), 0x70002u);
		test.expect_eq(Effects::of_admin(from, 0x06), 0u);
		test.expect_eq(Effects::of_io(from, 0x01), 2u);
		test.expect_eq(Effects::of_io(from, 0x04), 2u);
		test.expect_eq(Effects::of_io(from, 0x08), 2u);
		test.expect_eq(Effects::of_io(from, 0x02), 0u);
	}
	return {};
}

/// The log's are added to them. Since 6.12, Security Receive does not run alone, nor what is said to be relaxed.
KUNIT_TEST(nvme_passthrough, nv41_effects_of_the_log)
{
	auto log = TRY(Box<EffectsLog>::make(Gfp::Kernel));
	*log = {};
	log->admin[0x10] = 0x10011u;
	log->admin[0x82] = 0x20001u;
	log->admin[0xc0] = 0x14001u;
	log->io[0x02] = 1u;
	test.expect_eq(Effects::of_admin(log.get(), 0x10), 0x10011u);
	test.expect_eq(Effects::of_admin(log.get(), 0x82), kSince6_12 ? 1u : 0x20001u);
	test.expect_eq(Effects::of_admin(log.get(), 0xc0), kSince6_12 ? 0x4001u : 0x14001u);
	test.expect_eq(Effects::of_io(log.get(), 0x02), 1u);
	test.expect_eq(Effects::of_io(log.get(), 0x01), 2u);
	return {};
}

/// Of the format in use, whose number has two parts if there are many; one that there cannot be has plain blocks.
KUNIT_TEST(nvme_passthrough, nv43_format_of_blocks)
{
	auto id = TRY(Box<IdentifyNamespace>::make(Gfp::Kernel));
	*id = {};
	id->nlbaf = 63;
	id->flbas = 0x13;
	id->lbaf[3] = {.ms = u16(64), .lbads = 12};
	id->lbaf[0x23] = {.ms = u16(8), .lbads = 9};
	BlockFormat format = BlockFormat::of(*id);
	test.expect_eq(format.shift, u8(12));
	test.expect_eq(format.metadata_bytes, u16(64));
	test.expect_eq(format.is_extended, true);
	test.expect_eq(format.has_own_metadata(), false);
	id->flbas = 0x43;
	id->dps = 1;
	format = BlockFormat::of(*id);
	test.expect_eq(format.shift, u8(9));
	test.expect_eq(format.has_own_metadata(), true);
	test.expect_eq(format.pi_bytes, u8(8));
	return {};
}

KUNIT_SUITE(nvme_passthrough);

}  // namespace nvme
