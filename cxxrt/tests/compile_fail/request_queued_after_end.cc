// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: expected 'unconsumed', observed 'consumed'
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void finish(blk::RequestList& waiting, blk::InFlight<> rq, bool now)
{
	if (now) {
		move(rq).end(blk::Status::Ok);
#ifndef OK
		waiting.push_back(move(rq));
#endif
	} else {
		waiting.push_back(move(rq));
	}
}
