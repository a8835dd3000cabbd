// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: these registers are not in the window
#include <cxxrt/mmio.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
struct Filters : mmio::RegisterArray<0x10, 4> {};
#else
struct Filters : mmio::RegisterArray<0x10, 5> {};
#endif

void clear(mmio::Window<32> window) { window.write_at<Filters>(0, 0); }
