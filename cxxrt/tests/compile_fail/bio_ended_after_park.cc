// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: invalid invocation of method 'end' on .* while it is in the 'consumed' state
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void submit(blk::Bio bio, blk::Bio::Parked& place)
{
	move(bio).park(place);
#ifndef OK
	move(bio).end(blk::Status::Ok);
#endif
}
