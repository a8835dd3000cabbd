// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the driver's hardware calls of the kernel: memory, locks, time, registers, PCI, DMA, text. There is one thread.
#include "model.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "kernel_types.hpp"

using namespace sim;

namespace {

u64 clock_ns = 0;
std::vector<std::string> lines;
std::map<const void*, bool> mutexes;
std::map<const void*, u64> memory;
std::multimap<u64, u64> maps;

void* allocate(u64 bytes, bool zeroed)
{
	u64 align = 16;
	while (align < bytes && align < 65536)
		align *= 2;
	void* made = std::aligned_alloc(align, (bytes + align - 1) / align * align);
	std::memset(made, zeroed ? 0 : 0xa5, bytes);
	memory[made] = bytes;
	return made;
}

void release(const void* p)
{
	if (p == nullptr)
		return;
	if (memory.erase(p) == 0)
		fail("memory freed that was not allocated");
	std::free(const_cast<void*>(p));
}

}  // namespace

namespace sim {

/// Where registers are: never touched.
alignas(4096) u8 bar0[0x20000], bar1[0x1000];
/// The nth allocation from now on fails. DMA memory begins so many bytes before a boundary of 64 KiB, once or more often.
u64 fail_allocation_at = 0;
u32 misplaced = 0;

u64 now() { return clock_ns; }
void pass(u64 ns) { clock_ns += ns; }
std::vector<std::string>& kernel_log() { return lines; }
bool logged(const std::string& part)
{
	for (const auto& line : lines) {
		if (line.find(part) != std::string::npos)
			return true;
	}
	return false;
}
std::string leftovers()
{
	std::string left;
	if (!memory.empty())
		left += std::to_string(memory.size()) + " pieces of memory; ";
	if (!maps.empty())
		left += std::to_string(maps.size()) + " DMA maps; ";
	if (!mutexes.empty())
		left += "mutexes; ";
	return left;
}
void reset_kernel()
{
	lines.clear();
	fail_allocation_at = 0;
	misplaced = 0;
}
void map_memory(u64 at, u64 bytes) { maps.emplace(at, bytes); }
bool unmap_memory(u64 at, u64 bytes)
{
	auto [first, last] = maps.equal_range(at);
	for (; first != last; ++first) {
		if (first->second == bytes) {
			maps.erase(first);
			return true;
		}
	}
	return false;
}
bool is_mapped(u64 at, u64 bytes)
{
	// Maps do not overlap, but for those of the same memory.
	for (auto found = maps.upper_bound(at); found != maps.begin();) {
		--found;
		if (at + bytes <= found->first + found->second)
			return true;
		if (at >= found->first + found->second)
			return false;
	}
	return false;
}
void* take_memory(u64 bytes)
{
	if (fail_allocation_at != 0 && --fail_allocation_at == 0)
		return nullptr;
	return allocate(bytes, false);
}
void give_memory(const void* p) { release(p); }

}  // namespace sim

namespace raw {
extern "C" {

// Memory.
void* cxxrt_kmalloc_node(size_t size, gfp_t flags, int) { return take_memory(size); }
void* cxxrt_kvmalloc_node(size_t size, gfp_t flags, int) { return take_memory(size); }
void kfree(const void* p) { release(p); }
void kvfree(const void* p) { release(p); }

// Locks.
void __mutex_init(mutex* lock, const char*, lock_class_key*) { mutexes[lock] = false; }
void cxxrt_mutex_lock(mutex* lock)
{
	if (mutexes.at(lock))
		fail("a mutex is locked twice");
	mutexes.at(lock) = true;
}
void mutex_unlock(mutex* lock) { mutexes.at(lock) = false; }
void cxxrt_mutex_destroy(mutex* lock)
{
	if (mutexes.at(lock))
		fail("a mutex is destroyed that is locked");
	mutexes.erase(lock);
}
int cxxrt_read_once_int(const int* p) { return *p; }
void cxxrt_write_once_int(int* p, int value) { *p = value; }
int cxxrt_load_acquire_int(const int* p) { return *p; }
void cxxrt_store_release_int(int* p, int value) { *p = value; }
int cxxrt_fetch_add_int(int* p, int value) { return std::exchange(*p, *p + value); }
long cxxrt_read_once_long(const long* p) { return *p; }
int cxxrt_xchg_int(int* p, int value) { return std::exchange(*p, value); }
void cxxrt_smp_mb() {}
void cxxrt_smp_rmb() {}
void cxxrt_smp_wmb() {}
void cxxrt_dma_rmb() {}
void cxxrt_dma_wmb() {}

// Time.
unsigned long long cxxrt_ktime_get_ns() { return clock_ns; }
void msleep(unsigned int ms) { clock_ns += ms * kMs; }
void cxxrt_usleep_range(unsigned long least, unsigned long) { clock_ns += least * kUs; }
void cxxrt_udelay(unsigned long us) { clock_ns += us * kUs; }
void cxxrt_cond_resched() {}

// Text.
int _printk(const char* format, ...)
{
	char line[1024];
	va_list all;
	va_start(all, format);
	std::vsnprintf(line, sizeof(line), format + 2, all);
	va_end(all);
	lines.emplace_back(line);
	return 0;
}
void cxxrt_ratelimit_init(ratelimit_state*) {}
int cxxrt_ratelimit(ratelimit_state*) { return 1; }
void cxxrt_warn_on(bool condition)
{
	if (condition)
		fail("WARN_ON");
}

// Registers.
unsigned cxxrt_readl(const void* where)
{
	const auto* at = static_cast<const sim::u8*>(where);
	if (at >= bar1 && at < bar1 + sizeof(bar1))
		return card->read_block(sim::u32(at - bar1));
	return card->read(sim::u32(at - bar0));
}
void cxxrt_writel(unsigned value, void* where)
{
	const auto* at = static_cast<const sim::u8*>(where);
	if (at >= bar1 && at < bar1 + sizeof(bar1))
		card->write_block(sim::u32(at - bar1), value);
	else
		card->write(sim::u32(at - bar0), value);
}
void cxxrt_writel_relaxed(unsigned value, void* where) { cxxrt_writel(value, where); }
void cxxrt_outl(unsigned value, unsigned long long port) { card->port(port, value); }
unsigned short cxxrt_read_low_memory16(unsigned at) { return card->low_memory[at]; }
void cxxrt_write_low_memory16(unsigned short value, unsigned at) { card->low_memory[at] = value; }

// PCI.
int pci_set_mwi(pci_dev*)
{
	card->pci.emplace_back("set_mwi");
	return 0;
}
void pci_clear_mwi(pci_dev*) { card->pci.emplace_back("clear_mwi"); }
int pcix_get_mmrbc(pci_dev*) { return int(card->mmrbc); }
int pcix_set_mmrbc(pci_dev*, int bytes)
{
	card->mmrbc = sim::u32(bytes);
	return 0;
}
int pci_read_config_word(const pci_dev*, int, unsigned short* value)
{
	*value = card->allows_mwi ? 0x0017 : 0x0007;
	return 0;
}
bool cxxrt_pci_resource_is_ports(const pci_dev*, unsigned bar) { return card->has_ports && bar == 2; }
unsigned long long cxxrt_pci_resource_len(const pci_dev*, unsigned bar) { return bar == 2 ? 64 : 0x20000; }
unsigned long long cxxrt_pci_resource_start(const pci_dev*, unsigned bar) { return 0xc000; }
int pci_request_region(pci_dev*, int, const char*) { return 0; }
void pci_release_region(pci_dev*, int) {}

// DMA: an address is where the bytes are.
int cxxrt_dev_to_node(device*) { return -1; }
void* dma_alloc_attrs(device*, size_t bytes, dma_addr_t* address, gfp_t, unsigned long)
{
	if (fail_allocation_at != 0 && --fail_allocation_at == 0)
		return nullptr;
	void* made = allocate(bytes, true);
	*address = sim::u64(made);
	if (misplaced != 0) {
		--misplaced;
		*address = (sim::u64(made) & ~0xffffull) + 0x10000 - 64;
	}
	maps.emplace(*address, bytes);
	return made;
}
void dma_free_attrs(device*, size_t bytes, void* freed, dma_addr_t address, unsigned long)
{
	if (!unmap_memory(address, bytes))
		fail("DMA memory freed that is not there");
	release(freed);
}

}  // extern "C"
}  // namespace raw
