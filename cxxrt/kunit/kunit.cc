// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a test module has besides its suites: how failures are reported, the module itself, and on a kernel without
/// KUnit the runner. Linked into test modules only.
#include <cxxrt/kunit.hpp>

#include <cxxrt/memory.hpp>
#include <cxxrt/module.hpp>

namespace cxxrt::kunit {

// KTAP lines carry no module prefix, so they are not cxxrt::log's; "\001" and a digit is a log level.

namespace {

constinit module::RangedParam<1, 1000> fail_stride{1};
CXXRT_PARAM(fail_stride, "Of what makes many allocations, every how many fail, 1 to 1000");

const char* base_name(const char* path)
{
	const char* base = path;
	for (const char* p = path; *p != '\0'; ++p)
		base = *p == '/' ? p + 1 : base;
	return base;
}

}  // namespace

u32 Test::fail_stride() { return u32(kunit::fail_stride.get()); }

void Test::fail_number(Where where, s64 got, s64 want)
{
	raw::scnprintf(text_, kTextSize, "expected %lld, got %lld", want, got);
	fail(where);
}

void Test::fail_text(Where where, const char* got, const char* want)
{
	raw::scnprintf(text_, kTextSize, R"(expected "%s", got "%s")", want, got);
	// One line of the log, whatever the texts that were compared.
	for (char& c : text_)
		c = c == '\n' ? '|' : c;
	fail(where);
}

void Test::fail_allocations(Where where, u32 failed, int code)
{
	raw::scnprintf(text_, kTextSize, "after failed allocation %u: %d", failed, code);
	fail(where);
}

void Test::note_allocations(Where where, u32 failed)
{
	if (failed == 0)
		fail_text(where, "none", "an allocation that can fail");
	raw::_printk("\0016    # %s: %u allocations failed one by one\n", name(), failed);
}

#if CXXRT_FAULT_INJECTION
void Test::fail_allocation(u32 nth) { raw::cxxrt_set_fail_nth(nth); }

bool Test::has_allocation_failed()
{
	const bool failed = raw::cxxrt_fail_nth() == 0;
	raw::cxxrt_set_fail_nth(0);
	return failed;
}

const char* Test::why_no_allocation_fails()
{
	fail_allocation(1);
	const Result<Box<u64>> probe = Box<u64>::make(Gfp::Kernel);
	return has_allocation_failed() && !probe.ok() ? nullptr : "failslab/ignore-gfp-wait in debugfs is not N";
}
#else
void Test::fail_allocation(u32) {}
bool Test::has_allocation_failed() { return false; }
const char* Test::why_no_allocation_fails() { return "needs CONFIG_FAULT_INJECTION"; }
#endif

#if CXXRT_KUNIT

const char* Test::name() const { return kunit_->name; }

void Test::fail(Where where)
{
	failed_ = true;
	const raw::kunit_loc location{.line = where.line, .file = base_name(where.file)};
	raw::cxxrt_kunit_fail(kunit_, &location, text_);
}

void Test::finish(const Result<void>& result)
{
	if (!result.ok()) {
		raw::scnprintf(text_, kTextSize, "the body returned error %d", result.error().number());
		fail({.file = name(), .line = 0});
	} else if (skipped_ != nullptr && !failed_) {
		raw::cxxrt_kunit_mark_skipped(kunit_, skipped_);
	}
}

namespace {

/// KUnit finds the suites of a module by itself.
void run_suites() {}

}  // namespace

#else

const char* Test::name() const { return name_; }

void Test::fail(Where where)
{
	failed_ = true;
	raw::_printk("\0013    # %s: EXPECTATION FAILED at %s:%d\n", name(), base_name(where.file), where.line);
	raw::_printk("\0013    %s\n", text_);
}

void Test::finish(const Result<void>& result)
{
	if (result.ok())
		return;
	failed_ = true;
	raw::_printk("\0013    # %s: the body returned error %d\n", name(), result.error().number());
}

namespace {

// The section of KUNIT_SUITE; join.lds.
extern "C" Suite* const cxxrt_kunit_suites[];
extern "C" Suite* const cxxrt_kunit_suites_end[];

struct Totals {
	u32 passed = 0, failed = 0, skipped = 0;
	u32 total() const { return passed + failed + skipped; }
};

void run(const Case& one, Totals& totals)
{
	Test test{one.name};
	test.finish(one.run_case(test));
	const u32 number = totals.total() + 1;
	if (test.failed()) {
		++totals.failed;
		raw::_printk("\0013    not ok %u %s\n", number, one.name);
	} else if (test.skipped() != nullptr) {
		++totals.skipped;
		raw::_printk("\0016    ok %u %s # SKIP %s\n", number, one.name, test.skipped());
	} else {
		++totals.passed;
		raw::_printk("\0016    ok %u %s\n", number, one.name);
	}
}

void run(const Suite& suite, u32 number)
{
	u32 planned = 0;
	while (suite.test_cases[planned].run_case != nullptr)
		++planned;
	raw::_printk("\0016    KTAP version 1\n");
	raw::_printk("\0016    # Subtest: %s\n", suite.name);
	raw::_printk("\0016    # module: " KBUILD_MODNAME "\n");
	raw::_printk("\0016    1..%u\n", planned);
	Totals totals;
	for (u32 i = 0; i < planned; ++i)
		run(suite.test_cases[i], totals);
	raw::_printk("\0016# %s: pass:%u fail:%u skip:%u total:%u\n", suite.name, totals.passed, totals.failed,
		     totals.skipped, totals.total());
	const char* verdict = totals.failed > 0 ? "not ok" : "ok";
	raw::_printk("\0016%s %u %s%s\n", verdict, number, suite.name, totals.skipped == planned ? " # SKIP" : "");
}

void run_suites()
{
	const auto count = u32(cxxrt_kunit_suites_end - cxxrt_kunit_suites);
	raw::_printk("\0016KTAP version 1\n");
	raw::_printk("\00161..%u\n", count);
	for (u32 i = 0; i < count; ++i)
		run(*cxxrt_kunit_suites[i], i + 1);
}

}  // namespace

#endif

/// The module. Without KUnit it does all its work at load; which succeeds whatever the cases say, as it does with KUnit:
/// files of block devices are closed when insmod returns to user space, and call into the module then.
class Module {
public:
	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Box<Module>> create()
	{
		run_suites();
		return Box<Module>::make(Gfp::Kernel);
	}
};

}  // namespace cxxrt::kunit

CXXRT_MODULE(cxxrt::kunit::Module, "The cxxrt authors", "Test suites, run at load");
