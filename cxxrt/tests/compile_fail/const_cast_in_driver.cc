// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: attempt to use poisoned "const_cast"
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
u64* writable(u64& value) { return &value; }
#else
u64* writable(const u64& value) { return const_cast<u64*>(&value); }
#endif
