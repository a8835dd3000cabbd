// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: returning variable 'depth_' by reference requires holding spinlock 'lock_'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

class Queue : Pinned {
public:
#ifdef OK
	u32 depth()
	{
		Guard guard{lock_};
		return depth_;
	}
#else
	u32& depth()
	{
		Guard guard{lock_};
		return depth_;
	}
#endif

private:
	SpinLock lock_{lock_class<"Queue::lock_">};
	u32 depth_ GUARDED_BY(lock_) = 0;
};

u32 depth(Queue& queue) { return queue.depth(); }
