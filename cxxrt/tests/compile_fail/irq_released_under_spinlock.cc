// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'release' while role 'atomic_context' is held
#include <cxxrt/irq.hpp>
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void stop(SpinLock& lock, irq::Handler& handler)
{
#ifdef OK
	{
		Guard guard{lock};
	}
	handler.release();
#else
	Guard guard{lock};
	handler.release();
#endif
}
