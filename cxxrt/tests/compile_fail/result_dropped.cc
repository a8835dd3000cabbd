// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring returned value of type 'cxxrt::Result<void>', declared with attribute 'nodiscard'
#include <cxxrt/error.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<void> set_depth(u32 depth)
{
	if (depth == 0)
		return EINVAL;
	return {};
}

void reset()
{
#ifdef OK
	set_depth(1).ignore("1 is a valid depth");
#else
	set_depth(1);
#endif
}
