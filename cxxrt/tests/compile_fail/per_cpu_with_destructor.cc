// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: per-CPU values start as zero bytes and have no destructor
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
using Value = u64;
#else
using Value = Box<u64>;
#endif

Result<PerCpu<Value>> make() { return PerCpu<Value>::create(); }
