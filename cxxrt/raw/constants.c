// SPDX-License-Identifier: GPL-2.0
/*
 * Macros have no type information, so the C compiler evaluates the ones C++ needs. This file is
 * compiled to assembly and never linked; gen-raw reads the marked lines (the kernel's own
 * asm-offsets pattern). Add a macro here, never retype its value.
 */
#include <linux/badblocks.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/numa.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/sockios.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/xdp.h>
#include <linux/configfs.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/miscdevice.h>
#include <linux/poll.h>
#include <linux/sched/prio.h>
#include <linux/shrinker.h>
#include <linux/moduleparam.h>
#include <uapi/linux/major.h>

/* A value as the compiler sees it: name, unsigned or signed, 64 bits. */
#define CONSTANT(name) \
	asm volatile("\n.ascii \"->" #name " %0 " "\"" : : "i" ((long long)(name)))
/* The same under a name of ours, where kernels differ in theirs. */
#define NAMED(name, value) \
	asm volatile("\n.ascii \"->" #name " %0 " "\"" : : "i" ((long long)(value)))
/* A preprocessor switch: becomes a #define, so that headers can test it. */
#define SWITCH(name, value) \
	asm volatile("\n.ascii \"#>" #name " %0 " "\"" : : "i" ((long long)(value)))

void cxxrt_constants(void);
void cxxrt_constants(void)
{
	SWITCH(CXXRT_LINUX_VERSION_CODE, LINUX_VERSION_CODE);
	SWITCH(CXXRT_COMPAT, IS_ENABLED(CONFIG_COMPAT));
	SWITCH(CXXRT_KUNIT, IS_ENABLED(CONFIG_KUNIT));
	SWITCH(CXXRT_FAULT_INJECTION, IS_ENABLED(CONFIG_FAULT_INJECTION));

	CONSTANT(EPERM);
	CONSTANT(ESRCH);
	CONSTANT(EPROTO);
	CONSTANT(EBADF);
	CONSTANT(ERESTARTSYS);
	CONSTANT(ENOENT);
	CONSTANT(EIO);
	CONSTANT(EAGAIN);
	CONSTANT(ENOMEM);
	CONSTANT(EFAULT);
	CONSTANT(EBUSY);
	CONSTANT(EEXIST);
	CONSTANT(ENODEV);
	CONSTANT(EADDRNOTAVAIL);
	CONSTANT(EINVAL);
	CONSTANT(ENOSPC);
	CONSTANT(ERANGE);
	CONSTANT(EOPNOTSUPP);
	CONSTANT(ETIMEDOUT);
	CONSTANT(EOVERFLOW);
	CONSTANT(EINTR);
	CONSTANT(ECANCELED);
	CONSTANT(EACCES);
	CONSTANT(ENOTTY);
	CONSTANT(ENXIO);
	CONSTANT(ENETDOWN);
	CONSTANT(ENETRESET);
	CONSTANT(E2BIG);

	CONSTANT(GFP_KERNEL);
	CONSTANT(GFP_ATOMIC);
	CONSTANT(GFP_NOIO);
	CONSTANT(GFP_NOWAIT);
	CONSTANT(__GFP_ZERO);
	CONSTANT(__GFP_NOWARN);
	CONSTANT(PAGE_SIZE);
	CONSTANT(PAGE_SHIFT);
	CONSTANT(ARCH_KMALLOC_MINALIGN);
	CONSTANT(SECTOR_SHIFT);
	CONSTANT(NUMA_NO_NODE);
	CONSTANT(MAX_NUMNODES);
	CONSTANT(MAX_ERRNO);

	CONSTANT(BLK_STS_TARGET);
	CONSTANT(BLK_STS_TRANSPORT);
	CONSTANT(BLK_STS_MEDIUM);
	CONSTANT(BLK_STS_PROTECTION);
	/* The reservation of somebody else: renamed in 6.5. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	NAMED(BLK_STS_RESERVATION, BLK_STS_RESV_CONFLICT);
#else
	NAMED(BLK_STS_RESERVATION, BLK_STS_NEXUS);
#endif
	CONSTANT(BLK_STS_OK);
	CONSTANT(BLK_STS_NOTSUPP);
	CONSTANT(BLK_STS_TIMEOUT);
	CONSTANT(BLK_STS_NOSPC);
	CONSTANT(BLK_STS_RESOURCE);
	CONSTANT(BLK_STS_IOERR);
	CONSTANT(BLK_STS_DEV_RESOURCE);
	CONSTANT(BLK_STS_ZONE_OPEN_RESOURCE);
	CONSTANT(BLK_STS_ZONE_ACTIVE_RESOURCE);
	CONSTANT(REQ_RAHEAD);
	CONSTANT(REQ_FAILFAST_DEV);
	CONSTANT(REQ_FUA);
	CONSTANT(REQ_INTEGRITY);
	CONSTANT(REQ_NOUNMAP);
	/* A write that is to be whole or not at all: since 6.11. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	CONSTANT(REQ_ATOMIC);
	CONSTANT(BLK_STS_INVAL);
#else
	NAMED(REQ_ATOMIC, 0);
	NAMED(BLK_STS_INVAL, BLK_STS_IOERR);
#endif
	CONSTANT(BB_MAX_LEN);

	CONSTANT(PCI_ANY_ID);
	CONSTANT(PCI_IRQ_ALL_TYPES);
	CONSTANT(PCI_IRQ_MSI);
	CONSTANT(PCI_IRQ_AFFINITY);
	CONSTANT(IRQ_AFFINITY_MAX_SETS);
	CONSTANT(IRQF_SHARED);
	CONSTANT(IRQF_PROBE_SHARED);
	CONSTANT(PCI_COMMAND);
	CONSTANT(PCI_COMMAND_INVALIDATE);
	CONSTANT(PCI_STATUS);

	CONSTANT(XA_PRESENT);

	CONSTANT(MISC_DYNAMIC_MINOR);
	CONSTANT(VM_WRITE);
	CONSTANT(SHRINK_STOP);
	CONSTANT(O_NONBLOCK);
	CONSTANT(O_CLOEXEC);
	NAMED(CXXRT_EPOLLIN, (u32 __force)EPOLLIN);
	NAMED(CXXRT_EPOLLERR, (u32 __force)EPOLLERR);
	CONSTANT(MAX_NICE);
	CONSTANT(__GFP_HIGHMEM);
	CONSTANT(CAP_SYS_ADMIN);
	CONSTANT(FMODE_WRITE);
	CONSTANT(REQ_NOWAIT);
	CONSTANT(REQ_POLLED);
	/* The request's bios come from a cache of the CPU: for passthrough since 6.3. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	NAMED(CXXRT_REQ_CACHED, REQ_ALLOC_CACHE);
#else
	NAMED(CXXRT_REQ_CACHED, 0);
#endif
	CONSTANT(EIOCBQUEUED);
	CONSTANT(IORING_URING_CMD_FIXED);
	/* A disk was opened for writing. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	NAMED(CXXRT_OPEN_WRITE, BLK_OPEN_WRITE);
#else
	NAMED(CXXRT_OPEN_WRITE, FMODE_WRITE);
#endif
	CONSTANT(NETIF_F_SG);
	CONSTANT(NETIF_F_HW_CSUM);
	CONSTANT(NETIF_F_TSO);
	CONSTANT(NETIF_F_TSO6);
	CONSTANT(NETIF_F_HIGHDMA);
	CONSTANT(NETIF_F_RXCSUM);
	CONSTANT(NETIF_F_RXALL);
	CONSTANT(NETIF_F_RXFCS);
	CONSTANT(NETIF_F_HW_VLAN_CTAG_RX);
	CONSTANT(NETIF_F_HW_VLAN_CTAG_TX);
	CONSTANT(NETIF_F_HW_VLAN_CTAG_FILTER);
	CONSTANT(MAX_SKB_FRAGS);
	CONSTANT(NET_SKB_PAD);
	CONSTANT(NET_IP_ALIGN);
	NAMED(SKB_SHARED_INFO_SIZE, SKB_DATA_ALIGN(sizeof(struct skb_shared_info)));
	CONSTANT(XDP_PACKET_HEADROOM);
	CONSTANT(XDP_XMIT_FLUSH);
	CONSTANT(ETH_ZLEN);
	CONSTANT(GFP_DMA32);
	CONSTANT(SUPPORTED_10baseT_Half);
	CONSTANT(SUPPORTED_10baseT_Full);
	CONSTANT(SUPPORTED_100baseT_Half);
	CONSTANT(SUPPORTED_100baseT_Full);
	CONSTANT(SUPPORTED_1000baseT_Full);
	CONSTANT(SUPPORTED_Autoneg);
	CONSTANT(SUPPORTED_TP);
	CONSTANT(SUPPORTED_FIBRE);
	CONSTANT(SPEED_UNKNOWN);
	CONSTANT(DUPLEX_HALF);
	CONSTANT(DUPLEX_FULL);
	CONSTANT(DUPLEX_UNKNOWN);
	CONSTANT(AUTONEG_DISABLE);
	CONSTANT(AUTONEG_ENABLE);
	CONSTANT(PORT_TP);
	CONSTANT(PORT_FIBRE);
	CONSTANT(ETH_TP_MDI_INVALID);
	CONSTANT(ETH_TP_MDI);
	CONSTANT(ETH_TP_MDI_X);
	CONSTANT(ETH_TP_MDI_AUTO);
	CONSTANT(WAKE_PHY);
	CONSTANT(WAKE_UCAST);
	CONSTANT(WAKE_MCAST);
	CONSTANT(WAKE_BCAST);
	CONSTANT(WAKE_ARP);
	CONSTANT(WAKE_MAGIC);
	CONSTANT(WAKE_MAGICSECURE);
	CONSTANT(ETHTOOL_COALESCE_RX_USECS);
	CONSTANT(ETH_GSTRING_LEN);
	CONSTANT(SIOCGMIIPHY);
	CONSTANT(SIOCGMIIREG);
	CONSTANT(SIOCSMIIREG);
	NAMED(CXXRT_PCI_D3HOT, (int __force)PCI_D3hot);
	NAMED(CXXRT_PCI_D3COLD, (int __force)PCI_D3cold);
	CONSTANT(NETIF_MSG_DRV);
	CONSTANT(NETIF_MSG_PROBE);
	CONSTANT(NETIF_MSG_LINK);
	CONSTANT(NETIF_MSG_TX_ERR);
	CONSTANT(NETIF_MSG_TX_DONE);
	CONSTANT(NETIF_MSG_RX_STATUS);
	CONSTANT(NETIF_MSG_HW);
	NAMED(CXXRT_CAN_ZAP, CXXRT_EXPORTS_ZAP);
	NAMED(CXXRT_ASKS_BINDER_HOOKS, CXXRT_EXPORTS_BINDER_HOOKS);
}
