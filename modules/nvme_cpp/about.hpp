// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What a controller says of itself, for people, and the files in sysfs that show it.
/// C side: drivers/nvme/host/sysfs.c.

#include <cxxrt/device.hpp>
#include <cxxrt/system.hpp>

#include "spec.hpp"

namespace nvme {

class ControllerNode;

/// What Identify gave when the controller was brought up last.
struct About {
	FixedText<41> model;
	FixedText<21> serial;
	FixedText<9> firmware;
	FixedText<257> subnqn;
	u16 vendor = 0;
	u16 controller_id = 0;	///< within the subsystem
	u8 type = 0;		///< 1 for I/O
	u8 discovery_type = 0;

	/// Makes up a name for the subsystem if the controller has none, or one that is not to be used. False if it should have
	/// had one.
	bool read(const IdentifyController& id, u32 version, bool ignore_subnqn);
};

namespace attributes {

using device::Buffer;
using Shown = Result<size_t>;

// One class for each file.
struct Model {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Serial {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Firmware {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Subnqn {
	static Shown show(ControllerNode& node, Buffer out);
};
struct ControllerId {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Kind {
	static Shown show(ControllerNode& node, Buffer out);
};
struct DiscoveryKind {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Transport {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Address {
	static Shown show(ControllerNode& node, Buffer out);
};
struct StateName {
	static Shown show(ControllerNode& node, Buffer out);
};
struct NumaNode {
	static Shown show(ControllerNode& node, Buffer out);
};
struct QueueCount {
	static Shown show(ControllerNode& node, Buffer out);
};
struct QueueSize {
	static Shown show(ControllerNode& node, Buffer out);
};
struct KeepAlive {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Reset {
	static Result<void> store(ControllerNode& node, const char* text) EXCLUDES(atomic_context);
};
/// Whether errors of user space's own commands have lines in the log.   Only on 6.12, as the C driver's.
struct LogsPassthroughErrors {
	static bool is_visible(ControllerNode&) { return kSince6_12; }
	static Shown show(ControllerNode& node, Buffer out);
	static Result<void> store(ControllerNode& node, const char* text);
};
/// What the registers say of the device's own memory.
struct MemoryBuffer {
	static Shown show(ControllerNode& node, Buffer out);
};
struct MemoryBufferPlace {
	static Shown show(ControllerNode& node, Buffer out);
};
struct MemoryBufferSize {
	static Shown show(ControllerNode& node, Buffer out);
};
struct Rescan {
	static Result<void> store(ControllerNode& node, const char* text);
};

using OfController =
	device::Attributes<device::Attribute<"reset_controller", Reset>, device::Attribute<"rescan_controller", Rescan>,
			   device::Attribute<"model", Model>, device::Attribute<"serial", Serial>,
			   device::Attribute<"firmware_rev", Firmware>, device::Attribute<"cntlid", ControllerId>,
			   device::Attribute<"transport", Transport>, device::Attribute<"subsysnqn", Subnqn>,
			   device::Attribute<"address", Address>, device::Attribute<"state", StateName>,
			   device::Attribute<"numa_node", NumaNode>, device::Attribute<"queue_count", QueueCount>,
			   device::Attribute<"sqsize", QueueSize>, device::Attribute<"kato", KeepAlive>,
			   device::Attribute<"cntrltype", Kind>, device::Attribute<"dctype", DiscoveryKind>,
			   device::Attribute<"passthru_err_log_enabled", LogsPassthroughErrors>>;

/// Of those that have memory of their own.
using OfMemoryBuffer =
	device::Attributes<device::Attribute<"cmb", MemoryBuffer>, device::Attribute<"cmbloc", MemoryBufferPlace>,
			   device::Attribute<"cmbsz", MemoryBufferSize>>;

}  // namespace attributes

}  // namespace nvme
