// SPDX-License-Identifier: GPL-2.0
#include "node.hpp"

#include "controller.hpp"
#include "ioctl.hpp"
#include "params.hpp"
#include "passthrough.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {
const char* controller_class() { return params::use_compat_names() ? "nvme" : "nvmecpp"; }
const char* namespace_class() { return params::use_compat_names() ? "nvme-generic" : "nvmecpp-generic"; }
}  // namespace

const char* Nodes::generic_prefix() { return params::use_compat_names() ? "ng" : "ngcpp"; }
const char* Nodes::prefix() { return controller_class(); }

Result<Box<Nodes>> Nodes::create()
{
	auto made = TRY(Box<Nodes>::make(Gfp::Kernel, Key{}));
	made->controller_numbers_ = TRY(chardev::Region::create(controller_class()));
	made->namespace_numbers_ = TRY(chardev::Region::create(namespace_class()));
	made->namespaces_ = TRY(device::Class::create(namespace_class()));
	made->controllers_ = TRY(device::Class::create(controller_class()));
	made->subsystem_class_ = TRY(
		device::Class::create(params::use_compat_names() ? "nvme-subsystem" : "nvmecpp-subsystem"));
	made->subsystems_ = TRY(Box<Subsystems>::make(Gfp::Kernel, *made->subsystem_class_));
	return made;
}

Result<void> ControllerNode::show(Nodes& nodes, device::Device parent)
{
	node_ = TRY(chardev::Node<ControllerNode>::create(nodes.controllers(), nodes.controller_numbers(), parent,
							  *this, controller_.name()));
	return {};
}

void ControllerNode::set_most_latency(ControllerNode& node, u64 us) { node.controller_.set_most_latency(us); }

Result<void> ControllerNode::open(chardev::File)
{
	if (controller_.state() != State::Live)
		return EAGAIN;
	return {};
}

Result<long> ControllerNode::ioctl(chardev::Call& call, chardev::File file, u32 command, UserAddress argument)
{
	Passthrough admin{controller_, nullptr, {.is_writable = file.is_writable(), .is_partition = false}};
	switch (command) {
	case ioctls::kAdminCmd:
		return admin.run(call, argument, sizeof(ioctls::Passthrough), blk::Vectored::No);
	case ioctls::kAdmin64Cmd:
		return admin.run(call, argument, ioctls::kPassthrough64Bytes, blk::Vectored::No);
	case ioctls::kIoCmd:
		return run_io(file, argument);
	case ioctls::kReset:
	case ioctls::kSubsystemReset:
	case ioctls::kRescan:
		break;
	default:
		return ENOTTY;
	}
	if (!caller_is_admin())
		return EACCES;
	if (command == ioctls::kReset) {
		log::warn<"%s: resetting controller">(controller_.name());
		TRY(controller_.reset_now());
	} else if (command == ioctls::kSubsystemReset) {
		TRY(controller_.reset_subsystem());
	} else {
		controller_.rescan();
	}
	return 0l;
}

Result<long> ControllerNode::run_io(chardev::File file, UserAddress argument)
{
	NamespaceNode* space = nullptr;
	chardev::Call call = TRY(controller_.enter_only_namespace(space));
	log::warn<"%s: using deprecated NVME_IOCTL_IO_CMD ioctl on the char device!">(controller_.name());
	Passthrough io{controller_, space, {.is_writable = file.is_writable(), .is_partition = false}};
	return io.run(call, argument, sizeof(ioctls::Passthrough), blk::Vectored::No);
}

Result<void> ControllerNode::uring_command(chardev::Call&, uring::Command command)
{
	if (command.is_polled() || !command.has_big_entries())
		return EOPNOTSUPP;
	if (command.op() != ioctls::kUringAdmin && command.op() != ioctls::kUringAdminVec)
		return ENOTTY;
	Passthrough admin{controller_, nullptr, {.is_writable = command.is_file_writable(), .is_partition = false}};
	return admin.begin(command, command.op() == ioctls::kUringAdminVec ? blk::Vectored::Yes : blk::Vectored::No);
}

}  // namespace nvme
