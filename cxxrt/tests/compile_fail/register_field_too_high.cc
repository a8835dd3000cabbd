// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: the field is not in this register
#include <cxxrt/mmio.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Level : mmio::Register<Level, u32, 0x4> {
#ifdef OK
	using Top = mmio::Bit<31>;
#else
	using Top = mmio::Bit<32>;
#endif
};

bool top(Level level) { return level.get<Level::Top>(); }
