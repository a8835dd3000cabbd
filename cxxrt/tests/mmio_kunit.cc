// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/mmio.hpp>

#include <cxxrt/kunit.hpp>

namespace cxxrt::kunit {
namespace {

enum class Mode : u8 { Off = 0, Slow = 1, Fast = 2 };
struct Control : mmio::Register<Control, u32, 0x4> {
	using Enable = mmio::Bit<0>;
	using Level = mmio::Field<7, 4>;
	using How = mmio::Field<31, 30, Mode>;
};
struct Limits : mmio::Register<Limits, u64, 0x8> {
	using Low = mmio::Field<15, 0>;
	using Across = mmio::Field<39, 24>;
	using All = mmio::Field<63, 0, u64>;
};

/// Registers are bytes.
struct Bytes {
	alignas(8) u8 all[32] = {};
	mmio::Window<32> window() { return mmio::Window<32>::unsafe_from(all, sizeof(all)); }
};

}  // namespace

KUNIT_TEST(mmio, fields_are_where_they_are_said_to_be)
{
	constexpr Control value = Control{}.with<Control::Enable>(true).with<Control::Level>(0xa).with<Control::How>(
		Mode::Fast);
	static_assert(value.bits == 0x800000a1u);
	static_assert(value.get<Control::How>() == Mode::Fast && value.get<Control::Level>() == 0xa);
	test.expect_eq(Limits::of(0x0123456789abcdefull).get<Limits::Across>(), 0x6789u);
	test.expect_eq(Limits::of(0x0123456789abcdefull).get<Limits::All>(), 0x0123456789abcdefull);
	return {};
}

/// Nothing of a value that is too large gets into other fields.
KUNIT_TEST(mmio, values_that_do_not_fit_are_cut_off)
{
	const Control value = Control::of(0xffffffff).with<Control::Level>(0x123);
	test.expect_eq(value.bits, 0xffffff3fu);
	return {};
}

KUNIT_TEST(mmio, registers_are_little_endian_words)
{
	Bytes bytes;
	bytes.window().write(Control::of(0x04030201));
	bytes.window().write(Limits::of(0x8877665544332211ull));
	for (u32 i = 0; i < 4; ++i)
		test.expect_eq(u32(bytes.all[4 + i]), 1 + i);
	for (u32 i = 0; i < 8; ++i)
		test.expect_eq(u32(bytes.all[8 + i]), 0x11 * (1 + i));
	test.expect_eq(bytes.window().read<Control>().bits, 0x04030201u);
	test.expect_eq(bytes.window().read<Limits>().bits, 0x8877665544332211ull);
	return {};
}

KUNIT_TEST(mmio, doorbells_are_in_the_window)
{
	Bytes bytes;
	const mmio::Doorbell bell = TRY(bytes.window().doorbell(28));
	bell.ring(0x55);
	test.expect_eq(u32(bytes.all[28]), 0x55u);
	test.expect_error(bytes.window().doorbell(29), EINVAL);
	test.expect_error(bytes.window().doorbell(30), EINVAL);
	test.expect_error(bytes.window().doorbell(32), EINVAL);
	test.expect_error(bytes.window().doorbell(~0ull - 3), EINVAL);
	return {};
}

KUNIT_SUITE(mmio);

}  // namespace cxxrt::kunit
