// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/module.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/page.hpp>

namespace cxxrt::kunit {
namespace {

constinit module::RangedParam<-2, 7> ranged{3};
CXXRT_PARAM(ranged, "For the test suites alone: a number from -2 to 7");
constinit module::Param<u32> number{4};
CXXRT_PARAM(number, "For the test suites alone: a number");

/// What insmod does with `name=text`.
Result<void> set(const raw::kernel_param& param, const char* text) { return from_c(param.ops->set(text, &param)); }

/// What /sys/module shows.
Result<void> expect_shows(Test& test, const raw::kernel_param& param, const char* want, Where where = Where::here())
{
	struct Text {
		char page[kPageSize];
	};
	auto text = TRY(Box<Text>::make(Gfp::Kernel));
	TRY(from_c(param.ops->get(text->page, &param)));
	test.expect_eq(text->page, want, where);
	return {};
}

}  // namespace

KUNIT_TEST(cxxrt_module, ranged_parameter_takes_what_is_in_its_range)
{
	const int before = ranged.get();
	for (int value : each(-2, 0, 7)) {
		TRY(set(cxxrt_param_ranged,
			FixedText<8>(value < 0 ? "-" : "", u32(value < 0 ? -value : value)).c_str()));
		test.expect_eq(ranged.get(), value);
	}
	TRY(set(cxxrt_param_ranged, "+5\n"));
	TRY(expect_shows(test, cxxrt_param_ranged, "5\n"));
	TRY(set(cxxrt_param_ranged, "-1"));
	TRY(expect_shows(test, cxxrt_param_ranged, "-1\n"));
	TRY(set(cxxrt_param_ranged, FixedText<8>("", u32(before)).c_str()));
	return {};
}

KUNIT_TEST(cxxrt_module, ranged_parameter_refuses_everything_else)
{
	const int before = ranged.get();
	for (const char* text : each("-3", "8", "0x5", "", "five", "5 ", "4294967297", "99999999999999999999"))
		test.expect_error(set(cxxrt_param_ranged, text), EINVAL);
	// `ranged` alone, without a value.
	test.expect_error(set(cxxrt_param_ranged, nullptr), EINVAL);
	test.expect_eq(ranged.get(), before);
	return {};
}

KUNIT_TEST(cxxrt_module, parameter_is_the_kernels_own_of_its_type)
{
	const u32 before = number.get();
	TRY(set(cxxrt_param_number, "0x10"));
	test.expect_eq(number.get(), 16u);
	TRY(expect_shows(test, cxxrt_param_number, "16\n"));
	test.expect_error(set(cxxrt_param_number, "-1"), EINVAL);
	test.expect_error(set(cxxrt_param_number, "4294967296"), ERANGE);
	test.expect_eq(number.get(), 16u);
	number.set(before);
	return {};
}

KUNIT_SUITE(cxxrt_module);

}  // namespace cxxrt::kunit
