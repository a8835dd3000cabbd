// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert .*KindGuard<Outer>.* to .*Held<Inner>
#include <cxxrt/held.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Inner {
	static constexpr Literal kName{"inner"};
	static constexpr Role held{};
};
struct Outer {
	static constexpr Literal kName{"outer"};
	static constexpr Role held{};
};
struct Work {
	HeldHook<Inner> hook;
};

void drop(Work& work, Kind<Inner>& inner, Kind<Outer>& outer)
{
#ifdef OK
	(void)outer;
	const KindGuard<Inner> guard{inner};
#else
	(void)inner;
	const KindGuard<Outer> guard{outer};
#endif
	work.hook.unlink(guard);
}
