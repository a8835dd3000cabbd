// SPDX-License-Identifier: GPL-2.0
#include "node.hpp"

#include "controller.hpp"
#include "ioctl.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {
const char* controller_class() { return params::use_compat_names() ? "nvme" : "nvmecpp"; }
}  // namespace

const char* Nodes::prefix() { return controller_class(); }

Result<Box<Nodes>> Nodes::create()
{
	auto made = TRY(Box<Nodes>::make(Gfp::Kernel, Key{}));
	made->controller_numbers_ = TRY(chardev::Region::create(controller_class()));
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

Result<void> ControllerNode::open(chardev::File)
{
	if (controller_.state() != State::Live)
		return EAGAIN;
	return {};
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): with what is to come, it is none
Result<long> ControllerNode::ioctl(chardev::Call&, chardev::File, u32 command, UserAddress)
{
	const auto is_admin = caller_is_admin;
	switch (command) {
	case ioctls::kReset:
		if (!is_admin())
			return EACCES;
		log::warn<"%s: resetting controller">(controller_.name());
		TRY(controller_.reset_now());
		return 0l;
	case ioctls::kSubsystemReset:
		if (!is_admin())
			return EACCES;
		TRY(controller_.reset_subsystem());
		return 0l;
	case ioctls::kRescan:
		if (!is_admin())
			return EACCES;
		controller_.rescan();
		return 0l;
	default:
		return ENOTTY;
	}
}

}  // namespace nvme
