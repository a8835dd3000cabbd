// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// An NVMe controller in user space, which does what a test wants of it.
#include <array>

#include "sim.hpp"

namespace sim {

struct Sqe {
	u8 opcode, flags;
	u16 id;
	u32 nsid, cdw2, cdw3;
	u64 metadata, prp1, prp2;
	u32 cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
static_assert(sizeof(Sqe) == 64);
struct Cqe {
	u32 result, result_high;
	u16 sq_head, sq_id, id, status;
};
static_assert(sizeof(Cqe) == 16);

/// What becomes of one command.
struct Answer {
	bool drop = false;  // it is never completed
	u64 delay = 20 * kUs;
	u32 status = 0;	 // as the completion has it, without phase: not carried out, if not 0
	u32 result = 0;
	u32 times = 1;	// how often it is completed
	bool interrupts = true;
};

struct Config {
	u32 mqes = 1023;
	u32 timeout = 2;  // CAP.TO, in 500 ms
	u32 stride = 0;
	u32 least_page = 0;
	u32 version = 0x10400;
	bool ready_with_media = false;	// CRMS
	u32 crto = 0;
	u64 ready_after = 5 * kMs;
	u64 not_ready_after = 1 * kMs;
	u64 shutdown_after = 10 * kMs;
	bool ready_with_failure = false;  // CSTS.CFS instead of RDY
	u32 vectors = 65;
	u64 bar_bytes = 16384;
	u32 io_queues = 64;
	u32 refuse_sq = 0;  // the creation of queue n fails, if not 0
	u32 refuse_cq = 0;
	u32 queue_count_status = 0;
	u32 namespaces = 1;
	u64 blocks = 2048;  // of 512 bytes, in each
	u32 acl = 3;
	u32 rtd3e_us = 0;
	u32 npss = 0;
	u8 apsta = 0;
	bool all_sets = false;	// CAP.CSS
	u8 set = 0;		// of its namespaces
	u32 id_list_status = 0;
	u32 mdts = 7;
	u64 buffer_bytes = 0;			 // of a controller memory buffer in BAR 2
	bool buffer_is_hidden = false;		 // until CMBMSC says so: CAP.CMBS
	std::vector<std::array<u32, 3>> states;	 // entry and exit latency, not operational; if there are any
};

struct Device {
	Config config;
	/// Asked for each command, with its queue.
	std::function<Answer(u32 queue, const Sqe&)> answer;
	/// The nth access to a register from now on, from 1, finds no device.
	u64 gone_at = 0;
	u64 accesses = 0;
	bool fatal = false;  // CSTS.CFS
	/// Of every access: writes, and reads if asked for.
	std::vector<std::pair<u32, u32>> written;
	std::vector<std::pair<u32, Sqe>> commands;
	std::vector<u8> data;

	Device();
	~Device();
	u32 read(u32 offset);
	void write(u32 offset, u32 value);
	void set_bus_master(bool on) { master_ = on; }
	bool is_gone() const { return gone_; }
	void pull_out() { gone_ = true; }
	void plug_in();
	/// Writes a completion that no command asked for.
	void complete(u32 queue, u32 id, u32 status, u32 result = 0, bool with_interrupt = true);
	/// Writes an entry that is not yet due: the phase of the lap before.
	void stale_entry(u32 queue, u32 id);
	u32 count(u32 queue, u8 opcode) const;
	u32 power_state = 0, power_status = 0;
	std::vector<std::vector<u64>> transitions;  // APST tables that were set; empty: turned off
	bool is_ready() const { return ready_; }
	bool was_shut_down() const { return shutdown_ == 2; }

private:
	struct Sq {
		u64 base;
		u32 size, cq, head = 0, tail = 0;
	};
	struct Cq {
		u64 base;
		u32 size, vector, head = 0, tail = 0;
		bool interrupts, phase = true;
		std::deque<std::pair<Cqe, bool>> waiting;  // there is no room
	};
	void reset();
	void enable();
	void fetch(u32 queue);
	void execute(u32 queue, const Sqe& sqe, Answer answer);
	u32 admin(const Sqe& sqe, u32& result);
	u32 io(const Sqe& sqe);
	bool transfer(const Sqe& sqe, u8* bytes, u64 length, bool to_host);
	void post(u32 queue, const Cqe& cqe, bool with_interrupt);
	void put(Cq& cq, Cqe cqe, bool with_interrupt);

	bool gone_ = false, master_ = false, ready_ = false;
	u32 cc_ = 0, aqa_ = 0, shutdown_ = 0, buffer_ = 0;
	u64 asq_ = 0, acq_ = 0;
	u64 life_ = 0;	// what was begun in another one does not end
	std::map<u32, Sq> sqs_;
	std::map<u32, Cq> cqs_;
};

}  // namespace sim
