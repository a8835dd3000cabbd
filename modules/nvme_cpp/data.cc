// SPDX-License-Identifier: GPL-2.0
#include "data.hpp"

#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

constexpr u32 pages_for(u32 entries)
{
	// The last entry of a full page is where the next page is, unless it is the list's last.
	u32 pages = 1;
	while (entries > ListPage::kEntries) {
		entries -= ListPage::kEntries - 1;
		++pages;
	}
	return pages;
}
static_assert(pages_for(1) == 1 && pages_for(512) == 1 && pages_for(513) == 2 && pages_for(511 + 512) == 2 &&
	      pages_for(511 + 513) == 3);

}  // namespace

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): tags and bytes, told apart by their names
CXXRT_COLD Result<Box<DataLists>> DataLists::create(dma::Device dev, u32 tags, u32 most_bytes, ListsAt at)
{
	auto lists = TRY(Box<DataLists>::make_on(dev.node(), Gfp::Kernel, Key{}, dev, at));
	const u32 bytes = tags << lists->list_shift_;
	lists->short_ = TRY(
		Array<dma::OutboundPage>::make(Gfp::Kernel, dev.node(), (bytes + kPageSize - 1) / kPageSize));
	for (dma::OutboundPage& page : lists->short_)
		page = TRY(dma::OutboundPage::alloc(dev, Gfp::Kernel));
	// One page more than its bytes fill, if it starts in the middle of one. At least one, for discards.
	const u32 pages = pages_for((most_bytes / regs::kPage) + 1);
	for (u32 i = 0; i < pages; ++i) {
		auto page = TRY(dma::OutboundPage::alloc(dev, Gfp::Kernel));
		auto made = TRY(Box<ListPage>::make(Gfp::Kernel, move(page)));
		lists->give_back(made.leak());
	}
	return lists;
}

CXXRT_COLD DataLists::~DataLists()
{
	Guard guard{lock_};
	while (ListPage* page = stock_) {
		stock_ = page->next;
		(void)Box<ListPage>::adopt(page);
	}
}

ListPage* DataLists::take_page()
{
	{
		Guard guard{lock_};
		if (ListPage* page = stock_) {
			stock_ = page->next;
			page->next = nullptr;
			return page;
		}
	}
	// The stock grows to what is in use at a time.
	Result<dma::OutboundPage> page = dma::OutboundPage::alloc(dev_, Gfp::NoWait);
	if (!page.ok())
		return nullptr;
	Result<Box<ListPage>> made = Box<ListPage>::make(Gfp::NoWait, page.take());
	return made.ok() ? made.take().leak() : nullptr;
}

void DataLists::give_back(ListPage* first)
{
	if (first == nullptr)
		return;
	ListPage* last = first;
	while (last->next != nullptr)
		last = last->next;
	Guard guard{lock_};
	last->next = stock_;
	stock_ = first;
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as everywhere, the tag comes first
blk::Status DataLists::reserve(Command& cmd, u32 tag, u32 entries)
{
	if (entries <= 1) {
		cmd.mapped = Mapped::Two;
		return blk::Status::Ok;
	}
	if (entries <= kShortEntries) {
		cmd.mapped = Mapped::Short;
		cmd.second = short_addr(tag).wire();
		return blk::Status::Ok;
	}
	ListPage* before = nullptr;
	for (u32 pages = pages_for(entries); pages > 0; --pages) {
		ListPage* page = take_page();
		if (page == nullptr) {
			give_back(exchange(cmd.pages, nullptr));
			return blk::Status::Resource;
		}
		if (before == nullptr) {
			cmd.pages = page;
			cmd.second = page->addr().wire();
		} else {
			before->next = page;
			before->entries()[ListPage::kEntries - 1] = page->addr().wire();
		}
		before = page;
	}
	cmd.mapped = Mapped::Long;
	return blk::Status::Ok;
}

le64& DataLists::entry(const Command& cmd, u32 tag, u32 index) const
{
	if (cmd.mapped == Mapped::Short)
		return short_list(tag)[index];
	ListPage* page = cmd.pages;
	while (page->next != nullptr && index >= ListPage::kEntries - 1) {
		index -= ListPage::kEntries - 1;
		page = page->next;
	}
	return page->entries()[index];
}

DataLists::Slots DataLists::slots_of(Command& cmd, u32 tag) const
{
	if (cmd.mapped == Mapped::Two)
		return {.at = &cmd.second, .room = 1, .page = nullptr};
	if (cmd.mapped == Mapped::Short)
		return {.at = short_list(tag), .room = kShortEntries, .page = nullptr};
	return {.at = nullptr, .room = 0, .page = cmd.pages};
}

CXXRT_INLINE void DataLists::Slots::put(dma::Addr first, u32 pages)
{
	while (pages != 0) {
		if (room == 0) [[unlikely]] {
			at = page->entries();
			room = page->next != nullptr ? ListPage::kEntries - 1 : ListPage::kEntries;
			page = page->next;
		}
		const u32 here = pages < room ? pages : room;
		le64* const end = at + here;
		for (; at != end; first = first + regs::kPage)
			*at++ = first.wire();
		room -= here;
		pages -= here;
	}
}

void DataLists::publish(const Command& cmd, u32 tag, u32 entries) const
{
	if (cmd.mapped == Mapped::Short)
		short_page(tag).publish(short_offset(tag), u32(size_t(entries) * sizeof(le64)));
	for (const ListPage* page = cmd.pages; page != nullptr; page = page->next)
		page->publish(kPageSize);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one walk, which is easier to follow in one piece
blk::Status DataLists::map_list(Request rq, dma::Direction direction)
{
	Command& cmd = rq.pdu();
	if (wants_sgl(rq))
		return map_pieces(rq, direction);
	const u32 tag = rq.tag();
	const u32 bytes = rq.bytes();
	const u32 in_first = regs::kPage - (rq.first_run().offset % regs::kPage);
	const u32 entries = bytes > in_first ? (bytes - in_first + regs::kPage - 1) / regs::kPage : 0;
	cmd.second = {};
	cmd.flags = 0;
	if (const blk::Status status = reserve(cmd, tag, entries); status != blk::Status::Ok)
		return status;
	u32 mapped = 0;
	u32 runs = 0;
	Slots slots = slots_of(cmd, tag);
	for (const Segment run : rq.runs()) {
		const bool is_first = mapped == 0;
		blk::Status status = blk::Status::Ok;
		// The block layer promises both, and the list says nothing without them.
		if (run.length > bytes - mapped || (!is_first && run.offset % regs::kPage != 0) ||
		    (mapped + run.length != bytes && (run.offset + run.length) % regs::kPage != 0))
			status = blk::Status::IoError;
		Result<dma::Addr> addr = status == blk::Status::Ok ? dma::map(dev_, run, direction)
								   : Result<dma::Addr>{EIO};
		if (!addr.ok()) {
			unmap_pieces(rq, mapped, direction);
			give_back(exchange(cmd.pages, nullptr));
			cmd.mapped = Mapped::None;
			return status == blk::Status::Ok ? blk::Status::Resource : status;
		}
		dma::Addr at = addr.take();
		u32 left = run.length;
		if (is_first) {
			cmd.first = at;
			const u32 skip = left < in_first ? left : in_first;
			at = at + skip;
			left -= skip;
		}
		slots.put(at, (left + regs::kPage - 1) / regs::kPage);
		mapped += run.length;
		++runs;
	}
	publish(cmd, tag, entries);
	// One piece is unmapped as one.
	if (runs == 1)
		cmd.mapped = cmd.mapped == Mapped::Long ? Mapped::LongRun : Mapped::Simple;
	return blk::Status::Ok;
}

void DataLists::unmap_pieces(Request rq, u32 bytes, dma::Direction direction)
{
	const Command& cmd = rq.pdu();
	const u32 offset = rq.first_run().offset % regs::kPage;
	u32 done = 0;
	for (const Segment run : rq.runs()) {
		if (done >= bytes)
			break;
		dma::Addr at = cmd.first;
		if (done != 0) {
			const u32 index = ((offset + done) / regs::kPage) - 1;
			at = dma::OutboundPage::stored(cmd.mapped == Mapped::Two ? cmd.second
										 : entry(cmd, rq.tag(), index));
		}
		dma::unmap(dev_, at, run.length, direction);
		done += run.length;
	}
}

void DataLists::unmap_list(Request rq)
{
	Command& cmd = rq.pdu();
	switch (cmd.mapped) {
	case Mapped::Ranges:
		break;
	case Mapped::LongRun:
		dma::unmap(dev_, cmd.first, rq.bytes(), direction_of(rq));
		break;
	case Mapped::Pieces:
		unmap_sgl(rq, direction_of(rq), ~0u);
		break;
	default:
		unmap_pieces(rq, rq.bytes(), direction_of(rq));
		break;
	}
	give_back(exchange(cmd.pages, nullptr));
}

bool DataLists::wants_sgl(Request rq) const
{
	const u32 threshold = params::sgl_threshold();
	if (!may_sgl_ || threshold == 0)
		return false;
	const u32 pieces = rq.piece_count();
	// The average of them; one alone is worth it in any case.
	return pieces <= 1 || (pieces <= kLongPieces && (rq.bytes() + pieces - 1) / pieces >= threshold);
}

SglDescriptor* DataLists::pieces_of(const Command& cmd, u32 tag) const
{
	if (cmd.pages != nullptr)
		return cmd.pages->pieces();
	return short_page(tag).items<SglDescriptor>() + (short_offset(tag) / sizeof(SglDescriptor));
}

void DataLists::unmap_sgl(Request rq, dma::Direction direction, u32 most)
{
	const Command& cmd = rq.pdu();
	const SglDescriptor* pieces = pieces_of(cmd, rq.tag());
	u32 index = 0;
	for (const Segment run : rq.runs()) {
		if (index == most)
			break;
		dma::unmap(dev_, dma::OutboundPage::stored(pieces[index].addr), run.length, direction);
		++index;
	}
}

blk::Status DataLists::map_pieces(Request rq, dma::Direction direction)
{
	Command& cmd = rq.pdu();
	if (const Segment run = rq.first_run(); run.length == rq.bytes()) {
		// The command describes it by itself.
		Result<dma::Addr> addr = dma::map(dev_, run, direction);
		if (!addr.ok())
			return blk::Status::Resource;
		cmd.first = addr.take();
		cmd.second = SglDescriptor::of(run.length, SglDescriptor::Kind::Data);
		cmd.flags = kDataBySgl;
		cmd.mapped = Mapped::Simple;
		return blk::Status::Ok;
	}
	const u32 tag = rq.tag();
	const bool is_long = rq.piece_count() > kShortPieces;
	if (is_long) {
		cmd.pages = take_page();
		if (cmd.pages == nullptr)
			return blk::Status::Resource;
	}
	SglDescriptor* pieces = pieces_of(cmd, tag);
	const u32 most = is_long ? kLongPieces : kShortPieces;
	u32 used = 0;
	blk::Status status = blk::Status::Ok;
	for (const Segment run : rq.runs()) {
		// The block layer counts them as we do.
		if (used == most) {
			status = blk::Status::IoError;
			break;
		}
		Result<dma::Addr> addr = dma::map(dev_, run, direction);
		if (!addr.ok()) {
			status = blk::Status::Resource;
			break;
		}
		pieces[used++] = {.addr = addr.take().wire(),
				  .length_kind = SglDescriptor::of(run.length, SglDescriptor::Kind::Data)};
	}
	if (status != blk::Status::Ok) {
		unmap_sgl(rq, direction, used);
		give_back(exchange(cmd.pages, nullptr));
		return status;
	}
	const u32 bytes = used * u32(sizeof(SglDescriptor));
	cmd.first = is_long ? cmd.pages->addr() : short_addr(tag);
	cmd.second = SglDescriptor::of(bytes, SglDescriptor::Kind::LastSegment);
	cmd.flags = kDataBySgl;
	cmd.mapped = Mapped::Pieces;
	if (is_long)
		cmd.pages->publish(bytes);
	else
		short_page(tag).publish(short_offset(tag), bytes);
	return blk::Status::Ok;
}

blk::Status DataLists::map_ranges(Request rq, u32 block_shift, u32& count)
{
	Command& cmd = rq.pdu();
	const u32 expected = rq.discard_ranges();
	if (expected == 0 || expected > kMostDiscardRanges)
		return blk::Status::IoError;
	ListPage* page = take_page();
	if (page == nullptr)
		return blk::Status::Resource;
	DiscardRange* ranges = page->ranges();
	u32 found = 0;
	rq.for_each_bio([&](u64 sector, u32 bytes) {
		if (found < expected)
			ranges[found] = {.attributes = 0u,
					 .blocks = bytes >> block_shift,
					 .first = sector >> (block_shift - blk::kSectorShift)};
		++found;
	});
	if (found != expected) {
		give_back(page);
		return blk::Status::IoError;
	}
	// Some devices read the whole page, whatever the count says.
	for (u32 i = found; i < kMostDiscardRanges; ++i)
		ranges[i] = {};
	page->publish(kPageSize);
	cmd.pages = page;
	cmd.first = page->addr();
	cmd.second = {};
	cmd.flags = 0;
	cmd.mapped = Mapped::Ranges;
	count = found;
	return blk::Status::Ok;
}

}  // namespace nvme
