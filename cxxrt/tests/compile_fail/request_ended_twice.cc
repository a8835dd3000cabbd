// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: invalid invocation of method 'end' on .* while it is in the 'consumed' state
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

blk::Status queue_rq(blk::Request<> request)
{
	blk::InFlight<> rq = request.start();
	move(rq).end(blk::Status::Ok);
#ifndef OK
	move(rq).end(blk::Status::Ok);
#endif
	return blk::Status::Ok;
}
