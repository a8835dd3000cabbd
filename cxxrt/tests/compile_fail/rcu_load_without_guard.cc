// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: calling function 'load' requires holding role 'atomic_context'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

int read(const RcuPointer<int>& published)
{
#ifdef OK
	RcuGuard reading;
#endif
	return *published.load();
}
