// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: could not convert .* to 'cxxrt::net::Tx'
#include <cxxrt/net.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

// A frame that is refused goes back to the stack; a code alone would have it freed, and sent again.
net::Tx send(net::Skb skb)
{
#ifdef OK
	return net::Tx::busy(move(skb));
#else
	return 0x10;
#endif
}
