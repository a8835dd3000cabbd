// SPDX-License-Identifier: GPL-2.0
/// \file
/// What cxxrt calls of the kernel but the block layer: memory, locks, time, work, interrupts, PCI, DMA, text.
#include "device.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernel_types.hpp"

using namespace sim;

extern "C" {
int init_module();
void cleanup_module();
extern const raw::kernel_param __start___param[], __stop___param[];
}

namespace {

struct WorkState {
	void (*run)(raw::work_struct*) = nullptr;
	bool pending = false, running = false, again = false;
	u64 due = 0;
	u64 number = 0;
};
struct Irq {
	struct Action {
		raw::irqreturn_t (*handler)(int, void*);
		void* data;
	};
	std::vector<Action> actions;
	u32 disabled = 0;
	bool pending = false;
};
struct MutexState {
	bool held = false;
};

Machine the_machine;
raw::pci_dev pci;
raw::pci_driver* driver = nullptr;
std::map<const void*, WorkState> works;
std::map<const void*, MutexState> mutexes;
std::map<const void*, bool> spinlocks;
std::map<u32, Irq> irqs;
std::map<const void*, std::set<u32>> ids;
std::map<u8*, u64> windows;
u32 vectors = 0;
u64 wakes = 0;
bool enabled = false, claimed = false;
u64 saved_states = 0;
constexpr u32 kFirstIrq = 100;

void* allocate(u64 bytes, u32 flags)
{
	if ((flags & u32(raw::GFP_KERNEL)) == u32(raw::GFP_KERNEL))
		might_sleep("allocation");
	++the_machine.allocations;
	if (the_machine.fail_allocation_at != 0 && --the_machine.fail_allocation_at == 0)
		return nullptr;
	u64 align = 16;
	while (align < bytes && align < kPage)
		align *= 2;
	void* memory = std::aligned_alloc(align, (bytes + align - 1) / align * align);
	std::memset(memory, (flags & u32(raw::__GFP_ZERO)) != 0 ? 0 : 0xa5, bytes);
	the_machine.memory[memory] = bytes;
	return memory;
}

void release(const void* memory)
{
	if (memory == nullptr)
		return;
	if (the_machine.memory.erase(memory) == 0)
		panic("memory freed that was not allocated");
	std::free(const_cast<void*>(memory));
}

void deliver(u32 number)
{
	Irq& irq = irqs[number];
	if (irq.disabled != 0) {
		irq.pending = true;
		return;
	}
	enter_atomic();
	for (const auto& action : std::vector(irq.actions))
		(void)action.handler(int(number), action.data);
	leave_atomic();
}

bool unmap(u64 address, u64 bytes, int direction)
{
	auto [first, last] = the_machine.mapped.equal_range(address);
	for (auto at = first; at != last; ++at) {
		if (at->second == std::pair{bytes, direction}) {
			the_machine.mapped.erase(at);
			return true;
		}
	}
	return false;
}

bool queue_work(raw::work_struct* work, u64 delay)
{
	WorkState& state = works.at(work);
	if (state.pending)
		return false;
	state.pending = true;
	const u64 due = now() + delay;
	const u64 number = ++state.number;
	spawn("work", [work, due, number] {
		auto mine = [work, number] {
			auto found = works.find(work);
			return found != works.end() && found->second.pending && found->second.number == number;
		};
		if (due > now())
			wait_until("delay of work", [&] { return !mine(); }, due);
		// One function of a work runs at a time.
		wait_until("work runs already", [&] { return !mine() || !works.at(work).running; });
		if (!mine())
			return;
		WorkState& state = works.at(work);
		state.pending = false;
		state.running = true;
		state.run(work);
		auto found = works.find(work);
		if (found != works.end())
			found->second.running = false;
	});
	return true;
}

bool cancel_work(raw::work_struct* work)
{
	might_sleep("cancel_work_sync");
	const bool was = works.at(work).pending;
	works.at(work).pending = false;
	wait_until("work to be cancelled", [work] { return !works.at(work).running; });
	return was;
}

u8* window_base(const void* where, u64& offset)
{
	auto found = windows.upper_bound(static_cast<u8*>(const_cast<void*>(where)));
	if (found != windows.begin()) {
		--found;
		offset = u64(static_cast<const u8*>(where) - found->first);
		if (offset + 4 <= found->second)
			return found->first;
	}
	panic("a register that is not mapped");
}

int parse(const char* text, u32 base, unsigned long long& value)
{
	char* end = nullptr;
	if (*text == '\0' || *text == '-')
		return -int(raw::EINVAL);
	value = std::strtoull(text, &end, int(base));
	if (*end == '\n')
		++end;
	return *end == '\0' ? 0 : -int(raw::EINVAL);
}

}  // namespace

namespace sim {

Machine& machine() { return the_machine; }

void reset_machine()
{
	shuffle(0);
	forget_events();
	irqs.clear();
	ids.clear();
	vectors = 0;
	reset_block();
	forget_nodes();
	the_machine = Machine{};
}

std::string leftovers()
{
	std::string left;
	if (!the_machine.memory.empty())
		left += std::to_string(the_machine.memory.size()) + " pieces of memory; ";
	if (!the_machine.mapped.empty())
		left += std::to_string(the_machine.mapped.size()) + " DMA maps; ";
	for (const auto& [number, irq] : irqs) {
		if (!irq.actions.empty())
			left += "a handler of interrupt " + std::to_string(number) + "; ";
		if (irq.disabled != 0)
			left += "interrupt " + std::to_string(number) + " is off; ";
	}
	if (vectors != 0)
		left += "vectors; ";
	if (!windows.empty())
		left += "maps of registers; ";
	if (!works.empty())
		left += std::to_string(works.size()) + " works; ";
	if (requests_alive() != 0)
		left += std::to_string(requests_alive()) + " requests; ";
	left += nodes_left();
	if (tasks_alive() != 0)
		left += std::to_string(tasks_alive()) + " tasks; ";
	if (enabled || claimed)
		left += "an enabled or claimed function; ";
	return left;
}

bool logged(const std::string& part)
{
	for (const auto& line : the_machine.log) {
		if (line.find(part) != std::string::npos)
			return true;
	}
	return false;
}

bool set_param(const std::string& name, const std::string& value)
{
	for (const raw::kernel_param* param = __start___param; param != __stop___param; ++param) {
		if (name != param->name)
			continue;
		if (the_machine.params.count(name) == 0) {
			char text[4096] = {};
			if (param->ops->get != nullptr)
				param->ops->get(text, param);
			the_machine.params[name] = text;
		}
		return param->ops->set(value.c_str(), param) == 0;
	}
	return false;
}

int load()
{
	int error = 0;
	run([&] { error = init_module(); });
	return error;
}

void unload()
{
	run([] {
		if (the_machine.bound)
			remove();
		cleanup_module();
		driver = nullptr;
	});
	const auto params = the_machine.params;
	for (const auto& [name, value] : params)
		(void)set_param(name, value);
	the_machine.params.clear();
}

int probe()
{
	int error = 0;
	run([&] {
		pci.vendor = u16(the_machine.model >> 16);
		pci.device = u16(the_machine.model);
		const raw::pci_device_id* id = driver->id_table;
		while (id->vendor != 0 &&
		       !((id->vendor == pci.vendor && id->device == pci.device) || id->vendor == u32(raw::PCI_ANY_ID)))
			++id;
		pci.driver = driver;
		raw::pci_device_id known = *id;
		known.driver_data |= the_machine.quirks;
		error = driver->probe(&pci, &known);
		the_machine.bound = error == 0;
		if (error != 0)
			pci.driver = nullptr;
	});
	return error;
}

void remove()
{
	run([] {
		if (!exchange_bound())
			return;
		driver->remove(&pci);
		pci.driver = nullptr;
	});
}

u32 error_detected(u32 link)
{
	u32 said = 0;
	run([&] {
		the_machine.link_is_broken = link != raw::pci_channel_io_normal;
		said = driver->err_handler->error_detected(&pci, link);
	});
	return said;
}

void slot_reset(bool works)
{
	run([&] {
		the_machine.link_is_broken = false;
		the_machine.device->plug_in();
		if (!works)
			the_machine.device->pull_out();
		(void)driver->err_handler->slot_reset(&pci);
		driver->err_handler->resume(&pci);
	});
}

void function_reset()
{
	run([] {
		driver->err_handler->reset_prepare(&pci);
		the_machine.device->plug_in();
		driver->err_handler->reset_done(&pci);
	});
}

void shut_down()
{
	run([] { driver->shutdown(&pci); });
}

int suspend(bool simple)
{
	int error = 0;
	run([&] {
		the_machine.keeps_power_state = false;
		const raw::dev_pm_ops* ops = driver->driver.pm;
		error = (simple ? ops->freeze : ops->suspend)(&pci.dev);
	});
	return error;
}

int resume(bool simple)
{
	int error = 0;
	run([&] {
		const raw::dev_pm_ops* ops = driver->driver.pm;
		error = (simple ? ops->thaw : ops->resume)(&pci.dev);
	});
	return error;
}

bool exchange_bound()
{
	const bool was = the_machine.bound;
	the_machine.bound = false;
	return was;
}

static bool is_mapped(u64 address, u64 bytes, bool writes)
{
	for (auto found = the_machine.mapped.upper_bound(address); found != the_machine.mapped.begin();) {
		--found;
		const auto [length, direction] = found->second;
		if (address + bytes <= found->first + length &&
		    (direction == int(raw::DMA_BIDIRECTIONAL) ||
		     direction == int(writes ? raw::DMA_FROM_DEVICE : raw::DMA_TO_DEVICE)))
			return true;
	}
	return false;
}

bool dma_read(u64 address, void* to, u64 bytes)
{
	if (!is_mapped(address, bytes, false))
		return false;
	std::memcpy(to, reinterpret_cast<const void*>(address), bytes);
	return true;
}

bool dma_write(u64 address, const void* from, u64 bytes)
{
	if (!is_mapped(address, bytes, true))
		return false;
	std::memcpy(reinterpret_cast<void*>(address), from, bytes);
	return true;
}

void raise(u32 vector)
{
	const u32 number = kFirstIrq + (vector < vectors ? vector : 0);
	if (vectors == 0)
		return;
	deliver(number);
}

u32 granted_vectors() { return vectors; }

}  // namespace sim

namespace raw {

template <class T> static T add(T* p, T value)
{
	const T old = *p;
	*p += value;
	return old;
}

template <class T, int (*Parse)(const char*, unsigned int, T*)> static int set_number(const char* text,
										      const kernel_param* param)
{
	return Parse(text, 0, static_cast<T*>(param->arg));
}
template <class T> static int get_number(char* out, const kernel_param* param)
{
	return std::sprintf(out, "%llu\n", static_cast<unsigned long long>(*static_cast<T*>(param->arg)));
}

extern "C" {

// Memory.
void* cxxrt_kmalloc_node(size_t size, gfp_t flags, int) { return allocate(size, flags); }
void* cxxrt_kvmalloc_node(size_t size, gfp_t flags, int) { return allocate(size, flags); }
void kfree(const void* p) { release(p); }
void kvfree(const void* p) { release(p); }
// A page is known by where its bytes are.
page* cxxrt_alloc_page(gfp_t flags, int) { return static_cast<page*>(allocate(kPage, flags)); }
void cxxrt_free_page(page* page) { release(page); }
void* cxxrt_page_address(page* page) { return page; }

// Locks.
void __mutex_init(mutex* lock, const char*, lock_class_key*) { mutexes[lock] = {}; }
void cxxrt_mutex_lock(mutex* lock)
{
	might_sleep("mutex");
	compute(10);
	while (mutexes.at(lock).held)
		wait_until("mutex", [lock] { return !mutexes.at(lock).held; });
	mutexes.at(lock).held = true;
}
void mutex_unlock(mutex* lock)
{
	if (!mutexes.at(lock).held)
		panic("mutex unlocked that is not locked");
	mutexes.at(lock).held = false;
}
void cxxrt_mutex_destroy(mutex* lock)
{
	if (mutexes.at(lock).held)
		panic("mutex destroyed that is locked");
	mutexes.erase(lock);
}
void cxxrt_spin_lock_init(spinlock_t* lock, const char*, lock_class_key*) { spinlocks[lock] = false; }
void cxxrt_spin_lock(spinlock_t* lock)
{
	if (!is_atomic())
		compute(10);
	if (spinlocks[lock])
		panic("spinlock locked twice");
	spinlocks[lock] = true;
	enter_atomic();
}
void cxxrt_spin_unlock(spinlock_t* lock)
{
	if (!spinlocks[lock])
		panic("spinlock unlocked that is not locked");
	spinlocks[lock] = false;
	leave_atomic();
}
unsigned long cxxrt_spin_lock_irqsave(spinlock_t* lock)
{
	cxxrt_spin_lock(lock);
	return 0;
}
void cxxrt_spin_unlock_irqrestore(spinlock_t* lock, unsigned long) { cxxrt_spin_unlock(lock); }
void cxxrt_spin_lock_bh(spinlock_t* lock) { cxxrt_spin_lock(lock); }
void cxxrt_spin_unlock_bh(spinlock_t* lock) { cxxrt_spin_unlock(lock); }
void cxxrt_rcu_read_lock() { enter_atomic(); }
void cxxrt_rcu_read_unlock() { leave_atomic(); }
void synchronize_rcu() { might_sleep("synchronize_rcu"); }

// Atomics: there is one thread.
int cxxrt_read_once_int(const int* p) { return *const_cast<const volatile int*>(p); }
void cxxrt_write_once_int(int* p, int value) { *p = value; }
long cxxrt_read_once_long(const long* p) { return *const_cast<const volatile long*>(p); }
void cxxrt_write_once_long(long* p, long value) { *p = value; }
int cxxrt_load_acquire_int(const int* p) { return *p; }
void cxxrt_store_release_int(int* p, int value) { *p = value; }
long cxxrt_load_acquire_long(const long* p) { return *p; }
void cxxrt_store_release_long(long* p, long value) { *p = value; }
int cxxrt_fetch_add_int(int* p, int value) { return add(p, value); }
int cxxrt_fetch_add_relaxed_int(int* p, int value) { return add(p, value); }
long cxxrt_fetch_add_long(long* p, long value) { return add(p, value); }
long cxxrt_fetch_add_relaxed_long(long* p, long value) { return add(p, value); }
int cxxrt_xchg_int(int* p, int value) { return std::exchange(*p, value); }
long cxxrt_xchg_long(long* p, long value) { return std::exchange(*p, value); }
int cxxrt_cmpxchg_int(int* p, int expected, int value)
{
	const int old = *p;
	if (old == expected)
		*p = value;
	return old;
}
long cxxrt_cmpxchg_long(long* p, long expected, long value)
{
	const long old = *p;
	if (old == expected)
		*p = value;
	return old;
}
void cxxrt_smp_mb() {}
void cxxrt_smp_rmb() {}
void cxxrt_smp_wmb() {}
void cxxrt_dma_rmb() {}
void cxxrt_dma_wmb() {}
void cxxrt_refcount_set(refcount_t* r, int n) { r->refs.counter = n; }
void cxxrt_refcount_inc(refcount_t* r) { ++r->refs.counter; }
bool cxxrt_refcount_dec_and_test(refcount_t* r) { return --r->refs.counter == 0; }

// Sleeping: who is woken looks again.
void __init_waitqueue_head(wait_queue_head*, const char*, lock_class_key*) {}
void cxxrt_wake_up(wait_queue_head*) { ++wakes; }
void cxxrt_wake_up_all(wait_queue_head*) { ++wakes; }
void cxxrt_init_wait(wait_queue_entry*) {}
void cxxrt_prepare_to_wait(wait_queue_head*, wait_queue_entry*) {}
void cxxrt_prepare_to_wait_exclusive(wait_queue_head*, wait_queue_entry*) {}
void finish_wait(wait_queue_head*, wait_queue_entry*) {}
long schedule_timeout(long timeout)
{
	wait_until("wait queue", [before = wakes] { return wakes != before; }, now() + (u64(timeout) * kMs));
	return 0;
}
void io_schedule()
{
	wait_until("wait queue", [before = wakes] { return wakes != before; });
}

// Time: a jiffy is a millisecond.
unsigned long long cxxrt_ktime_get_ns() { return now(); }
unsigned long cxxrt_jiffies() { return now() / kMs; }
unsigned long cxxrt_msecs_to_jiffies(unsigned int ms) { return ms; }
void msleep(unsigned int ms)
{
	wait_until("msleep", [] { return false; }, now() + (ms * kMs));
}
void cxxrt_usleep_range(unsigned long least, unsigned long)
{
	wait_until("usleep", [] { return false; }, now() + (least * kUs));
}
void cxxrt_cond_resched() {}

// Work.
void cxxrt_init_work(work_struct* work, void (*run)(work_struct*), const char*, lock_class_key*)
{
	works[work] = {.run = run};
}
bool cxxrt_schedule_work(work_struct* work) { return queue_work(work, 0); }
bool cxxrt_schedule_long_work(work_struct* work) { return queue_work(work, 0); }
bool cxxrt_schedule_work_on(int, work_struct* work) { return queue_work(work, 0); }
bool cancel_work_sync(work_struct* work) { return cancel_work(work); }
void cxxrt_end_work(work_struct* work)
{
	(void)cancel_work(work);
	works.erase(work);
}
bool flush_work(work_struct* work)
{
	return wait_until("work to end", [work] { return !works.at(work).running && !works.at(work).pending; });
}
void cxxrt_init_delayed_work(delayed_work* work, void (*run)(work_struct*), const char*, lock_class_key*)
{
	works[&work->work] = {.run = run};
}
bool cxxrt_mod_delayed_work(delayed_work* work, unsigned long ms)
{
	const bool was = works.at(&work->work).pending;
	works.at(&work->work).pending = false;
	(void)queue_work(&work->work, ms * kMs);
	return was;
}
bool cancel_delayed_work_sync(delayed_work* work) { return cancel_work(&work->work); }
void cxxrt_end_delayed_work(delayed_work* work) { cxxrt_end_work(&work->work); }

// Lists, ids, text.
void cxxrt_list_add(list_head* entry, list_head* head)
{
	entry->next = head->next;
	entry->prev = head;
	head->next->prev = entry;
	head->next = entry;
}
void cxxrt_list_add_tail(list_head* entry, list_head* head) { cxxrt_list_add(entry, head->prev); }
void cxxrt_list_del_init(list_head* entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	entry->next = entry->prev = entry;
}
void cxxrt_list_splice_tail_init(list_head* from, list_head* to)
{
	while (from->next != from) {
		list_head* first = from->next;
		cxxrt_list_del_init(first);
		cxxrt_list_add_tail(first, to);
	}
}
void cxxrt_ida_init(ida* ida) { ids[ida] = {}; }
int ida_alloc_range(ida* ida, unsigned int least, unsigned int most, gfp_t)
{
	// The tree has room for what is allocated with it.
	for (unsigned int id = least; id <= most; ++id) {
		if (ids[ida].insert(id).second)
			return int(id);
	}
	return -int(ENOSPC);
}
void ida_free(ida* ida, unsigned int id)
{
	if (ids[ida].erase(id) == 0)
		panic("an id given back twice");
}
void ida_destroy(ida* ida)
{
	if (!ids[ida].empty())
		panic("ids in use");
	ids.erase(ida);
}
int kstrtobool(const char* text, bool* value)
{
	*value = *text == '1' || *text == 'y' || *text == 'Y';
	return 0;
}
int kstrtouint(const char* text, unsigned int base, unsigned int* value)
{
	unsigned long long wide = 0;
	const int error = parse(text, base, wide);
	*value = unsigned(wide);
	return error;
}
int kstrtoint(const char* text, unsigned int base, int* value)
{
	unsigned long long wide = 0;
	const int error = parse(text, base, wide);
	*value = int(wide);
	return error;
}
int kstrtoull(const char* text, unsigned int base, unsigned long long* value) { return parse(text, base, *value); }
int cxxrt_kstrtoul(const char* text, unsigned int base, unsigned long* value)
{
	unsigned long long wide = 0;
	const int error = parse(text, base, wide);
	*value = wide;
	return error;
}
int scnprintf(char* out, size_t size, const char* format, ...)
{
	va_list all;
	va_start(all, format);
	const int wanted = std::vsnprintf(out, size, format, all);
	va_end(all);
	return wanted < int(size) ? wanted : int(size) - 1;
}
size_t cxxrt_strscpy(char* to, const char* from, size_t size)
{
	std::snprintf(to, size, "%s", from);
	return std::strlen(from);
}
int _printk(const char* format, ...)
{
	char line[1024];
	va_list all;
	va_start(all, format);
	std::vsnprintf(line, sizeof(line), format + 2, all);
	va_end(all);
	if (std::getenv("CXXRT_SIM_LOG") != nullptr)
		std::fprintf(stderr, "[%12.6f] %s", double(now()) / 1e9, line);
	the_machine.log.emplace_back(line);
	return 0;
}
void cxxrt_ratelimit_init(ratelimit_state*) {}
int cxxrt_ratelimit(ratelimit_state*) { return 1; }
void cxxrt_warn_on(bool condition)
{
	if (condition)
		panic("WARN_ON");
}
unsigned int cxxrt_num_possible_cpus() { return the_machine.cpus; }
unsigned int cxxrt_nr_cpu_ids() { return the_machine.cpus; }
unsigned int cxxrt_raw_smp_processor_id() { return the_machine.cpu; }
bool cxxrt_cpu_online(unsigned int cpu) { return cpu < the_machine.cpus; }

// Modules.
module __this_module;
bool cxxrt_module_is_unused() { return true; }
static int set_bool(const char* text, const kernel_param* param)
{
	return kstrtobool(text, static_cast<bool*>(param->arg));
}
const kernel_param_ops param_ops_bool{.set = &set_bool, .get = &get_number<bool>};
static int set_byte(const char* text, const kernel_param* param)
{
	unsigned wide = 0;
	const int error = kstrtouint(text, 0, &wide);
	*static_cast<unsigned char*>(param->arg) = static_cast<unsigned char>(wide);
	return error;
}
const kernel_param_ops param_ops_byte{.set = &set_byte, .get = &get_number<unsigned char>};
const kernel_param_ops param_ops_int{.set = &set_number<int, &kstrtoint>, .get = &get_number<int>};
const kernel_param_ops param_ops_uint{.set = &set_number<unsigned, &kstrtouint>, .get = &get_number<unsigned>};
const kernel_param_ops param_ops_ulong{.set = &set_number<unsigned long, &cxxrt_kstrtoul>,
				       .get = &get_number<unsigned long>};

// PCI.
int __pci_register_driver(pci_driver* registered, module*, const char*)
{
	driver = registered;
	return 0;
}
void pci_unregister_driver(pci_driver*)
{
	if (the_machine.bound)
		sim::remove();
}
int pci_enable_device_mem(pci_dev*)
{
	enabled = true;
	return 0;
}
void pci_disable_device(pci_dev*)
{
	enabled = false;
	the_machine.device->set_bus_master(false);
}
void pci_set_master(pci_dev*) { the_machine.device->set_bus_master(true); }
void pci_clear_master(pci_dev*) { the_machine.device->set_bus_master(false); }
bool pci_device_is_present(pci_dev*) { return !the_machine.device->is_gone(); }
int cxxrt_pci_request_mem_regions(pci_dev*, const char*)
{
	claimed = true;
	return 0;
}
void cxxrt_pci_release_mem_regions(pci_dev*) { claimed = false; }
unsigned long long cxxrt_pci_resource_len(const pci_dev*, unsigned bar)
{
	return bar == 0 ? the_machine.device->config.bar_bytes : bar == 2 ? the_machine.device->config.buffer_bytes : 0;
}
bool cxxrt_pci_resource_is_memory(const pci_dev*, unsigned bar)
{
	return bar == 0 || (bar == 2 && the_machine.device->config.buffer_bytes != 0);
}
void* cxxrt_pci_ioremap(pci_dev*, unsigned, unsigned long long bytes)
{
	auto* base = static_cast<sim::u8*>(allocate(bytes, 0));
	if (base == nullptr)
		return nullptr;
	the_machine.memory.erase(base);
	windows[base] = bytes;
	return base;
}
void cxxrt_iounmap(void* mapped)
{
	if (windows.erase(static_cast<sim::u8*>(mapped)) == 0)
		panic("unmapped what is not mapped");
	std::free(mapped);
}
int pci_read_config_word(const pci_dev*, int, unsigned short* value)
{
	*value = the_machine.device->is_gone() ? 0xffff : 0x0010;
	return 0;
}
int pci_save_state(pci_dev*)
{
	++saved_states;
	the_machine.keeps_power_state = true;
	return 0;
}
void pci_restore_state(pci_dev*)
{
	if (saved_states == 0)
		panic("no state was saved");
}
void cxxrt_pci_forget_saved_state(pci_dev*) { the_machine.keeps_power_state = false; }
bool cxxrt_pcie_aspm_enabled(pci_dev*) { return the_machine.saves_link_power; }
void cxxrt_pci_enable_error_reporting(pci_dev*) {}
void cxxrt_pci_disable_error_reporting(pci_dev*) {}
unsigned long long cxxrt_pci_bus_address(pci_dev*, unsigned bar) { return 0x1000000000ull * (bar + 1); }
bool cxxrt_acpi_storage_d3(device*) { return the_machine.wants_power_off; }
bool cxxrt_pm_suspend_via_firmware() { return the_machine.firmware_suspends; }
const char* cxxrt_pci_name(const pci_dev*) { return "0000:00:10.0"; }
void* cxxrt_pci_get_drvdata(pci_dev* dev) { return dev->dev.driver_data; }
void cxxrt_pci_set_drvdata(pci_dev* dev, void* data) { dev->dev.driver_data = data; }
int cxxrt_dev_to_node(device*) { return -1; }
bool cxxrt_pci_has_driver(const char*) { return false; }
bool cxxrt_pci_channel_offline(pci_dev*) { return the_machine.link_is_broken; }

// Interrupts.
int pci_alloc_irq_vectors_affinity(pci_dev*, unsigned least, unsigned most, unsigned, irq_affinity* affinity)
{
	might_sleep("vectors");
	if (vectors != 0)
		panic("vectors allocated twice");
	unsigned count = std::min(most, the_machine.device->config.vectors);
	if (count < least)
		return -int(ENOSPC);
	if (affinity != nullptr) {
		const unsigned spread = count - std::min(count, affinity->pre_vectors);
		if (spread != 0 || affinity->calc_sets != nullptr)
			affinity->calc_sets(affinity, spread);
	}
	vectors = count;
	return int(count);
}
void pci_free_irq_vectors(pci_dev*)
{
	for (const auto& [number, irq] : irqs) {
		if (!irq.actions.empty())
			panic("vectors freed with a handler");
	}
	vectors = 0;
}
int pci_irq_vector(pci_dev*, unsigned index) { return index < vectors ? int(kFirstIrq + index) : -int(EINVAL); }
bool cxxrt_pci_has_msi(const pci_dev*) { return true; }
int request_threaded_irq(unsigned number, irqreturn_t (*handler)(int, void*), irqreturn_t (*)(int, void*),
			 unsigned long, const char*, void* data)
{
	might_sleep("request_irq");
	if (number < kFirstIrq || number >= kFirstIrq + vectors)
		panic("an interrupt that is not there");
	irqs[number].actions.push_back({.handler = handler, .data = data});
	compute(10);
	return 0;
}
const void* free_irq(unsigned number, void* data)
{
	might_sleep("free_irq");
	const auto gone = std::erase_if(irqs[number].actions, [&](const auto& action) { return action.data == data; });
	if (gone != 1)
		panic("an interrupt freed that was not requested");
	compute(10);
	return nullptr;
}
void disable_irq(unsigned number)
{
	might_sleep("disable_irq");
	++irqs[number].disabled;
}
void enable_irq(unsigned number)
{
	Irq& irq = irqs[number];
	if (irq.disabled-- == 0)
		panic("an interrupt enabled too often");
	if (irq.disabled == 0 && std::exchange(irq.pending, false))
		deliver(number);
}

// Registers.
unsigned cxxrt_readl(const void* where)
{
	sim::u64 offset = 0;
	(void)window_base(where, offset);
	compute(100);
	return the_machine.device->read(sim::u32(offset));
}
void cxxrt_writel(unsigned value, void* where)
{
	sim::u64 offset = 0;
	(void)window_base(where, offset);
	compute(100);
	the_machine.device->write(sim::u32(offset), value);
}
void cxxrt_writel_relaxed(unsigned value, void* where) { cxxrt_writel(value, where); }

// DMA: an address is where the bytes are.
int cxxrt_dma_set_mask_and_coherent(device*, unsigned long long) { return 0; }
void cxxrt_dma_set_min_align_mask(device*, unsigned) {}
size_t dma_max_mapping_size(device*) { return ~size_t{0}; }
size_t dma_opt_mapping_size(device*) { return ~size_t{0}; }
void* dma_alloc_attrs(device*, size_t bytes, dma_addr_t* address, gfp_t flags, unsigned long)
{
	void* memory = allocate(std::max<size_t>(bytes, kPage), flags | unsigned(__GFP_ZERO));
	if (memory == nullptr)
		return nullptr;
	*address = sim::u64(memory);
	the_machine.mapped.emplace(*address, std::pair{sim::u64(bytes), int(DMA_BIDIRECTIONAL)});
	return memory;
}
void dma_free_attrs(device*, size_t bytes, void* memory, dma_addr_t address, unsigned long)
{
	if (!unmap(address, bytes, DMA_BIDIRECTIONAL))
		panic("DMA memory freed that is not there");
	release(memory);
}
dma_addr_t dma_map_page_attrs(device*, page* page, size_t offset, size_t bytes, dma_data_direction direction,
			      unsigned long)
{
	++the_machine.allocations;
	if (the_machine.fail_allocation_at != 0 && --the_machine.fail_allocation_at == 0)
		return ~0ull;
	const sim::u64 address = sim::u64(page) + offset;
	the_machine.mapped.emplace(address, std::pair{sim::u64(bytes), int(direction)});
	return address;
}
void dma_unmap_page_attrs(device*, dma_addr_t address, size_t bytes, dma_data_direction direction, unsigned long)
{
	if (!unmap(address, bytes, direction))
		panic("unmapped what is not mapped so");
}
int cxxrt_dma_mapping_error(device*, dma_addr_t address) { return address == ~0ull ? -int(ENOMEM) : 0; }
void cxxrt_dma_sync_for_device(device*, dma_addr_t address, size_t bytes, dma_data_direction)
{
	sim::u8 byte = 0;
	if (!dma_read(address, &byte, 1) || !dma_read(address + bytes - 1, &byte, 1))
		panic("synced what is not mapped");
}

}  // extern "C"
}  // namespace raw
