// SPDX-License-Identifier: GPL-2.0
#include "disk.hpp"

#include "path.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Status;

namespace {
constexpr u32 kTimeoutMs = 5000;
}

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

// --- multi-queue devices ---------------------------------------------------------------------

void MqQueues::wait_for_poll(HwQueue& queue, blk::Request<> request)
{
	Guard guard{queue.poll_lock};
	// Started under the lock: a timeout then finds the request in the list, or completed.
	queue.poll_list.push_back(request.start());
}

void MqQueues::fail_polled(HwQueue& queue, blk::Request<> request, Status status)
{
	blk::RequestList started;
	blk::RequestList failed;
	{
		Guard guard{queue.poll_lock};
		// To the timeout it goes from not started to ended: it is never in the queue's list.
		started.push_back(request.start());
		started.begin_completion(failed);
	}
	failed.pop_front().end(status);
}

u32 MqQueues::poll(HwQueue& queue, blk::CompletionBatch batch)
{
	blk::RequestList due;
	{
		Guard guard{queue.poll_lock};
		queue.poll_list.begin_completion(due);
	}
	u32 ended = 0;
	for (; !due.is_empty(); ++ended)
		batch.end(due.pop_front(), Status::Ok);
	return ended;
}

blk::TimeoutResult MqQueues::timeout(HwQueue& queue, blk::Request<> request, blk::QueueKind kind)
{
	// Everything but a polled request ends by itself: a slow transfer, or a long
	// completion_nsec, is not a lost request.
	if (kind != blk::QueueKind::Polled)
		return blk::TimeoutResult::Restart;
	blk::RequestList lost;
	{
		Guard guard{queue.poll_lock};
		// poll() has it and will end it, or has ended it already.
		if (!request.is_in_flight())
			return blk::TimeoutResult::Done;
		lost.push_back(queue.poll_list.remove(request));
	}
	log::info<"rq %p timed out">(request.id());
	lost.pop_front().end(Status::Timeout);
	return blk::TimeoutResult::Done;
}

blk::QueueCounts Nullb::counts(u32 total) const
{
	if (total == counts_.submit + counts_.poll)
		return counts_;
	log::warn<"tag set has unexpected nr_hw_queues: %u">(total);
	return {.submit = 1, .poll = 0};
}

Result<void> Nullb::build_mq(const Config& config, blk::MqDriverTable<Nullb> path)
{
	const Node node = config.node();
	queues_ = TRY(Array<HwQueue>::make(Gfp::Kernel, node, size_t(counts_.submit) + counts_.poll, &store_,
					   completion_time_));
	tags_ = TRY(blk::TagSet::create(path,
					{
						.depth = config.hw_queue_depth,
						.queues = counts_,
						.node = node,
						.timeout_ms = kTimeoutMs,
						.blocking = config.blocking,
						.no_scheduler = config.no_sched,
						.shared_bitmap = config.shared_tag_bitmap,
					},
					*this));
	disk_ = TRY(blk::Disk::create(*tags_, limits(config)));
	return {};
}

Result<void> Nullb::build_bio(const Config& config, blk::BioDriverTable<Nullb> path)
{
	const Node node = config.node();
	bio_queues_ = TRY(Array<Box<BioQueue>>::make(Gfp::Kernel, node, counts_.submit));
	for (Box<BioQueue>& queue : bio_queues_)
		queue = TRY(BioQueue::create(node, config.hw_queue_depth, completion_time_));
	disk_ = TRY(blk::Disk::create_bio(path, limits(config), node, *this));
	return {};
}

namespace {

/// Calls `f` with the configuration as template arguments: the only place that asks for it.
template <class F> auto with_path(const Config& config, F&& f)
{
	const auto with_backing = [&]<Backing Data>() {
		switch (config.irq_mode()) {
		case IrqMode::None:
			return f.template operator()<IrqMode::None, Data>();
		case IrqMode::Softirq:
			return f.template operator()<IrqMode::Softirq, Data>();
		case IrqMode::Timer:
			break;
		}
		return f.template operator()<IrqMode::Timer, Data>();
	};
	return config.memory_backed ? with_backing.template operator()<Backing::Memory>()
				    : with_backing.template operator()<Backing::None>();
}

}  // namespace

Result<void> Nullb::build(const Config& config)
{
	if constexpr (blk::kBioDisks) {
		if (config.is_bio())
			return build_bio(config, with_path(config, []<IrqMode Irq, Backing Data> {
						 return blk::BioDriverTable<Nullb>::of<BioPath<Irq, Data>>();
					 }));
	}
	return build_mq(config, with_path(config, []<IrqMode Irq, Backing Data> {
				return blk::MqDriverTable<Nullb>::of<MqPath<Irq, Data>>();
			}));
}

blk::Limits Nullb::limits(const Config& config)
{
	return {
		.logical_block_size = config.blocksize,
		.physical_block_size = config.blocksize,
		.max_hw_sectors = config.max_sectors,
		.virt_boundary_mask = config.virt_boundary ? kPageSize - 1 : 0,
	};
}

Nullb::~Nullb()
{
	disk_.stop();
	bio_queues_.reset();
}

Result<Box<Nullb>> Nullb::create(const Config& config, PageStore& store, const char* name, u32 major, Ida::Id&& id)
{
	Box<Nullb> disk = TRY(Box<Nullb>::make_on(config.node(), Gfp::Kernel, Key{}, config, store, name, move(id)));
	TRY(disk->build(config));
	TRY(disk->disk_.add({
		.name = disk->name(),
		.major = major,
		.first_minor = disk->index(),
		.sectors = config.capacity(),
		.blank = store.is_empty(),
	}));
	return disk;
}

}  // namespace null_blk
