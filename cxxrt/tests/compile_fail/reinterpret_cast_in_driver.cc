// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: attempt to use poisoned "reinterpret_cast"
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
u64* cells(Array<u64>& array) { return array.begin(); }
#else
u64* cells(char* memory) { return reinterpret_cast<u64*>(memory); }
#endif
