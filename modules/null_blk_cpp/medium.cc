// SPDX-License-Identifier: GPL-2.0
#include "medium.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Op;
using blk::Status;

Medium::Medium(const Config& config, PageStore& store, BadSectors& bad)
	: store_(store),
	  bad_(bad),
	  keeps_data_(config.memory_backed),
	  bad_once_(config.badblocks_once),
	  bad_partial_(config.badblocks_partial_io),
	  block_sectors_(config.blocksize / blk::kSectorSize)
{
}

Result<void> Medium::build(const Config& config)
{
	if (config.cache_size != 0)
		cache_ = TRY(Box<Cache>::make(Gfp::Kernel, store_, u64(config.cache_size) << 20));
	return {};
}

Optional<BadBlocks::Range> Medium::first_bad(const Io& io) const
{
	if (bad_.in_use.load_relaxed() == 0)
		return {};
	return bad_.list.check(io.sector, io.sectors);
}

u32 Medium::sectors_before(const Io& io, const BadBlocks::Range& bad) const
{
	if (!bad_partial_ || bad.first <= io.sector)
		return 0;
	const u32 before = u32(bad.first - io.sector);
	return before - (before % block_sectors_);
}

Access Medium::access(const Io& io, u32 readable)
{
	if (io.op == Op::Flush)
		return {.status = cache_ && !cache_->is_empty() && !io.prepared ? Status::Resource : Status::Ok,
			.sectors = 0};
	const auto bad = first_bad(io);
	const u32 sectors = bad ? sectors_before(io, *bad) : io.sectors;
	if (keeps_data_ && sectors != 0) {
		const Status moved = transfer(io, sectors, readable);
		if (moved != Status::Ok)
			return {.status = moved, .sectors = 0};
	}
	// Only now: what has to be tried again must meet it again.
	if (bad && bad_once_)
		(void)bad_.list.remove(bad->first, bad->count);
	return {.status = bad ? Status::IoError : Status::Ok, .sectors = sectors};
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): both count sectors of the request
Status Medium::transfer(const Io& io, u32 sectors, u32 readable)
{
	switch (io.op) {
	case Op::Read:
	case Op::Write:
	case Op::ZoneAppend:
		break;
	case Op::Discard:
	case Op::WriteZeroes:
		if (sectors > kLongDiscard && !io.prepared)
			return Status::Resource;
		discard(io.sector, sectors);
		return Status::Ok;
	default:
		return Status::NotSupported;
	}
	u64 sector = io.sector;
	for (Segment segment : io.segments) {
		if (segment.length % blk::kSectorSize != 0) [[unlikely]]
			return Status::IoError;
		segment.length = min(segment.length, sectors * blk::kSectorSize);
		const u32 count = segment.length / blk::kSectorSize;
		Status status = Status::Ok;
		if (io.is_write()) {
			status = cache_ ? cache_->write(sector, segment, io.fua) : store_.write(sector, segment);
		} else {
			const u32 written = min(readable, count) * blk::kSectorSize;
			readable -= min(readable, count);
			const Segment part{.page = segment.page, .offset = segment.offset, .length = written};
			if (written != 0)
				status = cache_ ? cache_->read(sector, part) : store_.read(sector, part);
			fill_page_bytes(segment.page, segment.offset + written, segment.length - written, 0xff);
		}
		if (status != Status::Ok)
			return status;
		sector += count;
		sectors -= count;
		if (sectors == 0)
			break;
	}
	return Status::Ok;
}

Result<void> Medium::prepare(const Io& io, u64 sector)
{
	const auto bad = first_bad(io);
	const u32 sectors = bad ? sectors_before(io, *bad) : io.sectors;
	switch (io.op) {
	case Op::Write:
	case Op::ZoneAppend:
		return cache_ ? cache_->reserve(sector, sectors, io.fua) : store_.reserve(sector, sectors);
	case Op::Discard:
	case Op::WriteZeroes:
		if (cache_)
			cache_->discard_slowly(sector, sectors);
		else
			store_.discard_slowly(sector, sectors);
		return {};
	case Op::Flush:
		return flush();
	default:
		return {};
	}
}

void Medium::discard(u64 sector, u64 sectors)
{
	if (!keeps_data_)
		return;
	if (cache_)
		cache_->discard(sector, sectors);
	else
		store_.discard(sector, sectors);
}

}  // namespace null_blk
