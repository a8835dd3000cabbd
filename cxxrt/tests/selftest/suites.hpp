// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The suites, one per header of cxxrt.
/// C side: none.

#include "test.hpp"

namespace cxxrt::selftest {

extern const Suite atomic_suite, badblocks_suite, bitmap_suite, error_suite, list_suite, lock_suite, log_suite,
	memory_suite, page_suite, system_suite, time_suite, types_suite, work_suite, xarray_suite;

}  // namespace cxxrt::selftest
