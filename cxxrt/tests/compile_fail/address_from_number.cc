// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: is private within this context
#include <cxxrt/dma.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
auto second_page(dma::Addr first) { return first + kPageSize; }
#else
auto second_page(u64 first) { return dma::Addr{first + kPageSize}; }
#endif
