// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'sleep_ms' while role 'atomic_context' is held
#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

int read(const RcuPointer<int>& published)
{
	int value;
	{
		RcuGuard reading;
		value = *published.load();
#ifndef OK
		sleep_ms(1);
#endif
	}
	sleep_ms(1);
	return value;
}
