// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: attempt to use poisoned "raw"
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
blk::Request<> pick(blk::Request<> request) { return request; }
#else
raw::request* pick(raw::request* request) { return request; }
#endif
