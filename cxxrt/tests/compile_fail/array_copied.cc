// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::Array<.*>::Array\(const
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

u64 sum(Array<u64>& array)
{
#ifdef OK
	Array<u64>& all = array;
#else
	Array<u64> all = array;
#endif
	u64 total = 0;
	for (u64 value : all)
		total += value;
	return total;
}
