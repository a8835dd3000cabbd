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
		.max_discard_sectors = limits.max_discard_sectors,
		.max_write_zeroes_sectors = limits.max_write_zeroes_sectors,
		.write_cache = limits.write_cache,
		.fua = limits.fua,
		.rotational = limits.rotational,
		.zone_sectors = limits.zones.zone_sectors,
		.max_zone_append_sectors = limits.zones.max_append_sectors,
		.max_open_zones = limits.zones.max_open,
		.max_active_zones = limits.zones.max_active,
		.max_segments = limits.max_segments,
		.max_segment_size = limits.max_segment_size,
		.max_discard_segments = limits.max_discard_segments,
		.dma_alignment = limits.dma_alignment,
		.io_min = limits.io_min,
		.io_opt = limits.io_opt,
		.chunk_sectors = limits.chunk_sectors,
		.atomic_max = limits.atomic.max,
		.atomic_boundary = limits.atomic.boundary,
		.atomic_unit_min = limits.atomic.unit_min,
		.atomic_unit_max = limits.atomic.unit_max,
		.tuple_bytes = limits.integrity.tuple_bytes,
		.tuple_guard = u32(limits.integrity.guard),
		.tuple_tag_bytes = limits.integrity.tag_bytes,
		.tuple_has_reference = limits.integrity.has_reference,
		.tuple_offset = limits.integrity.offset,
		.max_integrity_segments = limits.integrity.max_segments,
	};
}

raw::blk_zone to_c(const ZoneInfo& zone)
{
	raw::blk_zone c{};
	c.start = zone.start;
	c.len = zone.length;
	c.wp = zone.write_pointer;
	c.type = u8(zone.conventional ? raw::BLK_ZONE_TYPE_CONVENTIONAL : raw::BLK_ZONE_TYPE_SEQWRITE_REQ);
	c.cond = u8(zone.condition);
	c.capacity = zone.capacity;
	return c;
}

/// How many queues there are of the kind that the kernel calls `type`.
u32 queues_of(u32 type, QueueCounts counts)
{
	if (type == raw::HCTX_TYPE_DEFAULT)
		return counts.submit;
	if (type == raw::HCTX_TYPE_READ)
		return counts.read;
	return type == raw::HCTX_TYPE_POLL ? counts.poll : 0;
}

}  // namespace

void detail::map_queues(raw::blk_mq_tag_set* set, QueueCounts counts, QueueVectors vectors)
{
	u32 offset = 0;
	for (u32 type = 0; type < min(set->nr_maps, u32(raw::HCTX_MAX_TYPES)); ++type) {
		raw::blk_mq_queue_map& map = set->map[type];
		map.nr_queues = queues_of(type, counts);
		// A map without queues falls back to the default one and must not be filled.
		if (map.nr_queues == 0)
			continue;
		map.queue_offset = offset;
		if (vectors.dev_ != nullptr && type != raw::HCTX_TYPE_POLL)
			raw::cxxrt_blk_mq_pci_map_queues(&map, vectors.dev_, int(vectors.first_ + offset));
		else
			raw::blk_mq_map_queues(&map);
		offset += map.nr_queues;
	}
}

raw::request* detail::add_refused(raw::request* last, raw::request* rq)
{
	rq->rq_next = last != nullptr ? last->rq_next : rq;
	if (last != nullptr)
		last->rq_next = rq;
	return rq;
}

void detail::put_back(raw::cxxrt_rq_list* list, raw::request* last)
{
	raw::request* first = last->rq_next;
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

Result<void> TagSet::allocate(const raw::blk_mq_ops* ops, u32 pdu_size, const TagSetConfig& config, void* tags)
{
	set_.ops = ops;
	set_.cmd_size = pdu_size;
	set_.flags = u32(raw::BLK_MQ_F_SHOULD_MERGE) | (config.blocking ? u32(raw::BLK_MQ_F_BLOCKING) : 0) |
		     (config.no_scheduler ? u32(raw::BLK_MQ_F_NO_SCHED) : 0) |
		     (config.shared_bitmap ? u32(raw::BLK_MQ_F_TAG_HCTX_SHARED) : 0);
	set_.driver_data = tags;
	set_.nr_hw_queues = config.queues.total();
	// Default, read and poll: as far as the last that may have queues.
	set_.nr_maps = 1;
	if (config.queues.read != 0)
		set_.nr_maps = 2;
	if (config.may_poll || config.queues.poll != 0)
		set_.nr_maps = 3;
	set_.queue_depth = config.depth;
	set_.reserved_tags = config.reserved;
	set_.numa_node = config.node.id();
	set_.timeout = u32(raw::cxxrt_msecs_to_jiffies(config.timeout_ms));
	TRY(from_c(raw::blk_mq_alloc_tag_set(&set_)));
	allocated_ = true;
	return {};
}

Result<void> TagSet::resize(u32 total)
{
	raw::blk_mq_update_nr_hw_queues(&set_, int(total));
	if (set_.nr_hw_queues != total)
		return ENOMEM;
	return {};
}

Result<Disk> Disk::create(TagSet& tags, const Limits& limits, const raw::block_device_operations* ops, void* context)
{
	const raw::cxxrt_limits c = to_c(limits);
	raw::gendisk* disk = TRY(from_err_ptr(raw::cxxrt_blk_mq_alloc_disk(&tags.set_, &c, context)));
	disk->fops = ops;
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

int detail::DeviceZoneReporter::run(raw::gendisk* disk, u64 sector, u32 most, raw::report_zones_cb take, void* data,
				    Ask ask)
{
	Result<Array<ZoneInfo>> room = Array<ZoneInfo>::make(Gfp::Kernel, Node{}, kZonesInReport);
	if (!room.ok())
		return room.error().to_c();
	Array<ZoneInfo> zones = room.take();
	u32 told = 0;
	while (told < most) {
		raw::cxxrt_disk_context_get();
		// ~Disk() clears it: the Context may be gone by now.
		void* context = disk->private_data;
		const Result<u32> found = context != nullptr ? ask(context, sector, zones) : Result<u32>{ENODEV};
		raw::cxxrt_disk_context_put();
		if (!found.ok())
			return found.error().to_c();
		const u32 count = min(Result<u32>{found}.take(), most - told);
		for (u32 i = 0; i < count; ++i) {
			raw::blk_zone c = to_c(zones[i]);
			if (const int error = take(&c, told + i, data); error != 0)
				return error;
			sector = zones[i].start + zones[i].length;
		}
		told += count;
		if (count == 0)
			break;
	}
	return int(told);
}

int detail::ZoneReporter::run(raw::gendisk* disk, u64 sector, u32 most, raw::report_zones_cb take, void* data, Ask ask)
{
	u32 told = 0;
	while (told < most) {
		ZoneBatch batch;
		raw::cxxrt_disk_context_get();
		// ~Disk() clears it: the Context may be gone by now.
		void* context = disk->private_data;
		const u32 found = context != nullptr ? ask(context, sector, {.most = most, .told = told}, batch) : 0;
		raw::cxxrt_disk_context_put();
		if (found == 0)
			break;
		for (u32 i = 0; i < found; ++i) {
			raw::blk_zone c = to_c(batch[i]);
			if (const int error = take(&c, told + i, data); error != 0)
				return error;
		}
		told += found;
	}
	return int(told);
}

Result<void> Disk::add(const Identity& identity, const Limits& limits, DiskFiles files)
{
	disk_->major = int(identity.major);
	disk_->first_minor = int(identity.first_minor);
	disk_->minors = identity.major != 0 ? 1 : 0;
	raw::cxxrt_strscpy(disk_->disk_name, identity.name, sizeof(disk_->disk_name));
	raw::set_capacity(disk_, identity.sectors);
	if (limits.zones.zone_sectors != 0 && identity.sectors != 0) {
		const raw::cxxrt_limits c = to_c(limits);
		TRY(from_c(raw::cxxrt_set_zoned(disk_, &c)));
	}
	TRY(from_c(
		raw::cxxrt_add_disk(disk_, identity.blank, identity.hidden, files.parent.unsafe_raw(), files.groups)));
	added_ = true;
	return {};
}

Result<void> Disk::begin_update(const Limits& limits)
{
	const raw::cxxrt_limits c = to_c(limits);
	raw::cxxrt_blk_mq_freeze_queue(disk_->queue);
	const Result<void> done = from_c(raw::cxxrt_update_limits(disk_, &c));
	if (!done.ok())
		raw::cxxrt_blk_mq_unfreeze_queue(disk_->queue);
	return done;
}

Result<void> Disk::end_update(const Limits& limits, const Changeable& now)
{
	raw::set_capacity_and_notify(disk_, now.sectors);
	raw::set_disk_ro(disk_, now.read_only);
	raw::cxxrt_blk_mq_unfreeze_queue(disk_->queue);
	if (limits.zones.zone_sectors == 0 || now.sectors == 0)
		return {};
	const raw::cxxrt_limits c = to_c(limits);
	return from_c(raw::cxxrt_set_zoned(disk_, &c));
}

bool Limits::has_profile() const
{
	const raw::cxxrt_limits c = to_c(*this);
	return raw::cxxrt_has_integrity_profile(&c);
}

void Disk::stop()
{
	if (!exchange(added_, false))
		return;
	raw::del_gendisk(disk_);
}

void Disk::remove()
{
	stop();
	raw::cxxrt_disk_forget_context(disk_);
	raw::put_disk(exchange(disk_, nullptr));
}

}  // namespace cxxrt::blk
