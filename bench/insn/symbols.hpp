// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The guest kernel's functions, from a copy of its /proc/kallsyms, and which of them mean something to the plugin.
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

constexpr uint64_t kKernelHalf = 1ULL << 63;

enum class Role : uint8_t {
	None,
	Interrupt,	 // The CPU enters it at its start, at any time.
	Exception,	 // The CPU enters it at its start, because of an instruction.
	InterruptStubs,	 // The CPU enters it at one of its stubs, of 8 or 16 bytes.
	Switch,		 // __switch_to_asm
	Idle,		 // do_idle
	Fork,		 // Where a new thread starts.
};

struct Symbol {
	uint64_t begin;
	std::string name;  // With " [module]" if it is in one.
	Role role = Role::None;
	bool global = false;
	bool entry = false;  // In the entry code, most of whose symbols are labels that it jumps to.
};

/// Not thread-safe while it is loaded.
class Symbols {
public:
	// What code outside every function counts as; the first entries of the table.
	static constexpr uint32_t kRoot = 0, kUser = 1, kLost = 2, kIdle = 3, kUnseen = 4;

	/// Replaces the table by the functions in the file. Errors: a reason, and the table is empty.
	const char* load(const char* path)
	{
		table_ = reserved();
		entry_begin_ = entry_end_ = 0;
		FILE* file = fopen(path, "re");
		if (!file)
			return "cannot read the symbols";
		char line[2048];
		while (fgets(line, sizeof(line), file))
			add(line);
		fclose(file);
		settle();
		return empty() ? "the symbols have no function with an address" : nullptr;
	}

	bool empty() const { return table_.size() <= kUnseen + 1; }
	const Symbol& operator[](uint32_t index) const { return table_[index]; }

	/// Index of the function that `address` is in.
	uint32_t find(uint64_t address) const
	{
		if (!(address & kKernelHalf))
			return kUser;
		auto after = std::upper_bound(table_.begin() + kUnseen + 1, table_.end(), address,
					      [](uint64_t value, const Symbol& symbol) {
						      return value < symbol.begin;
					      });
		const auto index = static_cast<uint32_t>(after - table_.begin()) - 1;
		return index > kUnseen && address - table_[index].begin < kLongest ? index : kLost;
	}

	/// Whether the kernel returns from an interrupt at `address`; elsewhere it uses iret as a barrier.
	bool returns_from_interrupt(uint64_t address) const
	{
		return !entry_end_ || (address >= entry_begin_ && address < entry_end_);
	}

private:
	static constexpr uint64_t kLongest = 1 << 20;

	static std::vector<Symbol> reserved()
	{
		std::vector<Symbol> table;
		for (const char* name : {"", "[user]", "[lost]", "[idle]", "[unseen callers]"})
			table.push_back({0, name});
		return table;
	}

	static Role role_of(std::string_view name)
	{
		if (name.starts_with("asm_exc_"))
			return Role::Exception;
		if (name.starts_with("asm_sysvec_"))
			return Role::Interrupt;
		if (name == "irq_entries_start" || name == "spurious_entries_start")
			return Role::InterruptStubs;
		if (name == "__switch_to_asm")
			return Role::Switch;
		if (name == "do_idle")
			return Role::Idle;
		return name == "ret_from_fork" || name == "ret_from_fork_asm" ? Role::Fork : Role::None;
	}

	void add(const char* line)
	{
		uint64_t address;
		char type, name[1024], module[128] = "";
		if (sscanf(line, "%" SCNx64 " %c %767s %127s", &address, &type, name, module) < 3)
			return;
		if (!(address & kKernelHalf) || !strchr("tTwW", type))
			return;
		if (!strcmp(name, "__entry_text_start"))
			entry_begin_ = address;
		if (!strcmp(name, "__entry_text_end"))
			entry_end_ = address;
		const Role role = role_of(name);
		const std::string suffix = *module ? std::string(" ") + module : "";
		table_.push_back({address, name + suffix, role, type == 'T'});
	}

	/// Of several names for one address, keeps the one that people use.
	static bool better(const Symbol& a, const Symbol& b)
	{
		if (a.begin != b.begin)
			return a.begin < b.begin;
		if ((a.role != Role::None) != (b.role != Role::None))
			return a.role != Role::None;
		if (a.name.starts_with('_') != b.name.starts_with('_'))
			return b.name.starts_with('_');
		if (a.global != b.global)
			return a.global;
		return a.name < b.name;
	}

	void settle()
	{
		const auto begin = table_.begin() + kUnseen + 1;
		std::sort(begin, table_.end(), better);
		table_.erase(std::unique(begin, table_.end(),
					 [](const Symbol& a, const Symbol& b) { return a.begin == b.begin; }),
			     table_.end());
		for (Symbol& symbol : table_)
			symbol.entry = symbol.begin >= entry_begin_ && symbol.begin < entry_end_;
	}

	std::vector<Symbol> table_ = reserved();
	uint64_t entry_begin_ = 0, entry_end_ = 0;
};
