// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: ignoring return(ed)? value
#include <cxxrt/bitmap.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<u32> index(Ida& indexes)
{
#ifdef OK
	Ida::Id id = TRY(indexes.allocate(Gfp::Kernel));
	return id.value();
#else
	TRY(indexes.allocate(Gfp::Kernel));
	return 0u;
#endif
}
