// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Classes and numbers of the driver's devices, and the operations of `/dev/nvmecppN`.
/// C side: nvme_core_init(), nvme_dev_fops.

#include <cxxrt/chardev.hpp>

#include "about.hpp"
#include "subsystem.hpp"

namespace nvme {
using namespace cxxrt;

class Controller;

/// What there is once for all controllers.
/// Invariant: outlives them.
class Nodes : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// Context: process; sleeps.   Errors: EEXIST the names are taken; EBUSY; ENOMEM.
	static Result<Box<Nodes>> create() EXCLUDES(atomic_context);
	explicit Nodes(Key) {}

	/// What the names of controllers begin with.
	static const char* prefix();

	/// What the names of namespaces' character devices begin with.
	static const char* generic_prefix();

	device::Class& controllers() { return *controllers_; }
	Subsystems& subsystems() { return *subsystems_; }
	device::Class& namespaces() { return *namespaces_; }
	chardev::Region& controller_numbers() { return *controller_numbers_; }
	chardev::Region& namespace_numbers() { return *namespace_numbers_; }

private:
	Box<chardev::Region> controller_numbers_, namespace_numbers_;
	Box<device::Class> controllers_, namespaces_;
	Box<device::Class> subsystem_class_;
	Box<Subsystems> subsystems_;
};

/// The object of `/dev/nvmecppN`.
class ControllerNode : Pinned {
public:
	using Attributes = attributes::OfController;
	static void uevent(ControllerNode&, device::Uevent& event) { event.add<"NVME_TRTYPE=pcie">(); }

	explicit ControllerNode(Controller& controller) : controller_(controller) {}
	Controller& controller() const { return controller_; }

	/// Makes the node appear.   Context: process; sleeps.   Errors: as chardev::Node::create().
	Result<void> show(Nodes& nodes, device::Device parent) EXCLUDES(atomic_context);
	/// For show_latency_tolerance().
	static void set_most_latency(ControllerNode& node, u64 us) EXCLUDES(atomic_context);
	/// As chardev::Node's.
	void hide() EXCLUDES(atomic_context) { node_.hide(); }
	void close() EXCLUDES(atomic_context) { node_.close(); }
	/// A call that comes another way; only after show().
	chardev::Call enter() const { return node_.enter(); }
	/// Only while it is shown.
	device::Device device() const { return node_.device(); }

	/// Errors: EAGAIN the controller does not take commands now.
	Result<void> open(chardev::File file);
	Result<long> ioctl(chardev::Call& call, chardev::File file, u32 command, UserAddress argument)
		EXCLUDES(atomic_context);
	Result<void> uring_command(chardev::Call& call, uring::Command command) EXCLUDES(atomic_context);

private:
	/// IO_CMD, which goes to the controller's namespace if it has one alone.
	Result<long> run_io(chardev::File file, UserAddress argument) EXCLUDES(atomic_context);

	Controller& controller_;
	chardev::Node<ControllerNode> node_;
};

}  // namespace nvme
