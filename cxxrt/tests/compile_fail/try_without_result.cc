// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: return-statement with a value, in function returning 'void'
#include <cxxrt/error.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<int> depth();

#ifdef OK
Result<void> show(int& out)
{
	out = TRY(depth());
	return {};
}
#else
void show(int& out) { out = TRY(depth()); }
#endif
