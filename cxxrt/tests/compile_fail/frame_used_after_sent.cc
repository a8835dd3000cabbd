// SPDX-License-Identifier: GPL-2.0
// compiler: clang-tidy-19
// expect: 'skb' used after it was moved \[bugprone-use-after-move
#include <cxxrt/net.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Receiver {
	u32 hand_on(net::Device dev, net::Skb skb) const
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

	net::Napi& napi;
};
