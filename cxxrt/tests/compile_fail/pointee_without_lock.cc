// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: writing the value pointed to by 'head_' requires holding mutex 'lock_' exclusively
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

class Ring : Pinned {
public:
	explicit Ring(u32* head) : head_(head) {}
	void advance()
	{
#ifdef OK
		Guard guard{lock_};
#endif
		++*head_;
	}

private:
	Mutex lock_{lock_class<"Ring::lock_">};
	u32* const head_ PT_GUARDED_BY(lock_);
};

void advance(Ring& ring) { ring.advance(); }
