// SPDX-License-Identifier: GPL-2.0
/*
 * XDP programs that test_e1000_xdp.py attaches. What is done with a frame is asked by its EtherType; all others pass.
 * `first` and `second` do the same, and count apart. `mended` is for segments of IPv6.
 */
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))
#define ASKS(type) __builtin_bswap16(type)

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*redirect_map)(void *map, __u64 key, __u64 flags) = (void *)BPF_FUNC_redirect_map;
static long (*adjust_head)(struct xdp_md *ctx, int by) = (void *)BPF_FUNC_xdp_adjust_head;
static long (*adjust_tail)(struct xdp_md *ctx, int by) = (void *)BPF_FUNC_xdp_adjust_tail;
static long (*adjust_meta)(struct xdp_md *ctx, int by) = (void *)BPF_FUNC_xdp_adjust_meta;

/* A map's type, as its loader reads it: the numbers are the lengths of arrays. */
#define NUMBER(name, value) int(*name)[value]

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, 2);
	__u32 *key;
	__u64 *value;
} counts SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_DEVMAP);
	NUMBER(max_entries, 1);
	NUMBER(key_size, 4);
	NUMBER(value_size, 4);
} ports SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_XSKMAP);
	NUMBER(max_entries, 1);
	NUMBER(key_size, 4);
	NUMBER(value_size, 4);
} sockets SEC(".maps");

struct header {
	__u8 to[6], from[6];
	__u16 type;
} __attribute__((packed));

struct ipv6 {
	struct header ethernet;
	__u32 flow;
	__u16 length;
	__u8 next, hops, from[16], to[16];
} __attribute__((packed));

static __attribute__((always_inline)) int verdict(struct xdp_md *ctx, __u32 which)
{
	struct header *head = (void *)(long)ctx->data, kept;
	__u64 *count = lookup(&counts, &which);

	if ((void *)(head + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (count)
		__sync_fetch_and_add(count, 1);
	kept = *head;
	switch (kept.type) {
	case ASKS(0x88b5):
		return XDP_DROP;
	case ASKS(0x88b6):
		__builtin_memcpy(head->to, kept.from, 6);
		__builtin_memcpy(head->from, kept.to, 6);
		return XDP_TX;
	case ASKS(0x88b7):
		return redirect_map(&ports, 0, 0);
	case ASKS(0x88b8):
		/* Moved by 20 bytes, with 4 for the stack in front, and 10 bytes shorter. */
		if (adjust_head(ctx, -20) || adjust_tail(ctx, -30) || adjust_meta(ctx, -4))
			return XDP_DROP;
		head = (void *)(long)ctx->data;
		if ((void *)(head + 1) > (void *)(long)ctx->data_end)
			return XDP_DROP;
		*head = kept;
		return XDP_PASS;
	case ASKS(0x88b9):
		return redirect_map(&sockets, 0, XDP_DROP);
	case ASKS(0x88ba):
		return XDP_ABORTED;
	case ASKS(0x88bb):
		return 77;
	case ASKS(0x88bc):
		/* Shorter than Ethernet wants, and sent back. */
		if (adjust_tail(ctx, -40))
			return XDP_DROP;
		head = (void *)(long)ctx->data;
		if ((void *)(head + 1) > (void *)(long)ctx->data_end)
			return XDP_DROP;
		__builtin_memcpy(head->to, kept.from, 6);
		__builtin_memcpy(head->from, kept.to, 6);
		return XDP_TX;
	case ASKS(0x88bd):
		/* As long as a page allows, and sent back. */
		if (adjust_tail(ctx, 1000))
			return XDP_DROP;
		head = (void *)(long)ctx->data;
		if ((void *)(head + 1) > (void *)(long)ctx->data_end)
			return XDP_DROP;
		__builtin_memcpy(head->to, kept.from, 6);
		__builtin_memcpy(head->from, kept.to, 6);
		return XDP_TX;
	default:
		return XDP_PASS;
	}
}

SEC("xdp") int first(struct xdp_md *ctx)
{
	return verdict(ctx, 0);
}

SEC("xdp") int second(struct xdp_md *ctx)
{
	return verdict(ctx, 1);
}

/* QEMU's cards count the header of IPv6 to the length of what follows it, in segments that they make. */
SEC("xdp") int mended(struct xdp_md *ctx)
{
	struct ipv6 *head = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 which = 1;
	__u64 *count = lookup(&counts, &which);
	__u16 bytes;

	if ((void *)(head + 1) > end || head->ethernet.type != ASKS(0x86dd))
		return XDP_PASS;
	bytes = end - (void *)(head + 1);
	if (head->length == __builtin_bswap16(bytes + 40)) {
		head->length = __builtin_bswap16(bytes);
		if (count)
			__sync_fetch_and_add(count, 1);
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
