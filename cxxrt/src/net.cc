// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/net.hpp>

namespace cxxrt::net {

void Skb::drop(raw::sk_buff* skb) { raw::cxxrt_dev_kfree_skb_any(skb); }

}  // namespace cxxrt::net
