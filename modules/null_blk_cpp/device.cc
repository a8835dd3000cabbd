// SPDX-License-Identifier: GPL-2.0
#include "device.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

namespace {

struct Names {
	const char* disk_prefix;
	const char* root;
};
constexpr Names kOwnNames{.disk_prefix = "nullbcpp", .root = "nullb_cpp"};
constexpr Names kCompatNames{.disk_prefix = "nullb", .root = "nullb"};

const Names& names(bool compat) { return compat ? kCompatNames : kOwnNames; }

}  // namespace

// --- attributes ------------------------------------------------------------------------------

namespace attributes {

namespace {

// One body per type, whatever the number of attributes.
template <class Value> size_t show_value(Device& device, Value Config::* field, configfs::Buffer out)
{
	RoleGuard guard{device.registry.lock, device_state};
	return out.line(device.config.*field);
}
template <class Value> Result<void> store_value(Device& device, Value Config::* field, const char* text)
{
	const Value value = TRY(parse<Value>(text));
	RoleGuard guard{device.registry.lock, device_state};
	if (device.disk)
		return EBUSY;
	device.config.*field = value;
	return {};
}

}  // namespace

/// A value that may change only while the power is off.
template <auto Field> struct Plain {
	static Result<size_t> show(Device& device, configfs::Buffer out) { return show_value(device, Field, out); }
	static Result<void> store(Device& device, const char* text) { return store_value(device, Field, text); }
};

struct HomeNode {
	static Result<size_t> show(Device& device, configfs::Buffer out)
	{
		return show_value(device, &Config::home_node, out);
	}
	static Result<void> store(Device& device, const char* text)
	{
		const u32 node = TRY(parse<u32>(text));
		if (!is_valid_home_node(node))
			return EINVAL;
		return store_value(device, &Config::home_node, text);
	}
};

struct Power {
	static Result<size_t> show(Device& device, configfs::Buffer out)
	{
		RoleGuard guard{device.registry.lock, device_state};
		return out.line(bool(device.disk));
	}
	static Result<void> store(Device& device, const char* text)
	{
		const bool on = TRY(parse<bool>(text));
		RoleGuard guard{device.registry.lock, device_state};
		if (on)
			return device.registry.power_on(device);
		device.registry.power_off(device);
		return {};
	}
};

/// What tools look at before they use an attribute.
struct Features {
	static Result<size_t> show(Registry&, configfs::Buffer out)
	{
		return out.line(
			"blocking,blocksize,completion_nsec,home_node,hw_queue_depth,irqmode,max_sectors,"
			"memory_backed,no_sched,poll_queues,power,queue_mode,shared_tag_bitmap,size,"
			"submit_queues,use_per_node_hctx,virt_boundary");
	}
};

}  // namespace attributes

// --- the registry ----------------------------------------------------------------------------

Registry::Registry(Key, blk::Major&& major)
	: compat_names_(params::use_compat_names()), major_(move(major)), subsystem_(*this, names(compat_names_).root)
{
}

Result<Box<Registry>> Registry::create()
{
	TRY(params::correct());
	blk::Major major = TRY(blk::Major::create(names(params::use_compat_names()).disk_prefix));
	Box<Registry> registry = TRY(Box<Registry>::make(Gfp::Kernel, Key{}, move(major)));
	// First of what can be seen: it tells whether another driver has these names.
	const Result<void> added = registry->subsystem_.add();
	if (!added.ok()) {
		if (added.error() != EEXIST)
			return added.error();
		log::error<
			"configfs has a \"%s\" already: remove the driver that owns it before loading with compat_names=%d">(
			names(registry->compat_names_).root, int(registry->compat_names_));
		return EBUSY;
	}
	TRY(registry->create_parameter_devices());
	log::info<"module loaded">();
	return registry;
}

Registry::~Registry()
{
	RoleGuard guard{lock, device_state};
	ready_ = false;
	while (Device* device = parameter_devices_.pop_front()) {
		power_off(*device);
		Box<Device>::adopt(device).reset();
	}
}

Result<void> Registry::create_parameter_devices()
{
	RoleGuard guard{lock, device_state};
	for (u32 i = 0; i < params::device_count(); ++i) {
		Box<Device> device = TRY(Box<Device>::make(Gfp::Kernel, *this));
		TRY(power_on(*device));
		parameter_devices_.push_back(*device.leak());
	}
	ready_ = true;
	return {};
}

Nullb* Registry::find(const char* name)
{
	for (Nullb& disk : live_) {
		if (equal(disk.name(), name))
			return &disk;
	}
	return nullptr;
}

Result<Box<Device>> Registry::make_item(const char* name)
{
	{
		RoleGuard guard{lock, device_state};
		if (!ready_)
			return EBUSY;
		if (find(name) != nullptr)
			return EEXIST;
	}
	return Box<Device>::make(Gfp::Kernel, *this);
}

void Registry::drop_item(Device& device)
{
	RoleGuard guard{lock, device_state};
	power_off(device);
}

Result<void> Registry::power_on(Device& device)
{
	if (device.disk)
		return {};
	TRY(device.config.normalise());
	Ida::Id id = TRY(indexes_.allocate(Gfp::Kernel));
	const FixedText<32> own_name{names(compat_names_).disk_prefix, id.value()};
	const FixedText<32> name{device.name() != nullptr ? device.name() : own_name.c_str()};
	// Two long directory names may agree in the part that a disk's name can hold.
	if (find(name.c_str()) != nullptr) {
		log::error<"disk %s exists already">(name.c_str());
		return EEXIST;
	}
	Result<Box<Nullb>> disk = Nullb::create(device.config, device.store, name.c_str(), major_.number(), move(id));
	if (!disk.ok()) {
		const Config& config = device.config;
		log::error<"disk %s: submit_queues=%u poll_queues=%u hw_queue_depth=%u: error %d">(
			name.c_str(), config.submit_queues, config.poll_queues, config.hw_queue_depth,
			disk.error().to_c());
		return disk.error();
	}
	device.disk = disk.take();
	device.config.index = device.disk->index();
	live_.push_back(*device.disk);
	log::info<"disk %s created">(name.c_str());
	return {};
}

void Registry::power_off(Device& device)
{
	if (!device.disk)
		return;
	device.disk->hook_.unlink();
	device.disk.reset();
}

}  // namespace null_blk
