// SPDX-License-Identifier: GPL-2.0
/// \file
/// QEMU TCG plugin that counts guest instructions between the first and the last one a kernel module executes, and says
/// in which functions they were.
///
/// The guest steers it with `mark` (mark.c), one command per line:
///   range <hex address> <hex length>   adds executable memory of the module pair; asked before the first sample
///   forget                             forgets all ranges, since the modules were unloaded; not within a sample
///   symbols                            reads the guest's /proc/kallsyms, of which a copy is in `symbols=`
///   sample <id>                        ends the sample before, if any, and starts this one
///   profile <id>                       the same, with a profile of its calls
///   phase <name>                       what follows in the sample is also counted by itself
///   end                                ends the sample before
/// For each sample that ended it appends to the file given as `out=`:
///   sample <id> <all> <kernel> <own> <idle> <iterations>
///   phase <id> <name> <all> ...        for each phase
///   cpu <id> <index> <all> ...         for each CPU, if the guest has more than one
/// `all` counts every instruction that the guest executed between the first and the last block of instructions inside
/// a range, `own` those of them inside a range, `kernel` these and those at kernel addresses. In none are those of the
/// idle task outside interrupts: they are `idle`, which needs the symbols. A repeated string instruction counts once;
/// `iterations` are what it did. All are 0 for a sample in which no range was entered. A halted CPU executes nothing.
/// And for each profile, to the file given as `stacks=`:
///   profile <id> <all> <lost> <unseen>
///   stack <id> <instructions> <outermost function>;...;<innermost function>
/// The instructions of all stacks add up to `all`. `lost` of them are in no known function or called from none, and of
/// `unseen` the outermost callers are not known: their task slept when the profile began.
///
/// A counter belongs to a CPU. With one CPU the translated code adds to it by itself; with several, which may run at
/// once, a callback does. Samples begin and end for all CPUs at the moment that one of them enters a range.
#include "qemu-plugin.hpp"

#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "calls.hpp"
#include "symbols.hpp"
#include "x86.hpp"

namespace {

enum Part : uint8_t { kUserPart, kKernelPart, kOwnPart, kParts };

struct Counts {
	uint64_t parts[kParts] = {};  // Of the kernel without its own.
	uint64_t idle = 0;	      // In the kernel's, too.
	uint64_t iterations = 0;

	uint64_t total() const { return parts[kUserPart] + parts[kKernelPart] + parts[kOwnPart]; }
};

/// A repeated string instruction under way. It goes on if nothing but interrupts came between.
struct Repeat {
	uint64_t address = 0;
	uint64_t count = 0;  // Of all instructions, after it.
};

struct Task {
	uint64_t address;
	bool idle = false;
	std::vector<Repeat> interrupted;  // One for each interrupt under way.
	Shadow shadow = {};
};

struct Cpu {
	Counts now;
	uint64_t idle_since = 0;  // In instructions, while `idling`.
	bool idling = false;
	bool runs_idle_task = false;  // Before its task is known.
	Task* task = nullptr;
	Repeat repeat;
};

/// One instruction that a callback counts.
struct Site {
	uint64_t address;
	Part part;
	bool begins_block;
};

struct Call {
	uint64_t returns_to;
	uint32_t caller;
};

struct Range {
	uint64_t begin, end;
};

using Snapshot = std::vector<Counts>;  // Of all CPUs.

struct Phase {
	std::string name;
	Snapshot begin;
};

constexpr uint32_t kMarkDisplacement = 0x626d6b00;
constexpr size_t kMostInterrupts = 64;
constexpr int kPartBits = 2;
constexpr int kPageBits = 12;

PluginId plugin_id;
FILE* out;
FILE* stacks;
std::string symbols_path;
Symbols symbols;
std::vector<Cpu> cpus;	// Never moved once the guest runs.
std::vector<Range> ranges;
std::unordered_map<uint64_t, std::unique_ptr<Task>> tasks;
std::unordered_map<uint64_t, Site> sites;
std::unordered_map<uint64_t, Call> calls;
std::unordered_map<uint64_t, Block> blocks;
Block user_block = {0, Symbols::kUser, Role::None, false};
CallTree tree(symbols);
char command[128];
size_t command_length;
std::string sample_id;
bool in_sample, entered, profiling;
Snapshot first, last;
std::vector<Phase> phases;
std::recursive_mutex lock;  // All of these but `now` of a CPU, which is written only by it.

void on_translate(PluginId, PluginTb* tb);

using Locked = std::lock_guard<std::recursive_mutex>;

bool one_cpu() { return cpus.size() == 1; }

uint64_t load(const uint64_t& counter)
{
	return std::atomic_ref(const_cast<uint64_t&>(counter)).load(std::memory_order_relaxed);
}

void add(uint64_t& counter, uint64_t count)
{
	std::atomic_ref(counter).store(counter + count, std::memory_order_relaxed);
}

/// What the CPU has counted; the part that is idle up to now included.
Counts counted(const Cpu& cpu)
{
	Counts counts;
	for (int part = 0; part < kParts; part++)
		counts.parts[part] = load(cpu.now.parts[part]);
	counts.idle = cpu.now.idle + (cpu.idling ? counts.total() - cpu.idle_since : 0);
	counts.iterations = load(cpu.now.iterations);
	return counts;
}

void take(Snapshot& snapshot)
{
	snapshot.resize(cpus.size());
	for (size_t i = 0; i < cpus.size(); i++)
		snapshot[i] = counted(cpus[i]);
}

uint64_t total(const Snapshot& taken)
{
	uint64_t sum = 0;
	for (const Counts& counts : taken)
		sum += counts.total();
	return sum;
}

/// Notes whether the CPU idles from here on.
void note_idle(Cpu& cpu)
{
	const bool idling = cpu.task && cpu.task->idle && cpu.task->interrupted.empty();
	if (idling == cpu.idling)
		return;
	const uint64_t now = cpu.now.total();
	if (cpu.idling)
		cpu.now.idle += now - cpu.idle_since;
	cpu.idle_since = now;
	cpu.idling = idling;
}

Counts operator-(const Counts& a, const Counts& b)
{
	Counts diff;
	for (int part = 0; part < kParts; part++)
		diff.parts[part] = a.parts[part] - b.parts[part];
	diff.idle = a.idle - b.idle;
	diff.iterations = a.iterations - b.iterations;
	return diff;
}

void operator+=(Counts& a, const Counts& b)
{
	for (int part = 0; part < kParts; part++)
		a.parts[part] += b.parts[part];
	a.idle += b.idle;
	a.iterations += b.iterations;
}

uint64_t busy(const Counts& counts) { return counts.total() - counts.idle; }

void print_counts(const Counts& counts)
{
	const uint64_t kernel = counts.parts[kKernelPart] + counts.parts[kOwnPart] - counts.idle;
	fprintf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", busy(counts), kernel,
		counts.parts[kOwnPart], counts.idle, counts.iterations);
}

/// What was counted from `begin` to `end`, as far as it is in the sample's window.
Counts between(const Snapshot& begin, const Snapshot& end)
{
	const auto clamped = [](const Snapshot& taken) -> const Snapshot& {
		return total(taken) < total(first) ? first : total(taken) > total(last) ? last : taken;
	};
	Counts sum;
	for (size_t i = 0; entered && i < cpus.size(); i++)
		sum += clamped(end)[i] - clamped(begin)[i];
	return sum;
}

void print_profile(uint64_t all)
{
	fprintf(stacks, "profile %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sample_id.c_str(), all, tree.lost(),
		tree.unseen());
	tree.each([](const std::string& path, uint64_t count) {
		fprintf(stacks, "stack %s %" PRIu64 " %s\n", sample_id.c_str(), count, path.c_str());
	});
	fflush(stacks);
}

void on_reset(PluginId id)
{
	sites.clear();
	calls.clear();
	blocks.clear();
	if (profiling)
		tree.start(cpus[0].now.total());
	else
		tree.stop();
	for (auto& [address, task] : tasks)
		task->shadow.clear();
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
}

void end_sample()
{
	if (!in_sample)
		return;
	fprintf(out, "sample %s", sample_id.c_str());
	print_counts(between(first, last));
	for (size_t i = 0; i < phases.size(); i++) {
		fprintf(out, "phase %s %s", sample_id.c_str(), phases[i].name.c_str());
		print_counts(between(phases[i].begin, i + 1 < phases.size() ? phases[i + 1].begin : last));
	}
	for (size_t i = 0; i < cpus.size() && !one_cpu(); i++) {
		fprintf(out, "cpu %s %zu", sample_id.c_str(), i);
		print_counts(entered ? last[i] - first[i] : Counts());
	}
	fflush(out);
	in_sample = false;
	if (!profiling)
		return;
	print_profile(entered ? busy(last[0] - first[0]) : 0);
	profiling = false;
	qemu_plugin_reset(plugin_id, on_reset);
}

void refuse(const char* why)
{
	fprintf(out, "error %s: %s\n", why, command);
	fflush(out);
}

void add_range(uint64_t begin, uint64_t length)
{
	ranges.push_back({begin, begin + length});
	// Blocks translated before this know nothing of the range.
	qemu_plugin_reset(plugin_id, on_reset);
}

void forget_ranges()
{
	if (in_sample)
		return refuse("no other ranges within a sample");
	ranges.clear();
	qemu_plugin_reset(plugin_id, on_reset);
}

void read_symbols()
{
	if (profiling)
		return refuse("no symbols within a profile");
	if (const char* error = symbols.load(symbols_path.c_str()))
		return refuse(error);
	qemu_plugin_reset(plugin_id, on_reset);
}

void start_sample(const char* id, bool profile)
{
	end_sample();
	if (profile && (!stacks || symbols.empty() || !one_cpu()))
		return refuse("a profile takes stacks=, symbols, and a guest with one CPU");
	sample_id = id;
	in_sample = true;
	entered = false;
	phases.clear();
	profiling = profile;
	if (profile)
		qemu_plugin_reset(plugin_id, on_reset);
}

/// Returns what follows `verb` in the command, nullptr if that is something else than one word.
const char* argument(const char* verb)
{
	const size_t length = strlen(verb);
	if (strncmp(command, verb, length) != 0 || command[length] != ' ')
		return nullptr;
	const char* word = command + length + 1;
	return *word && !strchr(word, ' ') ? word : nullptr;
}

void obey()
{
	uint64_t begin, length;
	if (sscanf(command, "range %" SCNx64 " %" SCNx64, &begin, &length) == 2)
		add_range(begin, length);
	else if (!strcmp(command, "forget"))
		forget_ranges();
	else if (!strcmp(command, "symbols"))
		read_symbols();
	else if (const char* id = argument("sample"))
		start_sample(id, false);
	else if (const char* profile = argument("profile"))
		start_sample(profile, true);
	else if (const char* name = argument("phase"); name && in_sample)
		take(phases.emplace_back(Phase{name, {}}).begin);
	else if (!strcmp(command, "end"))
		end_sample();
	else
		refuse("unknown command");
}

/// The guest executed the no-op for the byte `user`.
void on_mark(unsigned int, void* user)
{
	const Locked locked(lock);
	const auto byte = static_cast<char>(reinterpret_cast<uintptr_t>(user));
	if (byte == '\n') {
		command[command_length] = 0;
		obey();
		command_length = 0;
	} else if (command_length < sizeof(command) - 1) {
		command[command_length++] = byte;
	}
}

/// The guest enters a block of instructions inside a range.
void on_own_block(unsigned int, void*)
{
	if (!in_sample)
		return;
	std::unique_lock locked(lock, std::defer_lock);
	if (!one_cpu())
		locked.lock();
	if (!entered) {
		take(first);
		entered = true;
		if (tree.active())
			tree.forget(first[0].total());
	}
	take(last);
	if (tree.active())
		tree.commit(last[0].total());
}

/// The guest executes a run of instructions, of which none but the last can leave it. Only with several CPUs.
void on_run(unsigned int index, void* user)
{
	const auto value = reinterpret_cast<uintptr_t>(user);
	add(cpus[index].now.parts[value & ((1 << kPartBits) - 1)], value >> kPartBits);
}

void on_repeat(unsigned int index, void* user)
{
	const auto& site = *static_cast<const Site*>(user);
	Cpu& cpu = cpus[index];
	const uint64_t before = cpu.now.total();
	if (site.begins_block && cpu.repeat.address == site.address && cpu.repeat.count == before) {
		add(cpu.now.iterations, 1);
		return;
	}
	add(cpu.now.parts[site.part], 1);
	cpu.repeat = {site.address, before + 1};
}

/// The CPU begins with an interrupt or exception.
void on_interrupt(unsigned int index, void*)
{
	Cpu& cpu = cpus[index];
	if (!cpu.task)
		return;
	const Locked locked(lock);
	if (cpu.task->interrupted.size() == kMostInterrupts)
		cpu.task->interrupted.clear();	// Left by a task that had this address before.
	const bool repeats = cpu.repeat.count == cpu.now.total();
	cpu.task->interrupted.push_back(repeats ? cpu.repeat : Repeat());
	note_idle(cpu);
}

void on_iret(unsigned int index, void* user)
{
	Cpu& cpu = cpus[index];
	add(cpu.now.parts[static_cast<const Site*>(user)->part], 1);
	if (!cpu.task)
		return;
	const Locked locked(lock);
	if (!cpu.task->interrupted.empty()) {
		cpu.repeat = {cpu.task->interrupted.back().address, cpu.now.total()};
		cpu.task->interrupted.pop_back();
	}
	note_idle(cpu);
	if (tree.active())
		tree.step({.kind = Step::Kind::Iret});
}

Task* task_at(uint64_t address)
{
	std::unique_ptr<Task>& task = tasks[address];
	if (!task)
		task = std::make_unique<Task>(Task{.address = address, .interrupted = {}});
	return task.get();
}

/// The CPU has left the task whose stack pointer it stored at `address`.
void on_switch_from(unsigned int index, uint32_t, uint64_t address, void* disp)
{
	const Locked locked(lock);
	Cpu& cpu = cpus[index];
	cpu.task = task_at(address - reinterpret_cast<uintptr_t>(disp));
	if (cpu.runs_idle_task)
		cpu.task->idle = true;
	cpu.runs_idle_task = false;
}

/// The CPU has the stack of the next task.
void on_switch_to(unsigned int index, uint32_t, uint64_t address, void* disp)
{
	const Locked locked(lock);
	Cpu& cpu = cpus[index];
	cpu.task = task_at(address - reinterpret_cast<uintptr_t>(disp));
	note_idle(cpu);
}

/// `user` is the function's index among the symbols.
void on_idle(unsigned int index, void* user)
{
	const Locked locked(lock);
	Cpu& cpu = cpus[index];
	if (!cpu.task) {
		cpu.runs_idle_task = true;
		return;
	}
	if (!cpu.task->idle && tree.active()) {
		cpu.task->shadow.clear();
		const auto symbol = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(user));
		tree.switch_to(cpu.task->shadow, true, symbol, cpu.now.total());
	}
	cpu.task->idle = true;
	note_idle(cpu);
}

/// The next task's part of __switch_to_asm, whose index among the symbols is `user`.
void on_profiled_switch(unsigned int, uint32_t, uint64_t, void* user)
{
	Cpu& cpu = cpus[0];
	const auto symbol = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(user));
	tree.switch_to(cpu.task->shadow, cpu.task->idle, symbol, cpu.now.total());
}

void on_profiled_block(unsigned int, void* user)
{
	Cpu& cpu = cpus[0];
	const auto& block = *static_cast<const Block*>(user);
	if (!tree.active() && cpu.task)
		tree.switch_to(cpu.task->shadow, cpu.task->idle, block.symbol, cpu.now.total());
	if (tree.active())
		tree.begin(block, cpu.now.total());
}

void on_profiled_call(unsigned int, void* user)
{
	const auto& call = *static_cast<const Call*>(user);
	if (tree.active())
		tree.step({Step::Kind::Call, call.caller, call.returns_to});
}

void on_profiled_ret(unsigned int, void*)
{
	if (tree.active())
		tree.step({.kind = Step::Kind::Ret});
}

/// Whether `insn` is one of mark's no-ops; then `*byte` is its value.
bool is_mark(const uint8_t* code, size_t size, unsigned char* byte)
{
	static const unsigned char opcode[] = {0x0f, 0x1f, 0x84, 0x00};
	if (size != 8)
		return false;
	uint32_t displacement;
	memcpy(&displacement, code + 4, sizeof(displacement));
	*byte = displacement & 0xff;
	return !memcmp(code, opcode, sizeof(opcode)) && (displacement & ~0xffu) == kMarkDisplacement;
}

Part part_of(uint64_t address)
{
	for (const Range& range : ranges)
		if (address >= range.begin && address < range.end)
			return kOwnPart;
	return address & kKernelHalf ? kKernelPart : kUserPart;
}

/// Instructions that are executed together: it is enough to count at the first. All but the last are plain.
class Run {
public:
	void add(PluginInsn* insn, Part part)
	{
		if (count_ && part != part_)
			end();
		if (!count_)
			first_ = insn;
		part_ = part;
		count_++;
	}

	void end()
	{
		if (count_ && one_cpu())
			qemu_plugin_register_vcpu_insn_exec_inline(first_, PluginOp::AddU64, &cpus[0].now.parts[part_],
								   count_);
		else if (count_)
			qemu_plugin_register_vcpu_insn_exec_cb(first_, on_run, PluginRegs::None,
							       reinterpret_cast<void*>(count_ << kPartBits | part_));
		count_ = 0;
	}

private:
	PluginInsn* first_ = nullptr;
	Part part_ = kUserPart;
	uintptr_t count_ = 0;
};

Site* site_at(uint64_t address, Part part, bool begins_block)
{
	Site& site = sites[address << 1 | begins_block];
	site = {address, part, begins_block};
	return &site;
}

/// Role of the block that begins at `address`.
Role entry_role(uint64_t address, const Symbol& symbol)
{
	if (symbol.role == Role::InterruptStubs)
		return address % 8 ? Role::None : Role::Interrupt;
	return address == symbol.begin ? symbol.role : Role::None;
}

void watch_switch(PluginInsn* insn, const uint8_t* code, size_t size, uint32_t symbol)
{
	int32_t disp;
	if (x86::saves_stack_pointer(code, size, &disp))
		qemu_plugin_register_vcpu_mem_cb(insn, on_switch_from, PluginRegs::None, PluginAccess::ReadOrWrite,
						 reinterpret_cast<void*>(intptr_t{disp}));
	if (!x86::loads_stack_pointer(code, size, &disp))
		return;
	qemu_plugin_register_vcpu_mem_cb(insn, on_switch_to, PluginRegs::None, PluginAccess::ReadOrWrite,
					 reinterpret_cast<void*>(intptr_t{disp}));
	if (profiling)
		qemu_plugin_register_vcpu_mem_cb(insn, on_profiled_switch, PluginRegs::None, PluginAccess::ReadOrWrite,
						 reinterpret_cast<void*>(uintptr_t{symbol}));
}

/// Watches whether the kernel's instruction calls or returns.
void watch_calls(PluginInsn* insn, x86::Kind kind, uint64_t address)
{
	if (kind == x86::Kind::Call) {
		const uint64_t returns_to = address + qemu_plugin_insn_size(insn);
		Call& call = calls[returns_to];
		call = {returns_to, symbols.find(address)};
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_profiled_call, PluginRegs::None, &call);
	} else if (kind == x86::Kind::Ret) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_profiled_ret, PluginRegs::None, nullptr);
	}
}

/// Watches where the block itself matters.
void watch_block(PluginTb* tb, uint64_t address, uint32_t symbol, Role role)
{
	if (role == Role::Interrupt || role == Role::Exception)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_interrupt, PluginRegs::None, nullptr);
	if (role == Role::Idle)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_idle, PluginRegs::None,
						     reinterpret_cast<void*>(uintptr_t{symbol}));
	if (!profiling)
		return;
	Block* block = &user_block;
	if (symbol != Symbols::kUser) {
		const bool changes = role == Role::Interrupt || role == Role::Exception || role == Role::Fork;
		block = &blocks[address];
		*block = {address, symbol, changes ? role : Role::None, address == symbols[symbol].begin};
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_profiled_block, PluginRegs::None, block);
}

/// Counts exactly: of a block that a fault or a device access cuts short, what ran is counted.
void on_translate(PluginId, PluginTb* tb)
{
	const Locked locked(lock);
	const uint64_t begin = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	const uint32_t symbol = symbols.find(begin);
	watch_block(tb, begin, symbol, entry_role(begin, symbols[symbol]));
	const bool switches = symbols[symbol].role == Role::Switch;
	bool own_block = false;
	Run run;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		PluginInsn* insn = qemu_plugin_tb_get_insn(tb, i);
		const auto* code = static_cast<const uint8_t*>(qemu_plugin_insn_data(insn));
		const size_t size = qemu_plugin_insn_size(insn);
		const uint64_t address = qemu_plugin_insn_vaddr(insn);
		const x86::Kind kind = x86::kind_of(code, size);
		const Part part = part_of(address);
		own_block |= part == kOwnPart;
		const bool iret = kind == x86::Kind::Iret && symbols.returns_from_interrupt(address);
		if (kind == x86::Kind::Rep || iret) {
			run.end();
			qemu_plugin_register_vcpu_insn_exec_cb(insn, iret ? on_iret : on_repeat, PluginRegs::None,
							       site_at(address, part, i == 0));
			continue;
		}
		unsigned char byte;
		if (is_mark(code, size, &byte)) {
			run.end();
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, PluginRegs::None,
							       reinterpret_cast<void*>(uintptr_t{byte}));
		}
		// QEMU may drop the last instruction of a block again, without saying so, when it finds it to cross a page.
		if ((address ^ (address + x86::kMostBytes - 1)) >> kPageBits)
			run.end();
		run.add(insn, part);
		if (kind != x86::Kind::Plain)
			run.end();
		if (switches)
			watch_switch(insn, code, size, symbol);
		if (profiling && symbol != Symbols::kUser)
			watch_calls(insn, kind, address);
	}
	run.end();
	if (own_block)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_own_block, PluginRegs::None, nullptr);
}

/// Opens a file to write, given as `name=path`.
FILE* open_output(const char* argument)
{
	const char* path = strchr(argument, '=') + 1;
	FILE* file = fopen(path, "we");
	if (!file)
		fprintf(stderr, "insn: cannot write %s: %s\n", path, strerror(errno));
	return file;
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const PluginInfo* info, int argc,
							       char** argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "symbols=", 8)) {
			symbols_path = argv[i] + 8;
			continue;
		}
		FILE** file = !strncmp(argv[i], "out=", 4) ? &out : !strncmp(argv[i], "stacks=", 7) ? &stacks : nullptr;
		if (!file) {
			fprintf(stderr, "insn: give the arguments out=FILE, symbols=FILE, stacks=FILE, and no %s\n",
				argv[i]);
			return -1;
		}
		*file = open_output(argv[i]);
		if (!*file)
			return -1;
	}
	if (!out || !info->system_emulation) {
		fprintf(stderr, "insn: needs out=FILE, and system emulation\n");
		return -1;
	}
	plugin_id = id;
	cpus.resize(info->system.max_vcpus);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
}
