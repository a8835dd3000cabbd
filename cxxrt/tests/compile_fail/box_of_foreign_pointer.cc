// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: Box\(T\*\).* is private within this context
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device {
	u64 registers;
};

#ifdef OK
Result<Box<Device>> own(const Device& device) { return Box<Device>::make(Gfp::Kernel, device); }
#else
Result<Box<Device>> own(Device& device) { return Box<Device>{&device}; }
#endif
