// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::Box<.*>::Box\(const
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Box<u64> hand_on(Box<u64> box)
{
#ifdef OK
	Box<u64> other = move(box);
#else
	Box<u64> other = box;
#endif
	return other;
}
