// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Test cases of cxxrt that run when the module is loaded, and what their bodies say.
/// C side: none; the output is KTAP (Documentation/dev-tools/ktap.rst).
/// Context: bodies run in process context, one after the other, and may sleep. Locks: none held.
///
///     SELFTEST(memory, box_moves)
///     {
///             auto box = TRY(Box<int>::make(Gfp::Kernel, 4));
///             test.expect_eq(*box, 4);
///             return {};
///     }
///     SELFTEST_SUITE(memory, SELFTEST_CASE(memory, box_moves));

#include <cxxrt/error.hpp>

namespace cxxrt::selftest {

/// A place in a source file.
struct Where {
	const char* file;
	int line;

	static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE())
	{
		return {.file = file, .line = line};
	}
};

/// The verdict on one case: it fails with its first unmet expectation; all of them are printed.
class Test : Pinned {
public:
	/// All return whether the expectation was met.
	bool expect(bool met, Where where = Where::here())
	{
		if (!met)
			fail_text(where, "false", "true");
		return met;
	}
	/// Values are compared, and printed as signed numbers.
	template <class T> bool expect_eq(const T& got, const typename RemoveCv<T>::Type& want,
					  Where where = Where::here())
	{
		if (got == want)
			return true;
		fail_number(where, number(got), number(want));
		return false;
	}
	/// The text itself, not where it is.
	bool expect_eq(const char* got, const char* want, Where where = Where::here())
	{
		if (raw::strcmp(got, want) == 0)
			return true;
		fail_text(where, got, want);
		return false;
	}
	/// `result` is the given error.
	template <class T> bool expect_error(const Result<T>& result, Error want, Where where = Where::here())
	{
		if (!result.ok() && result.error() == want)
			return true;
		fail_number(where, result.ok() ? 0 : result.error().to_c(), want.to_c());
		return false;
	}
	/// The case cannot run here.
	Result<void> skip(const char* why)
	{
		skipped_ = why;
		return {};
	}

	bool failed() const { return first_[0] != '\0'; }
	/// The first unmet expectation, as "file:line what".
	const char* first() const { return first_; }
	/// Why it was skipped, or null.
	const char* skipped() const { return skipped_; }
	/// The body returned an error.
	void fail_error(Error error);

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
	void fail_number(Where where, s64 got, s64 want);
	void fail_text(Where where, const char* got, const char* want);
	/// Prints `text_` and keeps it if it is the first.
	void note();

	static constexpr size_t kTextSize = 160;
	char text_[kTextSize] = {};
	char first_[kTextSize] = {};
	const char* skipped_ = nullptr;
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

struct Case {
	const char* name;
	Result<void> (*body)(Test& test);
};

/// The cases of one header.
struct Suite {
	const char* name;
	const Case* cases;
	u32 count;
};

/// Runs all cases of all suites and prints KTAP to the kernel log.
/// Context: process; sleeps.   Errors: EINVAL if a case failed.
Result<void> run_all(const Suite* const* suites, u32 count);

}  // namespace cxxrt::selftest

/// Defines a case; the parameter is called `test`. One that is not in its suite does not compile.
#define SELFTEST(suite, behaviour) \
	static ::cxxrt::Result<void> suite##_##behaviour([[maybe_unused]] ::cxxrt::selftest::Test& test)
#define SELFTEST_CASE(suite, behaviour) \
	::cxxrt::selftest::Case { #behaviour, &suite##_##behaviour }
/// The suite of one file, at its end, in the order in which cases run. Declared in suites.hpp.
#define SELFTEST_SUITE(suite, ...)                                                      \
	static constexpr ::cxxrt::selftest::Case suite##_cases[] = {__VA_ARGS__};       \
	constinit const ::cxxrt::selftest::Suite suite##_suite                          \
	{                                                                               \
		#suite, suite##_cases, sizeof(suite##_cases) / sizeof(suite##_cases[0]) \
	}
