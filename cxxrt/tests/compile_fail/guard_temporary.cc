// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring return value of .*Guard<cxxrt::Mutex>::Guard
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

int read(Mutex& lock, const int& shared)
{
#ifdef OK
	Guard guard{lock};
#else
	Guard{lock};
#endif
	return shared;
}
