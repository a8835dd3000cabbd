// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#include <linux/badblocks.h>
#include <linux/bio.h>
#include <linux/blk-integrity.h>
#include <linux/blk-mq-pci.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/t10-pi.h>
#include "blk.h"

/*
 * add_disk() does not look whether there was memory for the name, and then fails with EINVAL; a name that is there stays.
 *
 * On 6.12 the search for partitions opens a file, which is closed when the system call returns. Where that is the one
 * that loads the module, and init fails after all, the module's memory is gone by then: a blank disk is not searched.
 */
int cxxrt_add_disk(struct gendisk *disk, bool blank, bool hidden, struct device *parent,
		   const struct attribute_group **groups)
{
	int err = dev_set_name(disk_to_dev(disk), "%s", disk->disk_name);

	if (err)
		return err;
	if (hidden)
		disk->flags |= GENHD_FL_HIDDEN;
	if (blank)
		set_bit(GD_SUPPRESS_PART_SCAN, &disk->state);
	err = device_add_disk(parent, disk, groups);
	if (blank)
		clear_bit(GD_SUPPRESS_PART_SCAN, &disk->state);
	return err;
}

int cxxrt_badblocks_check(struct badblocks *bb, u64 sector, u64 sectors, u64 *first, u64 *count)
{
	sector_t bad = 0;
	int length = 0;
	int found = badblocks_check(bb, sector, sectors, &bad, &length);

	*first = bad;
	*count = length;
	return found;
}

int cxxrt_badblocks_clear(struct badblocks *bb, u64 sector, u64 sectors)
{
	return badblocks_clear(bb, sector, sectors);
}

int cxxrt_badblocks_set(struct badblocks *bb, u64 sector, u64 sectors)
{
	return badblocks_set(bb, sector, sectors, 1);
}

void cxxrt_bio_advance_iter(const struct bio *bio, struct bvec_iter *iter, u32 bytes)
{
	bio_advance_iter_single(bio, iter, bytes);
}

struct bio_vec cxxrt_bio_iter_iovec(const struct bio *bio, struct bvec_iter iter)
{
	return bio_iter_iovec(bio, iter);
}

u32 cxxrt_bio_bytes(const struct bio *bio)
{
	return bio->bi_iter.bi_size;
}

bool cxxrt_bio_is_fua(const struct bio *bio)
{
	return bio->bi_opf & REQ_FUA;
}

bool cxxrt_bio_is_preflush(const struct bio *bio)
{
	return bio->bi_opf & REQ_PREFLUSH;
}

u32 cxxrt_bio_op(const struct bio *bio)
{
	return bio_op((struct bio *)bio);
}

void *cxxrt_bio_private_data(const struct bio *bio)
{
	return bio->bi_bdev->bd_disk->private_data;
}

u64 cxxrt_bio_sector(const struct bio *bio)
{
	return bio->bi_iter.bi_sector;
}

void cxxrt_bio_set_sector(struct bio *bio, u64 sector)
{
	bio->bi_iter.bi_sector = sector;
}

void cxxrt_bio_set_status(struct bio *bio, blk_status_t status)
{
	bio->bi_status = status;
}

/* badblocks_show() goes on, with a kernel warning, when the page is full. */
ssize_t __cold cxxrt_badblocks_show(struct badblocks *bb, char *page)
{
	const u64 *p = bb->page;
	ssize_t length;
	unsigned int seq;

	do {
		int i;

		length = 0;
		seq = read_seqbegin(&bb->lock);
		for (i = 0; i < bb->count; i++) {
			int bytes = snprintf(page + length, PAGE_SIZE - length, "%llu %u\n",
					     (unsigned long long)BB_OFFSET(p[i]) << max(bb->shift, 0),
					     (unsigned int)BB_LEN(p[i]) << max(bb->shift, 0));

			if (length + bytes >= PAGE_SIZE)
				break;
			length += bytes;
		}
	} while (read_seqretry(&bb->lock, seq));
	page[length] = '\0';
	return length;
}

#if CXXRT_KERNEL_6_12
static void cxxrt_put_limits(struct queue_limits *lim, const struct cxxrt_limits *limits)
{
	lim->logical_block_size = limits->logical_block_size;
	lim->physical_block_size = limits->physical_block_size;
	lim->max_hw_sectors = limits->max_hw_sectors;
	lim->virt_boundary_mask = limits->virt_boundary_mask;
	lim->max_hw_discard_sectors = limits->max_discard_sectors;
	lim->discard_granularity = limits->max_discard_sectors ? limits->logical_block_size : 0;
	lim->max_write_zeroes_sectors = limits->max_write_zeroes_sectors;
	lim->features &= ~(BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA | BLK_FEAT_ROTATIONAL | BLK_FEAT_ZONED);
	lim->features |= (limits->write_cache ? BLK_FEAT_WRITE_CACHE : 0) | (limits->fua ? BLK_FEAT_FUA : 0) |
			 (limits->rotational ? BLK_FEAT_ROTATIONAL : 0) | (limits->zone_sectors ? BLK_FEAT_ZONED : 0);
	lim->chunk_sectors = limits->zone_sectors ? limits->zone_sectors : limits->chunk_sectors;
	lim->max_segments = limits->max_segments;
	lim->max_segment_size = limits->max_segment_size;
	lim->max_discard_segments = limits->max_discard_segments;
	lim->dma_alignment = limits->dma_alignment;
	lim->io_min = limits->io_min;
	lim->io_opt = limits->io_opt;
	lim->max_zone_append_sectors = limits->max_zone_append_sectors;
	lim->max_open_zones = limits->max_open_zones;
	lim->max_active_zones = limits->max_active_zones;
	lim->zone_write_granularity = 0;
	lim->atomic_write_hw_max = limits->atomic_max;
	lim->atomic_write_hw_boundary = limits->atomic_boundary;
	lim->atomic_write_hw_unit_min = limits->atomic_unit_min;
	lim->atomic_write_hw_unit_max = limits->atomic_unit_max;
	lim->max_integrity_segments = limits->max_integrity_segments;
	lim->integrity = (struct blk_integrity) {
		.csum_type = limits->tuple_guard == 2 ? BLK_INTEGRITY_CSUM_CRC64 :
			     limits->tuple_guard == 1 ? BLK_INTEGRITY_CSUM_CRC : BLK_INTEGRITY_CSUM_NONE,
		.flags = (limits->tuple_guard ? BLK_INTEGRITY_DEVICE_CAPABLE : 0) |
			 (limits->tuple_has_reference ? BLK_INTEGRITY_REF_TAG : 0),
		.tuple_size = limits->tuple_bytes,
		.pi_offset = limits->tuple_offset,
		.tag_size = limits->tuple_tag_bytes,
	};
}

static struct queue_limits cxxrt_queue_limits(const struct cxxrt_limits *limits)
{
	struct queue_limits lim = {};

	cxxrt_put_limits(&lim, limits);
	return lim;
}

/* The queue is frozen. What user space has set for it stays. */
int cxxrt_update_limits(struct gendisk *disk, const struct cxxrt_limits *limits)
{
	struct queue_limits lim = queue_limits_start_update(disk->queue);
	u8 integrity_flags = lim.integrity.tuple_size ? lim.integrity.flags : 0;

	cxxrt_put_limits(&lim, limits);
	lim.integrity.flags |= integrity_flags & (BLK_INTEGRITY_NOVERIFY | BLK_INTEGRITY_NOGENERATE);
	return queue_limits_commit_update(disk->queue, &lim);
}

bool cxxrt_has_integrity_profile(const struct cxxrt_limits *limits)
{
	return true;
}

/* The disk has its capacity and its operations by now, which are asked for the zones. */
int cxxrt_set_zoned(struct gendisk *disk, const struct cxxrt_limits *limits)
{
	return blk_revalidate_disk_zones(disk);
}

bool cxxrt_emulates_zone_append(struct gendisk *disk)
{
	return queue_emulates_zone_append(disk->queue);
}

struct gendisk *cxxrt_blk_alloc_disk(const struct cxxrt_limits *limits, int node)
{
	struct queue_limits lim = cxxrt_queue_limits(limits);

	return blk_alloc_disk(&lim, node);
}

struct gendisk *cxxrt_blk_mq_alloc_disk(struct blk_mq_tag_set *set, const struct cxxrt_limits *limits, void *queuedata)
{
	struct queue_limits lim = cxxrt_queue_limits(limits);

	return blk_mq_alloc_disk(set, &lim, queuedata);
}
#else
/* These are in modules that need not be there; a driver that uses them is not to depend on those. */
extern const struct blk_integrity_profile t10_pi_type1_crc __weak;
extern const struct blk_integrity_profile t10_pi_type3_crc __weak;
extern const struct blk_integrity_profile ext_pi_type1_crc64 __weak;
extern const struct blk_integrity_profile ext_pi_type3_crc64 __weak;

static const struct blk_integrity_profile *cxxrt_integrity_profile(const struct cxxrt_limits *limits)
{
	if (limits->tuple_guard == 2)
		return limits->tuple_has_reference ? &ext_pi_type1_crc64 : &ext_pi_type3_crc64;
	return limits->tuple_has_reference ? &t10_pi_type1_crc : &t10_pi_type3_crc;
}

bool cxxrt_has_integrity_profile(const struct cxxrt_limits *limits)
{
	return limits->tuple_guard == 0 || cxxrt_integrity_profile(limits);
}

static void cxxrt_set_integrity(struct gendisk *disk, const struct cxxrt_limits *limits)
{
	struct blk_integrity integrity = {
		.flags = limits->tuple_guard ? BLK_INTEGRITY_DEVICE_CAPABLE : 0,
		.tuple_size = limits->tuple_bytes,
		.tag_size = limits->tuple_tag_bytes,
	};

	blk_integrity_unregister(disk);
	if (!limits->tuple_bytes)
		return;
	if (limits->tuple_guard)
		integrity.profile = cxxrt_integrity_profile(limits);
	blk_integrity_register(disk, &integrity);
	blk_queue_max_integrity_segments(disk->queue, limits->max_integrity_segments);
}

static void cxxrt_set_limits(struct gendisk *disk, const struct cxxrt_limits *limits)
{
	struct request_queue *q = disk->queue;

	blk_queue_logical_block_size(q, limits->logical_block_size);
	blk_queue_physical_block_size(q, limits->physical_block_size);
	if (limits->max_hw_sectors)
		blk_queue_max_hw_sectors(q, limits->max_hw_sectors);
	if (limits->virt_boundary_mask)
		blk_queue_virt_boundary(q, limits->virt_boundary_mask);
	q->limits.discard_granularity = limits->max_discard_sectors ? limits->logical_block_size : 0;
	blk_queue_max_discard_sectors(q, limits->max_discard_sectors);
	if (limits->max_segments)
		blk_queue_max_segments(q, limits->max_segments);
	/* With a virtual boundary there is none: blk_queue_virt_boundary() has said so. */
	if (limits->max_segment_size && !limits->virt_boundary_mask)
		blk_queue_max_segment_size(q, limits->max_segment_size);
	if (limits->max_discard_segments)
		blk_queue_max_discard_segments(q, limits->max_discard_segments);
	if (limits->dma_alignment)
		blk_queue_dma_alignment(q, limits->dma_alignment);
	if (limits->io_min)
		blk_queue_io_min(q, limits->io_min);
	if (limits->io_opt)
		blk_queue_io_opt(q, limits->io_opt);
	if (!limits->zone_sectors)
		blk_queue_chunk_sectors(q, limits->chunk_sectors);
	blk_queue_max_write_zeroes_sectors(q, limits->max_write_zeroes_sectors);
	blk_queue_write_cache(q, limits->write_cache, limits->fua);
	if (!limits->rotational)
		blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	cxxrt_set_integrity(disk, limits);
}

/* The queue is frozen. */
int cxxrt_update_limits(struct gendisk *disk, const struct cxxrt_limits *limits)
{
	cxxrt_set_limits(disk, limits);
	disk_update_readahead(disk);
	return 0;
}

/* The disk has its capacity and its operations by now, which are asked for the zones. */
int cxxrt_set_zoned(struct gendisk *disk, const struct cxxrt_limits *limits)
{
	struct request_queue *q = disk->queue;

	disk_set_zoned(disk, BLK_ZONED_HM);
	blk_queue_flag_set(QUEUE_FLAG_ZONE_RESETALL, q);
	blk_queue_required_elevator_features(q, ELEVATOR_F_ZBD_SEQ_WRITE);
	if (queue_is_mq(q)) {
		int err = blk_revalidate_disk_zones(disk, NULL);

		if (err)
			return err;
	} else {
		blk_queue_chunk_sectors(q, limits->zone_sectors);
		disk->nr_zones = bdev_nr_zones(disk->part0);
	}
	blk_queue_max_zone_append_sectors(q, limits->max_zone_append_sectors ?: limits->zone_sectors);
	disk_set_max_open_zones(disk, limits->max_open_zones);
	disk_set_max_active_zones(disk, limits->max_active_zones);
	return 0;
}

bool cxxrt_emulates_zone_append(struct gendisk *disk)
{
	return false;
}

struct gendisk *cxxrt_blk_alloc_disk(const struct cxxrt_limits *limits, int node)
{
	struct gendisk *disk = blk_alloc_disk(node);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	cxxrt_set_limits(disk, limits);
	return disk;
}

struct gendisk *cxxrt_blk_mq_alloc_disk(struct blk_mq_tag_set *set, const struct cxxrt_limits *limits, void *queuedata)
{
	struct gendisk *disk = blk_mq_alloc_disk(set, queuedata);

	if (!IS_ERR(disk))
		cxxrt_set_limits(disk, limits);
	return disk;
}
#endif

bool cxxrt_blk_hctx_is_poll(const struct blk_mq_hw_ctx *hctx)
{
	return hctx->type == HCTX_TYPE_POLL;
}

/*
 * del_gendisk() waits for requests, and not for those who ask for zones: they look at a disk's private data while they
 * hold this, which is never for long.
 */
static DECLARE_RWSEM(cxxrt_disk_contexts);

void cxxrt_disk_context_get(void)
{
	down_read(&cxxrt_disk_contexts);
}

void cxxrt_disk_context_put(void)
{
	up_read(&cxxrt_disk_contexts);
}

/* The disk has been deleted: no bio comes to the driver any more. */
void cxxrt_disk_forget_context(struct gendisk *disk)
{
	down_write(&cxxrt_disk_contexts);
	disk->private_data = NULL;
	up_write(&cxxrt_disk_contexts);
}

bool cxxrt_blk_mq_add_to_batch(struct request *rq, struct io_comp_batch *batch, bool failed)
{
	return blk_mq_add_to_batch(rq, batch, failed, blk_mq_end_request_batch);
}

bool cxxrt_blk_mq_request_in_flight(struct request *rq)
{
	return blk_mq_rq_state(rq) == MQ_RQ_IN_FLIGHT;
}

struct request *cxxrt_blk_mq_rq_from_pdu(void *pdu)
{
	return blk_mq_rq_from_pdu(pdu);
}

void *cxxrt_blk_mq_rq_to_pdu(struct request *rq)
{
	return blk_mq_rq_to_pdu(rq);
}

void cxxrt_blk_mq_set_request_complete(struct request *rq)
{
	blk_mq_set_request_complete(rq);
}

u32 cxxrt_blk_rq_bytes(const struct request *rq)
{
	return blk_rq_bytes(rq);
}

bool cxxrt_blk_rq_is_fua(const struct request *rq)
{
	return rq->cmd_flags & REQ_FUA;
}

u64 cxxrt_blk_rq_pos(const struct request *rq)
{
	return blk_rq_pos(rq);
}

void cxxrt_blk_rq_set_sector(struct request *rq, u64 sector)
{
	rq->__sector = sector;
}

int cxxrt_blk_validate_block_size(unsigned long bytes)
{
	return blk_validate_block_size(bytes);
}

int cxxrt_register_blkdev(const char *name)
{
	return register_blkdev(0, name);
}

u32 cxxrt_req_op(const struct request *rq)
{
	return req_op(rq);
}

struct request *cxxrt_rq_list_peek(cxxrt_rq_list *list)
{
	if (!list)
		__builtin_unreachable();
	return rq_list_peek(list);
}

/* Only of a list that is not empty. */
struct request *cxxrt_rq_list_pop(cxxrt_rq_list *list)
{
	if (!cxxrt_rq_list_peek(list))
		__builtin_unreachable();
	return rq_list_pop(list);
}

bool cxxrt_rq_is_quiet(const struct request *rq)
{
	return rq->rq_flags & RQF_QUIET;
}

/* The block layer has its tags find a request before queue_rq; before queue_rqs 6.1 leaves that to the driver. */
void cxxrt_blk_mq_publish_tag(struct request *rq)
{
#if !CXXRT_KERNEL_6_12
	rq->mq_hctx->tags->rqs[rq->tag] = rq;
#endif
}

u32 cxxrt_rq_tag(const struct request *rq)
{
	return rq->tag;
}

u32 cxxrt_rq_flags(const struct request *rq)
{
	return (__force u32)rq->cmd_flags;
}

bool cxxrt_blk_noretry_request(const struct request *rq)
{
	return blk_noretry_request((struct request *)rq);
}

bool cxxrt_blk_rq_is_passthrough(const struct request *rq)
{
	return blk_rq_is_passthrough((struct request *)rq);
}

u32 cxxrt_blk_rq_nr_phys_segments(struct request *rq)
{
	return blk_rq_nr_phys_segments(rq);
}

bool cxxrt_rq_is_write(const struct request *rq)
{
	return op_is_write(req_op(rq));
}

void *cxxrt_dev_to_disk_context(struct device *dev)
{
	return dev_to_disk(dev)->private_data;
}

u32 cxxrt_blk_rq_nr_discard_segments(struct request *rq)
{
	return blk_rq_nr_discard_segments(rq);
}

struct bio_vec cxxrt_mp_bvec_iter_bvec(const struct bio *bio, struct bvec_iter iter)
{
	return mp_bvec_iter_bvec(bio->bi_io_vec, iter);
}

u64 cxxrt_page_to_phys(const struct page *page)
{
	return page_to_phys(page);
}

struct request *cxxrt_blk_mq_tag_to_rq(struct blk_mq_tags *tags, u32 tag)
{
	return blk_mq_tag_to_rq(tags, tag);
}

struct request *cxxrt_blk_mq_alloc_driver_request(struct request_queue *q, bool to_device, bool wait)
{
	return blk_mq_alloc_request(q, to_device ? REQ_OP_DRV_OUT : REQ_OP_DRV_IN, wait ? 0 : BLK_MQ_REQ_NOWAIT);
}

int cxxrt_blk_rq_map_kern(struct request *rq, void *buffer, u32 bytes)
{
	return blk_rq_map_kern(rq->q, rq, buffer, bytes, GFP_KERNEL);
}

void cxxrt_blk_execute_rq_nowait(struct request *rq, enum rq_end_io_ret (*done)(struct request *rq, blk_status_t status))
{
	rq->end_io = done;
	blk_execute_rq_nowait(rq, false);
}

struct bio_vec cxxrt_rq_integrity_vec(struct request *rq)
{
	struct bio_vec vec = rq_integrity_vec(rq);

	/* There is one piece: 6.1 has one of these for each of its pages. */
	vec.bv_len = rq->bio->bi_integrity->bip_iter.bi_size;
	return vec;
}

void cxxrt_blk_mq_requeue_request_after(struct request *rq, u32 ms)
{
	struct request_queue *q = rq->q;

	blk_mq_requeue_request(rq, false);
	blk_mq_delay_kick_requeue_list(q, ms);
}

void cxxrt_rq_set_timeout(struct request *rq, unsigned long timeout)
{
	rq->timeout = timeout;
}

void cxxrt_blk_mq_freeze_queue(struct request_queue *q)
{
	blk_mq_freeze_queue(q);
}

void cxxrt_blk_mq_unfreeze_queue(struct request_queue *q)
{
	blk_mq_unfreeze_queue(q);
}

/* Where there was no memory for the vectors' affinity, blk_mq_pci_map_queues() warns and gives one queue all CPUs. */
void cxxrt_blk_mq_pci_map_queues(struct blk_mq_queue_map *map, struct pci_dev *dev, int first_vector)
{
	unsigned int queue;

	for (queue = 0; queue < map->nr_queues; queue++)
		if (!pci_irq_get_affinity(dev, first_vector + queue))
			return blk_mq_map_queues(map);
	blk_mq_pci_map_queues(map, dev, first_vector);
}

#if CXXRT_KERNEL_6_12
void cxxrt_blk_mq_quiesce_tagset(struct blk_mq_tag_set *set)
{
	blk_mq_quiesce_tagset(set);
}

void cxxrt_blk_mq_unquiesce_tagset(struct blk_mq_tag_set *set)
{
	blk_mq_unquiesce_tagset(set);
}

struct request_queue *cxxrt_blk_mq_alloc_queue(struct blk_mq_tag_set *set, u32 virt_boundary_mask, void *data)
{
	struct queue_limits limits = { .virt_boundary_mask = virt_boundary_mask, .dma_alignment = 3 };

	return blk_mq_alloc_queue(set, &limits, data);
}
#else
/* What 6.12 has in blk_mq_quiesce_tagset(), for a set that does not block. */
void cxxrt_blk_mq_quiesce_tagset(struct blk_mq_tag_set *set)
{
	struct request_queue *q;

	mutex_lock(&set->tag_list_lock);
	list_for_each_entry(q, &set->tag_list, tag_set_list)
		blk_mq_quiesce_queue_nowait(q);
	synchronize_rcu();
	mutex_unlock(&set->tag_list_lock);
}

void cxxrt_blk_mq_unquiesce_tagset(struct blk_mq_tag_set *set)
{
	struct request_queue *q;

	mutex_lock(&set->tag_list_lock);
	list_for_each_entry(q, &set->tag_list, tag_set_list)
		blk_mq_unquiesce_queue(q);
	mutex_unlock(&set->tag_list_lock);
}

struct request_queue *cxxrt_blk_mq_alloc_queue(struct blk_mq_tag_set *set, u32 virt_boundary_mask, void *data)
{
	struct request_queue *q = blk_mq_init_queue(set);

	if (!IS_ERR(q)) {
		q->queuedata = data;
		blk_queue_virt_boundary(q, virt_boundary_mask);
		blk_queue_dma_alignment(q, 3);
	}
	return q;
}
#endif

struct request *cxxrt_blk_mq_alloc_request(struct request_queue *q, u32 op, bool wait)
{
	return blk_mq_alloc_request(q, op, wait ? 0 : BLK_MQ_REQ_NOWAIT);
}

int cxxrt_blk_rq_map_user_io(struct request *rq, u64 address, unsigned long length, bool vectored, int write)
{
	return blk_rq_map_user_io(rq, NULL, (void __user *)(uintptr_t)address, length, GFP_KERNEL, vectored, 0, false, write);
}

void cxxrt_bio_set_disk(struct bio *bio, struct gendisk *disk)
{
	bio_set_dev(bio, disk->part0);
}

bool cxxrt_bdev_is_partition(struct block_device *bdev)
{
	return bdev_is_partition(bdev);
}

u64 cxxrt_bdev_sectors(struct block_device *bdev)
{
	return get_capacity(bdev->bd_disk);
}

#if CXXRT_KERNEL_6_12
int cxxrt_poll_user_request(struct request *rq, struct bio *bio, struct io_comp_batch *batch, unsigned int flags)
{
	return blk_rq_poll(rq, batch, flags);
}

int cxxrt_blk_set_most(struct request_queue *q, u32 sectors, u32 segments)
{
	struct queue_limits limits = queue_limits_start_update(q);

	limits.max_hw_sectors = sectors;
	limits.max_segments = segments;
	return queue_limits_commit_update(q, &limits);
}
#else
int cxxrt_poll_user_request(struct request *rq, struct bio *bio, struct io_comp_batch *batch, unsigned int flags)
{
	return bio_poll(bio, batch, flags);
}

int cxxrt_blk_set_most(struct request_queue *q, u32 sectors, u32 segments)
{
	blk_queue_max_hw_sectors(q, sectors);
	blk_queue_max_segments(q, segments);
	return 0;
}
#endif
