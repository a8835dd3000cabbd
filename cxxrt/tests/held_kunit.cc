// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/held.hpp>

#include <cxxrt/kunit.hpp>

namespace cxxrt::kunit {
namespace {

struct Stack {
	static constexpr Literal kName{"cxxrt test stack"};
	static constexpr Role held{};
};
struct Entry {
	explicit Entry(int id) : id(id) {}
	int id;
	HeldHook<Stack> hook;
};
using List = HeldList<&Entry::hook>;

/// The ids in order as digits: 123 for 1, 2, 3.
int digits(const List& list, const Held<Stack>& held)
{
	int result = 0;
	list.for_each(held, [&](const Entry& entry) { result = result * 10 + entry.id; });
	return result;
}

}  // namespace

/// Elements come in the order they were put in, at either end or behind another.
KUNIT_TEST(cxxrt_held, elements_keep_their_order)
{
	Kind<Stack> lock;
	Entry one{1}, two{2}, three{3};
	List list{lock};
	bool began_empty = false;
	bool neighbours = false;
	bool found = false;
	bool taken = false;
	int first = 0;
	int second = 0;
	{
		// Reports may sleep, so that they come after the lock.
		const KindGuard<Stack> guard{lock};
		began_empty = list.is_empty(guard) && list.seems_empty();
		list.push_back(one, guard);
		list.push_back(three, guard);
		list.insert_after(one, two, guard);
		first = digits(list, guard);
		neighbours = list.next(one, guard) == &two && list.next(three, guard) == nullptr &&
			     list.previous(one, guard) == nullptr && list.previous(three, guard) == &two;
		found = list.find(guard, [](const Entry& entry) { return entry.id == 2; }) == &two;
		two.hook.unlink(guard);
		two.hook.unlink(guard);
		list.push_front(two, guard);
		second = digits(list, guard);
		taken = list.pop_front(guard) == &two && list.pop_front(guard) == &one &&
			list.pop_front(guard) == &three && list.pop_front(guard) == nullptr &&
			!one.hook.is_linked(guard);
	}
	test.expect(began_empty);
	test.expect(neighbours);
	test.expect(found);
	test.expect(taken);
	test.expect_eq(first, 123);
	test.expect_eq(second, 213);
	return {};
}

KUNIT_SUITE(cxxrt_held);

}  // namespace cxxrt::kunit
