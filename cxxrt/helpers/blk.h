/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_BLK_H
#define CXXRT_HELPERS_BLK_H
/* The block layer: linux/blk-mq.h, blkdev.h, bio.h, badblocks.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

/* How a disk was opened. */
#if CXXRT_KERNEL_6_12
typedef blk_mode_t cxxrt_open_mode;
#else
typedef fmode_t cxxrt_open_mode;
#endif

/* Requests. */
void blk_mq_start_request(struct request *rq);
void blk_mq_end_request(struct request *rq, blk_status_t status);
void blk_mq_complete_request(struct request *rq);
void blk_mq_requeue_request(struct request *rq, bool kick);
void blk_mq_end_request_batch(struct io_comp_batch *batch);
u64 cxxrt_blk_rq_pos(const struct request *rq);
u32 cxxrt_blk_rq_bytes(const struct request *rq);
void cxxrt_blk_rq_set_sector(struct request *rq, u64 sector);
u32 cxxrt_req_op(const struct request *rq);
bool cxxrt_blk_rq_is_fua(const struct request *rq);
void *cxxrt_blk_mq_rq_to_pdu(struct request *rq);
struct request *cxxrt_blk_mq_rq_from_pdu(void *pdu);
void cxxrt_blk_mq_set_request_complete(struct request *rq);
bool cxxrt_blk_mq_request_in_flight(struct request *rq);
bool cxxrt_blk_mq_add_to_batch(struct request *rq, struct io_comp_batch *batch, bool failed);
bool cxxrt_blk_hctx_is_poll(const struct blk_mq_hw_ctx *hctx);

bool blk_mq_complete_request_remote(struct request *rq);
u32 cxxrt_rq_tag(const struct request *rq);
u32 cxxrt_rq_flags(const struct request *rq);
bool cxxrt_blk_noretry_request(const struct request *rq);
bool cxxrt_rq_is_quiet(const struct request *rq);
struct bio_vec cxxrt_rq_integrity_vec(struct request *rq);
void cxxrt_blk_mq_requeue_request_after(struct request *rq, u32 ms);
bool cxxrt_blk_rq_is_passthrough(const struct request *rq);
u32 cxxrt_blk_rq_nr_phys_segments(struct request *rq);
bool cxxrt_rq_is_write(const struct request *rq);
u32 cxxrt_blk_rq_nr_discard_segments(struct request *rq);
struct bio_vec cxxrt_mp_bvec_iter_bvec(const struct bio *bio, struct bvec_iter iter);
u64 cxxrt_page_to_phys(const struct page *page);
struct request *cxxrt_blk_mq_tag_to_rq(struct blk_mq_tags *tags, u32 tag);

void cxxrt_blk_mq_publish_tag(struct request *rq);

/* Requests of the driver itself. */
struct request *cxxrt_blk_mq_alloc_driver_request(struct request_queue *q, bool to_device, bool wait);
void blk_mq_free_request(struct request *rq);
int cxxrt_blk_rq_map_kern(struct request *rq, void *buffer, u32 bytes);
blk_status_t blk_execute_rq(struct request *rq, bool at_head);
void cxxrt_blk_execute_rq_nowait(struct request *rq, enum rq_end_io_ret (*done)(struct request *rq, blk_status_t status));
void cxxrt_rq_set_timeout(struct request *rq, unsigned long timeout);

/* Requests of user space. */
struct request *cxxrt_blk_mq_alloc_request(struct request_queue *q, u32 op, bool wait);
int cxxrt_blk_rq_map_user_io(struct request *rq, u64 address, unsigned long length, bool vectored, int write);
int blk_rq_map_user_iov(struct request_queue *q, struct request *rq, struct rq_map_data *map, const struct iov_iter *iter,
			gfp_t flags);
int blk_rq_unmap_user(struct bio *bio);
void blk_execute_rq_nowait(struct request *rq, bool at_head);
int blk_status_to_errno(blk_status_t status);
void cxxrt_bio_set_disk(struct bio *bio, struct gendisk *disk);
int cxxrt_poll_user_request(struct request *rq, struct bio *bio, struct io_comp_batch *batch, unsigned int flags);
bool cxxrt_bdev_is_partition(struct block_device *bdev);
u64 cxxrt_bdev_sectors(struct block_device *bdev);
#if CXXRT_COMPAT
int blkdev_compat_ptr_ioctl(struct block_device *bdev, cxxrt_open_mode mode, unsigned int command, unsigned long argument);
#endif
int cxxrt_blk_set_most(struct request_queue *q, u32 sectors, u32 segments);

/* The list of a plug, as queue_rqs gets it. */
#if CXXRT_KERNEL_6_12
typedef struct rq_list cxxrt_rq_list;
#else
typedef struct request *cxxrt_rq_list;
#endif
struct request *cxxrt_rq_list_pop(cxxrt_rq_list *list);
struct request *cxxrt_rq_list_peek(cxxrt_rq_list *list);

/* Bios. */
void bio_endio(struct bio *bio);
struct bio *bio_split_to_limits(struct bio *bio);
void cxxrt_bio_set_status(struct bio *bio, blk_status_t status);
u64 cxxrt_bio_sector(const struct bio *bio);
u32 cxxrt_bio_op(const struct bio *bio);
u32 cxxrt_bio_bytes(const struct bio *bio);
void cxxrt_bio_set_sector(struct bio *bio, u64 sector);
bool cxxrt_bio_is_fua(const struct bio *bio);
bool cxxrt_bio_is_preflush(const struct bio *bio);
void *cxxrt_bio_private_data(const struct bio *bio);
struct bio_vec cxxrt_bio_iter_iovec(const struct bio *bio, struct bvec_iter iter);
void cxxrt_bio_advance_iter(const struct bio *bio, struct bvec_iter *iter, u32 bytes);

/* Tag sets and disks. */
int blk_mq_alloc_tag_set(struct blk_mq_tag_set *set);
void blk_mq_free_tag_set(struct blk_mq_tag_set *set);
void blk_mq_map_queues(struct blk_mq_queue_map *map);
void blk_mq_update_nr_hw_queues(struct blk_mq_tag_set *set, int count);
void blk_mq_stop_hw_queues(struct request_queue *q);
void blk_mq_start_stopped_hw_queues(struct request_queue *q, bool async);
void cxxrt_blk_mq_quiesce_tagset(struct blk_mq_tag_set *set);
void cxxrt_blk_mq_unquiesce_tagset(struct blk_mq_tag_set *set);
void blk_mq_tagset_busy_iter(struct blk_mq_tag_set *set, bool (*each)(struct request *, void *), void *data);
void blk_mq_tagset_wait_completed_request(struct blk_mq_tag_set *set);
void cxxrt_blk_mq_pci_map_queues(struct blk_mq_queue_map *map, struct pci_dev *dev, int first_vector);
struct request_queue *cxxrt_blk_mq_alloc_queue(struct blk_mq_tag_set *set, u32 virt_boundary_mask, void *data);
void blk_mq_destroy_queue(struct request_queue *q);
void blk_put_queue(struct request_queue *q);
void blk_mark_disk_dead(struct gendisk *disk);
void cxxrt_blk_mq_freeze_queue(struct request_queue *q);
void cxxrt_blk_mq_unfreeze_queue(struct request_queue *q);
void set_disk_ro(struct gendisk *disk, bool read_only);
bool set_capacity_and_notify(struct gendisk *disk, sector_t sectors);
struct cxxrt_limits {
	u32 logical_block_size;
	u32 physical_block_size;
	u32 max_hw_sectors;
	u64 virt_boundary_mask;
	u32 max_discard_sectors;
	u32 max_write_zeroes_sectors;
	bool write_cache;
	bool fua;
	bool rotational;
	u32 zone_sectors; /* 0: not zoned */
	u32 max_zone_append_sectors;
	u32 max_open_zones;
	u32 max_active_zones;
	u32 max_segments;
	u32 max_segment_size;
	u32 max_discard_segments;
	u32 dma_alignment;
	u32 io_min;
	u32 io_opt;
	u32 chunk_sectors;
	/* 6.12 */
	u32 atomic_max;
	u32 atomic_boundary;
	u32 atomic_unit_min;
	u32 atomic_unit_max;
	/* What is kept beside each block. */
	u32 tuple_bytes; /* 0: nothing */
	u32 tuple_guard; /* 0: none, 1: CRC of 16 bits, 2: of 64 */
	u32 tuple_tag_bytes;
	bool tuple_has_reference;
	u32 tuple_offset;
	u32 max_integrity_segments;
};
struct gendisk *cxxrt_blk_mq_alloc_disk(struct blk_mq_tag_set *set, const struct cxxrt_limits *limits, void *queuedata);
struct gendisk *cxxrt_blk_alloc_disk(const struct cxxrt_limits *limits, int node);
bool cxxrt_has_integrity_profile(const struct cxxrt_limits *limits);
int cxxrt_update_limits(struct gendisk *disk, const struct cxxrt_limits *limits);
int cxxrt_set_zoned(struct gendisk *disk, const struct cxxrt_limits *limits);
bool cxxrt_emulates_zone_append(struct gendisk *disk);
int cxxrt_add_disk(struct gendisk *disk, bool blank, bool hidden, struct device *parent,
		   const struct attribute_group **groups);
void *cxxrt_dev_to_disk_context(struct device *dev);
void del_gendisk(struct gendisk *disk);
void cxxrt_disk_context_get(void);
void cxxrt_disk_context_put(void);
void cxxrt_disk_forget_context(struct gendisk *disk);
void put_disk(struct gendisk *disk);
void set_capacity(struct gendisk *disk, sector_t sectors);
int cxxrt_blk_validate_block_size(unsigned long bytes);
int cxxrt_register_blkdev(const char *name);
void unregister_blkdev(unsigned int major, const char *name);

/* Bad blocks. */
int badblocks_init(struct badblocks *bb, int enable);
void badblocks_exit(struct badblocks *bb);
int cxxrt_badblocks_check(struct badblocks *bb, u64 sector, u64 sectors, u64 *first, u64 *count);
int cxxrt_badblocks_set(struct badblocks *bb, u64 sector, u64 sectors);
int cxxrt_badblocks_clear(struct badblocks *bb, u64 sector, u64 sectors);
ssize_t cxxrt_badblocks_show(struct badblocks *bb, char *page);

CXXRT_HELPERS_END
#endif
