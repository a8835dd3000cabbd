// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: variable length array 'values' is used
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<u64> sum(u32 depth)
{
#ifdef OK
	Array<u64> values = TRY(Array<u64>::make(Gfp::Kernel, Node{}, depth, 1u));
#else
	u64 values[depth];
	for (u64& value : values)
		value = 1;
#endif
	u64 total = 0;
	for (u64 value : values)
		total += value;
	return total;
}
