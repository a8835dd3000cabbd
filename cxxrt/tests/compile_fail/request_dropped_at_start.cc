// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring return value of .*Request<Pdu>::start
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

blk::Status queue_rq(blk::Request<> request)
{
#ifdef OK
	request.start().end(blk::Status::Ok);
#else
	request.start();
#endif
	return blk::Status::Ok;
}
