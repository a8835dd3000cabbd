// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/system.hpp>

#include <cxxrt/kunit.hpp>

namespace cxxrt::kunit {

KUNIT_TEST(cxxrt_system, cpus_and_nodes)
{
	test.expect(cpu_id_limit() >= 1);
	test.expect(current_cpu() < cpu_id_limit());
	test.expect(is_cpu_online(current_cpu()));
	test.expect(online_node_count() >= 1);
	test.expect(is_node_online(0));
	return {};
}

/// Numbers from a user are not looked up beyond the kernel's tables.
KUNIT_TEST(cxxrt_system, numbers_beyond_the_machine_are_offline)
{
	for (u32 cpu : each(cpu_id_limit(), 100000u, 0x7fffffffu, ~0u))
		test.expect(!is_cpu_online(cpu));
	for (int node : each(-1, -0x7fffffff, 1023, 1024, 65536, 0x7fffffff))
		test.expect(!is_node_online(node));
	return {};
}

KUNIT_TEST(cxxrt_system, parses_bool)
{
	for (const char* text : each("1", "y", "Y", "yes", "on", "On", "1\n", "y\n"))
		test.expect_eq(TRY(parse<bool>(text)), true);
	for (const char* text : each("0", "n", "N", "no", "off", "OFF", "0\n"))
		test.expect_eq(TRY(parse<bool>(text)), false);
	for (const char* text : each("", "\n", "2", "x", "-1", "o", " 1"))
		test.expect_error(parse<bool>(text), EINVAL);
	return {};
}

KUNIT_TEST(cxxrt_system, parses_int)
{
	test.expect_eq(TRY(parse<int>("0")), 0);
	test.expect_eq(TRY(parse<int>("-12")), -12);
	test.expect_eq(TRY(parse<int>("+12\n")), 12);
	test.expect_eq(TRY(parse<int>("2147483647")), 2147483647);
	test.expect_eq(TRY(parse<int>("-2147483648")), -2147483647 - 1);
	test.expect_error(parse<int>("2147483648"), ERANGE);
	test.expect_error(parse<int>("-2147483649"), ERANGE);
	return {};
}

KUNIT_TEST(cxxrt_system, parses_unsigned)
{
	test.expect_eq(TRY(parse<u32>("4294967295")), 4294967295u);
	test.expect_error(parse<u32>("4294967296"), ERANGE);
	test.expect_eq(TRY(parse<unsigned long>("18446744073709551615")), ~0ul);
	test.expect_error(parse<unsigned long>("18446744073709551616"), ERANGE);
	test.expect_eq(TRY(parse<u64>("18446744073709551615\n")), ~0ull);
	test.expect_error(parse<u64>("18446744073709551616"), ERANGE);
	for (const char* text : each("-1", "-0")) {
		test.expect_error(parse<u32>(text), EINVAL);
		test.expect_error(parse<unsigned long>(text), EINVAL);
		test.expect_error(parse<u64>(text), EINVAL);
	}
	return {};
}

KUNIT_TEST(cxxrt_system, parse_finds_the_base)
{
	test.expect_eq(TRY(parse<u32>("0x1F")), 31u);
	test.expect_eq(TRY(parse<u32>("010")), 8u);
	test.expect_eq(TRY(parse<int>("-0x10")), -16);
	test.expect_eq(TRY(parse<int>("010", 10)), 10);
	test.expect_error(parse<int>("0x10", 10), EINVAL);
	test.expect_eq(TRY(parse<u64>("ff", 16)), 255ull);
	return {};
}

KUNIT_TEST(cxxrt_system, parse_refuses_garbage)
{
	for (const char* text : each("", "\n", " ", " 1", "1 ", "1x", "x", "--1", "+-1", "1\n\n", "1.5", "0x", "08")) {
		test.expect_error(parse<int>(text), EINVAL);
		test.expect_error(parse<u32>(text), EINVAL);
		test.expect_error(parse<u64>(text), EINVAL);
	}
	return {};
}

KUNIT_TEST(cxxrt_system, parses_lists_of_numbers)
{
	int numbers[3] = {};
	test.expect(parse_numbers("1,-2,0x10", numbers));
	test.expect_eq(numbers[0], 1);
	test.expect_eq(numbers[1], -2);
	test.expect_eq(numbers[2], 16);
	for (const char* wrong : each("", "1", "1,2", "1,2,3,4", "1,2,3x", "1,2,x", "a,b,c"))
		test.expect(!parse_numbers(wrong, numbers));
	return {};
}

KUNIT_TEST(cxxrt_system, random_numbers_are_below_their_limit)
{
	u32 seen = 0;
	for (u32 i = 0; i < 200; ++i) {
		const u32 value = random_below(4);
		test.expect(value < 4);
		seen |= 1u << value;
	}
	test.expect_eq(seen, 15u);
	test.expect_eq(random_below(1), 0u);
	return {};
}

KUNIT_TEST(cxxrt_system, fixed_text_trims)
{
	FixedText<8> text;
	test.expect(text.assign("  a b\n"));
	test.expect(equal(text.trim(), "a b"));
	test.expect(find_char(text.trim(), 'b') == text.trim() + 2);
	test.expect(find_char(text.trim(), 'c') == nullptr);
	test.expect(!text.assign("12345678"));
	test.expect_eq(text.c_str(), "1234567");
	return {};
}

KUNIT_TEST(cxxrt_system, texts_compare)
{
	test.expect(equal("abc", "abc"));
	test.expect(equal("", ""));
	test.expect(!equal("abc", "ab"));
	test.expect(!equal("abc", "abd"));
	return {};
}

/// Too long a text is cut, and ends with its zero all the same.
KUNIT_TEST(cxxrt_system, fixed_text_cuts)
{
	test.expect_eq(FixedText<8>{}.c_str(), "");
	test.expect_eq(FixedText<8>{"1234567"}.c_str(), "1234567");
	test.expect_eq(FixedText<8>{"12345678"}.c_str(), "1234567");
	test.expect_eq(FixedText<1>{"1"}.c_str(), "");
	test.expect_eq((FixedText<8>{"disk", 12}.c_str()), "disk12");
	test.expect_eq((FixedText<8>{"disk", 4294967295u}.c_str()), "disk429");
	test.expect_eq((FixedText<4>{"disk", 1}.c_str()), "dis");
	FixedText<8> copy{"one"};
	copy = FixedText<8>{"two"};
	test.expect_eq(copy.c_str(), "two");
	return {};
}

/// A field of a device ends with its last byte, or with a zero before it.
KUNIT_TEST(cxxrt_system, texts_of_fields)
{
	const char field[6] = {'a', 'b', ' ', 'c', '\0', 'x'};
	FixedText<8> text;
	text.assign(field, sizeof(field));
	test.expect(equal(text.c_str(), "ab c"));
	text.assign(field, 2);
	test.expect(equal(text.c_str(), "ab"));
	FixedText<3> narrow;
	narrow.assign(field, sizeof(field));
	test.expect(equal(narrow.c_str(), "ab"));
	test.expect(equal(FixedText<16>::format<"%s-%04x">("n", 26u).c_str(), "n-001a"));
	test.expect(equal(FixedText<4>::format<"%s">("long").c_str(), "lon"));
	return {};
}

/// No firmware calls a machine that.
KUNIT_TEST(cxxrt_system, machine_is_not_any)
{
	test.expect(!is_machine(MachineField::BoardName, "a board that nobody makes"));
	return {};
}

KUNIT_SUITE(cxxrt_system);

}  // namespace cxxrt::kunit
