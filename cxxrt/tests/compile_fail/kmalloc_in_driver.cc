// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: attempt to use poisoned "kmalloc"
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
Result<Box<u64>> make() { return Box<u64>::make(Gfp::Kernel, 0u); }
#else
void* make() { return kmalloc(8, 0); }
#endif
