// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/mii.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>
#if CXXRT_KERNEL_6_12
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif
#include "net.h"

struct net_device *cxxrt_alloc_etherdev(u32 bytes)
{
	return alloc_etherdev_mqs(bytes, 1, 1);
}

void cxxrt_dev_kfree_skb_any(struct sk_buff *skb)
{
	dev_kfree_skb_any(skb);
}

void cxxrt_eth_hw_addr_set(struct net_device *dev, const u8 *addr)
{
	eth_hw_addr_set(dev, addr);
}

bool cxxrt_eth_skb_pad(struct sk_buff *skb)
{
	return eth_skb_pad(skb) == 0;
}

struct mii_ioctl_data *cxxrt_if_mii(struct ifreq *request)
{
	return if_mii(request);
}

bool cxxrt_is_valid_ether_addr(const u8 *addr)
{
	return is_valid_ether_addr(addr);
}

struct sk_buff *cxxrt_napi_alloc_skb(struct napi_struct *napi, u32 bytes)
{
	return napi_alloc_skb(napi, bytes);
}

void cxxrt_napi_free_frags(struct napi_struct *napi)
{
	napi_free_frags(napi);
}

void cxxrt_netdev_completed_queue(struct net_device *dev, u32 packets, u32 bytes)
{
	netdev_completed_queue(dev, packets, bytes);
}

void cxxrt_netdev_count_rx(struct net_device *dev, u32 packets, u32 bytes)
{
	dev->stats.rx_packets += packets;
	dev->stats.rx_bytes += bytes;
}

void cxxrt_netdev_count_rx_dropped(struct net_device *dev)
{
	DEV_STATS_INC(dev, rx_dropped);
}

void cxxrt_netdev_count_tx(struct net_device *dev, u32 packets, u32 bytes)
{
	dev->stats.tx_packets += packets;
	dev->stats.tx_bytes += bytes;
}

void cxxrt_netdev_count_tx_dropped(struct net_device *dev)
{
	DEV_STATS_INC(dev, tx_dropped);
}

void cxxrt_netdev_for_each_mc(struct net_device *dev, void (*visit)(void *context, const u8 *addr), void *context)
{
	struct netdev_hw_addr *ha;

	netdev_for_each_mc_addr(ha, dev)
		visit(context, ha->addr);
}

void cxxrt_netdev_for_each_uc(struct net_device *dev, void (*visit)(void *context, const u8 *addr), void *context)
{
	struct netdev_hw_addr *ha;

	netdev_for_each_uc_addr(ha, dev)
		visit(context, ha->addr);
}

u32 cxxrt_netdev_mc_count(const struct net_device *dev)
{
	return netdev_mc_count(dev);
}

u32 cxxrt_netdev_mtu(const struct net_device *dev)
{
	return READ_ONCE(dev->mtu);
}

const char *cxxrt_netdev_parent_name(const struct net_device *dev)
{
	return dev->dev.parent ? dev_name(dev->dev.parent) : "";
}

struct net_device_stats *cxxrt_netdev_stats(struct net_device *dev)
{
	return &dev->stats;
}

void *cxxrt_netdev_priv(const struct net_device *dev)
{
	return netdev_priv(dev);
}

void cxxrt_netdev_reset_queue(struct net_device *dev)
{
	netdev_reset_queue(dev);
}

CXXRT_ALWAYS bool cxxrt_netdev_sent_queue(struct net_device *dev, u32 bytes, bool more)
{
	return __netdev_sent_queue(dev, bytes, more);
}

void cxxrt_netdev_set_ethtool_ops(struct net_device *dev, const struct ethtool_ops *ops)
{
	dev->ethtool_ops = ops;
}

void cxxrt_netdev_set_mtu(struct net_device *dev, u32 mtu)
{
	WRITE_ONCE(dev->mtu, mtu);
}

u32 cxxrt_netdev_uc_count(const struct net_device *dev)
{
	return netdev_uc_count(dev);
}

bool cxxrt_netdev_xmit_more(void)
{
	return netdev_xmit_more();
}

void cxxrt_netif_addr_lock_bh(struct net_device *dev)
{
	netif_addr_lock_bh(dev);
}

void cxxrt_netif_addr_unlock_bh(struct net_device *dev)
{
	netif_addr_unlock_bh(dev);
}

bool cxxrt_netif_carrier_ok(const struct net_device *dev)
{
	return netif_carrier_ok(dev);
}

void cxxrt_netif_napi_add(struct net_device *dev, struct napi_struct *napi, int (*poll)(struct napi_struct *, int))
{
	netif_napi_add(dev, napi, poll);
}

void cxxrt_netif_napi_del(struct napi_struct *napi)
{
	netif_napi_del(napi);
}

bool cxxrt_netif_queue_stopped(const struct net_device *dev)
{
	return netif_queue_stopped(dev);
}

bool cxxrt_netif_running(const struct net_device *dev)
{
	return netif_running(dev);
}

void cxxrt_netif_start_queue(struct net_device *dev)
{
	netif_start_queue(dev);
}

void cxxrt_netif_stop_queue(struct net_device *dev)
{
	netif_stop_queue(dev);
}

void cxxrt_netif_tx_disable(struct net_device *dev)
{
	netif_tx_disable(dev);
}

void cxxrt_netif_wake_queue(struct net_device *dev)
{
	netif_wake_queue(dev);
}

bool cxxrt_netif_xmit_stopped(const struct net_device *dev)
{
	return netif_xmit_stopped(netdev_get_tx_queue(dev, 0));
}

struct page_pool *cxxrt_page_pool_create(struct device *dev, struct napi_struct *napi, int node, u32 pages, u32 max_len,
					 enum dma_data_direction direction)
{
	struct page_pool_params params = {
		.pool_size = pages,
		.nid = node,
		.dev = dev,
		.dma_dir = direction,
		.max_len = max_len,
		.flags = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
	};
#if CXXRT_KERNEL_6_12
	params.napi = napi;
#else
	params.flags |= PP_FLAG_PAGE_FRAG;
#endif
	return page_pool_create(&params);
}

u64 cxxrt_page_pool_get_dma_addr(struct page *page)
{
	return page_pool_get_dma_addr(page);
}

void cxxrt_page_pool_put(struct page_pool *pool, struct page *page, bool from_napi)
{
	page_pool_put_full_page(pool, page, from_napi);
}

void cxxrt_set_netdev_dev(struct net_device *dev, struct device *parent)
{
	SET_NETDEV_DEV(dev, parent);
}

void cxxrt_skb_add_rx_frag(struct sk_buff *skb, u32 index, struct page *page, u32 offset, u32 bytes, u32 truesize)
{
	skb_add_rx_frag(skb, index, page, offset, bytes, truesize);
}

u32 cxxrt_skb_checksum_at(const struct sk_buff *skb)
{
	return skb_checksum_start_offset(skb) + skb->csum_offset;
}

void cxxrt_skb_checksum_is_good(struct sk_buff *skb)
{
	skb->ip_summed = CHECKSUM_UNNECESSARY;
}

u32 cxxrt_skb_checksum_start(const struct sk_buff *skb)
{
	return skb_checksum_start_offset(skb);
}

int cxxrt_skb_cow_head(struct sk_buff *skb)
{
	return skb_cow_head(skb, 0);
}

void cxxrt_skb_cut(struct sk_buff *skb, u32 bytes)
{
	/* The frame has at least as many: it cannot fail. */
	(void)pskb_trim(skb, skb->len - bytes);
}

u8 *cxxrt_skb_data(const struct sk_buff *skb)
{
	return skb->data;
}

const skb_frag_t *cxxrt_skb_frag(const struct sk_buff *skb, u32 index)
{
	return &skb_shinfo(skb)->frags[index];
}

u32 cxxrt_skb_frag_off(const skb_frag_t *frag)
{
	return skb_frag_off(frag);
}

struct page *cxxrt_skb_frag_page(const skb_frag_t *frag)
{
	return skb_frag_page(frag);
}

u32 cxxrt_skb_frag_size(const skb_frag_t *frag)
{
	return skb_frag_size(frag);
}

u32 cxxrt_skb_gso_segs(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_segs;
}

u32 cxxrt_skb_gso_size(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_size;
}

u32 cxxrt_skb_headlen(const struct sk_buff *skb)
{
	return skb_headlen(skb);
}

u8 cxxrt_skb_ip_protocol(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IPV6) ? ipv6_hdr(skb)->nexthdr : ip_hdr(skb)->protocol;
}

bool cxxrt_skb_is_gso(const struct sk_buff *skb)
{
	return skb_is_gso(skb);
}

bool cxxrt_skb_is_gso_v6(const struct sk_buff *skb)
{
	return skb_is_gso_v6(skb);
}

u32 cxxrt_skb_len(const struct sk_buff *skb)
{
	return skb->len;
}

void cxxrt_skb_mark_for_recycle(struct sk_buff *skb)
{
	skb_mark_for_recycle(skb);
}

u32 cxxrt_skb_network_offset(const struct sk_buff *skb)
{
	return skb_network_offset(skb);
}

bool cxxrt_skb_no_fcs(const struct sk_buff *skb)
{
	return skb->no_fcs;
}

u32 cxxrt_skb_nr_frags(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->nr_frags;
}

void cxxrt_skb_prepare_tso4(struct sk_buff *skb)
{
	struct iphdr *ip = ip_hdr(skb);

	ip->tot_len = 0;
	ip->check = 0;
	tcp_hdr(skb)->check = ~csum_tcpudp_magic(ip->saddr, ip->daddr, 0, IPPROTO_TCP, 0);
}

void cxxrt_skb_prepare_tso6(struct sk_buff *skb)
{
	tcp_v6_gso_csum_prep(skb);
}

u16 cxxrt_skb_protocol(const struct sk_buff *skb)
{
	return ntohs(skb->protocol);
}

void cxxrt_skb_put_data(struct sk_buff *skb, const void *data, u32 bytes)
{
	skb_put_data(skb, data, bytes);
}

void cxxrt_skb_reserve(struct sk_buff *skb, u32 bytes)
{
	skb_reserve(skb, bytes);
}

void cxxrt_skb_set_protocol(struct sk_buff *skb, struct net_device *dev)
{
	skb->protocol = eth_type_trans(skb, dev);
}

u32 cxxrt_skb_tcp_header_bytes(const struct sk_buff *skb)
{
	return tcp_hdrlen(skb);
}

u32 cxxrt_skb_transport_offset(const struct sk_buff *skb)
{
	return skb_transport_offset(skb);
}

void cxxrt_skb_tx_timestamp(struct sk_buff *skb)
{
	skb_tx_timestamp(skb);
}

u16 cxxrt_skb_vlan_tag_get(const struct sk_buff *skb)
{
	return skb_vlan_tag_get(skb);
}

bool cxxrt_skb_vlan_tag_present(const struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb);
}

bool cxxrt_skb_wants_checksum(const struct sk_buff *skb)
{
	return skb->ip_summed == CHECKSUM_PARTIAL;
}

const void *cxxrt_sockaddr_data(const void *addr)
{
	return ((const struct sockaddr *)addr)->sa_data;
}

void cxxrt_vlan_hwaccel_put_tag(struct sk_buff *skb, u16 tci)
{
	__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), tci);
}
