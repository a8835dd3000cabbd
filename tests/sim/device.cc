// SPDX-License-Identifier: GPL-2.0
#include "device.hpp"

#include <cstring>

namespace sim {

namespace {

constexpr u32 kCap = 0x00, kCapHigh = 0x04, kVs = 0x08, kCc = 0x14, kCsts = 0x1c, kAqa = 0x24, kAsq = 0x28, kAcq = 0x30,
	      kCrto = 0x68, kDoorbells = 0x1000;

template <class T> void poke(std::vector<u8>& page, u32 at, T value) { std::memcpy(&page[at], &value, sizeof(value)); }
void text(std::vector<u8>& page, u32 at, u32 bytes, const char* said)
{
	std::memset(&page[at], ' ', bytes);
	std::memcpy(&page[at], said, std::strlen(said));
}

}  // namespace

Device::Device() : data(kPage) { machine().device = this; }
Device::~Device()
{
	++life_;
	machine().device = nullptr;
}

void Device::plug_in()
{
	gone_ = false;
	gone_at = 0;
	fatal = false;
	reset();
	cc_ = 0;
}

void Device::reset()
{
	++life_;
	ready_ = false;
	shutdown_ = 0;
	sqs_.clear();
	cqs_.clear();
}

u32 Device::read(u32 offset)
{
	if (++accesses == gone_at)
		gone_ = true;
	if (gone_)
		return ~0u;
	switch (offset) {
	case kCap:
		return config.mqes | 1u << 16 | config.timeout << 24;
	case kCapHigh:
		return (config.buffer_is_hidden ? 1u << 25 : 0) | config.stride | 1u << 5 | config.least_page << 16 |
		       (config.all_sets ? 1u << 11 : 0) | (config.ready_with_media ? 1u << 27 : 0);
	case kVs:
		return config.version;
	case kCc:
		return cc_;
	case kCsts:
		return (ready_ ? 1 : 0) | (fatal ? 2 : 0) | shutdown_ << 2;
	case 0x38:
		return config.buffer_bytes != 0 && (!config.buffer_is_hidden || (buffer_ & 1) != 0) ? 2 : 0;
	case 0x3c:  // units of 1 MiB
		return config.buffer_bytes != 0 && (!config.buffer_is_hidden || (buffer_ & 1) != 0)
			       ? u32(config.buffer_bytes >> 20 << 12) | 2u << 8
			       : 0;
	case kCrto:
		return config.crto;
	default:
		return 0;
	}
}

void Device::write(u32 offset, u32 value)
{
	if (++accesses == gone_at)
		gone_ = true;
	if (gone_)
		return;
	written.emplace_back(offset, value);
	const u64 mine = life_;
	if (offset >= kDoorbells) {
		const u32 index = (offset - kDoorbells) / (4u << config.stride);
		const u32 queue = index / 2;
		if (index % 2 == 0) {
			if (sqs_.count(queue) == 0)
				return;
			if (value >= sqs_[queue].size)
				return fail("a doorbell beyond its ring");
			sqs_[queue].tail = value;
			fetch(queue);
		} else if (cqs_.count(queue) != 0) {
			Cq& cq = cqs_[queue];
			if (value >= cq.size)
				return fail("a doorbell beyond its ring");
			cq.head = value;
			while (!cq.waiting.empty() && (cq.tail + 1) % cq.size != cq.head) {
				auto [cqe, with_interrupt] = cq.waiting.front();
				cq.waiting.pop_front();
				put(cq, cqe, with_interrupt);
			}
		}
		return;
	}
	switch (offset) {
	case kCc: {
		const bool was = (cc_ & 1) != 0;
		const u32 notice = (cc_ >> 14) & 3;
		cc_ = value;
		if (!was && (value & 1) != 0)
			enable();
		if (was && (value & 1) == 0) {
			const bool was_ready = ready_;
			fatal = false;
			reset();
			// It takes time until it says so.
			ready_ = was_ready;
			after(config.not_ready_after, [this, life = life_] {
				if (life == life_)
					ready_ = false;
			});
		}
		if (((value >> 14) & 3) != 0 && notice == 0) {
			shutdown_ = 1;
			if (config.shutdown_after != kNever) {
				after(config.shutdown_after, [this, mine] {
					if (mine == life_)
						shutdown_ = 2;
				});
			}
		}
		break;
	}
	case 0x50:
		buffer_ = value;
		break;
	case kAqa:
		aqa_ = value;
		break;
	case kAsq:
		asq_ = (asq_ & ~0xffffffffull) | value;
		break;
	case kAsq + 4:
		asq_ = (asq_ & 0xffffffff) | u64(value) << 32;
		break;
	case kAcq:
		acq_ = (acq_ & ~0xffffffffull) | value;
		break;
	case kAcq + 4:
		acq_ = (acq_ & 0xffffffff) | u64(value) << 32;
		break;
	default:
		break;
	}
}

void Device::enable()
{
	if (ready_)
		fail("enabled before it was off");
	sqs_[0] = {.base = asq_, .size = (aqa_ & 0xfff) + 1, .cq = 0};
	cqs_[0] = {.base = acq_, .size = ((aqa_ >> 16) & 0xfff) + 1, .vector = 0, .interrupts = true, .waiting = {}};
	if (config.ready_after == kNever)
		return;
	after(config.ready_after, [this, life = life_] {
		if (life != life_)
			return;
		if (config.ready_with_failure)
			fatal = true;
		else
			ready_ = true;
	});
}

void Device::fetch(u32 queue)
{
	Sq& sq = sqs_[queue];
	while (sq.head != sq.tail) {
		Sqe sqe;
		if (!master_ || !ready_)
			return;
		if (!dma_read(sq.base + (u64(sq.head) * 64), &sqe, 64))
			return fail("a ring that is not mapped");
		sq.head = (sq.head + 1) % sq.size;
		commands.emplace_back(queue, sqe);
		execute(queue, sqe, answer ? answer(queue, sqe) : Answer{});
	}
}

void Device::execute(u32 queue, const Sqe& sqe, Answer said)
{
	if (said.drop)
		return;
	after(said.delay, [this, queue, sqe, said, life = life_] {
		if (life != life_ || gone_ || !master_ || sqs_.count(queue) == 0 || fatal)
			return;
		// An event waits until there is one.
		if (queue == 0 && sqe.opcode == 0x0c)
			return;
		u32 result = said.result;
		u32 status = said.status;
		if (status == 0)
			status = queue == 0 ? admin(sqe, result) : io(sqe);
		if (sqs_.count(queue) == 0)
			return;
		for (u32 i = 0; i < said.times; ++i) {
			post(queue,
			     {.result = result,
			      .result_high = 0,
			      .sq_head = u16(sqs_[queue].head),
			      .sq_id = u16(queue),
			      .id = sqe.id,
			      .status = u16(status << 1)},
			     said.interrupts);
		}
	});
}

void Device::complete(u32 queue, u32 id, u32 status, u32 result, bool with_interrupt)
{
	if (!gone_ && sqs_.count(queue) != 0)
		post(queue,
		     {.result = result,
		      .result_high = 0,
		      .sq_head = u16(sqs_[queue].head),
		      .sq_id = u16(queue),
		      .id = u16(id),
		      .status = u16(status << 1)},
		     with_interrupt);
}

void Device::stale_entry(u32 queue, u32 id)
{
	Cq& cq = cqs_[sqs_[queue].cq];
	const Cqe cqe{.result = 0,
		      .result_high = 0,
		      .sq_head = 0,
		      .sq_id = u16(queue),
		      .id = u16(id),
		      .status = u16(cq.phase ? 0 : 1)};
	if (!dma_write(cq.base + (u64(cq.tail) * 16), &cqe, 16))
		fail("a ring that is not mapped");
	if (cq.interrupts)
		raise(cq.vector);
}

void Device::post(u32 queue, const Cqe& cqe, bool with_interrupt)
{
	Cq& cq = cqs_[sqs_[queue].cq];
	if ((cq.tail + 1) % cq.size == cq.head)
		cq.waiting.emplace_back(cqe, with_interrupt);
	else
		put(cq, cqe, with_interrupt);
}

void Device::put(Cq& cq, Cqe cqe, bool with_interrupt)
{
	cqe.status = u16(cqe.status | (cq.phase ? 1 : 0));
	if (!master_)
		return;
	if (!dma_write(cq.base + (u64(cq.tail) * 16), &cqe, 16))
		return fail("a ring that is not mapped");
	if (++cq.tail == cq.size) {
		cq.tail = 0;
		cq.phase = !cq.phase;
	}
	if (cq.interrupts && with_interrupt)
		after(1 * kUs, [this, vector = cq.vector, life = life_] {
			if (life == life_ && !gone_ && master_)
				raise(vector);
		});
}

u32 Device::count(u32 queue, u8 opcode) const
{
	u32 found = 0;
	for (const auto& [on, sqe] : commands)
		found += (on == 0) == (queue == 0) && sqe.opcode == opcode ? 1 : 0;
	return found;
}

bool Device::transfer(const Sqe& sqe, u8* bytes, u64 length, bool to_host)
{
	u64 done = 0;
	auto move = [&](u64 address, u64 part) {
		const bool fine = to_host ? dma_write(address, bytes + done, part)
					  : dma_read(address, bytes + done, part);
		if (!fine)
			fail("data that is not mapped for the device");
		done += part;
		return fine;
	};
	if (!move(sqe.prp1, std::min(length, kPage - sqe.prp1 % kPage)))
		return false;
	if (done == length)
		return true;
	if (length - done <= kPage)
		return move(sqe.prp2, length - done);
	u64 list = sqe.prp2;
	while (done < length) {
		u64 entry = 0;
		if (!dma_read(list, &entry, 8)) {
			fail("a list that is not mapped");
			return false;
		}
		const bool is_last_in_page = (list + 8) % kPage == 0;
		if (is_last_in_page && length - done > kPage) {
			list = entry;
			continue;
		}
		if (!move(entry, std::min<u64>(length - done, kPage)))
			return false;
		list += 8;
	}
	return true;
}

u32 Device::io(const Sqe& sqe)
{
	const u64 first = sqe.cdw10 | u64(sqe.cdw11) << 32;
	const u64 length = ((sqe.cdw12 & 0xffff) + 1) * 512ull;
	switch (sqe.opcode) {
	case 0x00:  // flush
	case 0x08:  // write zeroes
	case 0x09:  // deallocate
		return 0;
	case 0x01:
	case 0x02:
		if (first + (length / 512) > config.blocks)
			return 0x4080;
		if (data.size() < config.blocks * 512)
			data.resize(config.blocks * 512);
		return transfer(sqe, &data[first * 512], length, sqe.opcode == 2) ? 0 : 0x4004;
	default:
		return 0x4001;
	}
}

u32 Device::admin(const Sqe& sqe, u32& result)
{
	std::vector<u8> page(kPage);
	const u32 id = sqe.cdw10 & 0xffff;
	switch (sqe.opcode) {
	case 0x00:
		return sqs_.erase(id) != 0 ? 0 : 0x4101;
	case 0x04:
		return cqs_.erase(id) != 0 ? 0 : 0x4101;
	case 0x01:
		if (id == config.refuse_sq || cqs_.count(sqe.cdw11 >> 16) == 0)
			return 0x4101;
		sqs_[id] = {.base = sqe.prp1, .size = (sqe.cdw10 >> 16) + 1, .cq = sqe.cdw11 >> 16};
		return 0;
	case 0x05:
		if (id == config.refuse_cq)
			return 0x4101;
		cqs_[id] = {.base = sqe.prp1,
			    .size = (sqe.cdw10 >> 16) + 1,
			    .vector = sqe.cdw11 >> 16,
			    .interrupts = (sqe.cdw11 & 2) != 0,
			    .waiting = {}};
		return 0;
	case 0x06:
		break;
	case 0x08:
		result = 1;  // not aborted
		return 0;
	case 0x09:
		if ((sqe.cdw10 & 0xff) == 7) {
			if (config.queue_count_status != 0)
				return config.queue_count_status;
			result = (config.io_queues - 1) | (config.io_queues - 1) << 16;
		}
		if ((sqe.cdw10 & 0xff) == 2) {
			if (power_status != 0)
				return power_status;
			power_state = sqe.cdw11;
		}
		if ((sqe.cdw10 & 0xff) == 0x0c) {
			std::vector<u64> table(32);
			if (!transfer(sqe, reinterpret_cast<u8*>(table.data()), 256, false))
				return 0x4004;
			transitions.push_back((sqe.cdw11 & 1) != 0 ? table : std::vector<u64>{});
		}
		return 0;
	case 0x0a:
		result = (sqe.cdw10 & 0xff) == 2 ? power_state : 0;
		return 0;
	case 0x02:  // a log of zeroes
		return transfer(sqe, page.data(), std::min<u64>(((sqe.cdw10 >> 16) + 1) * 4ull, kPage), true) ? 0
													      : 0x4004;
	default:
		return 0x4001;
	}
	switch (sqe.cdw10 & 0xff) {
	case 0x00:
		if (sqe.nsid == 0 || sqe.nsid > config.namespaces)
			return 0x400b;
		poke<u64>(page, 0, config.blocks);
		poke<u64>(page, 8, config.blocks);
		poke<u64>(page, 16, config.blocks);
		page[130] = 9;
		break;
	case 0x01:
		text(page, 4, 20, "sim");
		text(page, 24, 40, "simulated");
		text(page, 64, 8, "1");
		page[77] = u8(config.mdts);
		poke<u32>(page, 80, config.version);
		poke<u32>(page, 88, config.rtd3e_us);
		page[111] = 1;
		page[258] = u8(config.acl);
		page[263] = u8(config.npss);
		page[265] = config.apsta;
		page[512] = 0x66;
		page[513] = 0x44;
		poke<u32>(page, 516, config.namespaces);
		poke<u16>(page, 520, 0x0c);
		page[525] = 1;
		text(page, 768, 0, "nqn.2019-08.org.qemu:sim");
		std::memcpy(&page[768], "nqn.2019-08.org.example:sim", 28);
		for (size_t state = 0; state < config.states.size(); ++state) {
			const auto [entry, leave, resting] = config.states[state];
			page[2048 + (32 * state) + 3] = resting != 0 ? 2 : 0;
			poke<u32>(page, u32(2048 + (32 * state) + 4), entry);
			poke<u32>(page, u32(2048 + (32 * state) + 8), leave);
		}
		break;
	case 0x02: {
		u32 at = 0;
		for (u32 nsid = sqe.nsid + 1; nsid <= config.namespaces && at < kPage; ++nsid, at += 4)
			poke<u32>(page, at, nsid);
		break;
	}
	case 0x03:
		if (config.id_list_status != 0)
			return config.id_list_status;
		if (config.all_sets) {
			page[0] = 4;
			page[1] = 1;
			page[4] = config.set;
		}
		break;
	case 0x06:
		break;
	default:
		return 0x4002;
	}
	return transfer(sqe, page.data(), kPage, true) ? 0 : 0x4004;
}

}  // namespace sim
