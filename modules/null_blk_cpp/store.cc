// SPDX-License-Identifier: GPL-2.0
#include "store.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Status;

namespace {

constexpr u32 kSectorsPerPage = kPageSize / blk::kSectorSize;

unsigned long page_index(u64 sector) { return sector / kSectorsPerPage; }
u32 page_offset(u64 sector) { return u32(sector % kSectorsPerPage) * blk::kSectorSize; }

/// The part of `segment` that starts `done` bytes in and lies in one page of the store.
Segment next_part(Segment segment, u32 done, u32 store_offset)
{
	return {
		.page = segment.page,
		.offset = segment.offset + done,
		.length = min(segment.length - done, kPageSize - store_offset),
	};
}

}  // namespace

PageStore::~PageStore()
{
	pages_.take_all([](Page& page) { (void)PageBox::adopt(page); });
}

Status PageStore::transfer(blk::Op op, u64 sector, Segment segment)
{
	switch (op) {
	case blk::Op::Read:
		read(sector, segment);
		flush_dcache(segment.page);
		return Status::Ok;
	case blk::Op::Write:
		flush_dcache(segment.page);
		return write(sector, segment);
	default:
		return Status::NotSupported;
	}
}

void PageStore::read(u64 sector, Segment segment)
{
	for (u32 done = 0; done < segment.length;) {
		const u32 offset = page_offset(sector);
		const Segment part = next_part(segment, done, offset);
		if (Page* page = pages_.load(page_index(sector)))
			copy_page_bytes(part.page, part.offset, *page, offset, part.length);
		else
			zero_page_bytes(part.page, part.offset, part.length);
		done += part.length;
		sector += part.length / blk::kSectorSize;
	}
}

Status PageStore::write(u64 sector, Segment segment)
{
	for (u32 done = 0; done < segment.length;) {
		const u32 offset = page_offset(sector);
		const Segment part = next_part(segment, done, offset);
		Page* page = pages_.load(page_index(sector));
		if (page == nullptr) [[unlikely]] {
			Result<Page*> made = make_page(page_index(sector));
			if (!made.ok())
				return Status::NoSpace;
			page = made.take();
		}
		copy_page_bytes(*page, offset, part.page, part.offset, part.length);
		done += part.length;
		sector += part.length / blk::kSectorSize;
	}
	return Status::Ok;
}

Result<Page*> PageStore::make_page(unsigned long index)
{
	PageBox fresh = TRY(PageBox::zeroed(Gfp::NoIo));
	Page* stored = TRY(pages_.insert_or_get(index, &*fresh, Gfp::NoIo));
	if (stored == &*fresh)
		return fresh.leak();
	return stored;
}

}  // namespace null_blk
