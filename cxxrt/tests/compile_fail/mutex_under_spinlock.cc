// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'Guard' while role 'atomic_context' is held
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void nest(SpinLock& spin, Mutex& mutex)
{
#ifdef OK
	Guard outer{mutex};
	Guard inner{spin};
#else
	Guard outer{spin};
	Guard inner{mutex};
#endif
}
