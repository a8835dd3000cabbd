// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A powered-on device: its queues, tag set and gendisk.
/// C side: struct nullb, drivers/block/null_blk/null_blk.h.

#include <cxxrt/bitmap.hpp>
#include <cxxrt/list.hpp>
#include <cxxrt/lock.hpp>
#include <cxxrt/system.hpp>
#include <cxxrt/time.hpp>
#include <cxxrt/work.hpp>

#include "completion.hpp"
#include "inject.hpp"
#include "throttle.hpp"
#include "zones.hpp"

namespace null_blk {

class Nullb;

/// What the request path needs of the device, in one cache line per hardware queue.
class alignas(64) HwQueue : Pinned {
public:
	HwQueue(Nullb* owner, PageStore* backing, TimerQueue* first_timer, IrqMode mode)
		: disk(*owner), store(*backing), irq(mode), timers_(first_timer)
	{
	}

	Nullb& disk;
	PageStore& store;
	const IrqMode irq;
	/// Bad blocks or faults are in use.   Context: any.
	CXXRT_INLINE bool checks_each_request() const { return checks_each_request_.load_relaxed() != 0; }
	void check_each_request() { checks_each_request_.store_relaxed(1); }
	/// The timer queue of this CPU; irqmode 2 only.
	TimerQueue& timer() const { return timers_[current_cpu()]; }

	SpinLock poll_lock{lock_class<"null_blk HwQueue::poll_lock">};
	blk::RequestList poll_list GUARDED_BY(poll_lock);  // polled queues only
	blk::RequestList lost GUARDED_BY(poll_lock);	   // on purpose; they time out
	Atomic<u32> requeued{0};
	bool was_set_up = false;

private:
	Atomic<int> checks_each_request_{0};
	TimerQueue* const timers_;
};

/// The tags and hardware queues of a disk, or of all that share them.
class TagSpace : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	using Table = blk::MqDriverTable<Nullb, TagSpace>;
	/// Context: process; sleeps.   Errors: as blk::TagSet::create().
	static Result<Box<TagSpace>> create(const Config& config, Table path) EXCLUDES(atomic_context);
	TagSpace(Key, blk::QueueCounts counts) : wanted_(counts), before_(counts) {}

	/// How `total` queues are meant, which are what was asked for, or what the core could get.
	blk::QueueCounts counts(u32 total) const;
	/// Context: process; sleeps.   Errors: ENOMEM, and the counts are as they were.
	Result<void> resize(blk::QueueCounts counts) EXCLUDES(atomic_context);
	blk::TagSetFor<Nullb>& set() { return *set_; }

private:
	blk::QueueCounts wanted_, before_;
	Box<blk::TagSetFor<Nullb>> set_;
};

class BioQueue;
class BioCommand;

/// A bio waiting for its timer.
class BioCommand : Pinned {
public:
	explicit BioCommand(BioQueue* queue) : queue_(queue) {}
	~BioCommand();
	void start(blk::Bio&& bio, blk::Status status);

private:
	friend class BioQueue;
	Restart expired();

	BioQueue* queue_;
	u32 index_ = 0;
	blk::Bio::Parked bio_;
	blk::Status status_ = blk::Status::Ok;
	HrTimer timer_{callback<&BioCommand::timer_, &BioCommand::expired>};
};

/// One queue of a bio device: as many bios wait for their timers as it has commands; a submitter
/// that finds none sleeps until one is given back.
class BioQueue : Pinned {
public:
	/// Context: process; sleeps.   Errors: ENOMEM; EINVAL no depth.
	static Result<Box<BioQueue>> create(Node node, u32 depth, Nanoseconds completion_time);
	BioQueue(Bitmap&& claimed, Nanoseconds completion_time)
		: claimed_(move(claimed)), completion_time_(completion_time)
	{
	}

	/// Ends `bio` with `status` when the completion time has passed.
	/// Context: process; sleeps while all commands are in use.
	void submit(blk::Bio&& bio, blk::Status status) EXCLUDES(atomic_context);

private:
	friend class BioCommand;
	void give_back(u32 index);

	Bitmap claimed_;  // a set bit is a command in use
	const Nanoseconds completion_time_;
	WaitQueue room_{lock_class<"null_blk BioQueue::room_">};
	Array<BioCommand> commands_;  // last: its timers run until it is gone
};

/// What a path finds behind its requests.
enum class Backing : u8 {
	None,	 ///< nothing
	Memory,	 ///< a PageStore
	Any,	 ///< what the disk has is asked for each request: zones, cache, throttle, faults, bad blocks
};

/// The request path for a configuration, chosen once: path.hpp. Backing::Any serves tags that disks of
/// any kind share.
TagSpace::Table mq_path(IrqMode irq, Backing backing);
blk::BioDriverTable<Nullb> bio_path(IrqMode irq, Backing backing);

/// What a disk is made from. All of it outlives the disk.
struct Source {
	PageStore& store;
	BadSectors& bad;
	Faults& faults;
	TagSpace* shared;  ///< null: the disk has its own
};

class Nullb : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// Builds the disk that `config`, which normalise() has passed, describes, and makes it appear.
	/// What the zones correct shows in `config`.
	/// Context: process; sleeps.   Errors: ENOMEM; EINVAL zones, or from the block layer; EEXIST name
	/// taken; EFAULT on request.
	static Result<Box<Nullb>> create(Config& config, const Source& source, const char* name, u32 major,
					 Ida::Id&& id);
	Nullb(Key, const Config& config, const Source& source, const char* name, Ida::Id&& id);
	/// Requests are ended while the disk is still there.
	~Nullb();

	const char* name() const { return name_.c_str(); }
	u32 index() const { return id_.value(); }
	PageStore& store() { return store_; }
	/// Null if it has no zones.
	Zones* zones() { return zones_.get(); }
	/// From now on, each request is checked for bad sectors, and for faults.   Context: process.
	void check_each_request();
	bool checks_each_request() const { return checks_each_request_.load_relaxed() != 0; }
	/// Changes the number of hardware queues while it is in use.
	/// Context: process; sleeps.   Errors: EINVAL it has none of its own; ENOMEM.
	Result<void> resize(blk::QueueCounts counts) EXCLUDES(atomic_context);

	// For the request path.
	/// Only for index < submit + poll queues.   Errors: EFAULT on request.
	Result<HwQueue*> init_queue(u32 index);
	/// What becomes of a request that is not to be done now: queue_rq returns it. Nothing for the others.
	/// Context: queue_rq.
	Optional<blk::Status> divert(HwQueue& queue, blk::Request<> request);
	/// Does all that a request asks for, whatever the disk has.
	/// Context: queue_rq; never sleeps.   Errors: Resource it would have to sleep: end() does that.
	blk::Status handle(blk::Request<> request);
	/// The same for a bio, to the end.   Context: process; sleeps.
	blk::Status handle(blk::BioView bio) EXCLUDES(atomic_context);
	/// Ends a request, or leaves it to a worker if the status is Resource.   Context: process.
	CXXRT_INLINE void end(blk::InFlight<>&& rq TAKES_UNCONSUMED, blk::Status status)
	{
		end_parked(move(rq).park(), status);
	}
	/// As disk operation.
	u32 report_zones(u64 sector, blk::ZoneRequest request, blk::ZoneBatch& batch)
	{
		return zones_ ? zones_->report(sector, request, batch) : 0;
	}
	/// The queue of the CPU this runs on.   Context: any; the CPU may change at once.
	BioQueue& bio_queue();

private:
	Result<void> build(Config& config);
	Result<void> build_mq(const Config& config, TagSpace::Table path);
	Result<void> build_bio(const Config& config, blk::BioDriverTable<Nullb> path);
	Result<void> add(const Config& config, u32 major);
	blk::Limits limits(const Config& config) const;
	bool needs_everything(const Config& config) const;
	blk::Status handle(Io& io);
	blk::Status handle_slowly(Io& io) EXCLUDES(atomic_context);
	void work_on_deferred() EXCLUDES(atomic_context);
	void lose(HwQueue& queue, blk::Request<> request);
	CXXRT_NOINLINE void end_parked(blk::NoPdu& tag, blk::Status status);
	friend class Registry;

	PageStore& store_;
	Faults& faults_;
	TagSpace* tags_;
	FixedText<32> name_;  // as long as a disk's name may be
	Ida::Id id_;
	ListHook hook_;	 // in Registry's list of live disks, guarded by its lock
	Medium medium_;
	Box<Zones> zones_;
	Atomic<int> checks_each_request_{0};
	Array<TimerQueue> timers_;
	Array<HwQueue> queues_;
	Array<Box<BioQueue>> bio_queues_;
	SpinLock deferred_lock_{lock_class<"null_blk Nullb::deferred_lock_">};
	blk::RequestList deferred_ GUARDED_BY(deferred_lock_);	// what has to sleep
	Work worker_{callback<&Nullb::worker_, &Nullb::work_on_deferred>};
	Box<TagSpace> own_tags_;
	blk::Disk disk_;	  // what I/O uses goes after it
	Box<Throttle> throttle_;  // uses the disk; without requests, nobody uses it

public:
	using List = IntrusiveList<&Nullb::hook_>;
};

}  // namespace null_blk
