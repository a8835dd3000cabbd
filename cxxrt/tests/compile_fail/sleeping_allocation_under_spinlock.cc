// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'make' while role 'atomic_context' is held
#include <cxxrt/lock.hpp>
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<void> allocate(IrqSpinLock& lock)
{
	Guard guard{lock};
#ifdef OK
	Box<u64> box = TRY(Box<u64>::make(Gfp::Atomic, 1u));
#else
	Box<u64> box = TRY(Box<u64>::make(Gfp::Kernel, 1u));
#endif
	return {};
}
