/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_XDP_H
#define CXXRT_HELPERS_XDP_H
/* Programs that frames are given to before the stack: net/xdp.h, linux/filter.h, linux/bpf.h, trace/events/xdp.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

/* Programs. */
void cxxrt_bpf_prog_put(struct bpf_prog *prog);
u32 cxxrt_bpf_prog_run_xdp(const struct bpf_prog *prog, struct xdp_buff *xdp);
void bpf_warn_invalid_xdp_action(struct net_device *dev, struct bpf_prog *prog, u32 act);
/* Of modules that name `xdp` as their tracepoints. */
void cxxrt_trace_xdp_exception(const struct net_device *dev, const struct bpf_prog *prog, u32 act);
void cxxrt_nl_set_err_msg(struct netlink_ext_ack *extack, const char *message);
void cxxrt_netdev_set_xdp_features(struct net_device *dev);

/* What they see of a queue, and of a frame. */
int __xdp_rxq_info_reg(struct xdp_rxq_info *rxq, struct net_device *dev, u32 queue_index, unsigned int napi_id, u32 frag_size);
int xdp_rxq_info_reg_mem_model(struct xdp_rxq_info *rxq, enum xdp_mem_type type, void *allocator);
void xdp_rxq_info_unreg(struct xdp_rxq_info *rxq);
void cxxrt_xdp_init_buff(struct xdp_buff *xdp, u32 frame_bytes, struct xdp_rxq_info *rxq);
void cxxrt_xdp_prepare_buff(struct xdp_buff *xdp, u8 *hard_start, int headroom, int bytes);
struct xdp_frame *cxxrt_xdp_convert_buff_to_frame(struct xdp_buff *xdp);
int xdp_do_redirect(struct net_device *dev, struct xdp_buff *xdp, struct bpf_prog *prog);
void xdp_do_flush(void);
void xdp_return_frame(struct xdp_frame *frame);
void cxxrt_skb_metadata_set(struct sk_buff *skb, u8 bytes);

/* Sending beside the stack. */
void cxxrt_netif_tx_lock_bh(struct net_device *dev);
void cxxrt_netif_tx_unlock_bh(struct net_device *dev);
void cxxrt_txq_trans_cond_update(struct net_device *dev);

CXXRT_HELPERS_END
#endif
