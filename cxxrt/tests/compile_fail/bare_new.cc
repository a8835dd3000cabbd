// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: operator new.* is unavailable: use Box<T>::make
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
Result<Box<u64>> make() { return Box<u64>::make(Gfp::Kernel, 0u); }
#else
u64* make() { return new u64{0}; }
#endif
