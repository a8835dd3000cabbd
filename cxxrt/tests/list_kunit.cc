// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/list.hpp>

#include <cxxrt/kunit.hpp>

namespace cxxrt::kunit {
namespace {

/// In up to two lists at once, through hooks that are not its first member.
class Entry {
public:
	explicit Entry(int id) : id_(id) {}
	int id() const { return id_; }

private:
	int id_;

public:
	ListHook first_hook_;
	ListHook second_hook_;
};
using List = IntrusiveList<&Entry::first_hook_>;
using OtherList = IntrusiveList<&Entry::second_hook_>;

/// The ids in order as digits: 123 for 1, 2, 3.
template <class L> int digits(L& list)
{
	int result = 0;
	for (const Entry& entry : list)
		result = result * 10 + entry.id();
	return result;
}

template <class L> void empty(L& list)
{
	while (list.pop_front() != nullptr) {
	}
}

}  // namespace

KUNIT_TEST(cxxrt_list, starts_empty)
{
	List list;
	Entry one{1};
	test.expect(list.is_empty());
	test.expect(list.front() == nullptr);
	test.expect(list.pop_front() == nullptr);
	test.expect_eq(digits(list), 0);
	test.expect(!one.first_hook_.is_linked());
	one.first_hook_.unlink();
	test.expect(!one.first_hook_.is_linked());
	return {};
}

KUNIT_TEST(cxxrt_list, keeps_order)
{
	Entry one{1}, two{2}, three{3};
	List list;
	list.push_back(two);
	list.push_back(three);
	list.push_front(one);
	test.expect_eq(digits(list), 123);
	test.expect(one.first_hook_.is_linked());
	test.expect(list.front() == &one);
	test.expect(list.pop_front() == &one);
	test.expect(!one.first_hook_.is_linked());
	list.push_back(one);
	test.expect_eq(digits(list), 231);
	test.expect(list.pop_front() == &two);
	test.expect(list.pop_front() == &three);
	test.expect(list.pop_front() == &one);
	test.expect(list.is_empty());
	return {};
}

KUNIT_TEST(cxxrt_list, unlinks_anywhere)
{
	Entry one{1}, two{2}, three{3};
	List list;
	list.push_back(one);
	list.push_back(two);
	list.push_back(three);
	two.first_hook_.unlink();
	test.expect_eq(digits(list), 13);
	test.expect(!two.first_hook_.is_linked());
	two.first_hook_.unlink();
	one.first_hook_.unlink();
	test.expect_eq(digits(list), 3);
	three.first_hook_.unlink();
	test.expect(list.is_empty());
	return {};
}

KUNIT_TEST(cxxrt_list, splices)
{
	Entry one{1}, two{2}, three{3}, four{4};
	List from, to;
	from.splice_to(to);
	test.expect(to.is_empty());
	from.push_back(three);
	from.push_back(four);
	to.push_back(one);
	to.push_back(two);
	from.splice_to(to);
	test.expect(from.is_empty());
	test.expect_eq(digits(to), 1234);
	from.splice_to(to);
	test.expect_eq(digits(to), 1234);
	to.splice_to(from);
	test.expect(to.is_empty());
	test.expect_eq(digits(from), 1234);
	empty(from);
	return {};
}

KUNIT_TEST(cxxrt_list, two_hooks_are_independent)
{
	Entry one{1}, two{2};
	List list;
	OtherList other;
	list.push_back(one);
	list.push_back(two);
	other.push_back(two);
	other.push_back(one);
	test.expect_eq(digits(list), 12);
	test.expect_eq(digits(other), 21);
	test.expect(other.pop_front() == &two);
	test.expect_eq(digits(list), 12);
	empty(list);
	empty(other);
	return {};
}

KUNIT_SUITE(cxxrt_list);

}  // namespace cxxrt::kunit
