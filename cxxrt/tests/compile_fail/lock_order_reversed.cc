// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: mutex 'first' must be acquired before 'second'
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Pair : Pinned {
	Mutex first{lock_class<"Pair::first">};
	Mutex second ACQUIRED_AFTER(first){lock_class<"Pair::second">};

	void both()
	{
#ifdef OK
		Guard outer{first};
		Guard inner{second};
#else
		Guard outer{second};
		Guard inner{first};
#endif
	}
};

void both(Pair& pair) { pair.both(); }
