// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A namespace: blocks of a controller, as a disk.
/// Spec: NVM Command Set 1.0, 4.1.5.1 "Identify Namespace".

#include <cxxrt/bitmap.hpp>
#include <cxxrt/list.hpp>

#include "namespace_files.hpp"
#include "namespace_node.hpp"
#include "identity.hpp"
#include "protection.hpp"
#include "queue.hpp"
#include "zones.hpp"

namespace nvme {

/// What a controller says of all its namespaces.   Units: bytes, unless they say otherwise.
struct ControllerLimits {
	u32 most_bytes;		  ///< of one request
	u32 most_zero_sectors;	  ///< of one write-zeroes; 0: there is no such command.   Units: 512 bytes
	u32 most_discard_blocks;  ///< of one discard; 0: no limit.   Units: the namespace's blocks
	u32 most_discard_ranges;
	u32 atomic_blocks;  ///< written whole or not at all if the power fails.   Units: the namespace's blocks
	bool can_discard;
	bool has_write_cache;
	bool prefers_stripes;  ///< requests should not cross multiples of the longest
	bool discard_zeroes;   ///< blocks that were discarded read as zeroes, and discarding is how to write them
	bool has_extended_formats = false;  ///< what protects blocks may be of other kinds than the first
	Metadata::Offset offsets = Metadata::Offset::Used;
};

/// What else than Identify Namespace says how a namespace is.
struct NamespaceExtras {
	Identity identity;
	const IdentifyNamespaceNvm* nvm = nullptr;
	const IdentifyNamespaceZoned* zoned = nullptr;	///< for one with zones
	u32 most_append_sectors = 0;			///< for one with zones; 0: it cannot append.   Units: 512 bytes
};

/// What is known of a namespace from what the device says, checked.
struct Geometry {
	u32 block_shift = 9;  ///< log2 of the bytes in a block
	u64 sectors = 0;      ///< 0 for one whose blocks are of no use here.   Units: 512 bytes
	bool read_only = false;
	bool discard_zeroes = false;
	bool hidden = false;		 ///< nobody knows how to read or write it
	bool zeroes_deallocate = false;	 ///< a write of zeroes may, and they read as zeroes then
	bool shared = false;		 ///< other controllers may have it, too
	bool ids_taken_away = false;	 ///< somebody else has them
	Identity identity;
	BlockFormat format;  ///< for commands of user space
	Metadata metadata;
	blk::Limits limits;

	/// Context: process; sleeps.
	/// Errors: ENODEV there is no such namespace; EINVAL what the device says makes no sense; ENOMEM.
	static Result<Box<Geometry>> read(const IdentifyNamespace& id, const ControllerLimits& controller,
					  const NamespaceExtras& extras = {});
	/// For one that is of no use as a disk.
	static Result<Box<Geometry>> of_hidden(const Identity& identity, const ControllerLimits& controller);
	/// What integrity data the kernel can neither make nor check is left to the device, if it can.
	void use_profiles_there_are();
	/// The number of the format that is in use.   Errors: EINVAL there is no such.
	static Result<u32> format_number(const IdentifyNamespace& id);
};

class Namespace : Pinned {
	struct Key {
		explicit Key() = default;
	};
	ListHook hook_;

public:
	using List = IntrusiveList<&Namespace::hook_>;
	using Attributes = attributes::OfNamespace;

	/// Makes the disk `<prefix>n<number>` appear.
	/// Context: process; sleeps, and does I/O.   Errors: ENOMEM; EEXIST the name is taken.
	static Result<Box<Namespace>> create(Controller& controller, blk::TagSetFor<Namespace>& tags,
					     const Geometry& geometry, u32 nsid, Ida::Id&& number, Box<Claim>&& claim)
		EXCLUDES(atomic_context);
	Namespace(Key, Controller& controller, u32 nsid, const Geometry& geometry, Ida::Id&& number, Box<Claim>&& claim)
		: nsid_(nsid),
		  block_shift_(geometry.block_shift),
		  hidden_(geometry.hidden),
		  number_(move(number)),
		  discard_zeroes_(geometry.discard_zeroes),
		  controller_(controller),
		  identity_(geometry.identity),
		  claim_(move(claim)),
		  ids_taken_away_(geometry.ids_taken_away),
		  node_(controller, *this)
	{
		remember(geometry);
	}
	/// Context: process; waits for requests and for calls of user space.
	~Namespace() EXCLUDES(atomic_context)
	{
		disk_.stop();
		node_.close();
	}

	u32 nsid() const { return nsid_; }
	u32 block_shift() const { return block_shift_; }
	const char* name() const { return name_.c_str(); }
	Controller& controller() const { return controller_; }
	const Identity& ids() const { return identity_; }
	/// Its requests may have faults from now on, or have none.   Context: process; waits for its requests.
	void inject(bool on) EXCLUDES(atomic_context);
	/// For requests that are not plain, which none is then.
	bool injects() const { return injects_; }
	/// Whether errors of user space's commands have lines in the log.   Context: any.
	bool logs_passthrough_errors() const { return logs_passthrough_errors_.load_relaxed() != 0; }
	void log_passthrough_errors(bool on) { logs_passthrough_errors_.store_relaxed(on ? 1 : 0); }
	/// Blocks that are in use, as the device said within the last five seconds.
	/// Context: process; sleeps.   Errors: as Controller::used_blocks().
	Result<u64> used_blocks() EXCLUDES(usage_lock_, atomic_context);
	/// How it is described when its blocks are not asked for, in words of the specification.   Context: any; a snapshot.
	u32 metadata_bytes() { return node_.format().metadata_bytes; }
	/// Zeroes are written by discarding.
	bool discard_zeroes() const { return discard_zeroes_; }
	/// What the device says now. False if it is another namespace, whose disk has to be made.
	/// Context: process; sleeps, until its requests have ended.
	bool revalidate(const Geometry& geometry) EXCLUDES(atomic_context);
	/// What the block layer asks it.
	static constexpr blk::HeadsAndSectors kHeads{.heads = 64, .sectors = 32};
	Gate& disk_gate() { return node_.disk_gate(); }
	Result<long> disk_ioctl(Gate::Entry& call, blk::OpenDisk disk, u32 command, UserAddress argument)
		EXCLUDES(atomic_context)
	{
		return node_.disk_ioctl(call, {.is_writable = disk.is_writable, .is_partition = disk.is_partition},
					command, argument);
	}
	NamespaceNode& node() { return node_; }
	blk::QueueView queue() const { return disk_.queue(); }
	/// As blk::Disk's.
	void freeze() EXCLUDES(atomic_context) { disk_.freeze(); }
	void unfreeze() EXCLUDES(atomic_context) { disk_.unfreeze(); }
	/// Its device is gone.   Context: process; sleeps.
	void mark_dead() EXCLUDES(atomic_context);

	/// What protects its blocks, and the like.   Context: a request's.
	const Metadata& metadata() const { return metadata_; }
	/// A write of zeroes may deallocate.
	bool zeroes_deallocate() const { return zeroes_deallocate_; }
	bool has_zones() const { return zones_.zone_sectors != 0; }
	const blk::ZoneLimits& zones() const { return zones_; }
	/// Reads and writes that need nothing but their data.
	CXXRT_INLINE bool is_plain(blk::Op op) const { return u32(op) < plain_ops_; }
	/// For the block layer.   Context: process; sleeps, for as long as io_timeout.   Errors: EIO, ENOMEM; EOPNOTSUPP it has no zones.
	Result<u32> read_zones(u64 sector, Array<blk::ZoneInfo>& zones) EXCLUDES(atomic_context);

	/// For a read or a write of whole blocks, with flags for words 12 and 13.
	CXXRT_INLINE Sqe command(Request rq, IoOp op, u32 id, u32 flags12, u32 flags13) const
	{
		const u32 to_blocks = block_shift_ - blk::kSectorShift;
		const u64 block = rq.sector() >> to_blocks;
		const Command& cmd = rq.pdu();
		return {
			.opcode = u8(op),
			.flags = cmd.flags,
			.command_id = u16(id),
			.nsid = nsid_,
			.cdw2 = 0u,
			.cdw3 = 0u,
			.metadata = 0ull,
			.prp1 = cmd.first.wire(),
			.prp2 = cmd.second,
			.cdw10 = u32(block),
			.cdw11 = u32(block >> 32),
			.cdw12 = ((rq.bytes() >> block_shift_) - 1) | flags12,
			.cdw13 = flags13,
			.cdw14 = 0u,
			.cdw15 = 0u,
		};
	}
	/// At most ten lines in five seconds about requests that failed.
	log::RateLimit& error_limit() { return error_limit_; }

private:
	void remember(const Geometry& geometry);

	// Those that change do while there are no requests.
	const u32 nsid_;
	u32 block_shift_;
	u32 plain_ops_ = 0;  // Read and Write are below it, or nothing is
	bool zeroes_deallocate_ = false;
	bool injects_ = false;
	const bool hidden_;
	u64 sectors_ = 0;
	Metadata metadata_;
	blk::ZoneLimits zones_;
	FixedText<32> name_;
	Ida::Id number_;
	const bool discard_zeroes_;
	Controller& controller_;
	const Identity identity_;
	const Box<Claim> claim_;
	const bool ids_taken_away_;
	Atomic<u32> logs_passthrough_errors_{0};
	Mutex usage_lock_{lock_class<"nvme Namespace::usage_lock_">};
	u64 used_blocks_ GUARDED_BY(usage_lock_) = 0;
	u64 usage_ends_ns_ GUARDED_BY(usage_lock_) = 0;	 // it is asked for again after that
	log::RateLimit error_limit_;
	NamespaceNode node_;
	blk::Disk disk_;  // last: requests have ended when it is gone
};

}  // namespace nvme
