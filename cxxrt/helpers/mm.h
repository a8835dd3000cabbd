/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_MM_H
#define CXXRT_HELPERS_MM_H
/* Address spaces and reclaim: linux/mm.h, sched/mm.h, shrinker.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

struct mm_struct *cxxrt_grab_current_mm(void);
void cxxrt_mmdrop(struct mm_struct *mm);
bool cxxrt_mmget_not_zero(struct mm_struct *mm);
void mmput_async(struct mm_struct *mm);
void cxxrt_mmap_write_lock(struct mm_struct *mm);
void cxxrt_mmap_write_unlock(struct mm_struct *mm);
bool cxxrt_mmap_read_trylock(struct mm_struct *mm);
void cxxrt_mmap_read_unlock(struct mm_struct *mm);
struct vm_area_struct *cxxrt_vma_lookup(struct mm_struct *mm, unsigned long address);
void cxxrt_vma_prepare(struct vm_area_struct *vma, const struct vm_operations_struct *ops, void *owner);
int vm_insert_page(struct vm_area_struct *vma, unsigned long address, struct page *page);
int vm_insert_pages(struct vm_area_struct *vma, unsigned long address, struct page **pages, unsigned long *count);
void cxxrt_zap_pages(struct vm_area_struct *vma, unsigned long address, unsigned long bytes);

struct shrinker *cxxrt_shrinker_create(const char *name,
				       unsigned long (*count)(struct shrinker *, struct shrink_control *),
				       unsigned long (*scan)(struct shrinker *, struct shrink_control *));
void cxxrt_shrinker_destroy(struct shrinker *shrinker);

CXXRT_HELPERS_END
#endif
