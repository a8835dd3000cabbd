// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: no match for 'operator\+\+'
#include <cxxrt/atomic.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void count(Atomic<u32>& requests)
{
#ifdef OK
	requests.fetch_add_relaxed(1);
#else
	++requests;
#endif
}
