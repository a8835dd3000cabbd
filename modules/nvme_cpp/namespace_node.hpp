// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What user space may ask of a namespace but for reads and writes: the ioctls of its disk, and `/dev/ngcppXnY`.
/// C side: nvme_ioctl(), nvme_ns_chr_fops.

#include <cxxrt/atomic.hpp>
#include <cxxrt/blk.hpp>

#include "node.hpp"
#include "passthrough.hpp"

namespace nvme {

class Namespace;

class NamespaceNode : Pinned {
public:
	static constexpr bool kPollsUring = true;

	NamespaceNode(Controller& controller, Namespace& space) : controller_(controller), space_(space) {}

	/// Lets ioctls of the disk in.   Context: process; sleeps.   Errors: ENOMEM.
	Result<void> open_disk() EXCLUDES(atomic_context) { return disk_gate_.open(); }
	/// Makes the node appear.   Context: process; sleeps.   Errors: as chardev::Node::create().
	Result<void> show(u32 number) EXCLUDES(atomic_context);
	/// Nobody asks for anything any more when this returns. The disk must have been stopped.   Context: process; sleeps.
	void close() EXCLUDES(atomic_context);
	Gate& disk_gate() { return disk_gate_; }
	/// A call that comes another way; only after open_disk().
	chardev::Call enter() { return disk_gate_.enter(); }

	u32 nsid() const;
	blk::QueueView queue() const;
	/// May change while it is asked for; then it was right a moment ago.
	BlockFormat format() const;
	void set_format(BlockFormat format);

	Result<long> disk_ioctl(chardev::Call& call, Caller caller, u32 command, UserAddress argument)
		EXCLUDES(atomic_context);
	Result<long> ioctl(chardev::Call& call, chardev::File file, u32 command, UserAddress argument)
		EXCLUDES(atomic_context);
	Result<void> uring_command(chardev::Call& call, uring::Command command) EXCLUDES(atomic_context);

private:
	Controller& controller_;
	Namespace& space_;
	Atomic<u64> format_{0};	 // a BlockFormat in one word
	Gate disk_gate_;
	chardev::Node<NamespaceNode> node_;
};

}  // namespace nvme
