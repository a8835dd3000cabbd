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

#include "config.hpp"
#include "store.hpp"

namespace null_blk {

/// What the request path needs of the device, in one cache line per hardware queue.
class alignas(64) HwQueue : Pinned {
public:
	HwQueue(PageStore* backing, Nanoseconds delay) : store(*backing), completion_time(delay) {}

	PageStore& store;
	const Nanoseconds completion_time;  // irqmode 2
	SpinLock poll_lock{lock_class<"null_blk HwQueue::poll_lock">};
	blk::RequestList poll_list GUARDED_BY(poll_lock);  // polled queues only
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

class Nullb : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// Builds the disk that `config`, which normalise() has passed, describes, and makes it appear.
	/// Context: process; sleeps.   Errors: ENOMEM; EINVAL from the block layer; EEXIST name taken.
	static Result<Box<Nullb>> create(const Config& config, PageStore& store, const char* name, u32 major,
					 Ida::Id&& id);
	Nullb(Key, const Config& config, PageStore& store, const char* name, Ida::Id&& id)
		: store_(store),
		  completion_time_(config.completion_nsec),
		  counts_{.submit = config.submit_queues, .poll = config.is_bio() ? 0 : config.poll_queues},
		  name_(name),
		  id_(move(id))
	{
	}

	/// Bios that wait for their timers end while the disk is still there.
	~Nullb();

	const char* name() const { return name_.c_str(); }
	u32 index() const { return id_.value(); }
	PageStore& store() { return store_; }
	/// What the tag set may have: what was configured, or what the core could get.
	blk::QueueCounts counts(u32 total) const;
	/// Only for index < submit + poll queues.
	HwQueue& hw_queue(u32 index) { return queues_[index]; }
	/// The queue of the CPU this runs on.   Context: any; the CPU may change at once.
	BioQueue& bio_queue();

private:
	Result<void> build(const Config& config);
	Result<void> build_mq(const Config& config, blk::MqDriverTable<Nullb> path);
	Result<void> build_bio(const Config& config, blk::BioDriverTable<Nullb> path);
	static blk::Limits limits(const Config& config);
	friend class Registry;

	PageStore& store_;
	const Nanoseconds completion_time_;
	const blk::QueueCounts counts_;
	FixedText<32> name_;  // as long as a disk's name may be
	Ida::Id id_;
	ListHook hook_;	 // in Registry's list of live disks, guarded by its lock
	Array<HwQueue> queues_;
	Array<Box<BioQueue>> bio_queues_;
	Box<blk::TagSet> tags_;
	blk::Disk disk_;  // last: I/O stops before what it uses goes

public:
	using List = IntrusiveList<&Nullb::hook_>;
};

}  // namespace null_blk
