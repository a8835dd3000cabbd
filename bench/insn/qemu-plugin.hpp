// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The part of QEMU's TCG plugin interface, version 1, that insn.cc uses. Debian ships QEMU with plugins enabled but
/// without the header that declares them.  C side: qemu-plugin.h of QEMU 4.2 and later.
#include <cstddef>
#include <cstdint>

extern "C" {
using PluginId = uint64_t;
struct PluginTb;
struct PluginInsn;

/// What QEMU tells a plugin about itself. A plugin may read only the members that its interface version has.
struct PluginInfo {
	const char* target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
};

enum class PluginOp : int { AddU64 = 0 };
enum class PluginRegs : int { None = 0 };
enum class PluginAccess : int { ReadOrWrite = 3 };

using PluginSimpleCb = void (*)(PluginId id);
using PluginTransCb = void (*)(PluginId id, PluginTb* tb);
using PluginExecCb = void (*)(unsigned int vcpu, void* user);
using PluginMemCb = void (*)(unsigned int vcpu, uint32_t info, uint64_t address, void* user);

/// Drops every callback and every translation once no CPU runs, then calls `cb`, which registers anew.
void qemu_plugin_reset(PluginId id, PluginSimpleCb cb);
void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id, PluginTransCb cb);
/// Called before the block's first instruction.
void qemu_plugin_register_vcpu_tb_exec_cb(PluginTb* tb, PluginExecCb cb, PluginRegs regs, void* user);
/// Called before the instruction.
void qemu_plugin_register_vcpu_insn_exec_cb(PluginInsn* insn, PluginExecCb cb, PluginRegs regs, void* user);
/// Adds before the instruction, after its callbacks.
void qemu_plugin_register_vcpu_insn_exec_inline(PluginInsn* insn, PluginOp op, void* counter, uint64_t addend);
/// Called after each access. QEMU 7.2 takes loads for stores if asked for one kind. It also forgets to end this for an
/// instruction that leaves its block: not to be used for calls, returns and jumps.
void qemu_plugin_register_vcpu_mem_cb(PluginInsn* insn, PluginMemCb cb, PluginRegs regs, PluginAccess access,
				      void* user);

size_t qemu_plugin_tb_n_insns(const PluginTb* tb);
PluginInsn* qemu_plugin_tb_get_insn(const PluginTb* tb, size_t index);
const void* qemu_plugin_insn_data(const PluginInsn* insn);
size_t qemu_plugin_insn_size(const PluginInsn* insn);
uint64_t qemu_plugin_insn_vaddr(const PluginInsn* insn);
}
