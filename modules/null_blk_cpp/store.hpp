// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The data of a memory-backed device: pages by index, made on the first write, freed by a discard.
/// C side: null_lookup_page(), copy_to_nullb(), copy_from_nullb(), null_handle_discard().

#include <cxxrt/blk.hpp>
#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>
#include <cxxrt/work.hpp>
#include <cxxrt/xarray.hpp>

namespace null_blk {
using namespace cxxrt;

inline constexpr u32 kSectorsPerPage = kPageSize / blk::kSectorSize;

/// Calls `f(page index, byte offset in that page, part)` for each part of `segment` that lies in one
/// page of a store, in order, until one returns a status that is not Ok; returns that.
template <class F> CXXRT_INLINE blk::Status for_each_part(u64 sector, Segment segment, F&& f)
{
	for (u32 done = 0; done < segment.length;) {
		const u32 offset = u32(sector % kSectorsPerPage) * blk::kSectorSize;
		const Segment part{.page = segment.page,
				   .offset = segment.offset + done,
				   .length = min(segment.length - done, kPageSize - offset)};
		const blk::Status status = f((unsigned long)(sector / kSectorsPerPage), offset, part);
		if (status != blk::Status::Ok) [[unlikely]]
			return status;
		done += part.length;
		sector += part.length / blk::kSectorSize;
	}
	return blk::Status::Ok;
}

/// Blocks never written, or discarded, read as zeroes.
/// Locks: readers and overwriters take none, but are RCU readers: a page that a discard takes out
/// stays until they are done. Concurrent transfers of the same sector may interleave, as on any disk.
class PageStore : Pinned {
public:
	PageStore() = default;
	CXXRT_COLD ~PageStore();

	/// It holds nothing.
	bool is_empty() const { return pages_.is_empty(); }
	/// Copies between the store and `segment`, from `sector` on.
	/// Context: process; never sleeps.   Units: sectors of 512 bytes; the segment is whole sectors.
	/// Errors: Resource no memory for a page unless one sleeps: reserve() and try again.
	CXXRT_HOT blk::Status read(u64 sector, Segment segment) const;
	CXXRT_HOT blk::Status write(u64 sector, Segment segment);
	/// The sectors read as zeroes; pages that are in it altogether are freed.
	/// Context: process; never sleeps.
	CXXRT_COLD void discard(u64 sector, u64 sectors);
	/// The same with pauses, for any length.   Context: process; sleeps.
	CXXRT_COLD void discard_slowly(u64 sector, u64 sectors) EXCLUDES(atomic_context);
	/// Makes what a write to the sectors needs.   Context: process; sleeps.   Errors: ENOMEM.
	CXXRT_COLD Result<void> reserve(u64 sector, u64 sectors) EXCLUDES(atomic_context);
	/// Takes over a page that the store has none for, with zeroes where nothing was written.
	/// Context: process; never sleeps.   Errors: ENOMEM, and `page` is as it was; EEXIST it has one.
	CXXRT_COLD Result<void> insert(unsigned long index, PageBox& page);
	/// Context: process; never sleeps.
	bool has(unsigned long index) const { return pages_.load(index) != nullptr; }

private:
	/// Writes what there was no page for a moment ago.
	/// Locks: in an RCU read section.   Errors: as write().
	CXXRT_NOINLINE blk::Status write_first(unsigned long index, u32 offset, Segment part);
	/// Frees a page when its readers are done.   Context: process; never sleeps.
	void retire(Page& page);
	CXXRT_COLD void reap() EXCLUDES(atomic_context);

	XArray<Page> pages_;  // owns its pages
	SpinLock retired_lock_{lock_class<"null_blk PageStore::retired_lock_">};
	PageList retired_ GUARDED_BY(retired_lock_);
	bool reaping_ GUARDED_BY(retired_lock_) = false;
	PageList leaving_;  // retired before the reaper was scheduled; its own from then on
	RcuWork reaper_{callback<&PageStore::reaper_, &PageStore::reap>};
};

}  // namespace null_blk
