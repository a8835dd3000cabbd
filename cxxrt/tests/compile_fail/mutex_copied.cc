// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::Mutex::Mutex\(const
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void share(Mutex& lock)
{
#ifdef OK
	Mutex& same = lock;
#else
	Mutex same = lock;
#endif
	Guard guard{same};
}
