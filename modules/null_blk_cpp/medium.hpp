// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What the sectors of a disk are made of: bad blocks, the cache, the data. Without the fast path,
/// which is in path.hpp.
/// C side: null_process_cmd(), null_handle_badblocks(), null_handle_memory_backed().

#include <cxxrt/badblocks.hpp>

#include "cache.hpp"
#include "config.hpp"

namespace null_blk {

/// What a request or bio asks for, and how far it got.
struct Io : blk::Io {
	bool prepared = false;	// a worker has done what sleeps
};

/// How an access ended, and how many of its sectors were moved.
struct Access {
	blk::Status status;
	u32 sectors;
};

/// The bad sectors of a device.
struct BadSectors : Pinned {
	BadBlocks list;
	Atomic<int> in_use{0};	// set by the first write to the attribute, for good
};

class Medium : Pinned {
public:
	Medium(const Config& config, PageStore& store, BadSectors& bad);

	/// Does `io`, but for zone commands. Of a read, sectors from the `readable`-th on are 0xff.
	/// Context: process; never sleeps.   Errors: Resource it would have to sleep: prepare() and try again.
	Access access(const Io& io, u32 readable = ~0u);
	/// Does what `io`, to go to `sector`, would have to sleep for; access() then needs `prepared`.
	/// Context: process; sleeps.   Errors: ENOMEM.
	Result<void> prepare(const Io& io, u64 sector) EXCLUDES(atomic_context);
	/// The sectors are as if never written.   Context: process; never sleeps.
	void discard(u64 sector, u64 sectors);
	/// Writes out the cache, if there is one.   Context: process; sleeps.   Errors: ENOMEM.
	Result<void> flush() EXCLUDES(atomic_context) { return cache_ ? cache_->flush() : Result<void>{}; }
	bool keeps_data() const { return keeps_data_; }
	bool has_cache() const { return bool(cache_); }
	/// Makes the cache that the configuration has.   Context: process; sleeps.   Errors: ENOMEM.
	Result<void> build(const Config& config) EXCLUDES(atomic_context);

private:
	blk::Status transfer(const Io& io, u32 sectors, u32 readable);
	Optional<BadBlocks::Range> first_bad(const Io& io) const;
	/// How many sectors of `io` are moved before it fails.
	u32 sectors_before(const Io& io, const BadBlocks::Range& bad) const;

	PageStore& store_;
	BadSectors& bad_;
	const bool keeps_data_;
	const bool bad_once_, bad_partial_;
	const u32 block_sectors_;
	Box<Cache> cache_;
};

/// Discards of more than this are done by a worker.   Units: sectors of 512 bytes.
inline constexpr u32 kLongDiscard = 4096 * kSectorsPerPage;

}  // namespace null_blk
