// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A volatile write cache in front of a PageStore: what is in it when the power goes is lost.
/// C side: null_make_cache_space(), null_flush_cache_page(), drivers/block/null_blk/main.c.

#include "store.hpp"

namespace null_blk {

/// Pages of which some sectors are newer than the store's.
/// Locks: its own spinlock for the time of a page's transfer, as the C driver's for a request's.
class Cache : Pinned {
public:
	/// Invariant: `store` outlives it.   Units: `capacity` in bytes, at least a page.
	Cache(PageStore& store, u64 capacity) : store_(store), capacity_(capacity) {}
	/// What is in it is lost.
	~Cache();

	/// As PageStore's; `fua` writes to the store itself.
	CXXRT_NOINLINE blk::Status read(u64 sector, Segment segment);
	CXXRT_NOINLINE blk::Status write(u64 sector, Segment segment, bool fua);
	/// Forgets the sectors, here and in the store.   Context: process; never sleeps.
	void discard(u64 sector, u64 sectors);
	void discard_slowly(u64 sector, u64 sectors) EXCLUDES(atomic_context);
	/// Makes what a write to the sectors needs.   Context: process; sleeps.   Errors: ENOMEM.
	Result<void> reserve(u64 sector, u64 sectors, bool fua) EXCLUDES(atomic_context);
	/// Writes to the store what was in the cache at the call.   Context: process; sleeps.   Errors: ENOMEM.
	Result<void> flush() EXCLUDES(atomic_context);
	bool is_empty() const { return entries_.is_empty(); }
	/// Units: bytes.
	u64 used() EXCLUDES(atomic_context)
	{
		Guard guard{lock_};
		return used_;
	}

private:
	struct Entry : Pinned {
		explicit Entry(PageBox&& data) : page(move(data)) {}
		PageBox page;	// sectors that are not newer are zeroes
		u32 newer = 0;	// a bit for each sector
	};
	static u32 bits(u32 offset, u32 length);
	void count(s64 bytes) EXCLUDES(atomic_context);
	Result<void> reserve_entry(unsigned long index) EXCLUDES(atomic_context);
	void forget(unsigned long index, u32 sectors) REQUIRES(lock_);
	/// Forgets the sectors up to `end` of the next entry, and leaves `sector` after it; false if there is none.
	bool forget_next(u64& sector, u64 end);
	Entry* make_entry(unsigned long index) REQUIRES(lock_);
	void remove(unsigned long index, Entry& entry) REQUIRES(lock_);
	/// Moves an entry to the store.   Errors: ENOMEM.
	Result<void> write_back(unsigned long index, Entry& entry) REQUIRES(lock_);
	/// Moves some entries, in turn, so that there is room for one.   Errors: ENOMEM.
	Result<void> make_room() REQUIRES(lock_);
	/// Moves the first entry from `index` on, if there is any, and leaves `index` after it; false if not.
	Result<bool> write_back_next(unsigned long& index) EXCLUDES(atomic_context);

	PageStore& store_;
	const u64 capacity_;
	SpinLock lock_{lock_class<"null_blk Cache::lock_">};
	XArray<Entry> entries_;	 // owns them
	u64 used_ GUARDED_BY(lock_) = 0;
	unsigned long next_victim_ GUARDED_BY(lock_) = 0;
};

}  // namespace null_blk
