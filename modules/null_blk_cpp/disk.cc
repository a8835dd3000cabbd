// SPDX-License-Identifier: GPL-2.0
#include "disk.hpp"

#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Status;

namespace {
constexpr u32 kTimeoutMs = 5000;
constexpr u32 kTries = 1000;
}  // namespace

// --- bio devices -----------------------------------------------------------------------------

void BioCommand::start(blk::Bio&& bio, Status status)
{
	status_ = status;
	move(bio).park(bio_);
	timer_.start(queue_->completion_time_);
}

BioCommand::~BioCommand()
{
	// A bio disk goes without waiting for its bios: what still waits for its timer ends here.
	timer_.cancel();
	if (bio_)
		blk::Bio::unpark(bio_).end(status_);
}

Restart BioCommand::expired()
{
	blk::Bio bio = blk::Bio::unpark(bio_);
	const Status status = status_;
	// The command first: whoever waits for it may run while the bio ends.
	queue_->give_back(index_);
	move(bio).end(status);
	return Restart::No;
}

Result<Box<BioQueue>> BioQueue::create(Node node, u32 depth, Nanoseconds completion_time)
{
	if (depth == 0)
		return EINVAL;
	Bitmap claimed = TRY(Bitmap::create(Gfp::Kernel, node, depth));
	Box<BioQueue> queue = TRY(Box<BioQueue>::make_on(node, Gfp::Kernel, move(claimed), completion_time));
	queue->commands_ = TRY(Array<BioCommand>::make(Gfp::Kernel, node, depth, queue.get()));
	u32 index = 0;
	for (BioCommand& command : queue->commands_)
		command.index_ = index++;
	return queue;
}

void BioQueue::submit(blk::Bio&& bio, Status status)
{
	const Optional<u32> claimed = room_.wait_for([this] { return claimed_.try_claim(); });
	commands_[*claimed].start(move(bio), status);
}

void BioQueue::give_back(u32 index)
{
	claimed_.give_back(index);
	room_.wake_one();
}

BioQueue& Nullb::bio_queue()
{
	const u32 queues = u32(bio_queues_.size());
	// Neighbouring CPUs share a queue.
	const u32 cpus_per_queue = (cpu_id_limit() + queues - 1) / queues;
	return *bio_queues_[current_cpu() / cpus_per_queue];
}

// --- requests that are not just done -----------------------------------------------------------

void Nullb::lose(HwQueue& queue, blk::Request<> request)
{
	Guard guard{queue.poll_lock};
	queue.lost.push_back(request.start());
}

Optional<Status> Nullb::divert(HwQueue& queue, blk::Request<> request)
{
	if (faults_.timeout.happens()) {
		lose(queue, request);
		return Status::Ok;
	}
	if (faults_.requeue.happens()) {
		// The block layer's way and the driver's, in turn.
		if (queue.requeued.fetch_add(1) % 2 == 0)
			return Status::Resource;
		request.requeue();
		return Status::Ok;
	}
	// Not DevResource: the queue may have been restarted before the block layer has put this one back,
	// and then nobody else would look at it.
	if (throttle_ && !throttle_->admits(request.bytes()))
		return Status::Resource;
	return {};
}

Status Nullb::handle(Io& io) { return zones_ ? zones_->handle(io) : medium_.access(io).status; }

Status Nullb::handle(blk::Request<> request)
{
	Io io{request.io()};
	const Status status = handle(io);
	if (io.op == blk::Op::ZoneAppend)
		request.set_sector(io.sector);
	return status;
}

Status Nullb::handle_slowly(Io& io)
{
	// Others may use up, in between, what was prepared; not for ever.
	for (u32 tries = 0; tries < kTries; ++tries) {
		if (!medium_.prepare(io, zones_ ? zones_->target(io) : io.sector).ok())
			return Status::NoSpace;
		io.prepared = true;
		const Status status = handle(io);
		if (status != Status::Resource)
			return status;
	}
	return Status::NoSpace;
}

Status Nullb::handle(blk::BioView bio)
{
	Io io{bio.io()};
	if (bio.is_preflush() && !medium_.flush().ok())
		return Status::NoSpace;
	if (io.sectors == 0 && io.is_write())
		return Status::Ok;
	Status status = handle(io);
	if (status == Status::Resource)
		status = handle_slowly(io);
	if (io.op == blk::Op::ZoneAppend)
		bio.set_sector(io.sector);
	return status;
}

void Nullb::end_parked(blk::NoPdu& tag, Status status)
{
	blk::InFlight<> rq = blk::InFlight<>::unpark(tag);
	if (status != Status::Resource) {
		move(rq).end(status);
		return;
	}
	{
		Guard guard{deferred_lock_};
		deferred_.push_back(move(rq));
	}
	worker_.schedule_long();
}

void Nullb::work_on_deferred()
{
	blk::RequestList all;
	{
		Guard guard{deferred_lock_};
		deferred_.splice_to(all);
	}
	while (!all.is_empty()) {
		blk::InFlight<> rq = all.pop_front();
		const blk::Request<> request = rq.request();
		Io io{request.io()};
		const Status status = handle_slowly(io);
		if (io.op == blk::Op::ZoneAppend)
			request.set_sector(io.sector);
		move(rq).end(status);
	}
}

void Nullb::check_each_request()
{
	checks_each_request_.store_relaxed(1);
	for (HwQueue& queue : queues_)
		queue.check_each_request();
}

// --- tags and queues -------------------------------------------------------------------------------

Result<Box<TagSpace>> TagSpace::create(const Config& config, Table path)
{
	const blk::QueueCounts counts{.submit = config.submit_queues, .poll = config.poll_queues};
	Box<TagSpace> made = TRY(Box<TagSpace>::make(Gfp::Kernel, Key{}, counts));
	made->set_ = TRY(blk::TagSet::create(path,
					     {
						     .depth = config.hw_queue_depth,
						     .queues = counts,
						     .node = config.node(),
						     .timeout_ms = kTimeoutMs,
						     .may_poll = params::most_poll_queues() != 0,
						     // What takes sleep is a worker's, so memory does not ask for it.
						     .blocking = config.blocking && !config.memory_backed,
						     .no_scheduler = config.no_sched,
						     .shared_bitmap = config.shared_tag_bitmap,
					     },
					     *made));
	return made;
}

blk::QueueCounts TagSpace::counts(u32 total) const
{
	if (total == wanted_.submit + wanted_.poll)
		return wanted_;
	if (total == before_.submit + before_.poll)
		return before_;
	log::warn<"tag set has unexpected nr_hw_queues: %u">(total);
	return {.submit = 1, .poll = 0};
}

Result<void> TagSpace::resize(blk::QueueCounts counts)
{
	before_ = exchange(wanted_, counts);
	const Result<void> resized = set_->resize(counts.submit + counts.poll);
	if (!resized.ok())
		wanted_ = before_;
	before_ = wanted_;
	return resized;
}

Result<void> Nullb::resize(blk::QueueCounts counts)
{
	if (!own_tags_)
		return EINVAL;
	return own_tags_->resize(counts);
}

Result<HwQueue*> Nullb::init_queue(u32 index)
{
	HwQueue& queue = queues_[index];
	// When the number of queues changes, those that were there are set up again; to fail then is more than
	// the block layer takes.
	if (!queue.was_set_up && faults_.init_hctx.happens())
		return EFAULT;
	queue.was_set_up = true;
	return &queue;
}

// --- building ----------------------------------------------------------------------------------------

Nullb::Nullb(Key, const Config& config, const Source& source, const char* name, Ida::Id&& id)
	: store_(source.store),
	  faults_(source.faults),
	  tags_(source.shared),
	  name_(name),
	  id_(move(id)),
	  medium_(config, source.store, source.bad)
{
	if (source.bad.in_use.load_relaxed() != 0 || faults_.timeout.is_on() || faults_.requeue.is_on())
		check_each_request();
}

bool Nullb::needs_everything(const Config& config) const { return zones_ || medium_.has_cache() || config.mbps != 0; }

Result<void> Nullb::build_mq(const Config& config, TagSpace::Table path)
{
	const Node node = config.node();
	if (config.irq_mode() == IrqMode::Timer)
		timers_ = TRY(Array<TimerQueue>::make(Gfp::Kernel, node, cpu_id_limit(),
						      Nanoseconds{config.completion_nsec}));
	// As many as there may ever be: resize() adds some.
	queues_ = TRY(Array<HwQueue>::make(Gfp::Kernel, node, size_t(cpu_id_limit()) + params::most_poll_queues(), this,
					   &store_, timers_.begin(), config.irq_mode()));
	if (checks_each_request())
		check_each_request();
	if (tags_ == nullptr) {
		own_tags_ = TRY(TagSpace::create(config, path));
		tags_ = own_tags_.get();
	}
	disk_ = TRY(blk::Disk::create(tags_->set(), limits(config), *this));
	if (config.mbps != 0)
		throttle_ = TRY(Box<Throttle>::make(Gfp::Kernel, disk_, config.mbps));
	return {};
}

Result<void> Nullb::build_bio(const Config& config, blk::BioDriverTable<Nullb> path)
{
	const Node node = config.node();
	bio_queues_ = TRY(Array<Box<BioQueue>>::make(Gfp::Kernel, node, config.submit_queues));
	for (Box<BioQueue>& queue : bio_queues_)
		queue = TRY(BioQueue::create(node, config.hw_queue_depth, Nanoseconds{config.completion_nsec}));
	disk_ = TRY(blk::Disk::create_bio(path, limits(config), node, *this));
	return {};
}

Result<void> Nullb::build(Config& config)
{
	TRY(medium_.build(config));
	if (config.zoned)
		zones_ = TRY(Zones::create(config, medium_, name()));
	Backing backing = config.memory_backed ? Backing::Memory : Backing::None;
	if (needs_everything(config))
		backing = Backing::Any;
	if constexpr (blk::kBioDisks) {
		if (config.is_bio())
			return build_bio(config, bio_path(config.irq_mode(), backing));
	}
	return build_mq(config, mq_path(config.irq_mode(), backing));
}

blk::Limits Nullb::limits(const Config& config) const
{
	const bool can_discard = config.discard && config.memory_backed && !config.zoned;
	const bool can_zero = config.memory_backed && !config.zoned;
	return {
		.logical_block_size = config.blocksize,
		.physical_block_size = config.blocksize,
		.max_hw_sectors = config.max_sectors,
		.virt_boundary_mask = config.virt_boundary ? kPageSize - 1 : 0,
		.max_discard_sectors = can_discard ? blk::kMostSectors : 0,
		.max_write_zeroes_sectors = can_zero ? blk::kMostSectors : 0,
		.write_cache = medium_.has_cache(),
		.fua = medium_.has_cache() && config.fua,
		.rotational = config.rotational,
		.zones = zones_ ? zones_->limits() : blk::ZoneLimits{},
	};
}

Nullb::~Nullb()
{
	// What waits for the throttle must not hold up those who wait for the requests.
	if (throttle_)
		throttle_->lift();
	disk_.stop();
	if (throttle_)
		throttle_->stop();
	bio_queues_.reset();
}

Result<void> Nullb::add(const Config& config, u32 major)
{
	TRY(disk_.add(
		{
			.name = name(),
			.major = major,
			.first_minor = index(),
			.sectors = config.capacity(),
			.blank = store_.is_empty(),
		},
		limits(config)));
	if (zones_ && !blk::kBioDisks)
		log::info<"%s: using %s zone append">(name(), disk_.emulates_zone_append() ? "emulated" : "native");
	return {};
}

Result<Box<Nullb>> Nullb::create(Config& config, const Source& source, const char* name, u32 major, Ida::Id&& id)
{
	Box<Nullb> disk = TRY(Box<Nullb>::make_on(config.node(), Gfp::Kernel, Key{}, config, source, name, move(id)));
	TRY(disk->build(config));
	TRY(disk->add(config, major));
	return disk;
}

}  // namespace null_blk
