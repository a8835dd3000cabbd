// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The zones of a host-managed zoned disk: write pointers, conditions, and how many may be open.
/// C side: drivers/block/null_blk/zoned.c.  Spec: ZBC (INCITS 536), NVMe Zoned Namespace Command Set.

#include "medium.hpp"

namespace null_blk {

/// Lock order: a zone's lock, then resources_lock_. A zone's condition changes under the latter, so
/// that a zone can be closed to make room for another without that zone's lock.
class Zones : Pinned {
	struct Key {
		explicit Key() = default;
	};
	struct Zone;

public:
	/// Checks the geometry, and corrects in `config` what the C driver corrects, each with its line.
	/// Invariant: `medium` outlives it.
	/// Context: process; sleeps.   Errors: EINVAL; ENOMEM.
	static Result<Box<Zones>> create(Config& config, Medium& medium, const char* disk) EXCLUDES(atomic_context);
	Zones(Key, const Config& config, Medium& medium, const char* disk);

	blk::ZoneLimits limits() const { return limits_; }
	/// Does what is asked; an append leaves where it wrote in `io.sector`.
	/// Context: process; never sleeps.   Errors: as Medium::access(), and those of zones.
	blk::Status handle(Io& io);
	/// The first sector that `io` goes to: for an append, as things are now.
	u64 target(const Io& io) const;
	/// Sets a zone's condition to ReadOnly or Offline; the same again makes it empty.
	/// Context: process.   Errors: EINVAL no such zone, or a conventional one.
	Result<void> set_condition(u64 sector, blk::ZoneCondition condition);
	/// As report_zones of a disk.
	u32 report(u64 sector, blk::ZoneRequest request, blk::ZoneBatch& batch);

private:
	static constexpr u64 kNoWritePointer = ~0ull;
	u32 number_of(u64 sector) const { return u32(sector >> zone_shift_); }
	/// Only for a sector of the disk: the block layer checks that.
	Zone& zone_of(u64 sector) const { return zones_[number_of(sector)]; }
	void set(Zone& zone, blk::ZoneCondition condition) REQUIRES(resources_lock_);
	bool may_activate() const REQUIRES(resources_lock_);
	/// Finds room for one more open zone.
	blk::Status make_room(const Zone& zone) REQUIRES(resources_lock_);
	void close_an_implicitly_open_one() REQUIRES(resources_lock_);

	blk::Status read(const Io& io);
	blk::Status write(Io& io);
	blk::Status manage(const Io& io);
	blk::Status manage(Zone& zone, blk::Op op);
	blk::Status reset_all(const Io& io);
	blk::Status open_for_write(Zone& zone);
	blk::Status open(Zone& zone);
	blk::Status close(Zone& zone);
	blk::Status finish(Zone& zone);
	void empty(Zone& zone);
	void trace(blk::Op op, const Zone& zone) const;

	Medium& medium_;
	const char* const disk_;  // its name
	const u32 zone_shift_;	  // of sectors
	const u32 conventional_;
	const blk::ZoneLimits limits_;
	Array<Zone> zones_;
	SpinLock resources_lock_{lock_class<"null_blk Zones::resources_lock_">};
	u32 implicitly_open_ GUARDED_BY(resources_lock_) = 0;
	u32 explicitly_open_ GUARDED_BY(resources_lock_) = 0;
	u32 closed_ GUARDED_BY(resources_lock_) = 0;
	u32 next_to_close_ GUARDED_BY(resources_lock_);
};

/// In a cache line of its own, so that writers to neighbours do not disturb each other.
struct alignas(64) Zones::Zone : Pinned {
	SpinLock lock{lock_class<"null_blk Zone::lock">};
	bool conventional = false;
	Atomic<u32> condition;	// blk::ZoneCondition; changes under resources_lock_
	u64 start = 0, length = 0, capacity = 0;
	Atomic<u64> write_pointer;  // changes under `lock`

	blk::ZoneCondition state() const { return blk::ZoneCondition(condition.load_relaxed()); }
	bool is_dead() const
	{
		return state() == blk::ZoneCondition::ReadOnly || state() == blk::ZoneCondition::Offline;
	}
};

}  // namespace null_blk
