// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::IntrusiveList<.*>::IntrusiveList\(const
#include <cxxrt/list.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device : Pinned {
	ListHook hook;
};
using Devices = IntrusiveList<&Device::hook>;

bool is_empty(Devices& devices)
{
#ifdef OK
	Devices& seen = devices;
#else
	Devices seen = devices;
#endif
	return seen.is_empty();
}
