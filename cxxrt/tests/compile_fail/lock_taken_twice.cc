// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: acquiring mutex 'lock' that is already held
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void nest(Mutex& lock, Mutex& other)
{
	Guard outer{lock};
#ifdef OK
	Guard inner{other};
#else
	(void)other;
	Guard inner{lock};
#endif
}
