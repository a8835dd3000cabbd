// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/tree.hpp>

#include <cxxrt/kunit.hpp>

namespace cxxrt::kunit {
namespace {

struct Leaf {
	u32 key;
	TreeHook hook;
	static u32 key_of(const Leaf& leaf) { return leaf.key; }
};
using Leaves = Tree<&Leaf::hook, &Leaf::key_of>;

}  // namespace

/// Objects are found by key and come in its order, whatever the order in which they were put in.
KUNIT_TEST(cxxrt_tree, objects_are_in_order_and_found)
{
	Leaf leaves[16];
	Leaves tree;
	for (u32 i = 0; i < 16; ++i) {
		leaves[i].key = (i * 7 + 3) % 16 * 2;
		tree.insert(leaves[i]);
	}
	u32 expected = 0;
	tree.for_each([&](const Leaf& leaf) {
		test.expect_eq(leaf.key, expected);
		expected += 2;
	});
	test.expect_eq(expected, 32u);
	test.expect(tree.find(6u) != nullptr && tree.find(7u) == nullptr);
	test.expect_eq(tree.lower_bound(7u)->key, 8u);
	test.expect(tree.lower_bound(31u) == nullptr);
	for (Leaf& leaf : leaves) {
		tree.erase(leaf);
		tree.erase(leaf);
	}
	test.expect(tree.is_empty() && tree.first() == nullptr);
	return {};
}

KUNIT_SUITE(cxxrt_tree);

}  // namespace cxxrt::kunit
