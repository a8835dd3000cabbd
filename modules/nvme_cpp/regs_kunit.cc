// SPDX-License-Identifier: GPL-2.0
#include "regs.hpp"
#include "spec.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {
namespace {

using regs::Cap;
using regs::Cc;
using regs::Csts;

/// Offsets and widths once more, from the table of NVMe Base 2.0, figure 36.
struct Row {
	u32 offset, bytes, should_offset, should_bytes;
};
template <class R> constexpr Row row(u32 offset, u32 bytes)
{
	return {.offset = R::kOffset, .bytes = R::kSize, .should_offset = offset, .should_bytes = bytes};
}
constexpr Row kRows[] = {
	row<Cap>(0, 8),		  row<regs::Vs>(8, 4),	   row<Cc>(20, 4),	     row<Csts>(28, 4),
	row<regs::Aqa>(36, 4),	  row<regs::Asq>(40, 8),   row<regs::Acq>(48, 8),    row<regs::Crto>(104, 4),
	row<regs::Cmbloc>(56, 4), row<regs::Cmbsz>(60, 4), row<regs::Cmbmsc>(80, 8),
};

}  // namespace

KUNIT_TEST(nvme_regs, registers_are_where_the_specification_has_them)
{
	for (const Row& row : kRows) {
		test.expect_eq(row.offset, row.should_offset);
		test.expect_eq(row.bytes, row.should_bytes);
	}
	return {};
}

/// CAP as QEMU 7.2 has it: 2048 entries, 7.5 s, doorbells 4 bytes apart, all command sets, pages of 4 KiB.
KUNIT_TEST(nvme_regs, capabilities_of_a_known_controller)
{
	const Cap cap = Cap::of(0x004018200f0107ffull);
	test.expect_eq(cap.get<Cap::MostQueueEntries>(), 2047u);
	test.expect_eq(cap.get<Cap::Timeout>(), 15u);
	test.expect_eq(cap.get<Cap::DoorbellStride>(), 0u);
	test.expect_eq(cap.get<Cap::CommandSets>(), 0xc1u);
	test.expect_eq(cap.get<Cap::LeastPage>(), 0u);
	test.expect(!cap.get<Cap::SubsystemReset>());
	test.expect(!cap.get<Cap::ReadyWithMedia>());
	return {};
}

/// What the C driver writes for a controller with all command sets.
KUNIT_TEST(nvme_regs, nv06_configuration_is_the_c_drivers)
{
	const Cc cc = Cc{}.with<Cc::CommandSets>(Cc::Set::All).with<Cc::SqEntrySize>(6).with<Cc::CqEntrySize>(4);
	test.expect_eq(cc.bits, 0x00460060u);
	test.expect_eq(cc.with<Cc::Enable>(true).bits, 0x00460061u);
	test.expect_eq(cc.with<Cc::Shutdown>(Cc::Notify::Normal).bits, 0x00464060u);
	return {};
}

KUNIT_TEST(nvme_regs, doorbells_follow_the_stride)
{
	test.expect_eq(regs::sq_doorbell(0, 0), 0x1000ull);
	test.expect_eq(regs::cq_doorbell(0, 0), 0x1004ull);
	test.expect_eq(regs::sq_doorbell(3, 2), 0x1000ull + (6ull * 16));
	test.expect_eq(regs::cq_doorbell(3, 2), 0x1000ull + (7ull * 16));
	test.expect_eq(regs::doorbells_end(4, 2), 0x1000ull + (8ull * 16));
	return {};
}

KUNIT_TEST(nvme_regs, a_device_that_is_gone_reads_as_ones)
{
	test.expect(Csts::of(~0u).is_gone());
	test.expect(!Csts::of(0).is_gone());
	test.expect(Csts::of(0x8).get<Csts::Shutdown>() == Csts::Stage::Complete);
	test.expect(Csts::of(0x2).get<Csts::Fatal>());
	return {};
}

KUNIT_SUITE(nvme_regs);

}  // namespace nvme
