// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring return value of .*Bitmap::try_claim
#include <cxxrt/bitmap.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void claim(Bitmap& bits)
{
#ifdef OK
	if (const Optional<u32> bit = bits.try_claim())
		bits.give_back(*bit);
#else
	bits.try_claim();
#endif
}
