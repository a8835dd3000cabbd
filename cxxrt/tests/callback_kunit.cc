// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/callback.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/work.hpp>

namespace cxxrt::kunit {
namespace {

class Base : Pinned {
public:
	u64 before_ = 1;
};

/// Members of one type that call functions of their own, behind a base and other members.
class Owner : public Base {
public:
	int order_ = 0, first_ran_ = 0, second_ran_ = 0;
	Work first_work_{callback<&Owner::first_work_, &Owner::first>};
	char between_ = 'x';
	Work second_work_{callback<&Owner::second_work_, &Owner::second>};

	bool is_whole() const { return before_ == 1 && between_ == 'x'; }

private:
	void first() { first_ran_ = ++order_; }
	void second() { second_ran_ = ++order_; }
};

}  // namespace

KUNIT_TEST(cxxrt_callback, each_member_calls_its_own_function)
{
	Owner owner;
	owner.second_work_.schedule();
	owner.second_work_.flush();
	test.expect_eq(owner.first_ran_, 0);
	test.expect_eq(owner.second_ran_, 1);
	owner.first_work_.schedule();
	owner.first_work_.flush();
	test.expect_eq(owner.first_ran_, 2);
	test.expect_eq(owner.second_ran_, 1);
	test.expect(owner.is_whole());
	return {};
}

KUNIT_TEST(cxxrt_callback, calls_the_object_that_the_member_is_in)
{
	Owner one, other;
	other.first_work_.schedule();
	other.first_work_.flush();
	test.expect_eq(one.order_, 0);
	test.expect_eq(other.order_, 1);
	return {};
}

KUNIT_SUITE(cxxrt_callback);

}  // namespace cxxrt::kunit
