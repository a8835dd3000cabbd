// SPDX-License-Identifier: GPL-2.0
#include "about.hpp"

#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

bool About::read(const IdentifyController& id, u32 version, bool ignore_subnqn)
{
	model.assign(id.mn, sizeof(id.mn));
	serial.assign(id.sn, sizeof(id.sn));
	firmware.assign(id.fr, sizeof(id.fr));
	vendor = id.vid.get();
	controller_id = id.cntlid.get();
	type = id.cntrltype;
	discovery_type = id.dctype;
	bool ends = false;
	for (const char c : id.subnqn)
		ends = ends || c == '\0';
	if (!ignore_subnqn && ends && id.subnqn[0] != '\0') {
		subnqn.assign(id.subnqn, sizeof(id.subnqn));
		return true;
	}
	// Base 4.5 has it a little differently; user space knows this one.
	subnqn = FixedText<257>::format<"nqn.2014.08.org.nvmexpress:%04x%04x%s%s">(u32(vendor), u32(id.ssvid.get()),
										   serial.c_str(), model.c_str());
	return ignore_subnqn || version < (regs::version(1, 2) | 1);
}

namespace attributes {

namespace {

Shown text(Buffer out, const char* what) { return out.print<"%s\n">(what); }
Shown number(Buffer out, int value) { return out.print<"%d\n">(value); }

}  // namespace

Shown Model::show(ControllerNode& node, Buffer out)
{
	return node.controller().with_about([&](const About& about) { return text(out, about.model.c_str()); });
}
Shown Serial::show(ControllerNode& node, Buffer out)
{
	return node.controller().with_about([&](const About& about) { return text(out, about.serial.c_str()); });
}
Shown Firmware::show(ControllerNode& node, Buffer out)
{
	return node.controller().with_about([&](const About& about) { return text(out, about.firmware.c_str()); });
}
Shown Subnqn::show(ControllerNode& node, Buffer out)
{
	return node.controller().with_about([&](const About& about) { return text(out, about.subnqn.c_str()); });
}
Shown ControllerId::show(ControllerNode& node, Buffer out)
{
	return node.controller().with_about([&](const About& about) { return number(out, about.controller_id); });
}

Shown Kind::show(ControllerNode& node, Buffer out)
{
	constexpr const char* kNames[] = {"reserved", "io", "discovery", "admin"};
	return node.controller().with_about(
		[&](const About& about) { return text(out, kNames[about.type < 4 ? about.type : 0]); });
}
Shown DiscoveryKind::show(ControllerNode& node, Buffer out)
{
	constexpr const char* kNames[] = {"none", "ddc", "cdc", "reserved"};
	return node.controller().with_about([&](const About& about) {
		return text(out, kNames[about.discovery_type < 3 ? about.discovery_type : 3]);
	});
}

Shown Transport::show(ControllerNode&, Buffer out) { return text(out, "pcie"); }
Shown Address::show(ControllerNode& node, Buffer out) { return text(out, node.controller().address()); }
Shown StateName::show(ControllerNode& node, Buffer out) { return text(out, state_name(node.controller().state())); }
Shown NumaNode::show(ControllerNode& node, Buffer out) { return number(out, node.controller().dma().node().id()); }
Shown QueueCount::show(ControllerNode& node, Buffer out) { return number(out, int(node.controller().queue_count())); }
Shown QueueSize::show(ControllerNode& node, Buffer out) { return number(out, int(node.controller().ring_depth()) - 1); }
// There is no keep-alive on PCI.
Shown KeepAlive::show(ControllerNode&, Buffer out) { return number(out, 0); }

Shown LogsPassthroughErrors::show(ControllerNode& node, Buffer out)
{
	return text(out, node.controller().logs_passthrough_errors() ? "on" : "off");
}
Result<void> LogsPassthroughErrors::store(ControllerNode& node, const char* text)
{
	const auto on = parse<bool>(text);
	if (!on.ok())
		return EINVAL;
	node.controller().log_passthrough_errors(Result<bool>{on}.take());
	return {};
}

Shown MemoryBuffer::show(ControllerNode& node, Buffer out)
{
	const Controller& controller = node.controller();
	return out.print<"cmbloc : x%08x\ncmbsz  : x%08x\n">(controller.memory_buffer_place(),
							     controller.memory_buffer_size());
}
Shown MemoryBufferPlace::show(ControllerNode& node, Buffer out)
{
	return out.print<"%u\n">(node.controller().memory_buffer_place());
}
Shown MemoryBufferSize::show(ControllerNode& node, Buffer out)
{
	return out.print<"%u\n">(node.controller().memory_buffer_size());
}

Result<void> Reset::store(ControllerNode& node, const char*) { return node.controller().reset_now(); }

Result<void> Rescan::store(ControllerNode& node, const char*)
{
	node.controller().rescan();
	return {};
}

}  // namespace attributes

}  // namespace nvme
