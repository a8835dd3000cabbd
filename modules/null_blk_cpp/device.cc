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

/// A value that may change only while the power is off.
template <class Value> struct PlainValue {
	static Result<size_t> show(Device& device, Value Config::* field, configfs::Buffer out)
	{
		RoleGuard guard{device.registry.lock, device_state};
		return out.line(device.config.*field);
	}
	static Result<void> store(Device& device, Value Config::* field, const char* text)
	{
		const Value value = TRY(parse<Value>(text));
		if constexpr (same_as<Value, u32>) {
			if (field == &Config::home_node && !is_valid_home_node(value))
				return EINVAL;
		}
		RoleGuard guard{device.registry.lock, device_state};
		if (device.disk)
			return EBUSY;
		device.config.*field = value;
		return {};
	}
};
template <class Value, Value Config::* Field> struct Plain<Field> : configfs::Shared<PlainValue<Value>, Field> {};

/// Changes the disk of a device that is on.
struct QueueCount {
	static Result<size_t> show(Device& device, u32 blk::QueueCounts::* which, configfs::Buffer out)
	{
		RoleGuard guard{device.registry.lock, device_state};
		return out.line(queue_counts(device).*which);
	}
	static Result<void> store(Device& device, u32 blk::QueueCounts::* which, const char* text)
	{
		const u32 value = TRY(parse<u32>(text));
		RoleGuard guard{device.registry.lock, device_state};
		blk::QueueCounts counts = queue_counts(device);
		counts.*which = value;
		return device.registry.set_queues(device, counts);
	}

private:
	static blk::QueueCounts queue_counts(const Device& device) REQUIRES(device_state)
	{
		return {.submit = device.config.submit_queues, .poll = device.config.poll_queues};
	}
};

template <auto Field> struct Queues : configfs::Shared<QueueCount, Field> {};

/// Whoever writes a sector makes its zone read-only or offline, or empty if it is that already.
struct DeadZone {
	static Result<void> store(Device& device, blk::ZoneCondition condition, const char* text)
	{
		RoleGuard guard{device.registry.lock, device_state};
		if (!device.config.zoned) {
			log::error<"null_blk device is not zoned">();
			return EINVAL;
		}
		Zones* zones = device.disk ? device.disk->zones() : nullptr;
		if (zones == nullptr) {
			log::error<"null_blk device is not yet powered">();
			return EINVAL;
		}
		return zones->set_condition(TRY(parse<unsigned long long>(text)), condition);
	}
};
template <blk::ZoneCondition Condition> struct ZoneState : configfs::Shared<DeadZone, Condition> {};

template <class Value> struct FaultValue {
	static Result<size_t> show(LiveFault& live, Value FaultConfig::* part, configfs::Buffer out)
	{
		return out.line(live.fault.config().*part);
	}
	static Result<void> store(LiveFault& live, Value FaultConfig::* part, const char* text)
	{
		const Value value = TRY(parse<Value>(text));
		live.fault.set(part, value);
		RoleGuard guard{live.device.registry.lock, device_state};
		if (live.device.disk)
			live.device.disk->check_each_request();
		return {};
	}
};

template <class Value, Value FaultConfig::* Part> struct FaultPart<Part> : configfs::Shared<FaultValue<Value>, Part> {};

/// "+first-last" and "-first-last", in 512-byte sectors.
struct BadBlocks {
	static Result<size_t> show(Device& device, configfs::Buffer out) { return device.bad.list.show(out); }
	static Result<void> store(Device& device, const char* text)
	{
		FixedText<128> copy;
		if (!copy.assign(text))
			return EINVAL;
		char* range = copy.trim();
		const char sign = range[0];
		if (sign != '+' && sign != '-')
			return EINVAL;
		char* dash = find_char(range + 1, '-');
		if (dash == nullptr)
			return EINVAL;
		*dash = '\0';
		const u64 first = TRY(parse<unsigned long long>(range + 1));
		const u64 last = TRY(parse<unsigned long long>(dash + 1));
		if (first > last)
			return EINVAL;
		enable(device);
		// All sectors that there are: the list says that this is too large.
		const u64 sectors = last - first + 1;
		return sign == '+' ? device.bad.list.add(first, sectors) : device.bad.list.remove(first, sectors);
	}

private:
	/// From now on every request is checked.
	static void enable(Device& device)
	{
		RoleGuard guard{device.registry.lock, device_state};
		if (device.bad.in_use.swap(1) == 0 && device.disk)
			device.disk->check_each_request();
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
		// The C driver's, to the byte, on either kind of kernel.
		constexpr bool newer = kHasZoneAppendLimit;
		return out.line(
			newer ? "badblocks,blocking,blocksize,cache_size,fua,completion_nsec,discard,home_node,"
				"hw_queue_depth,irqmode,max_sectors,mbps,memory_backed,no_sched,poll_queues,power,"
				"queue_mode,shared_tag_bitmap,shared_tags,size,submit_queues,use_per_node_hctx,"
				"virt_boundary,zoned,zone_capacity,zone_max_active,zone_max_open,zone_nr_conv,"
				"zone_offline,zone_readonly,zone_size,zone_append_max_sectors,zone_full"
			      : "badblocks,blocking,blocksize,cache_size,completion_nsec,discard,home_node,"
				"hw_queue_depth,irqmode,max_sectors,mbps,memory_backed,no_sched,poll_queues,power,"
				"queue_mode,shared_tag_bitmap,shared_tags,size,submit_queues,use_per_node_hctx,"
				"virt_boundary,zoned,zone_capacity,zone_max_active,zone_max_open,zone_nr_conv,"
				"zone_offline,zone_readonly,zone_size");
	}
};

}  // namespace attributes

Device::Device(Registry& owner) : registry(owner), config(params::default_config()), faults(params::default_faults()) {}

Result<Box<Device>> Device::create(Registry& owner)
{
	Box<Device> device = TRY(Box<Device>::make(Gfp::Kernel, owner));
	TRY(device->bad.list.init());
	return device;
}

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
		Box<Device> device = TRY(Device::create(*this));
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
	return Device::create(*this);
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
	FixedText<32> name{names(compat_names_).disk_prefix, id.value()};
	if (device.name() != nullptr)
		(void)name.assign(device.name());
	// Two long directory names may agree in the part that a disk's name can hold.
	if (find(name.c_str()) != nullptr) {
		log::error<"disk %s exists already">(name.c_str());
		return EEXIST;
	}
	Result<Box<Nullb>> disk = make_disk(device, name.c_str(), move(id));
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

Result<Box<Nullb>> Registry::make_disk(Device& device, const char* name, Ida::Id&& id)
{
	const bool shares = device.config.shared_tags && !device.config.is_bio();
	if (shares && !shared_tags_) {
		Config config = params::default_config();
		// Whoever shares them may have any.
		config.memory_backed = false;
		shared_tags_ = TRY(TagSpace::create(config, mq_path(IrqMode::OfQueue, Backing::Any)));
	}
	const Source source{.store = device.store,
			    .bad = device.bad,
			    .faults = device.faults,
			    .shared = shares ? shared_tags_.get() : nullptr};
	return Nullb::create(device.config, source, name, major_.number(), move(id));
}

Result<void> Registry::set_queues(Device& device, blk::QueueCounts counts)
{
	if (device.disk) {
		if (counts.submit == 0 || counts.submit > cpu_id_limit() || counts.poll > params::most_poll_queues())
			return EINVAL;
		TRY(device.disk->resize(counts));
	}
	device.config.submit_queues = counts.submit;
	device.config.poll_queues = counts.poll;
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
