// SPDX-License-Identifier: GPL-2.0
/// \file
/// cxxrt_selftest: loading it runs every test case of cxxrt in a stock kernel, which has no KUnit.
#include <cxxrt/module.hpp>

#include "suites.hpp"

namespace cxxrt::selftest {
namespace {

constexpr const Suite* kSuites[] = {
	&types_suite, &error_suite,  &system_suite, &memory_suite, &page_suite, &atomic_suite, &lock_suite,
	&list_suite,  &xarray_suite, &bitmap_suite, &time_suite,   &work_suite, &log_suite,    &badblocks_suite,
};

}  // namespace

/// The module. It does all its work at load.
class Module {
public:
	/// Context: process; sleeps.   Errors: EINVAL if a case failed; ENOMEM.
	static Result<Box<Module>> create()
	{
		TRY(run_all(kSuites, sizeof(kSuites) / sizeof(kSuites[0])));
		return Box<Module>::make(Gfp::Kernel);
	}
};

}  // namespace cxxrt::selftest

CXXRT_MODULE(cxxrt::selftest::Module, "The cxxrt authors", "Test cases of cxxrt, run at load");
