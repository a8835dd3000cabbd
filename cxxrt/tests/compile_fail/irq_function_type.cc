// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: void value not ignored as it ought to be
#include <cxxrt/irq.hpp>
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device : Pinned {
#ifdef OK
	irq::Handled interrupted() { return irq::Handled::No; }
#else
	void interrupted() {}
#endif
	irq::Handler irq{callback<&Device::irq, &Device::interrupted>};
};

Result<Box<Device>> make() { return Box<Device>::make(Gfp::Kernel); }
