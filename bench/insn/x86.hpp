// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What counting and following calls needs to know of an x86 instruction, read off its bytes.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace x86 {

constexpr uint64_t kMostBytes = 15;  // Of an instruction.

enum class Kind {
	Plain,	   // Works on registers alone: once it is reached, so is the one after it.
	MayLeave,  // May fault, touch a device or jump: what comes after it need not be reached.
	Call,
	Ret,
	Iret,
	Rep,  // A repeated string instruction, which QEMU executes once per iteration.
};

namespace detail {

constexpr bool in(unsigned value, unsigned first, unsigned last) { return value >= first && value <= last; }

template <typename... Values> constexpr bool one_of(unsigned value, Values... values)
{
	return ((value == unsigned(values)) || ...);
}

/// Instructions of one opcode byte; `mod` and `reg` are those of the byte after it, which not all have.
constexpr bool plain_one_byte(unsigned opcode, unsigned mod, unsigned reg)
{
	const bool registers = mod == 3;
	if (opcode < 0x40) {
		const unsigned form = opcode & 7;
		return form < 4 ? registers : form < 6;
	}
	if (one_of(opcode, 0x63, 0x69, 0x6b, 0x80, 0x81, 0x83, 0xc0, 0xc1))
		return registers;
	if (one_of(opcode, 0xc6, 0xc7))
		return registers && reg == 0;
	if (one_of(opcode, 0xf6, 0xf7))
		return registers && reg < 6;  // The others divide.
	if (one_of(opcode, 0xfe, 0xff))
		return registers && reg < 2;
	if (in(opcode, 0x84, 0x8b) || in(opcode, 0xd0, 0xd3))
		return registers;
	return one_of(opcode, 0x8d, 0x98, 0x99, 0xa8, 0xa9) || in(opcode, 0x90, 0x97) || in(opcode, 0xb0, 0xbf);
}

/// Instructions of the opcode byte after 0f.
constexpr bool plain_two_byte(unsigned opcode, unsigned mod)
{
	if (opcode == 0x1f || in(opcode, 0xc8, 0xcf))
		return true;  // A no-op, whatever it seems to address; bswap.
	const bool moves = in(opcode, 0x40, 0x4f) || in(opcode, 0x90, 0x9f) || in(opcode, 0xb6, 0xb7);
	return mod == 3 && (moves || in(opcode, 0xba, 0xbf) || opcode == 0xa3 || opcode == 0xaf);
}

}  // namespace detail

/// What kind the instruction of `size` bytes is. In doubt it is MayLeave.
inline Kind kind_of(const uint8_t* code, size_t size)
{
	bool repeats = false, odd = false;
	size_t at = 0;
	for (; at < size; at++) {
		const uint8_t prefix = code[at];
		if (prefix == 0xf2 || prefix == 0xf3)
			repeats = true;
		else if (prefix == 0xf0 || prefix == 0x67)
			odd = true;
		else if (prefix != 0x66 && prefix != 0x64 && prefix != 0x65 && (prefix & 0xe7) != 0x26)
			break;
	}
	if (at < size && (code[at] & 0xf0) == 0x40)  // REX; in 32-bit code an instruction that nothing follows.
		at++;
	if (at >= size)
		return Kind::MayLeave;
	const uint8_t opcode = code[at];
	const uint8_t next = at + 1 < size ? code[at + 1] : 0;
	const unsigned reg = next >> 3 & 7;
	if (opcode == 0xe8 || (opcode == 0xff && reg == 2))
		return Kind::Call;
	if (opcode == 0xc2 || opcode == 0xc3)
		return Kind::Ret;
	if (opcode == 0xcf)
		return Kind::Iret;
	if (repeats && (detail::in(opcode, 0xa4, 0xa7) || detail::in(opcode, 0xaa, 0xaf)))
		return Kind::Rep;
	if (repeats || odd)
		return Kind::MayLeave;
	const bool plain = opcode == 0x0f ? detail::plain_two_byte(next, at + 2 < size ? code[at + 2] >> 6 : 0)
					  : detail::plain_one_byte(opcode, next >> 6, reg);
	return plain ? Kind::Plain : Kind::MayLeave;
}

/// Whether it is `mov %rsp, disp32(%rdi)`; then `*disp` is the displacement.
inline bool saves_stack_pointer(const uint8_t* code, size_t size, int32_t* disp)
{
	static constexpr uint8_t opcode[] = {0x48, 0x89, 0xa7};
	if (size != 7 || memcmp(code, opcode, sizeof(opcode)) != 0)
		return false;
	memcpy(disp, code + 3, sizeof(*disp));
	return true;
}

/// Whether it is `mov disp32(%rsi), %rsp`; then `*disp` is the displacement.
inline bool loads_stack_pointer(const uint8_t* code, size_t size, int32_t* disp)
{
	static constexpr uint8_t opcode[] = {0x48, 0x8b, 0xa6};
	if (size != 7 || memcmp(code, opcode, sizeof(opcode)) != 0)
		return false;
	memcpy(disp, code + 3, sizeof(*disp));
	return true;
}

}  // namespace x86
