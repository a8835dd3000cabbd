// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: as 'this' argument discards qualifiers
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void complete(blk::InFlight<> rq)
{
#ifdef OK
	move(rq).end(blk::Status::Ok);
#else
	rq.end(blk::Status::Ok);
#endif
}
