// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: could not convert '-22' from 'int' to 'cxxrt::Result<void>'
#include <cxxrt/error.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<void> set(u32 value)
{
	if (value == 0)
#ifdef OK
		return EINVAL;
#else
		return -22;
#endif
	return {};
}
