// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::Work::Work\(const
#include <cxxrt/work.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device : Pinned {
	void run() {}
	Work work{callback<&Device::work, &Device::run>};
};

void schedule(Device& device)
{
#ifdef OK
	device.work.schedule();
#else
	Work work = move(device.work);
	work.schedule();
#endif
}
