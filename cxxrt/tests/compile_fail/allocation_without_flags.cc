// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: no matching function for call to 'cxxrt::Box<.*>::make\(u
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
Result<Box<u64>> make() { return Box<u64>::make(Gfp::Kernel, 5u); }
#else
Result<Box<u64>> make() { return Box<u64>::make(5u); }
#endif
