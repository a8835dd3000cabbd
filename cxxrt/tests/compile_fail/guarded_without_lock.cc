// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: writing variable 'depth_' requires holding spinlock 'lock_' exclusively
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

class Queue : Pinned {
public:
	void grow()
	{
#ifdef OK
		Guard guard{lock_};
#endif
		++depth_;
	}

private:
	SpinLock lock_{lock_class<"Queue::lock_">};
	u32 depth_ GUARDED_BY(lock_) = 0;
};

void grow(Queue& queue) { queue.grow(); }
