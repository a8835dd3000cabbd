// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'Device::Device\(Device&&\)'
#include <cxxrt/list.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

class Device : Pinned {
	ListHook hook_;	 // the list points at it
};

#ifdef OK
void keep(Device&) {}
void hand_on(Device& device) { keep(device); }
#else
void keep(Device) {}
void hand_on(Device& device) { keep(move(device)); }
#endif
