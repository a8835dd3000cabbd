// SPDX-License-Identifier: GPL-2.0
// compiler: clang-tidy-19
// expect: 'skb' used after it was moved \[bugprone-use-after-move
#include <cxxrt/net.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

u32 hand_on(net::Napi& napi, net::Device dev, net::Skb skb)
{
#ifdef OK
	const u32 length = skb.length();
	napi.receive(move(skb), dev);
	return length;
#else
	napi.receive(move(skb), dev);
	return skb.length();
#endif
}
