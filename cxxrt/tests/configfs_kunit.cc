// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/configfs.hpp>

#include <cxxrt/kunit.hpp>
#include <cxxrt/page.hpp>

#include "tracked.hpp"

namespace cxxrt::kunit {
namespace {

class Directory;

struct Number {
	static Result<size_t> show(Directory& owner, configfs::Buffer out);
	static Result<void> store(Directory& owner, const char* text);
};
struct Unreadable {
	static Result<size_t> show(Directory&, configfs::Buffer) { return EIO; }
};
struct Reset {
	static Result<void> store(Directory& owner, const char* text);
};

class Directory : public configfs::Item {
public:
	using Attributes = configfs::Attributes<configfs::Attribute<"number", Number>,
						configfs::Attribute<"unreadable", Unreadable>,
						configfs::Attribute<"reset", Reset>>;
	explicit Directory(Counts& counts) : tracked(counts, 1) {}

	Tracked tracked;
	u32 number = 7;
};

Result<size_t> Number::show(Directory& owner, configfs::Buffer out) { return out.line(owner.number); }
Result<void> Number::store(Directory& owner, const char* text)
{
	owner.number = TRY(parse<u32>(text));
	return {};
}
Result<void> Reset::store(Directory& owner, const char*)
{
	owner.number = 0;
	return {};
}

using Type = configfs::detail::ItemType<Directory>;

struct RootAttribute {
	static Result<size_t> show(class Root&, configfs::Buffer out) { return out.line(1u); }
};

/// A subsystem in which nobody makes a directory.
class Root : Pinned {
public:
	using Item = Directory;
	using Attributes = configfs::Attributes<configfs::Attribute<"features", RootAttribute>>;
	explicit Root(const char* name) : subsystem_(*this, name) {}
	static Result<Box<Directory>> make_item(const char*) { return EPERM; }
	static void drop_item(Directory&) {}

	static Result<Box<Root>> create(const char* name)
	{
		auto root = TRY(Box<Root>::make(Gfp::Kernel, name));
		TRY(root->subsystem_.add());
		return root;
	}

private:
	configfs::Subsystem<Root> subsystem_;
};

/// A page of text, as configfs passes it to show.
struct Text {
	char page[kPageSize];
};

/// One printed value: the text and its length.
template <class T>
void expect_line(Test& test, char* page, T value, const char* want, Where where = Where::here())
{
	const size_t length = configfs::Buffer{page}.line(value);
	test.expect_eq(page, want, where);
	size_t wanted = 0;
	while (want[wanted] != '\0')
		++wanted;
	test.expect_eq(length, wanted, where);
}

}  // namespace

KUNIT_TEST(cxxrt_configfs, buffer_prints_each_type)
{
	auto text = TRY(Box<Text>::make(Gfp::Kernel));
	expect_line(test, text->page, true, "1\n");
	expect_line(test, text->page, false, "0\n");
	expect_line(test, text->page, -5, "-5\n");
	expect_line(test, text->page, 4294967295u, "4294967295\n");
	expect_line(test, text->page, ~0ul, "18446744073709551615\n");
	expect_line(test, text->page, static_cast<const char*>("a,b"), "a,b\n");
	return {};
}

/// The files, in order, with a mode that follows from what they can do.
KUNIT_TEST(cxxrt_configfs, attributes_follow_from_their_access)
{
	raw::configfs_attribute** attributes = Type::kType.ct_attrs;
	test.expect_eq(attributes[0]->ca_name, "number");
	test.expect_eq(attributes[1]->ca_name, "unreadable");
	test.expect_eq(attributes[2]->ca_name, "reset");
	test.expect(attributes[3] == nullptr);
	test.expect_eq(int(attributes[0]->ca_mode), 0644);
	test.expect_eq(int(attributes[1]->ca_mode), 0444);
	test.expect_eq(int(attributes[2]->ca_mode), 0200);
	test.expect(attributes[1]->store == nullptr);
	test.expect(attributes[2]->show == nullptr);
	for (int i = 0; i < 3; ++i)
		test.expect(attributes[i]->ca_owner == &raw::__this_module);
	return {};
}

KUNIT_TEST(cxxrt_configfs, show_prints_or_returns_the_errno)
{
	Counts counts;
	auto directory = TRY(Box<Directory>::make(Gfp::Kernel, counts));
	auto text = TRY(Box<Text>::make(Gfp::Kernel));
	raw::config_item* item = &configfs::unsafe_group(*directory)->cg_item;
	directory->number = 123;
	test.expect_eq(Type::kType.ct_attrs[0]->show(item, text->page), 4l);
	test.expect_eq(text->page, "123\n");
	test.expect_eq(Type::kType.ct_attrs[1]->show(item, text->page), long(EIO.to_c()));
	return {};
}

/// A store takes all that was written, or nothing.
KUNIT_TEST(cxxrt_configfs, store_takes_all_or_returns_the_errno)
{
	Counts counts;
	auto directory = TRY(Box<Directory>::make(Gfp::Kernel, counts));
	raw::config_item* item = &configfs::unsafe_group(*directory)->cg_item;
	const auto store = Type::kType.ct_attrs[0]->store;
	test.expect_eq(store(item, "55\n", 3), 3l);
	test.expect_eq(directory->number, 55u);
	test.expect_eq(store(item, "0x10", 4), 4l);
	test.expect_eq(directory->number, 16u);
	for (const char* wrong : each("", "\n", "-1", "1 2", "x"))
		test.expect_eq(store(item, wrong, 3), long(EINVAL.to_c()));
	test.expect_eq(store(item, "4294967296", 10), long(ERANGE.to_c()));
	test.expect_eq(directory->number, 16u);
	test.expect_eq(Type::kType.ct_attrs[2]->store(item, "anything", 8), 8l);
	test.expect_eq(directory->number, 0u);
	return {};
}

/// The directory's reference owns the object, and its last one destroys it.
KUNIT_TEST(cxxrt_configfs, last_reference_destroys_the_item)
{
	Counts counts;
	for (const char* name : each("short", "a_name_that_does_not_fit_into_the_item_itself")) {
		auto directory = TRY(Box<Directory>::make(Gfp::Kernel, counts));
		test.expect(directory->name() == nullptr);
		raw::config_group* group = configfs::unsafe_group(*directory.leak());
		raw::config_group_init_type_name(group, name, &Type::kType);
		raw::config_item* item = &group->cg_item;
		test.expect_eq(configfs::unsafe_owner<Directory>(item).name(), name);
		test.expect_eq(counts.live(), 1);
		raw::config_item_put(item);
		test.expect_eq(counts.live(), 0);
	}
	test.expect_eq(counts.ended, 2);
	return {};
}

KUNIT_TEST(cxxrt_configfs, name_belongs_to_one_subsystem)
{
	{
		auto first = TRY(Root::create("cxxrt_kunit"));
		test.expect_error(Root::create("cxxrt_kunit"), EEXIST);
		auto other = TRY(Root::create("cxxrt_kunit_other"));
	}
	auto again = TRY(Root::create("cxxrt_kunit"));
	return {};
}

KUNIT_TEST(cxxrt_configfs, subsystem_that_was_not_added_ends_quietly)
{
	auto root = TRY(Box<Root>::make(Gfp::Kernel, "cxxrt_kunit"));
	test.expect(bool(root));
	return {};
}

KUNIT_TEST(cxxrt_configfs, subsystem_survives_failed_allocations)
{
	test.expect_survives_failed_allocations([] { return Root::create("cxxrt_kunit"); });
	return {};
}

KUNIT_SUITE(cxxrt_configfs);

}  // namespace cxxrt::kunit
