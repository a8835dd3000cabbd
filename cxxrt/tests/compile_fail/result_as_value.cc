// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'cxxrt::Result<int>' to 'const int'
#include <cxxrt/error.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<int> depth();

Result<int> twice()
{
#ifdef OK
	const int value = TRY(depth());
#else
	const int value = depth();
#endif
	return value * 2;
}
