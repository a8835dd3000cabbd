// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: this register cannot be written
#include <cxxrt/mmio.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
struct Level : mmio::Register<Level, u32, 0x4> {};
#else
struct Level : mmio::Register<Level, u32, 0x4, mmio::Access::ReadOnly> {};
#endif

void reset(mmio::Window<8> window) { window.write(Level{}); }
