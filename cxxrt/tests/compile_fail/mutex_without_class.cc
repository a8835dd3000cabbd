// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: no matching function for call to 'cxxrt::Mutex::Mutex\(\)'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Queue : Pinned {
#ifdef OK
	Mutex lock{lock_class<"Queue::lock">};
#else
	Mutex lock;
#endif
};

void hold()
{
	Queue queue;
	Guard guard{queue.lock};
}
