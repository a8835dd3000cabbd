// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'submit' while spinlock 'queue.lock' is held
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Queue : Pinned {
	void submit() EXCLUDES(lock)
	{
		Guard guard{lock};
		++depth;
	}

	SpinLock lock{lock_class<"Queue::lock">};
	u32 depth GUARDED_BY(lock) = 0;
};

void submit_two(Queue& queue)
{
#ifndef OK
	Guard guard{queue.lock};
#endif
	queue.submit();
	queue.submit();
}
