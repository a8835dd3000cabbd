// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: the kernel's atomics are int or long
#include <cxxrt/atomic.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
using Count = u32;
#else
using Count = u16;
#endif

Count load(const Atomic<Count>& count) { return count.load_acquire(); }
