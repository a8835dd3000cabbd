// SPDX-License-Identifier: GPL-2.0
#include "namespace_node.hpp"

#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

Result<void> NamespaceNode::show(u32 number)
{
	Nodes& nodes = controller_.nodes();
	const FixedText<24> first{Nodes::generic_prefix(), controller_.number()};
	const FixedText<32> name{first.c_str(), "n", number};
	node_ = TRY(chardev::Node<NamespaceNode>::create(nodes.namespaces(), nodes.namespace_numbers(),
							 controller_.device(), *this, name.c_str()));
	return {};
}

void NamespaceNode::close()
{
	node_.hide();
	node_.close();
	disk_gate_.close();
}

u32 NamespaceNode::nsid() const { return space_.nsid(); }
blk::QueueView NamespaceNode::queue() const { return space_.queue(); }

BlockFormat NamespaceNode::format() const
{
	const u64 word = format_.load_relaxed();
	return {
		.shift = u8(word),
		.is_extended = (word & 0x100) != 0,
		.pi_bytes = u8(word >> 16),
		.metadata_bytes = u16(word >> 32),
	};
}

void NamespaceNode::set_format(BlockFormat format)
{
	format_.store_relaxed(format.shift | (format.is_extended ? 0x100u : 0u) | u32(format.pi_bytes) << 16 |
			      u64(format.metadata_bytes) << 32);
}

Result<long> NamespaceNode::disk_ioctl(chardev::Call& call, Caller caller, u32 command, UserAddress argument)
{
	using ioctls::Passthrough;
	nvme::Passthrough io{controller_, this, caller};
	switch (command) {
	case ioctls::kAdminCmd:
	case ioctls::kAdmin64Cmd: {
		// Which may take long, and end this namespace.
		chardev::Call other = controller_.enter();
		if (!other)
			return ENODEV;
		Controller& controller = controller_;
		call.leave();
		return nvme::Passthrough{controller, nullptr, caller}.run(other, argument,
									  command == ioctls::kAdminCmd
										  ? sizeof(Passthrough)
										  : ioctls::kPassthrough64Bytes,
									  blk::Vectored::No);
	}
	case ioctls::kId:
		result_is_no_error();
		return long(nsid());
	case ioctls::kIoCmd:
		return io.run(call, argument, sizeof(Passthrough), blk::Vectored::No);
	case ioctls::kIo64Cmd:
		return io.run(call, argument, ioctls::kPassthrough64Bytes, blk::Vectored::No);
	case ioctls::kIo64CmdVec:
		return io.run(call, argument, ioctls::kPassthrough64Bytes, blk::Vectored::Yes);
	case ioctls::kSubmitIo:
	case ioctls::kSubmitIo32:
		return io.submit_io(call, argument);
	default:
		return ENOTTY;
	}
}

Result<long> NamespaceNode::ioctl(chardev::Call& call, chardev::File file, u32 command, UserAddress argument)
{
	return disk_ioctl(call, {.is_writable = file.is_writable(), .is_partition = false}, command, argument);
}

Result<void> NamespaceNode::uring_command(chardev::Call&, uring::Command command)
{
	if (!command.has_big_entries())
		return EOPNOTSUPP;
	if (command.op() != ioctls::kUringIo && command.op() != ioctls::kUringIoVec)
		return ENOTTY;
	Passthrough io{controller_, this, {.is_writable = command.is_file_writable(), .is_partition = false}};
	return io.begin(command, command.op() == ioctls::kUringIoVec ? blk::Vectored::Yes : blk::Vectored::No);
}

}  // namespace nvme
