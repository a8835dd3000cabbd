// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Address spaces of user processes: areas of them that an object fills with its own pages, and memory that is given
/// back when there is little.
/// C side: include/linux/mm.h, include/linux/sched/mm.h, include/linux/shrinker.h, helpers/mm.c.

#include <cxxrt/atomic.hpp>
#include <cxxrt/lock.hpp>
#include <cxxrt/page.hpp>

namespace cxxrt::mm {

/// An area that somebody is mapping, or has mapped: borrowed.
class Area {
public:
	explicit Area(raw::vm_area_struct* vma) : vma_(vma) {}
	/// Units: bytes.
	u64 start() const { return vma_->vm_start; }
	u64 size() const { return vma_->vm_end - vma_->vm_start; }
	bool is_writable() const { return (u64(vma_->vm_flags) & u64(raw::VM_WRITE)) != 0; }
	raw::vm_area_struct* unsafe_raw() const { return vma_; }

private:
	raw::vm_area_struct* vma_;
};

/// An address space that stays known, whether or not anybody still lives in it.
class [[nodiscard]] Space : MoveOnly {
public:
	/// That of the running task.   Context: process, not a kernel thread.
	static Space current() { return Space{raw::cxxrt_grab_current_mm()}; }
	Space(Space&& other) : mm_(exchange(other.mm_, nullptr)) {}
	~Space()
	{
		if (mm_ != nullptr)
			raw::cxxrt_mmdrop(mm_);
	}
	bool is_of(Area area) const { return area.unsafe_raw()->vm_mm == mm_; }

	/// Keeps its memory for a scope, if anybody still lives in it.
	class [[nodiscard]] Use : MoveOnly {
	public:
		explicit Use(const Space& space) : mm_(raw::cxxrt_mmget_not_zero(space.mm_) ? space.mm_ : nullptr) {}
		Use(Use&& other) : mm_(exchange(other.mm_, nullptr)) {}
		~Use()
		{
			if (mm_ != nullptr)
				raw::mmput_async(mm_);
		}
		explicit operator bool() const { return mm_ != nullptr; }

	private:
		friend class WriteLock;
		friend class TryReadLock;
		raw::mm_struct* mm_;
	};

private:
	explicit Space(raw::mm_struct* mm) : mm_(mm) {}
	raw::mm_struct* mm_;
};

/// Holds the lock of an address space in use, for changing it.   Context: process; sleeps.
class [[nodiscard]] WriteLock : Pinned {
public:
	explicit WriteLock(const Space::Use& use) EXCLUDES(atomic_context) : mm_(use.mm_)
	{
		raw::cxxrt_mmap_write_lock(mm_);
	}
	~WriteLock() { raw::cxxrt_mmap_write_unlock(mm_); }

private:
	raw::mm_struct* mm_;
};

/// The same for reading, if nobody is changing it; test it first.   Context: any; never sleeps.
class [[nodiscard]] TryReadLock : Pinned {
public:
	explicit TryReadLock(const Space::Use& use) : mm_(raw::cxxrt_mmap_read_trylock(use.mm_) ? use.mm_ : nullptr) {}
	~TryReadLock()
	{
		if (mm_ != nullptr)
			raw::cxxrt_mmap_read_unlock(mm_);
	}
	explicit operator bool() const { return mm_ != nullptr; }

private:
	template <class> friend class Mapping;
	raw::mm_struct* mm_;
};

/// Whether this kernel lets a module take pages from user space before it gives them back; mainline's does not.
/// Source: zap_page_range_single(), which Debian exports for binder.
inline constexpr bool kCanZap = raw::CXXRT_CAN_ZAP != 0;

/// Where an address is, to who has a mapping.
enum class Reach : u8 { Gone, Mapped, NotOurs };

/// An area whose pages come from its object alone, once in the object's life: never writable by user space, not inherited,
/// and a fault in it is SIGBUS. When any of it is unmapped, `void D::unmapped()` is told, which may not sleep: by then nobody
/// finds it attached. It is told before the end of the address space, whose area keeps the file.
/// Invariant: the area is that of attach(), until user space unmaps any of it.
template <class D> class Mapping : Pinned {
public:
	explicit Mapping(D& owner) : owner_(owner) {}
	const D& owner() const { return owner_; }
	/// From mmap(), with its locks. The area's files keep the object and its owner alive.
	void attach(Area area)
	{
		raw::cxxrt_vma_prepare(area.unsafe_raw(), &kOperations, this);
		start_ = area.start();
		// Pairs with is_attached(): who sees the area sees what was prepared before.
		area_.store_release(area.unsafe_raw());
	}
	/// Whether it is there; it may go at once.   Context: any.
	bool is_attached() const { return area_.load_acquire() != nullptr; }
	/// Puts pages from `address` on.   Context: process, holding the address space's lock; may sleep.
	/// Errors: ESRCH the area is gone; ENOMEM.
	Result<void> insert(const WriteLock&, u64 address, Page& page)
	{
		raw::vm_area_struct* vma = area_.load_relaxed();
		if (vma == nullptr)
			return ESRCH;
		if (raw::vm_insert_page(vma, address, page.unsafe_raw()) != 0)
			return ENOMEM;
		return {};
	}
	/// Whether what is at `address` now may be taken from user space: it is in the area, or in none.
	Reach reach(const TryReadLock& lock, u64 address) const
	{
		raw::vm_area_struct* vma = raw::cxxrt_vma_lookup(lock.mm_, address);
		if (vma == nullptr)
			return Reach::Gone;
		return vma == area_.load_relaxed() ? Reach::Mapped : Reach::NotOurs;
	}
	/// Takes pages from user space; only where reach() said Mapped, and if kCanZap.   Context: process; may sleep.
	void zap(const TryReadLock&, u64 address, u64 bytes)
	{
		raw::cxxrt_zap_pages(area_.load_relaxed(), address, bytes);
	}

private:
	// SAFETY: attach() stored the object, which the area's file keeps.
	static void close(raw::vm_area_struct* vma)
	{
		auto& mapping = *static_cast<Mapping*>(vma->vm_private_data);
		mapping.area_.store_release(nullptr);
		mapping.owner_.unmapped();
	}
	static raw::vm_fault_t fault(raw::vm_fault*) { return raw::vm_fault_t(raw::VM_FAULT_SIGBUS); }
	static constexpr raw::vm_operations_struct kOperations = {.close = &close, .fault = &fault};

	D& owner_;
	u64 start_ = 0;
	Atomic<raw::vm_area_struct*> area_;
};

/// Gives memory back when there is little: `u64 D::count()` says how much there is, `u64 D::scan(u64 most)` frees some and
/// says how much it freed. Both may be called from any allocation that may sleep, with its locks held: they only try locks.
/// Units: the driver's, pages for most.
/// Invariant: neither runs after the destructor.
template <class D> class [[nodiscard]] Shrinker : MoveOnly {
public:
	Shrinker(Shrinker&& other) : shrinker_(exchange(other.shrinker_, nullptr)) {}
	~Shrinker() EXCLUDES(atomic_context)
	{
		if (shrinker_ != nullptr) {
			raw::cxxrt_shrinker_destroy(shrinker_);
			target = nullptr;
		}
	}
	/// One at a time for each D.   Context: process; sleeps.   Errors: ENOMEM.
	static Result<Shrinker> create(const char* name, D& driver) EXCLUDES(atomic_context)
	{
		target = &driver;
		return Shrinker{TRY(from_null(raw::cxxrt_shrinker_create(name, &count, &scan)))};
	}

private:
	explicit Shrinker(raw::shrinker* shrinker) : shrinker_(shrinker) {}
	static unsigned long count(raw::shrinker*, raw::shrink_control*) { return target->count(); }
	static unsigned long scan(raw::shrinker*, raw::shrink_control* control)
	{
		const u64 freed = target->scan(control->nr_to_scan);
		return freed == 0 ? raw::SHRINK_STOP : freed;
	}
	static inline constinit D* target = nullptr;
	raw::shrinker* shrinker_;
};

}  // namespace cxxrt::mm
