// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'insert_or_get' while role 'atomic_context' is held
#include <cxxrt/lock.hpp>
#include <cxxrt/xarray.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<void> insert(SpinLock& lock, XArray<u64>& array, u64& value)
{
	Guard guard{lock};
#ifdef OK
	TRY(array.insert_or_get(1, &value, Gfp::Atomic));
#else
	TRY(array.insert_or_get(1, &value, Gfp::Kernel));
#endif
	return {};
}
