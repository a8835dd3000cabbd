// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: calling function 'power_off' requires holding role 'device_state' exclusively
#include <cxxrt/lock.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

inline constexpr Role device_state;

struct Device : Pinned {
	void power_off() REQUIRES(device_state) {}
	Mutex lock{lock_class<"Device::lock">};
};

void remove(Device& device)
{
#ifdef OK
	RoleGuard guard{device.lock, device_state};
#else
	Guard guard{device.lock};
#endif
	device.power_off();
}
