// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A request's data as the device finds it: physical region pages (PRP), or where few pieces are long, scatter-gather
/// lists (SGL).
/// Spec: NVMe Base 2.0, 4.1.1 "Physical Region Page Entry and List", 4.1.2 "Scatter Gather List".
///
/// The first page may be used from its middle on; every other piece starts, and all but the last end, at a page. So the
/// list of a request says where each of its pieces is, and nothing else has to be kept to unmap them.

#include <cxxrt/blk.hpp>
#include <cxxrt/dma.hpp>
#include <cxxrt/lock.hpp>
#include <cxxrt/memory.hpp>

#include "regs.hpp"
#include "spec.hpp"
#include "status.hpp"

namespace nvme {

/// How much of a request's data is mapped, and how.
enum class Mapped : u8 {
	None,
	Simple,	  ///< one piece, without memory of its own
	Two,	  ///< more pieces, in two pages
	Short,	  ///< the tag's own list
	Long,	  ///< a chain of pages from the queue's stock
	LongRun,  ///< the same, for one piece
	Ranges,	  ///< one such page, with the ranges of a discard
	Pieces,	  ///< a list of pieces: the tag's own, or in one page of the stock
};

/// A page of a long list, or of ranges; linked with the others of its request or of the stock.
class ListPage : Pinned {
public:
	static constexpr u32 kEntries = kPageSize / sizeof(le64);
	explicit ListPage(dma::OutboundPage&& page) : page_(move(page)) {}
	le64* entries() const { return page_.items<le64>(); }
	DiscardRange* ranges() const { return page_.items<DiscardRange>(); }
	SglDescriptor* pieces() const { return page_.items<SglDescriptor>(); }
	dma::Addr addr() const { return page_.addr(); }
	void publish(u32 bytes) const { page_.publish(0, bytes); }

	ListPage* next = nullptr;

private:
	dma::OutboundPage page_;
};

/// What each tag carries. Only who has the request touches it: queue_rq until the device has it, and who ends it.
struct Command {
	u64 result = 0;			   ///< of the completion; for commands of the driver's own
	const Sqe* passthrough = nullptr;  ///< a command that is ready but for its data; of DriverIn and DriverOut
	dma::Addr first;		   ///< as the command has them, where its PRP entries are
	le64 second;
	dma::Addr metadata;	    ///< where what lies beside the blocks is
	ListPage* pages = nullptr;  ///< of a long list, or of ranges
	Status status;
	u8 retries = 0;
	// What is unusual about it, in one byte, which is looked at for each completion.
	bool aborted : 1 = false;	///< the device has been asked to end it
	bool appends : 1 = false;	///< the device says where it wrote
	bool has_metadata : 1 = false;	///< `metadata` is mapped
	bool delayed = false;		///< on purpose, see Inject
	u16 id = 0;			///< the command's, see Queue::next_id()
	Mapped mapped = Mapped::None;
	u8 flags = 0;  ///< the command's, which say what `first` and `second` are

	/// It has ended well, and at once, and there is nothing else to do for it.
	CXXRT_INLINE bool is_smooth() const
	{
		return status.ok() && (u32(retries) | u32(aborted) | u32(appends) | u32(has_metadata)) == 0;
	}
};

/// What the addresses of lists are multiples of: 256 bytes, which is as long as the short ones are, or 512.
enum class ListsAt : u8 { Every256, Every512 };

using Request = blk::Request<Command>;
using InFlight = blk::InFlight<Command>;

/// Lists of the tags of one queue, and pages for what is longer. No memory is allocated for a request of up to
/// `kShortBytes`, nor for a longer one while the stock lasts.
class DataLists : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// Entries of a tag's own list.
	static constexpr u32 kShortEntries = 32;
	/// Descriptors that fit there, and in a page.
	static constexpr u32 kShortPieces = kShortEntries * sizeof(le64) / sizeof(SglDescriptor);
	static constexpr u32 kLongPieces = kPageSize / sizeof(SglDescriptor);
	/// As many bytes need no more, wherever they begin.
	static constexpr u32 kShortBytes = kShortEntries * regs::kPage;

	/// For `tags` tags, whose requests are of `most_bytes` at most; one such request can always be mapped.
	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Box<DataLists>> create(dma::Device dev, u32 tags, u32 most_bytes, ListsAt at)
		EXCLUDES(atomic_context);
	DataLists(Key, dma::Device dev, ListsAt at)
		: dev_(dev), list_shift_(kShortShift + (at == ListsAt::Every512 ? 1 : 0))
	{
	}
	~DataLists();

	/// Pieces may be described by SGLs from now on, or not. Before there are requests.
	void allow_sgl(bool allowed) { may_sgl_ = allowed; }

	/// Maps what `rq`, which has data, transfers.
	/// Context: process or softirq; never sleeps.   Errors: Resource there is no memory now; IoError the pieces are not
	/// as the queue's limits say.
	CXXRT_INLINE blk::Status map(Request rq, dma::Direction direction)
	{
		Command& cmd = rq.pdu();
		const Segment run = rq.first_run();
		const u32 offset = run.offset % regs::kPage;
		if (run.length == rq.bytes() && offset + run.length <= 2 * regs::kPage) [[likely]] {
			const Result<dma::Addr> addr = dma::map(dev_, run, direction);
			if (!addr.ok()) [[unlikely]]
				return blk::Status::Resource;
			cmd.first = Result<dma::Addr>{addr}.take();
			const u32 in_first = regs::kPage - offset;
			cmd.second = (run.length > in_first ? cmd.first + in_first : dma::Addr{}).wire();
			cmd.mapped = Mapped::Simple;
			cmd.flags = 0;
			return blk::Status::Ok;
		}
		return map_list(rq, direction);
	}
	/// Takes a page with the ranges to discard.   As map(); Resource, if there is no page now.
	blk::Status map_ranges(Request rq, u32 block_shift, u32& count);
	/// Undoes either; nothing if neither was done.   Context: any.
	CXXRT_INLINE void unmap(Request rq)
	{
		Command& cmd = rq.pdu();
		if (cmd.mapped == Mapped::None)
			return;
		if (cmd.mapped == Mapped::Simple) [[likely]]
			dma::unmap(dev_, cmd.first, rq.bytes(), direction_of(rq));
		else
			unmap_list(rq);
		cmd.mapped = Mapped::None;
	}
	dma::Device device() const { return dev_; }
	static dma::Direction direction_of(Request rq)
	{
		return rq.sends_data() ? dma::Direction::ToDevice : dma::Direction::FromDevice;
	}

private:
	static constexpr u32 kShortShift = 8;
	static_assert(kShortEntries * sizeof(le64) == 1u << kShortShift);

	CXXRT_NOINLINE blk::Status map_list(Request rq, dma::Direction direction);
	/// Whether the data is better described by pieces than by pages.
	bool wants_sgl(Request rq) const;
	CXXRT_NOINLINE blk::Status map_pieces(Request rq, dma::Direction direction);
	/// The first `most` pieces.
	CXXRT_NOINLINE void unmap_sgl(Request rq, dma::Direction direction, u32 most);
	/// Where the list of a request that is mapped so is.
	SglDescriptor* pieces_of(const Command& cmd, u32 tag) const;
	CXXRT_NOINLINE void unmap_list(Request rq);
	/// The first `bytes` of a request whose list has them.
	CXXRT_NOINLINE void unmap_pieces(Request rq, u32 bytes, dma::Direction direction);
	/// Finds room for `entries` entries, and links the pages of a long list.
	blk::Status reserve(Command& cmd, u32 tag, u32 entries);
	/// Where the entries of a list go, one after the other: as many as were reserved.
	struct Slots {
		le64* at;
		u32 room;	       // there
		const ListPage* page;  // and then
		/// That many pages, which lie in a row.
		CXXRT_INLINE void put(dma::Addr first, u32 pages);
	};
	Slots slots_of(Command& cmd, u32 tag) const;
	/// Entry `index` of a list that is mapped so.
	le64& entry(const Command& cmd, u32 tag, u32 index) const;
	/// Which page a tag's own list is in, and where in it.
	const dma::OutboundPage& short_page(u32 tag) const { return short_[(tag << list_shift_) / kPageSize]; }
	u32 short_offset(u32 tag) const { return (tag << list_shift_) % kPageSize; }
	le64* short_list(u32 tag) const { return short_page(tag).items<le64>() + (short_offset(tag) / sizeof(le64)); }
	dma::Addr short_addr(u32 tag) const { return short_page(tag).addr() + short_offset(tag); }
	/// What was stored is for the device now.
	void publish(const Command& cmd, u32 tag, u32 entries) const;
	ListPage* take_page();
	void give_back(ListPage* first);

	const dma::Device dev_;
	const u32 list_shift_;	// log2 of the bytes from one tag's list to the next
	bool may_sgl_ = false;
	Array<dma::OutboundPage> short_;
	IrqSpinLock lock_{lock_class<"nvme DataLists::lock_">};
	ListPage* stock_ GUARDED_BY(lock_) = nullptr;
};

}  // namespace nvme
