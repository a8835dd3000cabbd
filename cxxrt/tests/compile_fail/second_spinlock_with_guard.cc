// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: acquiring role 'atomic_context' that is already held
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void both(SpinLock& first, SpinLock& second)
{
	Guard outer{first};
#ifdef OK
	NestedGuard inner{second};
#else
	Guard inner{second};
#endif
}
