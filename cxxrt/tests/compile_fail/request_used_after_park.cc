// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: invalid invocation of method 'request' on object 'rq' while it is in the 'consumed' state
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Tag {
	u32 bytes;
};

void issue(blk::InFlight<Tag> rq)
{
#ifdef OK
	const u32 bytes = rq.request().bytes();
	move(rq).park().bytes = bytes;
#else
	Tag& tag = move(rq).park();
	tag.bytes = rq.request().bytes();
#endif
}
