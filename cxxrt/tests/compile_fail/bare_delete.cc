// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: operator delete.* is unavailable: a Box frees what it owns
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void drop(Box<u64> box)
{
#ifdef OK
	box.reset();
#else
	delete box.get();
#endif
}
