// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'cxxrt::Gfp::Atomic' \(type 'const cxxrt::AtomicGfp'\) to type 'cxxrt::SleepingGfp'
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
Result<Array<u64>> make() { return Array<u64>::make(Gfp::NoIo, Node{}, 64); }
#else
Result<Array<u64>> make() { return Array<u64>::make(Gfp::Atomic, Node{}, 64); }
#endif
