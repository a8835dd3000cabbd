// SPDX-License-Identifier: GPL-2.0
#include "store.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Status;

namespace {
/// What discard_slowly() does between two pauses.   Units: sectors.
constexpr u64 kSectorsAtOnce = 1024ull * kSectorsPerPage;
}  // namespace

PageStore::~PageStore()
{
	pages_.take_all([](Page& page) { (void)PageBox::adopt(page); });
	for (bool reaping = true; reaping;) {
		reaper_.flush();
		Guard guard{retired_lock_};
		reaping = reaping_;
	}
}

Status PageStore::read(u64 sector, Segment segment) const
{
	const Status status = for_each_part(sector, segment, [&](unsigned long index, u32 offset, Segment part) {
		RcuGuard guard;
		if (Page* page = pages_.load(index))
			copy_page_bytes(part.page, part.offset, *page, offset, part.length);
		else
			zero_page_bytes(part.page, part.offset, part.length);
		return Status::Ok;
	});
	flush_dcache(segment.page);
	return status;
}

Status PageStore::write(u64 sector, Segment segment)
{
	flush_dcache(segment.page);
	return for_each_part(sector, segment, [&](unsigned long index, u32 offset, Segment part) {
		RcuGuard guard;
		Page* page = pages_.load(index);
		if (page == nullptr) [[unlikely]]
			return write_first(index, offset, part);
		copy_page_bytes(*page, offset, part.page, part.offset, part.length);
		return Status::Ok;
	});
}

Status PageStore::write_first(unsigned long index, u32 offset, Segment part)
{
	// What is written as a whole is not cleared before.
	const bool is_all = part.length == kPageSize;
	auto made = is_all ? PageBox::copy_of(part.page, Gfp::NoWait) : PageBox::zeroed(Gfp::NoWait);
	if (!made.ok())
		return Status::Resource;
	PageBox page = made.take();
	if (!is_all)
		copy_page_bytes(*page, offset, part.page, part.offset, part.length);
	if (insert(index, page).ok())
		return Status::Ok;
	// Another writer was faster; or there is no memory, or a discard was faster still: that is for the worker.
	Page* there = pages_.load(index);
	if (there == nullptr)
		return Status::Resource;
	copy_page_bytes(*there, offset, part.page, part.offset, part.length);
	return Status::Ok;
}

void PageStore::retire(Page& page)
{
	Guard guard{retired_lock_};
	retired_.push_back(PageBox::adopt(page));
	if (!exchange(reaping_, true)) {
		retired_.splice_to(leaving_);
		reaper_.schedule();
	}
}

void PageStore::reap()
{
	leaving_.free_all([] { let_others_run(); });
	Guard guard{retired_lock_};
	reaping_ = !retired_.is_empty();
	if (reaping_) {
		retired_.splice_to(leaving_);
		reaper_.schedule();
	}
}

void PageStore::discard(u64 sector, u64 sectors)
{
	const u64 end = sector + sectors;
	const u64 first_whole = (sector + kSectorsPerPage - 1) / kSectorsPerPage;
	const u64 end_whole = end / kSectorsPerPage;
	const auto clear = [&](u64 from, u64 to) {
		RcuGuard guard;
		if (Page* page = from < to ? pages_.load(from / kSectorsPerPage) : nullptr)
			zero_page_bytes(*page, u32(from % kSectorsPerPage) * blk::kSectorSize,
					u32(to - from) * blk::kSectorSize);
	};
	if (first_whole > end_whole) {
		clear(sector, end);
		return;
	}
	clear(sector, first_whole * kSectorsPerPage);
	if (first_whole < end_whole)
		pages_.take_range(first_whole, end_whole - 1, [this](Page& page) { retire(page); });
	clear(end_whole * kSectorsPerPage, end);
}

void PageStore::discard_slowly(u64 sector, u64 sectors)
{
	const u64 end = sector + sectors;
	while (sector < end) {
		// What is not there need not be gone through.
		unsigned long index = sector / kSectorsPerPage;
		if (pages_.find(index, (end - 1) / kSectorsPerPage) == nullptr)
			return;
		sector = max(sector, u64(index) * kSectorsPerPage);
		const u64 step = min(end - sector, kSectorsAtOnce);
		discard(sector, step);
		let_others_run();
		sector += step;
	}
}

Result<void> PageStore::reserve(u64 sector, u64 sectors)
{
	if (sectors == 0)
		return {};
	const unsigned long last = (sector + sectors - 1) / kSectorsPerPage;
	for (unsigned long index = sector / kSectorsPerPage; index <= last; ++index) {
		if (pages_.load(index) != nullptr)
			continue;
		PageBox fresh = TRY(PageBox::zeroed(Gfp::NoIo));
		if (TRY(pages_.insert_or_get(index, &*fresh, Gfp::NoIo)) == &*fresh)
			(void)fresh.leak();
	}
	return {};
}

Result<void> PageStore::insert(unsigned long index, PageBox& page)
{
	if (TRY(pages_.insert_or_get(index, &*page, Gfp::NoWait)) != &*page)
		return EEXIST;
	(void)page.leak();
	return {};
}

}  // namespace null_blk
