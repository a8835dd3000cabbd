// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: invalid invocation of method 'end' on .* while it is in the 'unknown' state
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

blk::Status queue_rq(blk::Request<> request, bool failed)
{
	blk::InFlight<> rq = request.start();
	if (failed) {
		move(rq).end(blk::Status::IoError);
#ifdef OK
		return blk::Status::Ok;
#endif
	}
	move(rq).end(blk::Status::Ok);
	return blk::Status::Ok;
}
