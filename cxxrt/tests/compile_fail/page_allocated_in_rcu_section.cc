// SPDX-License-Identifier: GPL-2.0
// compiler: clang++-19
// expect: cannot call function 'zeroed' while role 'atomic_context' is held
#include <cxxrt/lock.hpp>
#include <cxxrt/page.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<PageBox> make()
{
	RcuGuard reading;
#ifdef OK
	return PageBox::zeroed(Gfp::NoWait);
#else
	return PageBox::zeroed(Gfp::NoIo);
#endif
}
