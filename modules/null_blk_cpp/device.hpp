// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A device: its configuration, its data, and its disk while it is powered on; and the registry of
/// all of them, which is the module.
/// C side: struct nullb_device, the configfs part of drivers/block/null_blk/main.c.
///
/// Lock order: configfs's own locks, then Registry::lock, then the block layer's. Registry::lock
/// is not held while the subsystem is registered or unregistered.

#include <cxxrt/configfs.hpp>

#include "disk.hpp"
#include "params.hpp"

namespace null_blk {

class Registry;

/// Held with Registry::lock, of which there is one: every device's configuration and power, and the
/// lists of devices.
inline constexpr Role device_state;

/// Attributes of Device; their access classes are in device.cc.
namespace attributes {
template <auto Field> struct Plain;
struct HomeNode;
struct Power;
struct Features;
}  // namespace attributes

class Device : public configfs::Item {
public:
	using Attributes = configfs::Attributes<
		configfs::Attribute<"size", attributes::Plain<&Config::size>>,
		configfs::Attribute<"completion_nsec", attributes::Plain<&Config::completion_nsec>>,
		configfs::Attribute<"submit_queues", attributes::Plain<&Config::submit_queues>>,
		configfs::Attribute<"poll_queues", attributes::Plain<&Config::poll_queues>>,
		configfs::Attribute<"home_node", attributes::HomeNode>,
		configfs::Attribute<"queue_mode", attributes::Plain<&Config::queue_mode>>,
		configfs::Attribute<"blocksize", attributes::Plain<&Config::blocksize>>,
		configfs::Attribute<"max_sectors", attributes::Plain<&Config::max_sectors>>,
		configfs::Attribute<"irqmode", attributes::Plain<&Config::irqmode>>,
		configfs::Attribute<"hw_queue_depth", attributes::Plain<&Config::hw_queue_depth>>,
		configfs::Attribute<"index", attributes::Plain<&Config::index>>,
		configfs::Attribute<"blocking", attributes::Plain<&Config::blocking>>,
		configfs::Attribute<"use_per_node_hctx", attributes::Plain<&Config::use_per_node_hctx>>,
		configfs::Attribute<"power", attributes::Power>,
		configfs::Attribute<"memory_backed", attributes::Plain<&Config::memory_backed>>,
		configfs::Attribute<"virt_boundary", attributes::Plain<&Config::virt_boundary>>,
		configfs::Attribute<"no_sched", attributes::Plain<&Config::no_sched>>,
		configfs::Attribute<"shared_tag_bitmap", attributes::Plain<&Config::shared_tag_bitmap>>>;

	explicit Device(Registry& owner) : registry(owner), config(params::default_config()) {}

	Registry& registry;
	Config config GUARDED_BY(device_state);
	PageStore store;			   // outlives the disk; kept when the power goes
	Box<Nullb> disk GUARDED_BY(device_state);  // set while powered on

private:
	friend class Registry;
	ListHook hook_;	 // in Registry's list of devices made from parameters
};

/// The module: devices from parameters and from configfs.
class Registry : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	using Item = Device;
	using Attributes = configfs::Attributes<configfs::Attribute<"features", attributes::Features>>;

	static Result<Box<Registry>> create();
	explicit Registry(Key, blk::Major&& major);
	~Registry();

	/// mkdir.   Errors: EEXIST a live disk has the name; EBUSY still loading; ENOMEM.
	Result<Box<Device>> make_item(const char* name) EXCLUDES(device_state);
	/// rmdir: powers off; the data goes with the last reference.
	void drop_item(Device& device) EXCLUDES(device_state);
	/// Nothing happens if the device is on.   Errors: as Config::normalise() and Nullb::create().
	Result<void> power_on(Device& device) REQUIRES(device_state);
	/// Nothing happens if the device is off.
	void power_off(Device& device) REQUIRES(device_state);

	Mutex lock{lock_class<"null_blk Registry::lock">};  // taken with device_state

private:
	Result<void> create_parameter_devices() EXCLUDES(device_state);
	Nullb* find(const char* name) REQUIRES(device_state);

	const bool compat_names_;
	bool ready_ GUARDED_BY(device_state) = false;
	blk::Major major_;
	Ida indexes_;
	Nullb::List live_ GUARDED_BY(device_state);  // borrowed: each belongs to its Device
	IntrusiveList<&Device::hook_> parameter_devices_ GUARDED_BY(device_state);  // owned
	configfs::Subsystem<Registry> subsystem_;  // last: configfs calls in until it is gone
};

}  // namespace null_blk
