/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_LIB_H
#define CXXRT_HELPERS_LIB_H
/*
 * Lists, maps, bits, ids, text, logging, CPUs: linux/list.h, rbtree.h, xarray.h, bitmap.h, idr.h, kernel.h,
 * kstrtox.h, string.h, printk.h, ratelimit.h, cpumask.h, nodemask.h.
 */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

void cxxrt_list_add_tail(struct list_head *entry, struct list_head *head);
void cxxrt_list_add(struct list_head *entry, struct list_head *head);
void cxxrt_list_del_init(struct list_head *entry);
void cxxrt_list_splice_tail_init(struct list_head *from, struct list_head *to);

void cxxrt_xa_init_flags(struct xarray *xa, unsigned int flags);
void *xa_load(struct xarray *xa, unsigned long index);
void *xa_erase(struct xarray *xa, unsigned long index);
void *cxxrt_xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry, gfp_t flags);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max, unsigned int filter);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max, unsigned int filter);
void xa_destroy(struct xarray *xa);
int cxxrt_xa_err(void *entry);

unsigned long *cxxrt_bitmap_zalloc(unsigned int bits, gfp_t flags, int node);
void bitmap_free(const unsigned long *map);
bool cxxrt_test_and_set_bit_lock(unsigned long bit, unsigned long *map);
void cxxrt_clear_bit_unlock(unsigned long bit, unsigned long *map);
bool cxxrt_test_bit(unsigned long bit, const unsigned long *map);
unsigned long cxxrt_find_first_zero_bit(const unsigned long *map, unsigned long bits);

void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);

void cxxrt_ida_init(struct ida *ida);
int ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max, gfp_t flags);
void ida_free(struct ida *ida, unsigned int id);
void ida_destroy(struct ida *ida);

int kstrtobool(const char *text, bool *value);
int cxxrt_kstrtoul(const char *text, unsigned int base, unsigned long *value);
int kstrtoint(const char *text, unsigned int base, int *value);
int kstrtouint(const char *text, unsigned int base, unsigned int *value);
int kstrtoull(const char *text, unsigned int base, unsigned long long *value);
char *get_options(const char *text, int count, int *numbers);
int scnprintf(char *out, size_t size, const char *format, ...);
char *strim(char *text);
char *(strchr)(const char *text, int wanted);
int (strcmp)(const char *a, const char *b);
size_t cxxrt_strscpy(char *to, const char *from, size_t size);
void *(memcpy)(void *to, const void *from, size_t bytes) CXXRT_KASAN_CHECKED(memcpy);
void *(memset)(void *to, int value, size_t bytes) CXXRT_KASAN_CHECKED(memset);
int _printk(const char *format, ...);
int vprintk(const char *format, __builtin_va_list arguments);
void _dev_printk(const char *level, const struct device *dev, const char *format, ...);
void netdev_printk(const char *level, const struct net_device *dev, const char *format, ...);
void cxxrt_print_hex_dump(const void *data, size_t bytes);
void cxxrt_ratelimit_init(struct ratelimit_state *state);
int cxxrt_ratelimit(struct ratelimit_state *state);
void cxxrt_warn_on(bool condition);

bool cxxrt_dmi_match(enum dmi_field field, const char *text);

bool cxxrt_cpu_online(unsigned int cpu);
unsigned int cxxrt_nr_cpu_ids(void);
unsigned int cxxrt_num_possible_cpus(void);
unsigned int cxxrt_next_possible_cpu(int cpu);
unsigned int cxxrt_raw_smp_processor_id(void);
unsigned int cxxrt_nr_online_nodes(void);
bool cxxrt_node_online(int node);
unsigned long cxxrt_msecs_to_jiffies(unsigned int ms);
void cxxrt_cond_resched(void);
u32 cxxrt_random_below(u32 limit);

CXXRT_HELPERS_END
#endif
