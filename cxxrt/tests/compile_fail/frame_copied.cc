// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::net::Skb::Skb\(const
#include <cxxrt/net.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

net::Skb keep(net::Skb skb)
{
#ifdef OK
	net::Skb kept = move(skb);
#else
	net::Skb kept = skb;
#endif
	return kept;
}
