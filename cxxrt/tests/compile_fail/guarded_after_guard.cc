// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: reading variable 'depth' requires holding mutex 'queue.lock'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Queue : Pinned {
	Mutex lock{lock_class<"Queue::lock">};
	u32 depth GUARDED_BY(lock) = 0;
};

u32 depth(Queue& queue)
{
	{
		Guard guard{queue.lock};
#ifdef OK
		return queue.depth;
#endif
	}
#ifdef OK
	return 0;
#else
	return queue.depth;
#endif
}
