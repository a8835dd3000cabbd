// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include "mm.h"

struct mm_struct *cxxrt_grab_current_mm(void)
{
	mmgrab(current->mm);
	return current->mm;
}

void cxxrt_mmap_read_unlock(struct mm_struct *mm)
{
	mmap_read_unlock(mm);
}

bool cxxrt_mmap_read_trylock(struct mm_struct *mm)
{
	return mmap_read_trylock(mm);
}

void cxxrt_mmap_write_lock(struct mm_struct *mm)
{
	mmap_write_lock(mm);
}

void cxxrt_mmap_write_unlock(struct mm_struct *mm)
{
	mmap_write_unlock(mm);
}

void cxxrt_mmdrop(struct mm_struct *mm)
{
	mmdrop(mm);
}

bool cxxrt_mmget_not_zero(struct mm_struct *mm)
{
	return mmget_not_zero(mm);
}

#if CXXRT_KERNEL_6_12
struct shrinker *cxxrt_shrinker_create(const char *name,
				       unsigned long (*count)(struct shrinker *, struct shrink_control *),
				       unsigned long (*scan)(struct shrinker *, struct shrink_control *))
{
	struct shrinker *shrinker = shrinker_alloc(0, "%s", name);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	return shrinker;
}

void cxxrt_shrinker_destroy(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#else
struct shrinker *cxxrt_shrinker_create(const char *name,
				       unsigned long (*count)(struct shrinker *, struct shrink_control *),
				       unsigned long (*scan)(struct shrinker *, struct shrink_control *))
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
	return shrinker;
}

void cxxrt_shrinker_destroy(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

struct vm_area_struct *cxxrt_vma_lookup(struct mm_struct *mm, unsigned long address)
{
	return vma_lookup(mm, address);
}

/* For pages that only their owner inserts: not inherited, never writable. */
void cxxrt_vma_prepare(struct vm_area_struct *vma, const struct vm_operations_struct *ops, void *owner)
{
#if CXXRT_KERNEL_6_12
	vm_flags_mod(vma, VM_DONTCOPY | VM_MIXEDMAP, VM_MAYWRITE);
#else
	vma->vm_flags |= VM_DONTCOPY | VM_MIXEDMAP;
	vma->vm_flags &= ~VM_MAYWRITE;
#endif
	vma->vm_ops = ops;
	vma->vm_private_data = owner;
}

void cxxrt_zap_pages(struct vm_area_struct *vma, unsigned long address, unsigned long bytes)
{
#if !CXXRT_EXPORTS_ZAP
	WARN_ON_ONCE(1);
#elif CXXRT_KERNEL_6_12
	zap_page_range_single(vma, address, bytes, NULL);
#else
	zap_page_range(vma, address, bytes);
#endif
}
