// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/blk.hpp>

namespace cxxrt::blk {

namespace {

raw::cxxrt_limits to_c(const Limits& limits)
{
	return {
		.logical_block_size = limits.logical_block_size,
		.physical_block_size = limits.physical_block_size,
		.max_hw_sectors = limits.max_hw_sectors,
		.virt_boundary_mask = limits.virt_boundary_mask,
	};
}

/// How many queues there are of the kind that the kernel calls `type`.
u32 queues_of(u32 type, QueueCounts counts)
{
	if (type == raw::HCTX_TYPE_DEFAULT)
		return counts.submit;
	return type == raw::HCTX_TYPE_POLL ? counts.poll : 0;
}

constexpr raw::block_device_operations kMqDiskOps{.owner = &raw::__this_module};

}  // namespace

void detail::map_queues(raw::blk_mq_tag_set* set, QueueCounts counts)
{
	u32 offset = 0;
	for (u32 type = 0; type < set->nr_maps; ++type) {
		raw::blk_mq_queue_map& map = set->map[type];
		map.nr_queues = queues_of(type, counts);
		// A map without queues falls back to the default one and must not be filled.
		if (map.nr_queues == 0)
			continue;
		map.queue_offset = offset;
		offset += map.nr_queues;
		raw::blk_mq_map_queues(&map);
	}
}

void detail::put_back(raw::cxxrt_rq_list* list, raw::request* first, raw::request* last)
{
#if CXXRT_KERNEL_6_12
	last->rq_next = list->head;
	if (list->head == nullptr)
		list->tail = last;
	list->head = first;
#else
	last->rq_next = *list;
	*list = first;
#endif
}

Result<Box<TagSet>> TagSet::create(const raw::blk_mq_ops* ops, u32 pdu_size, const TagSetConfig& config, void* context)
{
	Box<TagSet> made = TRY(Box<TagSet>::make(Gfp::Kernel, Key{}));
	raw::blk_mq_tag_set& set = made->set_;
	set.ops = ops;
	set.cmd_size = pdu_size;
	set.flags = u32(raw::BLK_MQ_F_SHOULD_MERGE) | (config.blocking ? u32(raw::BLK_MQ_F_BLOCKING) : 0) |
		    (config.no_scheduler ? u32(raw::BLK_MQ_F_NO_SCHED) : 0) |
		    (config.shared_bitmap ? u32(raw::BLK_MQ_F_TAG_HCTX_SHARED) : 0);
	set.driver_data = context;
	set.nr_hw_queues = config.queues.submit + config.queues.poll;
	// Default, read (empty) and poll; without polled queues only the first.
	set.nr_maps = config.queues.poll != 0 ? 3 : 1;
	set.queue_depth = config.depth;
	set.numa_node = config.node.id();
	set.timeout = u32(raw::cxxrt_msecs_to_jiffies(config.timeout_ms));
	TRY(from_c(raw::blk_mq_alloc_tag_set(&set)));
	made->allocated_ = true;
	return made;
}

Result<Disk> Disk::create(TagSet& tags, const Limits& limits)
{
	const raw::cxxrt_limits c = to_c(limits);
	void* context = tags.set_.driver_data;
	raw::gendisk* disk = TRY(from_err_ptr(raw::cxxrt_blk_mq_alloc_disk(&tags.set_, &c, context)));
	disk->fops = &kMqDiskOps;
	disk->private_data = context;
	return Disk{disk};
}

Result<Disk> Disk::create_bio(const raw::block_device_operations* ops, const Limits& limits, Node node, void* context)
{
	const raw::cxxrt_limits c = to_c(limits);
	raw::gendisk* disk = TRY(from_err_ptr(raw::cxxrt_blk_alloc_disk(&c, node.id())));
	disk->fops = ops;
	disk->private_data = context;
	return Disk{disk};
}

Result<void> Disk::add(const Identity& identity)
{
	disk_->major = int(identity.major);
	disk_->first_minor = int(identity.first_minor);
	disk_->minors = 1;
	raw::cxxrt_strscpy(disk_->disk_name, identity.name, sizeof(disk_->disk_name));
	raw::set_capacity(disk_, identity.sectors);
	TRY(from_c(raw::cxxrt_add_disk(disk_, identity.blank)));
	added_ = true;
	return {};
}

void Disk::stop()
{
	if (exchange(added_, false))
		raw::del_gendisk(disk_);
}

void Disk::remove()
{
	if (disk_ == nullptr)
		return;
	stop();
	raw::put_disk(exchange(disk_, nullptr));
}

}  // namespace cxxrt::blk
