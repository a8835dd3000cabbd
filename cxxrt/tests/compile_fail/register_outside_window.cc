// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: this register is not in the window
#include <cxxrt/mmio.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
struct Level : mmio::Register<Level, u32, 0x4> {};
#else
struct Level : mmio::Register<Level, u64, 0x4> {};
#endif

auto read(mmio::Window<8> window) { return window.read<Level>().bits; }
