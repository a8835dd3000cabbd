// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// configfs subsystems, items and attributes, by declaration.
/// C side: include/linux/configfs.h, helpers/module.h.
///
/// A subsystem is a class Root with
///     using Item = ...;                                the class of its directories
///     using Attributes = configfs::Attributes<...>;    its own files
///     Result<Box<Item>> make_item(const char* name);   mkdir
///     void drop_item(Item&);                           rmdir, before the last reference goes
/// and an Item derives from configfs::Item and has `using Attributes`, too. Attributes are types:
///     configfs::Attribute<"size", Access>
/// where Access has `static Result<size_t> show(T&, configfs::Buffer)` for a readable file and
/// `static Result<void> store(T&, const char* text)` for a writable one; T is the Item or Root. It is
/// a Shared for attributes that differ in a constant only.
/// An Item may have groups of its own, each a DefaultGroup member, which it names in
///     template <class F> void for_each_group(F&& f)    { f("name", group_); ... }
/// Context: process; all callbacks may sleep.   Locks: callbacks lock what they touch; configfs
/// itself serialises mkdir and rmdir, and show and store of one open file only.

#include <cxxrt/lock.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/system.hpp>

namespace cxxrt::configfs {

/// Where show() prints; one page.
class Buffer {
public:
	explicit Buffer(char* page) : page_(page) {}
	/// Prints one value and a newline; returns the length in bytes.
	template <class T> size_t line(T value) const
	{
		if constexpr (same_as<T, const char*>)
			return size_t(raw::scnprintf(page_, raw::PAGE_SIZE, "%s\n", value));
		else if constexpr (same_as<T, int>)
			return size_t(raw::scnprintf(page_, raw::PAGE_SIZE, "%d\n", value));
		else
			return size_t(raw::scnprintf(page_, raw::PAGE_SIZE, "%lu\n", (unsigned long)value));
	}
	char* unsafe_page() const { return page_; }

private:
	char* page_;
};

/// Base of a directory's class. The directory is one reference; the object dies with the last.
class Item : Pinned {
public:
	/// The directory's name, or null for an object that is in no directory.
	const char* name() const { return group_.cg_item.ci_name; }

private:
	template <class T> friend raw::config_group* unsafe_group(T&);
	template <class T> friend T& unsafe_owner(raw::config_item*);
	raw::config_group group_{};
};

template <class T> inline raw::config_group* unsafe_group(T& owner) { return &static_cast<Item&>(owner).group_; }
template <class T> inline T& unsafe_owner(raw::config_item* item)
{
	return static_cast<T&>(owner_of<&Item::group_>(owner_of<&raw::config_group::cg_item>(*item)));
}

/// Access with a show() or store() that Body has, where the constant comes after the T: code that is there once,
/// however many attributes use it.
template <class Body, auto Constant> struct Shared {
	using SharedBody = Body;
	static constexpr auto kConstant = Constant;
	template <class T> static auto show(T& owner, Buffer out)
		requires requires { Body::show(owner, Constant, out); }
	{
		return Body::show(owner, Constant, out);
	}
	template <class T>
	static auto store(T& owner, const char* text) requires requires { Body::store(owner, Constant, text); }
	{
		return Body::store(owner, Constant, text);
	}
};

/// One file. Its mode follows from what Access can do: 0644, 0444 or 0200.
template <Literal Name, class Access> struct Attribute {
	static constexpr auto kName = Name;
	template <class T> static constexpr bool kReadable = requires(T& owner, Buffer out) {
		Access::show(owner, out);
	};
	template <class T> static constexpr bool kWritable = requires(T& owner, const char* text) {
		Access::store(owner, text);
	};
	using Via = Access;
};

/// The files of a directory, in order.
template <class... As> struct Attributes {};

namespace detail {
template <class First, class Second> struct Joined;
template <class... As, class... Bs> struct Joined<Attributes<As...>, Attributes<Bs...>> {
	using Type = Attributes<As..., Bs...>;
};
template <bool Wanted, class List> struct Chosen {
	using Type = Attributes<>;
};
template <class List> struct Chosen<true, List> {
	using Type = List;
};
}  // namespace detail

/// The files of `List` and, if `Wanted`, those of `More`.
template <class List, bool Wanted, class More>
using AttributesWith = typename detail::Joined<List, typename detail::Chosen<Wanted, More>::Type>::Type;

namespace detail {

// The thunks depend on how the owner is found and the access class alone, which keeps their names short.
template <class T> struct ChildFrom {
	static T& item(raw::config_item* item) { return unsafe_owner<T>(item); }
};
template <class From, class Body, class... Constant>
raw::ssize_t show(raw::config_item* item, char* page, Constant... constant)
{
	auto shown = Body::show(From::item(item), constant..., Buffer{page});
	return shown.ok() ? ssize_t(shown.take()) : shown.error().to_c();
}
template <class From, class Body, class... Constant>
raw::ssize_t store(raw::config_item* item, const char* page, raw::size_t count, Constant... constant)
{
	// configfs ends what user space wrote with a zero byte.
	const Result<void> stored = Body::store(From::item(item), constant..., page);
	return stored.ok() ? ssize_t(count) : stored.to_c();
}
template <class Access> concept IsShared = requires { typename Access::SharedBody; };
template <class From, IsShared Access> CXXRT_THUNK raw::ssize_t show_shared(raw::config_item* item, char* page)
{
	return show<From, typename Access::SharedBody>(item, page, Access::kConstant);
}
template <class From, IsShared Access>
CXXRT_THUNK raw::ssize_t store_shared(raw::config_item* item, const char* page, raw::size_t count)
{
	return store<From, typename Access::SharedBody>(item, page, count, Access::kConstant);
}

template <class T, class From, class A> constexpr raw::configfs_attribute make_attribute()
{
	constexpr bool readable = A::template kReadable<T>;
	constexpr bool writable = A::template kWritable<T>;
	static_assert(readable || writable, "an attribute needs a show or a store");
	raw::configfs_attribute attribute{};
	attribute.ca_name = kText<A::kName>.text;
	attribute.ca_owner = &raw::__this_module;
	attribute.ca_mode = (readable ? 0444 : 0) | (writable ? 0200 : 0);
	if constexpr (readable && IsShared<typename A::Via>)
		attribute.show = &show_shared<From, typename A::Via>;
	else if constexpr (readable)
		attribute.show = &show<From, typename A::Via>;
	if constexpr (writable && IsShared<typename A::Via>)
		attribute.store = &store_shared<From, typename A::Via>;
	else if constexpr (writable)
		attribute.store = &store<From, typename A::Via>;
	return attribute;
}

/// The C tables for the attributes of T, made at compile time. configfs writes to neither. Their names
/// do not tell the attributes, which would make them kilobytes long.
template <size_t N> struct Files {
	raw::configfs_attribute at[N];
};
template <size_t N> struct Pointers {
	raw::configfs_attribute* to[N];
};
template <class T, class From> struct Table {
	template <class... As> static constexpr auto make(Attributes<As...>)
	{
		return Files<sizeof...(As)>{{make_attribute<T, From, As>()...}};
	}
	static inline constinit auto all = make(typename T::Attributes{});
	template <size_t N, size_t... I> static constexpr auto point(Files<N>& files, Indexes<I...>)
	{
		return Pointers<N + 1>{{&files.at[I]..., nullptr}};
	}
	template <size_t N> static constexpr auto point(Files<N>& files) { return point(files, make_indexes<N>()); }
	static inline constinit auto pointing = point(all);
	static constexpr raw::configfs_attribute** pointers() { return pointing.to; }
};

template <class T> struct ItemType {
	static void release(raw::config_item* item) { Box<T>::adopt(&unsafe_owner<T>(item)).reset(); }
	static inline constinit raw::configfs_item_operations kOps{.release = &release};
	static constexpr raw::config_item_type kType{
		.ct_owner = &raw::__this_module,
		.ct_item_ops = &kOps,
		.ct_attrs = Table<T, ChildFrom<T>>::pointers(),
	};
};

}  // namespace detail

/// A directory that is in an Item's from the beginning, with the attributes of Part.
/// Invariant: a member of the Item; `part` outlives it.
template <class Part> class DefaultGroup : Pinned {
public:
	explicit DefaultGroup(Part& part) : part_(part), group_{} {}

private:
	template <class Root> friend class Subsystem;
	struct FromGroup {
		static Part& item(raw::config_item* item)
		{
			return owner_of<&DefaultGroup::group_>(owner_of<&raw::config_group::cg_item>(*item)).part_;
		}
	};
	static constexpr raw::config_item_type kType{
		.ct_owner = &raw::__this_module,
		.ct_attrs = detail::Table<Part, FromGroup>::pointers(),
	};
	void add_to(raw::config_group* parent, const char* name)
	{
		raw::config_group_init_type_name(&group_, name, &kType);
		raw::cxxrt_configfs_add_default_group(&group_, parent);
	}
	void drop() { raw::config_item_put(&group_.cg_item); }

	Part& part_;
	raw::config_group group_;
};

/// A registered subsystem: /sys/kernel/config/<name>.
/// Invariant: Root outlives it; no directory exists when it is destroyed (each pins the module).
template <class Root> class Subsystem : Pinned {
public:
	/// `name` must outlive the object.
	Subsystem(Root& root, const char* name) : root_(root), group_{}
	{
		raw::config_group_init(&group_.su_group);
		raw::__mutex_init(&group_.su_mutex, "configfs subsystem",
				  lock_class<"configfs subsystem">.unsafe_key());
		group_.su_group.cg_item.ci_namebuf[0] = '\0';
		raw::cxxrt_strscpy(group_.su_group.cg_item.ci_namebuf, name,
				   sizeof(group_.su_group.cg_item.ci_namebuf));
		group_.su_group.cg_item.ci_name = group_.su_group.cg_item.ci_namebuf;
		group_.su_group.cg_item.ci_type = &kType;
	}
	~Subsystem()
	{
		if (registered_)
			raw::configfs_unregister_subsystem(&group_);
	}
	/// Makes the directory appear; mkdir may be called before this returns.
	/// Context: process; sleeps.   Errors: EEXIST another subsystem has the name; ENOMEM.
	Result<void> add() EXCLUDES(atomic_context)
	{
		TRY(from_c(raw::configfs_register_subsystem(&group_)));
		registered_ = true;
		return {};
	}

private:
	using Child = typename Root::Item;
	static Subsystem& from_group(raw::config_group* group)
	{
		return owner_of<&Subsystem::group_>(owner_of<&raw::configfs_subsystem::su_group>(*group));
	}
	struct FromRoot {
		static Root& item(raw::config_item* item)
		{
			return from_group(&owner_of<&raw::config_group::cg_item>(*item)).root_;
		}
	};
	static raw::config_group* make_group(raw::config_group* group, const char* name)
	{
		Result<Box<Child>> made = from_group(group).root_.make_item(name);
		if (!made.ok())
			return reinterpret_cast<raw::config_group*>(long(made.error().to_c()));
		// From here on the directory's references own the object; release() takes it back.
		Child& child = *made.take().leak();
		raw::config_group* item = unsafe_group(child);
		raw::config_group_init_type_name(item, name, &detail::ItemType<Child>::kType);
		for_each_group(child, [&](const char* group_name, auto& inner) { inner.add_to(item, group_name); });
		return item;
	}
	template <class F> static void for_each_group(Child& child, F&& f)
	{
		if constexpr (requires { child.for_each_group(f); })
			child.for_each_group(f);
	}
	static void drop_item(raw::config_group* group, raw::config_item* item)
	{
		auto& child = unsafe_owner<Child>(item);
		from_group(group).root_.drop_item(child);
		for_each_group(child, [](const char*, auto& inner) { inner.drop(); });
		raw::config_item_put(item);
	}
	static inline constinit raw::configfs_group_operations kGroupOps{
		.make_group = &make_group,
		.drop_item = &drop_item,
	};
	static constexpr raw::config_item_type kType{
		.ct_owner = &raw::__this_module,
		.ct_group_ops = &kGroupOps,
		.ct_attrs = detail::Table<Root, FromRoot>::pointers(),
	};

	Root& root_;
	raw::configfs_subsystem group_;
	bool registered_ = false;
};

}  // namespace cxxrt::configfs
