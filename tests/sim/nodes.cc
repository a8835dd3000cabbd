// SPDX-License-Identifier: GPL-2.0
/// \file
/// Devices in classes, character devices, gates and completions.
#include "sim.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernel_types.hpp"

using namespace sim;

namespace {

struct Reference {
	void (*released)(raw::percpu_ref*) = nullptr;
	long count = 1;
	bool dead = false;
};
std::map<const void*, Reference> references;
std::map<const void*, u32> completions;
std::map<const void*, u32> devices;
std::map<const void*, std::string> names;
raw::device* tolerant = nullptr;
void (*set_tolerance)(raw::device*, int) = nullptr;
std::set<void*> classes;
u32 regions = 0;

bool fails()
{
	++machine().allocations;
	return machine().fail_allocation_at != 0 && --machine().fail_allocation_at == 0;
}

}  // namespace

namespace sim {

bool has_device(const std::string& name)
{
	return std::any_of(names.begin(), names.end(), [&](const auto& entry) { return entry.second == name; });
}

bool set_latency_tolerance(int us)
{
	run([us] {
		if (tolerant != nullptr)
			set_tolerance(tolerant, us);
	});
	return tolerant != nullptr;
}

std::string nodes_left()
{
	std::string left;
	if (!devices.empty())
		left += std::to_string(devices.size()) + " devices; ";
	if (!classes.empty() || regions != 0)
		left += "classes or numbers of devices; ";
	if (!references.empty())
		left += std::to_string(references.size()) + " gates; ";
	return left;
}

void forget_nodes()
{
	references.clear();
	completions.clear();
	devices.clear();
	for (void* cls : classes)
		std::free(cls);
	classes.clear();
	regions = 0;
}

}  // namespace sim

namespace raw {
extern "C" {

cxxrt_class* cxxrt_class_create(const char*)
{
	if (fails())
		return reinterpret_cast<cxxrt_class*>(-long(ENOMEM));
	void* made = std::calloc(1, 4096);
	classes.insert(made);
	return static_cast<cxxrt_class*>(made);
}
void cxxrt_class_destroy(cxxrt_class* cls)
{
	if (classes.erase(cls) == 0)
		panic("a class destroyed twice");
	std::free(cls);
}
void device_initialize(device* dev) { devices[dev] = 1; }
device* get_device(device* dev)
{
	++devices.at(dev);
	return dev;
}
void put_device(device* dev)
{
	might_sleep("put_device");
	if (--devices.at(dev) != 0)
		return;
	devices.erase(dev);
	names.erase(dev);
	if (dev == tolerant)
		tolerant = nullptr;
	if (dev->release != nullptr)
		dev->release(dev);
	else
		dev->type->release(dev);
}
int device_add(device*) { return fails() ? -int(ENOMEM) : 0; }
void device_del(device*) {}
int cxxrt_dev_set_name(device* dev, const char* name)
{
	if (fails())
		return -int(ENOMEM);
	names[dev] = name;
	return 0;
}
void cdev_init(cdev*, const file_operations*) {}
int cdev_device_add(cdev*, device*) { return fails() ? -int(ENOMEM) : 0; }
void cdev_device_del(cdev*, device*) { might_sleep("cdev_device_del"); }
int alloc_chrdev_region(dev_t* first, unsigned, unsigned, const char*)
{
	*first = 240 << 20;
	++regions;
	return 0;
}
void unregister_chrdev_region(dev_t, unsigned) { --regions; }
int kobject_uevent_env(kobject*, kobject_action, char*[]) { return 0; }

int cxxrt_percpu_ref_init(percpu_ref* ref, void (*released)(percpu_ref*))
{
	if (fails())
		return -int(ENOMEM);
	references[ref] = {.released = released};
	return 0;
}
void percpu_ref_exit(percpu_ref* ref) { references.erase(ref); }
void cxxrt_percpu_ref_put(percpu_ref* ref)
{
	Reference& mine = references.at(ref);
	if (--mine.count == 0)
		mine.released(ref);
}
void cxxrt_percpu_ref_kill(percpu_ref* ref)
{
	references.at(ref).dead = true;
	cxxrt_percpu_ref_put(ref);
}
bool cxxrt_percpu_ref_tryget_live(percpu_ref* ref)
{
	Reference& mine = references.at(ref);
	mine.count += mine.dead ? 0 : 1;
	return !mine.dead;
}
void cxxrt_init_completion(completion* done) { completions[done] = 0; }
void complete(completion* done) { ++completions[done]; }
void wait_for_completion(completion* done)
{
	wait_until("a completion", [done] { return completions[done] != 0; });
	--completions[done];
}
unsigned long wait_for_completion_timeout(completion* done, unsigned long jiffies)
{
	const bool met = wait_until("a completion", [done] { return completions[done] != 0; }, now() + (jiffies * kMs));
	if (met)
		--completions[done];
	return met ? 1 : 0;
}
int sysfs_create_link(kobject*, kobject*, const char*) { return 0; }
void sysfs_remove_link(kobject*, const char*) {}
int sysfs_create_group(kobject*, const attribute_group*) { return 0; }
void sysfs_remove_group(kobject*, const attribute_group*) {}
void cxxrt_set_latency_tolerance(device* dev, void (*set)(device*, int))
{
	tolerant = dev;
	set_tolerance = set;
}
int cxxrt_update_latency_tolerance(device* dev, int us)
{
	set_tolerance(dev, us);
	return 0;
}
int cxxrt_expose_latency_tolerance(device*) { return 0; }
device* cxxrt_hwmon_device_register(device*, const char*, void*, const hwmon_chip_info*) { return nullptr; }
bool cxxrt_dmi_match(dmi_field, const char*) { return false; }
// Nobody traces.
bool cxxrt_trace_nvme_setup_cmd_enabled() { return false; }
bool cxxrt_trace_nvme_complete_rq_enabled() { return false; }
bool cxxrt_trace_nvme_sq_enabled() { return false; }
bool capable(int) { return true; }
bool cxxrt_in_compat_syscall() { return false; }
const char* cxxrt_current_comm() { return "test"; }
void cxxrt_force_successful_syscall_return() {}
bool cxxrt_copy_from_user(void* to, unsigned long long from, size_t bytes)
{
	std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
	return true;
}
bool cxxrt_copy_to_user(unsigned long long to, const void* from, size_t bytes)
{
	std::memcpy(reinterpret_cast<void*>(to), from, bytes);
	return true;
}

}  // extern "C"
}  // namespace raw
