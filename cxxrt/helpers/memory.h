/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_MEMORY_H
#define CXXRT_HELPERS_MEMORY_H
/* Slab, pages and per-CPU memory: linux/slab.h, linux/mm.h, linux/highmem.h, linux/percpu.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

void *cxxrt_kmalloc_node(size_t size, gfp_t flags, int node);
void *cxxrt_kvmalloc_node(size_t size, gfp_t flags, int node);
void kfree(const void *p);
struct page *cxxrt_virt_to_page(const void *memory);
u32 cxxrt_offset_in_page(const void *memory);
void kvfree(const void *p);
struct kmem_cache *cxxrt_kmem_cache_create(const char *name, unsigned int size, unsigned int align);
void kmem_cache_destroy(struct kmem_cache *cache);
void *cxxrt_kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags);
void kmem_cache_free(struct kmem_cache *cache, void *p);
void cxxrt_this_cpu_add(u32 *cell, u32 value);
void *cxxrt_alloc_percpu(size_t size, size_t align);
void cxxrt_free_percpu(void *p);
void *cxxrt_per_cpu_ptr(void *p, unsigned int cpu);
void *cxxrt_get_cpu_ptr(void *p);
void cxxrt_put_cpu_ptr(void *p);
struct page *cxxrt_alloc_page(gfp_t flags, int node);
void cxxrt_free_page(struct page *page);
void *cxxrt_kmap_local_page(struct page *page);
void cxxrt_kunmap_local(void *mapped);
void cxxrt_flush_dcache_page(struct page *page);
void cxxrt_copy_page(void *to, void *from);
void cxxrt_clear_page(void *page);

CXXRT_HELPERS_END
#endif
