// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: assignment of read-only reference 'each'
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void clear(PerCpu<u64>& counters)
{
#ifdef OK
	counters.with_local([](u64& mine) { mine = 0; });
#else
	counters.for_each([](auto& each) { each = 0; });
#endif
}
