// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::Guard<cxxrt::Mutex>::Guard\(const
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
void lock(Mutex& mutex) { Guard guard{mutex}; }
#else
Guard<Mutex> lock(Mutex& mutex)
{
	Guard guard{mutex};
	return guard;
}
#endif
