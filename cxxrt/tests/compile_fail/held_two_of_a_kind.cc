// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: acquiring role .held. that is already held
#include <cxxrt/held.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Inner {
	static constexpr Literal kName{"inner"};
	static constexpr Role held{};
};

void both(Kind<Inner>& one, Kind<Inner>& other)
{
	const KindGuard<Inner> guard{one};
#ifndef OK
	const NestedKindGuard<Inner> nested{other};
#else
	(void)other;
#endif
}
