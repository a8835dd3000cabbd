// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'wait_for.*' while role 'atomic_context' is held
#include <cxxrt/work.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

u32 wait(SpinLock& lock, WaitQueue& room, Atomic<u32>& ready)
{
#ifndef OK
	Guard guard{lock};
#endif
	const u32 seen = room.wait_for([&] { return ready.load_acquire(); });
#ifdef OK
	Guard guard{lock};
#endif
	return seen;
}
