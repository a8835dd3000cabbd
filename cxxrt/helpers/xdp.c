// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/xdp.h>
#include "xdp.h"

void cxxrt_bpf_prog_put(struct bpf_prog *prog)
{
	bpf_prog_put(prog);
}

u32 cxxrt_bpf_prog_run_xdp(const struct bpf_prog *prog, struct xdp_buff *xdp)
{
	return bpf_prog_run_xdp(prog, xdp);
}

void cxxrt_netdev_set_xdp_features(struct net_device *dev)
{
	/* Older kernels do not ask. */
#if CXXRT_KERNEL_6_12
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT | NETDEV_XDP_ACT_NDO_XMIT;
#endif
}

void cxxrt_netif_tx_lock_bh(struct net_device *dev)
{
	local_bh_disable();
	__netif_tx_lock(netdev_get_tx_queue(dev, 0), smp_processor_id());
}

void cxxrt_netif_tx_unlock_bh(struct net_device *dev)
{
	__netif_tx_unlock(netdev_get_tx_queue(dev, 0));
	local_bh_enable();
}

void cxxrt_nl_set_err_msg(struct netlink_ext_ack *extack, const char *message)
{
	if (extack)
		extack->_msg = message;
}

void cxxrt_skb_metadata_set(struct sk_buff *skb, u8 bytes)
{
	skb_metadata_set(skb, bytes);
}

void cxxrt_txq_trans_cond_update(struct net_device *dev)
{
	txq_trans_cond_update(netdev_get_tx_queue(dev, 0));
}

struct xdp_frame *cxxrt_xdp_convert_buff_to_frame(struct xdp_buff *xdp)
{
	return xdp_convert_buff_to_frame(xdp);
}

void cxxrt_xdp_init_buff(struct xdp_buff *xdp, u32 frame_bytes, struct xdp_rxq_info *rxq)
{
	xdp_init_buff(xdp, frame_bytes, rxq);
}

void cxxrt_xdp_prepare_buff(struct xdp_buff *xdp, u8 *hard_start, int headroom, int bytes)
{
	xdp_prepare_buff(xdp, hard_start, headroom, bytes, true);
}
