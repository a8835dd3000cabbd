// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::blk::Disk::Disk\(const
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device {
	blk::Disk disk;
};

#ifdef OK
void remove(Device& device) { blk::Disk gone = move(device.disk); }
#else
void remove(Device& device) { blk::Disk gone = device.disk; }
#endif
