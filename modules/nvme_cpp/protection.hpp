// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What lies beside a namespace's blocks, and the part of it that protects them on their way.
/// Spec: NVM Command Set 1.0 (NVM), 5.2 "End-to-end Data Protection", 5.3 "Metadata".

#include <cxxrt/blk.hpp>

#include "spec.hpp"

namespace nvme {

/// NVM 4.1.5.3: what Cns::NamespaceOfSet gives for the NVM command set.
struct IdentifyNamespaceNvm {
	le64 lbstm;
	u8 pic, reserved9[3];
	le32 elbaf[64];
	u8 reserved268[3828];

	/// Of `pic`: a format may name its protection beyond the first three kinds.
	static constexpr u32 kQualified = 1u << 3;
};
static_assert(sizeof(IdentifyNamespaceNvm) == 4096 && __builtin_offsetof(IdentifyNamespaceNvm, pic) == 8 &&
	      __builtin_offsetof(IdentifyNamespaceNvm, elbaf) == 12);

/// NVM 3.2.2, 3.2.4, 5.2.1.2: the upper half of word 12.
inline constexpr u32 kProtectionAction = 1u << 29;  ///< the device makes it, checks it and takes it away
inline constexpr u32 kCheckGuard = 1u << 28;
inline constexpr u32 kCheckReference = 1u << 26;
/// ZNS 3.4.1: an append's reference tags say where the zone begins, and become those of the blocks.
inline constexpr u32 kRemapReference = 1u << 25;

/// What a command says of the protection of its blocks.
struct ProtectionWords {
	u32 word3, word12, word14;
};

/// What lies beside each block.
struct Metadata {
	using Guard = blk::Integrity::Guard;
	/// How many kinds of checks there are; the kind is 0 for none.
	static constexpr u32 kMostType = 3;

	u32 bytes = 0;		///< 0: nothing
	bool extended = false;	///< it follows each block's data, and is not in memory of its own
	u8 type = 0;		///< what is checked
	Guard guard = Guard::None;
	u32 offset = 0;	 ///< of the part that protects.   Units: bytes

	/// Whether the part that protects may be elsewhere than in front.
	enum class Offset : u8 { Ignored, Used };
	/// For format number `format`, which there is. `extra` is there only if the controller has such formats enabled.
	static Metadata read(const IdentifyNamespace& id, u32 format, const IdentifyNamespaceNvm* extra,
			     Offset offsets);

	/// How long the part is that protects.   Units: bytes.
	u32 protection_bytes() const
	{
		if (type == 0)
			return 0;
		return guard == Guard::Crc64 ? 16 : 8;
	}
	/// The device can make all of it, check it, and take it away.
	bool is_all_protection() const { return type != 0 && bytes == protection_bytes(); }
	/// Data can be read and written without it, or with it in memory of its own.
	bool is_usable() const { return bytes == 0 || is_all_protection() || has_own_memory(); }
	/// Requests carry it.
	bool has_own_memory() const { return bytes != 0 && bytes <= kMostTuple && !extended; }
	/// As the block layer has it.
	blk::Integrity integrity() const;
	/// There is a place in it that says which block it is of.
	bool has_reference() const { return type == 1 || type == 2; }

	/// For a command on blocks from `block` on. `is_carried`: it has metadata of its own; without, only if the device
	/// can make it.
	ProtectionWords words(u64 block, bool is_carried, bool is_append) const
	{
		if (type == 0)
			return {};
		ProtectionWords made{.word3 = 0, .word12 = kCheckGuard, .word14 = 0};
		if (!is_carried)
			made.word12 |= kProtectionAction;
		if (!has_reference())
			return made;
		made.word12 |= kCheckReference | (is_append ? kRemapReference : 0);
		put_reference(made, block);
		return made;
	}
	/// For zeroes that the device writes.
	ProtectionWords words_for_zeroes(u64 block) const
	{
		ProtectionWords made{};
		if (!is_all_protection())
			return made;
		made.word12 = kProtectionAction;
		if (has_reference())
			put_reference(made, block);
		return made;
	}
	friend bool operator==(const Metadata&, const Metadata&) = default;

private:
	/// The block layer's limit.   Units: bytes.
	static constexpr u32 kMostTuple = 255;
	/// 32 bits of the block's number, or 48.
	void put_reference(ProtectionWords& words, u64 block) const
	{
		words.word14 = u32(block);
		if (guard == Guard::Crc64)
			words.word3 = u32(block >> 32) & 0xffff;
	}
};

}  // namespace nvme
