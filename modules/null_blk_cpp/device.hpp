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
class Device;

/// Held with Registry::lock, of which there is one: every device's configuration and power, and the
/// lists of devices.
inline constexpr Role device_state;

/// Attributes of Device; their access classes are in device.cc.
namespace attributes {
template <auto Field> struct Plain;
template <auto Field> struct Queues;
template <auto Field> struct FaultPart;
template <blk::ZoneCondition Condition> struct ZoneState;
struct Power;
struct BadBlocks;
struct Features;
}  // namespace attributes

/// A fault whose group of attributes is always live.
struct LiveFault : Pinned {
	using Attributes = configfs::Attributes<
		configfs::Attribute<"probability", attributes::FaultPart<&FaultConfig::probability>>,
		configfs::Attribute<"interval", attributes::FaultPart<&FaultConfig::interval>>,
		configfs::Attribute<"times", attributes::FaultPart<&FaultConfig::times>>,
		configfs::Attribute<"space", attributes::FaultPart<&FaultConfig::space>>>;
	LiveFault(Device& owner, Fault& what) : device(owner), fault(what) {}
	Device& device;
	Fault& fault;
};

class Device : public configfs::Item {
public:
	using Attributes = configfs::AttributesWith<
		configfs::Attributes<
			configfs::Attribute<"size", attributes::Plain<&Config::size>>,
			configfs::Attribute<"completion_nsec", attributes::Plain<&Config::completion_nsec>>,
			configfs::Attribute<"queue_mode", attributes::Plain<&Config::queue_mode>>,
			configfs::Attribute<"blocksize", attributes::Plain<&Config::blocksize>>,
			configfs::Attribute<"max_sectors", attributes::Plain<&Config::max_sectors>>,
			configfs::Attribute<"irqmode", attributes::Plain<&Config::irqmode>>,
			configfs::Attribute<"hw_queue_depth", attributes::Plain<&Config::hw_queue_depth>>,
			configfs::Attribute<"index", attributes::Plain<&Config::index>>,
			configfs::Attribute<"blocking", attributes::Plain<&Config::blocking>>,
			configfs::Attribute<"use_per_node_hctx", attributes::Plain<&Config::use_per_node_hctx>>,
			configfs::Attribute<"memory_backed", attributes::Plain<&Config::memory_backed>>,
			configfs::Attribute<"discard", attributes::Plain<&Config::discard>>,
			configfs::Attribute<"mbps", attributes::Plain<&Config::mbps>>,
			configfs::Attribute<"cache_size", attributes::Plain<&Config::cache_size>>,
			configfs::Attribute<"zoned", attributes::Plain<&Config::zoned>>,
			configfs::Attribute<"zone_size", attributes::Plain<&Config::zone_size>>,
			configfs::Attribute<"zone_capacity", attributes::Plain<&Config::zone_capacity>>,
			configfs::Attribute<"zone_nr_conv", attributes::Plain<&Config::zone_nr_conv>>,
			configfs::Attribute<"zone_max_open", attributes::Plain<&Config::zone_max_open>>,
			configfs::Attribute<"zone_max_active", attributes::Plain<&Config::zone_max_active>>,
			configfs::Attribute<"virt_boundary", attributes::Plain<&Config::virt_boundary>>,
			configfs::Attribute<"no_sched", attributes::Plain<&Config::no_sched>>,
			configfs::Attribute<"shared_tags", attributes::Plain<&Config::shared_tags>>,
			configfs::Attribute<"shared_tag_bitmap", attributes::Plain<&Config::shared_tag_bitmap>>,
			configfs::Attribute<"rotational", attributes::Plain<&Config::rotational>>,
			configfs::Attribute<"badblocks_once", attributes::Plain<&Config::badblocks_once>>,
			configfs::Attribute<"badblocks_partial_io", attributes::Plain<&Config::badblocks_partial_io>>,
			configfs::Attribute<"submit_queues", attributes::Queues<&blk::QueueCounts::submit>>,
			configfs::Attribute<"poll_queues", attributes::Queues<&blk::QueueCounts::poll>>,
			configfs::Attribute<"home_node", attributes::Plain<&Config::home_node>>,
			configfs::Attribute<"power", attributes::Power>,
			configfs::Attribute<"badblocks", attributes::BadBlocks>,
			configfs::Attribute<"zone_readonly", attributes::ZoneState<blk::ZoneCondition::ReadOnly>>,
			configfs::Attribute<"zone_offline", attributes::ZoneState<blk::ZoneCondition::Offline>>>,
		kHasZoneAppendLimit,
		configfs::Attributes<configfs::Attribute<"fua", attributes::Plain<&Config::fua>>,
				     configfs::Attribute<"zone_full", attributes::Plain<&Config::zone_full>>,
				     configfs::Attribute<"zone_append_max_sectors",
							 attributes::Plain<&Config::zone_append_max_sectors>>>>;

	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Box<Device>> create(Registry& owner) EXCLUDES(atomic_context);
	explicit Device(Registry& owner);
	/// The C driver of the same kernels has the groups, if its kernel was built to fail on request.
	template <class F> void for_each_group(F&& f)
	{
		if constexpr (kHasZoneAppendLimit) {
			f("timeout_inject", timeout_group_);
			f("requeue_inject", requeue_group_);
			f("init_hctx_fault_inject", init_hctx_group_);
		}
	}

	Registry& registry;
	Config config GUARDED_BY(device_state);
	PageStore store;			   // outlives the disk; kept when the power goes
	BadSectors bad;				   // likewise
	Faults faults;				   // likewise
	Box<Nullb> disk GUARDED_BY(device_state);  // set while powered on

private:
	friend class Registry;
	ListHook hook_;	 // in Registry's list of devices made from parameters
	LiveFault live_timeout_{*this, faults.timeout};
	LiveFault live_requeue_{*this, faults.requeue};
	LiveFault live_init_hctx_{*this, faults.init_hctx};
	configfs::DefaultGroup<LiveFault> timeout_group_{live_timeout_};
	configfs::DefaultGroup<LiveFault> requeue_group_{live_requeue_};
	configfs::DefaultGroup<LiveFault> init_hctx_group_{live_init_hctx_};
};

/// The module: devices from parameters and from configfs.
class Registry : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	using Item = Device;
	using Attributes = configfs::Attributes<configfs::Attribute<"features", attributes::Features>>;

	CXXRT_INIT static Result<Box<Registry>> create();
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
	/// Changes the queues, of the disk too if the device is on.
	/// Errors: EINVAL counts that the disk cannot have; ENOMEM.
	Result<void> set_queues(Device& device, blk::QueueCounts counts) REQUIRES(device_state);

	Mutex lock{lock_class<"null_blk Registry::lock">};  // taken with device_state

private:
	CXXRT_INIT Result<void> create_parameter_devices() EXCLUDES(device_state);
	Nullb* find(const char* name) REQUIRES(device_state);
	Result<Box<Nullb>> make_disk(Device& device, const char* name, Ida::Id&& id) REQUIRES(device_state);

	const bool compat_names_;
	bool ready_ GUARDED_BY(device_state) = false;
	blk::Major major_;
	Ida indexes_;
	Box<TagSpace> shared_tags_ GUARDED_BY(device_state);  // outlives the disks; made for the first that shares
	Nullb::List live_ GUARDED_BY(device_state);	      // borrowed: each belongs to its Device
	IntrusiveList<&Device::hook_> parameter_devices_ GUARDED_BY(device_state);  // owned
	configfs::Subsystem<Registry> subsystem_;  // last: configfs calls in until it is gone
};

}  // namespace null_blk
