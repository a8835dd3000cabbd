// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'cxxrt::Optional<unsigned int>' to 'const cxxrt::u32'
#include <cxxrt/bitmap.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

u32 claim(Bitmap& bits)
{
#ifdef OK
	const Optional<u32> bit = bits.try_claim();
	return bit ? *bit : bits.size();
#else
	const u32 bit = bits.try_claim();
	return bit;
#endif
}
