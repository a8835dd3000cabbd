// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A kernel in user space, as far as nvme_cpp looks: one thread, a clock of its own, tasks that run until they wait.
/// The driver and cxxrt's headers are compiled as they are; what they call is in kernel.cc and block.cc.
///
/// Whatever is wrong with how the driver uses the kernel (memory lost, a request ended twice, sleeping under a
/// spinlock, DMA to what is not mapped, a task that waits for ever) is a failure of the test that runs.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sim {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u64 kUs = 1000;
constexpr u64 kMs = 1000 * kUs;
constexpr u64 kSecond = 1000 * kMs;
constexpr u64 kNever = ~0ull;
constexpr u32 kPage = 4096;

/// A test has failed; the text says why. Those that cannot go on end the process.
void fail(const std::string& why);
[[noreturn]] void panic(const std::string& why);

// Time and tasks (sched.cc).
u64 now();
/// Lets so much time pass for who computes: no other task runs, but interrupts may, where they are on.
void compute(u64 ns);
/// Calls `run` when the time has come, in interrupt context.
void at(u64 ns, std::function<void()> run);
inline void after(u64 ns, std::function<void()> run) { at(now() + ns, std::move(run)); }
/// Begins a task, which runs when others wait.
void spawn(const std::string& name, std::function<void()> body);
/// Runs `body` as a task, and others with it; returns when it has ended.
void run(std::function<void()> body);
/// Lets everything happen that happens within `ns`.   From outside of tasks.
void run_for(u64 ns);
/// Waits until `met()`, or the time has come; false if not met. From a task that may sleep.
bool wait_until(const char* why, std::function<bool()> met, u64 deadline = kNever);
/// Context: nothing may sleep between these.
void enter_atomic();
void leave_atomic();
bool is_atomic();
bool in_task();
void might_sleep(const char* what);
u32 tasks_alive();
/// Nothing that was to come comes.
void forget_events();
/// What becomes of order: tasks are chosen, and interrupts come between any two accesses, as the seed says. 0: in order.
void shuffle(u32 seed);

// The machine (kernel.cc).
struct Device;
struct Machine {
	u32 cpus = 2;
	u32 cpu = 0;					 // where things run
	u64 fail_allocation_at = 0;			 // the nth from now, from 1
	u64 allocations = 0;				 // so far
	std::map<const void*, u64> memory;		 // bytes
	std::multimap<u64, std::pair<u64, int>> mapped;	 // DMA: bytes, direction
	std::vector<std::string> log;
	Device* device = nullptr;
	bool bound = false;
	bool link_is_broken = false;  // the function's state is "frozen"
	u32 model = 0x1b360010;
	u64 quirks = 0;	 // besides those of the model
	bool saves_link_power = false, wants_power_off = false, firmware_suspends = false;
	bool keeps_power_state = false;		    // pci_save_state() was called
	std::map<std::string, std::string> params;  // beyond the defaults
};
Machine& machine();
/// Begins anew, with nothing of the last test; fails if something was left.
void reset_machine();
bool exchange_bound();
/// What is left of drivers: memory, maps, interrupts, requests; "" if nothing.
std::string leftovers();
/// Of devices and gates alone (nodes.cc).
std::string nodes_left();
void forget_nodes();
bool logged(const std::string& part);
/// Sets a parameter of the module. False if it refuses the value.
bool set_param(const std::string& name, const std::string& value);

/// Loads the module, and unloads it.
int load();
void unload();
/// Gives the device to it: its error, and takes it away.
int probe();
void remove();
/// The link fails, as pci_channel_state says: what the driver wants, as pci_ers_result. The slot has been reset, and the
/// device works or does not. The function is reset.
u32 error_detected(u32 link);
void slot_reset(bool works = true);
void function_reset();
void shut_down();
/// The machine sleeps, or makes an image of itself, and wakes up.
int suspend(bool simple = false);
int resume(bool simple = false);
/// User space says how slowly the device may answer; false if it is not asked.   Units: us; -1 and 2^31 - 1 are no limit.
bool set_latency_tolerance(int us);
/// For the device, to reach memory; false if that was not mapped for it.
bool dma_read(u64 address, void* to, u64 bytes);
bool dma_write(u64 address, const void* from, u64 bytes);
void raise(u32 vector);
u32 granted_vectors();

/// A device of a class is there (nodes.cc).
bool has_device(const std::string& name);

// Disks (block.cc).
enum class Op : u8 { Read = 0, Write = 1, Flush = 2, Discard = 3, WriteZeroes = 9 };
struct Io {
	bool done = false;
	int status = -1;  // as blk_status_t
	u64 ended_at = 0;
};
std::vector<std::string> disks();
bool is_hidden(const std::string& disk);
u64 capacity(const std::string& disk);	// 512-byte sectors
/// Sends a request; does not wait. `data` lives until it is done.
std::shared_ptr<Io> submit(const std::string& disk, Op op, u64 sector, u32 bytes, void* data);
/// Sends one and waits: its status, or -1 if there is no such disk.
int transfer(const std::string& disk, Op op, u64 sector, u32 bytes, void* data);
u32 requests_alive();
void reset_block();

}  // namespace sim
