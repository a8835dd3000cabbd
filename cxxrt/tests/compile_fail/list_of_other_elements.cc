// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'Queue' to 'cxxrt::IntrusiveList<&Device::hook>::Element&'
#include <cxxrt/list.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device : Pinned {
	ListHook hook;
};
struct Queue : Pinned {
	ListHook hook;
};
using Devices = IntrusiveList<&Device::hook>;

#ifdef OK
void add(Devices& devices, Device& device) { devices.push_back(device); }
#else
void add(Devices& devices, Queue& queue) { devices.push_back(queue); }
#endif
