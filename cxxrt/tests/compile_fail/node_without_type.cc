// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'node' \(type 'int'\) to type 'cxxrt::Node'
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
Result<Array<u64>> make(int node) { return Array<u64>::make(Gfp::Kernel, Node{node}, 8); }
#else
Result<Array<u64>> make(int node) { return Array<u64>::make(Gfp::Kernel, node, 8); }
#endif
