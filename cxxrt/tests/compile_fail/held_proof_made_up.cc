// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: is private within this context
#include <cxxrt/held.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Inner {
	static constexpr Literal kName{"inner"};
	static constexpr Role held{};
};

bool is_held(Kind<Inner>& lock)
{
#ifdef OK
	const KindGuard<Inner> held{lock};
#else
	const Held<Inner> held{lock};
#endif
	return held.is(lock);
}
