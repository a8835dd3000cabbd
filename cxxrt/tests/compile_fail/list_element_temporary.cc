// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot bind non-const lvalue reference .* to an rvalue
#include <cxxrt/list.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device : Pinned {
	ListHook hook;
};
using Devices = IntrusiveList<&Device::hook>;

void add(Devices& devices, Device& device)
{
#ifdef OK
	devices.push_back(device);
#else
	(void)device;
	devices.push_back(Device{});
#endif
}
