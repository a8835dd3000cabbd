// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: passing variable 'depth' by reference requires holding spinlock 'queue.lock'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Queue : Pinned {
	SpinLock lock{lock_class<"Queue::lock">};
	u32 depth GUARDED_BY(lock) = 0;
};

void raise(u32& value) { ++value; }

void grow(Queue& queue)
{
#ifdef OK
	Guard guard{queue.lock};
#endif
	raise(queue.depth);
}
