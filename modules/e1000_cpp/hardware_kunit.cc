// SPDX-License-Identifier: GPL-2.0
#include "bounds.hpp"
#include "fifo.hpp"
#include "hardware.hpp"

#include <cxxrt/kunit.hpp>

namespace e1000 {
namespace {

/// Offsets once more, from 8254x SDM table 13-2: now, and with the 82542.
struct Row {
	u32 now, should_be, old, should_have_been;
};
// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as the table has them
template <class R> constexpr Row row(u32 now, u32 old)
{
	return {.now = R::kOffset, .should_be = now, .old = R::kOldOffset, .should_have_been = old};
}
constexpr Row kMoved[] = {
	row<regs::Rdbal>(0x2800, 0x110), row<regs::Rdbah>(0x2804, 0x114), row<regs::Rdlen>(0x2808, 0x118),
	row<regs::Rdh>(0x2810, 0x120),	 row<regs::Rdt>(0x2818, 0x128),	  row<regs::Rdtr>(0x2820, 0x108),
	row<regs::Tdbal>(0x3800, 0x420), row<regs::Tdbah>(0x3804, 0x424), row<regs::Tdlen>(0x3808, 0x428),
	row<regs::Tdh>(0x3810, 0x430),	 row<regs::Tdt>(0x3818, 0x438),	  row<regs::Tidv>(0x3820, 0x440),
	row<regs::Fcrtl>(0x2160, 0x168), row<regs::Fcrth>(0x2168, 0x160), row<regs::Ra>(0x5400, 0x040),
	row<regs::Mta>(0x5200, 0x200),	 row<regs::Vfta>(0x5600, 0x600),
};

}  // namespace

KUNIT_TEST(e1000_hardware, registers_are_where_the_manual_has_them)
{
	for (const Row& row : kMoved) {
		test.expect_eq(row.now, row.should_be);
		test.expect_eq(row.old, row.should_have_been);
	}
	return {};
}

KUNIT_TEST(e1000_hardware, every_model_has_a_family)
{
	u32 last = 0;
	for (const Model& model : kModels) {
		test.expect_eq(u32(model.device) > last, true);
		last = model.device;
		test.expect_eq(find_model(model.device) == &model, true);
	}
	test.expect_eq(find_model(0x10d3) == nullptr, true);
	const Model* first = find_model(0x1000);
	test.expect_eq(u32(TRY(mac_of(*first, 2))), u32(Mac::I82542r20));
	test.expect_eq(u32(TRY(mac_of(*first, 3))), u32(Mac::I82542r21));
	test.expect_eq(mac_of(*first, 1).ok(), false);
	return {};
}

/// Two frames fit for sending, or 8 KiB more are there for long ones.
KUNIT_TEST(e1000_hardware, packet_memory_is_divided_for_frames)
{
	const auto reported = regs::Pba::of(0x00100030);
	test.expect_eq(packets::receive_kib(family_of(Mac::I82540), 1518, reported), 48u);
	test.expect_eq(packets::receive_kib(family_of(Mac::I82540), 9018, reported), 40u);
	test.expect_eq(packets::receive_kib(family_of(Mac::I82545), 1518, reported), 48u);
	test.expect_eq(packets::receive_kib(family_of(Mac::I82545), 9018, reported), 40u);
	test.expect_eq(packets::receive_kib(family_of(Mac::I82545), 16128, reported), 32u);
	test.expect_eq(packets::receive_kib(family_of(Mac::I82547), 16128, reported), 22u);
	test.expect_eq(packets::high_water(48, 1518), 44232u);
	test.expect_eq(packets::high_water(32, 16128), 16640u);
	test.expect_eq(packets::high_water(0, 16128), 0u);
	return {};
}

KUNIT_TEST(e1000_hardware, pauses_are_agreed_on)
{
	constexpr u16 both = phy::kPause | phy::kAsymmetric;
	test.expect_eq(u32(agreed_flow(both, both, Flow::Both)), u32(Flow::Both));
	test.expect_eq(u32(agreed_flow(both, phy::kPause, Flow::Receive)), u32(Flow::Receive));
	test.expect_eq(u32(agreed_flow(phy::kAsymmetric, both, Flow::Send)), u32(Flow::Send));
	test.expect_eq(u32(agreed_flow(phy::kAsymmetric, phy::kPause, Flow::Send)), u32(Flow::None));
	test.expect_eq(u32(agreed_flow(both, phy::kAsymmetric, Flow::Both)), u32(Flow::Receive));
	test.expect_eq(u32(agreed_flow(0, both, Flow::None)), u32(Flow::None));
	return {};
}

KUNIT_TEST(e1000_hardware, a_frame_with_a_carrier_extension_only_looks_bad)
{
	const auto result = [](u64 length, u64 status, u64 errors) {
		return RxResult{length | status << 32 | errors << 40};
	};
	test.expect_eq(is_tbi_frame(result(65, 3, 1), 0x0f, 1518), true);
	test.expect_eq(is_tbi_frame(result(64, 3, 1), 0x0f, 1518), false);
	test.expect_eq(is_tbi_frame(result(1523, 3, 1), 0x0f, 1518), true);
	test.expect_eq(is_tbi_frame(result(1524, 3, 1), 0x0f, 1518), false);
	test.expect_eq(is_tbi_frame(result(100, 3, 3), 0x0f, 1518), false);
	test.expect_eq(is_tbi_frame(result(100, 3, 1), 0x00, 1518), false);
	return {};
}

KUNIT_TEST(e1000_hardware, memory_on_both_sides_of_a_boundary)
{
	test.expect_eq(crosses_64k(0, 0x10000), false);
	test.expect_eq(crosses_64k(1, 0x10000), true);
	test.expect_eq(crosses_64k(0x1fff0, 16), false);
	test.expect_eq(crosses_64k(0x1fff0, 17), true);
	return {};
}

KUNIT_TEST(e1000_hardware, no_frame_wraps_in_the_fifo_of_a_half_duplex_82547)
{
	TxFifo fifo;
	fifo.reset(family_of(Mac::I82541), 30);
	test.expect_eq(fifo.is_used(), false);
	fifo.reset(family_of(Mac::I82547), 30);
	test.expect_eq(fifo.size(), 10240u);
	fifo.set_half_duplex(true);
	u32 sent = 0;
	for (; fifo.admits(1514) && sent < 100; ++sent)
		fifo.add(1514);
	test.expect_eq(sent, 13u);
	test.expect_eq(fifo.is_stalled(), true);
	return {};
}

KUNIT_SUITE(e1000_hardware);

}  // namespace e1000
