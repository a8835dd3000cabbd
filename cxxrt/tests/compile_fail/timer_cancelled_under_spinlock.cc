// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'cancel' while role 'atomic_context' is held
#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void stop(IrqSpinLock& lock, HrTimer& timer)
{
#ifdef OK
	timer.cancel();
	Guard guard{lock};
#else
	Guard guard{lock};
	timer.cancel();
#endif
}
