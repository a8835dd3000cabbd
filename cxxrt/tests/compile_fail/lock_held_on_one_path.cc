// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: writing variable 'depth' requires holding spinlock 'queue.lock' exclusively
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Queue : Pinned {
	SpinLock lock{lock_class<"Queue::lock">};
	u32 depth GUARDED_BY(lock) = 0;
};

void grow(Queue& queue, bool shared)
{
#ifdef OK
	(void)shared;
	Guard guard{queue.lock};
	++queue.depth;
#else
	if (shared)
		Guard guard{queue.lock};
	++queue.depth;
#endif
}
