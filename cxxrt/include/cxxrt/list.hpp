// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Intrusive doubly linked lists: linking cannot fail, so the elements carry their hooks.
/// C side: include/linux/list.h, helpers/lib.c; with the kernel's own list debugging.
/// Context: any.   Locks: the owner of a list says which lock guards it.

#include <cxxrt/raw.hpp>

namespace cxxrt {

/// A member that links its object into one list at a time.
/// Invariant: linked, or pointing at itself.
class ListHook : Pinned {
public:
	ListHook() { node_.next = node_.prev = &node_; }
	/// An object that dies linked would leave the list dangling: that is our own bug.
	~ListHook() { raw::cxxrt_warn_on(is_linked()); }
	bool is_linked() const { return node_.next != &node_; }
	/// Takes the object out of its list; nothing happens if it is in none.
	void unlink() { raw::cxxrt_list_del_init(&node_); }

private:
	template <auto Hook> friend class IntrusiveList;
	raw::list_head node_;
};

/// A list of objects linked through their member `Hook`. It borrows them.
template <auto Hook> class IntrusiveList : Pinned {
public:
	using Element = typename detail::MemberOf<Hook>::Owner;

	IntrusiveList() { head_.next = head_.prev = &head_; }
	~IntrusiveList() { raw::cxxrt_warn_on(!is_empty()); }

	bool is_empty() const { return head_.next == &head_; }
	/// Only for an element that is in no list.
	void push_back(Element& element) { raw::cxxrt_list_add_tail(&(element.*Hook).node_, &head_); }
	void push_front(Element& element) { raw::cxxrt_list_add(&(element.*Hook).node_, &head_); }
	/// Null when empty.
	Element* front() const { return is_empty() ? nullptr : &element_of(head_.next); }
	/// Takes out and returns the first element, or null.
	Element* pop_front()
	{
		Element* first = front();
		if (first != nullptr)
			(first->*Hook).unlink();
		return first;
	}
	/// Moves everything to the end of `to`.
	void splice_to(IntrusiveList& to) { raw::cxxrt_list_splice_tail_init(&head_, &to.head_); }

	class Iterator {
	public:
		explicit Iterator(raw::list_head* at) : at_(at) {}
		Element& operator*() const { return element_of(at_); }
		Iterator& operator++()
		{
			at_ = at_->next;
			return *this;
		}
		friend bool operator==(Iterator, Iterator) = default;

	private:
		raw::list_head* at_;
	};
	/// The current element must stay linked while the loop is on it.
	Iterator begin() { return Iterator{head_.next}; }
	Iterator end() { return Iterator{&head_}; }

private:
	static Element& element_of(raw::list_head* node) { return owner_of<Hook>(owner_of<&ListHook::node_>(*node)); }
	raw::list_head head_;
};

}  // namespace cxxrt
