// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: no matching function for call to .*unlink
#include <cxxrt/held.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Inner {
	static constexpr Literal kName{"inner"};
	static constexpr Role held{};
};
struct Work {
	HeldHook<Inner> hook;
};

void drop(Work& work, Kind<Inner>& lock)
{
#ifdef OK
	const KindGuard<Inner> guard{lock};
	work.hook.unlink(guard);
#else
	(void)lock;
	work.hook.unlink();
#endif
}
