// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include "memory.h"

void *cxxrt_alloc_percpu(size_t size, size_t align)
{
	return (void __force *)__alloc_percpu(size, align);
}

void cxxrt_clear_page(void *page)
{
	clear_page(page);
}

void cxxrt_copy_page(void *to, void *from)
{
	copy_page(to, from);
}

struct page *cxxrt_alloc_page(gfp_t flags, int node)
{
	return alloc_pages_node(node, flags, 0);
}

void cxxrt_flush_dcache_page(struct page *page)
{
	flush_dcache_page(page);
}

void cxxrt_free_page(struct page *page)
{
	__free_page(page);
}

void cxxrt_free_percpu(void *p)
{
	free_percpu((void __percpu __force *)p);
}

void *cxxrt_get_cpu_ptr(void *p)
{
	return get_cpu_ptr((char __percpu __force *)p);
}

void *cxxrt_kmalloc_node(size_t size, gfp_t flags, int node)
{
	return kmalloc_node(size, flags, node);
}

void *cxxrt_kmap_local_page(struct page *page)
{
	return kmap_local_page(page);
}

struct kmem_cache *cxxrt_kmem_cache_create(const char *name, unsigned int size, unsigned int align)
{
	return kmem_cache_create(name, size, align, 0, NULL);
}

void *cxxrt_kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags)
{
	return kmem_cache_alloc(cache, flags);
}

void cxxrt_kunmap_local(void *mapped)
{
	kunmap_local(mapped);
}

void *cxxrt_kvmalloc_node(size_t size, gfp_t flags, int node)
{
	return kvmalloc_node(size, flags, node);
}

void *cxxrt_per_cpu_ptr(void *p, unsigned int cpu)
{
	return per_cpu_ptr((char __percpu __force *)p, cpu);
}

void cxxrt_put_cpu_ptr(void *p)
{
	put_cpu_ptr((char __percpu __force *)p);
}

struct page *cxxrt_virt_to_page(const void *memory)
{
	return virt_to_page(memory);
}

u32 cxxrt_offset_in_page(const void *memory)
{
	return offset_in_page(memory);
}

void cxxrt_this_cpu_add(u32 *cell, u32 value)
{
	this_cpu_add(*(u32 __percpu __force *)cell, value);
}
