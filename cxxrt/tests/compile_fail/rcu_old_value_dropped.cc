// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring return value of .*RcuPointer<T>::replace
#include <cxxrt/lock.hpp>
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void publish(RcuPointer<u64>& pointer, Box<u64> next)
{
#ifdef OK
	u64* old = pointer.replace(next.leak());
	rcu_synchronize();
	Box<u64>::adopt(old).reset();
#else
	pointer.replace(next.leak());
#endif
}
