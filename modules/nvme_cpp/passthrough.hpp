// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Commands that user space sends by ioctl or io_uring: who may send which, what they do to others, and their data.
/// C side: drivers/nvme/host/ioctl.c, nvme_command_effects(), nvme_passthru_start() and _end().
/// Spec: NVMe Base 2.0, 5.16.1.6 "Commands Supported and Effects".

#include <cxxrt/chardev.hpp>
#include <cxxrt/dma.hpp>
#include <cxxrt/uring.hpp>

#include "ioctl.hpp"
#include "spec.hpp"

namespace nvme {

class Controller;
class NamespaceNode;

/// Who sends a command, and by what.
struct Caller {
	bool is_writable;   ///< it was opened for writing
	bool is_partition;  ///< it is part of a disk, whose other parts are no affair of the caller's
};

/// Base 5.16.1.6, figure 212.
struct Effects {
	static constexpr u32 kSupported = 1u << 0;
	static constexpr u32 kChangesContent = 1u << 1;
	static constexpr u32 kChangesNamespace = 1u << 2;
	static constexpr u32 kChangesInventory = 1u << 3;
	static constexpr u32 kChangesController = 1u << 4;
	static constexpr u32 kExecutionRelaxed = 3u << 14;
	static constexpr u32 kExecutionAlone = 7u << 16;
	static constexpr u32 kUuidSelected = 1u << 19;
	static constexpr u32 kScope = 0xfffu << 20;

	/// Of an administrative command, with what is known without a log, which there may not be.
	static u32 of_admin(const EffectsLog* log, u32 opcode);
	/// Of an I/O command, which never runs alone.
	static u32 of_io(const EffectsLog* log, u32 opcode);
};

/// How a namespace's blocks look to who reads them by commands, whatever the block layer makes of them.
struct BlockFormat {
	u8 shift = 9;		   ///< log2 of a block's bytes of data
	bool is_extended = false;  ///< metadata follows each block's data, and has no buffer of its own
	u8 pi_bytes = 0;	   ///< of protection information in the metadata
	u16 metadata_bytes = 0;	   ///< for each block

	static BlockFormat of(const IdentifyNamespace& id);
	bool has_own_metadata() const { return metadata_bytes != 0 && !is_extended; }
};

/// A command with where its data is.
struct UserCommand {
	Sqe sqe;
	UserAddress data, metadata;
	u32 bytes;  ///< of data, or the number of iovecs
	u32 metadata_bytes;
	u32 timeout_ms;	 ///< 0: as long as the driver's own
	blk::Vectored vectored = blk::Vectored::No;

	bool has_data() const { return bool(data) && bytes != 0; }
	bool has_metadata() const { return bool(metadata) && metadata_bytes != 0; }
	bool is_to_device() const { return (sqe.opcode & 1u) != 0; }
};

/// Sends commands to one controller, or to one of its namespaces.
/// Invariant: both are there for as long as it is used, which is inside of their gates.
class Passthrough {
public:
	/// `space` is null for administrative commands.
	Passthrough(Controller& controller, NamespaceNode* space, Caller caller)
		: controller_(controller), space_(space), caller_(caller)
	{
	}

	/// The ioctls that carry a command; the result is the command's status, which is positive, or 0. What the command
	/// changed is looked at before it returns, for which `call` is exchanged for one of the controller's.
	/// Context: process; sleeps, for as long as the command may take.
	/// Errors: EFAULT, EINVAL what was asked for makes no sense; EACCES not the caller's to send; EINTR cancelled;
	/// ENODEV; ENOMEM.
	Result<long> run(chardev::Call& call, UserAddress argument, u32 bytes, blk::Vectored vectored)
		EXCLUDES(atomic_context);
	/// SUBMIT_IO.   As run().
	Result<long> submit_io(chardev::Call& call, UserAddress argument) EXCLUDES(atomic_context);
	/// A command of io_uring.   Errors: as run(); EAGAIN it may not wait; EOPNOTSUPP the ring is not for such.
	Result<void> begin(uring::Command command, blk::Vectored vectored) EXCLUDES(atomic_context);

private:
	bool is_allowed(const Sqe& sqe) const;
	bool is_io_allowed(const Sqe& sqe) const;
	Result<UserCommand> from(const ioctls::Passthrough& args) const;
	u32 effects_of(u32 opcode) const;
	/// Whether its metadata, if it has some, makes sense.
	Result<void> check(const UserCommand& command) const;
	/// What is to be in the command's MPTR.
	Result<dma::Bounce> map_metadata(const UserCommand& command) const EXCLUDES(atomic_context);
	Result<long> execute(chardev::Call& call, const UserCommand& command, u64& result) EXCLUDES(atomic_context);
	/// Whether it runs while no I/O does.
	enum class Alone : u8 { No, Yes };
	Result<long> execute_request(const UserCommand& command, Alone alone, u64& result) EXCLUDES(atomic_context);
	blk::QueueView queue() const;

	Controller& controller_;
	NamespaceNode* space_;
	Caller caller_;
};

}  // namespace nvme
