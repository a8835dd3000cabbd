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
	/// Context: process.   Errors: ENOSPC the table is full; EINVAL a range that wraps.
	Result<void> add(u64 sector, u64 sectors) { return change(sector, sectors, &raw::cxxrt_badblocks_set); }
	/// Takes the range out, bad or not.   Errors: ENOSPC when a split does not fit; EINVAL.
	Result<void> remove(u64 sector, u64 sectors) { return change(sector, sectors, &raw::cxxrt_badblocks_clear); }
	/// One "start length" line a range.   Units: bytes printed.
	size_t show(configfs::Buffer out) const
	{
		const ssize_t printed = raw::badblocks_show(const_cast<raw::badblocks*>(&list_), out.unsafe_page(), 0);
		return printed > 0 ? size_t(printed) : 0;
	}

private:
	/// The C functions count sectors in an int.
	static constexpr u64 kStep = 1u << 30;
	Result<void> change(u64 sector, u64 sectors, int (*apply)(raw::badblocks*, u64, u64))
	{
		u64 end;
		if (sectors == 0 || __builtin_add_overflow(sector, sectors, &end))
			return EINVAL;
		// Ranges of the table are 512 sectors at most, so a huge one fails early, not slowly.
		if (sectors > kStep)
			return ENOSPC;
		if (apply(&list_, sector, sectors) != 0)
			return ENOSPC;
		return {};
	}

	raw::badblocks list_{};
};

}  // namespace cxxrt
