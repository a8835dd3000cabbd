// SPDX-License-Identifier: GPL-2.0
/// \file
/// QEMU TCG plugin that counts guest instructions between the first and the last one a kernel module executes.
///
/// The guest steers it with `mark` (mark.c), one command per line:
///   range <hex address> <hex length>   adds executable memory of the module pair; asked before the first sample
///   sample <id>                        ends the sample before, if any, and starts this one
///   end                                ends the sample before
/// For each sample that ended it appends one line to the file given as `out=`:
///   sample <id> <all> <kernel> <own>
/// `all` counts every instruction that the guest executed between the first and the last block of instructions inside
/// a range, `kernel` those of them at kernel addresses, `own` those inside a range. All are 0 for a sample in which no
/// range was entered. A halted CPU executes nothing, so idle time counts nothing.
///
/// A counter belongs to no CPU: the guest must have one.
#include "qemu-plugin.hpp"

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace
{

struct Counts {
	uint64_t user = 0, kernel = 0, own = 0;
};

struct Range {
	uint64_t begin, end;
};

constexpr uint32_t kMarkDisplacement = 0x626d6b00;
constexpr uint64_t kKernelHalf = 1ULL << 63;

PluginId plugin_id;
FILE* out;
Counts now, first, last;
Range ranges[16];
size_t range_count;
char command[128];
size_t command_length;
char sample_id[64];
bool in_sample, entered;

void on_translate(PluginId, PluginTb* tb);

void on_reset(PluginId id) { qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate); }

void end_sample()
{
	if (!in_sample)
		return;
	Counts diff;
	if (entered) {
		diff.user = last.user - first.user;
		diff.kernel = last.kernel - first.kernel;
		diff.own = last.own - first.own;
	}
	fprintf(out, "sample %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sample_id, diff.user + diff.kernel, diff.kernel,
		diff.own);
	fflush(out);
	in_sample = false;
}

void refuse(const char* why)
{
	fprintf(out, "error %s: %s\n", why, command);
	fflush(out);
}

void add_range(uint64_t begin, uint64_t length)
{
	if (range_count == sizeof(ranges) / sizeof(ranges[0])) {
		refuse("too many ranges");
		return;
	}
	ranges[range_count++] = {begin, begin + length};
	// Blocks translated before this know nothing of the range.
	qemu_plugin_reset(plugin_id, on_reset);
}

void obey()
{
	uint64_t begin, length;
	if (sscanf(command, "range %" SCNx64 " %" SCNx64, &begin, &length) == 2) {
		add_range(begin, length);
	} else if (!strncmp(command, "sample ", 7) && strlen(command + 7) < sizeof(sample_id)) {
		end_sample();
		strcpy(sample_id, command + 7);
		in_sample = true;
		entered = false;
	} else if (!strcmp(command, "end")) {
		end_sample();
	} else {
		refuse("unknown command");
	}
}

/// The guest executed the no-op for the byte `user`.
void on_mark(unsigned int, void* user)
{
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
	if (!entered) {
		first = now;
		entered = true;
	}
	last = now;
}

/// Whether `insn` is one of mark's no-ops; then `*byte` is its value.
bool is_mark(const PluginInsn* insn, unsigned char* byte)
{
	static const unsigned char opcode[] = {0x0f, 0x1f, 0x84, 0x00};
	if (qemu_plugin_insn_size(insn) != 8)
		return false;
	const auto* code = static_cast<const unsigned char*>(qemu_plugin_insn_data(insn));
	uint32_t displacement;
	memcpy(&displacement, code + 4, sizeof(displacement));
	*byte = displacement & 0xff;
	return !memcmp(code, opcode, sizeof(opcode)) && (displacement & ~0xffu) == kMarkDisplacement;
}

bool in_range(uint64_t address)
{
	for (size_t i = 0; i < range_count; i++)
		if (address >= ranges[i].begin && address < ranges[i].end)
			return true;
	return false;
}

/// Counts per instruction, not per block: of a block that a fault or a device access cuts short, what ran is counted.
void on_translate(PluginId, PluginTb* tb)
{
	bool own_block = false;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		PluginInsn* insn = qemu_plugin_tb_get_insn(tb, i);
		const uint64_t address = qemu_plugin_insn_vaddr(insn);
		uint64_t* half = address & kKernelHalf ? &now.kernel : &now.user;
		qemu_plugin_register_vcpu_insn_exec_inline(insn, PluginOp::AddU64, half, 1);
		if (in_range(address)) {
			own_block = true;
			qemu_plugin_register_vcpu_insn_exec_inline(insn, PluginOp::AddU64, &now.own, 1);
		}
		unsigned char byte;
		if (is_mark(insn, &byte))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, PluginRegs::None,
							       reinterpret_cast<void*>(uintptr_t{byte}));
	}
	if (own_block)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_own_block, PluginRegs::None, nullptr);
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const PluginInfo* info, int argc,
							       char** argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "insn: give the one argument out=FILE\n");
		return -1;
	}
	if (!info->system_emulation || info->system.smp_vcpus != 1) {
		fprintf(stderr, "insn: needs system emulation with one CPU\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		fprintf(stderr, "insn: cannot write %s: %s\n", argv[0] + 4, strerror(errno));
		return -1;
	}
	plugin_id = id;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
}
