// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: expected 'unconsumed', observed 'consumed'
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void finish(blk::CompletionBatch& batch, blk::InFlight<> rq)
{
#ifdef OK
	batch.end(move(rq), blk::Status::Ok);
#else
	move(rq).complete();
	batch.end(move(rq), blk::Status::Ok);
#endif
}
