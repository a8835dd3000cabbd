// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: lock\(\).* is private within this context
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void hold(SpinLock& lock)
{
#ifdef OK
	Guard guard{lock};
#else
	lock.lock();
#endif
}
