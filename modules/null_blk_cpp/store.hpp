// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The data of a memory-backed device: pages by index, made on the first write.

#include <cxxrt/blk.hpp>
#include <cxxrt/xarray.hpp>

namespace null_blk {
using namespace cxxrt;

/// Blocks never written read as zeroes.
/// Locks: readers and overwriters take none: a page, once there, stays until the store dies.
/// Concurrent transfers of the same sector may interleave, as on any disk.
class PageStore : Pinned {
public:
	PageStore() = default;
	~PageStore();

	/// Nothing was ever written.
	bool is_empty() const { return pages_.is_empty(); }
	/// Copies between the store and `segment`, from `sector` on.
	/// Context: process; may sleep.   Units: sectors of 512 bytes; the segment is whole sectors.
	/// Errors: NoSpace no memory for a page.
	CXXRT_HOT blk::Status transfer(blk::Op op, u64 sector, Segment segment) EXCLUDES(atomic_context);

private:
	CXXRT_HOT void read(u64 sector, Segment segment);
	CXXRT_HOT blk::Status write(u64 sector, Segment segment) EXCLUDES(atomic_context);
	/// A new page at `index`, or the one another writer put there meanwhile.   Errors: ENOMEM.
	CXXRT_NOINLINE Result<Page*> make_page(unsigned long index) EXCLUDES(atomic_context);

	XArray<Page> pages_;  // owns its pages; freed by the destructor alone
};

}  // namespace null_blk
