// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Balanced trees of objects that carry their hooks.
/// C side: include/linux/rbtree.h.
/// Context: any.   Locks: the owner of a tree says which lock guards it.

#include <cxxrt/raw.hpp>

namespace cxxrt {

/// A member that puts its object into one tree at a time.
class TreeHook : Pinned {
public:
	TreeHook() = default;
	~TreeHook() { raw::cxxrt_warn_on(in_tree_); }
	bool is_linked() const { return in_tree_; }

private:
	template <auto Hook, auto Key> friend class Tree;
	raw::rb_node node_{};
	bool in_tree_ = false;
};

/// Objects in the order of `Key(const T&)`, equal ones in that of their arrival. It borrows them.
template <auto Hook, auto Key> class Tree : Pinned {
public:
	using T = typename detail::MemberOf<Hook>::Owner;

	Tree() = default;
	~Tree() { raw::cxxrt_warn_on(root_.rb_node != nullptr); }

	bool is_empty() const { return root_.rb_node == nullptr; }
	/// Only for an object that is in no tree.
	void insert(T& object)
	{
		raw::rb_node** at = &root_.rb_node;
		raw::rb_node* parent = nullptr;
		const auto key = Key(object);
		while (*at != nullptr) {
			parent = *at;
			at = key < Key(object_of(parent)) ? &parent->rb_left : &parent->rb_right;
		}
		raw::rb_node& node = (object.*Hook).node_;
		node.__rb_parent_color = reinterpret_cast<uintptr_t>(parent);
		node.rb_left = node.rb_right = nullptr;
		*at = &node;
		raw::rb_insert_color(&node, &root_);
		(object.*Hook).in_tree_ = true;
	}
	/// Nothing happens if it is in none.
	void erase(T& object)
	{
		if (!exchange((object.*Hook).in_tree_, false))
			return;
		raw::rb_erase(&(object.*Hook).node_, &root_);
	}
	/// The object with that key, or null.
	template <class K> T* find(const K& key) const
	{
		raw::rb_node* at = root_.rb_node;
		while (at != nullptr) {
			T& object = object_of(at);
			const auto its = Key(object);
			if (key == its)
				return &object;
			at = key < its ? at->rb_left : at->rb_right;
		}
		return nullptr;
	}
	/// The first object whose key is not less, or null.
	template <class K> T* lower_bound(const K& key) const
	{
		raw::rb_node* at = root_.rb_node;
		T* best = nullptr;
		while (at != nullptr) {
			T& object = object_of(at);
			const auto its = Key(object);
			if (its < key) {
				at = at->rb_right;
			} else {
				best = &object;
				at = at->rb_left;
			}
		}
		return best;
	}
	/// Null when empty.
	T* first() const
	{
		raw::rb_node* node = raw::rb_first(&root_);
		return node == nullptr ? nullptr : &object_of(node);
	}
	/// The one after this one of the tree, or null.
	static T* next(T& object)
	{
		raw::rb_node* node = raw::rb_next(&(object.*Hook).node_);
		return node == nullptr ? nullptr : &object_of(node);
	}
	template <class F> void for_each(F&& f) const
	{
		for (T* at = first(); at != nullptr; at = next(*at))
			f(*at);
	}

private:
	static T& object_of(raw::rb_node* node) { return owner_of<Hook>(owner_of<&TreeHook::node_>(*node)); }
	raw::rb_root root_{};
};

}  // namespace cxxrt
