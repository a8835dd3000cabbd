// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::PerCpu<.*>::PerCpu\(const
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void count(PerCpu<u64>& counters)
{
#ifdef OK
	PerCpu<u64>& all = counters;
#else
	PerCpu<u64> all = counters;
#endif
	all.with_local([](u64& mine) { ++mine; });
}
