// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: exception handling disabled
#include <cxxrt/error.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<void> set(u32 value)
{
	if (value == 0)
#ifdef OK
		return EINVAL;
#else
		throw 22;
#endif
	return {};
}
