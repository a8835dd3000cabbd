// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The block layer: requests and bios as duties, tag sets, disks, and the C tables for a driver
/// that is a class.
/// C side: include/linux/blk-mq.h, include/linux/blkdev.h, include/linux/bio.h, helpers/blk.c.
///
/// A multi-queue driver is a class D of static functions:
///     using Pdu = ...;       what each tag carries; built once per tag, not per request
///     using HwQueue = ...;   what a hardware queue points at
///     using Context = ...;   what the disk points at
///     using Tags = ...;      what the tag set points at
///     Status queue_rq(HwQueue&, Request<Pdu>)           process; sleeps only if the tag set is
///                                                       blocking, else maybe inside an RCU section
///     Result<HwQueue*> init_hctx(Context&, u32 index)   process; sleeps
///     QueueCounts queue_counts(Tags&, u32 total)        process; sleeps
/// and, where it has them:
///     Status queue_rq(HwQueue&, Request<Pdu>, CompletionBatch)   the same, one of several
///     Status queue_polled(HwQueue&, Request<>)          as queue_rq, on a polled hardware queue
///     void queue_polled_plug(HwQueue&, Plug)            the same for several, of which the first is for that queue:
///                                                       those that it leaves come to queue_polled()
///     u32 poll(HwQueue&, CompletionBatch)               process; returns how many it ended
///     void complete(InFlight<Pdu>)                      softirq or hardirq of the submitting CPU
///     TimeoutResult timeout(HwQueue&, Request<>, QueueKind)      process
/// A driver of a device with rings, which has its requests for a while, is a class D of static functions:
///     using Pdu, HwQueue, Context, Tags                 as above
///     Status queue_rq(HwQueue&, Context&, Request<Pdu>, Last)    process; never sleeps
///     void commit_rqs(HwQueue&)                         the last that was announced does not come
///     HwQueue& init_queue(Tags&, u32 index)             process
///     QueueCounts queue_counts(Tags&, u32 total)        process; sleeps
///     void complete(InFlight<Pdu>)                      softirq or hardirq
///     TimeoutResult timeout(HwQueue&, Request<Pdu>, QueueKind)   process
/// and, where it has them:
///     Status prepare(HwQueue&, Context&, Request<Pdu>, RequestFifo&)   as queue_rq, one of several: it starts
///                                                       the request and puts it there, or refuses it
///     void submit(HwQueue&, RequestFifo&)               all of them, to the device
///     u32 poll(HwQueue&, CompletionBatch)               process; returns how many it ended
///     bool takes_one_by_one(const Context&)             process; such a disk's requests all come to queue_rq()
///     QueueVectors queue_vectors(Tags&)                 process; the interrupts of its queues
/// A bio driver has `using Context` and `void submit_bio(Context&, Bio)`: process; may sleep.
/// A Context whose disks may be zoned has
///     u32 report_zones(u64 sector, ZoneRequest, ZoneBatch&)      process; not after ~Disk();
///                                                       those from `sector` on that were not told yet
/// or, where a device has to be asked for them,
///     Result<u32> read_zones(u64 sector, Array<ZoneInfo>& zones)   process; sleeps; not after ~Disk(), which waits
/// One whose disks have ioctls of their own has
///     Gate& disk_gate()                                 open while there may be such; closed before the Context goes
///     Result<long> disk_ioctl(Gate::Entry&, OpenDisk, u32 command, UserAddress)   process; sleeps
/// and one that is asked for its geometry `static constexpr HeadsAndSectors kHeads`.

#include <cxxrt/device.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/gate.hpp>
#include <cxxrt/log.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/page.hpp>
#include <cxxrt/user.hpp>

namespace cxxrt::blk {

/// How a request ends, or why the driver refuses it. C side: BLK_STS_*, linux/blk_types.h.
enum class Status : u8 {
	Ok = raw::BLK_STS_OK,
	NotSupported = raw::BLK_STS_NOTSUPP,			 ///< EOPNOTSUPP
	Timeout = raw::BLK_STS_TIMEOUT,				 ///< ETIMEDOUT
	NoSpace = raw::BLK_STS_NOSPC,				 ///< ENOSPC
	IoError = raw::BLK_STS_IOERR,				 ///< EIO
	Resource = raw::BLK_STS_RESOURCE,			 ///< refused: try again soon
	DevResource = raw::BLK_STS_DEV_RESOURCE,		 ///< refused: try again when the device has room
	ZoneOpenResource = raw::BLK_STS_ZONE_OPEN_RESOURCE,	 ///< ETOOMANYREFS
	ZoneActiveResource = raw::BLK_STS_ZONE_ACTIVE_RESOURCE,	 ///< EOVERFLOW
	Target = raw::BLK_STS_TARGET,				 ///< EREMOTEIO: the device cannot, and will not
	Transport = raw::BLK_STS_TRANSPORT,			 ///< ENOLINK: the device was not reached
	Medium = raw::BLK_STS_MEDIUM,				 ///< ENODATA
	Protection = raw::BLK_STS_PROTECTION,			 ///< EILSEQ
	Reservation = raw::BLK_STS_RESERVATION,			 ///< EBADE: another has reserved it
	Invalid = raw::BLK_STS_INVAL,				 ///< EINVAL; 6.1: EIO
};

// NOLINTNEXTLINE(performance-enum-size): as wide as in the kernel, so that nothing is converted for each request
enum class Op : u32 {
	Read = raw::REQ_OP_READ,
	Write = raw::REQ_OP_WRITE,
	Flush = raw::REQ_OP_FLUSH,
	Discard = raw::REQ_OP_DISCARD,
	WriteZeroes = raw::REQ_OP_WRITE_ZEROES,
	ZoneOpen = raw::REQ_OP_ZONE_OPEN,
	ZoneClose = raw::REQ_OP_ZONE_CLOSE,
	ZoneFinish = raw::REQ_OP_ZONE_FINISH,
	ZoneAppend = raw::REQ_OP_ZONE_APPEND,
	ZoneReset = raw::REQ_OP_ZONE_RESET,
	ZoneResetAll = raw::REQ_OP_ZONE_RESET_ALL,
	DriverIn =
		raw::REQ_OP_DRV_IN,  ///< a command of the driver's own, or of user space, that reads or moves nothing
	DriverOut = raw::REQ_OP_DRV_OUT,  ///< and one that writes
};

inline constexpr u32 kSectorShift = u32(raw::SECTOR_SHIFT);
inline constexpr u32 kSectorSize = 1u << kSectorShift;

enum class QueueKind : u8 { Default, Polled };

/// The data of a request or bio, a piece of a page at a time, in order:
///     for (Segment piece : request.segments())
/// Borrowed from the request.   Context: any.
class Segments {
public:
	/// For a chain of bios, or for the one alone.
	static Segments of_chain(const raw::bio* bio) { return Segments{bio, true}; }
	static Segments of_one(const raw::bio* bio) { return Segments{bio, false}; }

	struct End {};
	class Iterator {
	public:
		CXXRT_INLINE Iterator(const raw::bio* bio, bool chain) : bio_(bio), chain_(chain)
		{
			if (bio_ != nullptr)
				iter_ = bio_->bi_iter;
			skip_empty();
		}
		/// Once before each ++, which goes on by as much as this has found.
		CXXRT_INLINE Segment operator*()
		{
			const raw::bio_vec piece = raw::cxxrt_bio_iter_iovec(bio_, iter_);
			length_ = piece.bv_len;
			return {.page = Page::unsafe_from(piece.bv_page),
				.offset = piece.bv_offset,
				.length = piece.bv_len};
		}
		CXXRT_INLINE Iterator& operator++()
		{
			raw::cxxrt_bio_advance_iter(bio_, &iter_, length_);
			skip_empty();
			return *this;
		}
		CXXRT_INLINE bool operator!=(End) const { return bio_ != nullptr; }

	private:
		/// At the end of a bio, goes on with the next that has data.
		CXXRT_INLINE void skip_empty()
		{
			while (bio_ != nullptr && iter_.bi_size == 0) {
				bio_ = chain_ ? bio_->bi_next : nullptr;
				if (bio_ != nullptr)
					iter_ = bio_->bi_iter;
			}
		}
		const raw::bio* bio_;
		raw::bvec_iter iter_{};
		u32 length_ = 0;
		bool chain_;
	};
	CXXRT_INLINE Iterator begin() const { return {first_, chain_}; }
	CXXRT_INLINE End end() const { return {}; }

private:
	Segments(const raw::bio* first, bool chain) : first_(first), chain_(chain) {}
	const raw::bio* first_;
	bool chain_;
};

/// The data of a request for devices, which see addresses and not pages: in order, one Segment for all that lies in a row
/// in memory, however many pieces and bios it came in. Its offset and length may be more than a page here. A queue's
/// virt_boundary_mask is about these, and not about pieces.
/// Borrowed from the request.   Context: any.
class Runs {
public:
	explicit Runs(const raw::bio* bio) : first_(bio) {}

	struct End {};
	class Iterator {
	public:
		CXXRT_INLINE explicit Iterator(const raw::bio* bio)
		{
			enter(bio);
			take();
		}
		CXXRT_INLINE Segment operator*() const
		{
			return {.page = Page::unsafe_from(run_.bv_page),
				.offset = run_.bv_offset,
				.length = run_.bv_len};
		}
		CXXRT_INLINE Iterator& operator++()
		{
			take();
			return *this;
		}
		CXXRT_INLINE bool operator!=(End) const { return run_.bv_len != 0; }

	private:
		/// The first bio from `bio` on that has data; `left_` is 0 if there is none.
		CXXRT_INLINE void enter(const raw::bio* bio)
		{
			while (bio != nullptr && bio->bi_iter.bi_size == 0) [[unlikely]]
				bio = bio->bi_next;
			left_ = 0;
			if (bio == nullptr)
				return;
			bio_ = bio;
			left_ = bio->bi_iter.bi_size;
			skip_ = bio->bi_iter.bi_bvec_done;
			at_ = bio->bi_io_vec + bio->bi_iter.bi_idx;
		}
		/// The next run, and what follows it in memory; of length 0 at the end. A piece ends with its bio, or before.
		CXXRT_INLINE void take()
		{
			run_.bv_len = 0;
			u64 end = 0;
			while (left_ != 0) {
				const u32 rest = at_->bv_len - skip_;
				const u32 length = rest < left_ ? rest : left_;
				const u64 begin = raw::cxxrt_page_to_phys(at_->bv_page) + at_->bv_offset + skip_;
				if (run_.bv_len == 0)
					run_ = {.bv_page = at_->bv_page,
						.bv_len = 0,
						.bv_offset = at_->bv_offset + skip_};
				else if (begin != end)
					return;
				end = begin + length;
				run_.bv_len += length;
				left_ -= length;
				skip_ = 0;
				++at_;
				if (left_ == 0)
					enter(bio_->bi_next);
			}
		}
		const raw::bio* bio_ = nullptr;	    // what comes after run_ is in it,
		const raw::bio_vec* at_ = nullptr;  // here,
		u32 skip_ = 0;			    // after so many bytes,
		u32 left_ = 0;			    // and is so long
		raw::bio_vec run_{};
	};
	CXXRT_INLINE Iterator begin() const { return Iterator{first_}; }
	CXXRT_INLINE End end() const { return {}; }

private:
	const raw::bio* first_;
};

/// What a request or bio asks for, read once: for code that serves both, away from the fast path.
struct Io {
	Op op;
	bool fua;
	u32 sectors;  ///< 512 bytes each
	u64 sector;   ///< first; an append leaves where it wrote
	Segments segments;

	bool is_write() const { return op == Op::Write || op == Op::ZoneAppend; }
};

namespace detail {
struct NoPdu {};
template <class Pdu> inline constexpr u32 kPduSize = sizeof(Pdu);
template <> inline constexpr u32 kPduSize<NoPdu> = 0;
}  // namespace detail

/// For drivers whose tags carry nothing.
using NoPdu = detail::NoPdu;

template <class Pdu = NoPdu> class InFlight;
class RequestList;
class RequestFifo;
class CompletionBatch;

/// A request the driver has been offered, or is asked about: borrowed, one pointer.
template <class Pdu = NoPdu> class Request {
public:
	explicit Request(raw::request* rq) : rq_(rq) {}
	/// The request that carries `pdu`.
	static Request of(Pdu& pdu) { return Request{raw::cxxrt_blk_mq_rq_from_pdu(&pdu)}; }
	raw::request* unsafe_raw() const { return rq_; }

	Op op() const { return Op(raw::cxxrt_req_op(rq_)); }
	/// First sector.   Units: 512-byte sectors.
	u64 sector() const { return raw::cxxrt_blk_rq_pos(rq_); }
	u32 bytes() const { return raw::cxxrt_blk_rq_bytes(rq_); }
	/// All of it.
	Io io() const
	{
		return {.op = op(),
			.fua = is_fua(),
			.sectors = bytes() >> kSectorShift,
			.sector = sector(),
			.segments = segments()};
	}
	/// Where an append wrote, for whoever sent it.
	void set_sector(u64 sector) const { raw::cxxrt_blk_rq_set_sector(rq_, sector); }
	bool is_fua() const { return raw::cxxrt_blk_rq_is_fua(rq_); }
	Pdu& pdu() const { return *static_cast<Pdu*>(raw::cxxrt_blk_mq_rq_to_pdu(rq_)); }
	/// True from start() until someone begins to end it.   Locks: the caller's, shared with whoever
	/// starts and ends it.
	bool is_in_flight() const { return raw::cxxrt_blk_mq_request_in_flight(rq_); }
	/// For messages only.
	const void* id() const { return rq_; }
	/// The same request for code that serves every kind of tag.
	Request<NoPdu> without_pdu() const { return Request<NoPdu>{rq_}; }

	Segments segments() const { return Segments::of_chain(rq_->bio); }
	/// Its hardware queue, for a driver whose queues are of type HwQueue.
	template <class HwQueue> HwQueue& hw_queue() const { return *static_cast<HwQueue*>(rq_->mq_hctx->driver_data); }
	/// What its request queue points at: the disk's, for a driver whose disks are of type Context.
	template <class Context> Context& context() const { return *static_cast<Context*>(rq_->q->queuedata); }
	/// Which of its hardware queue's tags it has.
	u32 tag() const { return raw::cxxrt_rq_tag(rq_); }
	/// Nobody waits for it yet.
	bool is_readahead() const { return (flags() & u32(raw::REQ_RAHEAD)) != 0; }
	/// Who sent it would rather have an error soon than have the device try hard.
	bool wants_quick_error() const { return (flags() & u32(raw::REQ_RAHEAD | raw::REQ_FAILFAST_DEV)) != 0; }
	/// One of them, in one look, for paths that have all of it in the usual case.
	bool is_plain() const { return (flags() & u32(raw::REQ_RAHEAD | raw::REQ_FAILFAST_DEV | raw::REQ_FUA)) == 0; }
	/// Its data is written whole or not at all.
	bool is_atomic() const { return (flags() & u32(raw::REQ_ATOMIC)) != 0; }
	/// What it writes zeroes to is to stay allocated.
	bool keeps_allocation() const { return (flags() & u32(raw::REQ_NOUNMAP)) != 0; }
	/// It has integrity data of its own, in one piece.
	bool has_integrity() const { return (flags() & u32(raw::REQ_INTEGRITY)) != 0; }
	/// Only if it has; its length may be more than a page.
	Segment integrity() const
	{
		const raw::bio_vec vec = raw::cxxrt_rq_integrity_vec(rq_);
		return {.page = Page::unsafe_from(vec.bv_page), .offset = vec.bv_offset, .length = vec.bv_len};
	}
	/// It must not be tried again after an error.
	bool is_once_only() const { return raw::cxxrt_blk_noretry_request(rq_); }
	/// Nobody wants to read of it if it fails.
	bool is_quiet() const { return raw::cxxrt_rq_is_quiet(rq_); }
	/// It carries a command, and not an operation on sectors.
	bool is_passthrough() const { return raw::cxxrt_blk_rq_is_passthrough(rq_); }
	/// Its data, if any, goes to the device, and does not come from it.
	bool sends_data() const { return raw::cxxrt_rq_is_write(rq_); }
	/// How many runs() there are.   Only for a request that has data.
	u32 piece_count() const { return raw::cxxrt_blk_rq_nr_phys_segments(rq_); }
	/// Its data for a device.
	Runs runs() const { return Runs{rq_->bio}; }
	/// The first piece of the first of them; all of it, where it is as long as the request.   Only for a request that has
	/// data.
	CXXRT_INLINE Segment first_run() const
	{
		const raw::bio_vec run = raw::cxxrt_mp_bvec_iter_bvec(rq_->bio, rq_->bio->bi_iter);
		return {.page = Page::unsafe_from(run.bv_page), .offset = run.bv_offset, .length = run.bv_len};
	}
	/// How many ranges there are to discard.
	u32 discard_ranges() const { return raw::cxxrt_blk_rq_nr_discard_segments(rq_); }
	/// Calls `f(sector, bytes)` for each bio of it: for Op::Discard, whose bios need not be next to each other.
	template <class F> void for_each_bio(F&& f) const
	{
		for (const raw::bio* bio = rq_->bio; bio != nullptr; bio = bio->bi_next)
			f(u64(bio->bi_iter.bi_sector), u32(bio->bi_iter.bi_size));
	}

	/// Gives it back, to be offered again soon: instead of start(), and of a refusal.
	/// Context: queue_rq only.
	void requeue() const { raw::blk_mq_requeue_request(rq_, true); }
	/// Takes the request: from here the driver ends it exactly once, and no longer refuses it.
	/// Arms the timeout.   Context: queue_rq only.
	[[nodiscard]] CXXRT_INLINE InFlight<Pdu> start() const
	{
		raw::blk_mq_start_request(rq_);
		return InFlight<Pdu>{*this};
	}

private:
	template <class P> friend class InFlight;
	template <class P> friend class OwnRequest;
	friend class RequestList;
	friend class RequestFifo;
	u32 flags() const { return raw::cxxrt_rq_flags(rq_); }
	raw::request* rq_;
};

/// The duty to end a started request, exactly once: end() or complete() it, park it under its tag
/// while the device has it, or put it in a RequestList. Dropped, it ends with an I/O error and
/// warns.   Context: any.
template <class Pdu> class [[nodiscard("end it, complete it or park it")]] CONSUMABLE InFlight {
public:
	RETURNS_UNCONSUMED explicit InFlight(Request<Pdu> request) : rq_(request.rq_) {}
	InFlight(InFlight&& other) : rq_(exchange(other.rq_, nullptr)) {}
	InFlight& operator=(InFlight&&) = delete;
	CXXRT_INLINE ~InFlight()
	{
		if (rq_ != nullptr) [[unlikely]]
			dropped(rq_);
	}

	/// What it asks for.
	CALLABLE_UNLESS_CONSUMED Request<Pdu> request() const { return Request<Pdu>{rq_}; }

	/// Ends it here and now.
	CALLABLE_UNCONSUMED CONSUMES CXXRT_INLINE void end(Status status) &&
	{
		raw::blk_mq_end_request(exchange(rq_, nullptr), u8(status));
	}
	/// Has D::complete() end it on the CPU that submitted it, or nearby.
	CALLABLE_UNCONSUMED CONSUMES CXXRT_INLINE void complete() &&
	{
		raw::blk_mq_complete_request(exchange(rq_, nullptr));
	}
	/// Begins its end. Has D::complete() end it where another CPU is to; else calls `here(InFlight)`, which does.
	template <class F> CALLABLE_UNCONSUMED CONSUMES CXXRT_INLINE void complete_or(F&& here) &&
	{
		raw::request* rq = exchange(rq_, nullptr);
		if (!raw::blk_mq_complete_request_remote(rq))
			here(InFlight{Request<Pdu>{rq}});
	}
	/// Has it offered again, soon: instead of its end.   Context: any.
	CALLABLE_UNCONSUMED CONSUMES void requeue() && { raw::blk_mq_requeue_request(exchange(rq_, nullptr), true); }
	/// As requeue(), but not before `ms` milliseconds have passed, if nothing else is to be offered again earlier.
	CALLABLE_UNCONSUMED CONSUMES void requeue_after(u32 ms) &&
	{
		raw::cxxrt_blk_mq_requeue_request_after(exchange(rq_, nullptr), ms);
	}
	/// Leaves it with the device, under its tag; unpark() takes it up again. The caller arms
	/// whatever will do so after this, through the Pdu it gets.
	CALLABLE_UNCONSUMED CONSUMES CXXRT_INLINE Pdu& park() && { return Request<Pdu>{exchange(rq_, nullptr)}.pdu(); }
	/// The same duty for code that serves every kind of tag.
	CALLABLE_UNCONSUMED CONSUMES CXXRT_INLINE InFlight<NoPdu> without_pdu() &&
	{
		return InFlight<NoPdu>{Request<NoPdu>{exchange(rq_, nullptr)}};
	}
	/// The request parked under `pdu`'s tag, once per park().
	RETURNS_UNCONSUMED static InFlight unpark(Pdu& pdu)
	{
		return InFlight{Request<Pdu>{raw::cxxrt_blk_mq_rq_from_pdu(&pdu)}};
	}

private:
	friend class RequestList;
	friend class RequestFifo;
	friend class CompletionBatch;
	CXXRT_COLD static void dropped(raw::request* rq)
	{
		log::error<"request %p was dropped: ended with an I/O error">(static_cast<void*>(rq));
		raw::cxxrt_warn_on(true);
		raw::blk_mq_end_request(rq, u8(Status::IoError));
	}

	raw::request* rq_;
};

/// Requests that ended together: their tags are freed and the clock read once.
class CompletionBatch {
public:
	explicit CompletionBatch(raw::io_comp_batch* batch) : batch_(batch) {}
	/// Ends `rq`, with the batch where its kind and status allow it.
	template <class Pdu> void end(InFlight<Pdu>&& rq TAKES_UNCONSUMED, Status status)
	{
		raw::request* request = exchange(rq.rq_, nullptr);
		if (!raw::cxxrt_blk_mq_add_to_batch(request, batch_, status != Status::Ok))
			raw::blk_mq_end_request(request, u8(status));
	}

private:
	raw::io_comp_batch* batch_;
};

/// A batch of one's own, ended with its scope.   Context: any.
class EndingBatch : Pinned {
public:
	EndingBatch() = default;
	CXXRT_INLINE ~EndingBatch()
	{
		if (batch_.complete != nullptr)
			raw::blk_mq_end_request_batch(&batch_);
	}
	CXXRT_INLINE CompletionBatch batch() { return CompletionBatch{&batch_}; }

private:
	raw::io_comp_batch batch_{};
};

/// Started requests in order, linked through themselves by one pointer each. It owns them.
/// Locks: the caller's. Only for requests that do not time out while they are in it.
class RequestFifo : Pinned {
public:
	RequestFifo() = default;
	~RequestFifo() { raw::cxxrt_warn_on(!is_empty()); }

	bool is_empty() const { return first_ == nullptr; }
	/// True if it is the only one now.
	template <class Pdu> CXXRT_INLINE bool push_back(InFlight<Pdu>&& rq TAKES_UNCONSUMED)
	{
		raw::request* added = exchange(rq.rq_, nullptr);
		added->rq_next = nullptr;
		raw::request* before = exchange(last_, added);
		if (first_ == nullptr) {
			first_ = added;
			return true;
		}
		before->rq_next = added;
		return false;
	}
	/// Moves those in front of the first that `f(Request<Pdu>)` is false for to `to`, which is empty. They were pushed with
	/// the same Pdu.
	template <class Pdu, class F> CXXRT_INLINE void take_while(RequestFifo& to, F&& f)
	{
		raw::request* taken = nullptr;
		raw::request* next = first_;
		while (next != nullptr && f(Request<Pdu>{next}))
			next = (taken = next)->rq_next;
		if (taken == nullptr) [[unlikely]]
			return;
		taken->rq_next = nullptr;
		to.first_ = exchange(first_, next);
		to.last_ = taken;
	}
	/// The first, which stays. Only when not empty; of those that were pushed with the same Pdu.
	template <class Pdu> CXXRT_INLINE Request<Pdu> front() const { return Request<Pdu>{first_}; }
	/// Ends all of them well, of which there is at least one, and several as a batch.
	CXXRT_INLINE void end_all()
	{
		raw::request* ending = exchange(first_, nullptr);
		if (ending->rq_next == nullptr)
			raw::blk_mq_end_request(ending, u8(Status::Ok));
		else
			end_as_batch(ending);
	}
	/// Takes all of them, of which there is at least one: calls `f(InFlight<Pdu>)` for one after the other. They were
	/// pushed with the same Pdu.
	template <class Pdu, class F> CXXRT_INLINE void take_all(F&& f)
	{
		raw::request* taken = exchange(first_, nullptr);
		do {
			// Once the device has it, it may end at any time.
			raw::request* next = taken->rq_next;
			f(InFlight<Pdu>{Request<Pdu>{taken}});
			taken = next;
		} while (taken != nullptr);
	}

private:
	CXXRT_NOINLINE static void end_as_batch(raw::request* rq)
	{
		EndingBatch ending;
		CompletionBatch batch = ending.batch();
		do {
			raw::request* next = rq->rq_next;
			batch.end(InFlight<NoPdu>{Request<NoPdu>{rq}}, Status::Ok);
			rq = next;
		} while (rq != nullptr);
	}

	raw::request* first_ = nullptr;
	raw::request* last_ = nullptr;
};

/// The request that is in a list by `node`.
inline raw::request& request_of(raw::list_head& node) { return owner_of<&raw::request::queuelist>(node); }

/// Started requests that nobody else finds any more, in order, linked through themselves. It owns them.
class RequestChain {
public:
	RequestChain(RequestChain&& other) : first_(exchange(other.first_, nullptr)) {}
	RequestChain& operator=(RequestChain&&) = delete;
	~RequestChain() { raw::cxxrt_warn_on(!is_empty()); }

	bool is_empty() const { return first_ == nullptr; }
	/// Only when not empty.
	CXXRT_INLINE InFlight<NoPdu> pop_front()
	{
		raw::request& first = request_of(*first_);
		first_ = first_->next;
		return InFlight<NoPdu>{Request<NoPdu>{&first}};
	}

private:
	friend class RequestList;
	explicit RequestChain(raw::list_head* first) : first_(first) {}

	raw::list_head* first_;
};

/// Started requests waiting in order, linked through themselves. It owns them.
/// Locks: the caller's.
class RequestList : Pinned {
public:
	RequestList() { head_.next = head_.prev = &head_; }
	~RequestList() { raw::cxxrt_warn_on(!is_empty()); }

	bool is_empty() const { return head_.next == &head_; }
	void push_back(InFlight<NoPdu>&& rq TAKES_UNCONSUMED)
	{
		raw::cxxrt_list_add_tail(&exchange(rq.rq_, nullptr)->queuelist, &head_);
	}
	/// Only when not empty.
	InFlight<NoPdu> pop_front()
	{
		raw::request* first = &request_of(*head_.next);
		raw::cxxrt_list_del_init(&first->queuelist);
		return InFlight<NoPdu>{Request<NoPdu>{first}};
	}
	/// True if the request is in this list, which is searched.
	bool contains(Request<NoPdu> rq) const
	{
		for (const raw::list_head* at = head_.next; at != &head_; at = at->next) {
			if (at == &rq.rq_->queuelist)
				return true;
		}
		return false;
	}
	/// Takes one out by its identity. Only for a request in this list.
	InFlight<NoPdu> remove(Request<NoPdu> rq)
	{
		raw::cxxrt_list_del_init(&rq.rq_->queuelist);
		return InFlight<NoPdu>{rq};
	}
	/// Moves everything to the end of `to`.
	void splice_to(RequestList& to) { raw::cxxrt_list_splice_tail_init(&head_, &to.head_); }
	/// Takes everything, so that the timeout leaves it alone: none is_in_flight() any more.
	[[nodiscard("it has them")]] CXXRT_INLINE RequestChain begin_completion()
	{
		raw::list_head* first = head_.next;
		if (first == &head_)
			return RequestChain{nullptr};
		for (raw::list_head* at = first; at != &head_; at = at->next)
			raw::cxxrt_blk_mq_set_request_complete(&request_of(*at));
		head_.prev->next = nullptr;
		head_.next = head_.prev = &head_;
		return RequestChain{first};
	}

private:
	raw::list_head head_;
};

/// Requests that come together, in order: borrowed. Those that are not taken are left to the block layer.
class Plug {
public:
	explicit Plug(raw::cxxrt_rq_list* list) : list_(list) {}
	/// True if there is one more, and it is for `queue`.
	template <class HwQueue> bool has_for(const HwQueue& queue) const
	{
		raw::request* next = raw::cxxrt_rq_list_peek(list_);
		return next != nullptr && &Request<NoPdu>{next}.hw_queue<HwQueue>() == &queue;
	}
	/// The next one, which is the caller's to start. Only when there is one.
	CXXRT_INLINE Request<NoPdu> take()
	{
		raw::request* rq = raw::cxxrt_rq_list_pop(list_);
		raw::cxxrt_blk_mq_publish_tag(rq);
		return Request<NoPdu>{rq};
	}

private:
	raw::cxxrt_rq_list* list_;
};

/// What a bio asks for: borrowed, one pointer.
class BioView {
public:
	explicit BioView(raw::bio* bio) : bio_(bio) {}
	Op op() const { return Op(raw::cxxrt_bio_op(bio_)); }
	/// Units: 512-byte sectors.
	u64 sector() const { return raw::cxxrt_bio_sector(bio_); }
	Segments segments() const { return Segments::of_one(bio_); }
	u32 bytes() const { return raw::cxxrt_bio_bytes(bio_); }
	/// Where an append wrote, for whoever sent it.
	void set_sector(u64 sector) const { raw::cxxrt_bio_set_sector(bio_, sector); }
	/// What was written before is to be safe first.
	bool is_preflush() const { return raw::cxxrt_bio_is_preflush(bio_); }
	/// All of it.
	Io io() const
	{
		return {.op = op(),
			.fua = raw::cxxrt_bio_is_fua(bio_),
			.sectors = bytes() >> kSectorShift,
			.sector = sector(),
			.segments = segments()};
	}

private:
	raw::bio* bio_;
};

/// The duty to end a bio, exactly once. Dropped, it ends with an I/O error and warns.
class [[nodiscard("end it")]] CONSUMABLE Bio {
public:
	RETURNS_UNCONSUMED explicit Bio(raw::bio* bio) : bio_(bio) {}
	Bio(Bio&& other) : bio_(exchange(other.bio_, nullptr)) {}
	Bio& operator=(Bio&& other)
	{
		swap(bio_, other.bio_);
		return *this;
	}
	~Bio()
	{
		if (bio_ != nullptr) [[unlikely]]
			dropped(bio_);
	}

	/// What it asks for.
	CALLABLE_UNLESS_CONSUMED BioView view() const { return BioView{bio_}; }
	/// Keeps the part that the queue's limits allow, and sends the rest again; false if nothing is left to
	/// do. For drivers that limits matter to: nobody else splits bios.   Context: process; sleeps.
	[[nodiscard]] CALLABLE_UNLESS_CONSUMED bool split_to_limits()
	{
		bio_ = raw::bio_split_to_limits(bio_);
		return bio_ != nullptr;
	}
	/// Context: any.
	CALLABLE_UNCONSUMED CONSUMES void end(Status status) && { end(exchange(bio_, nullptr), status); }
	/// Hands the duty to whoever keeps the handle.
	class Parked {
	public:
		Parked() = default;
		explicit operator bool() const { return bio_ != nullptr; }

	private:
		friend Bio;
		raw::bio* bio_ = nullptr;
	};
	CALLABLE_UNCONSUMED CONSUMES void park(Parked& place) && { place.bio_ = exchange(bio_, nullptr); }
	RETURNS_UNCONSUMED static Bio unpark(Parked& place) { return Bio{exchange(place.bio_, nullptr)}; }

private:
	static void end(raw::bio* bio, Status status)
	{
		// Success does not overwrite the error of a bio that was chained to this one.
		if (status != Status::Ok)
			raw::cxxrt_bio_set_status(bio, u8(status));
		raw::bio_endio(bio);
	}
	CXXRT_COLD static void dropped(raw::bio* bio)
	{
		log::error<"a bio was dropped: ended with an I/O error">();
		raw::cxxrt_warn_on(true);
		end(bio, Status::IoError);
	}

	raw::bio* bio_;
};

/// How many of a tag set's hardware queues serve which kind of request.
struct QueueCounts {
	u32 submit = 1;	 ///< what no other kind is for
	u32 poll = 0;
	u32 read = 0;  ///< reads alone; these come after `submit`, and `poll` last

	u32 total() const { return submit + read + poll; }
	friend bool operator==(const QueueCounts&, const QueueCounts&) = default;
};

class QueueVectors;
namespace detail {
void map_queues(raw::blk_mq_tag_set* set, QueueCounts counts, QueueVectors vectors);
}  // namespace detail

/// The interrupt vectors of a tag set's hardware queues that are not polled, in order: what they are spread over says
/// which queue serves which CPU. Given out by pci::Vectors.
class QueueVectors {
public:
	/// None: queues are spread over the CPUs evenly.
	constexpr QueueVectors() = default;
	QueueVectors(raw::pci_dev* dev, u32 first) : dev_(dev), first_(first) {}

private:
	friend void detail::map_queues(raw::blk_mq_tag_set* set, QueueCounts counts, QueueVectors vectors);
	raw::pci_dev* dev_ = nullptr;
	u32 first_ = 0;
};

/// Whether more requests follow at once: then the device is told of all of them with the last.
enum class Last : u8 { No, Yes };

/// The requests of one hardware queue by their tags.   Context: any.
class TagTable {
public:
	constexpr TagTable() = default;
	/// Calls `f(Request<Pdu>)`, which returns a bool, with the request that has, or last had, `tag`, which may be any
	/// number; false if there is none. `f` finds out whether the device has it.
	template <class Pdu, class F> CXXRT_INLINE bool find(u32 tag, F&& f) const
	{
		raw::request* rq = raw::cxxrt_blk_mq_tag_to_rq(tags_, tag);
		return rq != nullptr && f(Request<Pdu>{rq});
	}

private:
	friend class TagSet;
	constexpr explicit TagTable(raw::blk_mq_tags* tags) : tags_(tags) {}
	raw::blk_mq_tags* tags_ = nullptr;
};

enum class TimeoutResult : u8 {
	Done = raw::BLK_EH_DONE,	    ///< the driver has ended it, or is about to
	Restart = raw::BLK_EH_RESET_TIMER,  ///< wait once more
};

template <class D> concept MqDriver = requires(typename D::HwQueue& queue, typename D::Context& context,
					       typename D::Tags& tags, Request<typename D::Pdu> rq, u32 index) {
	{ D::queue_rq(queue, rq) } -> same_as<Status>;
	{ D::init_hctx(context, index) } -> same_as<Result<typename D::HwQueue*>>;
	{ D::queue_counts(tags, index) } -> same_as<QueueCounts>;
};

template <class D> concept DeviceDriver = requires(typename D::HwQueue& queue, typename D::Context& context,
						   typename D::Tags& tags, Request<typename D::Pdu> rq, QueueKind kind,
						   u32 index) {
	{ D::queue_rq(queue, context, rq, Last::Yes) } -> same_as<Status>;
	{ D::commit_rqs(queue) } -> same_as<void>;
	{ D::init_queue(tags, index) } -> same_as<typename D::HwQueue&>;
	{ D::queue_counts(tags, index) } -> same_as<QueueCounts>;
	{ D::timeout(queue, rq, kind) } -> same_as<TimeoutResult>;
};

template <class D> concept BioDriver = requires(typename D::Context& context, Bio bio) {
	{ D::submit_bio(context, move(bio)) } -> same_as<void>;
};

/// What state a zone is in. C side: enum blk_zone_cond, uapi/linux/blkzoned.h.
enum class ZoneCondition : u8 {
	NotWritePointer = raw::BLK_ZONE_COND_NOT_WP,
	Empty = raw::BLK_ZONE_COND_EMPTY,
	ImplicitlyOpen = raw::BLK_ZONE_COND_IMP_OPEN,
	ExplicitlyOpen = raw::BLK_ZONE_COND_EXP_OPEN,
	Closed = raw::BLK_ZONE_COND_CLOSED,
	ReadOnly = raw::BLK_ZONE_COND_READONLY,
	Full = raw::BLK_ZONE_COND_FULL,
	Offline = raw::BLK_ZONE_COND_OFFLINE,
};

/// What report_zones() says of one zone.   Units: 512-byte sectors.
struct ZoneInfo {
	u64 start, length, capacity, write_pointer;
	bool conventional;
	ZoneCondition condition;
};

/// How many zones were asked for, and how many of them have been told already.
struct ZoneRequest {
	u32 most, told;
};
/// The next few zones. The return value of report_zones() is how many.
inline constexpr u32 kZonesAtOnce = 8;
/// How many a device is asked for at a time: as a page of NVMe's report has them.
inline constexpr u32 kZonesInReport = 63;
using ZoneBatch = ZoneInfo[kZonesAtOnce];

/// A disk as somebody has opened it, or a partition of it.
struct OpenDisk {
	bool is_writable, is_partition;
};

/// What a disk that has neither says of itself to those who ask.
struct HeadsAndSectors {
	u8 heads, sectors;
};

namespace detail {
/// Asks for zones a few at a time: whoever wants them may sleep while it takes them, as long as it likes, and the
/// disk may go meanwhile, which does not wait.
class ZoneReporter {
public:
	using Ask = u32 (*)(void* context, u64 sector, ZoneRequest, ZoneBatch&);
	static int run(raw::gendisk* disk, u64 sector, u32 most, raw::report_zones_cb take, void* data, Ask ask)
		EXCLUDES(atomic_context);
};

/// As ZoneReporter, for zones that a device has to be asked for: its answer is taken when nothing is locked any more.
class DeviceZoneReporter {
public:
	using Ask = Result<u32> (*)(void* context, u64 sector, Array<ZoneInfo>& zones);
	static int run(raw::gendisk* disk, u64 sector, u32 most, raw::report_zones_cb take, void* data, Ask ask)
		EXCLUDES(atomic_context);
};

/// The Context behind a disk, which may be gone, through its gate.
template <class Context> Gate::Entry enter_context(raw::gendisk* disk, Context*& context)
{
	raw::cxxrt_disk_context_get();
	context = static_cast<Context*>(disk->private_data);
	Gate::Entry entry = context != nullptr ? context->disk_gate().enter() : Gate::Entry{};
	raw::cxxrt_disk_context_put();
	return entry;
}

/// The operations of a disk.
template <class Context> struct DiskOps {
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the kernel's order
	static int ioctl(raw::block_device* bdev, raw::cxxrt_open_mode mode, u32 command, unsigned long argument)
	{
		Context* context = nullptr;
		Gate::Entry call = enter_context(bdev->bd_disk, context);
		if (!call)
			return ENODEV.to_c();
		const OpenDisk disk{.is_writable = (u32(mode) & u32(raw::CXXRT_OPEN_WRITE)) != 0,
				    .is_partition = raw::cxxrt_bdev_is_partition(bdev)};
		auto done = context->disk_ioctl(call, disk, command, UserAddress{argument});
		return done.ok() ? int(done.take()) : done.error().to_c();
	}
	static int getgeo(raw::block_device* bdev, raw::hd_geometry* geometry)
	{
		geometry->heads = Context::kHeads.heads;
		geometry->sectors = Context::kHeads.sectors;
		geometry->cylinders = u16(raw::cxxrt_bdev_sectors(bdev) /
					  (u32(Context::kHeads.heads) * Context::kHeads.sectors));
		return 0;
	}
	static Result<u32> read(void* context, u64 sector, Array<ZoneInfo>& zones)
	{
		return static_cast<Context*>(context)->read_zones(sector, zones);
	}
	static int read_zones(raw::gendisk* disk, raw::sector_t sector, u32 most, raw::report_zones_cb take, void* data)
	{
		return DeviceZoneReporter::run(disk, sector, most, take, data, &read);
	}
	static u32 ask(void* context, u64 sector, ZoneRequest request, ZoneBatch& batch)
	{
		return static_cast<Context*>(context)->report_zones(sector, request, batch);
	}
	static int report_zones(raw::gendisk* disk, raw::sector_t sector, u32 most, raw::report_zones_cb take,
				void* data)
	{
		return ZoneReporter::run(disk, sector, most, take, data, &ask);
	}
	static constexpr raw::block_device_operations make()
	{
		raw::block_device_operations ops{};
		ops.owner = &raw::__this_module;
		if constexpr (requires(Context& context, ZoneBatch& batch) {
				      context.report_zones(0, ZoneRequest{}, batch);
			      })
			ops.report_zones = &report_zones;
		if constexpr (requires(Context& context, Array<ZoneInfo>& zones) { context.read_zones(0, zones); })
			ops.report_zones = &read_zones;
		if constexpr (requires { &Context::disk_ioctl; }) {
			ops.ioctl = &ioctl;
#if CXXRT_COMPAT
			ops.compat_ioctl = &raw::blkdev_compat_ptr_ioctl;
#endif
		}
		if constexpr (requires { Context::kHeads; })
			ops.getgeo = &getgeo;
		return ops;
	}
	static constexpr raw::block_device_operations kOps = make();
};
}  // namespace detail

namespace detail {

// Thunks from the kernel's tables. Where one depends on a single function of the driver, that
// function is its template argument: paths that share the function share the thunk.
//
// SAFETY (all thunks): init_hctx() stored what D gave, a HwQueue that D keeps for as long as the
// tag set exists; TagSet and Disk stored the Context, which outlives both.
template <class HwQueue> inline HwQueue& queue_of(const raw::blk_mq_hw_ctx* hctx)
{
	return *static_cast<HwQueue*>(hctx->driver_data);
}
template <auto Poll> struct PollThunk;
template <class HwQueue, u32 (*Poll)(HwQueue&, CompletionBatch)> struct PollThunk<Poll> {
	static int call(raw::blk_mq_hw_ctx* hctx, raw::io_comp_batch* batch)
	{
		return int(Poll(queue_of<HwQueue>(hctx), CompletionBatch{batch}));
	}
};
template <auto Timeout> struct TimeoutThunk;
template <class HwQueue, TimeoutResult (*Timeout)(HwQueue&, Request<>, QueueKind)> struct TimeoutThunk<Timeout> {
	static raw::blk_eh_timer_return call(raw::request* rq)
	{
		const auto kind = raw::cxxrt_blk_hctx_is_poll(rq->mq_hctx) ? QueueKind::Polled : QueueKind::Default;
		return raw::blk_eh_timer_return(Timeout(queue_of<HwQueue>(rq->mq_hctx), Request<>{rq}, kind));
	}
};
template <auto Init> struct InitHctxThunk;
template <class HwQueue, class Context, Result<HwQueue*> (*Init)(Context&, u32)> struct InitHctxThunk<Init> {
	static int call(raw::blk_mq_hw_ctx* hctx, void*, u32 index)
	{
		Result<HwQueue*> queue = Init(*static_cast<Context*>(hctx->queue->queuedata), index);
		if (!queue.ok())
			return queue.error().to_c();
		hctx->driver_data = queue.take();
		return 0;
	}
};
/// Context: process; sleeps.
void map_queues(raw::blk_mq_tag_set* set, QueueCounts counts, QueueVectors vectors = {});
template <auto Counts> struct MapQueuesThunk;
template <class Tags, QueueCounts (*Counts)(Tags&, u32)> struct MapQueuesThunk<Counts> {
	static void call(raw::blk_mq_tag_set* set)
	{
		map_queues(set, Counts(*static_cast<Tags*>(set->driver_data), set->nr_hw_queues));
	}
};

/// Puts a request at the end of a ring, given and returned by its last; null is the empty one.
CXXRT_COLD raw::request* add_refused(raw::request* last, raw::request* rq);
/// Puts a ring of requests in front of what is in `list`.
CXXRT_COLD void put_back(raw::cxxrt_rq_list* list, raw::request* last);

/// A Pdu that needs building is built once for each tag, and not once for each request.
template <class Pdu> struct PduThunks {
	static int init(raw::blk_mq_tag_set*, raw::request* rq, u32, u32)
	{
		new (raw::cxxrt_blk_mq_rq_to_pdu(rq)) Pdu();
		return 0;
	}
	static void exit(raw::blk_mq_tag_set*, raw::request* rq, u32) { Request<Pdu>{rq}.pdu().~Pdu(); }
};

/// The kernel's tables for the multi-queue driver D.
template <MqDriver D> struct MqOps {
	using Pdu = typename D::Pdu;
	using HwQueue = typename D::HwQueue;
	static constexpr bool kPolls = requires {
		&D::queue_polled;
		&D::poll;
	};
	static constexpr bool kPollsPlugs = requires(HwQueue& queue, Plug plug) { D::queue_polled_plug(queue, plug); };
	static constexpr bool kCompletes = requires(InFlight<Pdu> rq) { D::complete(move(rq)); };
	static constexpr bool kTimesOut = requires { &D::timeout; };
	static constexpr bool kBatches = requires(HwQueue& queue, Request<Pdu> rq, CompletionBatch batch) {
		D::queue_rq(queue, rq, batch);
	};

	CXXRT_INLINE static Status dispatch(raw::blk_mq_hw_ctx* hctx, raw::request* rq)
	{
		if constexpr (kPolls) {
			if (raw::cxxrt_blk_hctx_is_poll(hctx)) [[unlikely]]
				return D::queue_polled(queue_of<HwQueue>(hctx), Request<>{rq});
		}
		return D::queue_rq(queue_of<HwQueue>(hctx), Request<Pdu>{rq});
	}
	/// As dispatch(), for one of several.
	CXXRT_INLINE static Status dispatch(raw::blk_mq_hw_ctx* hctx, raw::request* rq, CompletionBatch batch)
		requires kBatches
	{
		if constexpr (kPolls) {
			if (raw::cxxrt_blk_hctx_is_poll(hctx)) [[unlikely]]
				return D::queue_polled(queue_of<HwQueue>(hctx), Request<>{rq});
		}
		return D::queue_rq(queue_of<HwQueue>(hctx), Request<Pdu>{rq}, batch);
	}
	CXXRT_HOT static raw::blk_status_t queue_rq(raw::blk_mq_hw_ctx* hctx, const raw::blk_mq_queue_data* data)
	{
		return u8(dispatch(hctx, data->rq));
	}
	/// A whole plug at once: one indirect call for all of it. What D refuses goes back, in order.
	/// While requests end here, what they wake may add to the same plug, for any queue: what is not
	/// for this queue is left to the block layer.
	CXXRT_HOT static void queue_rqs(raw::cxxrt_rq_list* list)
	{
		if constexpr (kPollsPlugs) {
			const raw::blk_mq_hw_ctx* hctx = raw::cxxrt_rq_list_peek(list)->mq_hctx;
			if (raw::cxxrt_blk_hctx_is_poll(hctx)) [[unlikely]]
				return D::queue_polled_plug(queue_of<HwQueue>(hctx), Plug{list});
		}
		if constexpr (kBatches)
			queue_as_batch(list);
		else
			queue_all(list);
	}
	/// Apart, so that nothing else has the batch on its stack.
	CXXRT_HOT CXXRT_NOINLINE static void queue_as_batch(raw::cxxrt_rq_list* list)
	{
		EndingBatch ending;
		queue_all(list, ending.batch());
	}
	template <class... Batch> CXXRT_INLINE static void queue_all(raw::cxxrt_rq_list* list, Batch... batch)
	{
		raw::request* rq = raw::cxxrt_rq_list_peek(list);
		const raw::request_queue* queue = rq->q;
		raw::request* refused = nullptr;
		do {
			raw::cxxrt_rq_list_pop(list);
			raw::blk_mq_hw_ctx* hctx = rq->mq_hctx;
			raw::cxxrt_blk_mq_publish_tag(rq);
			if (dispatch(hctx, rq, batch...) != Status::Ok) [[unlikely]]
				refused = add_refused(refused, rq);
			rq = raw::cxxrt_rq_list_peek(list);
		} while (rq != nullptr && rq->q == queue);
		if (refused != nullptr) [[unlikely]]
			put_back(list, refused);
	}
	CXXRT_HOT static void complete(raw::request* rq)
	{
		if constexpr (kCompletes)
			D::complete(InFlight<Pdu>{Request<Pdu>{rq}});
	}

	static constexpr raw::blk_mq_ops make()
	{
		raw::blk_mq_ops ops{};
		ops.queue_rq = &queue_rq;
		ops.queue_rqs = &queue_rqs;
		ops.init_hctx = &InitHctxThunk<&D::init_hctx>::call;
		ops.map_queues = &MapQueuesThunk<&D::queue_counts>::call;
		if constexpr (kCompletes)
			ops.complete = &complete;
		if constexpr (kPolls)
			ops.poll = &PollThunk<&D::poll>::call;
		if constexpr (kTimesOut)
			ops.timeout = &TimeoutThunk<&D::timeout>::call;
		if constexpr (!__is_trivially_constructible(Pdu)) {
			ops.init_request = &PduThunks<Pdu>::init;
			ops.exit_request = &PduThunks<Pdu>::exit;
		}
		return ops;
	}
	static constexpr raw::blk_mq_ops kOps = make();
};

/// The kernel's tables for the driver D of a device with rings.
template <DeviceDriver D> struct DeviceMqOps {
	using Pdu = typename D::Pdu;
	using HwQueue = typename D::HwQueue;
	using Context = typename D::Context;
	using Tags = typename D::Tags;
	static constexpr bool kBatches = requires(HwQueue& queue, RequestFifo& batch) { D::submit(queue, batch); };

	// SAFETY (all): init_hctx() stored a HwQueue that lives as long as the tag set; the request queue points at the
	// Context, and the tag set at the Tags, which outlive it.
	CXXRT_INLINE static Context& context_of(const raw::request* rq)
	{
		return *static_cast<Context*>(rq->q->queuedata);
	}
	CXXRT_HOT static raw::blk_status_t queue_rq(raw::blk_mq_hw_ctx* hctx, const raw::blk_mq_queue_data* data)
	{
		raw::request* rq = data->rq;
		return u8(D::queue_rq(queue_of<HwQueue>(hctx), context_of(rq), Request<Pdu>{rq},
				      data->last ? Last::Yes : Last::No));
	}
	static void commit_rqs(raw::blk_mq_hw_ctx* hctx) { D::commit_rqs(queue_of<HwQueue>(hctx)); }
	/// A whole plug at once; requests of one hardware queue after the other go to the device together. What D refuses
	/// goes back, in order.
	CXXRT_HOT static void queue_rqs(raw::cxxrt_rq_list* list)
	{
		raw::request* refused = nullptr;
		// They are of one disk.
		if constexpr (requires(const Context& context) { D::takes_one_by_one(context); }) {
			if (D::takes_one_by_one(context_of(raw::cxxrt_rq_list_peek(list)))) [[unlikely]]
				return;
		}
		raw::request* rq = take_in_order(list);
		do {
			const raw::blk_mq_hw_ctx* hctx = rq->mq_hctx;
			auto& queue = queue_of<HwQueue>(hctx);
			RequestFifo batch;
			do {
				// Read before the request goes into another list, or back.
				raw::request* next = rq->rq_next;
				raw::cxxrt_blk_mq_publish_tag(rq);
				const Status status = D::prepare(queue, context_of(rq), Request<Pdu>{rq}, batch);
				if (status != Status::Ok) [[unlikely]]
					refused = add_refused(refused, rq);
				rq = next;
			} while (rq != nullptr && rq->mq_hctx == hctx);
			if (!batch.is_empty()) [[likely]]
				D::submit(queue, batch);
		} while (rq != nullptr);
		if (refused != nullptr) [[unlikely]]
			put_back(list, refused);
	}
	CXXRT_HOT static void complete(raw::request* rq) { D::complete(InFlight<Pdu>{Request<Pdu>{rq}}); }
	static raw::blk_eh_timer_return timeout(raw::request* rq)
	{
		const auto kind = raw::cxxrt_blk_hctx_is_poll(rq->mq_hctx) ? QueueKind::Polled : QueueKind::Default;
		return raw::blk_eh_timer_return(D::timeout(queue_of<HwQueue>(rq->mq_hctx), Request<Pdu>{rq}, kind));
	}
	static int init_hctx(raw::blk_mq_hw_ctx* hctx, void* tags, u32 index)
	{
		hctx->driver_data = &D::init_queue(*static_cast<Tags*>(tags), index);
		return 0;
	}
	static void map(raw::blk_mq_tag_set* set)
	{
		Tags& tags = *static_cast<Tags*>(set->driver_data);
		QueueVectors vectors;
		if constexpr (requires { D::queue_vectors(tags); })
			vectors = D::queue_vectors(tags);
		map_queues(set, D::queue_counts(tags, set->nr_hw_queues), vectors);
	}

	static constexpr raw::blk_mq_ops make()
	{
		raw::blk_mq_ops ops{};
		ops.queue_rq = &queue_rq;
		ops.commit_rqs = &commit_rqs;
		if constexpr (kBatches)
			ops.queue_rqs = &queue_rqs;
		ops.init_hctx = &init_hctx;
		ops.map_queues = &map;
		ops.complete = &complete;
		ops.timeout = &timeout;
		if constexpr (requires(HwQueue& queue, CompletionBatch batch) { D::poll(queue, batch); })
			ops.poll = &PollThunk<&D::poll>::call;
		if constexpr (!__is_trivially_constructible(Pdu)) {
			ops.init_request = &PduThunks<Pdu>::init;
			ops.exit_request = &PduThunks<Pdu>::exit;
		}
		return ops;
	}
	static constexpr raw::blk_mq_ops kOps = make();

private:
	/// Empties the list, which has at least one request, and gives the first; 6.1 has them last one first.
	CXXRT_INLINE static raw::request* take_in_order(raw::cxxrt_rq_list* list)
	{
#if CXXRT_KERNEL_6_12
		raw::request* first = list->head;
		list->head = nullptr;
		list->tail = nullptr;
		return first;
#else
		raw::request* ordered = nullptr;
		for (raw::request* rq = exchange(*list, nullptr); rq != nullptr;) {
			raw::request* next = rq->rq_next;
			rq->rq_next = ordered;
			ordered = rq;
			rq = next;
		}
		return ordered;
#endif
	}
};

template <BioDriver D> struct BioOps {
	CXXRT_HOT static void submit_bio(raw::bio* bio)
	{
		// SAFETY: Disk stored the Context, which outlives the disk.
		auto& context = *static_cast<typename D::Context*>(raw::cxxrt_bio_private_data(bio));
		D::submit_bio(context, Bio{bio});
	}
	static constexpr raw::block_device_operations make()
	{
		raw::block_device_operations ops = DiskOps<typename D::Context>::make();
		ops.submit_bio = &submit_bio;
		return ops;
	}
	static constexpr raw::block_device_operations kDiskOps = make();
};

}  // namespace detail

/// Which driver class serves a tag set: a value, so that the choice is data. What the disks and the
/// tag set point at is part of the type.
template <class Context, class Tags> class MqDriverTable {
public:
	template <MqDriver D> requires(same_as<typename D::Context, Context> && same_as<typename D::Tags, Tags>)
	static constexpr MqDriverTable of()
	{
		return {&detail::MqOps<D>::kOps, detail::kPduSize<typename D::Pdu>};
	}
	template <DeviceDriver D> requires(same_as<typename D::Context, Context> && same_as<typename D::Tags, Tags>)
	static constexpr MqDriverTable of()
	{
		return {&detail::DeviceMqOps<D>::kOps, detail::kPduSize<typename D::Pdu>};
	}

private:
	friend class TagSet;
	constexpr MqDriverTable(const raw::blk_mq_ops* ops, u32 pdu_size) : ops_(ops), pdu_size_(pdu_size) {}
	const raw::blk_mq_ops* ops_;
	u32 pdu_size_;
};

/// Which driver class serves a bio disk.
template <class Context> class BioDriverTable {
public:
	template <BioDriver D> requires same_as<typename D::Context, Context> static constexpr BioDriverTable of()
	{
		return BioDriverTable{&detail::BioOps<D>::kDiskOps};
	}

private:
	friend class Disk;
	constexpr explicit BioDriverTable(const raw::block_device_operations* ops) : ops_(ops) {}
	const raw::block_device_operations* ops_;
};

/// Whether disks without blk-mq are on offer: on the kernels whose null_blk has them.
inline constexpr bool kBioDisks = !CXXRT_KERNEL_6_12;

/// Tags and hardware queues.
struct TagSetConfig {
	u32 depth;	   ///< tags per hardware queue; the core caps it at 10240
	u32 reserved = 0;  ///< of these, that no request of a disk ever gets
	QueueCounts queues;
	Node node;
	u32 timeout_ms;
	bool may_poll = false;	///< polled queues, if not now, then after resize()
	bool blocking = false;	///< queue_rq may sleep
	bool no_scheduler = false;
	bool shared_bitmap = false;  ///< one tag space for all hardware queues
};

/// Tags and hardware queues for the disks of one kind of Context.
/// Invariant: outlives every disk made on it; what it points at outlives it.
template <class Context> class TagSetFor;

/// As TagSetFor, whatever its disks are.
class TagSet : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// `tags` is what queue_counts() gets; `Context` what the disks point at.
	/// Context: process; sleeps.   Errors: EINVAL no depth or no queue; ENOMEM.
	template <class Context, class Tags>
	static Result<Box<TagSetFor<Context>>> create(MqDriverTable<Context, Tags> driver, const TagSetConfig& config,
						      Tags& tags) EXCLUDES(atomic_context);
	explicit TagSet(Key) {}
	~TagSet()
	{
		if (allocated_)
			raw::blk_mq_free_tag_set(&set_);
	}
	/// Changes the number of hardware queues while disks are in use; requests wait meanwhile, those
	/// under way are waited for. queue_counts() is asked for the new counts.
	/// Context: process; sleeps.   Errors: ENOMEM, and the counts are what queue_counts() says for the
	/// number that there is now.
	Result<void> resize(u32 total) EXCLUDES(atomic_context);
	/// Offers no requests of any of its disks until resume(), and waits for those being offered now.
	/// Once until resume().   Context: process; sleeps.
	void quiesce() EXCLUDES(atomic_context) { raw::cxxrt_blk_mq_quiesce_tagset(&set_); }
	/// Context: process; sleeps.
	void resume() EXCLUDES(atomic_context) { raw::cxxrt_blk_mq_unquiesce_tagset(&set_); }
	/// Has D::complete() end every request that the device had: `note(Pdu&)` says in each why. Returns when all have
	/// been ended.   Context: process; sleeps.   Only while quiesced, for a device that has been stopped and does not
	/// complete any more.
	template <class Pdu, void (*note)(Pdu&)> void cancel() EXCLUDES(atomic_context)
	{
		raw::blk_mq_tagset_busy_iter(&set_, &cancel_one<Pdu, note>, nullptr);
		raw::blk_mq_tagset_wait_completed_request(&set_);
	}
	/// The requests of hardware queue `index` by their tags.   Only for an index below the number of queues. Valid until
	/// resize().
	TagTable tags_of(u32 index) const { return TagTable{set_.tags[index]}; }
	u32 queue_count() const { return set_.nr_hw_queues; }
	/// How many requests the device has, or had a moment ago.   Context: process; sleeps.
	u32 in_flight() EXCLUDES(atomic_context)
	{
		u32 count = 0;
		raw::blk_mq_tagset_busy_iter(&set_, &count_one, &count);
		return count;
	}

private:
	friend class Disk;
	friend class DriverQueue;
	static bool count_one(raw::request* rq, void* count)
	{
		*static_cast<u32*>(count) += Request<>{rq}.is_in_flight() ? 1 : 0;
		return true;
	}
	template <class Pdu, void (*note)(Pdu&)> static bool cancel_one(raw::request* rq, void*)
	{
		const Request<Pdu> request{rq};
		if (request.is_in_flight()) {
			note(request.pdu());
			raw::blk_mq_complete_request(rq);
		}
		return true;
	}
	Result<void> allocate(const raw::blk_mq_ops* ops, u32 pdu_size, const TagSetConfig& config, void* tags);

	raw::blk_mq_tag_set set_{};
	bool allocated_ = false;
};

template <class Context> class TagSetFor : public TagSet {
public:
	using TagSet::TagSet;
};

template <class Context, class Tags>
Result<Box<TagSetFor<Context>>> TagSet::create(MqDriverTable<Context, Tags> driver, const TagSetConfig& config,
					       Tags& tags)
{
	auto made = TRY(Box<TagSetFor<Context>>::make(Gfp::Kernel, Key{}));
	TRY(made->allocate(driver.ops_, driver.pdu_size_, config, &tags));
	return made;
}

/// For a driver whose request queue has no disk and so no context.
struct NoContext {};

/// A request queue, borrowed, for commands of user space; `disk` of it, if there is one.
class QueueView {
public:
	explicit QueueView(raw::request_queue* queue, raw::gendisk* disk = nullptr) : queue_(queue), disk_(disk) {}
	raw::request_queue* unsafe_queue() const { return queue_; }
	raw::gendisk* unsafe_disk() const { return disk_; }

private:
	raw::request_queue* queue_;
	raw::gendisk* disk_;
};

/// A request queue without a disk: for commands of the driver's own.  Invariant: the tag set outlives it.
class [[nodiscard]] DriverQueue : MoveOnly {
public:
	DriverQueue() = default;
	DriverQueue(DriverQueue&& other) : queue_(exchange(other.queue_, nullptr)) {}
	DriverQueue& operator=(DriverQueue&& other)
	{
		swap(queue_, other.queue_);
		return *this;
	}
	/// No command of it may be with the device.   Context: process; sleeps.
	~DriverQueue()
	{
		if (queue_ == nullptr)
			return;
		raw::blk_mq_destroy_queue(queue_);
		raw::blk_put_queue(queue_);
	}
	/// `virt_boundary_mask` as in Limits.   Context: process; sleeps.   Errors: ENOMEM.
	template <class Context>
	static Result<DriverQueue> create(TagSetFor<Context>& tags, u32 virt_boundary_mask, Context& context)
		EXCLUDES(atomic_context)
	{
		TagSet& set = tags;
		auto* queue = TRY(from_err_ptr(raw::cxxrt_blk_mq_alloc_queue(&set.set_, virt_boundary_mask, &context)));
		return DriverQueue{queue};
	}
	explicit operator bool() const { return queue_ != nullptr; }
	QueueView view() const { return QueueView{queue_}; }
	/// How long a request, and of how many pieces, there may be; as in Limits.   Context: process; sleeps.
	/// Errors: EINVAL the block layer refuses it.
	Result<void> set_most(u32 sectors, u32 segments) EXCLUDES(atomic_context)
	{
		return from_c(raw::cxxrt_blk_set_most(queue_, sectors, segments));
	}

private:
	template <class Pdu> friend class OwnRequest;
	explicit DriverQueue(raw::request_queue* queue) : queue_(queue) {}
	raw::request_queue* queue_ = nullptr;
};

enum class Transfer : u8 { FromDevice, ToDevice };
enum class Wait : u8 { No, Yes };

/// A request of the driver's own, to be executed. Its Pdu says what it is.
class Disk;
template <class Pdu> class [[nodiscard]] OwnRequest : MoveOnly {
public:
	OwnRequest(OwnRequest&& other) : rq_(exchange(other.rq_, nullptr)) {}
	~OwnRequest()
	{
		if (rq_ != nullptr)
			raw::blk_mq_free_request(rq_);
	}
	/// Wait::Yes: sleeps until there is a tag.   Context: process.   Errors: EAGAIN no tag; ENODEV the queue goes.
	static Result<OwnRequest> alloc(DriverQueue& queue, Transfer transfer, Wait wait) EXCLUDES(atomic_context)
	{
		raw::request* rq = TRY(from_err_ptr(
			raw::cxxrt_blk_mq_alloc_driver_request(queue.queue_, transfer == Transfer::ToDevice,
							       wait == Wait::Yes)));
		return OwnRequest{rq};
	}
	/// The same for a disk, beside its requests.
	static Result<OwnRequest> alloc(const Disk& disk, Transfer transfer, Wait wait) EXCLUDES(atomic_context);
	/// The memory it transfers, from the heap or vmalloc, which outlives its execution.
	/// Context: process; sleeps.   Errors: EINVAL longer than the queue takes; ENOMEM.
	Result<void> map(void* memory, u32 bytes) EXCLUDES(atomic_context)
	{
		return from_c(raw::cxxrt_blk_rq_map_kern(rq_, memory, bytes));
	}
	/// How long the device has, if not as long as the tag set says.
	void set_timeout_ms(u32 ms) { raw::cxxrt_rq_set_timeout(rq_, raw::cxxrt_msecs_to_jiffies(ms)); }
	Pdu& pdu() const { return Request<Pdu>{rq_}.pdu(); }
	/// Which tag it has.   Only for a queue without a scheduler, where it has one from the beginning.
	u32 tag() const { return raw::cxxrt_rq_tag(rq_); }
	/// Returns when it has ended, which is when its timeout at the latest has seen to that; with what end() was given.
	/// Context: process; sleeps.
	Status execute() EXCLUDES(atomic_context) { return Status(raw::blk_execute_rq(rq_, false)); }
	/// Begins it; `done(Pdu&)` is called when it has ended, in any context. It holds no memory of anybody.
	template <void (*done)(Pdu&)> void start() &&
	{
		raw::cxxrt_blk_execute_rq_nowait(exchange(rq_, nullptr), &ended<done>);
	}

private:
	explicit OwnRequest(raw::request* rq) : rq_(rq) {}
	template <void (*done)(Pdu&)> static raw::rq_end_io_ret ended(raw::request* rq, raw::blk_status_t)
	{
		done(Request<Pdu>{rq}.pdu());
		raw::blk_mq_free_request(rq);
		return raw::RQ_END_IO_NONE;
	}
	raw::request* rq_;
};

/// What zones a disk has. Zones are of one size, but for the last, which may be smaller.
struct ZoneLimits {
	u32 zone_sectors = 0;  ///< a power of two; 0: the disk has no zones.   Units: 512 bytes
	/// Units: 512 bytes.   0: 6.12 has the block layer emulate appends, 6.1 takes them as long as a zone.
	u32 max_append_sectors = 0;
	u32 max_open = 0, max_active = 0;  ///< zones at a time; 0 is no limit
};

/// What is kept beside each block, and the part of it that protects the block's data.
struct Integrity {
	enum class Guard : u8 { None, Crc16, Crc64 };
	u32 tuple_bytes = 0;  ///< beside each block; 0: nothing
	Guard guard = Guard::None;
	u32 tag_bytes = 0;	     ///< of it, for whoever uses the disk
	bool has_reference = false;  ///< it says where the block is
	u32 offset = 0;		     ///< of the protecting part.   Units: bytes; 6.1: 0
	u32 max_segments = 0;	     ///< pieces that a request's tuples are in
};

/// Writes that happen whole or not at all. 6.1 does not have them.   Units: bytes.
struct AtomicWrites {
	u32 max = 0;			 ///< of a request; 0: there are none
	u32 boundary = 0;		 ///< none crosses a multiple of it; 0: they may
	u32 unit_min = 0, unit_max = 0;	 ///< of one that user space asks for: powers of two
};

/// What a queue can take. Zero means the block layer's default.
struct Limits {
	u32 logical_block_size = kSectorSize;	///< bytes
	u32 physical_block_size = kSectorSize;	///< bytes
	u32 max_hw_sectors = 0;			///< 512-byte sectors per request
	u64 virt_boundary_mask = 0;		///< no segment but the first starts, and none but the last ends, off it
	u32 max_discard_sectors = 0;		///< 512-byte sectors per request; 0: no discard
	u32 max_write_zeroes_sectors = 0;	///< 512-byte sectors per request; 0: the block layer writes them
	bool write_cache = false;		///< what was written is safe after a flush only
	bool fua = false;			///< a single write can be made safe
	bool rotational = false;
	ZoneLimits zones;
	u32 max_segments = 0;
	u32 max_segment_size = 0;      ///< bytes
	u32 max_discard_segments = 0;  ///< ranges in one discard
	u32 dma_alignment = 0;	       ///< mask of the address bits that are zero in memory it takes
	u32 io_min = 0, io_opt = 0;    ///< bytes
	u32 chunk_sectors = 0;	       ///< no request crosses a multiple of it.   Units: 512-byte sectors
	AtomicWrites atomic;
	Integrity integrity;

	/// The kernel can make and check the integrity data. 6.1: where its module is loaded.   Context: any.
	bool has_profile() const;
};

/// The longest request in 512-byte sectors for Limits: its bytes fit 32 bits.
inline constexpr u32 kMostSectors = ~0u >> kSectorShift;

/// The least `max_hw_sectors` but zero that the block layer takes. 6.1 raises smaller ones, with a
/// line of its own; 6.12 refuses them, with a kernel warning.   Units: 512-byte sectors.
inline constexpr u32 kLeastMaxSectors = CXXRT_KERNEL_6_12 ? kPageSize / kSectorSize : 1;

/// True if the block layer takes `bytes` as a block size: a power of two, 512 to a page.
inline bool is_valid_block_size(u32 bytes) { return raw::cxxrt_blk_validate_block_size(bytes) == 0; }

/// A block major number, dynamic.
class Major : MoveOnly {
public:
	/// `name` shows in /proc/devices and must outlive the object.
	/// Context: process; sleeps.   Errors: EBUSY none left; ENOMEM.
	static Result<Major> create(const char* name) EXCLUDES(atomic_context)
	{
		const int number = TRY(value_from_c(raw::cxxrt_register_blkdev(name)));
		return Major{u32(number), name};
	}
	Major(Major&& other) : number_(exchange(other.number_, 0u)), name_(other.name_) {}
	~Major()
	{
		if (number_ != 0)
			raw::unregister_blkdev(number_, name_);
	}
	u32 number() const { return number_; }

private:
	Major(u32 number, const char* name) : number_(number), name_(name) {}
	u32 number_;
	const char* name_;
};

/// How a disk appears.
struct Identity {
	const char* name;	 ///< copied; at most 31 bytes
	u32 major, first_minor;	 ///< major 0: one of those that all drivers share is found
	u64 sectors;		 ///< capacity in 512-byte sectors
	bool blank;		 ///< nothing was ever written to it: partitions are not looked for
	bool hidden = false;	 ///< it cannot be opened
};

/// Where a disk is in sysfs, and what files it has there that are not the block layer's. Those of a T are its
/// `using Attributes = device::Attributes<...>`, whose functions get the T; see device.hpp.
struct DiskFiles {
	device::Device parent;
	const raw::attribute_group** groups = nullptr;

	/// For a disk whose context is a T.
	template <class T> static DiskFiles of(device::Device parent)
	{
		return {.parent = parent, .groups = device::detail::Table<From<T>, typename T::Attributes>::groups};
	}

private:
	template <class T> struct From {
		// SAFETY: the context that the disk was created with; files are gone before it is.
		static T& owner(raw::device* dev) { return *static_cast<T*>(raw::cxxrt_dev_to_disk_context(dev)); }
	};
};

/// A gendisk and its queue.  Invariant: the Context outlives it.
class Disk : MoveOnly {
public:
	Disk() = default;
	CXXRT_INLINE Disk(Disk&& other) : disk_(exchange(other.disk_, nullptr)), added_(exchange(other.added_, false))
	{
	}
	CXXRT_INLINE Disk& operator=(Disk&& other)
	{
		if (this != &other) {
			if (disk_ != nullptr)
				remove();
			disk_ = exchange(other.disk_, nullptr);
			added_ = exchange(other.added_, false);
		}
		return *this;
	}
	/// Waits until no request is in the driver, and lets none in any more.
	CXXRT_INLINE ~Disk()
	{
		if (disk_ != nullptr)
			remove();
	}

	/// A disk on `tags`, not visible yet.
	/// Context: process; sleeps.   Errors: EINVAL limits the block layer refuses; ENOMEM; init_hctx's.
	template <class Context>
	static Result<Disk> create(TagSetFor<Context>& tags, const Limits& limits, Context& context)
		EXCLUDES(atomic_context)
	{
		return create(tags, limits, &detail::DiskOps<Context>::kOps, &context);
	}
	/// A disk whose bios go straight to the driver.   As create().
	template <class Context>
	static Result<Disk> create_bio(BioDriverTable<Context> driver, const Limits& limits, Node node,
				       Context& context) EXCLUDES(atomic_context)
	{
		return create_bio(driver.ops_, limits, node, &context);
	}
	/// Makes it disappear, and lets no new I/O in. Requests have ended when this returns; bios may
	/// still be with the driver.   Context: process; sleeps.
	void stop() EXCLUDES(atomic_context);
	/// Makes it appear, with `files` beside the block layer's; I/O may come before this returns. Zones are asked for.
	/// Context: process; sleeps.   Errors: as device_add_disk(): EEXIST the name is taken; ENOMEM.
	Result<void> add(const Identity& identity, const Limits& limits, DiskFiles files = {}) EXCLUDES(atomic_context);
	/// Offers no requests until restart(). Those offered at the time are not waited for.   Context: any.
	void pause() { raw::blk_mq_stop_hw_queues(disk_->queue); }
	/// Offers requests again, from another context.   Context: any.
	void restart() { raw::blk_mq_start_stopped_hw_queues(disk_->queue, true); }
	/// Its device is gone: what is written to it fails at once. Before it is stopped.   Context: process; sleeps.
	void mark_dead() EXCLUDES(atomic_context) { raw::blk_mark_disk_dead(disk_); }
	/// Refuses writes before they come to the driver.   Context: process; sleeps.
	void set_read_only() EXCLUDES(atomic_context) { raw::set_disk_ro(disk_, true); }
	/// What else of a disk in use may become another.
	struct Changeable {
		u64 sectors;
		bool read_only;
	};
	/// Gives it other limits, size and protection, as if all were one: `change()` is called when there are no requests,
	/// for what the driver remembers. Says so to those who listen, if it has another size. Zones are asked for
	/// afterwards; if that fails, the rest is done.
	/// Context: process; sleeps, until all requests have ended.   Errors: EINVAL limits the block layer refuses, and
	/// nothing is done; the zones'.
	template <class F> Result<void> update(const Limits& limits, const Changeable& now, F&& change)
		EXCLUDES(atomic_context)
	{
		TRY(begin_update(limits));
		change();
		return end_update(limits, now);
	}
	/// How large it is; says so to those who listen, if it was another.   Units: 512-byte sectors.   Context: process; sleeps.
	void set_capacity(u64 sectors) EXCLUDES(atomic_context) { raw::set_capacity_and_notify(disk_, sectors); }
	QueueView queue() const { return QueueView{disk_->queue, disk_}; }
	/// Waits until no request is under way, and lets none begin until unfreeze(), as often.   Context: process; sleeps.
	void freeze() EXCLUDES(atomic_context) { raw::cxxrt_blk_mq_freeze_queue(disk_->queue); }
	void unfreeze() EXCLUDES(atomic_context) { raw::cxxrt_blk_mq_unfreeze_queue(disk_->queue); }
	/// Zone appends become writes before the driver sees them.   Only for a zoned disk that was added.
	bool emulates_zone_append() const { return raw::cxxrt_emulates_zone_append(disk_); }

private:
	template <class Pdu> friend class OwnRequest;
	explicit Disk(raw::gendisk* disk) : disk_(disk) {}
	static Result<Disk> create(TagSet& tags, const Limits& limits, const raw::block_device_operations* ops,
				   void* context);
	static Result<Disk> create_bio(const raw::block_device_operations* ops, const Limits& limits, Node node,
				       void* context);
	/// Only if there is one.
	void remove();
	Result<void> begin_update(const Limits& limits);
	Result<void> end_update(const Limits& limits, const Changeable& now);

	raw::gendisk* disk_ = nullptr;
	bool added_ = false;
};

template <class Pdu> Result<OwnRequest<Pdu>> OwnRequest<Pdu>::alloc(const Disk& disk, Transfer transfer, Wait wait)
{
	return OwnRequest{TRY(
		from_err_ptr(raw::cxxrt_blk_mq_alloc_driver_request(disk.disk_->queue, transfer == Transfer::ToDevice,
								    wait == Wait::Yes)))};
}

}  // namespace cxxrt::blk
