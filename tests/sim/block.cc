// SPDX-License-Identifier: GPL-2.0
/// \file
/// The block layer, as far as nvme_cpp looks: tags, requests, timeouts, freezing and quiescing, disks.
#include "sim.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

#include "kernel_types.hpp"

using namespace sim;

namespace {

enum class State { Free, Idle, InFlight, Complete };
struct Set;
struct Queue;
using EndIo = raw::rq_end_io_ret (*)(raw::request*, raw::blk_status_t);

struct Rq {
	State state = State::Free;
	Set* set = nullptr;
	Queue* queue = nullptr;
	u32 hw = 0, tag = 0;
	u64 deadline = kNever, timeout = 0;
	bool timed_out = false;
	bool own = false, out = false, done = false;
	int status = 0;
	EndIo end_io = nullptr;
	std::shared_ptr<Io> io;
	Op op{};
	u64 sector = 0;
	u32 bytes = 0;
	raw::bio bio{};
	raw::bio_vec vec{};
	raw::request request{};	 // last: the driver's part follows

	void* pdu() { return &request + 1; }
	static Rq& of(const raw::request* rq)
	{
		return *reinterpret_cast<Rq*>(reinterpret_cast<char*>(const_cast<raw::request*>(rq)) -
					      offsetof(Rq, request));
	}
};

struct Set {
	raw::blk_mq_tag_set* c;
	std::deque<std::vector<Rq*>> tags;  // rows stay where they are
	std::vector<std::vector<u32>> maps;
	std::set<Queue*> queues;
};

struct Queue {
	raw::request_queue c{};
	Set* set = nullptr;
	std::vector<std::unique_ptr<raw::blk_mq_hw_ctx>> hws;
	std::deque<Rq*> pending;
	u32 quiesced = 0, frozen = 0, entered = 0;
	bool dying = false, in_timeout = false, added = false, hidden = false;
	raw::gendisk disk{};
	u64 sectors = 0;
};

std::map<const void*, std::unique_ptr<Set>> sets;
std::map<const void*, std::unique_ptr<Queue>> queues;
u32 alive = 0;

Set& set_of(const raw::blk_mq_tag_set* set) { return *sets.at(set); }
Queue& queue_of(const raw::request_queue* q) { return *queues.at(q); }

void run_queue(Queue* queue);
void expire(Queue* queue);

void release(Rq& rq)
{
	if (rq.state == State::Free)
		panic("a request freed twice");
	rq.state = State::Free;
	rq.io.reset();
	rq.deadline = kNever;
	--rq.queue->entered;
	--alive;
}

void finish(Rq& rq, int status)
{
	if (rq.state == State::Free || rq.done)
		panic("a request ended twice");
	rq.status = status;
	rq.deadline = kNever;
	if (rq.own) {
		rq.state = State::Idle;
		if (rq.end_io != nullptr) {
			(void)rq.end_io(&rq.request, raw::blk_status_t(status));
			return;
		}
		rq.done = true;
		return;
	}
	rq.io->status = status;
	rq.io->done = true;
	rq.io->ended_at = now();
	release(rq);
}

void schedule_check(Queue* queue, u64 deadline)
{
	at(deadline, [queue, raw = &queue->c] {
		if (queues.count(raw) != 0 && !queue->in_timeout)
			spawn("timeouts", [queue, raw] {
				if (queues.count(raw) != 0 && !queue->in_timeout)
					expire(queue);
			});
	});
}

/// One request after the other, as the block layer's work does.
void expire(Queue* queue)
{
	queue->in_timeout = true;
	for (;;) {
		Rq* late = nullptr;
		for (auto& row : queue->set->tags) {
			for (Rq* rq : row) {
				if (rq->state == State::InFlight && rq->queue == queue && !rq->timed_out &&
				    rq->deadline <= now() && late == nullptr)
					late = rq;
			}
		}
		if (late == nullptr)
			break;
		late->timed_out = true;
		const auto said = queue->set->c->ops->timeout(&late->request);
		if (said == raw::BLK_EH_RESET_TIMER && late->state == State::InFlight) {
			late->timed_out = false;
			late->deadline = now() + late->timeout;
			schedule_check(queue, late->deadline);
		}
	}
	queue->in_timeout = false;
}

void dispatch(Rq& rq)
{
	Queue* queue = rq.queue;
	if (queue->quiesced != 0) {
		queue->pending.push_back(&rq);
		return;
	}
	raw::blk_mq_queue_data data{};
	data.rq = &rq.request;
	data.last = true;
	enter_atomic();
	const auto said = queue->set->c->ops->queue_rq(rq.request.mq_hctx, &data);
	leave_atomic();
	if (said == raw::BLK_STS_OK)
		return;
	if (said == raw::BLK_STS_RESOURCE || said == raw::BLK_STS_DEV_RESOURCE) {
		if (rq.state != State::Idle)
			panic("a request was refused that had been started");
		queue->pending.push_back(&rq);
		after(3 * kMs, [raw = &queue->c] {
			if (queues.count(raw) != 0)
				run_queue(queues.at(raw).get());
		});
		return;
	}
	finish(rq, int(said));
}

void run_queue(Queue* queue)
{
	auto waiting = std::move(queue->pending);
	queue->pending.clear();
	for (Rq* rq : waiting)
		dispatch(*rq);
}

void run_soon(Queue* queue)
{
	after(1 * kUs, [raw = &queue->c] {
		if (queues.count(raw) != 0)
			run_queue(queues.at(raw).get());
	});
}

void make_row(Set& set, u32 hw)
{
	std::vector<Rq*> row;
	for (u32 tag = 0; tag < set.c->queue_depth; ++tag) {
		void* memory = std::aligned_alloc(64, (sizeof(Rq) + set.c->cmd_size + 63) / 64 * 64);
		std::memset(memory, 0, sizeof(Rq) + set.c->cmd_size);
		Rq* rq = new (memory) Rq;
		rq->set = &set;
		rq->hw = hw;
		rq->tag = tag;
		if (set.c->ops->init_request != nullptr)
			(void)set.c->ops->init_request(set.c, &rq->request, hw, 0);
		row.push_back(rq);
	}
	set.tags.push_back(std::move(row));
}

void drop_row(Set& set)
{
	for (Rq* rq : set.tags.back()) {
		if (rq->state != State::Free)
			panic("tags freed that are in use");
		if (set.c->ops->exit_request != nullptr)
			set.c->ops->exit_request(set.c, &rq->request, rq->hw);
		rq->~Rq();
		std::free(rq);
	}
	set.tags.pop_back();
}

void resize(Set& set)
{
	while (set.tags.size() < set.c->nr_hw_queues)
		make_row(set, u32(set.tags.size()));
	while (set.tags.size() > set.c->nr_hw_queues)
		drop_row(set);
	std::free(set.c->tags);
	// Its own rows are found by index: the driver has no use for these but as a name.
	set.c->tags = static_cast<raw::blk_mq_tags**>(std::calloc(set.tags.size(), sizeof(void*)));
	for (size_t i = 0; i < set.tags.size(); ++i)
		set.c->tags[i] = reinterpret_cast<raw::blk_mq_tags*>(&set.tags[i]);
	for (u32 i = 0; i < set.c->nr_maps; ++i) {
		set.c->map[i].mq_map = set.maps[i].data();
		set.c->map[i].nr_queues = set.c->nr_hw_queues;
		set.c->map[i].queue_offset = 0;
	}
	if (set.c->ops->map_queues != nullptr)
		set.c->ops->map_queues(set.c);
}

void make_hws(Queue& queue)
{
	queue.hws.resize(std::min<size_t>(queue.hws.size(), queue.set->c->nr_hw_queues));
	while (queue.hws.size() < queue.set->c->nr_hw_queues) {
		auto hctx = std::make_unique<raw::blk_mq_hw_ctx>();
		hctx->queue = &queue.c;
		hctx->queue_num = u32(queue.hws.size());
		(void)queue.set->c->ops->init_hctx(hctx.get(), queue.set->c->driver_data, u32(queue.hws.size()));
		queue.hws.push_back(std::move(hctx));
	}
}

void freeze(Queue& queue)
{
	++queue.frozen;
	wait_until("requests to end: the queue is frozen", [&] { return queue.entered == 0; });
}

void unfreeze(Queue& queue) { --queue.frozen; }

u32 hw_for(Queue& queue, bool is_read)
{
	raw::blk_mq_tag_set* set = queue.set->c;
	const u32 type = is_read && set->nr_maps > raw::HCTX_TYPE_READ && set->map[raw::HCTX_TYPE_READ].nr_queues != 0
				 ? u32(raw::HCTX_TYPE_READ)
				 : 0;
	return set->map[type].mq_map[machine().cpu];
}

/// Errors: null, the queue goes, or there is no tag and nobody waits.
Rq* take_tag(Queue& queue, bool is_read, bool wait)
{
	const raw::request_queue* name = &queue.c;
	for (;;) {
		if (queue.dying)
			return nullptr;
		if (queue.frozen == 0) {
			const u32 hw = hw_for(queue, is_read);
			for (Rq* rq : queue.set->tags.at(hw)) {
				if (rq->state != State::Free || rq->tag < queue.set->c->reserved_tags)
					continue;
				rq->state = State::Idle;
				rq->queue = &queue;
				rq->own = rq->done = rq->timed_out = false;
				rq->end_io = nullptr;
				rq->timeout = u64(queue.set->c->timeout) * kMs;
				rq->bytes = 0;
				rq->request.q = &queue.c;
				rq->request.mq_hctx = queue.hws.at(hw).get();
				rq->request.bio = nullptr;
				rq->request.tag = int(rq->tag);
				++queue.entered;
				++alive;
				return rq;
			}
		}
		if (!wait)
			return nullptr;
		const u64 later = now() + kMs;
		wait_until("a tag", [] { return false; }, later);
		if (queues.count(name) == 0)
			return nullptr;
	}
}

void set_data(Rq& rq, void* data, u32 bytes)
{
	const u64 address = u64(data);
	rq.vec = {.bv_page = reinterpret_cast<raw::page*>(address & ~u64(kPage - 1)),
		  .bv_len = bytes,
		  .bv_offset = u32(address & (kPage - 1))};
	rq.bio = {};
	rq.bio.bi_io_vec = &rq.vec;
	rq.bio.bi_iter.bi_size = bytes;
	rq.bio.bi_iter.bi_sector = rq.sector;
	rq.bytes = bytes;
	rq.request.bio = &rq.bio;
}

Queue* find_disk(const std::string& name)
{
	for (auto& [key, queue] : queues) {
		if (queue->added && name == queue->disk.disk_name)
			return queue.get();
	}
	return nullptr;
}

}  // namespace

namespace sim {

u32 requests_alive() { return alive; }

void reset_block()
{
	queues.clear();
	sets.clear();
	alive = 0;
}

std::vector<std::string> disks()
{
	std::vector<std::string> names;
	for (auto& [key, queue] : queues) {
		if (queue->added)
			names.emplace_back(queue->disk.disk_name);
	}
	return names;
}

bool is_hidden(const std::string& disk)
{
	return std::any_of(queues.begin(), queues.end(), [&](const auto& entry) {
		return entry.second->hidden && entry.second->added && entry.second->disk.disk_name == disk;
	});
}

u64 capacity(const std::string& disk)
{
	Queue* queue = find_disk(disk);
	return queue == nullptr ? 0 : queue->sectors;
}

std::shared_ptr<Io> submit(const std::string& disk, Op op, u64 sector, u32 bytes, void* data)
{
	auto io = std::make_shared<Io>();
	Queue* queue = find_disk(disk);
	machine().cpu = (machine().cpu + 1) % machine().cpus;
	Rq* rq = queue == nullptr ? nullptr : take_tag(*queue, op == Op::Read, true);
	if (rq == nullptr || sector + (bytes / 512) > queue->sectors) {
		if (rq != nullptr)
			release(*rq);
		io->done = true;
		io->status = raw::BLK_STS_IOERR;
		io->ended_at = now();
		return io;
	}
	rq->op = op;
	rq->sector = sector;
	rq->io = io;
	if (bytes != 0)
		set_data(*rq, data, bytes);
	dispatch(*rq);
	return io;
}

int transfer(const std::string& disk, Op op, u64 sector, u32 bytes, void* data)
{
	int status = -1;
	run([&] {
		if (find_disk(disk) == nullptr)
			return;
		auto io = submit(disk, op, sector, bytes, data);
		wait_until("I/O", [&] { return io->done; });
		status = io->status;
	});
	return status;
}

}  // namespace sim

namespace raw {
extern "C" {

// Tag sets.
int blk_mq_alloc_tag_set(blk_mq_tag_set* set)
{
	might_sleep("tag set");
	++machine().allocations;
	if (machine().fail_allocation_at != 0 && --machine().fail_allocation_at == 0)
		return -int(ENOMEM);
	auto made = std::make_unique<Set>();
	made->c = set;
	made->maps.assign(3, std::vector<sim::u32>(machine().cpus));
	Set& kept = *made;
	sets[set] = std::move(made);
	resize(kept);
	return 0;
}
void blk_mq_free_tag_set(blk_mq_tag_set* set)
{
	Set& kept = set_of(set);
	if (!kept.queues.empty())
		panic("a tag set freed that has queues");
	while (!kept.tags.empty())
		drop_row(kept);
	std::free(set->tags);
	sets.erase(set);
}
void blk_mq_map_queues(blk_mq_queue_map* map)
{
	for (sim::u32 cpu = 0; cpu < machine().cpus; ++cpu)
		map->mq_map[cpu] = map->queue_offset + (cpu % map->nr_queues);
}
void cxxrt_blk_mq_pci_map_queues(blk_mq_queue_map* map, pci_dev*, int)
{
	if (granted_vectors() == 0)
		panic("queues mapped to vectors that are not there");
	blk_mq_map_queues(map);
}
void blk_mq_update_nr_hw_queues(blk_mq_tag_set* set, int count)
{
	might_sleep("blk_mq_update_nr_hw_queues");
	Set& kept = set_of(set);
	for (Queue* queue : kept.queues)
		freeze(*queue);
	set->nr_hw_queues = unsigned(count);
	resize(kept);
	for (Queue* queue : kept.queues)
		make_hws(*queue);
	for (Queue* queue : kept.queues)
		unfreeze(*queue);
}
void cxxrt_blk_mq_quiesce_tagset(blk_mq_tag_set* set)
{
	might_sleep("quiesce");
	for (Queue* queue : set_of(set).queues)
		++queue->quiesced;
}
void cxxrt_blk_mq_unquiesce_tagset(blk_mq_tag_set* set)
{
	for (Queue* queue : set_of(set).queues) {
		if (queue->quiesced == 0)
			panic("resumed what was not quiesced");
		if (--queue->quiesced == 0)
			run_soon(queue);
	}
}
void blk_mq_tagset_busy_iter(blk_mq_tag_set* set, bool (*each)(request*, void*), void* data)
{
	for (auto& row : set_of(set).tags) {
		for (Rq* rq : row) {
			if (rq->state == State::InFlight || rq->state == State::Complete)
				(void)each(&rq->request, data);
		}
	}
}
void blk_mq_tagset_wait_completed_request(blk_mq_tag_set* set)
{
	wait_until("completions", [set] {
		for (auto& row : set_of(set).tags) {
			for (Rq* rq : row) {
				if (rq->state == State::Complete)
					return false;
			}
		}
		return true;
	});
}

// Queues without disks, and the driver's own requests.
request_queue* cxxrt_blk_mq_alloc_queue(blk_mq_tag_set* set, unsigned, void* data)
{
	auto made = std::make_unique<Queue>();
	made->set = &set_of(set);
	made->c.queuedata = data;
	made->c.tag_set = set;
	make_hws(*made);
	made->set->queues.insert(made.get());
	request_queue* key = &made->c;
	queues[key] = std::move(made);
	return key;
}
static void wait_and_forget(request_queue* q)
{
	Queue& queue = queue_of(q);
	wait_until("the work for timeouts", [&] { return !queue.in_timeout; });
	queue.set->queues.erase(&queue);
	queues.erase(q);
}
void blk_mq_destroy_queue(request_queue* q)
{
	Queue& queue = queue_of(q);
	queue.dying = true;
	freeze(queue);
}
void blk_put_queue(request_queue* q) { wait_and_forget(q); }
request* cxxrt_blk_mq_alloc_driver_request(request_queue* q, bool to_device, bool wait)
{
	if (wait)
		might_sleep("a tag");
	Rq* rq = take_tag(queue_of(q), false, wait);
	if (rq == nullptr)
		return reinterpret_cast<request*>(-long(queue_of(q).dying ? ENODEV : EAGAIN));
	rq->own = true;
	rq->out = to_device;
	rq->sector = 0;
	return &rq->request;
}
void blk_mq_free_request(request* rq) { release(Rq::of(rq)); }
int cxxrt_blk_rq_map_kern(request* rq, void* buffer, unsigned bytes)
{
	++machine().allocations;
	if (machine().fail_allocation_at != 0 && --machine().fail_allocation_at == 0)
		return -int(ENOMEM);
	set_data(Rq::of(rq), buffer, bytes);
	return 0;
}
blk_status_t blk_execute_rq(request* rq, bool)
{
	might_sleep("blk_execute_rq");
	Rq& mine = Rq::of(rq);
	dispatch(mine);
	wait_until("a command", [&] { return mine.done; });
	mine.done = false;
	return blk_status_t(mine.status);
}
void cxxrt_blk_execute_rq_nowait(request* rq, EndIo done)
{
	Rq::of(rq).end_io = done;
	dispatch(Rq::of(rq));
}
void cxxrt_rq_set_timeout(request* rq, unsigned long timeout) { Rq::of(rq).timeout = timeout * kMs; }

// Requests.
void blk_mq_start_request(request* rq)
{
	Rq& mine = Rq::of(rq);
	if (mine.state != State::Idle)
		panic("a request started twice");
	mine.state = State::InFlight;
	mine.timed_out = false;
	mine.deadline = now() + mine.timeout;
	schedule_check(mine.queue, mine.deadline);
}
bool blk_mq_complete_request_remote(request* rq)
{
	Rq& mine = Rq::of(rq);
	if (mine.state != State::InFlight)
		panic("a request completed twice");
	mine.state = State::Complete;
	// Every third is for another CPU.
	static sim::u32 turn = 0;
	if (++turn % 3 != 0)
		return false;
	after(2 * kUs, [rq, &mine] {
		if (mine.state == State::Complete)
			mine.queue->set->c->ops->complete(rq);
	});
	return true;
}
void blk_mq_complete_request(request* rq)
{
	if (!blk_mq_complete_request_remote(rq))
		Rq::of(rq).queue->set->c->ops->complete(rq);
}
void blk_mq_end_request(request* rq, blk_status_t status) { finish(Rq::of(rq), status); }
bool cxxrt_blk_mq_add_to_batch(request*, io_comp_batch*, bool) { return false; }
void blk_mq_end_request_batch(io_comp_batch*) {}
// The delays that a device asks for are checked in a KUnit suite.
void blk_mq_requeue_request(request* rq, bool);
void cxxrt_blk_mq_requeue_request_after(request* rq, unsigned) { blk_mq_requeue_request(rq, true); }
void blk_mq_requeue_request(request* rq, bool)
{
	Rq& mine = Rq::of(rq);
	if (mine.state == State::Free)
		panic("a request requeued that has ended");
	mine.state = State::Idle;
	mine.deadline = kNever;
	mine.queue->pending.push_back(&mine);
	run_soon(mine.queue);
}
void cxxrt_blk_mq_publish_tag(request*) {}
unsigned long long cxxrt_blk_rq_pos(const request* rq) { return Rq::of(rq).sector; }
unsigned cxxrt_blk_rq_bytes(const request* rq) { return Rq::of(rq).bytes; }
unsigned cxxrt_req_op(const request* rq)
{
	return Rq::of(rq).own ? unsigned(Rq::of(rq).out ? REQ_OP_DRV_OUT : REQ_OP_DRV_IN) : unsigned(Rq::of(rq).op);
}
bool cxxrt_rq_is_write(const request* rq) { return (cxxrt_req_op(rq) & 1) != 0; }
bool cxxrt_blk_rq_is_fua(const request*) { return false; }
void cxxrt_blk_mq_freeze_queue(request_queue* q) { freeze(queue_of(q)); }
void cxxrt_blk_mq_unfreeze_queue(request_queue* q) { unfreeze(queue_of(q)); }
int cxxrt_update_limits(gendisk*, const cxxrt_limits*) { return 0; }
int cxxrt_blk_set_most(request_queue*, unsigned, unsigned) { return 0; }
bool cxxrt_has_integrity_profile(const cxxrt_limits*) { return true; }
void* cxxrt_blk_mq_rq_to_pdu(request* rq) { return rq + 1; }
request* cxxrt_blk_mq_rq_from_pdu(void* pdu) { return static_cast<request*>(pdu) - 1; }
bool cxxrt_blk_mq_request_in_flight(request* rq) { return Rq::of(rq).state == State::InFlight; }
bool cxxrt_blk_hctx_is_poll(const blk_mq_hw_ctx* hctx)
{
	const blk_mq_tag_set* set = hctx->queue->tag_set;
	return set->nr_maps > HCTX_TYPE_POLL && set->map[HCTX_TYPE_POLL].nr_queues != 0 &&
	       hctx->queue_num >= set->map[HCTX_TYPE_POLL].queue_offset;
}
unsigned cxxrt_rq_tag(const request* rq) { return Rq::of(rq).tag; }
unsigned cxxrt_rq_flags(const request*) { return 0; }
bool cxxrt_blk_noretry_request(const request*) { return false; }
bool cxxrt_rq_is_quiet(const request*) { return false; }
bool cxxrt_blk_rq_is_passthrough(const request* rq) { return Rq::of(rq).own; }
unsigned cxxrt_blk_rq_nr_discard_segments(request*) { return 1; }
request* cxxrt_blk_mq_tag_to_rq(blk_mq_tags* tags, unsigned tag)
{
	if (tags == nullptr)
		return nullptr;
	auto& row = *reinterpret_cast<std::vector<Rq*>*>(tags);
	return tag < row.size() ? &row[tag]->request : nullptr;
}
request* cxxrt_rq_list_pop(cxxrt_rq_list*) { return nullptr; }
request* cxxrt_rq_list_peek(cxxrt_rq_list*) { return nullptr; }

// Data.
bio_vec cxxrt_mp_bvec_iter_bvec(const bio* bio, bvec_iter iter)
{
	const bio_vec& vec = bio->bi_io_vec[iter.bi_idx];
	return {.bv_page = vec.bv_page,
		.bv_len = std::min(iter.bi_size, vec.bv_len - iter.bi_bvec_done),
		.bv_offset = vec.bv_offset + iter.bi_bvec_done};
}
void cxxrt_bio_advance_iter(const bio* bio, bvec_iter* iter, unsigned bytes)
{
	iter->bi_size -= bytes;
	iter->bi_sector += bytes / 512;
	iter->bi_bvec_done += bytes;
	if (iter->bi_bvec_done == bio->bi_io_vec[iter->bi_idx].bv_len) {
		iter->bi_bvec_done = 0;
		++iter->bi_idx;
	}
}
unsigned long long cxxrt_page_to_phys(const page* page) { return sim::u64(page); }

// Disks.
gendisk* cxxrt_blk_mq_alloc_disk(blk_mq_tag_set* set, const cxxrt_limits*, void* data)
{
	++machine().allocations;
	if (machine().fail_allocation_at != 0 && --machine().fail_allocation_at == 0)
		return reinterpret_cast<gendisk*>(-long(ENOMEM));
	Queue& queue = queue_of(cxxrt_blk_mq_alloc_queue(set, 0, data));
	queue.disk.queue = &queue.c;
	return &queue.disk;
}
int cxxrt_add_disk(gendisk* disk, bool blank, bool hidden, device*, const attribute_group**)
{
	Queue& queue = queue_of(disk->queue);
	queue.added = true;
	queue.hidden = hidden;
	if (blank || queue.sectors == 0)
		return 0;
	// Partitions are looked for.
	std::vector<sim::u8> sector(2 * kPage);
	(void)transfer(disk->disk_name, Op::Read, 0, kPage,
		       &sector[(kPage - (sim::u64(sector.data()) % kPage)) % kPage]);
	return 0;
}
void blk_mark_disk_dead(gendisk* disk)
{
	Queue& queue = queue_of(disk->queue);
	queue.dying = true;
	queue.sectors = 0;
}
void del_gendisk(gendisk* disk)
{
	might_sleep("del_gendisk");
	Queue& queue = queue_of(disk->queue);
	queue.dying = true;
	queue.added = false;
	freeze(queue);
	unfreeze(queue);
}
void put_disk(gendisk* disk)
{
	Queue& queue = queue_of(disk->queue);
	queue.dying = true;
	freeze(queue);
	wait_and_forget(disk->queue);
}
void set_capacity(gendisk* disk, sector_t sectors) { queue_of(disk->queue).sectors = sectors; }
bool set_capacity_and_notify(gendisk* disk, sector_t sectors)
{
	might_sleep("set_capacity_and_notify");
	set_capacity(disk, sectors);
	return true;
}
void set_disk_ro(gendisk*, bool) {}
void cxxrt_disk_context_get() {}
void cxxrt_disk_context_put() {}
void cxxrt_disk_forget_context(gendisk* disk) { disk->private_data = nullptr; }
int cxxrt_set_zoned(gendisk*, const cxxrt_limits*) { return 0; }
gendisk* cxxrt_blk_alloc_disk(const cxxrt_limits*, int) { return nullptr; }

}  // extern "C"
}  // namespace raw
