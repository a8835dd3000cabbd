// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Test suites in a few lines of C++. On a kernel with CONFIG_KUNIT they are KUnit's own: it runs them when the module
/// is loaded, and keeps their results in debugfs. On others a small runner prints the same lines.
/// C side: include/kunit/test.h, helpers/kunit.c.  Spec: Documentation/dev-tools/ktap.rst.
/// Context: bodies run in process context, one after the other, and may sleep.   Locks: none held.
///
///     KUNIT_TEST(null_blk_store, written_page_is_found_again)
///     {
///             auto page = TRY(PageBox::zeroed(Gfp::Kernel));
///             ...
///             test.expect_eq(status, Status::Ok);
///             return {};
///     }
///     KUNIT_SUITE(null_blk_store);
///
/// A file of them is called <what>_kunit.cc. A module that has such a file among its sources is a test module: cxxrt.mk
/// adds what it needs to be loaded.

#include <cxxrt/annotations.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/lockcontext.hpp>

#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME "cxxrt"
#endif

namespace cxxrt::kunit {

/// A place in a source file.
struct Where {
	const char* file;
	int line;

	static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE())
	{
		return {.file = file, .line = line};
	}
};

/// One run of one case. An unmet expectation is reported and fails the case, which goes on: nothing is skipped that a
/// destructor has to do.
/// Context: process, without a spinlock: KUnit allocates memory for its report.
class Test : Pinned {
public:
#if CXXRT_KUNIT
	explicit Test(raw::kunit* kunit) : kunit_(kunit) {}
#else
	explicit Test(const char* name) : name_(name) {}
#endif

	/// All return whether the expectation was met.
	bool expect(bool met, Where where = Where::here()) EXCLUDES(atomic_context)
	{
		if (!met)
			fail_text(where, "false", "true");
		return met;
	}
	/// Values are compared, and printed as signed numbers.
	template <class T> bool expect_eq(const T& got, const typename RemoveCv<T>::Type& want,
					  Where where = Where::here()) EXCLUDES(atomic_context)
	{
		if (got == want)
			return true;
		fail_number(where, number(got), number(want));
		return false;
	}
	/// The text itself, not where it is.
	bool expect_eq(const char* got, const char* want, Where where = Where::here()) EXCLUDES(atomic_context)
	{
		if (raw::strcmp(got, want) == 0)
			return true;
		fail_text(where, got, want);
		return false;
	}
	/// `result` is the given error.
	template <class T> bool expect_error(const Result<T>& result, Error want, Where where = Where::here())
		EXCLUDES(atomic_context)
	{
		if (!result.ok() && result.error() == want)
			return true;
		fail_number(where, result.ok() ? 0 : result.error().to_c(), want.to_c());
		return false;
	}

	/// Calls `make()`, which returns a Result, again and again: in the first run its first memory allocation fails,
	/// in the second run its second, until a run needs no more. Each must succeed all the same or return `want`, and
	/// the last one succeed. What it makes is destroyed before the next run; the caller counts what it can, and
	/// kmemleak finds the rest.
	///     test.expect_survives_failed_allocations([&] { return Queue::create(64); });
	/// Skips the case on a kernel that cannot fail allocations, or is not set up to (docs/testing.md). Other
	/// threads' allocations do not fail, and those of per-CPU memory do only where they take new pages.
	template <class Make>
	void expect_survives_failed_allocations(Make&& make, Error want = ENOMEM, Where where = Where::here())
		EXCLUDES(atomic_context)
	{
		skipped_ = why_no_allocation_fails();
		if (skipped_ != nullptr)
			return;
		u32 failed = 0;
		bool fails = true;
		for (u32 nth = 1; fails; nth += nth < kEach ? 1 : fail_stride()) {
			fail_allocation(nth);
			auto made = make();
			fails = has_allocation_failed();
			failed += fails ? 1 : 0;
			if (nth > kMostAllocations || (!made.ok() && !(fails && made.error() == want)))
				return fail_allocations(where, failed, made.ok() ? 0 : made.error().to_c());
		}
		note_allocations(where, failed);
	}

	/// The case cannot run here: `return test.skip("why")`.
	Result<void> skip(const char* why)
	{
		skipped_ = why;
		return {};
	}

	/// The body has returned `result`.
	void finish(const Result<void>& result);
	bool failed() const { return failed_; }
	/// Why it was skipped, or null.
	const char* skipped() const { return skipped_; }

private:
	template <class T> static s64 number(const T& value)
	{
		if constexpr (requires { s64(value); })
			return s64(value);
		else if constexpr (requires { value.number(); })
			return value.number();
		else
			return s64(reinterpret_cast<uintptr_t>(value));
	}
	const char* name() const;
	void fail_number(Where where, s64 got, s64 want);
	void fail_text(Where where, const char* got, const char* want);
	/// Reports what is in `text_`.
	void fail(Where where);

	static const char* why_no_allocation_fails();
	/// The module's parameter of that name; 1 if every allocation is to fail.
	static u32 fail_stride();
	/// Has the `nth` allocation from now on fail, counted from 1, in this thread.
	static void fail_allocation(u32 nth);
	/// Ends that; says whether there were so many.
	static bool has_allocation_failed();
	/// The run after `failed` failed allocations should not have ended with `code`.
	void fail_allocations(Where where, u32 failed, int code);
	/// So many failed one by one, and all is well, unless it is none.
	void note_allocations(Where where, u32 failed);

	static constexpr size_t kTextSize = 160;
	/// So many are failed one by one; of those after them every fail_stride()th.
	static constexpr u32 kEach = 32;
	/// More than anything here needs: something tries again for ever.
	static constexpr u32 kMostAllocations = 10000;
#if CXXRT_KUNIT
	raw::kunit* kunit_;
#else
	const char* name_;
#endif
	const char* skipped_ = nullptr;
	bool failed_ = false;
	char text_[kTextSize] = {};
};

/// Values to loop over; there is no std::initializer_list.
template <class T, size_t N> struct Values {
	T items[N];
	constexpr const T* begin() const { return items; }
	constexpr const T* end() const { return items + N; }
};
template <class T, class... Rest> constexpr Values<T, 1 + sizeof...(Rest)> each(T first, Rest... rest)
{
	return {{first, rest...}};
}

using Body = Result<void> (*)(Test& test);

#if CXXRT_KUNIT
using Case = raw::kunit_case;
using Suite = raw::kunit_suite;
#else
struct Case {
	Body run_case;
	const char* name;
};
/// `test_cases` end with one that is zero.
struct Suite {
	const char* name;
	const Case* test_cases;
};
#endif

namespace detail {

#if CXXRT_KUNIT
template <Body Function> void run_case(raw::kunit* kunit)
{
	Test test{kunit};
	test.finish(Function(test));
}
#endif

template <size_t> struct Index {};
/// What KUNIT_TEST declares a function to return, so that KUNIT_SUITE finds the case by its number.
template <Body Function, Literal Name> struct CaseOf {
	static consteval Case make()
	{
#if CXXRT_KUNIT
		Case made{.run_case = &run_case<Function>, .name = kText<Name>.text};
#if CXXRT_KERNEL_6_12
		// KUnit does not write to it.
		made.module_name = const_cast<char*>(KBUILD_MODNAME);
#endif
		return made;
#else
		return {.run_case = Function, .name = kText<Name>.text};
#endif
	}
};

template <class Suite, size_t I> concept HasCase = requires(Suite* suite) { cxxrt_kunit_case(suite, Index<I>{}); };

template <size_t N> struct Cases {
	Case all[N];
};
template <class Suite, size_t I, class Cases> consteval void add_case(Cases& cases, size_t& next)
{
	if constexpr (HasCase<Suite, I>)
		cases.all[next++] = decltype(cxxrt_kunit_case(static_cast<Suite*>(nullptr), Index<I>{}))::make();
}
template <class Suite, size_t... I> consteval auto collect_cases(Indexes<I...>)
{
	constexpr size_t count = (0 + ... + (HasCase<Suite, I> ? 1 : 0));
	static_assert(count > 0, "a suite without a case");
	Cases<count + 1> cases{};
	size_t next = 0;
	(add_case<Suite, I>(cases, next), ...);
	return cases;
}

}  // namespace detail

}  // namespace cxxrt::kunit

// NOLINTBEGIN(bugprone-macro-parentheses): names take no parentheses

/// Defines a case, named after the behaviour it shows; its parameter is called `test`. The suite is named after module
/// and noun. It does not compile without KUNIT_SUITE at the end of the file.
#define KUNIT_TEST(suite, behaviour) CXXRT_KUNIT_TEST(suite, behaviour, __COUNTER__)
#define CXXRT_KUNIT_TEST(suite, behaviour, number)                                                           \
	struct suite##_suite;                                                                                \
	static void suite##_needs_KUNIT_SUITE();                                                             \
	static ::cxxrt::Result<void> suite##_##behaviour(::cxxrt::kunit::Test& test);                        \
	[[maybe_unused]] static auto cxxrt_kunit_case(suite##_suite*, ::cxxrt::kunit::detail::Index<number>) \
	{                                                                                                    \
		suite##_needs_KUNIT_SUITE();                                                                 \
		return ::cxxrt::kunit::detail::CaseOf<&suite##_##behaviour, #behaviour>{};                   \
	}                                                                                                    \
	static ::cxxrt::Result<void> suite##_##behaviour([[maybe_unused]] ::cxxrt::kunit::Test& test)

/// Registers the suite: the cases above, in their order. Both KUnit and the small runner walk the section.
#define KUNIT_SUITE(suite)                                                                                     \
	[[maybe_unused]] static void suite##_needs_KUNIT_SUITE() {}                                            \
	static constinit auto suite##_cases = ::cxxrt::kunit::detail::collect_cases<suite##_suite>(            \
		::cxxrt::make_indexes<__COUNTER__>());                                                         \
	static constinit ::cxxrt::kunit::Suite suite##_kunit{.name = #suite, .test_cases = suite##_cases.all}; \
	__attribute__((section(".kunit_test_suites"),                                                          \
		       used)) static constinit ::cxxrt::kunit::Suite* suite##_kunit_pointer = &suite##_kunit

// NOLINTEND(bugprone-macro-parentheses)
