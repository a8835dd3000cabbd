// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: narrowing conversion
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
blk::Limits limits(u32 bytes) { return {.logical_block_size = bytes}; }
#else
blk::Limits limits(u64 bytes) { return {.logical_block_size = bytes}; }
#endif
