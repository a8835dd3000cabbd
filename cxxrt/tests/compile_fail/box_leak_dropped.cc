// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring return value of .*Box<T>::leak
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void hand_on(Box<u64> box)
{
#ifdef OK
	box.reset();
#else
	box.leak();
#endif
}
