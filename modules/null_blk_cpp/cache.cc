// SPDX-License-Identifier: GPL-2.0
#include "cache.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Status;

namespace {
constexpr u32 kVictimsAtOnce = 16;

u64 first_sector(unsigned long index) { return u64(index) * kSectorsPerPage; }
}  // namespace

Cache::~Cache()
{
	entries_.take_all([](Entry& entry) { Box<Entry>::adopt(&entry).reset(); });
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as in every Segment
u32 Cache::bits(u32 offset, u32 length)
{
	const u32 first = offset / blk::kSectorSize;
	const u32 count = length / blk::kSectorSize;
	return ((1u << count) - 1) << first;
}

Status Cache::read(u64 sector, Segment segment)
{
	return for_each_part(sector, segment, [&](unsigned long index, u32 offset, Segment part) {
		Guard guard{lock_};
		Entry* entry = entries_.load(index);
		const u32 wanted = bits(offset, part.length);
		if (entry == nullptr || (entry->newer & wanted) != wanted)
			store_.read(first_sector(index) + (offset / blk::kSectorSize), part);
		if (entry == nullptr || (entry->newer & wanted) == 0)
			return Status::Ok;
		for (u32 at = 0; at < part.length; at += blk::kSectorSize) {
			if ((entry->newer & bits(offset + at, blk::kSectorSize)) != 0)
				copy_page_bytes(part.page, part.offset + at, *entry->page, offset + at,
						blk::kSectorSize);
		}
		flush_dcache(part.page);
		return Status::Ok;
	});
}

Status Cache::write(u64 sector, Segment segment, bool fua)
{
	return for_each_part(sector, segment, [&](unsigned long index, u32 offset, Segment part) {
		const u32 written = bits(offset, part.length);
		Guard guard{lock_};
		if (fua) {
			const Status status = store_.write(first_sector(index) + (offset / blk::kSectorSize), part);
			if (status == Status::Ok)
				forget(index, written);
			return status;
		}
		Entry* entry = entries_.load(index);
		if (entry == nullptr)
			entry = make_entry(index);
		if (entry == nullptr)
			return Status::Resource;
		flush_dcache(part.page);
		copy_page_bytes(*entry->page, offset, part.page, part.offset, part.length);
		entry->newer |= written;
		return Status::Ok;
	});
}

void Cache::remove(unsigned long index, Entry& entry)
{
	entries_.erase(index);
	used_ -= kPageSize;
	Box<Entry>::adopt(&entry).reset();
}

void Cache::forget(unsigned long index, u32 sectors)
{
	Entry* entry = entries_.load(index);
	if (entry == nullptr)
		return;
	entry->newer &= ~sectors;
	if (entry->newer == 0) {
		remove(index, *entry);
		return;
	}
	for (u32 at = 0; at < kPageSize; at += blk::kSectorSize) {
		if ((sectors & bits(at, blk::kSectorSize)) != 0)
			zero_page_bytes(*entry->page, at, blk::kSectorSize);
	}
}

Cache::Entry* Cache::make_entry(unsigned long index)
{
	if (used_ + kPageSize > capacity_ && !make_room().ok())
		return nullptr;
	auto page = PageBox::zeroed(Gfp::NoWait);
	if (!page.ok())
		return nullptr;
	auto made = Box<Entry>::make(Gfp::NoWait, page.take());
	if (!made.ok())
		return nullptr;
	Box<Entry> entry = made.take();
	Result<Entry*> stored = entries_.insert_or_get(index, entry.get(), Gfp::NoWait);
	if (!stored.ok())
		return nullptr;
	// A worker reserves without the lock, and may have been faster.
	if (Entry* winner = stored.take(); winner != entry.get())
		return winner;
	used_ += kPageSize;
	return entry.leak();
}

void Cache::count(s64 bytes)
{
	Guard guard{lock_};
	used_ += u64(bytes);
}

Result<void> Cache::write_back(unsigned long index, Entry& entry)
{
	if (entry.newer != 0 && !store_.has(index)) {
		// The page itself moves; sectors that were never written are zeroes in both.
		if (store_.insert(index, entry.page).ok()) {
			remove(index, entry);
			return {};
		}
	}
	for (u32 at = 0; at < kPageSize; at += blk::kSectorSize) {
		if ((entry.newer & bits(at, blk::kSectorSize)) == 0)
			continue;
		const Segment part{.page = *entry.page, .offset = at, .length = blk::kSectorSize};
		if (store_.write(first_sector(index) + (at / blk::kSectorSize), part) != Status::Ok)
			return ENOMEM;
	}
	remove(index, entry);
	return {};
}

Result<void> Cache::make_room()
{
	for (u32 moved = 0; moved < kVictimsAtOnce && used_ != 0; ++moved) {
		Entry* victim = entries_.find(next_victim_);
		if (victim == nullptr) {
			next_victim_ = 0;
			victim = entries_.find(next_victim_);
		}
		if (victim == nullptr)
			break;
		TRY(write_back(next_victim_, *victim));
		++next_victim_;
	}
	return {};
}

bool Cache::forget_next(u64& sector, u64 end)
{
	if (sector >= end)
		return false;
	unsigned long index = sector / kSectorsPerPage;
	Guard guard{lock_};
	if (entries_.find(index, (end - 1) / kSectorsPerPage) == nullptr)
		return false;
	const u64 page = first_sector(index);
	const u32 first = page < sector ? u32(sector - page) : 0;
	const u32 last = u32(min(end - page, u64(kSectorsPerPage)));
	forget(index, bits(first * blk::kSectorSize, (last - first) * blk::kSectorSize));
	sector = page + kSectorsPerPage;
	return true;
}

void Cache::discard(u64 sector, u64 sectors)
{
	for (u64 at = sector; forget_next(at, sector + sectors);) {
	}
	store_.discard(sector, sectors);
}

void Cache::discard_slowly(u64 sector, u64 sectors)
{
	for (u64 at = sector; forget_next(at, sector + sectors);)
		let_others_run();
	store_.discard_slowly(sector, sectors);
}

Result<bool> Cache::write_back_next(unsigned long& index)
{
	{
		Guard guard{lock_};
		Entry* entry = entries_.find(index);
		if (entry == nullptr)
			return false;
		if (write_back(index, *entry).ok()) {
			++index;
			return true;
		}
	}
	// Again with the memory that it takes.
	TRY(store_.reserve(first_sector(index), kSectorsPerPage));
	return true;
}

Result<void> Cache::flush()
{
	// Once over all: what is written behind this is not waited for.
	for (unsigned long index = 0;;) {
		if (!TRY(write_back_next(index)))
			return {};
		let_others_run();
	}
}

Result<void> Cache::reserve(u64 sector, u64 sectors, bool fua)
{
	if (fua)
		return store_.reserve(sector, sectors);
	if (sectors == 0)
		return {};
	const unsigned long last = (sector + sectors - 1) / kSectorsPerPage;
	for (unsigned long index = sector / kSectorsPerPage; index <= last; ++index)
		TRY(reserve_entry(index));
	return {};
}

Result<void> Cache::reserve_entry(unsigned long index)
{
	for (unsigned long victim = 0; used() + kPageSize > capacity_;) {
		if (!TRY(write_back_next(victim)))
			break;
	}
	if (entries_.load(index) != nullptr)
		return {};
	// An entry without newer sectors is as good as none. Counted before it can be seen, and freed.
	PageBox page = TRY(PageBox::zeroed(Gfp::NoIo));
	Box<Entry> entry = TRY(Box<Entry>::make(Gfp::NoIo, move(page)));
	count(kPageSize);
	const Result<Entry*> stored = entries_.insert_or_get(index, entry.get(), Gfp::NoIo);
	if (stored.ok() && Result<Entry*>{stored}.take() == entry.get()) {
		(void)entry.leak();
		return {};
	}
	count(-s64(kPageSize));
	return stored.ok() ? Result<void>{} : Result<void>{stored.error()};
}

}  // namespace null_blk
