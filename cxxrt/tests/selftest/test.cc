// SPDX-License-Identifier: GPL-2.0
#include "test.hpp"

#include <cxxrt/memory.hpp>

namespace cxxrt::selftest {

// KTAP lines carry no module prefix, so they are not cxxrt::log's; "\001" and a digit is a log level.

void Test::note()
{
	// One line of the log, whatever the texts that were compared.
	for (char& c : text_)
		c = c == '\n' ? '|' : c;
	raw::_printk("\0013    # %s\n", text_);
	if (!failed())
		raw::memcpy(first_, text_, kTextSize);
}

static const char* base_name(const char* path)
{
	const char* base = path;
	for (const char* p = path; *p != '\0'; ++p)
		base = *p == '/' ? p + 1 : base;
	return base;
}

void Test::fail_number(Where where, s64 got, s64 want)
{
	raw::scnprintf(text_, kTextSize, "%s:%d expected %lld, got %lld", base_name(where.file), where.line, want, got);
	note();
}

void Test::fail_text(Where where, const char* got, const char* want)
{
	raw::scnprintf(text_, kTextSize, R"(%s:%d expected "%s", got "%s")", base_name(where.file), where.line, want,
		       got);
	note();
}

void Test::fail_error(Error error)
{
	raw::scnprintf(text_, kTextSize, "the body returned error %d", error.number());
	note();
}

namespace {

struct Totals {
	u32 passed, failed, skipped;
	u32 total() const { return passed + failed + skipped; }
};

void run(const char* suite, const Case& one, Totals& totals)
{
	Test test;
	const Result<void> result = one.body(test);
	if (!result.ok())
		test.fail_error(result.error());
	const u32 number = totals.total() + 1;
	if (test.failed()) {
		++totals.failed;
		raw::_printk("\0013not ok %u - %s.%s: %s\n", number, suite, one.name, test.first());
	} else if (test.skipped() != nullptr) {
		++totals.skipped;
		raw::_printk("\0016ok %u - %s.%s # SKIP %s\n", number, suite, one.name, test.skipped());
	} else {
		++totals.passed;
		raw::_printk("\0016ok %u - %s.%s\n", number, suite, one.name);
	}
}

}  // namespace

Result<void> run_all(const Suite* const* suites, u32 count)
{
	u32 planned = 0;
	for (u32 i = 0; i < count; ++i)
		planned += suites[i]->count;
	raw::_printk("\0016KTAP version 1\n");
	raw::_printk("\00161..%u\n", planned);
	Totals totals{};
	for (u32 i = 0; i < count; ++i) {
		for (u32 j = 0; j < suites[i]->count; ++j)
			run(suites[i]->name, suites[i]->cases[j], totals);
	}
	raw::_printk("\0016# Totals: pass:%u fail:%u skip:%u error:0 total:%u\n", totals.passed, totals.failed,
		     totals.skipped, totals.total());
	if (totals.failed > 0)
		return EINVAL;
	return {};
}

}  // namespace cxxrt::selftest
