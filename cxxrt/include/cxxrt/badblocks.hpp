// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Ranges of bad sectors.
/// C side: include/linux/badblocks.h, helpers/blk.c.

#include <cxxrt/configfs.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/lockcontext.hpp>

namespace cxxrt {

/// A list of bad sectors; at most 512 ranges of at most 512 sectors.   Units: 512-byte sectors.
/// Locks: its own; checks take none.
class BadBlocks : Pinned {
public:
	/// Context: process; sleeps.   Errors: ENOMEM.
	Result<void> init() EXCLUDES(atomic_context) { return from_c(raw::badblocks_init(&list_, 1)); }
	~BadBlocks() { raw::badblocks_exit(&list_); }

	struct Range {
		u64 first, count;
	};
	/// The first bad range that overlaps the given one.   Context: any.
	Optional<Range> check(u64 sector, u64 sectors) const
	{
		Range bad{};
		auto* list = const_cast<raw::badblocks*>(&list_);
		while (sectors > 0) {
			const u64 step = min(sectors, kStep);
			if (raw::cxxrt_badblocks_check(list, sector, step, &bad.first, &bad.count) != 0)
				return bad;
			sector += step;
			sectors -= step;
		}
		return {};
	}
	/// Context: process.   Errors: ENOSPC the table is full, part of the range may be in; EINVAL a range
	/// that is empty, wraps, or ends above 2^54.
	Result<void> add(u64 sector, u64 sectors)
	{
		TRY(check_range(sector, sectors));
		// By pieces of one table entry each: Linux 6.1 files longer ones in the wrong order, and then
		// does not find them.
		while (sectors > 0) {
			const u64 step = min(sectors, u64(raw::BB_MAX_LEN));
			if (raw::cxxrt_badblocks_set(&list_, sector, step) != 0)
				return ENOSPC;
			sector += step;
			sectors -= step;
		}
		return {};
	}
	/// Takes the range out, bad or not.   Errors: ENOSPC when a split does not fit; EINVAL as add().
	Result<void> remove(u64 sector, u64 sectors)
	{
		TRY(check_range(sector, sectors));
		if (raw::cxxrt_badblocks_clear(&list_, sector, sectors) != 0)
			return ENOSPC;
		return {};
	}
	/// One "start length" line a range, as many as a page takes.   Units: bytes printed.
	size_t show(configfs::Buffer out) const
	{
		return size_t(raw::cxxrt_badblocks_show(const_cast<raw::badblocks*>(&list_), out.unsafe_page()));
	}

private:
	/// The C functions count sectors in an int.
	static constexpr u64 kStep = 1u << 30;
	static constexpr u64 kEnd = 1ull << 54;
	static Result<void> check_range(u64 sector, u64 sectors)
	{
		u64 end;
		// The table has 54 bits for a sector: a higher one would come out as another sector.
		if (sectors == 0 || __builtin_add_overflow(sector, sectors, &end) || end > kEnd)
			return EINVAL;
		// Ranges of the table are 512 sectors at most, so a huge one fails early, not slowly.
		if (sectors > kStep)
			return ENOSPC;
		return {};
	}

	raw::badblocks list_{};
};

}  // namespace cxxrt
