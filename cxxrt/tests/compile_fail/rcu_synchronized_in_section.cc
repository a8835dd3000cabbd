// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'rcu_synchronize' while role 'atomic_context' is held
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void retire()
{
#ifdef OK
	{
		RcuGuard reading;
	}
#else
	RcuGuard reading;
#endif
	rcu_synchronize();
}
