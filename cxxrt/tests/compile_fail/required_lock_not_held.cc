// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: calling function 'depth_locked' requires holding mutex 'queue.lock'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Queue : Pinned {
	u32 depth_locked() const REQUIRES(lock) { return depth; }

	Mutex lock{lock_class<"Queue::lock">};
	u32 depth GUARDED_BY(lock) = 0;
};

u32 depth(Queue& queue)
{
#ifdef OK
	Guard guard{queue.lock};
#endif
	return queue.depth_locked();
}
