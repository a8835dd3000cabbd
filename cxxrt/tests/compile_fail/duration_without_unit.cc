// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'int' to 'cxxrt::Nanoseconds'
#include <cxxrt/time.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void arm(HrTimer& timer)
{
#ifdef OK
	timer.start(Nanoseconds{10000});
#else
	timer.start(10000);
#endif
}
