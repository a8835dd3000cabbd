// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'flush' while role 'atomic_context' is held
#include <cxxrt/work.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void stop(SpinLock& lock, Work& work, bool& stopped)
{
	{
		Guard guard{lock};
		stopped = true;
#ifndef OK
		work.flush();
#endif
	}
	work.flush();
}
