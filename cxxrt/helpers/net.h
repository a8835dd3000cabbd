/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_NET_H
#define CXXRT_HELPERS_NET_H
/* Network devices: linux/netdevice.h, etherdevice.h, skbuff.h, if_vlan.h, net/page_pool. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

/* Devices. */
struct net_device *cxxrt_alloc_etherdev(u32 bytes);
void free_netdev(struct net_device *dev);
int register_netdev(struct net_device *dev);
void unregister_netdev(struct net_device *dev);
void *cxxrt_netdev_priv(const struct net_device *dev);
void cxxrt_set_netdev_dev(struct net_device *dev, struct device *parent);
void cxxrt_netdev_set_ethtool_ops(struct net_device *dev, const struct ethtool_ops *ops);
void cxxrt_eth_hw_addr_set(struct net_device *dev, const u8 *addr);
bool cxxrt_is_valid_ether_addr(const u8 *addr);
int eth_validate_addr(struct net_device *dev);
bool cxxrt_netif_running(const struct net_device *dev);
bool cxxrt_netif_carrier_ok(const struct net_device *dev);
void netif_carrier_on(struct net_device *dev);
void netif_carrier_off(struct net_device *dev);
void netif_device_attach(struct net_device *dev);
void netif_device_detach(struct net_device *dev);
void cxxrt_netif_start_queue(struct net_device *dev);
void cxxrt_netif_stop_queue(struct net_device *dev);
void cxxrt_netif_wake_queue(struct net_device *dev);
bool cxxrt_netif_queue_stopped(const struct net_device *dev);
bool cxxrt_netif_xmit_stopped(const struct net_device *dev);
void cxxrt_netif_tx_disable(struct net_device *dev);
bool cxxrt_netdev_sent_queue(struct net_device *dev, u32 bytes, bool more);
void cxxrt_netdev_completed_queue(struct net_device *dev, u32 packets, u32 bytes);
void cxxrt_netdev_reset_queue(struct net_device *dev);
bool cxxrt_netdev_xmit_more(void);
u32 cxxrt_netdev_mtu(const struct net_device *dev);
const char *cxxrt_netdev_parent_name(const struct net_device *dev);
void cxxrt_netdev_set_mtu(struct net_device *dev, u32 mtu);
u32 cxxrt_netdev_mc_count(const struct net_device *dev);
u32 cxxrt_netdev_uc_count(const struct net_device *dev);
void cxxrt_netdev_for_each_mc(struct net_device *dev, void (*visit)(void *context, const u8 *addr), void *context);
void cxxrt_netdev_for_each_uc(struct net_device *dev, void (*visit)(void *context, const u8 *addr), void *context);
void cxxrt_netif_addr_lock_bh(struct net_device *dev);
void cxxrt_netif_addr_unlock_bh(struct net_device *dev);
const void *cxxrt_sockaddr_data(const void *addr);
void cxxrt_netdev_count_tx(struct net_device *dev, u32 packets, u32 bytes);
void cxxrt_netdev_count_rx(struct net_device *dev, u32 packets, u32 bytes);
struct net_device_stats *cxxrt_netdev_stats(struct net_device *dev);
struct mii_ioctl_data *cxxrt_if_mii(struct ifreq *request);
void cxxrt_netdev_count_tx_dropped(struct net_device *dev);
void cxxrt_netdev_count_rx_dropped(struct net_device *dev);

/* Settings of user space. */
void ethtool_convert_legacy_u32_to_link_mode(unsigned long *modes, u32 legacy);
bool ethtool_convert_link_mode_to_legacy_u32(u32 *legacy, const unsigned long *modes);
#if CXXRT_KERNEL_6_12
int ethtool_op_get_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info);
#else
int ethtool_op_get_ts_info(struct net_device *dev, struct ethtool_ts_info *info);
#endif

/* NAPI. */
void cxxrt_netif_napi_add(struct net_device *dev, struct napi_struct *napi, int (*poll)(struct napi_struct *, int));
void cxxrt_netif_napi_del(struct napi_struct *napi);
void napi_enable(struct napi_struct *napi);
void napi_disable(struct napi_struct *napi);
bool napi_schedule_prep(struct napi_struct *napi);
void __napi_schedule(struct napi_struct *napi);
bool napi_complete_done(struct napi_struct *napi, int done);

/* Frames. */
void cxxrt_dev_kfree_skb_any(struct sk_buff *skb);
void napi_consume_skb(struct sk_buff *skb, int budget);
u32 cxxrt_skb_len(const struct sk_buff *skb);
u32 cxxrt_skb_headlen(const struct sk_buff *skb);
u8 *cxxrt_skb_data(const struct sk_buff *skb);
u32 cxxrt_skb_nr_frags(const struct sk_buff *skb);
const skb_frag_t *cxxrt_skb_frag(const struct sk_buff *skb, u32 index);
u32 cxxrt_skb_frag_size(const skb_frag_t *frag);
u32 cxxrt_skb_frag_off(const skb_frag_t *frag);
struct page *cxxrt_skb_frag_page(const skb_frag_t *frag);
bool cxxrt_eth_skb_pad(struct sk_buff *skb);
void cxxrt_skb_tx_timestamp(struct sk_buff *skb);
bool cxxrt_skb_wants_checksum(const struct sk_buff *skb);
u32 cxxrt_skb_checksum_start(const struct sk_buff *skb);
u32 cxxrt_skb_checksum_at(const struct sk_buff *skb);
u16 cxxrt_skb_protocol(const struct sk_buff *skb);
bool cxxrt_skb_is_gso(const struct sk_buff *skb);
bool cxxrt_skb_is_gso_v6(const struct sk_buff *skb);
u32 cxxrt_skb_gso_size(const struct sk_buff *skb);
u32 cxxrt_skb_gso_segs(const struct sk_buff *skb);
bool cxxrt_skb_no_fcs(const struct sk_buff *skb);
int cxxrt_skb_cow_head(struct sk_buff *skb);
u32 cxxrt_skb_tcp_header_bytes(const struct sk_buff *skb);
u32 cxxrt_skb_network_offset(const struct sk_buff *skb);
u32 cxxrt_skb_transport_offset(const struct sk_buff *skb);
u8 cxxrt_skb_ip_protocol(const struct sk_buff *skb);
void cxxrt_skb_prepare_tso4(struct sk_buff *skb);
void cxxrt_skb_prepare_tso6(struct sk_buff *skb);
bool cxxrt_skb_vlan_tag_present(const struct sk_buff *skb);
u16 cxxrt_skb_vlan_tag_get(const struct sk_buff *skb);

struct sk_buff *cxxrt_napi_alloc_skb(struct napi_struct *napi, u32 bytes);
struct sk_buff *napi_build_skb(void *data, u32 bytes);
void cxxrt_skb_reserve(struct sk_buff *skb, u32 bytes);
void *skb_put(struct sk_buff *skb, u32 bytes);
void cxxrt_skb_put_data(struct sk_buff *skb, const void *data, u32 bytes);
void cxxrt_skb_cut(struct sk_buff *skb, u32 bytes);
void cxxrt_skb_mark_for_recycle(struct sk_buff *skb);
void cxxrt_skb_set_protocol(struct sk_buff *skb, struct net_device *dev);
void cxxrt_skb_checksum_is_good(struct sk_buff *skb);
void cxxrt_vlan_hwaccel_put_tag(struct sk_buff *skb, u16 tci);
gro_result_t napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb);

struct sk_buff *napi_get_frags(struct napi_struct *napi);
gro_result_t napi_gro_frags(struct napi_struct *napi);
void cxxrt_napi_free_frags(struct napi_struct *napi);
void cxxrt_skb_add_rx_frag(struct sk_buff *skb, u32 index, struct page *page, u32 offset, u32 bytes, u32 truesize);

/* Pages that are received into, and come back. */
struct page_pool *cxxrt_page_pool_create(struct device *dev, struct napi_struct *napi, int node, u32 pages, u32 max_len,
					 enum dma_data_direction direction);
void page_pool_destroy(struct page_pool *pool);
struct page *page_pool_alloc_frag(struct page_pool *pool, u32 *offset, u32 bytes, gfp_t flags);
u64 cxxrt_page_pool_get_dma_addr(struct page *page);
void cxxrt_page_pool_put(struct page_pool *pool, struct page *page, bool from_napi);

CXXRT_HELPERS_END
#endif
