// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/dev_printk.h>
#include <linux/dmi.h>
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/nodemask.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/ratelimit.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/xarray.h>
#include "lib.h"

unsigned long *cxxrt_bitmap_zalloc(unsigned int bits, gfp_t flags, int node)
{
	return bitmap_zalloc_node(bits, flags, node);
}

void cxxrt_clear_bit_unlock(unsigned long bit, unsigned long *map)
{
	clear_bit_unlock(bit, map);
}

bool cxxrt_cpu_online(unsigned int cpu)
{
	return cpu_online(cpu);
}

void cxxrt_cond_resched(void)
{
	cond_resched();
}

bool cxxrt_dmi_match(enum dmi_field field, const char *text)
{
	return dmi_match(field, text);
}

unsigned long cxxrt_find_first_zero_bit(const unsigned long *map, unsigned long bits)
{
	return find_first_zero_bit(map, bits);
}

void cxxrt_ida_init(struct ida *ida)
{
	ida_init(ida);
}

int cxxrt_kstrtoul(const char *text, unsigned int base, unsigned long *value)
{
	return kstrtoul(text, base, value);
}

void cxxrt_list_add(struct list_head *entry, struct list_head *head)
{
	list_add(entry, head);
}

void cxxrt_list_add_tail(struct list_head *entry, struct list_head *head)
{
	list_add_tail(entry, head);
}

void cxxrt_list_del_init(struct list_head *entry)
{
	list_del_init(entry);
}

void cxxrt_list_splice_tail_init(struct list_head *from, struct list_head *to)
{
	list_splice_tail_init(from, to);
}

unsigned long cxxrt_msecs_to_jiffies(unsigned int ms)
{
	return msecs_to_jiffies(ms);
}

unsigned int cxxrt_next_possible_cpu(int cpu)
{
	return cpumask_next(cpu, cpu_possible_mask);
}

bool cxxrt_node_online(int node)
{
	return node_online(node);
}

unsigned int cxxrt_nr_cpu_ids(void)
{
	return nr_cpu_ids;
}

unsigned int cxxrt_nr_online_nodes(void)
{
	return nr_online_nodes;
}

unsigned int cxxrt_num_possible_cpus(void)
{
	return num_possible_cpus();
}

int cxxrt_ratelimit(struct ratelimit_state *state)
{
	return __ratelimit(state);
}

void cxxrt_print_hex_dump(const void *data, size_t bytes)
{
	print_hex_dump(KERN_ERR, "", DUMP_PREFIX_OFFSET, 16, 1, data, bytes, false);
}

u32 cxxrt_random_below(u32 limit)
{
	return get_random_u32_below(limit);
}

void cxxrt_ratelimit_init(struct ratelimit_state *state)
{
	ratelimit_default_init(state);
}

unsigned int cxxrt_raw_smp_processor_id(void)
{
	return raw_smp_processor_id();
}

size_t cxxrt_strscpy(char *to, const char *from, size_t size)
{
	return strscpy(to, from, size);
}

bool cxxrt_test_and_set_bit_lock(unsigned long bit, unsigned long *map)
{
	return test_and_set_bit_lock(bit, map);
}

bool cxxrt_test_bit(unsigned long bit, const unsigned long *map)
{
	return test_bit(bit, map);
}

CXXRT_ALWAYS void cxxrt_warn_on(bool condition)
{
	WARN_ON(condition);
}

void *cxxrt_xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry, gfp_t flags)
{
	return xa_cmpxchg(xa, index, old, entry, flags);
}

int cxxrt_xa_err(void *entry)
{
	return xa_err(entry);
}

void cxxrt_xa_init_flags(struct xarray *xa, unsigned int flags)
{
	xa_init_flags(xa, flags);
}
