// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: calling function 'NestedGuard' requires holding role 'atomic_context'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void hold(SpinLock& lock)
{
#ifdef OK
	Guard guard{lock};
#else
	NestedGuard guard{lock};
#endif
}
